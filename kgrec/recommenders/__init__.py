"""All recommenders behind one interface: tuned as baselines, weighed as components of the ensemble.

:mod:`kgrec.recommenders.base` defines the interface, :mod:`kgrec.recommenders.registry` the names.
Each module holds one recommender, its settings and the paper that it follows; networks that some of
them train are in :mod:`kgrec.recommenders.networks`. All recommenders learn from the merged matrix
of likes ``[P, I]`` (one row a user, columns of all domains) unless their module says otherwise,
and score users by their histories.
"""
