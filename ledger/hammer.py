"""Many writers and verifying readers on one fresh log: does this machine, this disk, this database keep what it was told?

Every writer is a process of its own, appends as fast as it can, partly the same events as the others, and remembers what it
was acknowledged. Every reader holds each tree that it sees against the ones before. At the end the log must hold every
acknowledged event exactly once and where its receipt said, without gap, each tree that anybody saw must be a beginning of
the last, and `fsck` must find nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from ledger.connect import create_ledger, open_ledger
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from proofs.errors import BusyError, TallyError
from proofs.merkle import verify_consistency

ORIGIN: Final = "hammer.tallystick.invalid"
TYPE: Final = "org.tallystick.hammered.v1"
_SECRET: Final = b"hammer"  # of keys that live as long as the run
_SHARED: Final = 1 << 16  # ids that the writers draw from: large enough to write on, small enough to meet
_BATCHES: Final = (1, 1, 2, 5, 20, 100)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What is hammered.

    Attributes:
        url: Where the fresh log is made.
        home: Where its keyring is made.
        writers: Processes that append, ≥ 1.
        readers: Processes that verify while they do, ≥ 0.
        seconds: How long, > 0.
    """

    url: str
    home: Path
    writers: int
    readers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `faults` is empty when the log kept its word.

    Attributes:
        acknowledged: Receipts that the writers got, repetitions of the same event among them.
        events: Different events acknowledged.
        entries: Entries in the log at the end.
        busy: Appends answered by BusyError, after which the writer tried again.
        trees: Trees that readers held against one another.
        seconds: From the first append to the last.
        faults: One sentence each.
    """

    acknowledged: int
    events: int
    entries: int
    busy: int
    trees: int
    seconds: float
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    seqs: dict[str, int]
    receipts: int
    busy: int
    faults: list[str]


@dataclass(frozen=True, slots=True)
class _Read:
    trees: list[tuple[int, bytes]]
    faults: list[str]


def hammer(load: Load, *, progress: Progress = lambda _done, _total: None) -> Outcome:
    """Make a fresh log, hammer it, and hold it to what it acknowledged.

    Args:
        progress: Called about once a second with (seconds gone, seconds in all).

    Raises:
        ConflictError: There is a ledger at the URL already: its entries stay what they are.
    """
    create_ledger(load.url, origin=ORIGIN, home=load.home, passphrase=_passphrase).close()
    with ProcessPoolExecutor(load.writers + load.readers, mp_context=get_context("spawn")) as pool:
        written = [pool.submit(_write, load, number) for number in range(load.writers)]
        read = [pool.submit(_verify, load) for _ in range(load.readers)]
        _await([*written, *read], load.seconds, progress)
        return _judge(load, [each.result() for each in written], [each.result() for each in read])


def _await(running: list[Future[Any]], seconds: float, progress: Progress) -> None:
    began = time.monotonic()
    while wait(running, timeout=1.0).not_done:
        progress(min(int(time.monotonic() - began), int(seconds)), int(seconds))


def _passphrase() -> bytes:
    return _SECRET


def _open(load: Load, *, read_only: bool = False) -> Ledger:
    return open_ledger(load.url, home=load.home, passphrase=_passphrase, read_only=read_only)


def _write(load: Load, number: int) -> _Written:
    drawn = random.Random(number)  # noqa: S311 - a load, not a secret
    found = _Written({}, 0, 0, [])
    receipts = busy = 0
    until = time.monotonic() + load.seconds
    with _open(load) as log:
        while time.monotonic() < until:
            events = [_event(drawn, number) for _ in range(drawn.choice(_BATCHES))]
            try:
                answered = log.append(events)
                if drawn.random() < 0.01:
                    log.checkpoint()
            except BusyError:
                busy += 1
                continue
            for event, receipt in zip(events, answered, strict=True):
                assert event.id is not None
                if found.seqs.setdefault(event.id, receipt.seq) != receipt.seq:
                    found.faults.append(
                        f"event {event.id} was acknowledged at {found.seqs[event.id]} and at {receipt.seq}"
                    )
            receipts += len(answered)
    return _Written(found.seqs, receipts, busy, found.faults)


def _event(drawn: random.Random, writer: int) -> Event:
    # Every fourth event is one that the other writers send as well: who comes second gets the first one's receipt.
    number = drawn.randrange(_SHARED)
    id = str(number) if number % 4 == 0 else f"{writer}-{drawn.getrandbits(64):x}"
    body = {"number": number, "padding": "x" * (number % 2_000)}
    return Event.of(TYPE, "urn:tallystick:hammer", body, id=id)


def _verify(load: Load) -> _Read:
    found = _Read([], [])
    until = time.monotonic() + load.seconds
    with _open(load, read_only=True) as log:
        while time.monotonic() < until:
            with log.store.reading():
                size = log.size
                root = log.tree.root(size)
                earlier = [(before, known, log.tree.consistency(before, size)) for before, known in found.trees[-5:]]
            for before, known, path in earlier:
                try:
                    verify_consistency(before, size, known, root, path)
                except TallyError as error:
                    found.faults.append(f"tree of {size} does not begin with the tree of {before}: {error.what}")
            found.trees.append((size, root))
            time.sleep(0.05)  # a reader that never rests measures the scheduler
    return found


def _judge(load: Load, written: list[_Written], read: list[_Read]) -> Outcome:
    acknowledged: dict[str, int] = {}
    faults = [fault for each in written for fault in each.faults] + [fault for each in read for fault in each.faults]
    for each in written:
        for id, seq in each.seqs.items():
            if acknowledged.setdefault(id, seq) != seq:
                faults.append(f"event {id} was acknowledged at {acknowledged[id]} and at {seq}")
    with _open(load, read_only=True) as log:
        entries = log.size
        faults += against_log(log, acknowledged)
        faults += against_trees(log, [tree for each in read for tree in each.trees])
        faults += [f"{finding.where}: {finding.what}" for finding in fsck(log.store, keyring=log.keyring).findings]
    return Outcome(
        acknowledged=sum(each.receipts for each in written),
        events=len(acknowledged),
        entries=entries,
        busy=sum(each.busy for each in written),
        trees=sum(len(each.trees) for each in read),
        seconds=load.seconds,
        faults=tuple(faults),
    )


def against_log(log: Ledger, acknowledged: dict[str, int]) -> Iterator[str]:
    """Yield one sentence for each event (id → seq of its receipt) that does not stand exactly once where it was acknowledged."""
    there: dict[str, int] = {}
    for record in log.read(bodies=False):
        if record.type == TYPE and there.setdefault(record.id, record.seq) != record.seq:
            yield f"event {record.id} stands in entry {there[record.id]} and in entry {record.seq}"
    for id, seq in acknowledged.items():
        if id not in there:
            yield f"event {id} was acknowledged at {seq} and is not in the log"
        elif there[id] != seq:
            yield f"event {id} was acknowledged at {seq} and stands in entry {there[id]}"


def against_trees(log: Ledger, trees: list[tuple[int, bytes]]) -> Iterator[str]:
    """Yield one sentence for each tree (size, root) that is no beginning of the log."""
    size = log.size
    root = log.tree.root(size)
    for before, known in sorted(set(trees)):
        try:
            verify_consistency(before, size, known, root, log.tree.consistency(before, size))
        except TallyError as error:
            yield f"a tree of {before} that a reader saw is no beginning of the log: {error.what}"
