"""Appending inside a caller's own transaction: business rows and the event that tells of them are there together, or neither.

with connection.transaction():
    connection.execute("UPDATE orders SET state = 'paid' WHERE id = %s", [order])
    with log.joined(connection) as joined:
        receipt = joined.append(event)
# here, and not before, the entry is durable and the receipt holds
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self, overload

from ledger.append import Receipt
from ledger.event import Event


class Joined:
    """Writes to a log through the caller's connection.

    What is durable when: nothing, until the caller commits. A receipt is true of the transaction's own view and MUST NOT leave
    the program before the commit answered; where the transaction is rolled back there never was such an entry, and its seq goes
    to another. Sending the event again is harmless (I4).

    From the first append until the transaction ends, the log's head row is locked: every other writer of this log waits, so
    append last and commit soon. Appending through the ledger itself meanwhile waits for oneself, and ends as BusyError.
    Hand over events with personal parts in the first call: everywhere else the vault is locked before the log, and whoever
    waits for it while holding the log may wait until one of the two gives up (BusyError).

    Data keys of personal parts are made in the vault before: a rollback leaves keys that seal nothing.
    """

    def __init__(self, record: Callable[[Sequence[Event]], list[Receipt]]) -> None:
        """Take what writes inside the transaction; `Ledger.joined` makes it."""
        self._record = record
        self._is_open = True

    @overload
    def append(self, events: Event) -> Receipt: ...
    @overload
    def append(self, events: Iterable[Event]) -> list[Receipt]: ...
    def append(self, events: Event | Iterable[Event]) -> Receipt | list[Receipt]:
        """Append one event, or many; what is returned holds once the caller's transaction is committed.

        Raises:
            ConflictError: An event has the source and id of another, and other content. Only the conflict was written, and
                only if the caller commits.
            RefusedError: An event is not acceptable, or the caller's transaction had failed.
            BusyError: Another writer held the log for too long, or the connection is gone.

        After any of these the caller's transaction is where it was before this call, and may go on.
        """
        if not self._is_open:
            raise RuntimeError("append stands inside `with log.joined(…)` alone")
        if isinstance(events, Event):
            return self._record([events])[0]
        return self._record(list(events))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False
