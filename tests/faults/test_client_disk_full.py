"""The operating system refuses to let the outbox grow: `emit` says so, and what it took before is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.client import Client, upkeep
from ledger.client.record import Record
from ledger.event import Event

ROOT = Path(__file__).parents[2]
FILLING = """
import json, os, resource, signal, sys
from ledger.client import Client
from ledger.event import Event
from proofs.errors import StorageError, UnknownOutcomeError

outbox, limit = sys.argv[1], int(sys.argv[2])
client = Client(outbox=outbox, source="urn:full")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
taken, unknown, refused = [], [], 0
for n in range(5_000):
    try:
        taken.append(client.emit(Event.of("com.example.thing.v1", "urn:full", {"n": n, "x": "x" * 500}, id=str(n))).id)
    except UnknownOutcomeError:
        unknown.append(str(n))
    except StorageError:
        refused += 1
    if len(unknown) + refused == 3:
        break
print(json.dumps([taken, unknown, refused]))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("limit_kib", [120, 400, 1_500])
def test_a_disk_that_is_full_costs_nothing_that_emit_returned_for(tmp_path: Path, limit_kib: int) -> None:
    path = tmp_path / "outbox.db"
    command = [sys.executable, "-c", FILLING, str(path), str(limit_kib * 1024)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    taken, unknown, refused = json.loads(ended.stdout)

    client = Client(outbox=path, source="urn:full")
    upkeep.verify(client.outbox)
    lines = client.outbox.file.rows("SELECT line FROM record ORDER BY n")
    found = [str(Record.parse(line).event.id) for (line,) in lines][1:]

    assert len(unknown) + refused == 3
    assert set(taken) <= set(found) <= {*taken, *unknown}
    assert taken
    again = client.emit(Event.of("com.example.thing.v1", "urn:full", {"after": True}))
    assert again.sequence == len(found) + 1
    client.close()
