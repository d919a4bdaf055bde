"""A folder on disk with a DuckDB file, where records are gathered, merged and sorted.

In:   records in batches (:mod:`loaders.records`).
Out:  nodes and relationships as frames, slice by slice in the order of their keys.

Memory is bounded by ``memory_limit``, whatever the length of the log: what does not fit spills
to disk. The same records give the same slices, so a job can go on from a row number.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow.parquet as pq

from graph_store.properties import PROPERTY_DTYPES, PropertyType
from graph_store.schema import NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from loaders.errors import LoaderError
from loaders.merging import merge_interactions
from loaders.ratings import LOWER_SCALES, Rated
from loaders.records import CATALOGUE, INTERACTIONS, LINKS, Role, add_text

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

_THREADS = 2
_SLICE_MEMORY = "32MB"
_SEQ = {"seq": pl.Int64()}
_ROLES: tuple[Role, ...] = ("interactions", "items", "links")

_ABOVE = ", ".join(f"count(*) FILTER (rating > {scale})" for scale in LOWER_SCALES)
_RATED = f"""
SELECT split_part(item, ':', 1) AS domain, count(*), max(rating), {_ABOVE}
FROM raw_interactions WHERE rating IS NOT NULL GROUP BY domain;
"""  # noqa: S608 - made of numbers above

_LIKE_MISSING = """
SELECT count(*) FROM (SELECT key FROM "User" UNION ALL SELECT key FROM "Item")
WHERE lower(split_part(key, ':', -1)) IN
      ('nan', 'nat', 'null', 'none', 'nil', 'na', 'n/a', '<na>', 'undefined', 'inf', '-inf');
"""

# Of an item that is described twice, what was said last stands; a null says nothing.
_MERGE_ITEMS = """
CREATE TABLE catalogue AS
SELECT item,
       arg_max(title, seq) FILTER (title IS NOT NULL) AS title,
       arg_max(description, seq) FILTER (description IS NOT NULL) AS description,
       arg_max(tags, seq) FILTER (len(tags) > 0) AS tags{properties}
FROM raw_items GROUP BY item;
CREATE TABLE "Item" AS
SELECT coalesce(c.item, i.item) AS key, c.* EXCLUDE (item)
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
    """Name of a stage in checkpoints: ``nodes:Item``, ``relationships:INTERACTED``."""
    return f"{'nodes' if isinstance(stage, Label) else 'relationships'}:{stage.value}"


class Staging:
    """Gathers records, merges them once, gives sorted slices.

    The folder is of no use after the job and is removed by :meth:`close`; one that a killed job
    left behind is replaced.

    Args:
        folder: Takes the staging files; it is emptied.
        memory_limit: Memory that merging may take, e.g. ``128MB``; beyond it, it uses files.
        keep_events: Whether repeated interactions of a user with an item stay apart.
        properties: Properties of items that the source has.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory_limit: str = "128MB",
        keep_events: bool = False,
        properties: Mapping[str, PropertyType] | None = None,
    ) -> None:
        self._folder = folder
        self._memory_limit = memory_limit
        self._keep_events = keep_events
        self._given: set[str] = set()  # of the columns that a log may have: order, event
        self._properties = {
            name: PROPERTY_DTYPES[kind] for name, kind in sorted((properties or {}).items())
        }
        # `seq` numbers the records of all files in reading order.
        self._schema: dict[Role, dict[str, pl.DataType]] = {
            "interactions": _SEQ | INTERACTIONS,
            "items": _SEQ | CATALOGUE | self._properties,
            "links": _SEQ | LINKS,
        }
        self._seq = 0
        self._db: duckdb.DuckDBPyConnection | None = None
        self.times: tuple[int, int] | tuple[()] = ()
        """Unix seconds of the earliest and the latest interaction added; empty: none has a time."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Parquet takes records as they come and holds none of them in memory.
        self._raw = {
            role: pq.ParquetWriter(  # type: ignore[no-untyped-call]
                folder / f"{role}.parquet", _arrow(pl.DataFrame(schema=columns)).schema
            )
            for role, columns in self._schema.items()
        }

    def add(self, role: Role, records: pl.DataFrame) -> None:
        """Append records; ``line`` gives way to one number over all files."""
        if records.is_empty():
            return
        seq = pl.int_range(self._seq, self._seq + len(records), dtype=pl.Int64).alias("seq")
        schema = self._schema[role]
        absent = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in self._properties.items()
            if role == "items" and name not in records.columns
        ]
        batch = records.select(seq, pl.exclude("line"), *absent).select(list(schema))
        batch = batch.cast(schema)  # type: ignore[arg-type]
        self._seq += len(records)
        if role == "interactions":
            times = [*self.times, batch["at"].min(), batch["at"].max()]
            known = [time for time in times if isinstance(time, int)]
            self.times = (min(known), max(known)) if known else ()
            self._given |= {
                name for name in ("order", "event") if batch[name].null_count() < len(batch)
            }
        self._raw[role].write_table(_arrow(batch))  # type: ignore[no-untyped-call]

    def rated(self) -> dict[str, Rated]:
        """The ratings of each domain that has any; ends the adding."""
        with self._merging():
            rows = self._opened().execute(_RATED).fetchall()
        return {
            domain: Rated(int(count), float(highest), tuple(map(int, above)))
            for domain, count, highest, *above in rows
        }

    def merge(self, scales: Mapping[str, float]) -> None:
        """Merge repeated events and descriptions.

        Args:
            scales: The rating that weighs 1, for each domain with ratings.
        """
        with self._merging():
            db = self._opened()
            db.execute("CREATE TABLE rating_scale (domain VARCHAR, scale DOUBLE)")
            if scales:
                db.executemany("INSERT INTO rating_scale VALUES (?, ?)", list(scales.items()))
            interactions = merge_interactions(
                has_order="order" in self._given,
                has_events="event" in self._given,
                keep_events=self._keep_events,
            )
            properties = "".join(
                f',\n       arg_max("{name}", seq) FILTER ("{name}" IS NOT NULL) AS "{name}"'
                for name in self._properties
            )
            items = _MERGE_ITEMS.format(properties=properties)
            for statement in (interactions, items, _DERIVE):
                db.execute(statement)
            # From here on slices are read, once each: what merging took is given back.
            db.close()
            self._db = self._connect(_SLICE_MEMORY)

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

    def ids_like_missing(self) -> int:
        """Users and items with an id such as ``nan`` or ``null``, that were taken as they are."""
        return int(self._value(_LIKE_MISSING))

    def slice(self, stage: Label | RelType, first: int, last: int) -> pl.DataFrame:
        """Rows ``first`` to ``last`` (not included) as the store takes them.

        Args:
            stage: A label or a type.
            first: Number of the first row.
            last: Number of the row after the last one.

        Raises:
            LoaderError: The staging file holds fewer rows: a defect of kgrec.
        """
        table = self._merged.sql(
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
            if stage is Label.ITEM:
                columns = columns | self._properties
        else:
            columns = {"source": pl.String(), "target": pl.String()} | RELATIONSHIP_COLUMNS[stage]
        return frame.select(pl.col(name).cast(dtype) for name, dtype in columns.items())

    def close(self) -> None:
        """Remove the folder."""
        for writer in self._raw.values():
            writer.close()  # type: ignore[no-untyped-call]
        if self._db is not None:
            self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """The database, with a view of all records of each role."""
        if self._db is None:
            for writer in self._raw.values():
                writer.close()  # type: ignore[no-untyped-call]
            self._db = self._connect(self._memory_limit)
            for role in _ROLES:
                # A view cannot take a parameter; a quote in a folder's name is doubled.
                file = str(self._folder / f"{role}.parquet").replace("'", "''")
                self._db.execute(f"CREATE VIEW raw_{role} AS FROM read_parquet('{file}')")
        return self._db

    @contextmanager
    def _merging(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise LoaderError(
                f"the records could not be merged in {self._folder} ({error}); is the disk full? "
                f"name a folder with more room as work_dir, or allow more memory_limit"
            ) from error

    def _connect(self, memory_limit: str) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(self._folder / "spill"),
            "threads": _THREADS,
        }
        return duckdb.connect(str(self._folder / "staging.duckdb"), config=config)

    def _value(self, statement: str) -> Any:
        return self._merged.execute(statement).fetchall()[0][0]

    @property
    def _merged(self) -> duckdb.DuckDBPyConnection:
        if self._db is None:
            raise RuntimeError("merge() comes before reading")
        return self._db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _arrow(frame: pl.DataFrame) -> Any:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
