"""Values as the Neo4j driver gives them become columns that the readers of files know.

In:   the values of one column of one page.
Out:  a series of texts, numbers or lists of texts; or one sentence on what a column cannot hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from neo4j.time import Date, DateTime

from loaders.errors import BadSourceError

__all__ = ["column"]


def column(name: str, values: Sequence[Any]) -> pl.Series:
    """One column of a page.

    Args:
        name: Name of the column.
        values: Numbers, texts, times, truth values, lists of them, or None.

    Raises:
        BadSourceError: A value is a node, a relationship, a map or a value of another kind.

    Example:
        >>> column("user", ["a", 7, None]).to_list()
        ['a', '7', None]
    """
    plain = [_plain(name, value) for value in values]
    kinds = {type(value) for value in plain if value is not None}
    if not kinds:
        return pl.Series(name, plain, dtype=pl.String)
    if list in kinds:
        listed = [value if isinstance(value, list | None) else [value] for value in plain]
        texts = [
            None if value is None else [str(part) for part in value if part is not None]
            for value in listed
        ]
        return pl.Series(name, texts, dtype=pl.List(pl.String))
    if kinds <= {int, float} and len(kinds) == 2:
        return pl.Series(name, [None if v is None else float(v) for v in plain], dtype=pl.Float64)
    if len(kinds) > 1:
        return pl.Series(name, [None if v is None else str(v) for v in plain], dtype=pl.String)
    return pl.Series(name, plain)


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Date | DateTime):
        return value.to_native().isoformat()
    if isinstance(value, list):
        return [_plain(name, part) for part in value]
    raise BadSourceError(
        f"the column {name!r} of the graph holds a {type(value).__name__} where one value belongs; "
        f"return a property of it, such as `RETURN n.id AS user`"
    )
