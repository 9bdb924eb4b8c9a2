"""Eight processes append to one file while two verify it: no fork, no gap, no loss, and no lock that a caller hears of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.fsck import fsck

ROOT = Path(__file__).parents[2]
WRITERS = 8
EVENTS = 120  # of each writer, in batches of 1 to 7, some of them sent twice

WRITE = """
import json, random, sys
import ledger
from ledger.event import Event

url, home, who, count = sys.argv[1:5]
draw = random.Random(int(who))
log = ledger.open(url, home=__import__("pathlib").Path(home))
events = [
    Event.of("com.acme.order.v1", f"urn:writer:{who}", {"n": n, "pad": "x" * draw.randrange(900)}, id=str(n))
    for n in range(int(count))
]
told, at = [], 0
while at < len(events):
    batch = events[at : at + draw.randrange(1, 8)]
    receipts = log.append(batch)
    if draw.random() < 0.2:
        assert [r.seq for r in log.append(batch)] == [r.seq for r in receipts]
    if draw.random() < 0.05:
        log.take_census()
    told += [(r.seq, r.leaf.hex()) for r in receipts]
    at += len(batch)
print(json.dumps(told))
"""

VERIFY = """
import sys
from pathlib import Path
import ledger
from ledger.checkpoint import read_back
from ledger.tree import Frontier, Tree
from proofs.merkle import verify_consistency

url, home = sys.argv[1:3]
log = ledger.open(url, home=Path(home), read_only=True)
size = root = seen = 0
for line in sys.stdin:  # one look for each line that is sent
    with log.store.reading():
        now = log.store.size()
        tree = Tree(log.store)
        new = read_back(log.store, Frontier(0, []), now)
        if size:
            verify_consistency(size, now, root, new, tree.consistency(size, now))
        assert now >= size
        size, root, seen = now, new, seen + 1
    print(now, flush=True)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "correct horse"}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_I5_I8_eight_writers_and_two_verifiers_share_one_file(ledgers: Any) -> None:
    log = ledgers.create()
    url, home = ledgers.url(), str(ledgers.home)
    verifiers = [start(VERIFY, url, home) for _ in range(2)]
    writers = [start(WRITE, url, home, str(who), str(EVENTS)) for who in range(WRITERS)]

    looks = 0
    while any(writer.poll() is None for writer in writers):
        for verifier in verifiers:
            assert verifier.stdin is not None
            assert verifier.stdout is not None
            verifier.stdin.write("look\n")
            verifier.stdin.flush()
            looks += bool(int(verifier.stdout.readline()))
    told = []
    for writer in writers:
        printed, complained = writer.communicate()
        assert writer.returncode == 0, complained
        told.append(json.loads(printed))
    for verifier in verifiers:
        _, complained = verifier.communicate()
        assert verifier.returncode == 0, complained

    assert looks >= 4
    assert [len(receipts) for receipts in told] == [EVENTS] * WRITERS
    acknowledged = dict(receipt for receipts in told for receipt in receipts)
    assert len(acknowledged) == WRITERS * EVENTS
    stored = {record.seq: record.leaf.hex() for record in log.read(bodies=False)}
    assert {seq: stored[seq] for seq in acknowledged} == acknowledged
    report = fsck(log.store, keyring=log.keyring)
    assert report.ok, report.findings
