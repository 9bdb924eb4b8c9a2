"""A ledger against a list: whatever is done to it in whatever order, it is the list of what was acknowledged."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from ledger.clock import parse_at
from ledger.disclosure import open_body
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.group import CONFLICTED
from ledger.log import Ledger
from ledger.projection import StreamIndex
from ledger.rotation import rotate
from proofs.entry import parse_entry
from proofs.errors import ConflictError, MissingError
from proofs.merkle import leaf_hash, root_of_leaves, verify_inclusion

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

IDS = st.sampled_from([*"abcdef", None])
PEOPLE = st.sampled_from(["ada", "eve"])


@dataclass
class Model:
    """What must be true: types and received data by seq, and by what an event is known again."""

    types: list[str] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    person: dict[int, str] = field(default_factory=dict)
    known: dict[tuple[str, str], tuple[int, bytes | None]] = field(default_factory=dict)
    retries: dict[bytes, int] = field(default_factory=dict)
    signed: list[tuple[int, bytes]] = field(default_factory=list)


class LedgerMachine(RuleBasedStateMachine):
    """One ledger, and its model."""

    made: type[Ledgers]
    memory: bool
    server: Server | None
    events = Bundle("events")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.database = self.server.database(template="ledger_template") if self.server else ""
        self.ledgers = self.made(self.folder, database=self.server.url(self.database) if self.server else "")
        self.log: Ledger = self.ledgers.create(memory=self.memory)
        self.model = Model([record.type for record in self.log.read()])

    def teardown(self) -> None:
        assert fsck(self.log.store, keyring=self.log.keyring, projections=[StreamIndex()]).findings == ()
        self.ledgers.close()
        shutil.rmtree(self.folder)
        if self.server:
            self.server.drop(self.database)

    @initialize()
    def first(self) -> None:
        assert self.log.size == 2

    @rule(target=events, id=IDS, n=st.integers(0, 2), wide=st.integers(0, 3), person=st.none() | PEOPLE)
    def make(self, id: str | None, n: int, wide: int, person: str | None) -> Event:
        body: dict[str, Any] = {"n": n, "who": {"name": f"{person}"}}
        body["datasets"] = [{"namespace": "w", "name": f"t{at}"} for at in range((0, 1, 3, 130)[wide])]
        parts = () if person is None else ("/who",)
        return Event.of("tallystick.slo.measured.v1", "urn:s", body, id=id, parts=parts, person=person)

    @rule(events=st.lists(events, max_size=6))
    def append(self, events: list[Event]) -> None:
        loser = self._loser(events)
        if loser is None:
            self._appended(events, self.log.append(events))
            return
        with pytest.raises(ConflictError) as raised:
            self.log.append(events)
        assert (raised.value.loser, raised.value.seq) == loser  # type: ignore[attr-defined]
        if loser[1] is not None:
            self.model.types.append(CONFLICTED)

    def _loser(self, events: list[Event]) -> tuple[int, int | None] | None:
        """The first event that contradicts one in the log or in the batch, as the contract says it."""
        batch: dict[tuple[str, str], bytes] = {}
        for index, event in enumerate(events):
            if event.id is None:
                continue
            key = (event.id, event.source)
            if key in self.model.known:
                seq, data = self.model.known[key]
                if data is not None and data != event.data:
                    return index, seq
            elif batch.setdefault(key, event.data) != event.data:
                return index, None
        return None

    def _appended(self, events: list[Event], receipts: list[Any]) -> None:
        for event, receipt in zip(events, receipts, strict=True):
            before = (
                self.model.retries.get(event.data)
                if event.id is None
                else self.model.known.get((event.id, event.source))
            )
            if before is not None:
                seq = before if isinstance(before, int) else before[0]
                assert (receipt.seq, receipt.is_replay) == (seq, True)
                continue
            assert (receipt.seq, receipt.is_replay) == (len(self.model.types), False)
            self.model.types.append(event.type)
            self.model.data[receipt.seq] = event.data
            if event.person is not None:
                self.model.person[receipt.seq] = event.person
            if event.id is None:
                self.model.retries[event.data] = receipt.seq
            else:
                self.model.known[event.id, event.source] = (receipt.seq, event.data)
            if event.data.count(b"namespace") > 126:
                self.model.types.append("tallystick.ledger.continued.v1")

    @rule()
    def census(self) -> None:
        assert self.log.take_census().seq == len(self.model.types)
        self.model.types.append("tallystick.ledger.census-taken.v1")

    @rule()
    def checkpoint(self) -> None:
        signed = self.log.checkpoint().checkpoint
        assert signed.size == len(self.model.types)
        self.model.signed.append((signed.size, signed.root))

    @rule()
    def rotate(self) -> None:
        rotate(self.log, "log")
        self.model.types += ["tallystick.ledger.key-added.v1", "tallystick.ledger.key-retired.v1"]

    @rule(person=PEOPLE)
    def erase(self, person: str) -> None:
        seqs = [seq for seq, who in self.model.person.items() if who == person]
        assert erase_person(self.log, person).parts == len(seqs)
        for seq in seqs:
            del self.model.person[seq]
            self.model.data[seq] = b""
        self.model.known = {key: (seq, None if seq in seqs else data) for key, (seq, data) in self.model.known.items()}
        self.model.retries = {data: seq for data, seq in self.model.retries.items() if seq not in seqs}
        self.model.types += ["tallystick.subject.erasure-started.v1", "tallystick.subject.erased.v1"]

    @rule(seconds=st.integers(-300, 300))
    def tick(self, seconds: int) -> None:
        """The clock goes on, or back, but never as far back as somebody would have to confirm it."""
        last = parse_at(self.log.entry(self.log.size - 1).at)
        self.ledgers.now = max(self.ledgers.now + timedelta(seconds=seconds), last - timedelta(minutes=9))

    @rule()
    def reopen(self) -> None:
        if not self.memory:
            self.ledgers.close()
            self.log = self.ledgers.open()

    @rule(data=st.data())
    def read_one(self, data: st.DataObject) -> None:
        if not self.model.data:
            return
        seq = data.draw(st.sampled_from(sorted(self.model.data)))
        if self.model.data[seq]:
            before = self.log.size
            assert open_body(self.log, seq, reader="r", purpose="p") == self.model.data[seq]
            self.model.types += ["tallystick.ledger.record-read.v1"] * (self.log.size - before)
            assert (self.log.size - before == 1) == bool(parse_entry(self.log.entry(seq).header).parts)
        else:
            with pytest.raises(MissingError):
                open_body(self.log, seq, reader="r", purpose="p")

    @invariant()
    def the_log_is_the_list(self) -> None:
        records = list(self.log.read())
        assert [record.type for record in records] == self.model.types
        assert [record.seq for record in records] == list(range(len(records)))

    @invariant()
    def time_never_goes_back(self) -> None:
        times = [record.at for record in self.log.read(bodies=False)]
        assert times == sorted(times)

    @invariant()
    def what_was_signed_still_is(self) -> None:
        leaves = [leaf_hash(record.header) for record in self.log.read(bodies=False)]
        for size, root in self.model.signed[-2:]:
            assert root_of_leaves(leaves[:size]) == root
        verify_inclusion(1, len(leaves), leaves[1], self.log.tree.inclusion(1, len(leaves)), root_of_leaves(leaves))

    @invariant()
    def counters_are_what_the_entries_say(self) -> None:
        counts: dict[str, int] = {}
        for record in self.log.read(bodies=False):
            for name, position in record.streams.items():
                assert position == counts.get(name, 0)
                counts[name] = position + 1
        assert {row.name: row.total for row in self.log.store.streams.walk()} == counts


@pytest.mark.parametrize("driver", ["memory", "sqlite", "postgres"])
def test_a_ledger_is_the_list_of_what_it_acknowledged(
    ledgers_in: type[Ledgers], driver: str, request: pytest.FixtureRequest
) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.made, Machine.memory = ledgers_in, driver == "memory"
    Machine.server = request.getfixturevalue("postgres") if driver == "postgres" else None
    steps = settings(max_examples=12, stateful_step_count=15, deadline=None)
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Machine, settings=steps)
