"""Vectors on nodes of Neo4j, their index, and the search.

In:   arrays, a filter.
Out:  node properties in bounded transactions; nearest nodes with their exact cosine.

The index gives candidates, the filter and an exact score choose among them; where that
leaves fewer than were asked for, every vector that passes the filter is compared, so that
``k`` nodes come whenever ``k`` exist.

Shapes:  N vectors   D width
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_store.errors import GraphStoreError
from graph_store.filters import check_filter, check_vectors
from graph_store.neo4j import filter_statements, statements, vector_statements
from graph_store.neo4j.connection import Connection
from graph_store.neo4j.enrichment import Enrichments, Entry
from graph_store.neo4j.questions import Questions
from graph_store.neo4j.statements import Names
from graph_store.schema import Label
from graph_store.store import Near, NodeFilter

__all__ = ["Vectors"]

_ROWS = 1_000
_PAGE = 5_000

_FEW = 1_000
"""A search among this many allowed keys or fewer compares them all and asks no index."""


class Vectors:
    """Reads and writes the property ``vector``.

    Args:
        connection: The database.
        names: Spelling of labels, types and indexes of this graph.
        ledger: Says which enrichments are in force.
        questions: Checks filters.
    """

    search_clause = False
    """Whether the server has the SEARCH clause; older ones have a procedure."""

    def __init__(
        self, connection: Connection, names: Names, ledger: Enrichments, questions: Questions
    ) -> None:
        self._db = connection
        self._names = names
        self._ledger = ledger
        self._questions = questions
        self._checked: set[tuple[Label, str, int]] = set()

    def check_again(self) -> None:
        """Look for vectors of other enrichments again at the next :meth:`write`."""
        self._checked.clear()

    def write(
        self, label: Label, keys: Sequence[str], vectors: NDArray[np.float32], run: str
    ) -> int:
        """Put vectors ``[N, D]`` onto nodes; return how many nodes took one.

        Args:
            label: Label of the nodes.
            keys: Keys of the nodes ``[N]``; of a key given twice the last vector counts.
            vectors: Vectors ``[N, D]``.
            run: Enrichment id.
        """
        check_vectors(keys, vectors)
        width = vectors.shape[1]
        self._ledger.open_entry(run)
        # Once for all batches of an enrichment: the search reads every node of the label.
        if (label, run, width) not in self._checked:
            self._refuse_others(label, run, width)
            self._checked.add((label, run, width))
        self._make_index(label, width)
        last = {key: row for row, key in enumerate(keys)}  # a key given twice: the last counts
        rows = [[key, vectors[row].tolist()] for key, row in sorted(last.items())]
        statement = vector_statements.write_vectors(self._names, label)
        taken = 0
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            taken += int(self._db.write_one(statement, rows=part, run=run)["rows"])
        return taken

    def _refuse_others(self, label: Label, run: str, width: int) -> None:
        """Raise where vectors in force are of another enrichment, or of another width."""
        other = self._db.rows(
            vector_statements.other_run(self._names, label),
            run=run,
            width=width,
            runs=self._ledger.in_force(),
        )
        if other and other[0]["run"] != run:
            raise GraphStoreError(
                f"vectors of {label} are of enrichment {other[0]['run']} of another job; "
                f"undo it first"
            )
        if other:
            raise GraphStoreError(
                f"enrichment {run} holds vectors of width {other[0]['width']} for {label}, "
                f"got {width}; "
                f"undo it to begin with another width"
            )

    def await_index(self, label: Label) -> None:
        """Return when the index holds all that was committed; at once where there is none."""
        index = self._names.vector_index(label)
        if self._db.rows(statements.SHOW_VECTOR_INDEX, index=index):
            self._db.rows(statements.AWAIT_INDEX, index=index)

    def read(self, label: Label) -> tuple[list[str], NDArray[np.float32]]:
        """Keys and vectors in force, sorted by key."""
        statement, runs = (
            vector_statements.read_vectors(self._names, label),
            self._ledger.in_force(),
        )
        keys: list[str] = []
        parts: list[NDArray[np.float32]] = []
        after = ""
        while True:
            (record,) = self._db.rows(statement, after=after, page=_PAGE, runs=runs)
            if not record["key"]:
                break
            keys += record["key"]
            parts.append(np.array(record["vector"], dtype=np.float32))
            after = keys[-1]
        if not keys:
            return [], np.empty((0, 0), dtype=np.float32)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return [keys[i] for i in order], np.concatenate(parts)[order]

    def nearest(
        self, label: Label, vector: NDArray[np.float32], k: int, where: NodeFilter
    ) -> list[Near]:
        """The ``k`` nodes of the highest cosine that pass ``where``.

        Args:
            label: Label of the nodes that are searched.
            vector: Query vector ``[D]``.
            k: Number of nodes at most.
            where: Conditions that a node must meet.

        Raises:
            GraphStoreError: The query vector has another width than the stored ones.
        """
        check_filter(label, where)
        index = self._names.vector_index(label)
        shown = self._db.rows(statements.SHOW_VECTOR_INDEX, index=index)
        if not shown or k < 1:
            return []
        if shown[0]["width"] != vector.size:
            raise GraphStoreError(
                f"vectors of {label} have width {shown[0]['width']}, got {vector.size}"
            )
        compiled = self._questions.compiled(where)
        condition = filter_statements.conditions(compiled)
        params = compiled.params | {
            "runs": self._ledger.in_force(),
            "vector": [float(x) for x in np.asarray(vector, dtype=np.float32).ravel()],
            "usable": bool(np.any(vector)),
            "k": k,
        }
        if (where.allow is None or len(where.allow) > _FEW) and params["usable"]:
            filtered = where != NodeFilter()
            found = self._indexed(label, condition, params, fetch=k * (20 if filtered else 4) + 20)
            if len(found) == k:
                return found
        exact = vector_statements.nearest_exact(self._names, label, condition)
        return [Near(row["key"], row["score"]) for row in self._db.rows(exact, **params)]

    def set_aside(self, entry: Entry) -> None:
        """Keep the vectors of an earlier enrichment under a property of their own."""
        for label in Label:
            self._pages(
                vector_statements.set_vectors_aside(self._names, label, entry.number), entry.run
            )

    def bring_back(self, entry: Entry) -> None:
        """The reverse of :meth:`set_aside`; the index takes their width again."""
        for label in Label:
            statement = vector_statements.bring_back_vectors(self._names, label, entry.number)
            width = max(
                (
                    record["width"]
                    for record in self._pages(statement, entry.run)
                    if record["width"]
                ),
                default=0,
            )
            if width:
                self._make_index(label, width)

    def drop(self, entry: Entry) -> None:
        """Take the vectors of ``entry`` away; the ledger counts them."""
        for label in Label:
            statement = vector_statements.drop_vectors(self._names, label)
            after: str | None = ""
            while after is not None:
                page = self._ledger.take_back(statement, entry.run, after=after, page=_PAGE)
                after = page["last"]

    def drop_index(self, label: Label) -> None:
        """Without the index there is nothing to search."""
        self._db.define(vector_statements.drop_index(self._names, label))

    def _indexed(
        self, label: Label, condition: str, params: dict[str, Any], *, fetch: int
    ) -> list[Near]:
        statement = vector_statements.nearest_indexed(
            self._names, label, condition, search_clause=self.search_clause
        )
        rows = self._db.rows(
            statement, index=self._names.vector_index(label), fetch=fetch, **params
        )
        return [Near(row["key"], row["score"]) for row in rows]

    def _make_index(self, label: Label, width: int) -> None:
        """Have an index of this width that takes writes; one that failed is made again.

        Nothing may be written while an index is populated: a zero vector, which no cosine index
        holds, then makes it fail (a NullPointerException in Neo4j 5.26.21 and 2026.09.0).
        """
        index = self._names.vector_index(label)
        shown = self._db.rows(statements.SHOW_VECTOR_INDEX, index=index)
        if shown and (shown[0]["width"] != width or shown[0]["state"] == "FAILED"):
            self.drop_index(label)
            shown = []
        if not shown:
            self._db.define(vector_statements.create_index(self._names, label, width))
        if not shown or shown[0]["state"] != "ONLINE":
            self._db.rows(statements.AWAIT_INDEX, index=index)

    def _pages(self, statement: str, run: str) -> list[dict[str, Any]]:
        """Run a write over all nodes, a page of keys a transaction."""
        records: list[dict[str, Any]] = []
        after = ""
        while True:
            record = self._db.write_one(statement, after=after, page=_PAGE, run=run)
            if record["last"] is None:
                return records
            records.append(record)
            after = record["last"]
