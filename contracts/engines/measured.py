"""From what other engines found to a measurement under a contract, beside our own or alone.

Each check becomes a rule of kind `foreign` with the id "<engine>:<check id>". It holds where the engine let it pass, with the
tolerance that this takes and no more; it is broken where the engine says so; and it is unmeasured otherwise. A replay makes rules
and metrics again from what is recorded of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome
from contracts.engines.readers import read
from contracts.facts import MetricFact
from contracts.metric import NO_ENGINE, Found, Measurement, Metric, Told
from contracts.model import Contract
from contracts.rules import DEFAULT_WEIGHT, Rule, millionths, rules_of
from contracts.source import Fingerprint
from contracts.terms import MILLION, Kind, Severity
from ledger.clock import Clock
from proofs.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Taken:
    """A result as it was taken in: what it says, and which bytes said it."""

    foreign: Foreign
    told: Told


def take(engine: str, data: bytes) -> Taken:
    """Return what a result of another engine says; raises as `readers.read`."""
    found = read(engine, data)
    return Taken(found, Told(found.name, Fingerprint(hashlib.sha256(data).hexdigest(), len(data))))


def joined(contract: Contract, own: Measurement | None, results: Sequence[Taken], *, clock: Clock) -> Measurement:
    """Return one measurement of what we and other engines found.

    Args:
        own: What we measured; None where the others are to decide alone.
        clock: Read where nothing of our own was measured.

    Raises:
        RefusedError: Nobody found anything.
    """
    if not results:
        if own is None:
            raise RefusedError("there is nothing to decide by", hint="name the data, or a result of another engine")
        return own
    told = tuple(each.told for each in results)
    if contract.is_disabled:
        return replace(own or Measurement("external", 0, (), (), None, NO_ENGINE, clock()), told=told)
    taken = {rule.id for rule in rules_of(contract)}
    metrics = tuple(metric for each in results for metric in _metrics(contract, each.foreign, taken))
    engines = ", ".join(dict.fromkeys((*(own.engine.split(", ") if own else []), *(each.engine for each in told))))
    if own is not None:
        return replace(own, metrics=(*own.metrics, *metrics), engine=engines, told=(*own.told, *told))
    rows = max(check.total or 0 for each in results for check in each.foreign.checks)
    return Measurement("external", rows, metrics, (), None, engines, clock(), told)


def again(counted: MetricFact) -> Metric:
    """Return the metric that an entry holds of another engine's check, its rule made anew from the engine's own word.

    Args:
        counted: Of kind `foreign`, under an id that the contract does not state.
    """
    outcome = {Found.PASSED: Outcome.PASS, Found.FAILED: Outcome.FAIL}.get(counted.found, Outcome.ERROR)
    counts = (None, None) if counted.structural else (counted.failed, counted.total)
    return _metric(counted.rule, counted.columns, counted.severity, outcome, counts, counted.hint)


def stated(rule: Rule, check: ForeignCheck) -> Metric:
    """Return the metric of a check that a contract states and that another engine alone can measure."""
    made = _metric(rule.id, rule.columns, check.severity, check.outcome, (check.failed, check.total), _hint(check))
    return replace(made, rule=rule)


def _metrics(contract: Contract, found: Foreign, taken: set[str]) -> Iterator[Metric]:
    """The metrics of one result; `taken` grows by their ids."""
    known = {field.name for field in contract.fields}
    for check in found.checks:
        name = id = f"{found.engine}:{check.id}"
        number = 1
        while id in taken:
            number += 1
            id = f"{name}#{number}"
        taken.add(id)
        # Of columns that the contract does not name nothing is recorded, for a name may be a value.
        columns = tuple(dict.fromkeys(column for column in check.columns if column in known))
        yield _metric(id, columns, check.severity, check.outcome, (check.failed, check.total), _hint(check))


def _metric(
    id: str,
    columns: tuple[str, ...],
    severity: Severity,
    outcome: Outcome,
    counts: tuple[int | None, int | None],
    hint: str | None,
) -> Metric:
    rule = Rule(id, Kind.FOREIGN, columns, severity, millionths(DEFAULT_WEIGHT[severity]))
    if outcome is Outcome.ERROR:
        return Metric(rule, 0, 0, structural=True, unmeasured=True, hint=hint)
    failed, total = counts
    is_broken = outcome is not Outcome.PASS
    if not total or failed is None or (is_broken and not failed):
        return Metric(rule, int(is_broken), 1, structural=True, hint=hint)
    tolerated = 0 if is_broken else -(-failed * MILLION // total)
    return Metric(replace(rule, tolerance=tolerated), failed, total, hint=hint)


def _hint(check: ForeignCheck) -> str | None:
    """What kind of check it is, and how many rows failed where that is no part of anything."""
    failed = check.failed if check.outcome is not Outcome.ERROR and check.total is None else None
    return ", ".join(filter(None, (check.kind, f"{failed} failed" if failed else ""))) or None
