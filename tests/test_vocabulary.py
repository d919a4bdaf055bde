"""Code, settings and reference pages use the standard terms of the field (docs/glossary.md).

Only words are listed that have no other meaning here. Decisions, lab notes and the changelog are of
their date and are not read.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CODE = ("kgrec", "graph_store", "loaders")
PAGES = (
    "configs", "docs/_ext", "docs/reference", "docs/explanation", "docs/howto", "docs/tutorial",
    "docs/index.md", "docs/glossary.md", "README.md", "CONTRIBUTING.md", "benchmarks/*.md",
)  # fmt: skip

WORDS = {
    r"sharpness": "exponent",
    r"belief": "prior",
    r"worth": "validation NDCG",
    r"spread": "standard deviation",
    r"heard|mutes?|muted|unjudged": "active, excluded, fixed weight",
    r"channels?": "item features",
    r"lend(s|ing|ers?)?|lent|borrow(s|ed|ing)?": "impute, donors",
    r"trust|half_trust": "discount, shrinkage",
    r"newcomers?|(known|linking|joined) (people|persons?|users)": "cold, warm, overlapping users",
    r"rehears\w*": "name what is done",
    r"toward": "target domain",
    r"\w*_share|share_\w+|(a|the|this|its) share of": "weight, or fraction",
    r"learned score": "score of the joint model",
    r"(mapped|merged|regressed) factors": "EMCDR, iALS, item ridge",
    r"(item|person|one|the) ?_?space( of all| that spans)?|space of all|width of the space":
        "embeddings",
    r"(vectors|embeddings|views) of (people|persons|(one|a|the) person)": "user embeddings",
}  # fmt: skip
"""Retired words, wherever they stand, and what to write instead."""

NAMES = {
    "z": "embeddings, or what it holds", "heard": "active", "share": "weight, or fraction",
    "shares": "weights, or fractions", "people": "users", "persons": "users",
}  # fmt: skip
"""Retired words within the names of Python code, between underscores."""

EXCEPTIONS = {
    "kgrec/renamed.py": r".*",  # the old names of settings, which are refused by it
    "loaders/markup.py": r"muted",  # an attribute of HTML
    "kgrec/lookup/results.py": r"people",  # a public field: people as a reader of a reason says it
    "kgrec/lookup/reason_words.py": r"people",
    "kgrec/lookup/reasons.py": r"people",
}


def retired_in(text: str, *, code: bool) -> Iterator[tuple[int, str, str]]:
    """Line, retired word and its replacement of all that a text holds."""
    for number, line in enumerate(text.splitlines(), start=1):
        for word, instead in WORDS.items():
            for found in re.finditer(rf"(?<![\w-])({word})(?![\w-])", line, flags=re.IGNORECASE):
                yield number, found[0], instead
    if code:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                for word in set(token.string.lower().split("_")) & set(NAMES):
                    yield token.start[0], token.string, NAMES[word]


def files() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *CODE, *PAGES],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = [
        name for name in done.stdout.split("\0") if Path(name).suffix in {".py", ".yaml", ".md"}
    ]
    return [name for name in names if (ROOT / name).is_file()]


def test_no_retired_word_stands_in_code_settings_or_pages() -> None:
    named = files()
    assert len(named) > 150
    found = [
        f"{name}:{line}: {word!r}; write {instead}"
        for name in named
        for line, word, instead in retired_in(
            (ROOT / name).read_text(encoding="utf-8"), code=name.endswith(".py")
        )
        if not re.fullmatch(EXCEPTIONS.get(name, "(?!)"), word)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("one\nThe sharpness of a newcomer.", False, [(2, "sharpness"), (2, "newcomer")]),
        ("models share trusted white space, towards others", False, []),
        ("x = 1\npeople_of = z", True, [(2, "people_of"), (2, "z")]),
        ("freeze = blaze = 'z'  # people", True, []),
    ],
)
def test_a_retired_word_is_found_with_its_line_and_nothing_else_is(
    text: str, code: bool, words: list[tuple[int, str]]
) -> None:
    assert [found[:2] for found in retired_in(text, code=code)] == words


def test_every_exception_is_still_needed() -> None:
    for name, words in EXCEPTIONS.items():
        found = [word for _, word, _ in retired_in((ROOT / name).read_text(), code=True)]
        assert any(re.fullmatch(words, word) for word in found), f"{name} needs no exception"
