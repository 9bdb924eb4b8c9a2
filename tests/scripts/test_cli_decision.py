"""What a batch was worth, why, again, and overruled: from the command line, as an operator meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, range: {min: 0}}
"""
POLICY = """policy: shop
version: 1.0.0
owner: platform
risk: {alert_at: 0.01, block_at: 0.05, alert_on: never, block_on: never}
four_eyes: true
"""


def test_a_decision_is_explained_made_again_and_overruled(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "shop.yaml").write_text(POLICY)
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,-4\n3,7\n")

    blocked = ledger("check", "orders.yaml", "orders.csv", "--policy", "shop.yaml")
    [seq] = [row["seq"] for row in json.loads(ledger("decision", "list", "--json").stdout)]
    why = ledger("decision", "why", str(seq))
    again = ledger("decision", "replay", str(seq), "--data", "orders.csv")
    alone = ledger("decision", "override", str(seq), "--by", "ops:1", "--reason", "late feed")
    both = ledger("decision", "override", str(seq), "--by", "ops:1", "--approved-by", "ops:2", "--reason", "late feed")
    allowed = ledger("check", "orders.yaml", "orders.csv")
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,-4\n3,8\n")
    other = ledger("decision", "replay", str(seq), "--data", "orders.csv")

    assert (blocked.returncode, allowed.returncode) == (10, 0)
    assert why.stdout.splitlines()[0] == "BLOCK_AND_ROLLBACK: shop|orders by contract orders 1.0.0"
    assert why.stdout.splitlines()[3].split() == ["range:amount", "6", "warning", "1", "3", "0.300000", "0.1000"]
    assert why.stdout.splitlines()[4:] == [
        "risk 0.1000 = 1 − (1 − 0.1000), floored once",
        "• the risk is block_at 0.0500 or above (RISK_BLOCKS)",
    ]
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "✓ The same bytes.")
    assert (alone.returncode, alone.stderr.splitlines()[0]) == (9, "tally: policy shop wants four eyes")
    assert both.returncode == 0
    assert allowed.stdout.startswith("✓ orders: ALLOW, risk 10 of 100")
    assert (other.returncode, other.stderr) == (3, f"tally: entry {seq} decided otherwise in batch\n")


def test_a_build_fails_on_what_its_policy_says_and_records_nothing(tally: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "ci.yaml").write_text("policy: ci\nversion: 1.0.0\nowner: platform\nci: {fail_on: [alert]}\n")
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n2,-4\n3,7\n")

    passed = tally("ci-check", "orders.yaml", "orders.csv", "--junit", "j.xml", "--sarif", "s.json", "--github")
    failed = tally("ci-check", "orders.yaml", "orders.csv", "--policy", "ci.yaml", "--json")
    again = tally("ci-check", "orders.yaml", "orders.csv", "--junit", "j.xml")
    odd = tally("ci-check", "orders.yaml")

    assert passed.returncode == 0
    assert passed.stdout.startswith(
        "::warning file=orders.yaml,line=6,title=range%3Aamount::range:amount is broken by 1 of 3"
    )
    assert (tmp_path / "j.xml").read_text().count("<failure ") == 1
    assert json.loads((tmp_path / "s.json").read_text())["version"] == "2.1.0"
    assert (failed.returncode, json.loads(failed.stdout)[0]["fails"]) == (10, True)
    assert again.returncode == 11
    assert (odd.returncode, odd.stderr) == (9, "tally: there are 1 files, expected contracts and data in turn\n")
