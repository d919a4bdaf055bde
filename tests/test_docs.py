"""The parts of the documentation that are generated: nothing is missing, links lead to files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import kgrec
from kgrec.cli.app import app
from loaders.formats.tabular import USUAL_NAMES

pytest.importorskip("sphinx")

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of extensions is importable, as it is for Sphinx."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    yield
    for name in ("generated_reference", "repository_links"):
        sys.modules.pop(name, None)


def sections(made: list[Any]) -> dict[str, str]:
    """The text of each section by its title."""
    return {section[0].astext(): section.astext() for section in made}


def paths_of(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for below in getattr(command, "commands", {}).values():
        yield from paths_of(below, f"{name} {below.name}")


def test_the_reference_has_every_command_with_every_option() -> None:
    from generated_reference import command_sections

    command = typer.main.get_command(app)
    written = sections(command_sections(command))
    expected = dict(paths_of(command, "kgrec"))
    assert set(written) == set(expected)
    assert {"kgrec enrich undo", "kgrec benchmark cold-start"} <= set(written)
    for name, one in expected.items():
        for parameter in one.params:
            long = max(parameter.opts, key=len)
            shown = long if long.startswith("-") else ""
            assert shown in written[name], f"{name}: {long}"


def test_the_reference_has_every_setting_with_its_meaning() -> None:
    from generated_reference import settings_sections

    rows = json.loads(CliRunner().invoke(app, ["config", "explain", "--json"]).stdout)
    written = sections(settings_sections(rows))
    assert len(rows) > 20
    for row in rows:
        text = written[row["setting"].rpartition(".")[0] or "top level"]
        assert row["setting"] in text
        assert row["meaning"].replace("`", "") in text


def test_the_python_reference_names_all_that_kgrec_exports() -> None:
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name in set(kgrec.__all__) - {"__version__"}:
        if not name.endswith("Error"):  # the modules of errors are listed whole
            assert f"kgrec.{name}" in page, name


def test_the_python_reference_has_what_a_recommender_and_a_benchmark_are_written_with() -> None:
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    whole = set(re.findall(r"^\.\. automodule:: (\S+)$", page, flags=re.MULTILINE))
    single = set(re.findall(r"^\.\. auto(?:function|class):: (\S+)$", page, flags=re.MULTILINE))
    assert whole >= {
        "kgrec.data.histories", "kgrec.data.interactions", "kgrec.evaluation.protocols",
        "kgrec.evaluation.registry", "kgrec.evaluation.split", "kgrec.recommenders.base",
    }  # fmt: skip
    assert {"kgrec.evaluation.runner.run_benchmark", "kgrec.evaluation.evaluate.evaluate"} <= single
    guides = "".join(p.read_text(encoding="utf-8") for p in sorted((DOCS / "howto").glob("*.md")))
    found = re.findall(r"^ *from (kgrec[\w.]*) import ([\w, ]+)$", guides, flags=re.MULTILINE)
    imports = [(module, name.strip()) for module, names in found for name in names.split(",")]
    assert ("kgrec.recommenders.base", "BaseVectorRecommender") in imports
    for module, name in imports:
        assert module in whole or f"{module}.{name}" in single, f"{module}.{name}"


def test_a_link_out_of_the_pages_leads_to_the_repository() -> None:
    from repository_links import rewritten

    page = DOCS / "howto" / "neo4j.md"
    text = "[c](../../compose.yaml), [k](../../kgrec#top), [g](../glossary.md), [i](install.md)"
    assert rewritten(text, page, DOCS, "https://example.org/k") == (
        "[c](https://example.org/k/blob/main/compose.yaml), "
        "[k](https://example.org/k/tree/main/kgrec#top), [g](../glossary.md), [i](install.md)"
    )
    assert rewritten("[c](../../compose.yaml)", page, DOCS, None) == "c (`compose.yaml`)"


def test_the_tutorial_has_every_field_of_a_map_with_the_columns_that_need_none() -> None:
    page = (DOCS / "tutorial" / "own-data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, flags=re.MULTILINE)
    told = {field: tuple(re.findall(r"`(\w+)`", columns)) for field, columns in rows}
    of_links = {"account_a", "account_b", "platform_a", "platform_b"}
    assert told == {f: names for f, names in USUAL_NAMES.items() if f not in of_links}
    command = typer.main.get_command(app).commands["ingest"]  # type: ignore[attr-defined]
    (option,) = [one for one in command.params if "--map" in one.opts]
    for field in told:
        assert re.search(rf"\b{field}\b", option.help), field
