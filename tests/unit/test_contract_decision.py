"""From counts to a risk, and from risk and severities to a decision: every row of the table."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from contracts.decision import Decision, Reason, Verdict, decide
from contracts.metric import Metric
from contracts.model import Policy
from contracts.risk import Risk, score
from contracts.rules import Rule
from contracts.terms import Kind, Severity


def metric(
    failed: int,
    total: int,
    *,
    severity: str = "warning",
    weight: int = 1_000_000,
    structural: bool = False,
    unmeasured: bool = False,
) -> Metric:
    rule = Rule(f"{severity}:{failed}", Kind.RANGE, ("a",), Severity(severity), weight)
    return Metric(rule, failed, total, structural=structural, unmeasured=unmeasured)


@pytest.mark.parametrize(
    ("metrics", "risk", "points"),
    [
        ([], 0, 0),
        ([metric(0, 10)], 0, 0),
        ([metric(0, 0)], 0, 0),
        ([metric(1, 10)], 100_000, 10),
        ([metric(1, 3)], 333_334, 34),  # rounded up, once
        ([metric(1, 10), metric(1, 10)], 190_000, 19),  # 1 − 0.9 × 0.9
        ([metric(1, 10, weight=300_000)], 30_000, 3),
        ([metric(1, 10, weight=5_000_000)], 500_000, 50),
        ([metric(1, 10, weight=1_000_000_000)], 1_000_000, 100),  # a share is never more than the whole
        ([metric(10, 10, weight=0)], 0, 0),
        ([metric(1, 2**53 - 1)], 1, 1),  # however small, a failure is not nothing
        ([metric(1, 10), metric(0, 10), metric(0, 10)], 100_000, 10),  # what holds does not average away what fails
        ([metric(1, 1, structural=True, weight=300_000)], 300_000, 30),
        ([metric(1, 1, structural=True, weight=300_000, severity="critical")], 1_000_000, 100),
        ([metric(0, 0, unmeasured=True, weight=300_000)], 300_000, 30),  # unmeasured is failed entirely
        ([metric(0, 0, unmeasured=True, weight=300_000, severity="critical")], 1_000_000, 100),
        ([metric(1, 10, weight=300_000, severity="critical")], 30_000, 3),
        ([metric(1, 1, structural=True, weight=0, severity="info")], 0, 0),
    ],
)
def test_a_risk_is_what_the_formula_says(metrics: list[Metric], risk: int, points: int) -> None:
    scored = score(metrics)

    assert (scored.millionths, scored.points) == (risk, points)


def test_a_share_is_what_one_rule_alone_would_make_of_the_risk() -> None:
    metrics = [metric(1, 10), metric(0, 10), metric(1, 4, weight=300_000)]

    assert score(metrics).shares == (100_000, 0, 75_000)
    assert score(metrics).millionths == 167_500


def test_a_tolerated_failure_is_no_risk_and_one_row_more_is() -> None:
    rule = Rule("range:a", Kind.RANGE, ("a",), Severity.WARNING, 1_000_000, tolerance=200_000)

    assert score([Metric(rule, 2, 10)]).millionths == 0
    assert score([Metric(rule, 3, 10)]).millionths == 300_000


@pytest.mark.parametrize(("failed", "total"), [(-1, 10), (11, 10), (1, 0)])
def test_no_more_rows_can_fail_than_there_are(failed: int, total: int) -> None:
    with pytest.raises(ValueError, match="rows cannot have failed"):
        metric(failed, total)


BLOCK, ALERT, ALLOW = Decision.BLOCK_AND_ROLLBACK, Decision.ALLOW_WITH_ALERT, Decision.ALLOW

# Severity of a broken rule (None: all hold), risk in millionths, decision under the default policy.
DEFAULT = [
    *((severity, 400_000, BLOCK) for severity in (None, "info", "warning", "critical")),
    *((severity, 1_000_000, BLOCK) for severity in (None, "info", "warning", "critical")),
    (None, 0, ALLOW),
    (None, 249_999, ALLOW),
    (None, 250_000, ALERT),
    (None, 399_999, ALERT),
    ("info", 0, ALLOW),
    ("info", 249_999, ALLOW),
    ("info", 250_000, ALERT),
    ("info", 399_999, ALERT),
    ("warning", 0, ALERT),
    ("warning", 249_999, ALERT),
    ("warning", 399_999, ALERT),
    ("critical", 0, BLOCK),
    ("critical", 249_999, BLOCK),
    ("critical", 399_999, BLOCK),
]


@pytest.mark.parametrize(("severity", "risk", "decision"), DEFAULT)
def test_the_default_policy_decides(severity: str | None, risk: int, decision: Decision) -> None:
    metrics = [metric(0, 1, severity="critical")] + ([metric(1, 1, severity=severity)] if severity else [])

    assert decide(metrics, Risk(risk, ()), Policy()).decision is decision


GATES = ("info", "warning", "critical", "never")
RANK = {"info": 0, "warning": 1, "critical": 2, "never": 3}


@pytest.mark.parametrize(("alert_on", "block_on"), list(itertools.product(GATES, GATES)))
@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
@pytest.mark.parametrize("risk", [0, 99, 100, 199, 200])
def test_the_first_gate_that_is_reached_decides(alert_on: str, block_on: str, severity: str, risk: int) -> None:
    policy = Policy.model_validate(
        {"alert_at": Decimal("0.0001"), "block_at": Decimal("0.0002"), "alert_on": alert_on, "block_on": block_on}
    )

    verdict = decide([metric(1, 1, severity=severity)], Risk(risk, ()), policy)

    if risk >= 200 or RANK[severity] >= RANK[block_on]:
        assert verdict.decision is BLOCK
    elif risk >= 100 or RANK[severity] >= RANK[alert_on]:
        assert verdict.decision is ALERT
    else:
        assert verdict == Verdict(ALLOW, Risk(risk, ()), ())


def test_every_gate_that_was_reached_is_a_reason() -> None:
    metrics = [
        metric(1, 1, severity="warning"),
        metric(0, 1, severity="critical"),
        metric(2, 2, severity="critical"),
        metric(3, 3, severity="info"),
        metric(0, 0, severity="critical", unmeasured=True),
    ]

    verdict = decide(metrics, Risk(300_000, ()), Policy())

    assert [(reason.cause.value, reason.rule) for reason in verdict.reasons] == [
        ("RULE_BLOCKS", "critical:2"),
        ("RULE_BLOCKS", "critical:0"),
        ("RULE_ALERTS", "warning:1"),
        ("RISK_ALERTS", None),
    ]


def test_a_risk_that_blocks_is_no_alert_as_well() -> None:
    verdict = decide([], Risk(400_000, ()), Policy())

    assert verdict.reasons == (Reason(verdict.reasons[0].cause, None),)
    assert verdict.reasons[0].cause.value == "RISK_BLOCKS"
