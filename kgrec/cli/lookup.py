"""``kgrec recommend``, ``similar`` and ``explain``: questions to a trained run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.options import (
    JsonOption,
    OutOption,
    PrefixOption,
    RunOption,
    ThreadsOption,
)
from kgrec.cli.output import check_out, print_json, print_table, write_frame
from kgrec.cli.threads import set_threads
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    import polars as pl

    from graph_store.store import NodeFilter
    from kgrec.lookup import Recommendations, Run

__all__ = ["register"]

_NAMED_AT_MOST = 100

LiveStoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL",
        help="Read histories and tags from this live graph instead of the run's own.",
    ),
]  # fmt: skip
UserOption = Annotated[str | None, typer.Option(metavar="KEY", help="One person.")]
HistoryOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEYS",
        help="Items somebody liked, by key or title, with commas between; may be given again.",
    ),
]
LikesOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What somebody likes, in their own words.")
]
TagsOption = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    app.command()(recommend)
    app.command()(similar)
    app.command()(explain)


def recommend(
    run: RunOption,
    user: UserOption = None,
    users: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Many: Parquet or CSV with `user_id`, or one id a line."),
    ] = None,
    history: HistoryOption = None,
    likes: LikesOption = None,
    domain: Annotated[
        str | None, typer.Option(metavar="D", help="Where to recommend from.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many a person.")] = 10,
    tags_any: Annotated[
        TagsOption, typer.Option(metavar="TAGS", help="Only items with one of these tags.")
    ] = None,
    tags_all: Annotated[
        TagsOption, typer.Option(metavar="TAGS", help="Only items with all of these tags.")
    ] = None,
    tags_none: Annotated[
        TagsOption, typer.Option(metavar="TAGS", help="Only items with none of these tags.")
    ] = None,
    allow: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only items named there, a key a line.")
    ] = None,
    deny: Annotated[
        Path | None, typer.Option(metavar="FILE", help="No items named there, a key a line.")
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Also items that the person already has.")
    ] = False,
    why: Annotated[bool, typer.Option("--explain", help="Say why, item by item.")] = False,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Recommend items of a domain to a person, to many, for a history or for a text."""
    options = {"--user": user, "--users": users, "--history": history, "--likes": likes}
    given = [name for name, value in options.items() if value]
    if len(given) != 1:
        raise InputError(
            f"give exactly one of --user, --users, --history and --likes, "
            f"got {' and '.join(given) or 'none'}"
        )
    check_out(out)
    set_threads(threads)
    from kgrec.cli.progress import reporting
    from kgrec.lookup.user_files import read_users

    file = read_users(users) if users is not None else None
    where = _filter(tags_any, tags_all, tags_none, allow, deny)
    with _opened(run, store, label_prefix) as opened, reporting() as report:
        found = opened.recommend(
            user,
            users=file.keys if file is not None else None,
            history=_split(history),
            likes=likes,
            domain=domain,
            k=k,
            where=where,
            include_seen=include_seen,
            explain=why,
            on_progress=lambda done, total: report("recommending", done, total),
        )
    if file is not None:
        _tell_unknown(found, len(file.keys))
    if out is not None:
        frame = file.frame(found) if file is not None else found.to_frame()
        write_frame(_with_reason(frame, found) if why else frame, out)
        typer.echo(f"{frame.height:,} rows written to {out}", err=True)
    elif as_json:
        print_json(found.to_dicts())
    else:
        _print(found, why=why, many=users is not None)


def similar(
    run: RunOption,
    item: Annotated[str, typer.Argument(help="An item's key, or its whole title.")],
    domain: Annotated[
        str | None, typer.Option(metavar="D", help="Only items of this domain.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many.")] = 10,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """List the items nearest to an item, in its own domain and in others."""
    check_out(out)
    set_threads(threads)
    with _opened(run) as opened:
        found = opened.similar(item, domain=domain, k=k)
    if out is not None:
        write_frame(found.to_frame(), out)
        typer.echo(f"{len(found):,} rows written to {out}", err=True)
    elif as_json:
        print_json(found.to_dicts())
    else:
        rows = [(one.rank, one.key, one.title, one.score) for one in found]
        print_table(("rank", "item", "title", "score"), rows)


def explain(
    run: RunOption,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[USER] ITEM", help="A person's key and an item's; with --history: the item."
        ),
    ],
    history: HistoryOption = None,
    likes: LikesOption = None,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why an item would be recommended: paths in the graph and one sentence."""
    wanted = 1 if history or likes else 2
    if len(names) != wanted:
        what = "the item only" if wanted == 1 else "a user and an item"
        raise InputError(f"name {what}, got {len(names)}: {' '.join(map(repr, names))}")
    set_threads(threads)
    with _opened(run, store, label_prefix) as opened:
        told = opened.explain(
            names[0] if wanted == 2 else None, names[-1], history=_split(history), likes=likes
        )
    if as_json:
        print_json(told.to_dict())
        return
    typer.echo(told.sentence)
    rows = [(one.kind, one.strength, one.path) for one in told.reasons]
    print_table(("reason", "strength", "path"), rows)


def _opened(run: Path, store: str | None = None, label_prefix: str = "") -> Run:
    import kgrec

    return kgrec.load(run, store=store, label_prefix=label_prefix)


def _split(values: Sequence[str] | None) -> list[str] | None:
    """Values with commas between, or given again and again, as one list."""
    if not values:
        return None
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _filter(
    tags_any: TagsOption, tags_all: TagsOption, tags_none: TagsOption,
    allow: Path | None, deny: Path | None,
) -> NodeFilter:  # fmt: skip
    from graph_store.store import NodeFilter

    return NodeFilter(
        tags_any=_split(tags_any) or (),
        tags_all=_split(tags_all) or (),
        tags_none=_split(tags_none) or (),
        allow=_keys_of(allow) if allow is not None else None,
        deny=_keys_of(deny) if deny is not None else (),
    )


def _keys_of(path: Path) -> list[str]:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}; write one with an item's key a line")
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _tell_unknown(found: Recommendations, asked: int) -> None:
    unknown = found.unknown
    if not unknown:
        return
    named = ", ".join(unknown[:_NAMED_AT_MOST])
    more = len(unknown) - _NAMED_AT_MOST
    tail = f" and {more:,} more" if more > 0 else ""
    typer.echo(
        f"{len(unknown):,} of {asked:,} people are not in the graph and were left out: "
        f"{named}{tail}",
        err=True,
    )


def _with_reason(frame: pl.DataFrame, found: Recommendations) -> pl.DataFrame:
    from polars import Series, String

    told = [line.explanation.sentence if line.explanation else None for line in found]
    return frame.with_columns(Series("reason", told, dtype=String))


def _print(found: Recommendations, *, why: bool, many: bool) -> None:
    if not len(found):
        typer.echo("nothing is left to recommend; loosen the filters", err=True)
        return
    headers = ["user"] * many + ["rank", "item", "title", "score"] + ["why"] * why
    rows = []
    for line in found:
        reason = line.explanation.reasons[0].path if line.explanation else None
        rows.append([line.user] * many + [line.rank, line.key, line.title, line.score]
                    + [reason] * why)  # fmt: skip
    print_table(headers, rows)
