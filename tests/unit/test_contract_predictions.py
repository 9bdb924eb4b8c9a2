"""Scores and predictions: shares, performance by version, and no worse than what was allowed last."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

import ledger
from contracts.document import parse, read
from contracts.enforce import check
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.scores import is_wanted, scores
from contracts.source import Table
from ledger.log import Ledger

EXAMPLE = Path(__file__).parents[2] / "examples/contracts/churn-scores.yaml"
FIELDS = {"id": "integer", "score": "number", "label": "integer", "version": "string"}


def contract(*checks: dict[str, Any]) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    schema = [{"name": name, "type": type} for name, type in FIELDS.items()]
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": schema, "checks": list(checks)}
    )


def table(query: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS {query}")
    return Table(connection, "batch")


def last(found: Measurement) -> tuple[str, str | None, str | None]:
    metric = found.metrics[-1]
    return metric.found.value, metric.value, metric.why


# Version b knows nothing: it says the same of everybody.
SPLIT = """SELECT i AS id, CASE WHEN i % 2 = 0 THEN (i % 10) / 10 ELSE 0.5 END AS score, (i % 10 >= 5)::INTEGER AS label,
    CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS version FROM range(200) t(i)"""
AUC = {"kind": "performance", "measure": "auc", "prediction": "score", "label": "label"}


def test_a_version_that_is_bad_is_not_hidden_by_one_that_is_good() -> None:
    bounds = {"min": Decimal("0.7")}

    together = measure(contract({**AUC, "bounds": bounds}), table(SPLIT))
    apart = measure(contract({**AUC, "bounds": bounds, "by": "version"}), table(SPLIT))

    assert last(together) == ("passed", "0.88", None)
    assert last(apart) == ("failed", "0.5", None)


def test_a_share_of_few_is_not_told() -> None:
    few = {"kind": "share", "column": "label", "values": [1], "bounds": {"max": Decimal("0.1")}}

    assert last(measure(contract(few), table(f"{SPLIT} WHERE i < 9"))) == ("failed", None, None)
    assert last(measure(contract(few), table(SPLIT))) == ("failed", "0.5", None)
    assert last(measure(contract({**few, "values": [7]}), table(SPLIT))) == ("passed", "0", None)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (SPLIT.replace("0.5 END", "'nan'::DOUBLE END"), "a prediction or a label is not what the measure needs"),
        (SPLIT.replace("::INTEGER", "::INTEGER + 1"), "a prediction or a label is not what the measure needs"),
        (SPLIT.replace("(i % 10 >= 5)", "true"), "a prediction or a label is not what the measure needs"),
        (SPLIT.replace("(i % 10 >= 5)::INTEGER", "NULL::INTEGER"), "fewer than 1 predictions have a label"),
        (SPLIT.replace("range(200)", "range(0)"), "fewer than 1 predictions have a label"),
    ],
)
def test_what_cannot_be_told_is_unmeasured(query: str, why: str) -> None:
    assert last(measure(contract({**AUC, "bounds": {"min": 0}}), table(query))) == ("unmeasured", None, why)


def test_labels_are_looked_for_where_the_caller_says_and_one_key_has_one() -> None:
    asked = {
        **AUC,
        "dataset": "truth",
        "key": ["id"],
        "to": ["k"],
        "label": "y",
        "bounds": {"min": 0},
        "positive": "yes",
    }
    twice = "SELECT i AS k, ['yes', 'no'][1 + i % 2] AS y FROM range(10) t(i) UNION ALL SELECT 3, 'yes'"

    def found(given: Given) -> tuple[str, str | None, str | None]:
        return last(measure(contract(asked), table(SPLIT), given=given))

    assert found(Given()) == ("unmeasured", None, "dataset truth is not at hand")
    assert found(Given(others={"truth": table(twice)})) == ("unmeasured", None, "a key has two labels")
    assert found(Given(others={"truth": table("SELECT 1 AS k")}))[2] == "dataset truth has no column 'y'"
    once = table("SELECT i AS k, ['yes', 'no'][1 + i % 2] AS y FROM range(10) t(i)")
    assert found(Given(others={"truth": once})) == ("passed", "0.4", None)


WORSE = """\
name: scores
version: 1.0.0
dataset: {namespace: demo, name: scores}
schema: [{name: id, type: integer}, {name: score, type: number}, {name: label, type: integer}, {name: version, type: string}]
checks:
  - {kind: performance, id: no-worse, measure: accuracy, prediction: version, label: version, bounds: {min: 1}}
  - {kind: performance, id: brier, measure: brier, prediction: score, label: label, worse_by: 0.02, severity: critical}
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/scores", home=tmp_path, passphrase=lambda: b"secret") as created:
        yield created


def test_a_model_is_held_to_what_was_allowed_last_and_its_decision_replays(log: Ledger) -> None:
    document = parse(WORSE.encode())
    queries = {
        right: f"SELECT i AS id, CASE WHEN i < {right} THEN label ELSE 1 - label END::DOUBLE AS score, label, 'v' AS version"
        " FROM (SELECT i, i % 2 AS label FROM range(100) t(i))"
        for right in (90, 89, 85, 95)
    }

    def decide(right: int) -> tuple[str, str | None, str | None]:
        given = Given(scores=scores(log, document.contract.dataset))
        outcome = check(log, document, table(queries[right]), given=given)
        assert replay(log, read_decision(log, outcome.decided.seq), document=document).differs == ()
        found, value, _ = last(outcome.measurement)
        return found, value, outcome.verdict.decision.value

    assert is_wanted(document.contract)
    assert decide(90) == ("unmeasured", "0.1", "BLOCK_AND_ROLLBACK")  # nothing to compare with
    assert decide(89) == ("passed", "0.11", "ALLOW")
    assert decide(85) == ("failed", "0.15", "BLOCK_AND_ROLLBACK")
    assert decide(95) == ("passed", "0.05", "ALLOW")
    assert scores(log, document.contract.dataset)["last", "brier"] == Fraction("0.05")
    assert scores(log, document.contract.dataset)["first", "brier"] == Fraction("0.1")


def test_the_example_reads_and_finds_a_version_that_knows_nothing() -> None:
    document = read(EXAMPLE)
    scored = """SELECT 'h' || i AS household_id, ['1.0', '2.0'][1 + i % 2] AS model_version,
        CASE WHEN i % 2 = 0 THEN (i % 10) / 10 ELSE 0.5 END AS score, ['keep', 'win_back'][1 + (i % 5 = 0)::INTEGER] AS decision,
        now() AS scored_at FROM range(1000) t(i)"""
    labels = "SELECT 'h' || i AS household_id, i % 10 >= 5 AS churned FROM range(600) t(i)"

    found = measure(document.contract, table(scored), given=Given(others={"churn.labels": table(labels)}))

    assert {one.rule.id: one.found.value for one in found.metrics if not one.passed} == {
        "score-drift": "unmeasured", "auc": "failed", "no-worse": "unmeasured",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"bounds": None},
        {"worse_by": 1},
        {"measure": "f1"},
        {"dataset": "x"},
        {"key": ["id"]},
        {"dataset": "x", "key": ["id"], "to": ["a", "b"]},
        {"measure": "mae", "positive": 1},
        {"by": "nothing"},
        {"min_labels": 0},
    ],
)
def test_a_check_that_does_not_hold_together_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        contract({**AUC, "bounds": {"min": 0}, **wrong})
