"""Options of lookups that narrow an answer, and the filter that they make.

In:   tags, lists of items, a time, users, conditions and a pattern, as the command line gives them.
Out:  a ``NodeFilter``; or one sentence that names the option.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.progress import message
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from graph_store.store import NodeFilter

__all__ = [
    "AllowOption",
    "CypherOption",
    "DenyOption",
    "MaxPopularityOption",
    "MinPopularityOption",
    "NotSeenByOption",
    "ParamOption",
    "PropertyOption",
    "SinceOption",
    "TagsAllOption",
    "TagsAnyOption",
    "TagsNoneOption",
    "make_filter",
    "one_value_an_option",
    "read_params",
    "unix_seconds",
]

_REPEAT = "repeat the option for several"
_FILE = "a text file with one key a line, or CSV or Parquet with a column `key`"

TagsAnyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tags-any", metavar="TAG", help=f"Only items with this tag, or one of these; {_REPEAT}."
    ),
]
TagsAllOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tags-all", metavar="TAG", help=f"Only items with this tag, or all of these; {_REPEAT}."
    ),
]
TagsNoneOption = Annotated[
    list[str] | None,
    typer.Option("--tags-none", metavar="TAG", help=f"No items with this tag; {_REPEAT}."),
]
AllowOption = Annotated[
    Path | None,
    typer.Option("--allow", metavar="FILE", help=f"Only items named there: {_FILE}."),
]
DenyOption = Annotated[
    Path | None,
    typer.Option("--deny", metavar="FILE", help=f"No items named there: {_FILE}."),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME",
        help="Only items with an interaction since then: 2023-01-05, 2023-01-05T18:30+02:00, or "
        "Unix seconds. A time without a zone is UTC.",
    ),
]  # fmt: skip
NotSeenByOption = Annotated[
    list[str] | None,
    typer.Option(
        "--not-seen-by", metavar="USER",
        help=f"No items that this user has an interaction with; {_REPEAT}.",
    ),
]  # fmt: skip

MinPopularityOption = Annotated[
    int | None,
    typer.Option(
        "--min-popularity", metavar="N", min=0,
        help="Only items that at least N users interacted with; each kind of interaction of a "
        "user counts, and with `ingest --keep-events` each event.",
    ),
]  # fmt: skip
MaxPopularityOption = Annotated[
    int | None,
    typer.Option(
        "--max-popularity", metavar="N", min=0,
        help="Only items that at most N users interacted with, counted in the same way.",
    ),
]  # fmt: skip
PropertyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="CONDITION",
        help="Only items whose property satisfies a condition: 'price<=20', 'language=fr', "
        "'language in en|fr', 'published>=2023-01-05'; the operators are = != < <= > >= in. "
        "Properties come from `kgrec ingest --item-property`; an item without the property "
        f"satisfies no condition on it. {_REPEAT.capitalize()}, which must all be satisfied.",
    ),
]  # fmt: skip
CypherOption = Annotated[
    str | None,
    typer.Option(
        "--where-cypher", metavar="PATTERN",
        help="Only items that match a pattern of your own in the Neo4j graph of --store, about "
        "the variable item: '(item)-[:IN_STOCK]->(:Shop {city: $city})'. It runs with the rights "
        "of the account, and is refused if it writes.",
    ),
]  # fmt: skip
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param", metavar="NAME=VALUE",
        help="Value of a parameter of --where-cypher: a number, true, false or a list as in JSON, "
        f"anything else is text ('\"75001\"' is a text of digits); {_REPEAT}.",
    ),
]  # fmt: skip

_FIRST_SECONDS, _FIRST_MILLISECONDS = 100_000_000, 100_000_000_000
"""A whole number below the first is a year or a date (20230105); from the second on it is no
number of seconds."""


def make_filter(
    *,
    tags_any: Sequence[str] | None = None,
    tags_all: Sequence[str] | None = None,
    tags_none: Sequence[str] | None = None,
    allow: Path | None = None,
    deny: Path | None = None,
    since: str | None = None,
    not_seen_by: Sequence[str] | None = None,
    min_popularity: int | None = None,
    max_popularity: int | None = None,
    properties: Sequence[str] | None = None,
    cypher: str | None = None,
    params: Sequence[str] | None = None,
) -> NodeFilter | None:
    """The conditions given, None where there are none.

    Args:
        tags_any: Items with any of these tags.
        tags_all: Items with all of these tags.
        tags_none: Items with none of these tags.
        allow: File of the only item ids that may be recommended.
        deny: File of item ids that may not be recommended.
        since: Earliest last interaction of an item, as :func:`unix_seconds` reads it.
        not_seen_by: Users whose items are left out.
        min_popularity: Smallest number of interactions of an item.
        max_popularity: Largest number of interactions of an item.
        properties: Conditions on properties, such as ``price<=20``.
        cypher: A pattern about the variable ``item``.
        params: ``NAME=VALUE`` for each of its parameters.

    Raises:
        InputError: A time, a list or a parameter that cannot be read.
        BadFilterError: A condition that cannot be read.
        NotFoundError: A list that is not there.
    """
    given = (tags_any, tags_all, tags_none, allow, deny, since, not_seen_by, min_popularity,
             max_popularity, properties, cypher, params)  # fmt: skip
    if all(one is None or one == [] for one in given):
        return None
    from graph_store.properties import read_condition
    from graph_store.store import CypherPattern, NodeFilter

    if params and cypher is None:
        raise InputError("--param: is for a pattern of --where-cypher, and none is given; add it")
    return NodeFilter(
        tags_any=tags_any or (),
        tags_all=tags_all or (),
        tags_none=tags_none or (),
        allow=_listed("--allow", allow) if allow is not None else None,
        deny=_listed("--deny", deny) if deny is not None else (),
        since=unix_seconds(since) if since is not None else None,
        not_seen_by=not_seen_by or None,
        min_popularity=min_popularity,
        max_popularity=max_popularity,
        properties=[read_condition(one) for one in properties or ()],
        cypher=CypherPattern(cypher, read_params(params or ())) if cypher is not None else None,
    )


def unix_seconds(text: str, option: str = "--since") -> int:
    """The time of an option.

    Args:
        text: What was given.
        option: The option, for messages.

    Raises:
        InputError: Neither ISO 8601 nor Unix seconds since March 1973.

    Example:
        >>> unix_seconds("2023-01-05"), unix_seconds("2023-01-05T01:00+01:00")
        (1672876800, 1672876800)
        >>> unix_seconds("1672876800")
        1672876800
    """
    written = text.strip()
    if written.isascii() and written.isdigit():
        if _FIRST_SECONDS <= int(written) < _FIRST_MILLISECONDS:
            return int(written)
        raise InputError(
            f"{option}: {written} is no number of seconds since 1970; "
            f"give Unix seconds, or a date such as 2023-01-05"
        )
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise InputError(
            f"{option}: got {text!r}; give a date such as 2023-01-05, a time such as "
            f"2023-01-05T18:30, or Unix seconds"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@contextmanager
def one_value_an_option(options: Mapping[str, Sequence[str] | None]) -> Iterator[None]:
    """Where an unknown name has a comma, say that an option takes one value.

    Args:
        options: The values of the options that may be repeated.

    Raises:
        NotFoundError: The one that was caught, with advice where its name has a comma.
    """
    try:
        yield
    except NotFoundError as error:
        for option, values in options.items():
            if error.name is not None and "," in error.name and error.name in (values or ()):
                raise NotFoundError(
                    f"{error} ({option} takes one value: repeat it for several)", name=error.name
                ) from error
        raise


def read_params(given: Sequence[str], option: str = "--param") -> dict[str, Any]:
    """Values of parameters, as JSON where they are any, else as text.

    Args:
        given: ``NAME=VALUE`` each.
        option: The option that gave them, for messages.

    Raises:
        InputError: One has another form, or a name is there twice.

    Example:
        >>> read_params(["city=Lyon", "most=20", 'code="69001"'])
        {'city': 'Lyon', 'most': 20, 'code': '69001'}
    """
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name.isidentifier() and equals):
            raise InputError(f"{option}: must look like NAME=VALUE, got {one!r}")
        if name in found:
            raise InputError(f"{option}: {name} is given twice; give it once")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _listed(option: str, path: Path) -> list[str]:
    from kgrec.lookup.list_files import read_items

    keys = read_items(path)
    if not keys:
        message(f"{option}: {path} names no item")
    return keys
