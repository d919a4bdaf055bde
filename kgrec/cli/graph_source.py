"""Options of ``kgrec ingest --format neo4j``: somebody's own graph as the source.

In:   a URL, queries or a mapping, as the command line gives them.
Out:  a folder of pages to ingest, which is removed when that is done.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.conditions import read_params
from kgrec.cli.failures import interrupts
from kgrec.cli.progress import message, reporting
from kgrec.errors import InputError

if TYPE_CHECKING:
    from loaders import SourceOptions
    from loaders.neo4j_pages import GraphPages

__all__ = [
    "FromOption",
    "MappingOption",
    "QueryOption",
    "QueryParamOption",
    "asked_of_graph",
    "reading_graph",
]

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="URL",
        help="With --format neo4j: the graph to read, such as neo4j://reader@host:7687/shop; it is "
        "never written to. User and password as for --store.",
    ),
]  # fmt: skip
QueryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--query", metavar="CYPHER",
        help="With --format neo4j: a query whose columns are named like fields (user, item, time "
        "...; see --map); may be given again, e.g. once for interactions and once for items. With "
        "an ORDER BY that tells all rows apart, reading that was stopped goes on where it stood.",
    ),
]  # fmt: skip
MappingOption = Annotated[
    str | None,
    typer.Option(
        "--mapping", metavar="PATTERN",
        help="With --format neo4j, instead of --query: labels and types of users, interactions and "
        "items, such as ':Customer-[:BOUGHT|VIEWED]->:Product'. --map names the properties: "
        "user=id, item=sku, time=at, title=name ...",
    ),
]  # fmt: skip
QueryParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE",
        help="Value of a parameter of --query: a number, true, false or a list as in JSON, "
        "anything else is text; repeat the option for several.",
    ),
]  # fmt: skip

Asked = tuple[str, "GraphPages"]
"""The URL of a graph and what is read of it."""


def asked_of_graph(
    format: str,
    files: Sequence[Path],
    url: str | None,
    queries: Sequence[str],
    mapping: str | None,
    params: Sequence[str],
) -> Asked | None:
    """What is read of a graph; None for a format of files.

    Args:
        format: Name of the format.
        files: The files given, which a graph has none of.
        url: The URL of the graph.
        queries: The queries.
        mapping: The mapping, instead of queries.
        params: Parameters of the queries.

    Raises:
        InputError: The options do not fit together.
    """
    given = {"--from": url, "--query": queries, "--mapping": mapping, "--param": params}
    named = [name for name, value in given.items() if value]
    if format != "neo4j":
        if named:
            raise InputError(f"{named[0]} is for a graph: add --format neo4j, or leave it out")
        return None
    if files:
        raise InputError(f"--format neo4j reads no files, got {files[0]}; name a graph with --from")
    if not url:
        raise InputError("--format neo4j needs the graph to read: --from neo4j://host:7687")
    if bool(queries) == bool(mapping):
        raise InputError(
            f"--format neo4j needs either --query or --mapping, got {'both' if mapping else 'none'}"
        )
    if params and not queries:
        raise InputError("--param is for the parameters of --query, and none is given")
    from loaders.neo4j_pages import GraphPages

    return url, GraphPages(tuple(queries), read_params(params), mapping)


@contextmanager
def reading_graph(
    asked: Asked, options: SourceOptions, work_dir: Path | None, *, wait: float | None
) -> Iterator[tuple[list[Path], SourceOptions]]:
    """The folder of pages and the options to ingest it with; removed when the block ends well.

    Args:
        asked: What is read.
        options: How rows are to be read.
        work_dir: Folder to keep the pages in; None: the system's temporary folder.
        wait: Seconds for which a server that does not answer is waited for.
    """
    from graph_store.neo4j.other_graph import OtherGraph
    from loaders.neo4j_pages import read_pages

    url, what = asked
    with OtherGraph(url, wait=wait) as graph, reporting() as report:
        folder = what.folder(work_dir or Path(tempfile.gettempdir()), graph.url, options)
        try:
            with interrupts():
                understood = read_pages(
                    graph, what, options, folder,
                    on_page=lambda table, rows: report(f"reading {table}", rows),
                )  # fmt: skip
        except KeyboardInterrupt:
            message("stopped; the same command goes on where it stood")
            raise
    yield [folder], understood
    shutil.rmtree(folder, ignore_errors=True)
