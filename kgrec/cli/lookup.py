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
    unix_seconds,
)
from kgrec.cli.history_options import (
    HistoryFileOption,
    HistoryOption,
    HistoryParamOption,
    HistoryQueryOption,
    read_history_options,
)
from kgrec.cli.list_options import (
    DislikesOption,
    DislikesWeightOption,
    DiversityOption,
    HalfLifeOption,
    HistoryKindsOption,
    HistorySinceOption,
    HistoryWithoutOption,
    LikesWeightOption,
    MaxPerSeriesOption,
    MaxPerTagOption,
    MinLongTailOption,
    MinNewOption,
    MinUsersOption,
    NewItemsOption,
    NewSinceOption,
    PageOption,
    SeenKindsOption,
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

    from kgrec.lookup import Recommendations, Run
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
LikesOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="What a user likes, in their own words; alone or beside a history."
    ),
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
    history_query: HistoryQueryOption = None,
    history_params: HistoryParamOption = None,
    likes: LikesOption = None,
    dislikes: DislikesOption = None,
    likes_weight: LikesWeightOption = 0.5,
    dislikes_weight: DislikesWeightOption = 0.5,
    history_since: HistorySinceOption = None,
    half_life: HalfLifeOption = None,
    history_kinds: HistoryKindsOption = None,
    history_without: HistoryWithoutOption = None,
    seen_kinds: SeenKindsOption = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="D", help="Domain to recommend from; repeat the option for one list of several."
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", min=1, metavar="N", help="Number of items for each user.")
    ] = 10,
    page: PageOption = 1,
    diversity: DiversityOption = 0.0,
    max_per_tag: MaxPerTagOption = None,
    max_per_series: MaxPerSeriesOption = None,
    min_new: MinNewOption = 0.0,
    new_since: NewSinceOption = None,
    min_long_tail: MinLongTailOption = 0.0,
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
    min_users: MinUsersOption = 5,
    new_items: NewItemsOption = None,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """Recommend items of a domain: to one user, to many, for a history or for a text.

    A user, a history and a text may be given together: they then count together.

    The table, --json and --out hold the same fields: key, item_id, domain, title, rank and
    score, with --users also user_id, with --explain also reason. Users of a file that are not in
    the graph are left out and named; where none is in the graph, the exit code is 3.
    """
    given = read_history_options(history, history_file, history_query, history_params)
    _check_asker(user, users, given, likes)
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
    repeated = {"--history": history, "--dislikes": dislikes, "--tags-any": tags_any,
                "--tags-all": tags_all, "--tags-none": tags_none,
                "--not-seen-by": not_seen_by}  # fmt: skip
    with (
        _opened(run, store, label_prefix, wait, new_items) as opened,
        one_value_an_option(repeated),
        reporting() as report,
    ):
        found = opened.recommend(
            user,
            users=file.keys if file is not None else None,
            history=given,
            likes=likes,
            dislikes=dislikes or None,
            likes_weight=likes_weight,
            dislikes_weight=dislikes_weight,
            history_since=_seconds("--history-since", history_since),
            half_life=half_life,
            history_kinds=history_kinds or None,
            history_without=history_without or None,
            seen_kinds=seen_kinds or None,
            domain=domain or None,
            k=k,
            page=page,
            diversity=diversity,
            max_per_tag=max_per_tag,
            max_per_series=max_per_series,
            min_new=min_new,
            new_since=_seconds("--new-since", new_since),
            min_long_tail=min_long_tail,
            where=where,
            include_seen=include_seen,
            explain=why,
            min_users=min_users,
            on_progress=lambda done, total: report("recommending", done, total),
        )
    if file is not None and users is not None:
        _tell_left_out(found, file, users)
    if not len(found):
        message(f"nothing is left to recommend; {_advice(page, filtered=where is not None)}")
    _deliver(file.frame(found) if file is not None else found.to_frame(), as_json=as_json, out=out)


def _check_asker(user: str | None, users: Path | None, history: object, likes: str | None) -> None:
    """Refuse options that do not say for whom is recommended, or that exclude each other."""
    options = {"--user": user, "--users": users, "--history": history, "--likes": likes}
    given = [name for name, value in options.items() if value]
    if not given:
        raise InputError(
            "say for whom: give one of --user, --users, --history, --history-file, "
            "--history-query and --likes, got none"
        )
    if users and len(given) > 1:
        raise InputError(
            f"--users stands alone, got {' and '.join(given)}; ask for one --user at a time where "
            f"events or a text are added"
        )


def _seconds(option: str, given: str | None) -> int | None:
    return None if given is None else unix_seconds(given, option)


def _advice(page: int, *, filtered: bool) -> str:
    if page > 1:
        return f"the pages before --page {page} hold everything"
    return "loosen the filters" if filtered else "--include-seen shows what is seen"


def similar(
    run: RunOption,
    item: Annotated[str, typer.Argument(help="Key of an item, or its whole title.")],
    domain: Annotated[
        str | None, typer.Option(metavar="D", help="Only items of this domain.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="Number of items.")] = 10,
    new_items: NewItemsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
    out: OutOption = None,
) -> None:
    """List the items nearest to an item, in its own domain and in others.

    The table, --json and --out hold the same fields: key, item_id, domain, title, rank and score.
    """
    check_out(out)
    set_threads(threads)
    with _opened(run, new_items=new_items) as opened:
        found = opened.similar(item, domain=domain, k=k)
    _deliver(found.to_frame(), as_json=as_json, out=out)


def explain(
    run: RunOption,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[USER] ITEM",
            help="Keys of a user and of an item; with --history or --likes also of the item alone.",
        ),
    ],
    history: HistoryOption = None,
    history_file: HistoryFileOption = None,
    history_query: HistoryQueryOption = None,
    history_params: HistoryParamOption = None,
    likes: LikesOption = None,
    new_items: NewItemsOption = None,
    store: LiveStoreOption = None,
    label_prefix: PrefixOption = "",
    min_users: MinUsersOption = 5,
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain why an item would be recommended: paths in the graph and one sentence."""
    given = read_history_options(history, history_file, history_query, history_params)
    others = bool(given or likes)
    if len(names) > 2 or (len(names) < 2 and not others):
        what = "an item, or a user and an item" if others else "a user and an item"
        raise InputError(f"name {what}, got {len(names)}: {' '.join(map(repr, names))}")
    set_threads(threads)
    with (
        _opened(run, store, label_prefix, wait, new_items) as opened,
        one_value_an_option({"--history": history}),
    ):
        told = opened.explain(
            names[-1],
            user=names[0] if len(names) == 2 else None,
            history=given,
            likes=likes,
            min_users=min_users,
        )
    if as_json:
        print_json(told.to_dict())
        return
    echo(told.sentence)
    rows = [(one.kind, one.strength, one.path) for one in told.reasons]
    print_table(("reason", "strength", "path"), rows)


def _opened(
    run: Path,
    store: str | None = None,
    label_prefix: str = "",
    wait: float | None = None,
    new_items: Path | None = None,
) -> Run:
    import kgrec

    if label_prefix and store is None:
        raise InputError(
            f"--label-prefix {label_prefix}: is for the Neo4j graph of --store, and no --store is "
            f"given; give it, or leave the prefix out"
        )
    added = None
    if new_items is not None:
        from kgrec.lookup.new_items import read_new_items

        added = read_new_items(new_items)
    return kgrec.load(run, store=store, label_prefix=label_prefix, wait=wait, new_items=added)


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
