"""The notebooks run, show what is stored in them, and lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.conftest import empty_neo4j
from tests.examples import notebooks
from tests.examples.notebooks import EXAMPLES, NAMES, NEEDS_NEO4J, VARIES, executed, texts


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Text vectors that one notebook made are read by the next."""
    return {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def assert_it_shows_what_is_stored(name: str, folder: Path, environment: dict[str, str]) -> None:
    """A cell that ``varies`` shows as many outputs, every other one the same text."""
    stored = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    new = executed(name, folder, environment)
    for was, now in zip(stored.cells, new.cells, strict=True):
        if was.cell_type != "code":
            continue
        assert was.execution_count == now.execution_count, "run `make notebooks`"
        if VARIES in was.metadata.get("tags", ()):
            assert len(texts(now)) == len(texts(was)), was.source
        else:
            assert texts(now) == texts(was), was.source


@pytest.mark.parametrize("name", [name for name in NAMES if name != NEEDS_NEO4J])
def test_a_notebook_shows_what_is_stored_in_it(
    name: str, tmp_path: Path, cache: dict[str, str]
) -> None:
    assert_it_shows_what_is_stored(name, tmp_path, cache)


@pytest.mark.neo4j
def test_the_notebook_on_neo4j_shows_what_is_stored_in_it(
    tmp_path: Path, cache: dict[str, str], neo4j_url: str
) -> None:
    prefix = "KgExample"
    assert f'PREFIX = "{prefix}"' in (EXAMPLES / "neo4j.ipynb").read_text().replace('\\"', '"')
    empty_neo4j(neo4j_url, prefix)  # of a run that was cut off
    assert_it_shows_what_is_stored(NEEDS_NEO4J, tmp_path, {**cache, "NEO4J_URI": neo4j_url})


def test_without_a_server_the_notebook_on_neo4j_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)
    with pytest.raises(
        CellExecutionError, match=r"NEO4J_URI is not set, so there is .* start again\n"
    ):
        executed(NEEDS_NEO4J, tmp_path)


def test_a_notebook_that_raises_or_shows_something_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison itself: a small notebook whose stored output is wrong."""
    monkeypatch.setattr(notebooks, "EXAMPLES", tmp_path)
    monkeypatch.setattr("tests.examples.test_notebooks.EXAMPLES", tmp_path)
    cell = nbformat.v4.new_code_cell("print(6 * 7)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="41\n")]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "wrong.ipynb")
    with pytest.raises(AssertionError, match="42"):
        assert_it_shows_what_is_stored("wrong", tmp_path, {})
    cell.metadata["tags"] = [VARIES]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "varies.ipynb")
    assert_it_shows_what_is_stored("varies", tmp_path, {})


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_outputs_and_links_that_lead_somewhere(name: str) -> None:
    cells = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4).cells
    assert sum(bool(cell.get("outputs")) for cell in cells) >= 5
    assert any("a picture" in texts(cell) for cell in cells if cell.cell_type == "code")
    assert cells[0].source.startswith("# ")
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    assert targets
    for target in targets:
        assert (EXAMPLES / target).is_file(), target
