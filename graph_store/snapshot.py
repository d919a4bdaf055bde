"""The whole graph as columns: what training reads, and nothing else.

In:   a store, or a folder written before.
Out:  a :class:`Snapshot` of numpy arrays and id tables, and a folder of Parquet files.

Rows are numbered by sorted keys, so the same graph gives the same arrays from every
store, whatever the order of writing; ``fingerprint`` is a hash of that content.

Shapes: U users   I items   D domains   T tags   E interactions
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graph_store.errors import SnapshotError
from graph_store.schema import FORMAT_VERSION, NODE_COLUMNS, RELATIONSHIP_COLUMNS, Label, RelType
from graph_store.store import GraphStore

__all__ = ["NO_TIME", "Snapshot", "load_snapshot", "save_snapshot", "take_snapshot"]

NO_TIME = np.iinfo(np.int64).min
"""Stands in ``Snapshot.at``, ``first_at`` and ``order`` where a log says nothing."""

_TABLES = ("users", "items", "domains", "tags", "interactions", "item_tags", "same_as")


@dataclass(frozen=True)
class Snapshot:
    """One graph as arrays; rows of every array are numbered by sorted key."""

    user_keys: NDArray[np.str_]  # [U]
    item_keys: NDArray[np.str_]  # [I]
    domain_keys: NDArray[np.str_]  # [D]
    tag_keys: NDArray[np.str_]  # [T]
    titles: list[str | None]  # [I]
    texts: list[str | None]  # [I]
    text_hashes: list[str | None]  # [I]
    item_domain: NDArray[np.int32]  # [I] number of the item's domain
    kinds: tuple[str, ...]  # sorted names of interaction kinds
    user: NDArray[np.int32]  # [E] sorted by (user, item, kind), then by time and order
    item: NDArray[np.int32]  # [E]
    kind: NDArray[np.int16]  # [E] index into kinds
    weight: NDArray[np.float32]  # [E] in [0, 1]
    count: NDArray[np.int64]  # [E] events merged
    at: NDArray[np.int64]  # [E] Unix seconds of the last event, NO_TIME where unknown
    first_at: NDArray[np.int64]  # [E] Unix seconds of the first event, NO_TIME where unknown
    order: NDArray[np.int64]  # [E] rank of the last event in its log, NO_TIME where unknown
    item_tag: NDArray[np.int32]  # [2, *] item, tag
    same_as: NDArray[np.int32]  # [2, *] user, user
    item_properties: pl.DataFrame = field(default_factory=pl.DataFrame)  # [I] a column a property

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.user_keys)

    @property
    def num_items(self) -> int:
        """I."""
        return len(self.item_keys)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content (64 hex digits); the order of writing plays no part.

        Of ``order`` only the ranks count, not the numbers: a log without some of its rows, read
        anew, is the same graph as the whole log of which these rows were left out.
        """
        order = np.unique(self.order, return_inverse=True)[1].astype(np.int64)
        digest = hashlib.sha256(f"kgrec graph {FORMAT_VERSION}".encode())
        for strings in (self.user_keys, self.item_keys, self.domain_keys, self.tag_keys,
                        self.titles, self.texts, self.kinds):  # fmt: skip
            digest.update(json.dumps([s if s is None else str(s) for s in strings]).encode())
        for array in (self.item_domain, self.user, self.item, self.kind, self.weight, self.count,
                      self.at, self.first_at, order, self.item_tag, self.same_as):  # fmt: skip
            digest.update(str((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        for column in self.item_properties:  # a graph without them has the hash it always had
            digest.update(json.dumps([column.name, str(column.dtype)]).encode())
            digest.update(json.dumps(column.to_list()).encode())
        return digest.hexdigest()

    def items_of(self, domain: int) -> NDArray[np.int64]:
        """Numbers of the items of one domain, ascending."""
        return np.flatnonzero(self.item_domain == domain)

    def domains_in_use(self) -> NDArray[np.int32]:
        """Numbers of the domains that have an interaction, ascending."""
        return np.unique(self.item_domain[self.item])

    def keep(self, mask: NDArray[np.bool_]) -> Snapshot:
        """The same nodes with only the interactions of ``mask [E]``: how a protocol hides rows."""
        return replace(
            self,
            user=self.user[mask],
            item=self.item[mask],
            kind=self.kind[mask],
            weight=self.weight[mask],
            count=self.count[mask],
            at=self.at[mask],
            first_at=self.first_at[mask],
            order=self.order[mask],
        )


def take_snapshot(store: GraphStore) -> Snapshot:
    """Read the whole graph of ``store``."""
    users = store.read_nodes(Label.USER)
    items = store.read_nodes(Label.ITEM)
    domains = store.read_nodes(Label.DOMAIN)
    tags = store.read_nodes(Label.TAG)
    interactions = store.read_relationships(RelType.INTERACTED)
    in_domain = store.read_relationships(RelType.IN_DOMAIN)
    item_tags = store.read_relationships(RelType.HAS_TAG)
    same_as = store.read_relationships(RelType.SAME_AS)
    return _from_tables(
        users, items.join(
            in_domain.select(pl.col("source").alias("key"), pl.col("target").alias("domain")),
            on="key", how="left", maintain_order="left",
        ), domains, tags, interactions, item_tags, same_as,
    )  # fmt: skip


def save_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write ``folder``: one Parquet file a table, then ``manifest.json`` with the fingerprint.

    Raises:
        SnapshotError: ``folder`` exists and holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SnapshotError(f"{folder} is not empty; choose another folder or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in zip(_TABLES, _to_tables(snapshot), strict=True):
        table.write_parquet(folder / f"{name}.parquet", compression="zstd")
    manifest = {
        "format_version": FORMAT_VERSION,
        "fingerprint": snapshot.fingerprint,
        "users": snapshot.num_users,
        "items": snapshot.num_items,
        "domains": [str(key) for key in snapshot.domain_keys],
        "tags": len(snapshot.tag_keys),
        "interactions": len(snapshot.user),
    }
    # Written last: a folder without a manifest is one that was not finished.
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def load_snapshot(folder: Path) -> Snapshot:
    """Read a folder of :func:`save_snapshot` and check it against its fingerprint.

    Raises:
        SnapshotError: Missing, damaged, or of another format version.
    """
    manifest_file = folder / "manifest.json"
    if not manifest_file.is_file():
        raise SnapshotError(
            f"{folder} holds no snapshot (no manifest.json); make one with `kgrec snapshot`"
        )
    try:
        manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
        version, expected = manifest["format_version"], manifest["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"{manifest_file} cannot be read ({error}); make the snapshot anew"
        ) from error
    if version != FORMAT_VERSION:
        raise SnapshotError(
            f"{folder} has format version {version}, this kgrec reads {FORMAT_VERSION}; "
            f"make it anew with `kgrec snapshot` from a store of this version"
        )
    try:
        tables = [pl.read_parquet(folder / f"{name}.parquet") for name in _TABLES]
        snapshot = _from_tables(*tables)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SnapshotError(f"{folder} is damaged ({error}); make the snapshot anew") from error
    if snapshot.fingerprint != expected:
        raise SnapshotError(
            f"{folder} does not match its fingerprint {expected[:12]}...; make the snapshot anew"
        )
    return snapshot


def _from_tables(
    users: pl.DataFrame,
    items: pl.DataFrame,
    domains: pl.DataFrame,
    tags: pl.DataFrame,
    interactions: pl.DataFrame,
    item_tags: pl.DataFrame,
    same_as: pl.DataFrame,
) -> Snapshot:
    users, items, domains, tags = (t.sort("key") for t in (users, items, domains, tags))
    if items["domain"].null_count():
        lost = items.filter(pl.col("domain").is_null())["key"][0]
        raise SnapshotError(f"item {lost!r} lies in no domain; ingest its source again")
    kinds = interactions["kind"].unique().sort()
    # A snapshot keeps no names of events, since its rows lie in their order.
    by = ["source", "target", "kind", "at", "order"]
    by += ["event"] if "event" in interactions.columns else []
    numbered = (
        interactions.with_columns(
            _number("source", users["key"], np.int32),
            _number("target", items["key"], np.int32),
            _number("kind", kinds, np.int16),
        )
        .sort(by, nulls_last=False, maintain_order=True)
    )  # fmt: skip
    return Snapshot(
        user_keys=_strings(users["key"]),
        item_keys=_strings(items["key"]),
        domain_keys=_strings(domains["key"]),
        tag_keys=_strings(tags["key"]),
        titles=items["title"].to_list(),
        texts=items["text"].to_list(),
        text_hashes=items["text_hash"].to_list(),
        item_domain=items.select(_number("domain", domains["key"], np.int32))["domain"].to_numpy(),
        kinds=tuple(kinds.to_list()),
        user=numbered["source"].to_numpy(),
        item=numbered["target"].to_numpy(),
        kind=numbered["kind"].to_numpy(),
        weight=numbered["weight"].cast(pl.Float32).to_numpy(),
        count=numbered["count"].cast(pl.Int64).to_numpy(),
        at=_filled(numbered["at"]),
        first_at=_filled(numbered["first_at"]),
        order=_filled(numbered["order"]),
        item_tag=_pairs(item_tags, items["key"], tags["key"]),
        same_as=_pairs(same_as, users["key"], users["key"]),
        item_properties=items.select(sorted(set(items.columns) - {*NODE_COLUMNS[Label.ITEM],
                                                                  "domain"})),
    )  # fmt: skip


def _to_tables(s: Snapshot) -> list[pl.DataFrame]:
    def keys(values: NDArray[np.str_]) -> pl.Series:
        return pl.Series("key", [str(v) for v in values], dtype=pl.String)

    user_keys, item_keys, tag_keys = keys(s.user_keys), keys(s.item_keys), keys(s.tag_keys)
    kinds = pl.Series("kind", list(s.kinds), dtype=pl.String)
    return [
        user_keys.to_frame(),
        pl.DataFrame(
            {
                "key": item_keys,
                "title": s.titles,
                "text": s.texts,
                "text_hash": s.text_hashes,
                "domain": keys(s.domain_keys).gather(s.item_domain),
            },
            schema_overrides=NODE_COLUMNS[Label.ITEM],
        ).with_columns(s.item_properties.get_columns()),
        keys(s.domain_keys).to_frame(),
        tag_keys.to_frame(),
        pl.DataFrame(
            {
                "source": user_keys.gather(s.user),
                "target": item_keys.gather(s.item),
                "kind": kinds.gather(s.kind),
                "weight": s.weight,
                "count": s.count,
                "at": pl.Series(s.at).replace(NO_TIME, None),
                "first_at": pl.Series(s.first_at).replace(NO_TIME, None),
                "order": pl.Series(s.order).replace(NO_TIME, None),
            },
            schema_overrides=RELATIONSHIP_COLUMNS[RelType.INTERACTED],
        ),
        pl.DataFrame(
            {"source": item_keys.gather(s.item_tag[0]), "target": tag_keys.gather(s.item_tag[1])}
        ),
        pl.DataFrame(
            {"source": user_keys.gather(s.same_as[0]), "target": user_keys.gather(s.same_as[1])}
        ),
    ]


def _number(column: str, keys: pl.Series, dtype: type[np.integer]) -> pl.Expr:
    """Replaces keys by their row number in ``keys``; an unknown one is an error."""
    to = pl.Series(np.arange(len(keys), dtype=dtype))
    if not len(keys):  # polars leaves a column as it is where there is nothing to replace
        return pl.col(column).cast(to.dtype)
    return pl.col(column).replace_strict(keys, to, return_dtype=to.dtype)


def _pairs(table: pl.DataFrame, sources: pl.Series, targets: pl.Series) -> NDArray[np.int32]:
    numbered = table.select(
        _number("source", sources, np.int32), _number("target", targets, np.int32)
    ).sort("source", "target")
    pairs = np.stack([numbered["source"].to_numpy(), numbered["target"].to_numpy()])
    return pairs.astype(np.int32)  # polars gives objects where no key is known


def _filled(numbers: pl.Series) -> NDArray[np.int64]:
    return numbers.cast(pl.Int64).fill_null(NO_TIME).to_numpy()


def _strings(series: pl.Series) -> NDArray[np.str_]:
    return np.array(series.to_list(), dtype=np.str_)
