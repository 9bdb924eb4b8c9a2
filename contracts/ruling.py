"""By which policy a batch is decided, and whether somebody overruled the decision of this very batch before.

A policy of its own file counts in the place of the contract's thresholds, from its publication to the end of its last day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contracts.decision import Cause, Decision, Reason, Verdict, decide
from contracts.facts import Decided, PolicyName
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.policyfile import PolicyDocument
from contracts.risk import score
from contracts.rules import weighed


@dataclass(frozen=True, slots=True)
class Override:
    """A decision that was overruled: `to` holds for the same data and contract until a moment.

    Attributes:
        entry: Where it is recorded.
    """

    entry: Decided
    to: Decision
    until: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What decides over a batch beside its contract; nothing where neither is there."""

    document: PolicyDocument | None = None
    override: Override | None = None

    @property
    def name(self) -> PolicyName | None:
        """The policy as bodies name it."""
        if self.document is None:
            return None
        policy = self.document.policy
        return PolicyName(name=policy.name, version=policy.version, sha256=self.document.sha256)


NO_RULING: Final = Ruling()


def weigh(measurement: Measurement, ruling: Ruling) -> Measurement:
    """Return the measurement with each rule weighing what the policy says."""
    weights = ruling.document.policy.weights if ruling.document else {}
    if not weights:
        return measurement
    metrics = tuple(replace(metric, rule=weighed(metric.rule, weights)) for metric in measurement.metrics)
    return replace(measurement, metrics=metrics)


def rule(contract: Contract, measurement: Measurement, ruling: Ruling) -> Verdict:
    """Return what is decided of a measured and weighed batch."""
    if contract.is_disabled:
        return Verdict(Decision.ALLOW, score(measurement.metrics), (Reason(Cause.DISABLED),))
    policy = ruling.document.policy.risk if ruling.document else contract.policy
    verdict = decide(measurement.metrics, score(measurement.metrics), policy, contract.handling)
    if contract.enforcement == "warn" and verdict.decision.rank > Decision.ALLOW_WITH_ALERT.rank:
        verdict = replace(
            verdict, decision=Decision.ALLOW_WITH_ALERT, reasons=(Reason(Cause.ONLY_WARNS), *verdict.reasons)
        )
    override = ruling.override
    if override is None or override.to.rank >= verdict.decision.rank or override.until <= measurement.clock:
        return verdict
    return replace(verdict, decision=override.to, reasons=(Reason(Cause.OVERRIDDEN), *verdict.reasons))
