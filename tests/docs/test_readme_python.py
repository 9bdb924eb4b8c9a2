"""The Python in the README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ledger
from ledger.log import Ledger

ROOT = Path(__file__).parents[2]


def test_the_python_of_the_readme_runs_against_a_ledger_that_was_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (snippet,) = [each for each in found if "ledger.open" in each]  # the client's is in test_client_guide.py
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "correct horse")
    ledger.create("sqlite:///audit.db", origin="ledger.example.org/churn").close()
    names: dict[str, object] = {}

    exec(compile(snippet, "README.md", "exec"), names)

    log = names["log"]
    assert isinstance(log, Ledger)
    types = [record.type for record in log.read(2)]
    log.close()
    assert types == ["com.acme.order.v1", *["tallystick.lineage.run-observed.v1"] * 2]
