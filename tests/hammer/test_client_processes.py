"""Eight processes emit into one outbox and are killed at random, while the server hangs, resets and refuses: nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.client import Client, upkeep
from ledger.fsck import fsck

if TYPE_CHECKING:
    from tests.counterpart import Counterpart, Handler

ROOT = Path(__file__).parents[2]
PRODUCERS, KILLS = 8, 40

# Everything is imported once; each producer is a process of its own that is forked off, and killed.
PROGRAM = """
import os, random, sys, threading, time
from ledger.client import Client, Settings
from ledger.event import Event

url, outbox = sys.argv[1], sys.argv[2]
quick = Settings(backoff_seconds=0.01, backoff_cap_seconds=0.05, poll_seconds=0.02, linger_seconds=0, read_seconds=0.2,
    total_seconds=0.5, batch_events=20, heartbeat_seconds=0.2)

def produce(number, round):
    drawn = random.Random(f"{number}/{round}")
    client = Client(url, outbox=outbox, source="urn:killed", settings=quick)
    ack = os.open(f"{outbox}.{number}.{round}.acks", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    def emit(thread):
        for n in range(10**9):
            many = drawn.choice([1, 1, 1, 3])
            names = [f"{number}/{round}/{thread}/{n}/{each}/{many}" for each in range(many)]
            own = drawn.choice([{}, {"source": f"urn:killed:{number}"}])
            events = [Event.of("com.example.thing.v1", **{"source": "urn:killed", **own}, body={"name": name}) for name in names]
            emissions = client.emit_all(events)
            for name, emission in zip(names, emissions, strict=True):
                os.write(ack, f"ack {name} {emission.id} {emission.source} {emission.sequence}\\n".encode())
            time.sleep(drawn.uniform(0, 0.01))
    threading.Thread(target=emit, args=(1,), daemon=True).start()
    emit(0)

for line in sys.stdin:
    number, round = line.split()
    pid = os.fork()
    if pid == 0:
        produce(number, round)
    os.write(1, f"pid {pid}\\n".encode())
"""


class Producers:
    """Forks producers, kills them, and remembers what they were told."""

    def __init__(self, url: str, outbox: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url, str(outbox)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # each change of the server's mood is said there
        )
        self.folder = outbox.parent

    def fork(self, number: int, turn: int) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{number} {turn}\n".encode())
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1])

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def acknowledged(self) -> dict[str, list[str]]:
        """Id → [name, source, sequence] of every emit that returned."""
        found = {}
        for file in self.folder.glob("*.acks"):
            for line in file.read_text().splitlines():
                _, name, id, source, sequence = line.split()
                found[id] = [name, source, sequence]
        return found


def moody(drawn: random.Random, counterpart: Counterpart) -> object:
    def misbehave(handler: Handler, body: bytes) -> bool:
        mood = drawn.random()
        if mood < 0.05:
            handler.hang(1)
            return True
        if mood < 0.10:
            handler.answer(503, b"", "text/plain", {"Retry-After": "0"})
            return True
        if mood < 0.20:
            counterpart.results(body)  # and the answer is lost
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            handler.connection.close()
            handler.close_connection = True
            return True
        return False

    return misbehave


@pytest.fixture
def producers(counterpart: Counterpart, tmp_path: Path) -> Iterator[Producers]:
    made = Producers(counterpart.url, tmp_path / "outbox.db")
    yield made
    if made.process.poll() is None:
        made.close()


def test_I4_every_emit_that_returned_is_in_the_ledger_once_and_in_order(
    counterpart: Counterpart, producers: Producers, tmp_path: Path
) -> None:
    drawn = random.Random()
    counterpart.misbehave = moody(drawn, counterpart)  # type: ignore[assignment]
    pids = [producers.fork(number, 0) for number in range(PRODUCERS)]
    for kill in range(KILLS):
        time.sleep(drawn.uniform(0.01, 0.2))
        at = drawn.randrange(PRODUCERS)
        os.kill(pids[at], signal.SIGKILL)
        pids[at] = producers.fork(at, kill + 1)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    producers.close()
    acknowledged = producers.acknowledged()

    counterpart.misbehave = None
    with Client(counterpart.url, outbox=tmp_path / "outbox.db", source="urn:killed") as client:
        upkeep.verify(client.outbox)
        assert client.flush(60) == 0
        assert (client.status().dead, client.status().trouble) == (0, None)

    records = [record for record in counterpart.log.read() if record.source.startswith("urn:killed")]
    where = {record.entry.id: record for record in records}
    assert len(where) == len(records)  # none twice
    assert acknowledged.keys() <= where.keys()  # none lost
    for id, (name, source, sequence) in acknowledged.items():
        assert (where[id].source, where[id].entry.sequence) == (source, sequence)
        assert where[id].body == f'{{"name":"{name}"}}'.encode()
    for source in {record.source for record in records}:  # no gap, and in order
        sequences = [record.entry.sequence for record in records if record.source == source]
        assert sequences == [str(n) for n in range(len(sequences))]
    assert fsck(counterpart.log.store).findings == ()
    assert len(acknowledged) > 200
