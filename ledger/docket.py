"""What the vault remembers of erasures and holds, so that a crash, a restored ledger or a second process changes nothing.

An erasure's commitments say nothing once salt and value are gone. They are kept, so that the erasure can be resumed after a
crash and done again on a restored ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.vaultfile import VaultFile
from proofs.errors import HeldError

_STANDS: Final = "NOT EXISTS (SELECT 1 FROM release WHERE release.hold = hold.id)"


@dataclass(frozen=True, slots=True)
class Erasing:
    """An erasure as it was begun.

    Attributes:
        request: Id of the request that asked for it, if one did.
        parts: How many parts stood in the ledger then.
        commitments: Of every part whose key goes, also of parts that were sealed and never reached the ledger.
    """

    id: str
    request: str | None
    parts: int
    commitments: tuple[bytes, ...]


class StandingHoldError(HeldError):
    """A legal hold refuses an erasure.

    Attributes:
        hold: The hold's id.
        request: What it holds.
    """

    def __init__(self, hold: str, request: str) -> None:
        super().__init__(f"erasure is refused by the legal hold {hold} on request {request!r}")
        self.hold = hold
        self.request = request


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold as it was placed, and as it ended.

    Attributes:
        request: What it holds.
        is_on_person: Somebody is named, who is not erased for any other request either.
        actor, reason: Who released it and why; None while it stands.
    """

    id: str
    request: str
    is_on_person: bool
    actor: str | None
    reason: str | None

    @property
    def stands(self) -> bool:
        """True until it is released."""
        return self.actor is None


class Docket:
    """Erasures and holds of one vault. People are known to it by the vault's keyed hash of them alone."""

    def __init__(self, file: VaultFile) -> None:
        self._file = file

    def begin(
        self, id: str, lookup: bytes, *, request: str | None, stored: Callable[[Sequence[bytes]], int]
    ) -> Erasing:
        """Write down which parts of a person an erasure destroys, before anything is destroyed.

        Args:
            stored: Returns how many of some commitments stand in the ledger.

        Raises:
            StandingHoldError: A legal hold stands on the person or on the request; nothing was changed.
        """
        with self._file.writing() as conn:
            hold = conn.execute(
                f"SELECT id, request FROM hold WHERE {_STANDS} "  # noqa: S608
                "AND (lookup = ? OR request = ?) ORDER BY rowid",
                (lookup, request),
            ).fetchone()
            if hold is not None:
                raise StandingHoldError(*hold)
            select = "SELECT part.commitment FROM part JOIN person ON person.key = part.key WHERE lookup = ?"
            commitments = tuple(row[0] for row in conn.execute(select, (lookup,)))
            erasing = Erasing(id, request, stored(commitments), commitments)
            conn.execute("INSERT INTO erasure VALUES (?, ?, ?, NULL)", (id, request, erasing.parts))
            conn.executemany("INSERT INTO erasing VALUES (?, ?)", ((id, commitment) for commitment in commitments))
            conn.execute("DELETE FROM person WHERE lookup = ?", (lookup,))  # nothing new is sealed with the key
        return erasing

    def unfinished(self) -> list[Erasing]:
        """Return the erasures that are not finished, in the order in which they were begun."""
        select = "SELECT id, request, parts FROM erasure WHERE finished IS NULL ORDER BY rowid"
        return [Erasing(id, request, parts, self._erasing(id)) for id, request, parts in self._file.rows(select)]

    def _erasing(self, id: str) -> tuple[bytes, ...]:
        return tuple(row[0] for row in self._file.rows("SELECT commitment FROM erasing WHERE erasure = ?", id))

    def finished(self, *, limit: int) -> list[str]:
        """Return the ids of the erasures that were finished last, the latest first."""
        select = "SELECT id FROM erasure WHERE finished IS NOT NULL ORDER BY finished DESC LIMIT ?"
        return [row[0] for row in self._file.rows(select, limit)]

    def destroyed(self) -> dict[bytes, str]:
        """Return the commitment of every part that a finished erasure destroyed, with the erasure's id."""
        select = "SELECT commitment, erasure FROM erasing JOIN erasure ON id = erasure WHERE finished IS NOT NULL"
        return dict(self._file.rows(select))

    def finish(self, id: str) -> None:
        """Mark an erasure as done: its last event is in the log."""
        with self._file.writing() as conn:
            number = "(SELECT ifnull(max(finished), 0) + 1 FROM erasure)"
            conn.execute(f"UPDATE erasure SET finished = {number} WHERE id = ?", (id,))  # noqa: S608

    def reopen(self, id: str) -> None:
        """Mark an erasure as begun again: the ledger was restored to a state before it."""
        with self._file.writing() as conn:
            conn.execute("UPDATE erasure SET finished = NULL WHERE id = ?", (id,))

    def hold(self, id: str, request: str, lookup: bytes | None) -> str:
        """Keep a legal hold and return its id: `id`, unless the same hold stands already.

        Args:
            request: What is held; every erasure for it is refused.
            lookup: Whoever is named here is not erased for any other request either.
        """
        with self._file.writing() as conn:
            select = f"SELECT id FROM hold WHERE {_STANDS} AND request = ? AND lookup IS ?"  # noqa: S608
            found = conn.execute(select, (request, lookup)).fetchone()
            if found is None:
                conn.execute("INSERT INTO hold VALUES (?, ?, ?)", (id, request, lookup))
        return id if found is None else str(found[0])

    def release(self, id: str, actor: str, reason: str) -> None:
        """End a hold for good; one that is released already stays as it was released first."""
        with self._file.writing() as conn:
            conn.execute("INSERT OR IGNORE INTO release VALUES (?, ?, ?)", (id, actor, reason))

    def holds(self) -> list[Hold]:
        """Return all holds, in the order in which they were placed."""
        select = (
            "SELECT id, request, lookup IS NOT NULL, actor, reason FROM hold LEFT JOIN release ON hold = id "
            "ORDER BY hold.rowid"
        )
        return [
            Hold(id, request, bool(named), actor, reason)
            for id, request, named, actor, reason in self._file.rows(select)
        ]
