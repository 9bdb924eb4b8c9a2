"""A check that is killed between parting the rows and its event leaves rows of people that no entry names; they are found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number, range: {min: 0}}
handling: {quality: quarantine}
policy: {block_on: never, block_at: 1, alert_at: 0.9}
"""
KILLED = """
import os, signal, sys
import contracts.quarantine.store as store
store.record_opened = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from cli.main import run
sys.argv[1:] = ["check", "orders.yaml", "orders.csv", "--quarantine", "kept"]
run()
"""
LONG_AGO = 1_700_000_000
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,-7\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(tmp_path / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }

    def run(*arguments: str, code: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "cli", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment | changes,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("init", "--origin", "ledger.example.org/shop").returncode == 0
    return run


def old(place: Path) -> None:
    for path in (*place.iterdir(), place):
        os.utime(path, (LONG_AGO, LONG_AGO))


def orphans(run: Run, **changes: str) -> list[str]:
    found = json.loads(run("quarantine", "list", "--in", "kept", "--json", **changes).stdout)
    return [row["quarantine"] for row in found if row["state"] == "orphan"]


def test_what_a_killed_check_left_is_named_and_deleted_when_nobody_can_be_writing_it(run: Run, tmp_path: Path) -> None:
    assert run(code=KILLED).returncode == -signal.SIGKILL
    [place] = (tmp_path / "kept").iterdir()
    young = orphans(run)
    untouched = run("quarantine", "expire", "--in", "kept", "--orphans", "--yes")

    assert (young, sorted(path.name for path in place.glob("*.parquet"))) == ([], ["bad.parquet", "good.parquet"])
    assert untouched.stdout == "none is over\n"

    old(place)
    asked = run("quarantine", "expire", "--in", "kept", "--orphans", "--json")

    assert orphans(run) == [place.name]
    assert (asked.returncode, json.loads(asked.stderr)["error"]["hint"]) == (9, "say --yes")
    assert place.exists()

    deleted = run("quarantine", "expire", "--in", "kept", "--orphans", "--yes", "--json")

    assert json.loads(deleted.stdout) == [{"quarantine": place.name, "until": None}]
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_an_entry_names_what_another_ledger_keeps_and_what_is_no_quarantine_is_left(
    run: Run, tmp_path: Path
) -> None:
    assert run("check", "orders.yaml", "orders.csv", "--quarantine", "kept").returncode == 0
    [named] = (tmp_path / "kept").iterdir()
    others = [tmp_path / "kept" / str(uuid.UUID(int=number)) for number in (1, 2)]
    for place, owner in zip(others, ("ledger.example.org/other", None), strict=True):
        place.mkdir()
        (place / "bad.parquet").write_text("rows")
        if owner:
            (place / ".ledger").write_text(owner)
    (tmp_path / "kept" / str(uuid.UUID(int=3))).symlink_to(named)
    (tmp_path / "kept" / "notes").mkdir()
    for place in (named, *others):
        old(place)

    done = run("quarantine", "expire", "--in", "kept", "--orphans", "--yes")

    assert orphans(run) == []
    assert done.stdout == "none is over\n"
    assert all((place / "bad.parquet").exists() for place in (named, *others))


def test_rows_that_an_entry_calls_deleted_and_that_are_there_again_are_orphans(run: Run, tmp_path: Path) -> None:
    run("check", "orders.yaml", "orders.csv", "--quarantine", "kept")
    [place] = (tmp_path / "kept").iterdir()
    kept = {path.name: path.read_bytes() for path in place.iterdir()}
    words = ("--in", "kept", "--by", "data:1", "--reason", "sent-again")
    assert run("quarantine", "delete", place.name, *words).returncode == 0
    assert not place.exists()

    place.mkdir()
    for name, data in kept.items():
        (place / name).write_bytes(data)
    old(place)

    assert orphans(run) == [place.name]
