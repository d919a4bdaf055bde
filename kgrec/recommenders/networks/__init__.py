"""Networks that some recommenders learn, and the loops that train them.

Everything in :mod:`kgrec.recommenders` that needs a tensor library is here and in
:mod:`kgrec.recommenders.sasrec`. A recommender imports its network while it is fitted and keeps
plain arrays of what was learned, so that scoring and opening a run import no tensor library.
"""
