"""What a build shows of broken rules, in each of its forms, whatever the names hold."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contracts import ci
from contracts.decision import Decision
from contracts.document import parse
from contracts.enforce import evaluate
from contracts.record import Evaluated
from contracts.source import CsvFile

CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, unique: true}
  - name: amount
    type: number
    range: {min: 0}
  - {name: gone, type: string}
checks:
  - {kind: custom, function: "shop.checks:ok"}
"""


@pytest.fixture
def checked(tmp_path: Path) -> Evaluated:
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n1,-4\n")
    return evaluate(parse(CONTRACT.encode(), name="a,b:c%/orders.yaml"), CsvFile(tmp_path / "orders.csv"))


def test_each_broken_rule_is_annotated_at_its_line(checked: Evaluated) -> None:
    place = "file=a%2Cb%3Ac%25/orders.yaml"

    unread = "could not be measured in shop|orders"

    assert list(ci.github_lines([checked])) == [
        f"::error {place},line=5,title=unique%3Aid::unique:id is broken by 1 of 2 in shop|orders",
        f"::warning {place},line=8,title=range%3Aamount::range:amount is broken by 1 of 2 in shop|orders",
        f"::error {place},line=9,title=present%3Agone::present:gone is broken in shop|orders",
        f"::error {place},line=9,title=type%3Agone::type:gone {unread}: column 'gone' missing",
        f"::warning {place},line=11,title=custom::custom {unread}: shop.checks:ok is not allowed to run",
    ]


def test_a_junit_report_has_a_case_for_each_rule(checked: Evaluated) -> None:
    [suite] = ElementTree.fromstring(ci.junit([checked]))

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        str(len(checked.measurement.metrics)),
        "3",
        "2",
    )
    assert len(suite) == len(checked.measurement.metrics)
    assert {case.get("name"): case[0].tag for case in suite if len(case)} == {
        "unique:id": "failure",
        "range:amount": "failure",
        "present:gone": "failure",
        "type:gone": "error",
        "custom": "error",
    }


def test_a_sarif_log_points_from_each_result_to_its_rule_and_line(checked: Evaluated) -> None:
    [run] = json.loads(ci.sarif([checked, checked], "0.1.0"))["runs"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "unique:id",
        "range:amount",
        "present:gone",
        "type:gone",
        "custom",
    ]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert len(run["results"]) == 10
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%2Cb%3Ac%25/orders.yaml"}, "region": {"startLine": 8}}


@pytest.mark.parametrize(
    ("fail_on", "fails"),
    [
        ([], 0),
        ([Decision.BLOCK_AND_ROLLBACK], 1),
        ([Decision.ALLOW_WITH_ALERT], 1),
        ([Decision.QUARANTINE, Decision.BLOCK_AND_ROLLBACK], 1),
    ],
)
def test_a_build_fails_on_the_mildest_decision_that_is_named_and_all_that_are_stricter(
    checked: Evaluated, fail_on: list[Decision], fails: int
) -> None:
    assert len(ci.failing([checked], fail_on)) == fails
