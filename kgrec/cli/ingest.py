"""``kgrec ingest``: behaviour logs and catalogues into the graph."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.failures import interrupts
from kgrec.cli.graph_source import (
    FromOption,
    MappingOption,
    QueryOption,
    QueryParamOption,
    asked_of_graph,
    reading_graph,
)
from kgrec.cli.options import (
    JsonOption,
    PrefixOption,
    StoreOption,
    WaitOption,
    path_to_write,
)
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.progress import message, reporting
from kgrec.errors import InputError, NotFoundError
from loaders.formats import FORMATS

if TYPE_CHECKING:
    from graph_store import GraphStore
    from loaders import IngestSummary, Source

__all__ = ["register"]

_ORIGINS = {
    "given": "--rating-scale",
    "format": "the format",
    "inferred": "the highest rating",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)


def ingest(
    store: StoreOption,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES...", help="Logs and catalogues, or folders of them."),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            metavar=" | ".join(FORMATS),
            help="Format of the files; neo4j: a graph of your own, named by --from.",
        ),
    ] = "tabular",
    url: FromOption = None,
    queries: QueryOption = None,
    mapping: MappingOption = None,
    params: QueryParamOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help="Column that holds a field, e.g. user=reviewerID; may be given again. "
            "FIELD is user, item, domain, rating, time, order, kind, event_id, platform, "
            "title, description or tags. order=COLUMN: whole numbers that rise along a log "
            "without times; default: the order of its rows, files by name.",
        ),
    ] = None,
    item_properties: Annotated[
        list[str] | None,
        typer.Option(
            "--item-property",
            metavar="NAME=COLUMN:TYPE",
            help="Column of a catalogue that becomes the property NAME of items, e.g. "
            "price=cost_eur:number, to filter lookups by it (--where 'price<=20'); may be given "
            "again. TYPE is number, text or time (a date, or Unix time).",
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Domain of rows that name none.")
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Platform of the user ids; default: ids are shared by all platforms.",
        ),
    ] = None,
    links: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Pairs of accounts of one person; may be given again."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="NAME", help="Kind of events that name none.")
    ] = None,
    rating_scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DOMAIN=]N",
            help="Highest possible rating, of all domains or of one; may be given again. "
            "Default: that of the format, else inferred for each domain.",
        ),
    ] = None,
    time_unit: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="Form of times: s, ms, us or ns (counted from 1970), iso (dates; UTC if "
            "they name no zone) or auto.",
        ),
    ] = None,
    tag_separator: Annotated[
        str, typer.Option(metavar="TEXT", help="Separator of tags in a column of text.")
    ] = "|",
    separator: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Separator of the fields of text files, e.g. ';' or tab; default: a comma in "
            ".csv, a tab in .tsv.",
        ),
    ] = None,
    quote: Annotated[
        str | None,
        typer.Option(
            metavar="CHAR",
            help="Character around fields that contain separators or line breaks; none: a quote "
            "is a character like any other; default: '\"' in .csv, none in .tsv.",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoding of text files, e.g. latin-1 or cp1252; default: by the byte-order "
            "mark, else utf-8.",
        ),
    ] = None,
    keep_events: Annotated[
        bool,
        typer.Option(
            "--keep-events",
            help="Keep each event as a relationship of its own, for logs where it matters how "
            "often and when a user came back to an item. Default: events of one user, item and "
            "kind become one relationship with their number, the first and the last time.",
        ),
    ] = False,
    max_rejects: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="FRACTION",
            help="Stop when a larger fraction of the rows cannot be used.",
        ),
    ] = 0.01,
    rejects: Annotated[
        Path,
        typer.Option(
            parser=path_to_write,
            metavar="FILE",
            help="File for rows that cannot be used (JSON Lines), each with job, file, line and "
            "reason; rows of other ingests in the file stay.",
        ),
    ] = Path("rejects.jsonl"),
    work_dir: Annotated[
        Path | None,
        typer.Option(
            parser=path_to_write,
            metavar="DIR",
            help="Folder for sorting on disk; default: beside the file of the store.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Read and write again what was ingested before.")
    ] = False,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read logs and catalogues into the graph.

    A source that was ingested before is known by its bytes and options, and is not read again; a
    job that was stopped continues where it was stopped.
    """
    from graph_store.open_store import is_neo4j_url, open_store
    from loaders import SourceOptions, open_source
    from loaders.item_properties import read_declarations

    for path in [*(files or []), *(links or [])]:
        if not path.exists():
            raise NotFoundError(f"there is no file or folder {path}")
    asked = asked_of_graph(format, files or [], url, queries or [], mapping, params or [])
    options = SourceOptions(
        columns=_pairs(columns or []),
        item_properties=read_declarations(item_properties or []),
        domain=domain,
        platform=platform,
        kind=kind,
        rating_scale=_scales(rating_scale or []),
        time_unit=time_unit,  # type: ignore[arg-type]  # checked by open_source
        tag_separator=tag_separator,
        separator=separator,
        quote=quote,
        encoding=encoding,
        keep_events=keep_events,
        links=links or (),
    )
    if work_dir is None and not is_neo4j_url(store):
        work_dir = Path(store).expanduser().parent
    pages: AbstractContextManager[tuple[list[Path], SourceOptions]]
    pages = nullcontext((files or [], options))
    if asked is not None:
        pages = reading_graph(asked, options, work_dir, wait=wait)
    with pages as (paths, understood):
        source = open_source(paths, format=format, options=understood)
        # The reading sorts on disk in memory of its own; a larger cache of the store than this
        # would grow with the log (benchmarks/results/ingest_memory.md).
        with open_store(store, label_prefix=label_prefix, wait=wait, memory_limit="192MB") as graph:
            summary = _write(
                source, graph,
                max_rejects=max_rejects, rejects=rejects, work_dir=work_dir, force=force,
            )  # fmt: skip
    if as_json:
        print_json(summary.to_dict())
    else:
        _show(summary)


def _write(
    source: Source,
    graph: GraphStore,
    *,
    max_rejects: float,
    rejects: Path,
    work_dir: Path | None,
    force: bool,
) -> IngestSummary:
    """Ingest with bars of progress; an interrupt says how to go on."""
    from loaders import ingest as write

    with reporting() as report:
        try:
            with interrupts():
                return write(
                    source,
                    graph,
                    on_progress=report,
                    max_rejects=max_rejects,
                    rejects_path=rejects,
                    work_dir=work_dir,
                    force=force,
                )
        except KeyboardInterrupt:
            message("stopped; the same command goes on where it stood")
            raise


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for one in given:
        field, found, column = one.partition("=")
        if not (found and field and column):
            raise InputError(f"--map: must look like FIELD=COLUMN, got {one!r}")
        if field in pairs:
            raise InputError(f"--map: {field} is given twice, got {one!r}; give it once")
        pairs[field] = column
    return pairs


def _scales(given: Sequence[str]) -> dict[str, float] | None:
    from loaders.ratings import ALL_DOMAINS

    scales: dict[str, float] = {}
    for one in given:
        name, _, number = one.rpartition("=")
        domain = name.strip() or ALL_DOMAINS
        if domain in scales:
            raise InputError(f"--rating-scale: is given twice for {domain!r}; give it once")
        try:
            scales[domain] = float(number)
        except ValueError:
            raise InputError(f"--rating-scale: must look like N or DOMAIN=N, got {one!r}") from None
    return scales or None


def _show(summary: IngestSummary) -> None:
    rows: list[tuple[str, object]] = [
        ("rows read", summary.rows_read),
        *((f"  rejected: {reason}", count) for reason, count in summary.rejected.items()),
        *((f"  {remark}", count) for remark, count in summary.remarks.items()),
        *summary.nodes.items(),
        *((name, count) for name, count in summary.relationships.items() if count),
        ("written", summary.written),
        ("unchanged", summary.unchanged),
    ]
    if summary.resumed:
        rows.append(("written before the interruption", summary.resumed))
    if summary.items_without_text:
        rows.append(("items that no catalogue describes", summary.items_without_text))
    print_table(["what", "count"], rows)
    for file, columns in summary.without_value.items():
        echo(f"{file}: no row has a value in {', '.join(columns)}", err=True)
    if summary.rating_scales:
        echo()
        print_table(
            ["domain", "ratings", "scale", "known from"],
            [
                (domain, one.ratings, f"0 to {one.scale:g}", _ORIGINS[one.origin])
                for domain, one in summary.rating_scales.items()
            ],
        )
    times = " to ".join(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in summary.times)
    echo(err=True)
    echo(f"times: {times or 'none'}; {summary.seconds:.1f} s; job {summary.job}", err=True)
    if summary.rejects_path is not None:
        echo(
            f"rows that cannot be used are in {summary.rejects_path} "
            f"({summary.rows_rejected:,} of job {summary.job})",
            err=True,
        )
    if summary.already_ingested_at is not None:
        at = datetime.fromtimestamp(summary.already_ingested_at, UTC)
        echo(
            f"nothing was read or written: this source was ingested on {at:%Y-%m-%d %H:%M} UTC, "
            f"and the counts are those of then; --force reads and writes it again",
            err=True,
        )
