"""Texts of items as vectors: the encoder, its cache, its adaptation, and whitening.

Importing this package imports nothing; :mod:`kgrec.text.catalogue` needs no tensor library.
"""
