"""Contracts looked at, shown and converted from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

EXAMPLES = Path(__file__).parents[2] / "examples/contracts/dialects"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_lint_names_what_is_strange_and_is_content(tally: Tally, here: Path) -> None:
    found = tally("contract", "lint", "user-features.features.yaml", "user-features.risk.yaml")

    assert found.returncode == 0
    assert found.stdout.splitlines() == [
        "! user-features.features.yaml line 2: contract user_features has no owner (name a team)",
        "! user-features.features.yaml line 2: contract user_features names nobody on call (responsible: {on_call: …})",
        "✓ user-features.risk.yaml",
    ]


def test_lint_names_every_error_of_a_standard_contract(tally: Tally, here: Path) -> None:
    text = (here / "odcs/orders.odcs.yaml").read_text().replace("logicalType: number", "logicalTyp: number", 1)
    (here / "bad.odcs.yaml").write_text(text.replace("apiVersion: v3.1.0", "apiVersion: v3.0.2"))

    found = tally("contract", "lint", "bad.odcs.yaml", "--json")

    assert found.returncode == 4
    remarks = json.loads(found.stdout)["remarks"]
    assert [remark["where"] for remark in remarks if "logicalTyp:" in remark["message"]] == ["bad.odcs.yaml line 33"]
    assert len([remark for remark in remarks if remark["level"] == "error"]) > 1


def test_lint_says_under_which_version_a_contract_is_valid(tally: Tally, here: Path) -> None:
    text = (here / "odcs/orders.odcs.yaml").read_text()
    (here / "old.odcs.yaml").write_text(text.replace("apiVersion: v3.1.0", "apiVersion: v3.0.2"))

    found = tally("contract", "lint", "old.odcs.yaml")

    assert found.returncode == 4
    assert found.stdout.splitlines()[0].endswith("team: a mapping is not a list (ODCS 3.0.2) (valid under 3.1.0)")


def test_a_policy_makes_a_missing_owner_an_error(tally: Tally, here: Path) -> None:
    (here / "p.yaml").write_text("policy: p\nversion: 1.0.0\nowner: platform\ndemand_owner: true\n")

    found = tally("contract", "lint", "user-features.features.yaml", "--policy", "p.yaml")

    assert found.returncode == 4
    assert found.stdout.startswith("✗ user-features.features.yaml line 2: contract user_features has no owner")


def test_show_names_the_line_of_each_rule_in_either_file(tally: Tally, here: Path) -> None:
    found = json.loads(tally("contract", "show", "full/customer-accounts.yaml", "--json").stdout)

    where = {rule["rule"]: rule["where"] for rule in found["rules"]}
    assert where["type:account_id"] == "full/customer-accounts.asset.yaml line 7"
    assert where["soda:email_format"] == "full/customer-accounts.yaml line 16"
    assert found["dialect"] == "full"
    assert found["contract"]["handling"] == {"schema": "block", "quality": "quarantine", "sla": "alert"}


@pytest.mark.parametrize("target", ["odcs", "tally"])
def test_what_is_converted_shows_the_same_rules(tally: Tally, here: Path, target: str) -> None:
    tally("contract", "convert", "customer-events.table.yaml", "--to", target, "--out", "converted.yaml")

    before = json.loads(tally("contract", "show", "customer-events.table.yaml", "--json").stdout)
    after = json.loads(tally("contract", "show", "converted.yaml", "--json").stdout)

    assert after["dialect"] == target
    assert after["contract"] == before["contract"]
    assert [rule["rule"] for rule in after["rules"]] == [rule["rule"] for rule in before["rules"]]


def test_one_of_several_objects_is_chosen_and_checked(tally: Tally, here: Path) -> None:
    refused = tally("check", "--dry-run", "odcs/orders.odcs.yaml", "odcs/orders.csv")
    chosen = tally("check", "--dry-run", "--object", "orders", "odcs/orders.odcs.yaml", "odcs/orders.csv", "--json")

    assert refused.returncode == 4
    assert "choose one with --object: 'orders', 'customers'" in refused.stderr
    assert json.loads(chosen.stdout.splitlines()[0])["contract"] == "shop.orders"


def test_a_dialect_goes_from_its_file_to_a_recorded_decision(ledger: Tally, here: Path) -> None:
    found = ledger("check", "user-features.features.yaml", "user-features.csv", "--policy", "user-features.risk.yaml")

    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("✓ user_features: ALLOW")
    [decision] = json.loads(ledger("decision", "list", "--json").stdout)
    assert ledger("decision", "replay", str(decision["seq"])).returncode == 0


def test_a_contract_of_two_files_is_recorded_as_one(ledger: Tally, here: Path) -> None:
    ledger("check", "full/customer-accounts.yaml", "full/customer-accounts.csv")

    [decision] = json.loads(ledger("decision", "list", "--json").stdout)
    (here / "full/customer-accounts.asset.yaml").unlink()
    again = ledger("decision", "replay", str(decision["seq"]))
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "✓ The same bytes.")
