"""The command line in a folder of its own, for every test of commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Ended(subprocess.CompletedProcess[str]):
    """A command that came to its end."""

    def document(self, *, status: int = 0) -> Any:
        """The one JSON document that it printed."""
        assert self.returncode == status, self.stderr
        (line,) = self.stdout.splitlines()
        return json.loads(line)

    def error(self) -> Any:
        """The error object that it printed."""
        return json.loads(self.stderr)["error"]

    def refusal(self) -> tuple[int, str]:
        """Its exit status, and the code of the refusal that it printed, and nothing besides."""
        assert self.stdout == ""
        error = self.error()
        assert error["status"] == self.returncode
        return self.returncode, error["code"]


Tally = Callable[..., Ended]


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

    def run(*arguments: str, given: str = "", **changes: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=tmp_path, env={**environment, **changes}, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Ended(ended.args, ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def ledger(tally: Tally) -> Tally:
    """The same, with a ledger that was created."""
    ended = tally("init", "--origin", "ledger.example.org/shop")
    assert ended.returncode == 0, ended.stderr
    return tally


@pytest.fixture
def ended() -> type[Ended]:
    """For tests that call the command in their own process."""
    return Ended


@pytest.fixture
def features_run() -> str:
    """A run, as OpenLineage tells it, that made `features` from `orders`."""
    run = {
        "eventTime": "2026-11-20T09:00:00Z", "eventType": "COMPLETE", "producer": "urn:shop:etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "01931111-1111-7111-8111-111111111111"}, "job": {"namespace": "etl", "name": "features"},
        "inputs": [{"namespace": "shop", "name": "orders"}], "outputs": [{"namespace": "shop", "name": "features"}],
    }  # fmt: skip
    return json.dumps(run)
