"""The command line in a folder of its own, for every test of commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Tally = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    """Run `tally` in an empty folder, with a ledger and a home of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(tmp_path / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }

    def run(*arguments: str, given: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=tmp_path, env={**environment, **changes}, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def ledger(tally: Tally) -> Tally:
    """The same, with a ledger that was created."""
    ended = tally("init", "--origin", "ledger.example.org/shop")
    assert ended.returncode == 0, ended.stderr
    return tally
