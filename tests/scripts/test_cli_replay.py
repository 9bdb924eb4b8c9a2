"""`tally decision replay --data` measures every kind of check again, and says check by check what it finds otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tally = Callable[..., Any]

CONTRACT = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: id, type: integer}, {name: spend, type: number, range: {min: 0}}]
checks:
  - {kind: referential, columns: [id], dataset: ids, to: [id], weight: 0, severity: info}
  - {kind: custom, function: "tally_own_checks:odd", weight: 0, severity: info}
  - {kind: drift, column: spend, max: 0.2, measure: ks, weight: 0, severity: info}
"""
RESULT = {"hasErrors": False, "checks": [{"identity": "a1", "outcome": "pass", "column": "id"}]}
GIVEN = ("--reference", "ids=ids.csv", "--allow", "tally_own_checks:odd", "--results", "soda=scan.json")


@pytest.fixture
def seq(ledger: Tally, tmp_path: Path) -> str:
    """The second of three decisions, of the batch two.csv; the third has moved the reference on since."""
    (tmp_path / "c.yaml").write_text(CONTRACT)
    (tmp_path / "ids.csv").write_text("id\n" + "".join(f"{row}\n" for row in range(90)))
    (tmp_path / "scan.json").write_text(json.dumps(RESULT))
    (tmp_path / "tally_own_checks.py").write_text(
        "def odd(rows):\n    return sum(n % 2 for (n,) in rows.select('id').fetchall())\n"
    )
    for name, factor in (("one", 1), ("two", 1), ("three", 100)):
        lines = "".join(f"{row},{row * factor}\n" for row in range(100))
        (tmp_path / f"{name}.csv").write_text(f"id,spend\n{lines}")
    seqs = [ledger("check", "c.yaml", f"{name}.csv", *GIVEN, "--json").document()["seq"] for name in ("one", "two")]
    ledger("check", "c.yaml", "three.csv", *GIVEN, "--json")
    return str(seqs[1])


def test_every_kind_of_check_is_measured_again_to_the_same_bytes(ledger: Tally, seq: str) -> None:
    again = ledger("decision", "replay", seq, "--data", "two.csv", *GIVEN, "--json").document()

    assert (again["measured_again"], again["same_bytes"], again["measurements"]) == (True, True, [])


def test_what_is_found_otherwise_is_shown_check_by_check(ledger: Tally, seq: str, tmp_path: Path) -> None:
    changed = {**RESULT, "checks": [{"identity": "a1", "outcome": "fail", "column": "id"}]}
    (tmp_path / "scan.json").write_text(json.dumps(changed))
    (tmp_path / "ids.csv").write_text("id\n1\n")

    given = ("--reference", "ids=ids.csv", "--results", "soda=scan.json")
    ended = ledger("decision", "replay", seq, "--data", "two.csv", *given, "--json")
    shown = ledger("decision", "replay", seq, "--data", "two.csv", *given)

    assert ended.returncode == 3
    assert json.loads(ended.stdout)["measurements"] == [
        {"rule": "referential:id", "then": "failed (10 of 100)", "now": "failed (99 of 100)"},
        {"rule": "custom", "then": "failed (50 of 100)", "now": "unmeasured"},
        {"rule": "soda:a1", "then": "passed", "now": "failed"},
    ]
    assert "referential:id  failed (10 of 100)  failed (99 of 100)" in shown.stdout


def test_what_goes_with_data_is_refused_without(ledger: Tally) -> None:
    ended = ledger("decision", "replay", "3", "--allow", "tally_own_checks:odd")

    assert ended.returncode == 2
    assert "go with --data" in ended.stderr


def test_an_engine_that_is_not_here_is_told_with_the_way_to_name_it(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    (tmp_path / "one.csv").write_text("id,spend\n1,1\n")

    ended = ledger("check", "c.yaml", "one.csv", "--engine", "soda", "--json")

    assert ended.returncode == 9
    assert ended.error()["hint"] == "name the interpreter that has it: --engine soda=/path/to/python"
