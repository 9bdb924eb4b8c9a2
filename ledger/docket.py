"""What the vault remembers of erasures and holds, so that a crash, a restored ledger or a second process changes nothing.

An erasure's commitments say nothing once salt and value are gone. They are kept, so that the erasure can be resumed after a
crash and done again on a restored ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.vaultfile import VaultFile
from proofs.errors import HeldError

_STANDS: Final = "NOT EXISTS (SELECT 1 FROM release WHERE release.hold = hold.id)"
# ?1 the person, ?2 the request: it names one of them, or an identity that the person bears, or refused this request before.
_REFUSES: Final = f"""SELECT id, request FROM hold WHERE {_STANDS} AND (lookup = ?1 OR request = ?2
    OR lookup IN (SELECT hash FROM identity WHERE person = ?1) OR id IN (SELECT hold FROM held WHERE request = ?2))
    ORDER BY rowid"""  # noqa: S608


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
        super().__init__(
            f"erasure is refused by the legal hold {hold} on request {request!r}", hint="`tally hold list` shows it"
        )
        self.hold = hold
        self.request = request


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold as it was placed, and as it ended.

    Attributes:
        request: What it holds, or the case that it is for.
        is_on_person: A person or an identity is named, who is not erased for any other request either.
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
            hold = conn.execute(_REFUSES, (lookup, request)).fetchone()
            if hold is not None:
                raise StandingHoldError(*hold)
            select = "SELECT part.commitment FROM part JOIN person ON person.key = part.key WHERE lookup = ?"
            commitments = tuple(row[0] for row in conn.execute(select, (lookup,)))
            erasing = Erasing(id, request, stored(commitments), commitments)
            conn.execute("INSERT INTO erasure VALUES (?, ?, ?, NULL)", (id, request, erasing.parts))
            conn.executemany("INSERT INTO erasing VALUES (?, ?)", ((id, commitment) for commitment in commitments))
            conn.execute("DELETE FROM person WHERE lookup = ?", (lookup,))  # nothing new is sealed with the key
            conn.execute("DELETE FROM identity WHERE person = ?", (lookup,))
        return erasing

    def refusing(self, lookup: bytes, request: str) -> StandingHoldError | None:
        """Return the refusal with which an erasure of this person for this request would meet now; None without a hold."""
        found = self._file.rows(_REFUSES, lookup, request)
        return StandingHoldError(*found[0]) if found else None

    def identify(self, lookup: bytes, identities: Iterable[bytes]) -> None:
        """Remember which identities a person bears, until they are erased: a hold may name one of them."""
        with self._file.writing() as conn:
            rows = [(lookup, identity) for identity in identities]
            conn.executemany("INSERT OR IGNORE INTO identity VALUES (?, ?)", rows)

    def is_identified(self, lookup: bytes) -> bool:
        """Say whether it is known which identities a person bears."""
        return bool(self._file.rows("SELECT 1 FROM identity WHERE person = ? LIMIT 1", lookup))

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
            lookup: Whoever is named here, or bears this identity, is not erased for any other request either.
        """
        with self._file.writing() as conn:
            select = f"SELECT id FROM hold WHERE {_STANDS} AND request = ? AND lookup IS ?"  # noqa: S608
            found = conn.execute(select, (request, lookup)).fetchone()
            if found is None:
                conn.execute("INSERT INTO hold VALUES (?, ?, ?)", (id, request, lookup))
        return id if found is None else str(found[0])

    def adopted(self) -> int:
        """Return how many of the log's `held` this vault has taken note of."""
        return sum(row[0] for row in self._file.rows("SELECT entries FROM adopted"))

    def adopt(self, said: Iterable[tuple[str, str]], *, entries: int) -> None:
        """Take note of the (hold, request) of the log's first `entries` `held`; what is known stays as it is."""
        with self._file.writing() as conn:
            for hold, request in said:
                conn.execute("INSERT OR IGNORE INTO hold VALUES (?, ?, NULL)", (hold, request))
                # Of a hold that was placed here it is known whom it names: that it refused a request does not hold others.
                if conn.execute("SELECT changes() OR EXISTS (SELECT 1 FROM held WHERE hold = ?)", (hold,)).fetchone()[
                    0
                ]:
                    conn.execute("INSERT OR IGNORE INTO held VALUES (?, ?)", (hold, request))
            conn.execute("INSERT OR REPLACE INTO adopted VALUES (0, ?)", (entries,))

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
