"""Enrichments in Neo4j: begin, set aside, undo.

In:   an enrichment id, called ``run`` here as in the graph.
Out:  the ledger of enrichments, and derived relationships moved in bounded transactions.

The relationships in force bear their own type, so that people and their queries find
them; those of an earlier enrichment are kept as ``SET_ASIDE_...``. A step that was killed is
finished by taking it again: the ledger says first what is to be true, and the moves follow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from graph_store.errors import GraphStoreError
from graph_store.neo4j import enrichment_statements
from graph_store.neo4j.connection import Connection, Transaction
from graph_store.neo4j.statements import Names
from graph_store.schema import ENRICHED
from graph_store.store import EnrichmentEntry

__all__ = ["Entry", "Enrichments"]

_MOVED = 5_000
"""Relationships moved or deleted in one transaction."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrichment as the ledger has it."""

    run: str
    job: str
    at: int
    number: int
    finished: bool
    in_force: bool
    undoing: bool
    counts: dict[str, int]
    taken_back: int
    """Relationships and vectors that an undo deleted before it was stopped."""

    def shown(self) -> EnrichmentEntry:
        """The entry in the form that the contract of stores gives."""
        return EnrichmentEntry(self.run, self.job, self.at, self.finished, self.counts)


class Enrichments:
    """The ledger of enrichments and the relationships that bear their ids."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._db = connection
        self._names = names

    def all(self) -> list[Entry]:
        """Every enrichment that was not undone, oldest first."""
        return self._db.read(self._all)

    def of_job(self, job: str) -> list[Entry]:
        """The runs of one job, oldest first."""
        return [entry for entry in self.all() if entry.job == job]

    def in_force(self) -> list[str]:
        """Ids of the runs whose results stand, oldest first."""
        return [entry.run for entry in self.all() if entry.in_force]

    def open_entry(self, run: str) -> Entry:
        """An enrichment that may be written to."""
        return self._db.read(lambda tx: self._open_entry(tx, run))

    def lock_open_entry(self, tx: Transaction, run: str) -> Entry:
        """An enrichment that may be written to, and that no other writer touches until ``tx`` ends.

        The lock also makes a batch that is sent again, since the answer to its commit was lost,
        wait for the first copy rather than write beside it.
        """
        tx.run(self._names.lock(), {"by": run}).consume()
        return self._open_entry(tx, run)

    def _open_entry(self, tx: Transaction, run: str) -> Entry:
        entry = next((entry for entry in self._all(tx) if entry.run == run), None)
        if entry is None:
            raise GraphStoreError(f"enrichment {run} was never begun; call begin_enrichment first")
        if not entry.in_force:
            raise GraphStoreError(f"enrichment {run} was set aside by a later one; begin a new one")
        return entry

    def begin(self, run: str, job: str, at: int) -> None:
        """Enter ``run`` as the one in force of ``job``, or open it once more.

        Args:
            run: Enrichment id.
            job: The enrichment job that writes it.
            at: Unix seconds.

        Raises:
            GraphStoreError: The id is of another job, a later enrichment is in force, or an undo
                was left half done.
        """
        params = {"run": run, "job": job, "at": at, "by": run}

        def work(tx: Transaction) -> None:
            tx.run(self._names.lock(), params).consume()
            entries = self._all(tx)
            half = next((e for e in entries if e.job == job and e.undoing), None)
            if half is not None:
                raise GraphStoreError(
                    f"enrichment {half.run} of {job} was undone half way; undo it once more first"
                )
            known = next((entry for entry in entries if entry.run == run), None)
            if known is None:
                tx.run(enrichment_statements.create_run(self._names), params).consume()
            elif known.job != job:
                raise GraphStoreError(
                    f"enrichment {run} is of job {known.job}, not {job}; choose another id"
                )
            elif not known.in_force:
                raise GraphStoreError(
                    f"a later enrichment of {job} stands on {run}; choose another id"
                )
            else:
                tx.run(enrichment_statements.reopen_run(self._names), params).consume()

        self._db.write(work)

    def finish(self, run: str, counts: dict[str, int]) -> None:
        """Mark ``run`` complete."""
        self.open_entry(run)
        params = {"run": run, "counts": json.dumps(counts)}
        self._db.write(
            lambda tx: tx.run(enrichment_statements.finish_run(self._names), params).consume()
        )

    def start_undo(self, run: str) -> tuple[Entry, Entry | None]:
        """Put ``run`` out of force and the one before it into force; give both."""

        def work(tx: Transaction) -> tuple[Entry, Entry | None]:
            tx.run(self._names.lock(), {"by": run}).consume()
            entries = self._all(tx)
            entry = next((entry for entry in entries if entry.run == run), None)
            if entry is None:
                raise GraphStoreError(f"there is no enrichment {run}; see `kgrec enrich list`")
            if not entry.in_force and not entry.undoing:
                raise GraphStoreError(
                    f"a later enrichment of {entry.job} stands on {run}; undo that one first"
                )
            tx.run(enrichment_statements.start_undo(self._names), {"run": run}).consume()
            earlier = [e for e in entries if e.job == entry.job and e.number < entry.number]
            return entry, earlier[-1] if earlier else None

        return self._db.write(work)

    def delete(self, run: str) -> None:
        """Take ``run`` out of the ledger: the last step of an undo."""
        self._db.write(
            lambda tx: tx.run(enrichment_statements.delete_run(self._names), {"run": run}).consume()
        )

    def set_relationships_aside(self, run: str) -> None:
        """Give the relationships of ``run`` the type of what is not in force."""
        self._move(run, back=False)

    def bring_relationships_back(self, run: str) -> None:
        """The reverse of :meth:`set_relationships_aside`."""
        self._move(run, back=True)

    def delete_relationships(self, run: str) -> None:
        """Delete what ``run`` wrote; the ledger counts it."""
        for rel_type in ENRICHED:
            statement = enrichment_statements.delete_some_of_run(self._names, rel_type)
            while self.take_back(statement, run, limit=_MOVED)["rows"]:
                pass

    def take_back(self, statement: str, run: str, **params: Any) -> dict[str, Any]:
        """The record of a deletion that returns ``rows``, which the ledger adds to the undo."""

        def work(tx: Transaction) -> dict[str, Any]:
            record = dict(tx.run(statement, {"run": run, **params}).single(strict=True))
            if record["rows"]:
                counted = {"run": run, "rows": record["rows"]}
                tx.run(enrichment_statements.note_taken_back(self._names), counted).consume()
            return record

        return self._db.write(work)

    def taken_back(self, run: str) -> int:
        """What the undo of ``run`` deleted until now, also before it was stopped."""
        return sum(entry.taken_back for entry in self.all() if entry.run == run)

    def _move(self, run: str, *, back: bool) -> None:
        for rel_type in ENRICHED:
            statement = enrichment_statements.move_some(self._names, rel_type, back=back)
            self._db.repeat(statement, run=run, limit=_MOVED)

    def _all(self, tx: Transaction) -> list[Entry]:
        return [_entry(record["run"]) for record in tx.run(enrichment_statements.runs(self._names))]


def _entry(values: dict[str, Any]) -> Entry:
    return Entry(
        run=values["run"],
        job=values["job"],
        at=values["at"],
        number=values["number"],
        finished=values["finished"],
        in_force=values["in_force"],
        undoing=values.get("undoing", False),
        counts=json.loads(values["counts"]),
        taken_back=values.get("taken_back", 0),
    )
