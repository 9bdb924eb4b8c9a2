"""What other engines found, from the command line: beside our own rules, alone, refused; and a suite for one of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

RESULTS = Path(__file__).parents[1] / "vectors" / "engines"
CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: email, type: string, max_null: 0.1, pattern: '[^@]+@.*', length: {max: 20}}
  - {name: amount, type: number, range: {above: 0, max: 99.5}, tolerance: {range: 0.01}}
  - {name: day, type: date, range: {min: 2026-01-01}}
keys: [[id, day]]
checks:
  - {kind: mean, column: amount, bounds: {min: 1, below: 500}}
  - {kind: enum, column: email, values: [x@y.z], negated: true}
  - {kind: freshness, column: day, max_age_seconds: 60}
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "small.yaml").write_text(CONTRACT[: CONTRACT.index("  - {name: email")])
    (tmp_path / "orders.csv").write_text("id\n1\n2\n")
    for path in RESULTS.glob("*-*"):
        shutil.copy(path, tmp_path)


def test_results_of_others_decide_beside_ours_and_alone(ledger: Tally) -> None:
    pair = ("--results", "soda=soda-3.5.6.json", "--results", "pointblank=pointblank-1.1.1.json")

    beside = ledger("check", "small.yaml", "orders.csv", *pair)
    alone = ledger("check", "small.yaml", "--results", "dbt=dbt-1.11.16.json")
    seqs = [str(row["seq"]) for row in json.loads(ledger("decision", "list", "--json").stdout)]
    again = [ledger("decision", "replay", seq).stdout.splitlines()[0] for seq in seqs]
    measured = ledger("decision", "replay", seqs[1], "--data", "orders.csv")

    assert (beside.returncode, alone.returncode) == (10, 10)
    assert beside.stdout.splitlines()[0].endswith(f"soda 3.5.6, pointblank (entry {seqs[1]})")
    assert alone.stdout.splitlines() == [
        f"✗ orders: BLOCK_AND_ROLLBACK, risk 100 of 100, 1 of 5 rules hold, by dbt 1.11.16 (entry {seqs[0]})",
        "rule                                            severity  failed  of  hint",
        "dbt:test.shop.broken                            critical  –       –   not measured: test gave no answer",
        "dbt:test.shop.negative                          critical  1       1   test, 2 failed",
        "dbt:test.shop.not_null_orders_email.22cc658ab5  warning   1       1   test, 5 failed",
        "dbt:test.shop.unique_orders_id.1360ecc70e       critical  1       1   test, 1 failed",
    ]
    assert again == ["✓ The same bytes."] * 2
    assert measured.stdout.splitlines()[0] == "✓ The same bytes."


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ((), 9, "tally: there is nothing to decide by"),
        (
            ("--results", "soda=none.json"),
            8,
            "tally: none.json: result of soda cannot be read: No such file or directory",
        ),
        (("--results", "soda=orders.csv"), 4, "tally: orders.csv: document is not JSON: Expecting value (character 0)"),
        (("--results", "gx=soda-3.5.6.json"), 4, "tally: soda-3.5.6.json: the document has no member 'results'"),
        (("--results", "deequ=orders.csv"), 9, "tally: orders.csv: no engine 'deequ' is known"),
    ],
)
def test_what_is_no_result_is_refused_before_anything_is_recorded(
    ledger: Tally, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    refused = ledger("check", "small.yaml", *arguments)

    assert (refused.returncode, refused.stderr.splitlines()[0]) == (status, sentence)
    assert json.loads(ledger("decision", "list", "--json").stdout) == []


@pytest.mark.parametrize(
    "arguments", [("--results", "soda"), ("--results", "soda=soda-3.5.6.json", "--move-blocked", "aside")]
)
def test_a_wrong_call_is_told(ledger: Tally, arguments: tuple[str, ...]) -> None:
    assert ledger("check", "small.yaml", *arguments).returncode == 2


def test_a_dry_run_decides_by_others_and_needs_no_ledger(tally: Tally) -> None:
    tried = tally("check", "small.yaml", "--dry-run", "--results", "gx=great_expectations-0.18.22.json", "--json")

    assert tried.returncode == 10
    assert [row["rule"][:19] for row in json.loads(tried.stdout)["broken"]] == ["great_expectations:"] * 5


def test_a_contract_that_is_disabled_says_that_nothing_was_measured(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "off.yaml").write_text(CONTRACT.replace("schema:", "enforcement: disabled\nschema:"))

    tried = ledger("check", "off.yaml", "orders.csv", "--dry-run")
    done = ledger("check", "off.yaml", "orders.csv", "--results", "dbt=dbt-1.11.16.json")
    [seq] = [str(row["seq"]) for row in json.loads(ledger("decision", "list", "--json").stdout)]
    told = ledger("decision", "why", seq)
    again = ledger("decision", "replay", seq, "--data", "orders.csv")

    sentence = "✓ orders: ALLOW, the contract's enforcement is disabled: nothing was measured"
    assert (tried.returncode, tried.stdout) == (0, f"{sentence}\n")
    assert (done.returncode, done.stdout) == (0, f"{sentence} (entry {seq})\n")
    assert "the contract's enforcement is disabled: nothing was measured" in told.stdout
    assert again.stdout.splitlines()[0] == "✓ The same bytes."


def test_a_contract_becomes_a_suite_that_names_what_it_leaves_out(tally: Tally, tmp_path: Path) -> None:
    printed = tally("contract", "gx", "orders.yaml")
    written = tally("contract", "gx", "orders.yaml", "--out", "suite.json")
    suite = json.loads(printed.stdout)

    assert json.loads((tmp_path / "suite.json").read_text()) == suite
    assert written.stdout.splitlines()[0] == "Written."
    assert suite["name"] == "orders-1.0.0"
    assert suite["meta"]["tallystick"]["left_out"] == [
        "type:id",
        "type:email",
        "type:amount",
        "type:day",
        "range:day",
        "extra_columns",
        "freshness:day",
    ]
    said = {each["meta"]["rule"]: (each["type"], each["kwargs"]) for each in suite["expectations"]}
    assert said["max_null:email"] == ("expect_column_values_to_not_be_null", {"column": "email", "mostly": 0.9})
    assert said["range:amount"] == (
        "expect_column_values_to_be_between",
        {"column": "amount", "min_value": 0, "max_value": 99.5, "strict_min": True, "mostly": 0.99},
    )
    assert said["pattern:email"][1]["regex"] == "^(?:[^@]+@.*)$"
    assert said["key:1"] == (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["id", "day"], "ignore_row_if": "any_value_is_missing"},
    )
    assert said["mean:amount"][1] == {"column": "amount", "min_value": 1, "max_value": 500, "strict_max": True}
    assert said["enum:email"] == (
        "expect_column_values_to_not_be_in_set",
        {"column": "email", "value_set": ["x@y.z"]},
    )
    assert [each["severity"] for each in suite["expectations"]][:3] == ["critical", "critical", "critical"]
