"""The operating system refuses to let a file grow: the batch is refused or its outcome unknown, and the ledger stays whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ledger.event import Event
from ledger.fsck import fsck

if TYPE_CHECKING:
    from tests.conftest import Ledgers

FILLING = """
import json, os, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import ledger
from ledger.event import Event
from proofs.errors import StorageError, UnknownOutcomeError

url, home, limit, kind = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
clock = lambda: datetime(2026, 11, 20, 9, 1, tzinfo=UTC)
log = ledger.open(url, home=home, passphrase=lambda: b"correct horse", clock=clock)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
acknowledged, failures = {}, []
parts = ("/who",) if kind == "parts" else ()

def event(batch, n):
    return Event.of("com.example.thing.v1", "urn:full", {"who": "x" * 90, "n": n}, id=f"{batch}-{n}", parts=parts)

for batch in range(200):
    try:
        events = [event(batch, n) for n in range(30)]
        acknowledged.update((f"{batch}-{n}", r.seq) for n, r in enumerate(log.append(events)))
    except (StorageError, UnknownOutcomeError) as error:
        failures.append(type(error).__name__)
        if len(failures) == 3:
            break
print(json.dumps([acknowledged, failures]))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["plain", "parts"])
@pytest.mark.parametrize("limit_kib", [160, 300, 700, 1_500])
def test_I5_a_disk_that_is_full_costs_no_acknowledged_event_and_no_half_batch(
    ledgers: Ledgers, limit_kib: int, kind: str
) -> None:
    ledgers.create()
    ledgers.close()
    result = ledgers.run(FILLING, limit_kib * 1024, kind)
    assert result.returncode == 0, result.stderr
    acknowledged, failures = json.loads(result.stdout)
    assert len(failures) == 3

    log = ledgers.open()
    found = {record.id: record.seq for record in log.read(bodies=False) if record.source == "urn:full"}

    assert {id: found.get(id) for id in acknowledged} == acknowledged
    assert len(found) % 30 == 0
    assert fsck(log.store, keyring=log.keyring).findings == ()
    again = [
        Event.of("com.example.thing.v1", "urn:full", {"who": "x" * 90, "n": n}, id=f"0-{n}", parts=("/who",))
        for n in range(30)
    ]
    assert [receipt.is_replay for receipt in log.append(again)] == ["0-0" in found] * 30
