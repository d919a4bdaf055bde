"""The second server that tests of this folder share: Neo4j of the calendar release."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.neo4j_server.server import CALENDAR, Neo4jServer, find_java


@pytest.fixture(scope="package")
def calendar_url() -> Iterator[str]:
    """Skips where no Java is new enough."""
    if find_java(21) is None:
        pytest.skip(f"Neo4j {CALENDAR} needs Java 21 or newer")
    with Neo4jServer(CALENDAR) as server:
        yield server.url
