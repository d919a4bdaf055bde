"""Every recommender once, behind one interface: tuned as a baseline, weighed as a component.

:mod:`kgrec.recommenders.base` has the interface, :mod:`kgrec.recommenders.registry` the names.
Each module has one recommender, its settings and its source. All learn from the merged matrix of
likes ``[P, I]`` (one row a person, columns of all domains) unless they say otherwise, and score
users by what they are known to like.
"""
