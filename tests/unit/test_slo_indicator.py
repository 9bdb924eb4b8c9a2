"""What one decision says of a level: which metrics are looked at, and what comes of an answer that is none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.agreement import Slo
from contracts.bounds import Bounds
from contracts.decision import Cause, Decision
from contracts.facts import Batch, ContractName, DatasetName, Gates, MetricFact, ReasonFact, ValidationDecided
from contracts.metric import Found
from contracts.slo.catalogue import Level
from contracts.slo.facts import Indicator
from contracts.slo.indicator import NOTHING, Reading, reading
from contracts.terms import Kind, Severity

NAME = ContractName(name="scores", version="1.0.0", sha256="0" * 64)
DATASET = DatasetName(namespace="churn", name="scores")


def metric(rule: str, kind: Kind, value: str | None = None, *, failed: int = 0, total: int = 10) -> MetricFact:
    return MetricFact(
        rule=rule,
        kind=kind,
        columns=("score",),
        severity=Severity.WARNING,
        weight=300_000,
        tolerance=0,
        found=Found.FAILED if failed else Found.PASSED,
        structural=False,
        failed=failed,
        total=total,
        share=0,
        value=value,
    )


def decided(*metrics: MetricFact, cause: Cause | None = None) -> ValidationDecided:
    return ValidationDecided(
        contract=NAME,
        dataset=DATASET,
        decision=Decision.ALLOW,
        risk=0,
        clock="2026-11-20T09:00:00.000000Z",
        reasons=(ReasonFact(cause=cause),) if cause else (),
        metrics=metrics,
        policy=Gates(alert_at=2_500, block_at=4_000, alert_on="warning", block_on="critical"),
        batch=Batch(kind="csv", rows=10, extra_columns=0),
        engine="duckdb 2.0.0",
    )


def level(indicator: Indicator, target: Bounds, *rules: str) -> Level:
    slo = Slo(name="level", indicator=indicator, target=target, rules=rules)
    return Level(contract=NAME, dataset=DATASET, slo=slo, owner=None, on_call=None, runbook=None, since=0)


SCORES = metric("drift:score", Kind.DRIFT, "0.31")
FEATURES = metric("drift:age", Kind.DRIFT, "0.02")
UNMEASURED = SCORES.model_copy(update={"found": Found.UNMEASURED, "value": None})


@pytest.mark.parametrize(
    ("rules", "metrics", "expected"),
    [
        ((), (SCORES, FEATURES), Reading(0, 1, "0.31")),
        ((), (FEATURES,), Reading(1, 1, "0.02")),
        (("drift:age",), (SCORES, FEATURES), Reading(1, 1, "0.02")),
        (("drift:score", "drift:age"), (FEATURES,), Reading(0, 1)),
        (("drift:score",), (FEATURES,), NOTHING),
        ((), (UNMEASURED, FEATURES), Reading(0, 1)),
        ((), (metric("range:age", Kind.RANGE),), NOTHING),
        ((), (SCORES.model_copy(update={"severity": Severity.INFO}),), NOTHING),
        ((), (FEATURES.model_copy(update={"value": "9" * 5_000}),), Reading(0, 1, "9" * 5_000)),
    ],
)
def test_drift_is_held_to_the_target_by_the_rules_that_the_level_names(
    rules: tuple[str, ...], metrics: tuple[MetricFact, ...], expected: Reading
) -> None:
    tenth = Bounds(max=Decimal("0.1"))

    assert reading(level("model-drift", tenth, *rules), decided(*metrics)) == expected


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (
            (metric("range:a", Kind.RANGE, failed=1, total=100), metric("enum:b", Kind.ENUM, total=100)),
            Reading(1, 1, "0.995"),
        ),
        (
            (metric("range:a", Kind.RANGE, failed=2, total=100), metric("enum:b", Kind.ENUM, total=99)),
            Reading(0, 1, "0.989949748743"),
        ),
        (
            (metric("range:a", Kind.RANGE, failed=1, total=100), metric("mean:a", Kind.MEAN, "3", total=10**6)),
            Reading(1, 1, "0.99"),
        ),
        ((metric("range:a", Kind.RANGE, total=0),), NOTHING),
        ((metric("type:a", Kind.TYPE),), NOTHING),
    ],
)
def test_accuracy_is_the_part_of_all_values_that_keep_their_rules_floored_once(
    metrics: tuple[MetricFact, ...], expected: Reading
) -> None:
    assert reading(level("accuracy", Bounds(min=Decimal("0.99"))), decided(*metrics)) == expected


def test_a_batch_that_nobody_looked_at_says_nothing() -> None:
    complete = level("completeness", Bounds(min=Decimal("0.9")))

    assert reading(complete, decided(metric("completeness", Kind.COMPLETENESS, "1"))) == Reading(1, 1, "1")
    assert reading(complete, decided(cause=Cause.DISABLED)) == NOTHING
