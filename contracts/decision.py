"""From risk, severities and a contract's own handling to one of four decisions: pure, so that a replay decides the same.

Every gate that was reached is a reason with the decision that it asks for, and the strictest of them decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from contracts.agreement import Handling
from contracts.metric import Metric
from contracts.model import Policy
from contracts.risk import Risk
from contracts.rules import basis_points
from contracts.terms import Severity


class Decision(StrEnum):
    """What becomes of a batch, the mildest first."""

    ALLOW = "ALLOW"
    ALLOW_WITH_ALERT = "ALLOW_WITH_ALERT"
    QUARANTINE = "QUARANTINE"
    BLOCK_AND_ROLLBACK = "BLOCK_AND_ROLLBACK"

    @property
    def rank(self) -> int:
        """0 for ALLOW to 3 for BLOCK_AND_ROLLBACK."""
        return list(Decision).index(self)


class Cause(StrEnum):
    """Why; stable words that programs may match on.

    ONLY_WARNS stands before the gates where the contract's enforcement is "warn", OVERRIDDEN where somebody overruled them.
    DISABLED stands alone where the contract's enforcement is "disabled" and nothing was measured.
    """

    RULE_BLOCKS = "RULE_BLOCKS"
    RISK_BLOCKS = "RISK_BLOCKS"
    HANDLING_BLOCKS = "HANDLING_BLOCKS"
    RULE_QUARANTINES = "RULE_QUARANTINES"
    RISK_QUARANTINES = "RISK_QUARANTINES"
    HANDLING_QUARANTINES = "HANDLING_QUARANTINES"
    RULE_ALERTS = "RULE_ALERTS"
    RISK_ALERTS = "RISK_ALERTS"
    HANDLING_ALERTS = "HANDLING_ALERTS"
    ONLY_WARNS = "ONLY_WARNS"
    OVERRIDDEN = "OVERRIDDEN"
    DISABLED = "DISABLED"

    @property
    def asks_for(self) -> Decision:
        """The decision that this gate asks for; ALLOW for what softens one, or shuts it off."""
        return _ASKED.get(self.value.partition("_")[2], Decision.ALLOW)


_ASKED = {
    "BLOCKS": Decision.BLOCK_AND_ROLLBACK,
    "QUARANTINES": Decision.QUARANTINE,
    "ALERTS": Decision.ALLOW_WITH_ALERT,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate that a batch reached; `rule` is the id of the broken rule, None where the risk as a whole reached it."""

    cause: Cause
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and every gate that was reached, the strictest first, then in the contract's order of rules."""

    decision: Decision
    risk: Risk
    reasons: tuple[Reason, ...]


def decide(metrics: Sequence[Metric], risk: Risk, policy: Policy, handling: Handling | None = None) -> Verdict:
    """Return what `policy`, and the contract's own `handling` of broken rules, make of a batch: the stricter wins."""
    strictest: dict[str | None, Reason] = {}
    for reason in _reached(metrics, risk, policy, handling or Handling()):
        known = strictest.setdefault(reason.rule, reason)
        if known.cause.asks_for.rank < reason.cause.asks_for.rank:
            strictest[reason.rule] = reason
    reasons = sorted(strictest.values(), key=lambda reason: (-reason.cause.asks_for.rank, reason.rule is None))
    return Verdict(reasons[0].cause.asks_for if reasons else Decision.ALLOW, risk, tuple(reasons))


def _reached(metrics: Sequence[Metric], risk: Risk, policy: Policy, handling: Handling) -> Iterator[Reason]:
    for metric in metrics:
        if metric.passed:
            continue
        for cause, gate in (
            (Cause.RULE_BLOCKS, policy.block_on),
            (Cause.RULE_QUARANTINES, policy.quarantine_on),
            (Cause.RULE_ALERTS, policy.alert_on),
        ):
            if gate != "never" and metric.rule.severity.rank >= Severity(gate).rank:
                yield Reason(cause, metric.rule.id)
        asked = handling.of(metric.rule.kind.category)
        # A rule of severity info is for the eye: what a dialect does about violations is not meant for it.
        if asked is not None and metric.rule.severity is not Severity.INFO:
            yield Reason(Cause[f"HANDLING_{asked.upper()}S"], metric.rule.id)
    thresholds: tuple[tuple[Cause, Decimal | None], ...] = (
        (Cause.RISK_BLOCKS, policy.block_at),
        (Cause.RISK_QUARANTINES, policy.quarantine_at),
        (Cause.RISK_ALERTS, policy.alert_at),
    )
    for cause, threshold in thresholds:
        if threshold is not None and risk.basis_points >= basis_points(threshold):
            yield Reason(cause)
