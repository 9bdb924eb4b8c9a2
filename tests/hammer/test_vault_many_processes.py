"""Real processes at one vault: two rotate its epoch while others seal and open; one erases a person whom another appends."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ledger.disclosure import open_part
from ledger.erasure import ERASED, STARTED, erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger

if TYPE_CHECKING:
    from tests.conftest import Ledgers

WORDS = {"reader": "r", "purpose": "p"}
ROTATIONS = 12  # of each of the two
EVENTS = 150
ERASURES = 15

COMMON = """
import json, select, sys
from datetime import UTC, datetime
from pathlib import Path
import ledger
from ledger.erasure import erase_person
from ledger.event import Event
from proofs.errors import MissingError

name, count = sys.argv[3], int(sys.argv[4])
log = ledger.open(sys.argv[1], home=Path(sys.argv[2]), passphrase=lambda: b"correct horse",
                  clock=lambda: datetime(2026, 11, 20, 9, 0, 59, tzinfo=UTC))

def event(n, person):
    return Event.of("com.example.household.v1", "urn:crm", {"who": f"{name} {n}"}, id=f"{name}-{n}",
                    parts=("/who",), person=person)

print("ready", flush=True)
sys.stdin.readline()
"""

ROTATING = "print(json.dumps([log.vault.rotate_epoch() for _ in range(count)]))"

SEALING = """
seqs = [log.append(event(n, f"person {n % 7}" if n % 3 else None)).seq for n in range(count)]
print(json.dumps(seqs))
"""

OPENING = """
opened = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for row in log.store.parts.among(range(log.size)):
        log.vault.open(row.commitment, row.sealed)
        opened += 1
print(json.dumps(opened))
"""

APPENDING = """
seqs = [log.append([event(2 * n, "ada"), event(2 * n + 1, None)])[0].seq for n in range(count)]
print(json.dumps(seqs))
"""

ERASING = """
print(json.dumps([erase_person(log, "ada").parts for _ in range(count)]))
"""


def start(ledgers: Ledgers, program: str, name: str, count: int) -> subprocess.Popen[str]:
    process = ledgers.start(COMMON + program, name, count)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(*processes: subprocess.Popen[str]) -> None:
    """Let processes that are ready go at once."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def values(log: Ledger) -> dict[int, bytes]:
    """Every part that is stored, opened; one that does not open fails here."""
    return {row.seq: open_part(log, row.seq, "/who", **WORDS) for row in log.store.parts.among(range(log.size))}


def test_two_processes_rotate_the_epoch_while_others_seal_and_open_and_every_part_opens(ledgers: Ledgers) -> None:
    ledgers.create().close()
    rotators = [start(ledgers, ROTATING, f"rotator{n}", ROTATIONS) for n in range(2)]
    sealer, opener = start(ledgers, SEALING, "sealed", EVENTS), start(ledgers, OPENING, "opener", 0)
    begin(*rotators, sealer, opener)

    epochs = [answer(rotator) for rotator in rotators]
    seqs = answer(sealer)
    opened = answer(opener)

    assert sorted(epochs[0] + epochs[1]) == list(range(2, 2 + 2 * ROTATIONS))
    log = ledgers.open()
    assert log.vault is not None
    assert values(log) == {seq: b'"sealed %d"' % n for n, seq in enumerate(seqs)}
    assert opened > 0
    assert [path.name for path in log.vault.folder.glob("kek-*")] == [f"kek-{1 + 2 * ROTATIONS}"]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_threads_of_one_process_append_and_erase_without_waiting_for_each_other_for_ever(ledgers: Ledgers) -> None:
    log = ledgers.create()
    failed: list[BaseException] = []

    def repeat(act: Callable[[int], object]) -> None:
        try:
            for n in range(40):
                act(n)
        except BaseException as error:  # noqa: BLE001 - told below, in the thread of the test
            failed.append(error)

    def append(n: int) -> None:
        body = {"who": f"Ada {n}"}
        log.append(Event.of("com.example.household.v1", "urn:crm", body, id=f"{n}", parts=("/who",), person="ada"))

    acts: list[Callable[[int], object]] = [append, lambda _: erase_person(log, "ada"), lambda _: log.take_census()]
    threads = [threading.Thread(target=repeat, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert (failed, [thread.is_alive() for thread in threads]) == ([], [False] * 3)
    assert len(values(log)) == len(log.store.parts.among(range(log.size)))
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I10_a_person_is_erased_while_another_process_appends_and_nothing_is_left_half(ledgers: Ledgers) -> None:
    ledgers.create().close()
    appender, eraser = start(ledgers, APPENDING, "a", EVENTS), start(ledgers, ERASING, "e", ERASURES)
    begin(appender, eraser)

    parts = answer(eraser)
    seqs = answer(appender)

    log = ledgers.open_without_keyring()  # nothing is made good by being opened
    stored = {row.seq for row in log.store.parts.among(range(log.size))}
    log.close()
    log = ledgers.open()
    types = [record.type for record in log.read()]
    last = len(types) - 1 - types[::-1].index(STARTED)
    of_ada, of_others = set(seqs), {seq + 1 for seq in seqs}
    assert (types.count(STARTED), types.count(ERASED)) == (ERASURES, ERASURES)
    assert stored >= of_others | {seq for seq in of_ada if seq > last}  # who came back behind the last erasure stays
    assert values(log).keys() == stored  # and whatever is there opens
    assert sum(parts) <= len(of_ada - stored)
    assert fsck(log.store, keyring=log.keyring).findings == ()
