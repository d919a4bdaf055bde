"""The ensemble: components side by side, each weighed on held-out users.

:mod:`kgrec.ensemble.settings` says what a component is, :mod:`kgrec.ensemble.fit` fits components,
:mod:`kgrec.ensemble.measuring` measures how each ranks, :mod:`kgrec.ensemble.weighing` gives each
its weight, :mod:`kgrec.ensemble.recommender` answers with them.
"""
