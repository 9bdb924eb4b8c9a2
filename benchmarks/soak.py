"""Everything at once, for as long as it takes: what `emit` took is in the log exactly once, and in order.

Producers emit through shared outboxes and are killed; the server is killed and started again, once with a disk that is full;
the network between them is cut, stalled and slowed. At the end every outbox is delivered, and the log is held to every
emit that returned. Run by `make soak`; tests/hammer/test_soak.py runs a short form of it.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import ledger
from benchmarks.trouble import SECRET, Disk, Network, Service, environment
from ledger.client import Client, Settings
from ledger.event import Event
from ledger.fsck import fsck

ORIGIN = "soak.tallystick.invalid"
TYPE = "org.tallystick.soaked.v1"
OUTBOXES = 2
# Failures come every second here, so that patience is short.
QUICK = Settings(backoff_seconds=0.05, backoff_cap_seconds=1.0, read_seconds=2.0, total_seconds=5.0, poll_seconds=0.05)
TROUBLE_SECONDS = 2.0  # how long the network is cut, stalled or slow
FULL_SECONDS = 60.0  # how long a full disk may go unnoticed


@dataclass(frozen=True)
class Plan:
    """How hard.

    Attributes:
        events: That are to be emitted, by all producers together.
        server_kills: Spread evenly over what is recorded, with a full disk and six troubles of the network.
        producer_kills: Spread evenly over what is emitted.
    """

    events: int
    producers: int
    server_kills: int
    producer_kills: int
    seed: int = 0


@dataclass
class Tally:
    """What came of it; `faults` is empty when nothing was lost, doubled or turned around.

    Attributes:
        full_disks: How often the server had to turn events away because not one block was free.
    """

    emitted: int = 0
    recorded: int = 0
    entries: int = 0
    server_kills: int = 0
    producer_kills: int = 0
    network_troubles: int = 0
    full_disks: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def outbox_of(folder: Path, number: int) -> Path:
    return folder / f"outbox-{number % OUTBOXES}.db"


def produce(folder: Path, url: str, number: int, count: int) -> None:
    """Emit until `count` events of this producer were taken; what a life before this one got done is not done again."""
    acks = folder / f"acks-{number}"
    done = len(acks.read_bytes().splitlines()) if acks.exists() else 0
    drawn = random.Random(f"{number}/{done}")
    client = Client(url, outbox=outbox_of(folder, number), settings=QUICK)
    with acks.open("ab", buffering=0) as file:
        while done < count:
            size = min(drawn.choice((1, 1, 10)), count - done)
            body = {"producer": number, "padding": "x" * drawn.randrange(600)}
            events = [Event.of(TYPE, f"urn:soak:{number}", {**body, "n": done + each}) for each in range(size)]
            taken = client.emit_all(events)
            file.write(b"".join(f"{each.id}\n".encode() for each in taken))  # one write: a kill leaves no half line
            done += size
    client.close(1.0)


class Soak:
    """One run in one folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.tally = Tally()
        self.drawn = random.Random(plan.seed)
        self.disk = Disk(folder, (256 << 20) + 6_000 * plan.events)
        self.service = Service(self.disk.folder)
        self.network = Network(self.service.port)
        self.share = plan.events // plan.producers
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self._restarting = threading.Lock()  # one that was killed and not started again yet is not through

    def run(self) -> Tally:
        """Do it, and return what came of it."""
        try:
            self._run()
        finally:
            for process in self.running.values():
                process.kill()
            self.service.kill()
            self.disk.close()
        return self.tally

    def _run(self) -> None:
        home = self.service.folder / "home"
        ledger.create(self.service.url, origin=ORIGIN, home=home, passphrase=lambda: SECRET).close()
        began = time.monotonic()
        self.service.start()
        for number in range(self.plan.producers):
            self._start(number)
        delivering = threading.Thread(target=self._deliver)
        delivering.start()
        self._trouble(delivering)
        delivering.join()
        self._check_outboxes()
        self.service.kill()
        self.tally.seconds = round(time.monotonic() - began, 1)
        self._judge()

    def _start(self, number: int) -> None:
        command = [
            sys.executable,
            __file__,
            "produce",
            str(self.folder),
            self.network.url,
            str(number),
            str(self.share),
        ]
        self.running[number] = subprocess.Popen(command, env=environment())

    def _emitted(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("acks-*")) // 37  # a UUID and a newline

    def _recorded(self) -> int:
        """Entries in the log; asked of its file, for the server may be down."""
        with closing(sqlite3.connect(f"file:{self.service.folder}/ledger.db?mode=ro", uri=True, timeout=60)) as db:
            return int(db.execute("SELECT max(seq) FROM entry").fetchone()[0])

    def _trouble(self, delivering: threading.Thread) -> None:
        """Kill producers at their share of what was emitted, and all else at its share of what was recorded, to the end."""
        plan, total = self.plan, self.share * self.plan.producers
        troubles = ["server"] * plan.server_kills + ["full"] * self.disk.is_own + ["cut", "stall", "slow"] * 2
        self.drawn.shuffle(troubles)
        due = [(total * (n + 1) // (len(troubles) + 1), what) for n, what in enumerate(troubles)]
        kills = [total * (n + 1) // (plan.producer_kills + 1) for n in range(plan.producer_kills)]
        while due or kills:
            emitted, recorded = (self._emitted(), self._recorded()) if delivering.is_alive() else (total, total)
            if kills and kills[0] <= emitted:
                kills.pop(0)
                self._do("producer")
            if due and due[0][0] <= recorded:
                self._do(due.pop(0)[1])
            show(recorded, total)
            time.sleep(0.02)

    def _do(self, what: str) -> None:
        if what == "server":
            self.service.kill()
            self.service.start()
            self.tally.server_kills += 1
        elif what == "full":
            self._fill_disk()
        elif what == "producer":
            self._kill_producer()
        else:
            self.network.mood = what
            time.sleep(TROUBLE_SECONDS)
            self.network.mood = "pass"
            self.tally.network_troubles += 1

    def _kill_producer(self) -> None:
        with self._restarting:
            alive = [number for number, process in self.running.items() if process.poll() is None]
            if alive:
                number = self.drawn.choice(alive)
                self.running[number].kill()
                self.running[number].wait()
                self._start(number)
                self.tally.producer_kills += 1

    def _fill_disk(self) -> None:
        """Fill it until the server turned events away; emits itself, for the producers may be through already."""
        before = self.service.turned_away()
        self.disk.fill()
        deadline = time.monotonic() + FULL_SECONDS
        client = Client(self.network.url, outbox=outbox_of(self.folder, 0), settings=QUICK)
        with client, (self.folder / "acks-full").open("wb", buffering=0) as acks:
            while self.service.turned_away() == before and time.monotonic() < deadline:
                taken = client.emit(Event.of(TYPE, "urn:soak:full", {"padding": "x" * 600}))
                acks.write(f"{taken.id}\n".encode())
                time.sleep(0.1)
            self.tally.full_disks += self.service.turned_away() > before
            self.disk.free()

    def _is_emitting(self) -> bool:
        with self._restarting:
            return any(process.poll() is None for process in self.running.values())

    def _deliver(self) -> None:
        """Wait for the producers, and bring what they left on its way, whatever happens meanwhile."""
        while self._is_emitting():
            time.sleep(0.1)
        for outbox in self._outboxes():
            with Client(self.network.url, outbox=outbox, settings=QUICK) as client:
                client.flush(60 + self.plan.events / 500)

    def _check_outboxes(self) -> None:
        """With nothing in the way any more, nothing may be left."""
        for outbox in self._outboxes():
            with Client(self.network.url, outbox=outbox, settings=QUICK) as client:
                left, dead = client.flush(60), client.status().dead
            if left or dead:
                self.tally.faults.append(f"{outbox.name} keeps {left} events and {dead} dead letters")

    def _outboxes(self) -> list[Path]:
        return [outbox_of(self.folder, number) for number in range(min(OUTBOXES, self.plan.producers))]

    def _judge(self) -> None:
        places: dict[str, list[int]] = defaultdict(list)
        sequences: dict[str, list[int]] = defaultdict(list)
        with self.service.open() as log:
            for record in log.read(bodies=False):
                if record.type == TYPE:
                    places[record.id].append(record.seq)
                    sequences[record.source].append(int(record.entry.sequence or 0))
            self.tally.entries = log.size
            findings = fsck(log.store, keyring=log.keyring).findings
        self.tally.recorded = sum(map(len, places.values()))
        faults = self.tally.faults
        faults += [f"fsck: {each.where}: {each.what}" for each in findings]
        faults += [f"event {id} stands {len(seqs)} times" for id, seqs in places.items() if len(seqs) > 1]
        for source, found in sequences.items():
            # `producer.restarted` takes a number of the outbox's own source, never of these.
            if found != list(range(found[0], found[0] + len(found))):
                faults.append(f"the sequence of {source} has a gap or goes back")
        for path in sorted(self.folder.glob("acks-*")):
            ids = path.read_text().split()
            self.tally.emitted += len(ids)
            faults += [f"event {id} was emitted and is not in the log" for id in ids if id not in places]
            seqs = [places[id][0] for id in ids if id in places]
            if seqs != sorted(seqs):
                faults.append(f"events of {path.name} stand in another order than they were emitted")


def show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} recorded", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Run it, print the tally as JSON, and return 0 when nothing was lost."""
    if sys.argv[1:2] == ["produce"]:
        produce(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return 0
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=1_000_000)
    asked.add_argument("--producers", type=int, default=8)
    asked.add_argument("--server-kills", type=int, default=50)
    asked.add_argument("--producer-kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=0)
    with tempfile.TemporaryDirectory(prefix="tally-soak-") as folder:
        tally = Soak(Plan(**vars(asked.parse_args())), Path(folder)).run()
    print(json.dumps(asdict(tally)))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
