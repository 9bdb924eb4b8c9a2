"""The two seams to a kind of store: one component deletes, another one looks.

They are written apart, hold no common state, and go by different names; nobody certifies their own work. The values that
they are given are personal: they go in as bound parameters and never into a statement's text, a log line or an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lineage.deletion.facts import Component, Level, Place, Residual


@dataclass(frozen=True, slots=True)
class Deleted:
    """What an executor did: rows deleted, by which method, and what of them may outlive it."""

    rows: int
    method: str
    residuals: tuple[Residual, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a verifier found.

    Attributes:
        matched: Rows that hold one of the values.
        others: A few other values that stand in the column and that the very same query found, written as an identity
            is; of other people, so they are never kept.
        query: SHA-256 of the statement's text, 64 hex digits; equal text, equal question.
        level: How far the absence would reach (L2: not retrievable by a query on the current version).
    """

    matched: int
    others: tuple[str, ...] = field(repr=False)
    query: str
    level: Level


class Executor(Protocol):
    """Deletes a person's rows in one store."""

    component: Component

    def delete(self, place: Place, values: Sequence[str]) -> Deleted:
        """Delete every row at `place` whose column holds one of `values`.

        MUST be idempotent: a second call deletes nothing and is no error. MUST be durable when it returns.

        Raises:
            TallyError: Nothing, or nothing more, was deleted; the message holds none of the values, nor does a cause.
        """


class Verifier(Protocol):
    """Looks for a person's rows in one store, with means of its own."""

    component: Component

    def probe(self, place: Place, values: Sequence[str]) -> Probe:
        """Count the rows at `place` whose column holds one of `values`, and show what else the query can find.

        MUST NOT change the store.

        Raises:
            TallyError: It could not look; the message holds none of the values, nor does a cause.
        """

    def knows(self, place: Place, values: Sequence[str]) -> bool:
        """Say whether the column at `place` holds at least one of `values`; one that cannot stand there is passed over.

        MUST NOT change the store.

        Raises:
            TallyError: As `probe`.
        """
