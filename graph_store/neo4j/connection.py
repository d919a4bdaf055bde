"""Transactions on a Neo4j server that outlive its restarts.

In:   settings or a driver that the caller opened; functions that run statements.
Out:  what they return, once their transaction is committed; or one clear error.

A transaction function may run more than once: after a lost connection, a deadlock, or a
commit whose answer never came (``IncompleteCommit``). That is safe, since every write of
this store is idempotent, and functions here must stay so.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import neo4j
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from graph_store.errors import GraphStoreError, StoreUnavailableError
from graph_store.neo4j.settings import Neo4jSettings
from graph_store.neo4j.tls import LONGEST, tls_problem
from graph_store.store_url import ENCODING

__all__ = ["Connection", "open_driver"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Transaction = neo4j.ManagedTransaction

_PASSING = (IncompleteCommit, ServiceUnavailable, SessionExpired, TransientError)
"""Errors that a later attempt may not meet."""

_WAIT_FOR_LOST = 120.0
"""Seconds for which a server that answered before may be away."""


def open_driver(settings: Neo4jSettings) -> neo4j.Driver:
    """Make a driver; nothing is sent yet.

    Raises:
        StoreUnavailableError: The driver refuses the address or its options.
    """
    auth = (settings.user or "neo4j", settings.password) if settings.password else None
    try:
        return neo4j.GraphDatabase.driver(
            settings.uri,
            auth=auth,
            user_agent="kgrec",
            max_transaction_retry_time=5,  # then Connection goes on, without ever longer pauses
            connection_timeout=settings.connect_timeout,
            # Opening a connection counts as acquiring one, with all that the server must say.
            connection_acquisition_timeout=settings.connect_timeout,
            liveness_check_timeout=60,  # load balancers drop what is idle
        )
    except (ConfigurationError, ValueError) as error:
        raise StoreUnavailableError(f"{settings.shown} cannot be opened: {error}") from error


class Connection:
    """One database through one driver, with retries; usable by several threads."""

    def __init__(
        self,
        driver: neo4j.Driver,
        *,
        shown: str,
        database: str | None,
        uri: str | None = None,
        has_password: bool = True,
        wait: float | None = None,
        connect_timeout: float | None = None,
    ) -> None:
        """Send nothing yet.

        Args:
            driver: Open.
            shown: What messages call the server.
            database: None: the server's default one.
            uri: Where the driver connects to, without user and password; None: not known.
            has_password: Whether the driver was given one.
            wait: Seconds for which a server that does not answer is waited for; None: not at
                all at first contact, two minutes later.
            connect_timeout: Seconds that the driver gives one attempt to connect; None: not known.

        Raises:
            GraphStoreError: ``wait`` is negative or no number.
        """
        if wait is not None and not wait >= 0:  # not a number, too
            raise GraphStoreError(f"--wait: seconds must be 0 or more, got {wait}")
        self._driver = driver
        self.shown = shown
        self._database = database
        self._uri = uri
        self._has_password = has_password
        self._connect_timeout = connect_timeout
        self._first_wait = wait or 0.0
        self._wait = _WAIT_FOR_LOST if wait is None else wait
        self._quiet: dict[str, Any] = {"notifications_min_severity": "OFF"}

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in one transaction; return when it is committed."""
        return self._persist(lambda: self._once(work, write=True))

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in one reading transaction; it may not write."""
        return self._persist(lambda: self._once(work, write=False))

    def rows(self, statement: str, **params: Any) -> list[neo4j.Record]:
        """All records of one reading statement."""
        return self.read(lambda tx: list(tx.run(statement, params)))

    def first_contact(self, work: Callable[[neo4j.Transaction], T]) -> T:
        """Run ``work`` as the first thing that the server is asked, and explain each failure.

        Other than :meth:`read`, it waits for the server only if that was asked for.

        Raises:
            StoreUnavailableError: The server does not answer, refuses the password or the
                handshake, or has no such database.
            GraphStoreError: The server refuses the statement, e.g. for want of rights.
        """
        deadline = time.monotonic() + self._first_wait
        waiting = False
        while True:
            try:
                return self._untried(work)
            except AuthError as error:
                who = "a connection without user and password"
                if self._has_password:
                    who = "the user and password"
                raise StoreUnavailableError(
                    f"{self.shown} refuses {who}; give them in NEO4J_USERNAME and NEO4J_PASSWORD, "
                    f"or in the URL ({ENCODING})"
                ) from error
            except ConfigurationError as error:
                raise self._unavailable(error) from error
            except (*_PASSING, DriverError, OSError) as error:
                problem = self._tls_problem()
                if problem is not None:
                    raise StoreUnavailableError(problem) from error
                if time.monotonic() >= deadline:
                    raise self._unavailable(error) from error
            except ClientError as error:
                if "DatabaseNotFound" in str(error.code):
                    raise StoreUnavailableError(
                        f"{self.shown} has no database of this name; create it, or leave the name "
                        f"out for the default one"
                    ) from error
                raise GraphStoreError(f"{self.shown} refuses: {error.message}") from error
            if not waiting:
                log.info("%s does not answer yet; waiting for it", self.shown)
            waiting = True
            time.sleep(random.uniform(0.5, 1.5))

    def _tls_problem(self) -> str | None:
        if not self._uri:
            return None
        return tls_problem(self._uri, seconds=min(LONGEST, self._connect_timeout or LONGEST))

    def write_one(self, statement: str, **params: Any) -> dict[str, Any]:
        """The one record of one writing statement, in a transaction of its own."""
        return self.write(lambda tx: dict(tx.run(statement, params).single(strict=True)))

    def define(self, statement: str) -> None:
        """Change the schema; something that is there already is well."""
        try:
            self.write(lambda tx: tx.run(statement).consume())
        except GraphStoreError as error:
            code = getattr(error.__cause__, "code", "")
            if "EquivalentSchemaRuleAlreadyExists" not in str(code):
                raise

    def repeat(self, statement: str, **params: Any) -> int:
        """Run a bounded write again and again until it finds no row; return all its rows."""
        total = 0
        while True:
            rows = int(self.write_one(statement, **params)["rows"])
            total += rows
            if not rows:
                return total

    def close(self) -> None:
        """Close the driver."""
        self._driver.close()

    def _once(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        with self._driver.session(database=self._database, **self._quiet) as session:
            result: T = (session.execute_write if write else session.execute_read)(work)
            return result

    def _untried(self, work: Callable[[neo4j.Transaction], T]) -> T:
        try:
            return self._untried_once(work)
        except ConfigurationError:
            if not self._quiet:
                raise
            self._quiet = {}  # a server too old to be told to keep its notes to itself
            return self._untried_once(work)

    def _untried_once(self, work: Callable[[neo4j.Transaction], T]) -> T:
        with (
            self._driver.session(database=self._database, **self._quiet) as session,
            session.begin_transaction() as tx,
        ):
            return work(tx)

    def _persist(self, attempt: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._wait
        while True:
            try:
                return attempt()
            except AuthError as error:
                raise StoreUnavailableError(
                    f"{self.shown} no longer accepts the password it was opened with"
                ) from error
            except _PASSING as error:
                if time.monotonic() >= deadline:
                    raise self._unavailable(error) from error
                log.info("%s: %s; trying again", self.shown, _first_line(error))
                time.sleep(random.uniform(0.5, 1.5))
            except Neo4jError as error:
                raise GraphStoreError(f"{self.shown} refuses this: {_first_line(error)}") from error

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        if isinstance(error, TransientError):
            return StoreUnavailableError(
                f"{self.shown} could not take the work: {_first_line(error)}"
            )
        if self._connect_timeout and _timed_out(error):
            return StoreUnavailableError(
                f"no Neo4j answers at {self.shown} within {self._connect_timeout:g} seconds; is "
                f"this the port of Bolt (usually 7687), and does no firewall stand between? "
                f"KGREC_CONNECT_TIMEOUT=SECONDS gives it longer"
            )
        return StoreUnavailableError(
            f"no Neo4j answers at {self.shown}; is it running, and are host and port right? "
            f"A server that is starting is waited for with --wait SECONDS "
            f"({_first_line(error)})"
        )


def _timed_out(error: BaseException | None) -> bool:
    """Whether a time limit is among the causes of ``error``."""
    if error is None or isinstance(error, TimeoutError):
        return error is not None
    if isinstance(error, BaseExceptionGroup):
        return any(map(_timed_out, error.exceptions))
    return _timed_out(error.__cause__)


def _first_line(error: BaseException) -> str:
    while isinstance(error.__cause__, BaseExceptionGroup):  # of a driver that asks several servers
        error = error.__cause__.exceptions[0]
    text = (error.message if isinstance(error, Neo4jError) else None) or str(error)
    if not text:
        return type(error).__name__
    first, *others = text.splitlines()
    reason = re.search(r"\(reason (.+)\)$", others[-1]) if others else None
    # The driver names each address on a line of its own, with the reason at its end.
    return f"{first} {reason[1]}" if reason else first.rstrip(":")
