"""A small encoder, and a cache folder that is not the user's."""

from tests.encoder_fixtures import bert, cache_folder

__all__ = ["bert", "cache_folder"]
