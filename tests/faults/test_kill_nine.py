"""kill -9 at random moments, fifty times: what was acknowledged is there, no batch is half there, and fsck finds nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ledger.fsck import fsck

ROOT = Path(__file__).parents[2]
KILLS = 50
BATCH = 5

WRITE = """
import sys
from pathlib import Path
import ledger
from ledger.event import Event

url, home, life = sys.argv[1:4]
log = ledger.open(url, home=Path(home))
for number in range(10_000):
    batch = [
        Event.of("com.acme.order.v1", "urn:killed", {"n": n, "who": "p"}, id=f"{life}/{number}/{n}",
                 parts=("/who",) if number % 7 == 0 else (), person=f"{life}")
        for n in range(5)
    ]
    receipts = log.append(batch)
    if number % 9 == 8:
        log.take_census()
    if number % 13 == 12:
        log.checkpoint()
    print(number, receipts[0].seq, receipts[-1].seq, flush=True)
"""


def live_and_die(url: str, home: str, life: int, seconds: float) -> list[tuple[int, int, int]]:
    """Run a writer, kill it `seconds` after its first acknowledgement, and return what it acknowledged."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "correct horse"}
    command = [sys.executable, "-c", WRITE, url, home, str(life)]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        lines = [writer.stdout.readline()]
        killer = threading.Timer(seconds, writer.send_signal, [signal.SIGKILL])
        killer.start()
        lines += writer.stdout.readlines()
        killer.join()
    assert writer.returncode == -signal.SIGKILL
    whole = (line.split() for line in lines if line.endswith("\n"))
    return [(int(number), int(first), int(last)) for number, first, last in whole]


def test_I5_nothing_acknowledged_is_lost_and_nothing_is_half_written_in_fifty_kills(ledgers: Any) -> None:
    ledgers.create().close()
    draw = random.Random(50)
    url, home = ledgers.url(), str(ledgers.home)

    for life in range(KILLS):
        acknowledged = live_and_die(url, home, life, draw.uniform(0.0, 0.12))

        log = ledgers.open()
        present: dict[str, set[str]] = {}
        for _, seq, _ in log.positions("source:urn:killed"):
            which, number, n = log.entry(seq).id.split("/")
            if int(which) == life:
                present.setdefault(number, set()).add(n)
        assert all(len(batch) == BATCH for batch in present.values())
        for number, first, last in acknowledged:
            assert log.entry(first).id == f"{life}/{number}/0"
            assert log.entry(last).id == f"{life}/{number}/{BATCH - 1}"
        if life % 10 == 9:
            log.checkpoint()
            report = fsck(log.store, keyring=log.keyring)
            assert report.ok, report.findings
        ledgers.close()
