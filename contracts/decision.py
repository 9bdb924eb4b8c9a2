"""From risk and severities to one of three decisions, with the reasons: pure, so that a replay decides the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.metric import Metric
from contracts.model import Policy
from contracts.risk import Risk
from contracts.rules import millionths
from contracts.terms import Severity


class Decision(StrEnum):
    """What becomes of a batch."""

    ALLOW = "ALLOW"
    ALLOW_WITH_ALERT = "ALLOW_WITH_ALERT"
    BLOCK_AND_ROLLBACK = "BLOCK_AND_ROLLBACK"


class Cause(StrEnum):
    """Why; stable words that programs may match on."""

    RULE_BLOCKS = "RULE_BLOCKS"
    RISK_BLOCKS = "RISK_BLOCKS"
    RULE_ALERTS = "RULE_ALERTS"
    RISK_ALERTS = "RISK_ALERTS"


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate that a batch reached; `rule` is the id of the broken rule, None where the risk as a whole reached it."""

    cause: Cause
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and every gate that was reached, those that block first, then in the contract's order of rules."""

    decision: Decision
    risk: Risk
    reasons: tuple[Reason, ...]


def decide(metrics: Sequence[Metric], risk: Risk, policy: Policy) -> Verdict:
    """Return what `policy` makes of a batch: blocked if any gate blocks, else alerted if any alerts, else allowed."""
    blocks = [Reason(Cause.RULE_BLOCKS, metric.rule.id) for metric in metrics if _reaches(metric, policy.block_on)]
    if risk.millionths >= millionths(policy.block_at):
        blocks.append(Reason(Cause.RISK_BLOCKS))
    blocking = {reason.rule for reason in blocks}
    alerts = [
        Reason(Cause.RULE_ALERTS, metric.rule.id)
        for metric in metrics
        if _reaches(metric, policy.alert_on) and metric.rule.id not in blocking
    ]
    if risk.millionths >= millionths(policy.alert_at) and None not in blocking:
        alerts.append(Reason(Cause.RISK_ALERTS))
    if blocks:
        return Verdict(Decision.BLOCK_AND_ROLLBACK, risk, (*blocks, *alerts))
    return Verdict(Decision.ALLOW_WITH_ALERT if alerts else Decision.ALLOW, risk, tuple(alerts))


def _reaches(metric: Metric, gate: str) -> bool:
    return not metric.passed and gate != "never" and metric.rule.severity.rank >= Severity(gate).rank
