"""``kgrec demo``: the whole way on the bundled set, and what came out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import (
    JsonOption,
    PrefixOption,
    SetOption,
    ThreadsOption,
    WaitOption,
    path_to_write,
)
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.threads import set_threads

if TYPE_CHECKING:
    from kgrec.demo import Demo, Story
    from kgrec.ranking.intervals import Interval

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add ``kgrec demo``."""
    app.command()(demo)


def demo(
    work: Annotated[
        Path,
        typer.Option(
            "--work",
            parser=path_to_write,
            metavar="DIR",
            help="Folder that the graph and the run are written to.",
        ),
    ] = Path("demo"),
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="An empty store to use [graph.duckdb in DIR if not given]."
        ),
    ] = None,
    config: Annotated[
        str, typer.Option(metavar="FILE", help="Settings: a shipped config or a YAML file.")
    ] = "demo",
    overrides: SetOption = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Seed that chooses the users whose films are hidden."
        ),
    ] = 0,
    label_prefix: PrefixOption = "",
    wait: WaitOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest the bundled anime set, train, recommend films to users whose films were hidden."""
    set_threads(threads)
    from kgrec.cli.progress import reporting
    from kgrec.demo import run_demo

    with reporting() as report:
        done = run_demo(
            work,
            store=store,
            label_prefix=label_prefix,
            wait=wait,
            config=config,
            overrides=overrides,
            seed=seed,
            report=report,
        )
    if as_json:
        print_json(_plain(done))
        return
    for story in done.stories:
        _print_story(story)
        echo()
    _print_table(done)
    _print_next(done, store, label_prefix)


def _print_story(story: Story) -> None:
    echo(f"{story.user} liked {story.num_watched:,} series on TV, among them")
    for watched in story.watched:
        echo(f"    {watched.title} ({', '.join(watched.tags)})")
    echo("Their films were hidden. Ten that kgrec recommends, and which of them they liked:")
    rows = [
        (line.rank, line.title, "yes" if line.key in story.liked else "",
         line.explanation.because if line.explanation else "")
        for line in story.films
    ]  # fmt: skip
    print_table(("", "film", "liked", "because"), rows)


def _print_table(done: Demo) -> None:
    echo(
        f"All {done.users:,} users whose films were hidden, each of {done.films:,} films ranked; "
        f"mean and 95% interval:"
    )
    rows = [
        (row.name, *(_interval(interval) for interval in row.measures.values()))
        for row in done.table
    ]
    headers = [name.replace("ndcg", "NDCG").replace("recall", "Recall")
               for name in done.table[0].measures]  # fmt: skip
    print_table(("", *headers), rows)
    for name, gap in done.against.items():
        echo(
            f"NDCG@10, kgrec minus {name}, same users: {gap.mean:+.3f} "
            f"[{gap.low:+.3f}, {gap.high:+.3f}]"
        )
    spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in done.seconds.items())
    echo(f"{sum(done.seconds.values()):.0f} s in all: {spent}", err=True)


def _print_next(done: Demo, store: str | None, label_prefix: str) -> None:
    live = f"--store {done.store}" + (f" --label-prefix {label_prefix}" if label_prefix else "")
    first = done.stories[0].films[0]
    lines = (
        "",
        "To go on:",
        f"    kgrec recommend --run {done.run} {live} --user {first.user} "
        f"--domain {first.domain} --explain",
        f"    kgrec similar --run {done.run} {first.key}",
        f"    kgrec enrich vectors --run {done.run} {live}",
    )
    for line in lines:
        echo(line, err=True)


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _plain(done: Demo) -> dict[str, Any]:
    return {
        "store": done.store,
        "run": done.run,
        "users": done.users,
        "films": done.films,
        "stories": [
            {
                "user": story.user,
                "watched": story.watched,
                "films": [{**line, "liked": f"{line['domain']}:{line['item_id']}" in story.liked}
                          for line in story.films.to_dicts()],
            }
            for story in done.stories
        ],
        "table": done.table,
        "against": done.against,
        "seconds": done.seconds,
    }  # fmt: skip
