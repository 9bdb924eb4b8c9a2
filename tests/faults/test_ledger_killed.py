"""kill -9 at random moments, fifty times: what was acknowledged is there, and no batch is there by half."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.fsck import fsck

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]
LEDGERS, KILLS = 5, 10  # fifty in all; five ledgers, so that none grows long

# Everything is imported once; each writer is a process of its own that is forked off, and killed.
WRITERS = """
import json, os, random, sys
from datetime import UTC, datetime
from pathlib import Path
import ledger
from ledger.erasure import erase_person
from ledger.event import Event

url, home = sys.argv[1], Path(sys.argv[2])

def event(round, batch, n, of):
    id = f"{round}/{batch}/{n}/{of}"
    if n == 3:
        tables = [{"namespace": "w", "name": f"t{t}"} for t in range(140)]
        return Event.of("tallystick.slo.measured.v1", "urn:killed", {"datasets": tables}, id=id)
    if n == 5:
        return Event.of("com.example.person.v1", "urn:killed", {"who": id}, id=id, parts=("/who",), person=f"p{batch % 3}")
    return Event.of("com.example.thing.v1", "urn:killed", {"n": n}, id=id)

def write(round):
    drawn = random.Random(round)
    clock = lambda: datetime(2026, 11, 20, 9, 1, tzinfo=UTC)
    log = ledger.open(url, home=home, passphrase=lambda: b"correct horse", clock=clock)
    for batch in range(10**9):
        of = drawn.choice([1, 2, 7, 40, 300])
        receipts = log.append([event(round, batch, n, of) for n in range(of)])
        ack = json.dumps({r.entry.decode().split('"id":"')[1].split('"')[0]: r.seq for r in receipts})
        os.write(1, f"ack {ack}\\n".encode())
        if batch % 4 == 3:
            log.take_census()
            log.checkpoint()
        if batch % 7 == 6:
            erase_person(log, f"p{batch % 3}")

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        write(int(line))
    os.write(1, f"pid {pid}\\n".encode())
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


@pytest.fixture
def writers(ledgers: Ledgers) -> Iterator[subprocess.Popen[bytes]]:
    ledgers.create()
    ledgers.close()
    process = subprocess.Popen(
        [sys.executable, "-c", WRITERS, ledgers.url(), str(ledgers.home)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    yield process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait()
    process.stdout.close()


def kill_within(process: subprocess.Popen[bytes], number: int, seconds: float) -> dict[str, int]:
    """Let one writer run for a while, kill it, and return what it acknowledged: id → seq."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"%d\n" % number)
    process.stdin.flush()
    said = b""
    while b"pid " not in said or not said.endswith(b"\n"):
        said += os.read(process.stdout.fileno(), 1 << 16)
    pid = int(said.split(b"pid ")[1].split(b"\n")[0])
    deadline = time.monotonic() + seconds
    while select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
        said += os.read(process.stdout.fileno(), 1 << 16)
    os.kill(pid, signal.SIGKILL)
    while not said.endswith(b"dead\n"):
        said += os.read(process.stdout.fileno(), 1 << 16)
    acknowledged: dict[str, int] = {}
    for line in said.decode().splitlines():
        if line.startswith("ack ") and line.endswith("}"):  # the last one may have been cut off
            acknowledged.update(json.loads(line[4:]))
    return acknowledged


@pytest.mark.parametrize("run", range(LEDGERS))
def test_I5_after_a_kill_nothing_acknowledged_is_lost_and_no_batch_is_half(
    ledgers: Ledgers, writers: subprocess.Popen[bytes], run: int
) -> None:
    drawn = random.Random()
    acknowledged: dict[str, int] = {}
    for number in range(KILLS):
        acknowledged |= kill_within(writers, run * KILLS + number, drawn.uniform(0.005, 0.25))

        log = ledgers.open()
        found = {record.id: record.seq for record in log.read(bodies=False) if record.source == "urn:killed"}
        assert {id: found.get(id) for id in acknowledged} == acknowledged
        batches = Counter((*id.split("/")[:2], id.split("/")[3]) for id in found)
        assert [batch for batch, count in batches.items() if int(batch[2]) != count] == []
        assert fsck(log.store, keyring=log.keyring).findings == ()
        ledgers.close()
    assert acknowledged
