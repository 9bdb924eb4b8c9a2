"""The ledger as a program uses it: append, read, prove.

log = ledger.open("sqlite:///audit.db")
receipt = log.append(event)                      # durable when it returns; receipt.seq, receipt.leaf
with log.run("churn.features", inputs=["crm|households"], outputs=["crm|features"]) as run: …
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Self, overload

import sqlite_utils

from ledger import census, checkpoint, closing, erasure, holds, restored
from ledger.append import Appender, Receipt
from ledger.checkpoint import SignedCheckpoint
from ledger.clock import Clock, ClockError, Deviation, parse_at, print_at, system_clock
from ledger.event import Event
from ledger.finding import Finding
from ledger.group import Group
from ledger.intake import Intake
from ledger.joined import Joined
from ledger.keyring import Keyring
from ledger.keys import KEY_ADDED, KEY_RETIRED, Key, current, read_keys
from ledger.projection import Projection, Projector, StreamIndex, positions
from ledger.record import Record, read_range, read_seqs, read_stream
from ledger.run import Run
from ledger.signer import Purpose, Signer
from ledger.store import Store
from ledger.tip import Guard, RestoredError
from ledger.tree import Tree
from ledger.vault import Vault
from proofs import jsonstrict
from proofs.errors import BusyError, MissingError, RefusedError

CLOCK_ADJUSTED = "tallystick.ledger.clock-adjusted.v1"
_INDEX = StreamIndex()


class Ledger:
    """One open log.

    Attributes:
        origin: The log's name, the source of what the ledger itself says.
        store: Its rows.
        tree: Roots and proofs of any size.
        keyring: What stands beside it: signing keys, the head, the vault. None where nobody may sign or seal.
        views: Runs projections.
        warnings: Why this may not be the whole log, or not that log; whoever writes is refused instead.
        group: Appends; also what several producers sent together.
    """

    def __init__(
        self,
        store: Store,
        *,
        keyring: Keyring | None = None,
        clock: Clock = system_clock,
        deviation: Deviation | None = None,
        accepting: bool = False,
        confirming: bool = False,
    ) -> None:
        """Guard, and go on with, the log in `store`.

        Args:
            accepting: Without what a restored backup lost.
            confirming: Also where the clock jumped since that was made; it is right.
        """
        self.store = store
        self.origin = store.meta()["origin"]
        self.keyring = keyring if keyring is not None and keyring.exists else None
        self.tree = Tree(store)
        self.views = Projector(store)
        self.clock = clock
        can_write = not store.read_only
        self.vault = Vault(self.keyring.folder, origin=self.origin) if self.keyring and can_write else None
        self._appender = Appender(store, origin=self.origin, clock=clock, deviation=deviation or Deviation())
        self.warnings: tuple[Finding, ...] = ()
        try:
            self._intake = Intake(origin=self.origin, clock=clock, vault=self.vault)
            self.group = Group(self.origin, clock, self._intake, self._appender, self.vault, self._confirmation)
            if can_write and self.keyring is not None:
                self._stand_guard(self.keyring, accepting=accepting, confirming=confirming)
            elif self.keyring is not None:
                self.warnings = restored.doubts(store, self.keyring)
        except BaseException:
            self.close()
            raise

    def _stand_guard(self, keyring: Keyring, *, accepting: bool, confirming: bool) -> None:
        """Refuse to go on with a restored backup, and finish what a crash left half done."""
        lost = None
        try:
            self.warnings = restored.check_whole(self.store, keyring)
        except RestoredError as error:
            if not accepting or self.size == 0:
                raise
            lost = error
        if accepting and lost is None:
            raise RefusedError(f"nothing is lost: the ledger of {self.size} entries holds all that was acknowledged")
        if keyring.first() is not None:
            self._appender.guard = Guard(keyring.tip)
        with suppress(BusyError):  # whoever holds the lock is alive; the next opening or checkpoint does it
            checkpoint.store_head(self.store, keyring)
        if self.vault is not None and self.size:
            erasure.reopen(self.store, self.vault, origin=self.origin)
            if lost is not None and self._appender.guard is not None:
                self._accept(lost, self._appender.guard, confirming=confirming)
            # Where the clock jumped, too, nothing can be recorded, this neither: `confirm_clock` must be in reach.
            with suppress(ClockError):
                self._finish_what_was_begun()

    def _accept(self, lost: RestoredError, guard: Guard, *, confirming: bool) -> None:
        """Record a loss, and where the clock is confirmed with it, both at once: until one stands the other cannot."""
        try:
            restored.accept(self.store, guard, self.record, lost=lost, origin=self.origin)
        except ClockError as error:
            if not confirming:
                error.hint = "set the clock right, or confirm it at once: `tally restore accept --confirm-clock`"
                raise

            def record(events: Sequence[Event]) -> list[Receipt]:
                return self.record([*events, self._confirmed_clock()])

            restored.accept(self.store, guard, record, lost=lost, origin=self.origin)

    def _finish_what_was_begun(self) -> None:
        if self.vault is not None:
            holds.adopt(self, self.vault)
            holds.settle(self.store, self.vault, self.record, origin=self.origin)
            erasure.resume(self.store, self.vault, self.record, origin=self.origin)

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.store.size()

    @property
    def closed_by(self) -> int | None:
        """Seq of the entry that closed the log; None while it is open."""
        return closing.closed_by(self.store)

    @overload
    def append(self, events: Event) -> Receipt: ...
    @overload
    def append(self, events: Iterable[Event]) -> list[Receipt]: ...
    def append(self, events: Event | Iterable[Event]) -> Receipt | list[Receipt]:
        """Append one event, or many in one transaction; what is returned is durable.

        Raises:
            ConflictError: An event has the source and id of another, and other content; nothing but the conflict was
                recorded, with a commitment to the loser (`error.salt` opens it).
            RefusedError: An event is not acceptable; nothing was written.
            ClosedError: The log is closed; what is in it already still answers its first receipt.
            BusyError: The writer's lock was not to be had; nothing was written.
            UnknownOutcomeError: Reopen the ledger and append the same events again: what is there is not written twice.
        """
        if isinstance(events, Event):
            return self.record([events], by_ledger=False)[0]
        return self.record(list(events), by_ledger=False)

    def record(self, events: Sequence[Event], *, by_ledger: bool = True) -> list[Receipt]:
        """Append events that may be of the ledger's own types; as `append` otherwise."""
        return self.group.append(events, by_ledger=by_ledger)

    def joined(self, connection: object) -> Joined:
        """Append inside the transaction of a caller's own PostgreSQL `connection`; see `ledger.joined`.

        Raises:
            RefusedError: The ledger is not in PostgreSQL or is read-only, or the connection is to another database, in no
                transaction, or in one that failed or that acknowledges what it can lose.
        """
        store = self.store.joined(connection)
        # An appender for each call: the caller may roll back in between, so none of them may remember where the log ended.
        return Joined(lambda events: replace(self.group, appender=self._appender.inside(store)).append(events))

    def _confirmation(self, at: str) -> datetime | None:
        """What the clock said when it was last confirmed behind an entry of `at`; None when it was not."""
        for record in reversed(list(self.stream(f"type:{CLOCK_ADJUSTED}"))):
            body = record.json()
            if isinstance(body, dict) and body.get("from") == at:
                return parse_at(body["to"])
        return None

    def confirm_clock(self) -> Receipt:
        """Record that the clock is right although it jumped; entries may be written again.

        Raises:
            MissingError: The log is empty.
        """
        receipt = self.record([self._confirmed_clock()])[0]
        self._finish_what_was_begun()
        return receipt

    def _confirmed_clock(self) -> Event:
        """Take the clock as it is for right, and return what says so."""
        now = self.clock()
        last = self.entry(self.size - 1).at
        self._appender.confirmed = (last, now)
        body = jsonstrict.dumps({"from": last, "to": print_at(now)})
        return Event(type=CLOCK_ADJUSTED, source=self.origin, data=body)

    def run(
        self, job: str, *, inputs: Iterable[str] = (), outputs: Iterable[str] = (), namespace: str | None = None
    ) -> Run[Receipt]:
        """Record one run of `job` as OpenLineage events: START now, COMPLETE at the end, FAIL when an exception leaves it.

        Args:
            inputs, outputs: Datasets as "namespace|name"; a name without `|` is in `namespace`.
            namespace: Of the job; the origin unless named.
        """
        return Run(self, job, inputs=inputs, outputs=outputs, namespace=namespace or self.origin)

    def read(self, start: int = 0, stop: int | None = None, *, bodies: bool = True) -> Iterator[Record]:
        """Yield the records start ≤ seq < stop, to the end of the log when `stop` is None."""
        return read_range(self.store, start, self.size if stop is None else min(stop, self.size), bodies=bodies)

    def entry(self, seq: int) -> Record:
        """Return one record.

        Raises:
            MissingError: The log has no such entry.
        """
        if not 0 <= seq < self.size:
            raise MissingError(f"no entry {seq}: the log holds {self.size}")
        return next(read_seqs(self.store, [seq]))

    def stream(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Yield the events of a stream at positions start ≤ position < stop, in log order.

        A long event's entry is not the only one in its streams; whichever is in this one, the event itself is yielded.
        """
        return read_stream(self.store, name, [seq for _, seq, _ in self.positions(name, start, stop)])

    def positions(self, name: str, start: int = 0, stop: int | None = None) -> list[tuple[int, int, str]]:
        """Return (position, seq, at) of a stream's entries at positions start ≤ position < stop."""
        with self.viewing(_INDEX) as db:
            return positions(db, name, start, stop)

    def viewing(self, projection: Projection) -> AbstractContextManager[sqlite_utils.Database]:
        """Bring a projection up to the end of the log, and hold the database with its tables; see `Projector.viewing`."""
        return self.views.viewing(projection)

    def keys(self) -> list[Key]:
        """Return the log's keys, in the order in which they were added."""
        streams = (f"type:{KEY_ADDED}", f"type:{KEY_RETIRED}")
        seqs = {seq for name in streams for _, seq, _ in self.positions(name)}
        return read_keys(read_seqs(self.store, sorted({0, *seqs})), origin=self.origin) if self.size else []

    def signer(self, purpose: Purpose) -> Signer:
        """Return the signer of the key that is in use for `purpose` now.

        Raises:
            MissingError: The key is not in the keyring, or there is no keyring.
        """
        return self._signer(current(self.keys(), purpose, size=self.size))

    def _signer(self, key: Key) -> Signer:
        return self._beside().signer(key.purpose, key.id)

    def _beside(self) -> Keyring:
        if self.keyring is None:
            raise MissingError(f"no keyring for {self.origin}", hint="set TALLY_HOME to the folder that holds the keys")
        return self.keyring

    def checkpoint(self) -> SignedCheckpoint:
        """Sign a checkpoint of everything that is in the log now (I14); raises as `ledger.checkpoint.publish`."""
        return checkpoint.publish(
            self.store, self._beside(), self.keys, self._signer, acknowledged=self._appender.acknowledged
        )

    def take_census(self, *, closing: Event | None = None) -> Receipt:
        """Count every stream and record the root; the census speaks of all entries before it.

        Args:
            closing: The log's last event, recorded with its census or not at all (`ledger.closing`).

        Raises:
            ClosedError: The log is closed, and its census taken.
        """
        return self.group.confirming(lambda: self._take_census(closing))[0]

    def _take_census(self, closing: Event | None) -> list[Receipt]:
        with self.store.writing():
            if closing is not None:
                self._appender.write([self._intake.prepare(closing, by_ledger=True)])
            root = census.count_changes(self.store)
            event = census.census_event(root, self.store.streams.total(), origin=self.origin)
            edge, receipts = self._appender.write([self._intake.prepare(event, by_ledger=True)])
        self._appender.acknowledge(edge)
        return receipts

    def close(self) -> None:
        """Give back files and locks."""
        if self.vault is not None:
            self.vault.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
