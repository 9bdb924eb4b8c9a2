"""`tally probe` against the real service: recorded, read back and proven, or one sentence and metrics that say no."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Ledgers, Served

ROOT = Path(__file__).parents[2]


def tally(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "correct horse", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def handed_over(folder: Path, where: dict[str, str]) -> Path:
    folder.mkdir()
    ended = tally("evidence", "trust", "--out", str(folder), **where)
    assert ended.returncode == 0, ended.stderr
    return folder / "trust.txt"


@pytest.fixture
def running(serve: Callable[..., Served]) -> Served:
    return serve("--checkpoint-every", "0.2")


@pytest.fixture
def trust(running: Served, tmp_path: Path) -> Path:
    where = {"TALLY_LEDGER": f"sqlite:///{tmp_path}/log.db", "TALLY_HOME": str(tmp_path / "home")}
    return handed_over(tmp_path / "trust", where)


def test_an_event_is_recorded_read_back_and_proven(
    running: Served, trust: Path, ledgers: Ledgers, tmp_path: Path
) -> None:
    metrics = tmp_path / "tally.prom"

    ended = tally("probe", running.url, "--trust", str(trust), "--textfile", str(metrics), "--json")

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert 0 < found["recorded"] <= found["read"] <= found["proven"] < 60
    assert ledgers.open(read_only=True).entry(found["seq"]).id == found["id"]
    said = metrics.read_text()
    assert "tally_probe_ok 1\n" in said
    assert 'tally_probe_seconds{step="proven"} ' in said
    checked = subprocess.run(["promtool", "check", "metrics"], input=said, capture_output=True, text=True, check=False)
    assert "error" not in checked.stderr.lower(), checked.stderr


def test_a_log_of_another_key_is_not_believed(running: Served, tmp_path: Path) -> None:
    # The same name, and a key of somebody else.
    other = {"TALLY_LEDGER": f"sqlite:///{tmp_path}/other.db", "TALLY_HOME": str(tmp_path / "elsewhere")}
    assert tally("init", "--origin", "ledger.example/served", **other).returncode == 0
    foreign = handed_over(tmp_path / "foreign", other)

    ended = tally("probe", running.url, "--trust", str(foreign))

    assert ended.returncode == 6, ended.stderr


def test_a_server_that_is_down_is_said_in_one_sentence_and_in_the_metrics(tmp_path: Path) -> None:
    metrics = tmp_path / "tally.prom"

    ended = tally("probe", "http://127.0.0.1:9", "--textfile", str(metrics))

    assert ended.returncode == 13
    assert ended.stderr == "tally: no answer from 127.0.0.1:9: Connection refused\n"
    assert "tally_probe_ok 0\n" in metrics.read_text()


def test_a_token_that_is_missing_is_refused(serve: Callable[..., Served]) -> None:
    ended = tally("probe", serve(open=False).url)

    assert ended.returncode == 9
    assert ended.stderr.startswith("tally: the server answered 401, expected 200: ")
