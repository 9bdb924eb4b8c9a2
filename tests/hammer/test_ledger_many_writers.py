"""Eight processes append to one file while two verify it: no fork, no gap, no loss, and no lock that reaches a caller."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

from ledger.fsck import fsck
from ledger.projection import StreamIndex
from proofs.entry import parse_entry
from proofs.merkle import verify_consistency

if TYPE_CHECKING:
    from tests.conftest import Ledgers

WRITERS = 8
VERIFIERS = 2
EVENTS = 2_000  # that each writer is to see in the log, about a third of them written by another
SHARED = 5_000

COMMON = """
import json, random, select, sys
from datetime import UTC, datetime
from pathlib import Path
import ledger
from ledger.event import Event
from ledger.fsck import fsck
from ledger.projection import StreamIndex
from proofs.errors import ConflictError
from proofs.merkle import verify_consistency

url, home, number, events, shared = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
drawn = random.Random(number)
clock = lambda: datetime(2026, 11, 20, 9, 1, drawn.randrange(60), tzinfo=UTC)

def opened(**options):
    return ledger.open(url, home=home, passphrase=lambda: b"correct horse", clock=clock, **options)
"""

WRITER = (
    COMMON
    + """
def event():
    n = drawn.randrange(shared)
    body = {"dataset": {"namespace": "w", "name": f"t{n % 17}"}, "run": f"r{n}", "n": n}
    if n % 151 == 0:
        body["datasets"] = [{"namespace": "w", "name": f"t{t}"} for t in range(140)]
    parts = ("/n",) if n % 97 == 0 else ()
    return Event.of("tallystick.slo.measured.v1", "urn:shared", body, id=f"s{n}", parts=parts, person=f"p{n % 5}")

log, seen, conflicts = opened(), {}, 0
while len(seen) < events:
    batch = [event() for _ in range(drawn.choice([1, 1, 2, 5, 50]))]
    for receipt, each in zip(log.append(batch), batch, strict=True):
        assert seen.setdefault(each.id, receipt.seq) == receipt.seq
    chance = drawn.random()
    if chance < 0.05:
        log.take_census()
    elif chance < 0.1:
        log.checkpoint()
    elif chance < 0.15:
        log.positions("dataset:w|t3")  # a view, in the same file
    elif chance < 0.2:
        log.close()
        log = opened()
    elif chance < 0.25:
        try:
            log.append(Event.of("tallystick.slo.measured.v1", "urn:shared", {"n": "other"}, id=next(iter(seen))))
        except ConflictError:
            conflicts += 1
log.close()
print(json.dumps({"seen": seen, "conflicts": conflicts}))
"""
)

VERIFIER = (
    COMMON
    + """
log, trees, reports = opened(read_only=True), [], 0
while reports < 2 or not select.select([sys.stdin], [], [], 0)[0]:  # until its input is closed
    if number % 2:
        report = fsck(log.store, keyring=log.keyring)
        assert report.ok, report.findings
    with log.store.reading():
        size = log.size
        root = log.tree.root(size)
        for before, known in trees[-20:]:
            verify_consistency(before, size, known, root, log.tree.consistency(before, size))
    trees.append((size, root))
    reports += 1
print(json.dumps({"trees": [[size, root.hex()] for size, root in trees], "reports": reports}))
"""
)


def answer(process: subprocess.Popen[str]) -> Any:
    """What a process printed at its end; closing its input tells a verifier to come to it."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def test_eight_writers_and_two_verifiers_share_one_file(ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()
    verifiers = [ledgers.start(VERIFIER, number, EVENTS, SHARED) for number in range(VERIFIERS)]
    writers = [ledgers.start(WRITER, number, EVENTS, SHARED) for number in range(WRITERS)]
    written = [answer(writer) for writer in writers]
    verified = [answer(verifier) for verifier in verifiers]

    log = ledgers.open()
    report = fsck(log.store, keyring=log.keyring, projections=[StreamIndex()])
    assert report.findings == ()

    # No loss and no second copy: each id stands once, where every writer who saw it was told.
    seqs = {record.id: record.seq for record in log.read(bodies=False) if record.source == "urn:shared"}
    types = Counter(record.type for record in log.read(bodies=False))
    assert types["tallystick.slo.measured.v1"] == len(seqs)
    for each in written:
        assert {id: seqs.get(id) for id in each["seen"]} == each["seen"]
    assert set(seqs) == {id for each in written for id in each["seen"]}
    assert types["tallystick.intake.conflicted.v1"] == sum(each["conflicts"] for each in written)

    # No gap, no fork: every tree that anybody saw is the beginning of this one.
    assert [parse_entry(record.header).seq for record in log.read(bodies=False)] == list(range(log.size))
    for each in verified:
        assert each["reports"] >= 2
        for size, root in each["trees"]:
            path = log.tree.consistency(size, log.size)
            verify_consistency(size, log.size, bytes.fromhex(root), log.tree.root(log.size), path)
    assert len({size for each in verified for size, _ in each["trees"]}) > 3
