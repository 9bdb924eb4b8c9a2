"""The end of a log: nothing follows `ledger.closed` but the census that counts it (I3).

    1  `ledger.closed` and the census    one transaction: no crash leaves a closed log that cannot answer any more
    2  the last checkpoint               what the successor names as its predecessor, and every later bundle is made at

A closed log is read, proven, verified and exported for ever. It still forgets and still holds, for the law does not end with it;
but nothing can be said of that in the log.

Source: docs/formats/events.md, "The end of a log".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ledger.event import Event
from ledger.record import read_record
from ledger.store import Store
from proofs import jsonstrict, limits
from proofs.census import CENSUS_TAKEN
from proofs.chain import CLOSED
from proofs.checkpoint import Checkpoint
from proofs.digest import HASH_BYTES
from proofs.errors import RefusedError
from proofs.keys import ORIGIN
from proofs.note import Note

if TYPE_CHECKING:
    from ledger.checkpoint import SignedCheckpoint
    from ledger.log import Ledger

Reason = Literal["compromised", "ended", "superseded"]
REASONS: Final[tuple[Reason, ...]] = ("compromised", "ended", "superseded")


class ClosedError(RefusedError):
    """The log was closed, so nothing is recorded any more; nothing was written.

    Attributes:
        seq: Of the entry that closed it.
    """

    code = "closed"

    def __init__(self, seq: int) -> None:
        super().__init__(
            f"the log was closed by entry {seq}, and nothing is recorded in it any more",
            hint="write to its successor; this log is read, verified and exported as before",
        )
        self.seq = seq


def closed_by(store: Store) -> int | None:
    """Return the seq of the entry that closed the log; None while it is open. Two entries are read, whatever its size."""
    with store.reading():
        size = store.size()
        last = store.headers(max(size - 2, 0), size)
    types = [read_record(header, None).type for header in last]
    if types[-1:] == [CLOSED]:
        return size - 1
    return size - 2 if types == [CLOSED, CENSUS_TAKEN] else None


def check_open(store: Store) -> None:
    """Accept a log that is not closed.

    Raises:
        ClosedError: It is.
    """
    if (seq := closed_by(store)) is not None:
        raise ClosedError(seq)


def unless_closed(record: Callable[[Sequence[Event]], Any], event: Event) -> bool:
    """Record one event; False, and nothing happened, when the log is closed."""
    try:
        record([event])
    except ClosedError:
        return False
    return True


def close_log(log: Ledger, *, reason: str, successor: str | None = None) -> SignedCheckpoint:
    """Close the log for good and return its last checkpoint; the same again, after a crash, ends what was begun.

    Args:
        reason: "compromised" (its key), "ended" or "superseded".
        successor: Origin of the log that goes on, where it is known.

    Raises:
        RefusedError: The reason is none of the three, or the successor is no origin, or is this log itself.
        ClosedError: The log was closed before, and with other words.
        MissingError: There is no keyring to sign with; the log stays open.
    """
    event = _closed_event(log.origin, reason, successor)
    log.signer("log").public_key  # noqa: B018 - asks for the passphrase now, not when the log is closed
    seq = closed_by(log.store)
    if seq is None:
        log.take_census(closing=event)
    elif log.entry(seq).body != event.data:
        raise ClosedError(seq)
    return last_checkpoint(log)


def last_checkpoint(log: Ledger) -> SignedCheckpoint:
    """Return the checkpoint of a closed log that ends with its census; whichever of the two is not there is made."""
    if closed_by(log.store) == log.size - 1:
        log.take_census()
    return log.checkpoint()


def _closed_event(origin: str, reason: str, successor: str | None) -> Event:
    if reason not in REASONS:
        raise RefusedError(f"reason {reason[:40]!r} is none of {', '.join(REASONS)}")
    body: dict[str, Any] = {"reason": reason}
    if successor is not None:
        if not ORIGIN.match(successor) or successor == origin:
            raise RefusedError(
                f"successor {successor[:80]!r} is not another log's origin, 1 to 200 of A-Z a-z 0-9 . _ / -"
            )
        body["successor"] = successor
    # One id for ever: whoever closes it twice at the same time closes it once (I4).
    return Event(type=CLOSED, source=origin, id="closed", data=jsonstrict.dumps(body))


def read_predecessor(note: bytes) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of the log that a checkpoint speaks of, to be named as predecessor.

    Whose key signed it is not asked: whoever creates a log vouches for what it continues.

    Raises:
        MalformedError: It is no checkpoint.
    """
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    return checkpoint.origin, checkpoint.size, checkpoint.root


def check_predecessor(origin: str, predecessor: tuple[str, int, bytes]) -> None:
    """Accept the (origin, size, root) of another log that has entries.

    Raises:
        RefusedError: It is anything else.
    """
    named, size, root = predecessor
    if not ORIGIN.match(named) or named == origin:
        raise RefusedError(f"predecessor {named[:80]!r} is not another log's origin, 1 to 200 of A-Z a-z 0-9 . _ / -")
    if not 0 < size <= limits.MAX_INTEGER or len(root) != HASH_BYTES:
        raise RefusedError(f"the predecessor has {size} entries and a root of {len(root)} bytes, expected {HASH_BYTES}")


def predecessor_of(log: Ledger) -> str | None:
    """Return the origin of the log that this one continues; None where entry 0 names none."""
    body = log.entry(0).json() if log.size else None
    before = body.get("predecessor") if isinstance(body, dict) else None
    return str(before.get("origin")) if isinstance(before, dict) else None
