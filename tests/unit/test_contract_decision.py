"""From counts to a risk, and from risk and severities to a decision: every row of the table."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from contracts.agreement import Handling
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
        ([metric(1, 10)], 1_000, 10),
        ([metric(1, 3)], 3_333, 34),  # floored, once
        ([metric(1, 10), metric(1, 10)], 1_900, 19),  # 1 − 0.9 × 0.9
        ([metric(1, 10, weight=300_000)], 300, 3),
        ([metric(1, 10, weight=5_000_000)], 5_000, 50),
        ([metric(1, 10, weight=1_000_000_000)], 10_000, 100),  # a share is never more than the whole
        ([metric(10, 10, weight=0)], 0, 0),
        ([metric(1, 2**53 - 1)], 0, 0),  # less than a basis point: the rule is broken all the same
        ([metric(1, 10), metric(0, 10), metric(0, 10)], 1_000, 10),  # what holds does not average away what fails
        ([metric(1, 1, structural=True, weight=300_000)], 3_000, 30),
        ([metric(1, 1, structural=True, weight=300_000, severity="critical")], 10_000, 100),
        ([metric(0, 0, unmeasured=True, weight=300_000)], 3_000, 30),  # unmeasured is failed entirely
        ([metric(0, 0, unmeasured=True, weight=300_000, severity="critical")], 10_000, 100),
        ([metric(1, 10, weight=300_000, severity="critical")], 300, 3),
        ([metric(1, 1, structural=True, weight=0, severity="info")], 0, 0),
    ],
)
def test_a_risk_is_what_the_formula_says(metrics: list[Metric], risk: int, points: int) -> None:
    scored = score(metrics)

    assert (scored.basis_points, scored.points) == (risk, points)


def test_a_share_is_what_one_rule_alone_would_make_of_the_risk() -> None:
    metrics = [metric(1, 10), metric(0, 10), metric(1, 4, weight=300_000)]

    assert score(metrics).shares == (1_000, 0, 750)
    assert score(metrics).basis_points == 1_675


def test_a_tolerated_failure_is_no_risk_and_one_row_more_is() -> None:
    rule = Rule("range:a", Kind.RANGE, ("a",), Severity.WARNING, 1_000_000, tolerance=200_000)

    assert score([Metric(rule, 2, 10)]).basis_points == 0
    assert score([Metric(rule, 3, 10)]).basis_points == 3_000


@pytest.mark.parametrize(("failed", "total"), [(-1, 10), (11, 10), (1, 0)])
def test_no_more_rows_can_fail_than_there_are(failed: int, total: int) -> None:
    with pytest.raises(ValueError, match="rows cannot have failed"):
        metric(failed, total)


BLOCK, ALERT, ALLOW = Decision.BLOCK_AND_ROLLBACK, Decision.ALLOW_WITH_ALERT, Decision.ALLOW

# Severity of a broken rule (None: all hold), risk in basis points, decision under the default policy.
DEFAULT = [
    *((severity, 4_000, BLOCK) for severity in (None, "info", "warning", "critical")),
    *((severity, 10_000, BLOCK) for severity in (None, "info", "warning", "critical")),
    (None, 0, ALLOW),
    (None, 2_499, ALLOW),
    (None, 2_500, ALERT),
    (None, 3_999, ALERT),
    ("info", 0, ALLOW),
    ("info", 2_499, ALLOW),
    ("info", 2_500, ALERT),
    ("info", 3_999, ALERT),
    ("warning", 0, ALERT),
    ("warning", 2_499, ALERT),
    ("warning", 3_999, ALERT),
    ("critical", 0, BLOCK),
    ("critical", 2_499, BLOCK),
    ("critical", 3_999, BLOCK),
]


@pytest.mark.parametrize(("severity", "risk", "decision"), DEFAULT)
def test_the_default_policy_decides(severity: str | None, risk: int, decision: Decision) -> None:
    metrics = [metric(0, 1, severity="critical")] + ([metric(1, 1, severity=severity)] if severity else [])

    assert decide(metrics, Risk(risk, ()), Policy()).decision is decision


GATES = ("info", "warning", "critical", "never")
RANK = {"info": 0, "warning": 1, "critical": 2, "never": 3}


@pytest.mark.parametrize(("alert_on", "block_on"), list(itertools.product(GATES, GATES)))
@pytest.mark.parametrize("severity", ["info", "warning", "critical"])
@pytest.mark.parametrize("risk", [0, 1, 2, 3])
def test_the_first_gate_that_is_reached_decides(alert_on: str, block_on: str, severity: str, risk: int) -> None:
    policy = Policy.model_validate(
        {"alert_at": Decimal("0.0001"), "block_at": Decimal("0.0002"), "alert_on": alert_on, "block_on": block_on}
    )

    verdict = decide([metric(1, 1, severity=severity)], Risk(risk, ()), policy)

    if risk >= 2 or RANK[severity] >= RANK[block_on]:
        assert verdict.decision is BLOCK
    elif risk >= 1 or RANK[severity] >= RANK[alert_on]:
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

    verdict = decide(metrics, Risk(3_000, ()), Policy())

    assert [(reason.cause.value, reason.rule) for reason in verdict.reasons] == [
        ("RULE_BLOCKS", "critical:2"),
        ("RULE_BLOCKS", "critical:0"),
        ("RULE_ALERTS", "warning:1"),
        ("RISK_ALERTS", None),
    ]


def test_a_risk_that_blocks_is_no_alert_as_well() -> None:
    verdict = decide([], Risk(4_000, ()), Policy())

    assert verdict.reasons == (Reason(verdict.reasons[0].cause, None),)
    assert verdict.reasons[0].cause.value == "RISK_BLOCKS"


@pytest.mark.parametrize(
    ("asked", "severity", "decision"),
    [
        ("block", "warning", Decision.BLOCK_AND_ROLLBACK),
        ("quarantine", "warning", Decision.QUARANTINE),
        ("alert", "warning", Decision.ALLOW_WITH_ALERT),
        ("block", "info", Decision.ALLOW),
        ("alert", "critical", Decision.BLOCK_AND_ROLLBACK),  # the policy is stricter
    ],
)
def test_of_a_contracts_own_handling_and_the_policy_the_stricter_wins(
    asked: str, severity: str, decision: Decision
) -> None:
    handling = Handling.model_validate({"quality": asked})

    assert decide([metric(1, 1, severity=severity)], Risk(0, ()), Policy(), handling).decision is decision


def test_handling_speaks_of_its_own_kind_of_promise_alone() -> None:
    rule = Rule("present:a", Kind.PRESENT, ("a",), Severity.WARNING, 0)
    broken = [Metric(rule, 1, 1, structural=True)]

    quality, schema = (Handling.model_validate({name: "block"}) for name in ("quality", "schema"))

    assert decide(broken, Risk(0, ()), Policy(), quality).decision is ALERT
    assert decide(broken, Risk(0, ()), Policy(), schema).decision is BLOCK


@pytest.mark.parametrize(
    ("risk", "severity", "decision"),
    [
        (2_499, "info", ALLOW),
        (2_500, "info", ALERT),
        (3_000, "info", Decision.QUARANTINE),
        (4_000, "info", BLOCK),
        (0, "warning", Decision.QUARANTINE),
        (0, "critical", BLOCK),
    ],
)
def test_a_policy_may_keep_bad_rows_back(risk: int, severity: str, decision: Decision) -> None:
    policy = Policy(quarantine_at=Decimal("0.3"), quarantine_on="warning")

    assert decide([metric(1, 1, severity=severity)], Risk(risk, ()), policy).decision is decision


def test_a_broken_schema_of_critical_severity_makes_the_risk_complete_however_few_rows_break_it() -> None:
    rule = Rule("type:a", Kind.TYPE, ("a",), Severity.CRITICAL, 300_000)

    assert score([Metric(rule, 1, 1_000_000)]).basis_points == 10_000
