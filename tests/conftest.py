"""What tests of several folders share: a real Neo4j, emptied stores in it, and how tests run.

`make tests` runs them in two processes: the tests of one file in the same process, and each
process with a Neo4j server of its own.
"""

from __future__ import annotations

import os

# Set before a numeric library is imported. Tests compute little: several threads take longer than
# one, and those of two test processes would compete for the same CPUs.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# ranx, which one test compares with, would spend half a minute on compiling.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.cpu_seconds import cpu_seconds, note, slowest
from tests.neo4j_server.server import Neo4jServer, ServerMissingError, do_without, missing

if TYPE_CHECKING:
    from graph_store.neo4j.store import Neo4jStore
    from tests.trained_world import TrainedWorld

TEST_PREFIX = "KgTest" + os.environ.get("PYTEST_XDIST_WORKER", "").capitalize()
"""Before every label that tests write, so that a database under NEO4J_URI keeps its own, and that
two test processes keep apart in it."""


@pytest.fixture(scope="session")
def neo4j_url() -> Iterator[str]:
    """A server for the session: ``NEO4J_URI`` if set, else one started here."""
    given = os.environ.get("NEO4J_URI")
    if given:
        yield given
        return
    try:
        with Neo4jServer() as server:
            yield server.url
    except ServerMissingError as error:
        do_without(error)


@pytest.fixture(scope="session")
def trained_world(tmp_path_factory: pytest.TempPathFactory) -> TrainedWorld:
    """A small world that was really ingested and trained; read it, do not write to it."""
    from tests.trained_world import train_world

    return train_world(tmp_path_factory.mktemp("trained-world"))


@pytest.fixture
def neo4j_store(neo4j_url: str) -> Iterator[Callable[..., Neo4jStore]]:
    """Call it for a store: emptied at the first call of a test, as it is at later ones."""
    from graph_store.neo4j.store import Neo4jStore

    opened: list[Neo4jStore] = []

    def open_one(**options: Any) -> Neo4jStore:
        options = {"label_prefix": TEST_PREFIX, **options}
        if not opened:
            empty_neo4j(neo4j_url)
        opened.append(Neo4jStore.from_url(neo4j_url, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def empty_neo4j(url: str, prefix: str = TEST_PREFIX) -> None:
    """Delete every node whose label begins with ``prefix``, and vector indexes of such labels."""
    from graph_store.neo4j.store import Neo4jStore

    with Neo4jStore.from_url(url, label_prefix=prefix) as store:
        store.drop_all()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _noted(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _noted(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    return (yield from _noted(item))


def _noted(item: pytest.Item) -> Iterator[None]:
    before = cpu_seconds()
    try:
        return (yield)
    finally:
        note(item, cpu_seconds() - before)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [
        report
        for some in terminalreporter.stats.values()
        for report in some
        if getattr(report, "when", None) == "teardown"
    ]
    if len(reports) > 1:
        terminalreporter.section("most CPU seconds")
        terminalreporter.write_line("\n".join(slowest(reports)))
    for reason in dict.fromkeys(missing):
        terminalreporter.write_line("")
        terminalreporter.write_line(f"NEO4J TESTS WERE SKIPPED: {reason}", red=True, bold=True)
