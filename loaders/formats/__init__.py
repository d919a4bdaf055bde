"""The formats of sources, one module each: from files to tables, by a function ``tables``.

In:   the name of a format.
Out:  an entry of :data:`FORMATS`: its module, the scale of its ratings, the files that it knows.

Importing this package imports no format.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True, slots=True)
class Format:
    """Where a format is written, and what is known of it before a file is read."""

    module: str
    """Module of this package whose ``tables(paths, options)`` finds the files."""
    rating_scale: float | None
    """Highest possible rating; None: it differs between sources."""
    description: str
    """Which files it knows."""
    has_item_properties: bool = False
    """Whether columns of its catalogues can become properties of items."""


FORMATS: dict[str, Format] = {
    "tabular": Format(
        "tabular",
        None,
        "files ending in .csv, .tsv, .jsonl, .ndjson, .json or .parquet",
        has_item_properties=True,
    ),
    "amazon-reviews": Format("amazon_reviews", 5, "Amazon reviews of 2014, 2018 and 2023"),
    "movielens": Format("movielens", 5, "MovieLens 100K to 25M and latest"),
    "recbole": Format("recbole", None, "RecBole atomic files (.inter, .item)"),
    "neo4j": Format("neo4j", None, "a graph in Neo4j, named by --from", has_item_properties=True),
    "sample": Format("sample", 10, "the bundled anime set; takes no files"),
}
"""The names that ``--format`` knows."""
