"""Sixteen processes append to one log in PostgreSQL while two verify it: no fork, no gap, no loss."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import psycopg

import ledger
from ledger.event import Event
from ledger.fsck import fsck
from ledger.hammer import Load, hammer
from ledger.log import Ledger

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

SECONDS = (4.0, 20.0, 60.0)
ENOUGH = 500
THREADS = 16


def test_I5_sixteen_writers_and_two_verifiers_share_one_log(
    postgres: Server, pgserver: ModuleType, tmp_path: Path
) -> None:
    for seconds in SECONDS:  # eighteen processes take their time to start where others work too
        name = postgres.database(template=pgserver.TEMPLATE)
        outcome = hammer(Load(postgres.url(name), tmp_path / name, 16, 2, seconds))
        postgres.drop(name)
        assert outcome.faults == ()
        assert outcome.busy == 0
        if outcome.acknowledged > ENOUGH:
            break

    assert outcome.acknowledged > ENOUGH
    assert outcome.entries > ENOUGH // 2


def test_I8_logs_of_one_database_are_written_side_by_side(postgres_ledgers: Ledgers, postgres_url: str) -> None:
    """Half of the threads share a handle a log, half have their own; a writer that holds one log stops no other."""
    names = [f"ledger.example/{n}" for n in range(4)]
    shared = [postgres_ledgers.create(origin=name) for name in names]
    with psycopg.connect(postgres_url) as blocking:
        blocking.execute("SELECT tallystick.lock_log(log, 1000) FROM tallystick.log WHERE origin = %s", (names[0],))
        for log in shared[1:]:
            log.append(Event.of("com.example.thing.v1", "urn:free", {}, id="free"))
        blocking.rollback()

    def write(number: int) -> None:
        own = number % 2 == 0
        log: Ledger = shared[number % 4]
        if own:
            log = ledger.open(
                f"{postgres_url}&origin={log.origin}", home=postgres_ledgers.home, passphrase=lambda: b"correct horse"
            )
        for n in range(40):
            log.append([Event.of("com.example.thing.v1", f"urn:{number}", {"n": n}, id=f"{n}/{of}") for of in range(3)])
        if own:
            log.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, log in enumerate(shared):
        assert log.size == 2 + (number > 0) + THREADS // 4 * 40 * 3
        assert fsck(log.store, keyring=log.keyring).findings == ()
