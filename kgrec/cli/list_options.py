"""Options of ``kgrec recommend`` that say what counts of a history and how a list is put together.

They are the arguments of :meth:`kgrec.lookup.Run.recommend` of the same names, which refuses what
is out of range.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DislikesOption",
    "DislikesWeightOption",
    "DiversityOption",
    "HalfLifeOption",
    "HistoryKindsOption",
    "HistorySinceOption",
    "HistoryWithoutOption",
    "LikesWeightOption",
    "MaxPerSeriesOption",
    "MaxPerTagOption",
    "MinLongTailOption",
    "MinNewOption",
    "MinUsersOption",
    "NewItemsOption",
    "NewSinceOption",
    "PageOption",
    "SeenKindsOption",
]

_REPEAT = "repeat the option for several"

DislikesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--dislikes", metavar="ITEM",
        help="Item that is disliked, by key or whole title: it is not recommended, and what is "
        f"like it is ranked lower; {_REPEAT}.",
    ),
]  # fmt: skip
LikesWeightOption = Annotated[
    float,
    typer.Option(
        metavar="W", help="Weight of the text of --likes beside a user or a history, from 0 to 1."
    ),
]
DislikesWeightOption = Annotated[
    float,
    typer.Option(
        metavar="W",
        help="How far --dislikes rank lower what is like them: from 0, not at all, to 1.",
    ),
]
HistorySinceOption = Annotated[
    str | None,
    typer.Option(
        "--history-since", metavar="TIME",
        help="Only events from then on count as history; a time as of --since. What is older is "
        "still not recommended again.",
    ),
]  # fmt: skip
HalfLifeOption = Annotated[
    float | None,
    typer.Option(
        metavar="DAYS",
        help="Days after which an event of the history counts half as much as the newest one. "
        "Default: all events count alike.",
    ),
]
HistoryKindsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--history-kinds", metavar="KIND",
        help=f"Only events of this kind, such as purchase, count as history; {_REPEAT}.",
    ),
]  # fmt: skip
HistoryWithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--history-without", metavar="KIND",
        help="Items with an event of this kind do not count as history: `--history-without "
        f"purchase` reads what was seen and not bought; {_REPEAT}.",
    ),
]  # fmt: skip
SeenKindsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--seen-kinds", metavar="KIND",
        help="Only items with an event of this kind are left out as known: with `--seen-kinds "
        f"purchase`, what was seen and not bought may be recommended; {_REPEAT}. Default: any "
        "kind.",
    ),
]  # fmt: skip
PageOption = Annotated[
    int,
    typer.Option(metavar="N", help="1 for the best items, 2 for those that come next, and so on."),
]
DiversityOption = Annotated[
    float,
    typer.Option(
        metavar="W",
        help="From 0 to 1: weight of being unlike the items above in the list, in embedding and "
        "tags, against the score.",
    ),
]
MaxPerTagOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Largest number of items with the same tag in a list; it may become shorter.",
    ),
]
MaxPerSeriesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Largest number of items of one series in a list. Items are of one series if their "
        "titles begin alike, up to a colon, a bracket, a number or a word such as Movie or Season.",
    ),
]
MinNewOption = Annotated[
    float,
    typer.Option(
        metavar="F",
        help="From 0 to 1: smallest fraction of a list that is new. New is what nobody has "
        "interacted with yet, or not before --new-since.",
    ),
]
NewItemsOption = Annotated[
    Path | None,
    typer.Option(
        "--new-items", metavar="FILE",
        help="Items that came after the training, which may be recommended at once: CSV, TSV or "
        "Parquet with the columns `key` (domain:item_id) and `text`, `title` or both.",
    ),
]  # fmt: skip
NewSinceOption = Annotated[
    str | None,
    typer.Option(
        "--new-since", metavar="TIME",
        help="An item is new if nobody interacted with it before then; a time as of --since.",
    ),
]  # fmt: skip
MinLongTailOption = Annotated[
    float,
    typer.Option(
        metavar="F",
        help="From 0 to 1: smallest fraction of a list that is not among the most popular items, "
        "which have two thirds of the likes of their domain.",
    ),
]
MinUsersOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Smallest number of people behind a reason that is shown, 2 or more.",
    ),
]
