"""The ensemble: components side by side, each weighed on held-out users.

:mod:`kgrec.ensemble.settings` says what a component is, :mod:`kgrec.ensemble.fit` fits and weighs
components, :mod:`kgrec.ensemble.recommender` answers with them.
"""
