"""The graph as files that other programs read.

In:   a store.
Out:  CSV for ``neo4j-admin database import``, Parquet tables, or one GraphML file.

Vectors, the job ledger and what is set aside stay behind. Derived relationships go along as
they are in force, save into Neo4j's import, where they would lose the enrichment they belong to:
a warning says how many, and ``kgrec enrich`` writes them there.

What is written stands under its name only when it is complete.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import polars as pl

from graph_store.export_files import for_xml, writing_file, writing_folder
from graph_store.neo4j.statements import Names
from graph_store.schema import (
    ENDS,
    ENRICHED,
    FORMAT_VERSION,
    RELATIONSHIP_COLUMNS,
    Label,
    RelType,
)
from graph_store.store import GraphStore

__all__ = ["export_graphml", "export_neo4j_import", "export_parquet"]

log = logging.getLogger(__name__)

_IMPORT_TYPES = {pl.String: "string", pl.Float64: "double", pl.Int64: "long"}


def export_neo4j_import(store: GraphStore, folder: Path, *, label_prefix: str = "") -> str:
    """Write header and data files; return the command that loads them into an empty database.

    A header is a file of its own, so that data files can be split or joined freely. Every
    text is quoted, a quote within is doubled, and null is a field without quotes: so an empty
    text and an unknown one stay apart, where the command says ``--ignore-empty-strings=false``
    (its default). Texts may hold line breaks; the command allows them.

    Args:
        store: The graph to write.
        folder: Folder for the files; it is made.
        label_prefix: Prefix of every label and type.
    """
    names = Names(label_prefix)
    with writing_folder(folder) as aside:
        command = _import_files(store, aside, names)
        (aside / "import.sh").write_text(
            "#!/bin/sh\n# Run in this folder, with the server stopped; replaces the database.\n"
            f"{command}\n",
            encoding="utf-8",
        )
    _warn_of_derived(store)
    return command


def _warn_of_derived(store: GraphStore) -> None:
    """Log what ``kgrec enrich`` wrote into the store and is not among the import files."""
    counts = store.counts().relationships
    left = [f"{counts[t]:,} {t} relationships" for t in ENRICHED if counts.get(t)]
    if any(run.job == "vectors" for run in store.enrichments()):
        left.append("the embeddings of items")
    if left:
        log.warning(
            "left out, since the import keeps no enrichment: %s; run `kgrec enrich` on the new "
            "database to write them there",
            " and ".join(left),
        )


def _import_files(store: GraphStore, folder: Path, names: Names) -> str:
    arguments = []
    for label in Label:
        nodes = store.read_nodes(label)
        # One id space a label, so that a user and a tag may bear one key.
        header = [f"key:ID({label})"] + [
            f"{name}:{_IMPORT_TYPES[type(dtype)]}" for name, dtype in nodes.schema.items()
        ][1:]
        files = _write(folder, f"nodes_{label}", header, nodes)
        arguments.append(f"--nodes={names.label(label)}={files}")
    # kgrec knows its own database, and the properties of its items, by this node.
    properties = json.dumps(store.item_properties())
    mark = pl.DataFrame(
        {"key": ["store"], "format_version": [FORMAT_VERSION], "item_properties": [properties]}
    )
    header = ["key:ID(Store)", "format_version:long", "item_properties:string"]
    files = _write(folder, "nodes_store", header, mark)
    arguments.append(f"--nodes={names.store}={files}")
    for rel_type in RelType:
        if rel_type in ENRICHED:
            continue
        source, target = ENDS[rel_type]
        header = [f":START_ID({source})", f":END_ID({target})"] + [
            f"{name}:{_IMPORT_TYPES[type(dtype)]}"
            for name, dtype in RELATIONSHIP_COLUMNS[rel_type].items()
        ]
        files = _write(
            folder, f"relationships_{rel_type}", header, store.read_relationships(rel_type)
        )
        arguments.append(f"--relationships={names.type(rel_type)}={files}")
    options = ["--id-type=string", "--multiline-fields=true", "--overwrite-destination"]
    command = ["neo4j-admin", "database", "import", "full", "neo4j", *options, *arguments]
    return shlex.join(command)


def export_parquet(store: GraphStore, folder: Path) -> list[Path]:
    """One file a label and a relationship type, with the columns of the schema."""
    tables: dict[str, Callable[[], pl.DataFrame]] = {
        **{str(label): partial(store.read_nodes, label) for label in Label},
        **{str(rel_type): partial(store.read_relationships, rel_type) for rel_type in RelType},
    }
    with writing_folder(folder) as aside:
        for name, read in tables.items():
            read().write_parquet(aside / f"{name}.parquet", compression="zstd")
    return [folder / f"{name}.parquet" for name in tables]


def export_graphml(store: GraphStore, path: Path) -> Path:
    """One file for graph viewers; for graphs of up to some 100,000 relationships.

    A node's id is ``Label:key``; unknown values are left out, as GraphML has no null. XML cannot
    hold control characters: in texts U+FFFD stands for each, in keys, which must stay distinct,
    its number as ``\\u0001``.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    replaced = 0
    for label in Label:
        rows, count = for_xml(store.read_nodes(label), keys=("key",))
        replaced += count
        for row in rows.iter_rows(named=True):
            graph.add_node(f"{label}:{row['key']}", label=str(label), **_known(row))
    for rel_type in RelType:
        source, target = ENDS[rel_type]
        rows, count = for_xml(store.read_relationships(rel_type), keys=("source", "target"))
        replaced += count
        for row in rows.iter_rows(named=True):
            start, end = f"{source}:{row.pop('source')}", f"{target}:{row.pop('target')}"
            graph.add_edges_from([(start, end, {"type": str(rel_type), **_known(row)})])
    with writing_file(path) as aside:
        nx.write_graphml(graph, aside)
    if replaced:
        log.warning(
            "%s: replaced %s characters that XML cannot hold, in texts by U+FFFD, in keys by "
            "their number as in \\u0001",
            path,
            f"{replaced:,}",
        )
    return path


def _write(folder: Path, name: str, header: list[str], rows: pl.DataFrame) -> str:
    head, data = f"{name}_header.csv", f"{name}.csv"
    (folder / head).write_text(",".join(header) + "\n", encoding="utf-8")
    rows.write_csv(folder / data, include_header=False, quote_style="non_numeric", null_value="")
    return f"{head},{data}"


def _known(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if value is not None}
