"""``kgrec recommend``, ``similar`` and ``explain``: questions to a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.conditions import (
    AllowOption,
    CypherOption,
    DenyOption,
    MaxPopularityOption,
    MinPopularityOption,
    NotSeenByOption,
    ParamOption,
    PropertyOption,
    SinceOption,
    TagsAllOption,
    TagsAnyOption,
    TagsNoneOption,
    make_filter,
    one_value_an_option,
)
from kgrec.cli.options import (
    JsonOption,
    OutOption,
    PrefixOption,
    RunOption,
    ThreadsOption,
    WaitOption,
)
from kgrec.cli.output import check_out, echo, print_json, print_table, write_frame
from kgrec.cli.progress import message, reporting
from kgrec.cli.threads import set_threads
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    import polars as pl

    from kgrec.lookup import GivenHistory, Recommendations, Run
    from kgrec.lookup.user_files import UserFile

__all__ = ["register"]

_NAMED_AT_MOST = 100

LiveStoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL",
        help="Live graph to read histories and tags from, instead of the graph in the run.",
    ),
]  # fmt: skip
UserOption = Annotated[str | None, typer.Option(metavar="KEY", help="Key of one user.")]
HistoryOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ITEM",
        help="Item that a user liked, by key or whole title; repeat the option for several, "
        "oldest first.",
    ),
]
HistoryFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Items that a user liked: a text file with one item a line, oldest first, or CSV, "
        "TSV, Parquet or JSON Lines with a column `item` and, where known, `time` and `kind`.",
    ),
]
LikesOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="What a user likes, in their own words.")
]


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
        typer.Option(
            metavar="FILE",
            help="Keys of many users: a text file with one id a line, or CSV or Parquet with a "
            "column `user_id`.",
        ),
    ] = None,
    history: HistoryOption = None,
    history_file: HistoryFileOption = None,
    likes: LikesOption = None,
    domain: Annotated[
        str | None, typer.Option(metavar="D", help="Domain to recommend from.")
    ] = None,
    k: Annotated[
        int, typer.Option("-k", min=1, metavar="N", help="Number of items for each user.")
    ] = 10,
    tags_any: TagsAnyOption = None,
    tags_all: TagsAllOption = None,
    tags_none: TagsNoneOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    since: SinceOption = None,
    not_seen_by: NotSeenByOption = None,
    min_popularity: MinPopularityOption = None,
    max_popularity: MaxPopularityOption = None,
    properties: PropertyOption = None,
    where_cypher: CypherOption = None,
    params: ParamOption = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Also recommend items that the user already has.")
    ] = False,
    why: Annotated[bool, typer.Option("--explain", help="Give reasons for each item.")] = False,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Recommend items of a domain: to one user, to many, for a history or for a text.

    The table, --json and --out hold the same fields: key, item_id, domain, title, rank and
    score, with --users also user_id, with --explain also reason. Users of a file that are not in
    the graph are left out and named; where none is in the graph, the exit code is 3.
    """
    _check_one_given(
        {"--user": user, "--users": users, "--history": history,
         "--history-file": history_file, "--likes": likes}
    )  # fmt: skip
    check_out(out)
    set_threads(threads)
    file = None
    if users is not None:
        from kgrec.lookup.user_files import read_users

        file = read_users(users)
    where = make_filter(
        tags_any=tags_any, tags_all=tags_all, tags_none=tags_none, allow=allow, deny=deny,
        since=since, not_seen_by=not_seen_by, min_popularity=min_popularity,
        max_popularity=max_popularity, properties=properties, cypher=where_cypher, params=params,
    )  # fmt: skip
    repeated = {"--history": history, "--tags-any": tags_any, "--tags-all": tags_all,
                "--tags-none": tags_none, "--not-seen-by": not_seen_by}  # fmt: skip
    with (
        _opened(run, store, label_prefix, wait) as opened,
        one_value_an_option(repeated),
        reporting() as report,
    ):
        found = opened.recommend(
            user,
            users=file.keys if file is not None else None,
            history=_history(history, history_file),
            likes=likes,
            domain=domain,
            k=k,
            where=where,
            include_seen=include_seen,
            explain=why,
            on_progress=lambda done, total: report("recommending", done, total),
        )
    if file is not None and users is not None:
        _tell_left_out(found, file, users)
    if not len(found):
        advice = "loosen the filters" if where is not None else "--include-seen shows what is seen"
        message(f"nothing is left to recommend; {advice}")
    _deliver(file.frame(found) if file is not None else found.to_frame(), as_json=as_json, out=out)


def _check_one_given(options: dict[str, object]) -> None:
    """Refuse none and more than one of the options that say for whom is recommended."""
    given = [name for name, value in options.items() if value]
    if len(given) != 1:
        *first, last = options
        raise InputError(
            f"give exactly one of {', '.join(first)} and {last}, "
            f"got {' and '.join(given) or 'none'}"
        )


def similar(
    run: RunOption,
    item: Annotated[str, typer.Argument(help="Key of an item, or its whole title.")],
    domain: Annotated[
        str | None, typer.Option(metavar="D", help="Only items of this domain.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="Number of items.")] = 10,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """List the items nearest to an item, in its own domain and in others.

    The table, --json and --out hold the same fields: key, item_id, domain, title, rank and score.
    """
    check_out(out)
    set_threads(threads)
    with _opened(run) as opened:
        found = opened.similar(item, domain=domain, k=k)
    _deliver(found.to_frame(), as_json=as_json, out=out)


def explain(
    run: RunOption,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[USER] ITEM",
            help="Keys of a user and of an item; with --history or --likes, of the item alone.",
        ),
    ],
    history: HistoryOption = None,
    history_file: HistoryFileOption = None,
    likes: LikesOption = None,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain why an item would be recommended: paths in the graph and one sentence."""
    if history and history_file:
        raise InputError("give one of --history and --history-file, got both")
    wanted = 1 if history or history_file or likes else 2
    if len(names) != wanted:
        what = "the item only" if wanted == 1 else "a user and an item"
        raise InputError(f"name {what}, got {len(names)}: {' '.join(map(repr, names))}")
    set_threads(threads)
    with (
        _opened(run, store, label_prefix, wait) as opened,
        one_value_an_option({"--history": history}),
    ):
        told = opened.explain(
            names[-1],
            user=names[0] if wanted == 2 else None,
            history=_history(history, history_file),
            likes=likes,
        )
    if as_json:
        print_json(told.to_dict())
        return
    echo(told.sentence)
    rows = [(one.kind, one.strength, one.path) for one in told.reasons]
    print_table(("reason", "strength", "path"), rows)


def _history(given: list[str] | None, file: Path | None) -> list[str] | GivenHistory | None:
    from kgrec.lookup.history_files import read_history

    return read_history(file) if file is not None else given or None


def _opened(
    run: Path, store: str | None = None, label_prefix: str = "", wait: float | None = None
) -> Run:
    import kgrec

    if label_prefix and store is None:
        raise InputError(
            f"--label-prefix {label_prefix}: is for the Neo4j graph of --store, and no --store is "
            f"given; give it, or leave the prefix out"
        )
    return kgrec.load(run, store=store, label_prefix=label_prefix, wait=wait)


def _tell_left_out(found: Recommendations, file: UserFile, path: Path) -> None:
    """Say who of a file got no answer; nobody at all got one: an error, as with --user."""
    if file.without_id:
        message(f"{path}: {file.without_id:,} rows hold no id and were left out")
    unknown, asked = found.unknown, len(file.keys)
    if not unknown:
        return
    named = ", ".join(unknown[:_NAMED_AT_MOST])
    more = len(unknown) - _NAMED_AT_MOST
    tail = f" and {more:,} more" if more > 0 else ""
    if len(unknown) == asked:
        raise NotFoundError(
            f"--users: none of the {asked:,} users of {path} is in the graph: {named}{tail}"
        )
    message(
        f"{len(unknown):,} of {asked:,} users are not in the graph and were left out: {named}{tail}"
    )


def _deliver(frame: pl.DataFrame, *, as_json: bool, out: Path | None) -> None:
    """Send an answer where the options say, with the same fields in every form."""
    if out is not None:
        write_frame(frame, out)
        echo(f"{frame.height:,} rows written to {out}", err=True)
        return
    from kgrec.lookup.results import USER_ID, plain_rows

    if as_json:
        print_json(plain_rows(frame))
    elif frame.height:
        if USER_ID in frame.columns:  # ids that are numbers are no quantities
            frame = frame.with_columns(frame[USER_ID].cast(str))
        print_table(frame.columns, frame.rows())
