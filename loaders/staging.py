"""A DuckDB file beside the store, where records are gathered, merged and sorted.

In:   records in batches (:mod:`loaders.records`).
Out:  nodes and relationships as frames, slice by slice in the order of their keys.

Memory is bounded by ``memory_limit``, whatever the length of the log: what does not fit spills
to disk. The same records give the same slices, so a job can go on from a row number.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl

from graph_store.schema import NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from loaders.errors import BadSourceError, LoaderError
from loaders.records import NO_RATING_WEIGHT, Role, add_text

__all__ = ["STAGES", "Staging", "stage_name"]

STAGES: tuple[Label | RelType, ...] = (
    Label.DOMAIN,
    Label.USER,
    Label.ITEM,
    Label.TAG,
    RelType.IN_DOMAIN,
    RelType.HAS_TAG,
    RelType.SAME_AS,
    RelType.INTERACTED,
)
"""In the order of writing: both ends of a relationship before it."""

_CREATE = """
CREATE TABLE raw_interactions (
    seq BIGINT, "user" VARCHAR, item VARCHAR, kind VARCHAR, rating DOUBLE, "at" BIGINT);
CREATE TABLE raw_items (
    seq BIGINT, item VARCHAR, title VARCHAR, description VARCHAR, tags VARCHAR[]);
CREATE TABLE raw_links (seq BIGINT, source VARCHAR, target VARCHAR);
"""

# The last event stands: the latest one, of equal or unknown times the last in reading order.
_MERGE_INTERACTIONS = f"""
CREATE TABLE "INTERACTED" AS
SELECT source, target, kind,
       CASE WHEN rating < 0 THEN {NO_RATING_WEIGHT} ELSE least(1.0, rating / $scale) END AS weight,
       count, "at"
FROM (
    SELECT "user" AS source, item AS target, kind,
           arg_max(coalesce(rating, -1.0), (coalesce("at", -1), seq)) AS rating,
           count(*) AS count, max("at") AS "at"
    FROM raw_interactions GROUP BY ALL)
ORDER BY source, target, kind;
"""

# Of an item that is described twice, what was said last stands; a null says nothing.
_MERGE_ITEMS = """
CREATE TABLE catalogue AS
SELECT item,
       arg_max(title, seq) FILTER (title IS NOT NULL) AS title,
       arg_max(description, seq) FILTER (description IS NOT NULL) AS description,
       arg_max(tags, seq) FILTER (len(tags) > 0) AS tags
FROM raw_items GROUP BY item;
CREATE TABLE "Item" AS
SELECT coalesce(c.item, i.item) AS key, c.title, c.description, c.tags
FROM catalogue c FULL JOIN (SELECT DISTINCT target AS item FROM "INTERACTED") i USING (item)
ORDER BY key;
"""

_DERIVE = """
CREATE TABLE "SAME_AS" AS SELECT DISTINCT source, target FROM raw_links ORDER BY ALL;
CREATE TABLE "User" AS
SELECT source AS key FROM "INTERACTED" UNION SELECT source FROM "SAME_AS"
UNION SELECT target FROM "SAME_AS" ORDER BY key;
CREATE TABLE "IN_DOMAIN" AS
SELECT key AS source, split_part(key, ':', 1) AS target FROM "Item" ORDER BY source;
CREATE TABLE "Domain" AS
SELECT DISTINCT target AS key, target AS name FROM "IN_DOMAIN" ORDER BY key;
CREATE TABLE "HAS_TAG" AS
SELECT DISTINCT key AS source, unnest(tags) AS target FROM "Item" ORDER BY ALL;
CREATE TABLE "Tag" AS SELECT DISTINCT target AS key, target AS name FROM "HAS_TAG" ORDER BY key;
"""


def stage_name(stage: Label | RelType) -> str:
    """As a checkpoint calls it: ``nodes:Item``, ``relationships:INTERACTED``."""
    return f"{'nodes' if isinstance(stage, Label) else 'relationships'}:{stage.value}"


class Staging:
    """Gathers records, merges them once, gives sorted slices.

    The file is of no use after the job and is removed by :meth:`close`; one that a killed job
    left behind is replaced.
    """

    def __init__(self, folder: Path, *, memory_limit: str = "256MB") -> None:
        self._folder = folder
        self._seq = 0
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "staging.duckdb"
        for old in (file, file.with_suffix(".duckdb.wal")):
            old.unlink(missing_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(folder / "spill"),
            "threads": 2,
        }
        try:
            self._db = duckdb.connect(str(file), config=config)
        except duckdb.Error as error:
            raise LoaderError(f"{file} cannot be made: {error}") from error
        self._db.execute(_CREATE)

    def add(self, role: Role, records: pl.DataFrame) -> None:
        """Append records; ``line`` gives way to one number over all files."""
        columns = [pl.int_range(self._seq, self._seq + len(records), dtype=pl.Int64).alias("seq")]
        batch = records.select(*columns, pl.exclude("line")).to_arrow()
        self._seq += len(records)
        self._db.register("batch", batch)
        self._db.execute(f"INSERT INTO raw_{role} SELECT * FROM batch")  # noqa: S608 - a constant
        self._db.unregister("batch")

    def largest_rating(self) -> float | None:
        """Over all interactions; None if there is no rating."""
        largest = self._value("SELECT max(rating) FROM raw_interactions")
        return None if largest is None else float(largest)

    def merge(self, *, scale: float | None) -> None:
        """Merge repeated events and descriptions; ratings of ``scale`` weigh 1."""
        for statement in (_MERGE_INTERACTIONS.replace("$scale", repr(scale or 1.0)), _MERGE_ITEMS,
                          _DERIVE):  # fmt: skip
            self._db.execute(statement)
        self._db.execute("DROP TABLE raw_interactions; DROP TABLE raw_items; DROP TABLE raw_links")

    def count(self, stage: Label | RelType) -> int:
        """Rows of a stage, after :meth:`merge`."""
        return int(self._value(f'SELECT count(*) FROM "{stage.value}"'))  # noqa: S608

    def items_without_text(self) -> int:
        """Items of which no catalogue says a word."""
        return int(
            self._value(
                'SELECT count(*) FROM "Item" WHERE title IS NULL AND description IS NULL '
                "AND tags IS NULL"
            )
        )

    def slice(self, stage: Label | RelType, first: int, last: int) -> pl.DataFrame:
        """Rows ``first`` to ``last`` (not included) as the store takes them."""
        table = self._db.sql(
            f'SELECT * FROM "{stage.value}" WHERE rowid >= {first:d} AND rowid < {last:d} '  # noqa: S608
            f"ORDER BY rowid"
        ).to_arrow_table()
        frame = pl.DataFrame(table)
        if len(frame) != last - first:
            raise LoaderError(
                f"the staging file gave {len(frame)} rows of {stage.value} from {first}, not "
                f"{last - first}; this is a defect of kgrec, please report it"
            )
        if isinstance(stage, Label):
            if stage is Label.ITEM:
                frame = add_text(frame)
            columns = NODE_COLUMNS[stage]
        else:
            columns = {"source": pl.String(), "target": pl.String()} | RELATIONSHIP_COLUMNS[stage]
        return frame.select(pl.col(name).cast(dtype) for name, dtype in columns.items())

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _value(self, statement: str) -> Any:
        try:
            rows = self._db.execute(statement).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise BadSourceError(f"staging ran out of memory ({error})") from error
        return rows[0][0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
