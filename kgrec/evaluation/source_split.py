"""The split that a published set brings along, which the graph itself has no place for.

In:   the folder of logs that a snapshot was made from (``--data``).
Out:  for each interaction of the snapshot, its part and its place in the user's sequence.

Read from ``interactions.parquet``: ``split`` (train, valid or test) and, where the set has an
order, ``seq_pos``. Rows are matched by user and item, so a snapshot of some domains will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.snapshot import Snapshot
from kgrec.errors import InputError

__all__ = ["PARTS", "SourceSplit", "read_source_split"]

PARTS = ("train", "valid", "test")
"""What ``split`` may say."""

_FILE = "interactions.parquet"
_INSTEAD = (
    "give --data the folder of such a log, or leave `published` out of the benchmark's protocols"
)


@dataclass(frozen=True)
class SourceSplit:
    """Two columns beside the interactions of one snapshot."""

    part: NDArray[np.str_]
    """``[E]`` one of ``PARTS``."""
    place: NDArray[np.int64] | None
    """``[E]`` position in the user's merged sequence; None where the set has no order."""


def read_source_split(folder: Path | None, snapshot: Snapshot) -> SourceSplit:
    """The source's own split of the interactions of ``snapshot``.

    Raises:
        InputError: There is no such log, it has no split, or it is not the snapshot's.
    """
    file = None if folder is None else folder / _FILE
    if file is None or not file.is_file():
        raise InputError(f"the published protocol reads the source's split in {_FILE}; {_INSTEAD}")
    table = pl.scan_parquet(file)
    columns = table.collect_schema().names()
    if not {"user_id", "item_id", "domain", "split"} <= set(columns):
        raise InputError(
            f"{file} has no source's split (columns user_id, item_id, domain and split), "
            f"only {', '.join(columns)}; {_INSTEAD}"
        )
    place = pl.col("seq_pos") if "seq_pos" in columns else pl.lit(None)
    rows = table.select(
        user=pl.col("user_id"),
        item=pl.col("domain") + ":" + pl.col("item_id"),
        part=pl.col("split"),
        place=place.cast(pl.Int64),
    ).unique(subset=["user", "item"], keep="last", maintain_order=True)
    ours = pl.LazyFrame(
        {
            "user": snapshot.user_keys[snapshot.user].astype(object).tolist(),
            "item": snapshot.item_keys[snapshot.item].astype(object).tolist(),
        },
        schema={"user": pl.String, "item": pl.String},
    )
    found = ours.join(rows, on=["user", "item"], how="left", maintain_order="left").collect()
    other = found.filter(~pl.col("part").is_in(PARTS) | pl.col("part").is_null())
    if other.height:
        user, item, part, _ = other.row(0)
        raise InputError(
            f"{file} calls the interaction of {user} with {item} {part!r}, not "
            f"{', '.join(PARTS)}, as do {other.height} rows in all; {_INSTEAD}"
        )
    ordered = found["place"].null_count() == 0
    return SourceSplit(
        part=found["part"].to_numpy().astype(np.str_),
        place=found["place"].to_numpy() if ordered else None,
    )
