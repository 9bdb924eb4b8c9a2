"""`tally hammer`: it finds nothing where nothing is wrong, and every kind of broken word where one is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.event import Event
from ledger.hammer import TYPE, Load, against_log, against_trees, hammer
from proofs.errors import ConflictError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]


def test_writers_and_readers_leave_a_log_that_kept_its_word(tmp_path: Path) -> None:
    outcome = hammer(Load(f"sqlite:///{tmp_path}/l.db", tmp_path / "home", writers=3, readers=1, seconds=2.0))

    assert outcome.faults == ()
    assert outcome.entries == outcome.events + 2  # the log's first entry and the evidence key's
    assert outcome.acknowledged > outcome.events > 0  # the writers met
    assert outcome.trees > 1


def test_a_ledger_that_is_there_is_never_hammered(tmp_path: Path, ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()

    with pytest.raises(ConflictError):
        hammer(Load(ledgers.url(), tmp_path / "other", writers=1, readers=0, seconds=0.1))


def test_a_lost_a_doubled_and_a_moved_event_are_named(ledgers: Ledgers) -> None:
    log = ledgers.create()
    (one, two) = log.append([Event.of(TYPE, "urn:a", {}, id="one"), Event.of(TYPE, "urn:a", {}, id="two")])
    again = log.append(Event.of(TYPE, "urn:b", {}, id="two"))

    assert list(against_log(log, {"one": one.seq, "two": two.seq + 7, "gone": 9})) == [
        f"event two stands in entry {two.seq} and in entry {again.seq}",
        f"event two was acknowledged at {two.seq + 7} and stands in entry {two.seq}",
        "event gone was acknowledged at 9 and is not in the log",
    ]


def test_a_tree_of_another_history_is_named(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append([Event.of(TYPE, "urn:a", {}, id=str(number)) for number in range(5)])

    (fault,) = against_trees(log, [(3, log.tree.root(3)), (4, b"\0" * 32)])

    assert fault.startswith("a tree of 4 that a reader saw is no beginning of the log: ")


def test_the_command_prints_one_document_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", "hammer", "--writers", "2", "--readers", "0", "--seconds", "0.5", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "TALLY_LEDGER": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["faults"] == []
    assert list(tmp_path.iterdir()) == []
