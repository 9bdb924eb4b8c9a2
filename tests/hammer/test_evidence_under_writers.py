"""Evidence is taken while others write: every bundle is whole, and each lists what the one before it listed, and more."""

from __future__ import annotations

import threading
import zipfile
from itertools import pairwise
from pathlib import Path

import ledger
from evidence.question import about_stream
from evidence.seal import Sealed, export
from evidence.terms import Terms
from ledger.event import Event
from proofs.errors import BusyError

WRITERS = 3
BUNDLES = 6
STREAM = "type:org.example.noise.v1"


def noise(sealed: Sealed) -> set[bytes]:
    """The writers' entries in a bundle."""
    with zipfile.ZipFile(sealed.path) as archive:
        lines = archive.read(f"{sealed.name}/data/entries.jsonl").splitlines()
    return {line for line in lines if b'"org.example.noise.v1"' in line}


def test_bundles_taken_under_three_writers_verify_and_grow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    secrets = {"home": tmp_path / "home", "passphrase": lambda: b"test"}
    log = ledger.create(url, origin="ledger.example.org/busy", **secrets)
    done = threading.Event()
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with ledger.open(url, **secrets) as own:
                count = 0
                while not done.wait(0.02):
                    own.append(Event.of("org.example.noise.v1", f"urn:writer:{writer}", {"n": count}, id=str(count)))
                    count += 1
        except BaseException as error:
            failures.append(error)
            raise

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in writers:
        thread.start()
    taken: list[Sealed] = []
    terms = Terms("auditor:7", "2026-11-20T12:00:00.000000Z")
    try:
        while len(taken) < BUNDLES or not noise(taken[0]) < noise(taken[-1]):
            try:
                taken.append(export(log, about_stream(STREAM), terms, out_dir=tmp_path / "out"))
            except BusyError:
                continue  # it says "try again"
    finally:
        done.set()
        for thread in writers:
            thread.join()
        log.close()

    assert failures == []
    assert {sealed.verdict.word for sealed in taken} == {"verified"}
    assert all(noise(earlier) <= noise(later) for earlier, later in pairwise(taken))
