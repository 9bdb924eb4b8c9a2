"""The only way in: a batch of prepared events becomes linked entries in one transaction, or nothing at all (I5).

    size, prev, at   read inside the writer's lock (I8), never before
    positions        one counter per stream, counted on in the same transaction
    COMMIT           the commit point: before it nothing happened, after it everything is durable
    tip              moved on beside the key; then what was written may be acknowledged (ledger/tip.py)

Every step before the commit can fail without a trace. A failure of the commit itself leaves an unknown outcome: the caller
reopens and sends the same events again, which I4 makes harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ledger.clock import Clock, ClockError, Deviation, next_at
from ledger.closing import ClosedError, closed_by
from ledger.intake import Prepared, continuation
from ledger.store import Batch, PartRow, Store
from ledger.tip import Guard, Tip, leaf_at
from ledger.tree import Frontier, Tree
from proofs import limits
from proofs.census import CENSUS_TAKEN
from proofs.chain import CLOSED
from proofs.digest import leaf_hash
from proofs.entry import FIRST_PREV, parse_entry, quote
from proofs.errors import ConflictError, ForkError, RefusedError
from proofs.keys import CREATED
from proofs.streams import CONTINUED, filed_document

_CLOSED_STREAM: Final = f"type:{CLOSED}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What whoever sent an event keeps: with it they can check the filing and the commitment themselves.

    Attributes:
        seq: The entry's position.
        leaf: The entry's leaf hash, 32 bytes.
        entry: The entry's bytes.
        salt: The salt of the body's commitment; None when the body was destroyed since.
        is_replay: The event was in the log before; this is its first receipt.
    """

    seq: int
    leaf: bytes
    entry: bytes
    salt: bytes | None
    is_replay: bool = False


@dataclass(slots=True)
class Edge:
    """Where the log ends, as the next entry needs it.

    Attributes:
        closed: Seq of the entry that closed it; None while it is open.
    """

    size: int
    leaf: bytes
    at: str | None
    frontier: Frontier
    closed: int | None = None


class Appender:
    """Links prepared events into one store."""

    def __init__(self, store: Store, *, origin: str, clock: Clock, deviation: Deviation) -> None:
        self.guard: Guard | None = None  # where nothing stands beside the store, nobody is told of an older copy
        self._store = store
        self._origin = origin
        self._clock = clock
        self._deviation = deviation
        # (`at` of the last entry, what the clock said then) when somebody confirmed a clock that jumped; spent as soon as the
        # log's time moves on, so that the next jump is refused again.
        self.confirmed: tuple[str, datetime] | None = None
        self._edge: Edge | None = None

    def inside(self, store: Store) -> Appender:
        """Return an appender by the same rules through another handle, whose transaction may still be taken back."""
        appender = Appender(store, origin=self._origin, clock=self._clock, deviation=self._deviation)
        appender.guard = self.guard and Guard(self.guard.file, moves=False)
        return appender

    def append(self, events: Sequence[Prepared]) -> list[Receipt]:
        """Append all of `events` and return their receipts in order; durable when it returns.

        Raises:
            ConflictError: One of them is in the log with other content. Nothing was written; `loser` is its index.
            RefusedError: One of them makes an entry over 65,535 bytes, or the clock jumped. Nothing was written.
            ClosedError: The log is closed, and one of them is not in it. Nothing was written.
            BusyError, UnknownOutcomeError: As `Store.writing`.
        """
        try:
            return self._append_new(events)
        except (ConflictError, ClockError, ClosedError):
            try:
                answers = self._append_some(events)  # one of them was here before; this way looks at each
            except LoserError as error:
                error.where = f"event {error.loser} of the batch" if len(events) > 1 else ""
                raise
            return [answer for answer in answers if isinstance(answer, Receipt)]

    def append_each(self, events: Sequence[Prepared]) -> list[Receipt | RefusedError]:
        """Append those of `events` that may be, in one transaction; each has its own answer, in order.

        An answer is a receipt, a LoserError, or a ClosedError.

        Raises:
            ClockError, BusyError, UnknownOutcomeError: As `append`; then of none.
        """
        try:
            return list(self._append_new(events))
        except (ConflictError, ClockError, ClosedError):
            return self._append_some(events, each=True)

    @property
    def acknowledged(self) -> tuple[int, bytes] | None:
        """(size, leaf hash of the last entry) of the longest log that this process knows; None before it wrote."""
        edge = self._edge
        return (edge.size, edge.leaf) if edge is not None and edge.size else None

    def acknowledge(self, edge: Edge) -> None:
        """Remember the edge that a write made; only after its commit, for one that failed must not leave an edge."""
        if self._edge is None or edge.size > self._edge.size:  # threads may come out of the lock in any order
            self._edge = edge
        if self.guard is not None:
            self.guard.acknowledge(Tip(edge.size, edge.leaf))

    def edge(self) -> Edge:
        """Return the end of the log. Only inside `writing`."""
        size = self._store.size()
        edge = self._edge
        if edge is not None:
            self._check_grown(edge, size)
        if self.guard is not None:
            self.guard.check(self._store, None if edge is None else Tip(edge.size, edge.leaf))
        if edge is None or edge.size != size:
            if size == 0:
                return Edge(0, FIRST_PREV, None, Frontier(0, []))
            last = self._store.headers(size - 1, size)[0]
            frontier = Tree(self._store).frontier(size)
            edge = Edge(size, leaf_hash(last), parse_entry(last).at, frontier, closed_by(self._store))
        return edge

    def _check_grown(self, known: Edge, size: int) -> None:
        """Hold the log to what this process acknowledged: the file may have been put back under it, at any size."""
        if leaf_at(self._store, known.size - 1) != known.leaf:
            raise ForkError(
                f"the ledger of {size} entries does not begin with the {known.size} that this process knows",
                hint="an older copy was put back, or this is another history; it must not be continued",
            )

    def _append_new(self, events: Sequence[Prepared]) -> list[Receipt]:
        with self._store.writing():
            edge, receipts = self.write(events)
        self.acknowledge(edge)
        return receipts

    def _append_some(self, events: Sequence[Prepared], *, each: bool = False) -> list[Receipt | RefusedError]:
        """Append what is not in the log; with `each` a refusal is an answer, without it raised, and nothing is written."""
        answers: dict[int, Receipt | RefusedError] = {}
        edge = None
        with self._store.writing():
            first_here = self._look(events, answers, each=each)
            fresh = sorted(first_here.values())
            try:
                if fresh:
                    edge, written = self.write([events[index] for index in fresh])
                    answers.update(zip(fresh, written, strict=True))
            except ClosedError as error:  # raised before anything is written
                if not each:
                    raise
                answers.update(dict.fromkeys(fresh, error))
        if edge is not None:
            self.acknowledge(edge)
        for index, event in enumerate(events):
            answer = answers.get(index)
            if answer is None or (isinstance(answer, LoserError) and answer.seq is None):
                answers[index] = _after(answers[first_here[_identity(event)]], answer)
        return [answers[index] for index in range(len(events))]

    def _look(
        self, events: Sequence[Prepared], answers: dict[int, Receipt | RefusedError], *, each: bool
    ) -> dict[tuple[str, str] | bytes, int]:
        """Answer what is in the log, or loses; returns by its identity which of `events` is the first to be written."""
        first_here: dict[tuple[str, str] | bytes, int] = {}
        for index, event in enumerate(events):
            try:
                known = self._recorded(event, index)
                if known is not None:
                    answers[index] = known
                elif events[first_here.setdefault(_identity(event), index)].content != event.content:
                    raise LoserError(index, None)
            except LoserError as error:
                if not each:
                    raise
                answers[index] = error
        return first_here

    def _recorded(self, event: Prepared, index: int) -> Receipt | None:
        """The first receipt of an event that is in the log already, or None (I4)."""
        if event.retry is not None:
            seq = self._store.identities.find_retry(event.retry)
            return None if seq is None else self.receipt(seq)
        found = self._store.identities.find(event.id, event.source)
        if found is None:
            return None
        seq, content = found
        # Without a hash on either side nobody can compare: already recorded, content not compared.
        if content is not None and event.content is not None and content != event.content:
            raise LoserError(index, seq)
        return self.receipt(seq)

    def receipt(self, seq: int) -> Receipt:
        """Return the receipt of a stored entry."""
        entry = self._store.headers(seq, seq + 1)[0]
        body = self._store.bodies([seq]).get(seq)
        return Receipt(seq, leaf_hash(entry), entry, None if body is None else body.salt, is_replay=True)

    def write(self, events: Sequence[Prepared]) -> tuple[Edge, list[Receipt]]:
        """Link and write `events`, all of them new. Only inside `writing`; the edge is for when it was committed."""
        edge = self.edge()
        if edge.size == 0 and f"type:{CREATED}" not in events[0].groups[0]:
            raise RefusedError(
                "the ledger has no first entry: its creation was never finished", hint="remove it, and create it again"
            )
        closed = _closed(edge, events)
        now = self._clock()
        before, said = self.confirmed or (None, None)
        at = next_at(edge.at, now, self._deviation, said if before == edge.at else None)
        batch, receipts, leaves = Batch(), [], []
        names = {name for event in events for group in event.groups for name in group}
        names |= _continued_names(events, self._origin)
        counts = self._store.streams.counts(names)
        seq, prev = edge.size, edge.leaf
        for event in events:
            parent = seq
            for number in range(len(event.groups)):
                row = (
                    event
                    if number == 0
                    else continuation(origin=self._origin, seq=parent, number=number, group=event.groups[number])
                )
                entry = _print(row, seq, prev, at, counts)
                prev = leaf_hash(entry)
                leaves.append(prev)
                _add(batch, row, seq, entry)
                if number == 0:
                    receipts.append(Receipt(seq, prev, entry, row.salt))
                seq += 1
        batch.counters = counts
        frontier = edge.frontier.copy()
        batch.tiles = frontier.extend(leaves)
        self._store.write(batch)
        return Edge(seq, prev, at, frontier, closed), receipts


class LoserError(ConflictError):
    """An event has the (source, id) of another, and other content.

    Attributes:
        loser: Its index in the batch.
        seq: The entry that stands; None when it is an event of the same batch.
        salt: Opens the commitment to the loser that was recorded; empty until it was.
    """

    def __init__(self, loser: int, seq: int | None) -> None:
        stands = "an event of the same batch" if seq is None else f"entry {seq}"
        super().__init__(f"the event has the source and id of {stands}, and other content")
        self.loser = loser
        self.seq = seq
        self.salt = b""


def _closed(edge: Edge, events: Sequence[Prepared]) -> int | None:
    """Seq of the entry that closes the log once `events` are in it; None where it stays open.

    Raises:
        ClosedError: It is closed, and they are not the one census that may follow.
    """
    if edge.closed is not None:
        if edge.size == edge.closed + 1 and len(events) == 1 and f"type:{CENSUS_TAKEN}" in events[0].groups[0]:
            return edge.closed
        raise ClosedError(edge.closed)
    if not any(_CLOSED_STREAM in event.groups[0] for event in events):
        return None
    if len(events) > 1:
        raise ValueError("a log is closed by an event that comes alone")
    return edge.size


def _identity(event: Prepared) -> tuple[str, str] | bytes:
    return event.retry or (event.id, event.source)


def _after(first: Receipt | RefusedError, loser: LoserError | None) -> Receipt | RefusedError:
    """What an event is answered that came after `first` in one batch: the same again, or a loser against it."""
    if isinstance(first, Receipt) and loser is not None:
        loser.seq = first.seq
        return loser
    return replace(first, is_replay=True) if isinstance(first, Receipt) else first


def _continued_names(events: Sequence[Prepared], origin: str) -> set[str]:
    return set(filed_document(CONTINUED, origin, None)) if any(len(event.groups) > 1 for event in events) else set()


def _print(event: Prepared, seq: int, prev: bytes, at: str, counts: dict[str, int]) -> bytes:
    """The entry's bytes; counts the event into its streams."""
    positions = []
    for name in event.groups[0]:
        position = counts.get(name, 0)
        counts[name] = position + 1
        positions.append(f'"{name}":{position}')  # a stream's name holds nothing that needs escaping
    parts = ""
    if event.parts:
        parts = (
            ',"parts":[' + ",".join(f'[{quote(pointer)},"{digest.hex()}"]' for pointer, digest, _ in event.parts) + "]"
        )
    entry = (
        f'{{"seq":{seq},"prev":"{prev.hex()}","at":"{at}",{event.attributes}'
        f'"streams":{{{",".join(positions)}}},"body":"{event.commitment.hex()}"{parts}}}'
    ).encode()
    if len(entry) > limits.ENTRY_BYTES:
        raise RefusedError(f"the event makes an entry of {len(entry)} bytes, at most {limits.ENTRY_BYTES} are allowed")
    return entry


def _add(batch: Batch, event: Prepared, seq: int, entry: bytes) -> None:
    batch.entries.append((seq, entry))
    batch.bodies.append((seq, event.salt, event.body))
    batch.identities.append((event.id, event.source, seq, event.content))
    if event.retry is not None:
        batch.retries.append((event.retry, seq))
    for pointer, digest, sealed in event.parts:
        batch.parts.append(PartRow(seq, pointer, digest, sealed))
