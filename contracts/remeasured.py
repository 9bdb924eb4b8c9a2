"""A batch that was measured again, beside what other engines had said of it then.

Whoever gives an engine's result again, or asks the engine again, has its checks made anew; of every other result nobody here can
find out more than stands in the decision, and that is carried on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from contracts.checks import Foreign
from contracts.document import Document
from contracts.engines.measured import Taken, again, joined
from contracts.facts import MetricFact, ValidationDecided
from contracts.metric import Measurement, Metric, Told
from contracts.rules import rules_of
from contracts.source import Fingerprint
from contracts.terms import Kind
from proofs.errors import MalformedError


def beside(own: Measurement, document: Document, fact: ValidationDecided, results: Sequence[Taken]) -> Measurement:
    """Return what was measured again together with what other engines found, now or then.

    Args:
        own: With the engines that were asked again.
        results: Results that were given again.
    """
    told = _told(told_of(fact), (*own.told, *(each.told for each in results)))
    if document.contract.is_disabled:
        return replace(own, told=told)
    given = {each.foreign.engine for each in results}
    carried = [metric for metric in foreign_of(document, fact) if metric.rule.id.partition(":")[0] not in given]
    anew = joined(document.contract, replace(own, metrics=(), told=()), results, clock=lambda: own.clock).metrics
    order = {metric.rule: place for place, metric in enumerate(fact.metrics)}
    others = sorted((*carried, *anew), key=lambda metric: order.get(metric.rule.id, len(order)))
    engine = ", ".join(dict.fromkeys((*own.engine.split(", "), *(each.engine for each in told))))
    return replace(own, metrics=(*_stated(own, fact), *others), engine=engine, told=told)


def foreign_of(document: Document, fact: ValidationDecided) -> list[Metric]:
    """Return what other engines found: rules of kind `foreign` that the contract does not state, and no others.

    Raises:
        MalformedError: It counts what cannot be.
    """
    stated = {rule.id for rule in rules_of(document.contract)}
    found = [each for each in fact.metrics if each.rule not in stated and each.kind is Kind.FOREIGN]
    if not fact.batch.results or document.contract.is_disabled:
        return []
    try:
        return [again(each) for each in found]
    except ValueError as error:
        raise MalformedError(f"the decision counts what cannot be for a rule of another engine: {error}") from error


def told_of(fact: ValidationDecided) -> tuple[Told, ...]:
    """Return whose results a decision was made from."""
    return tuple(Told(each.engine, Fingerprint(each.sha256, each.size_bytes)) for each in fact.batch.results or ())


def _told(then: Iterable[Told], now: Iterable[Told]) -> tuple[Told, ...]:
    """Those of then, in their order, each in the place of the one that its engine gave now, and what else is told now."""
    left, found = list(now), []
    for each in then:
        name = each.engine.partition(" ")[0]
        same = next((other for other in left if other.engine.partition(" ")[0] == name), None)
        if same is not None:
            left.remove(same)
        found.append(same or each)
    return (*found, *left)


def _stated(own: Measurement, fact: ValidationDecided) -> Iterable[Metric]:
    """Our own metrics; of a check that another engine alone can measure, where it was not asked again, that of then."""
    counted: dict[str, MetricFact] = {each.rule: each for each in fact.metrics} if fact.batch.results else {}
    for metric in own.metrics:
        known = counted.get(metric.rule.id)
        is_carried = isinstance(metric.rule.check, Foreign) and metric.unmeasured and known is not None
        yield _as_then(metric, known) if is_carried and known is not None else metric


def _as_then(metric: Metric, known: MetricFact) -> Metric:
    found = again(known)
    return replace(found, rule=metric.rule)
