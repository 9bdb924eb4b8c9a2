"""A decision in words and figures: each term of the risk, the line that asked for it, every gate that was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.document import Document
from contracts.facts import MetricFact, ReasonFact
from contracts.metric import Found
from contracts.replay import Known
from contracts.rules import rules_of
from contracts.terms import BASIS, MILLION


@dataclass(frozen=True, slots=True)
class Explained:
    """What led to a decision.

    Attributes:
        terms: One for each rule that does not hold: its line, counts, weight and share.
        equation: The risk, written out.
        reasons: Every gate that was reached, in words.
    """

    known: Known
    terms: tuple[dict[str, Any], ...]
    equation: str
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as one document."""
        fact = self.known.fact.model_dump(mode="json", exclude_none=True, by_alias=True)
        return {
            "seq": self.known.seq,
            "at": self.known.at,
            **{name: fact[name] for name in ("decision", "risk", "contract", "dataset", "batch", "policy", "clock")},
            "ruled_by": fact.get("ruled_by"),
            "overridden": fact.get("overridden"),
            "terms": list(self.terms),
            "equation": self.equation,
            "reasons": list(self.reasons),
        }


def explain(known: Known, document: Document | None) -> Explained:
    """Return what led to a decision; without the contract no line is known."""
    lines = {rule.id: document.line(rule.place) for rule in rules_of(document.contract)} if document else {}
    broken = [metric for metric in known.fact.metrics if metric.found is not Found.PASSED]
    terms = tuple(_term(metric, lines.get(metric.rule)) for metric in broken)
    return Explained(known, terms, _equation(known, broken), tuple(_told(known, each) for each in known.fact.reasons))


def _term(metric: MetricFact, line: int | None) -> dict[str, Any]:
    counted = metric.found is not Found.UNMEASURED
    return {
        "rule": metric.rule,
        "line": line,
        "severity": metric.severity.value,
        "found": metric.found.value,
        "failed": metric.failed if counted else None,
        "of": metric.total if counted else None,
        "weight": _decimal(metric.weight, MILLION),
        "share": _decimal(metric.share, BASIS),
        "hint": metric.hint,
    }


def _equation(known: Known, broken: list[MetricFact]) -> str:
    shares = [_decimal(metric.share, BASIS) for metric in broken if metric.share]
    risk = _decimal(known.fact.risk, BASIS)
    if not shares:
        return f"risk {risk}: no rule that does not hold weighs a basis point"
    terms = " ".join(f"(1 − {share})" for share in shares[:8])
    more = f" … {len(shares) - 8} more" if len(shares) > 8 else ""
    return f"risk {risk} = 1 − {terms}{more}, floored once"


def _told(known: Known, reason: ReasonFact) -> str:
    gates, cause = known.fact.policy, reason.cause.value
    kind, _, what = cause.partition("_")
    word = {"BLOCKS": "block", "QUARANTINES": "quarantine", "ALERTS": "alert"}.get(what, "")
    if cause == "OVERRIDDEN" and known.fact.overridden is not None:
        return f"entry {known.fact.overridden.seq} overrules what follows"
    if cause == "ONLY_WARNS":
        return "the contract's enforcement is to warn, whatever follows"
    if cause == "DISABLED":
        return "the contract's enforcement is disabled: nothing was measured"
    if kind == "RISK":
        threshold = getattr(gates, f"{word}_at")
        return f"the risk is {word}_at {_decimal(threshold, BASIS)} or above ({cause})"
    if kind == "HANDLING":
        return f"{reason.rule} is broken, and the contract wants that to {word} ({cause})"
    return f"{reason.rule} is broken, of severity {word}_on {getattr(gates, f'{word}_on')} or above ({cause})"


def _decimal(value: int, unit: int) -> str:
    digits = len(str(unit)) - 1
    return f"{value // unit}.{value % unit:0{digits}}"
