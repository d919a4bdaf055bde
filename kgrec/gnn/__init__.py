"""The joint model: item features, graph network, history map and bridge, trained together.

    item_features   what is solved of items before training          (arrays)
    users           what the model reads of users' histories          (arrays)
    events          histories in order as padded rows                 (arrays)
    item_pairs      which items lie together; time_bins: when         (arrays)
    sequence        the encoder of ordered histories, for arrays and for tensors
    fold_statistics what is solved and counted without a fold's users
    formula         the score, for arrays and for tensors
    recommender     the trained model, which answers with arrays alone
    model           the same with tensors, which learn: layers, bridge, graph
    episodes        which users a step asks about, and what is hidden of them
    objective       what a step minimises: the sum of loss_terms, or the loss of next_items
    prepare         everything that is read and solved before the first step
    trainer         the loop; checkpoint writes its state, result is what it ends with

A user here is a row of :class:`~kgrec.data.interactions.Interactions`: a person, all of whose
accounts are joined by ``SAME_AS``. No module here knows a store, or fits, weighs or reads another
component of the ensemble; the settings of the ensemble are in reach as sections of
:class:`kgrec.config.Settings`, and are read by no step of training. Importing this package imports
nothing; what answers imports no tensor library.
"""
