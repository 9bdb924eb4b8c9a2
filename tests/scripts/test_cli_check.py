"""`tally check` on folders, JSON lines, SQLite and what stands beside them; a drift from batch to batch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

Tally = Callable[..., Any]

CONTRACT = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: id, type: integer}, {name: spend, type: number}]
checks:
  - {kind: drift, column: spend, max: 0.2, measure: ks}
  - {kind: mean, column: id, bounds: {min: 0}}
"""
FUNCTIONS = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: id, type: integer}, {name: spend, type: number}]
checks:
  - {kind: referential, columns: [id], dataset: ids, to: [id], weight: 0}
  - {kind: custom, function: "tally_own_checks:odd", weight: 0}
"""


def write(folder: Path, factor: int) -> None:
    folder.mkdir()
    for part in range(2):
        rows = range(part * 100, part * 100 + 100)
        lines = [json.dumps({"id": row, "spend": row * factor + 0.5}) for row in rows]
        (folder / f"part-{part}.jsonl").write_text("\n".join(lines) + "\n")


def test_a_drift_needs_the_ledger_and_no_old_data(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    write(tmp_path / "monday", 1)
    write(tmp_path / "tuesday", 1)
    write(tmp_path / "wednesday", 10)

    first = ledger("check", "c.yaml", "monday", "--json").document()
    (tmp_path / "monday" / "part-0.jsonl").unlink()
    second = ledger("check", "c.yaml", "tuesday/*.jsonl", "--json").document()
    third = ledger("check", "c.yaml", "wednesday", "--dry-run", "--json").document()

    assert [broken["rule"] for broken in first["broken"]] == ["drift:spend"]
    assert first["broken"][0]["found"] == "unmeasured"
    assert (second["decision"], second["broken"], second["rows"]) == ("ALLOW", [], 200)
    assert [(broken["rule"], broken["found"]) for broken in third["broken"]] == [("drift:spend", "failed")]
    assert third["broken"][0]["hint"].startswith("value 0.")


def test_functions_and_other_datasets_are_named(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FUNCTIONS)
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    (tmp_path / "tally_own_checks.py").write_text(
        "def odd(rows):\n    return sum(n % 2 for (n,) in rows.select('id').fetchall())\n"
    )
    database = sqlite3.connect(tmp_path / "x.db")
    database.execute("CREATE TABLE spend (id INTEGER, spend REAL)")
    database.executemany("INSERT INTO spend VALUES (?, ?)", [(1, 0.5), (2, 0.5), (3, 0.5)])
    database.commit()
    database.close()
    data = ("check", "c.yaml", "sqlite:///x.db#spend", "--dry-run", "--json")

    bare = ledger(*data).document()
    full = ledger(*data, "--reference", "ids=ids.csv", "--allow", "tally_own_checks:odd").document()

    assert {broken["rule"]: broken["found"] for broken in bare["broken"]} == {
        "referential:id": "unmeasured", "custom": "unmeasured",
    }  # fmt: skip
    assert {broken["rule"]: broken["failed"] for broken in full["broken"]} == {"referential:id": 1, "custom": 2}


def test_a_password_is_never_printed(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    for data in ("postgresql://u:geheim@127.0.0.1:1/d#s.t", "postgresql://u:geheim@h/d", "s3://u:geheim@b/k.csv"):
        ended = ledger("check", "c.yaml", data)

        assert ended.returncode not in (0, 10)
        assert "geheim" not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr


KEYS = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: id, type: integer, unique: true}]
"""


def test_a_link_leads_to_what_is_allowed_and_away_from_what_is_not(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(KEYS)
    for name, rows in (("1.csv", "id\n1\n"), ("2.csv", "id\n1\n1\n")):
        (tmp_path / name).write_text(rows)

    good = ledger("check", "c.yaml", "1.csv", "--current", "current.csv", "--json").document()
    (tmp_path / "current.csv").unlink()
    (tmp_path / "current.csv").symlink_to("2.csv")
    bad = ledger("check", "c.yaml", "current.csv", "--current", "current.csv", "--json")

    assert (good["decision"], good["action"]) == ("ALLOW", "promoted")
    assert (bad.returncode, json.loads(bad.stdout)["action"]) == (10, "rolled-back")
    assert (tmp_path / "current.csv").read_text() == "id\n1\n"
    listed = ledger("decision", "list", "--json").document()
    assert [(row["action"], row["result"]) for row in listed] == [("rolled-back", "done"), ("promoted", "done")]


def test_acts_that_do_not_go_together_or_do_not_fit_leave_nothing_in_the_log(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(KEYS)
    (tmp_path / "1.csv").write_text("id\n1\n")
    data = ("check", "c.yaml", "1.csv", "--json")

    ended = [
        ledger(*data, "--current", "now", "--call", "json:dumps"),
        ledger(*data, "--current", "1.csv"),
        ledger(*data, "--call", "no.such:thing"),
        ledger("check", "c.yaml", "none", "--current", "now", "--json"),
        ledger("check", "c.yaml", "sqlite:///x.db#t", "--current", "now", "--json"),
    ]

    assert [each.refusal() for each in ended] == [
        (9, "refused"), (9, "refused"), (9, "refused"), (8, "missing"), (9, "refused"),
    ]  # fmt: skip
    assert ledger("decision", "list", "--json").document() == []
