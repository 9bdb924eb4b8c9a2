"""Decide again what an entry of the log decided, years later, to the same bytes.

The contract's text stands in the log, and the policy's where one ruled; counts, fingerprint and clock stand in the decision.
From these alone the body is made again. Whoever has the data as well measures it again, at the recorded clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contracts.checks import Drift
from contracts.decision import Cause
from contracts.document import Document, parse
from contracts.engines.measured import Taken
from contracts.facts import (
    CONTRACT_PUBLISHED,
    VALIDATION_DECIDED,
    ContractPublished,
    MetricFact,
    ProfileFact,
    ValidationDecided,
)
from contracts.history import ContractHistory, ReadableLog
from contracts.measure import measure
from contracts.metric import Found, Measurement, Metric
from contracts.policies import policies
from contracts.policyfile import PolicyDocument
from contracts.profile import Profile
from contracts.profiles import is_wanted, references_before
from contracts.record import Evaluated, decided_fact
from contracts.remeasured import beside, foreign_of, told_of
from contracts.rules import Rule, rules_of
from contracts.ruling import Override, Ruling, rule, weigh
from contracts.scan.beside import Given
from contracts.source import MAX_COLUMNS, Fingerprint, Source
from contracts.streams.rules import in_window
from contracts.tables.version import TableVersion
from ledger.clock import parse_at
from proofs.errors import MalformedError, MissingError, RefusedError

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Known:
    """A decision as the log has it; `leaf` in hex."""

    seq: int
    leaf: str
    at: str
    fact: ValidationDecided
    body: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision, made again.

    Attributes:
        again: What was decided now.
        differs: The members, and rules, in which the two differ; none where they are the same bytes.
        measured: True where the data was measured again, and the counts not taken from the entry.
        measurements: The rules that were measured otherwise: what was found of each then, and what now.
    """

    known: Known
    again: ValidationDecided
    differs: tuple[str, ...]
    measured: bool
    measurements: tuple[dict[str, str], ...] = ()


def read_decision(log: ReadableLog, seq: int) -> Known:
    """Return the decision of an entry.

    Raises:
        MissingError: There is no such entry, it is no decision, or its body is gone.
    """
    record = log.entry(seq)
    if record.type != VALIDATION_DECIDED:
        raise MissingError(f"entry {seq} is no decision but of type {record.type}", hint="`tally decision list`")
    if record.body is None:
        raise MissingError(f"the body of entry {seq} is gone")
    return Known(seq, record.leaf.hex(), record.at, ValidationDecided.parse(record.body), record.body)


def contract_of(log: ReadableLog, fact: ValidationDecided) -> Document:
    """Return the contract by which was decided, from its publication.

    Raises:
        MissingError: The log has no publication of that text.
    """
    name = fact.contract
    with log.viewing(ContractHistory()) as db:
        found = db.execute(
            "SELECT seq FROM contracts_version WHERE name = ? AND version = ? AND sha256 = ?",
            [name.name, name.version, name.sha256],
        ).fetchone()
    record = None if found is None else log.entry(found[0])
    if record is None or record.body is None or record.type != CONTRACT_PUBLISHED:
        raise MissingError(
            f"the log has no text of contract {name.name} {name.version} with the hash {name.sha256[:16]}…",
            hint="give the file with --contract",
        )
    return parse(ContractPublished.parse(record.body).definition.encode(), name=f"contract {name.name} {name.version}")


def replay(
    log: ReadableLog,
    known: Known,
    *,
    document: Document | None = None,
    source: Source | None = None,
    given: Given | None = None,
    results: Sequence[Taken] = (),
) -> Replay:
    """Decide again.

    Args:
        document: The contract, where the log does not have it.
        source: The data, to be measured again; otherwise the recorded counts are taken.
        given: What it is measured against; the distributions are those that the log had before the decision.
        results: Results of other engines, to be read again; of others the recorded counts are taken.

    Raises:
        MissingError: The log has no text of the contract or the policy.
        MalformedError: `document` is another contract.
        RefusedError: `source` is given, and nothing of our own was measured; or results are, and no data.
        TallyError: The data cannot be measured (contracts.measure).
    """
    fact = known.fact
    document = document or contract_of(log, fact)
    if document.sha256 != fact.contract.sha256:
        raise MalformedError(
            f"this contract has the hash {document.sha256[:16]}…, and entry {known.seq} decided by {fact.contract.sha256[:16]}…"
        )
    ruling = _ruling(log, fact)
    if source is None and results:
        raise RefusedError("results of other engines are read again beside the data", hint="name it with --data")
    if source is None:
        measurement = _recorded(document, fact)
    else:
        if fact.batch.kind == "external":
            raise RefusedError(
                f"entry {known.seq} decided by what other engines found; there is no data to measure again"
            )
        given = replace(given or Given(), window=fact.batch.window)
        if is_wanted(document.contract):
            given = replace(given, profiles=references_before(log, document.contract.dataset, known.seq))
        own = measure(document.contract, source, clock=lambda: parse_at(fact.clock), given=given)
        measurement = beside(own, document, fact, results)
    measurement = weigh(measurement, ruling)
    verdict = rule(document.contract, measurement, ruling)
    again = decided_fact(Evaluated(document, measurement, verdict, ruling), job=fact.job, run=fact.run)
    return Replay(known, again, _differences(known, again), source is not None, _measurements(known.fact, again))


def _ruling(log: ReadableLog, fact: ValidationDecided) -> Ruling:
    policy: PolicyDocument | None = None
    if fact.ruled_by is not None:
        found = [each.document for each in policies(log) if each.document.sha256 == fact.ruled_by.sha256]
        if not found:
            raise MissingError(f"the log has no text of policy {fact.ruled_by.name} {fact.ruled_by.version}")
        policy = found[0]
    if fact.overridden is None:
        return Ruling(policy)
    with log.viewing(ContractHistory()) as db:
        row = db.execute(
            'SELECT "to", until FROM contracts_override WHERE seq = ? AND leaf = ?',
            [fact.overridden.seq, fact.overridden.leaf],
        ).fetchone()
    if row is None:
        raise MissingError(f"entry {fact.overridden.seq}, which is said to overrule the decision, is no override")
    return Ruling(policy, Override(fact.overridden, type(fact.decision)(row[0]), parse_at(row[1])))


def _recorded(document: Document, fact: ValidationDecided) -> Measurement:
    """The measurement that the entry holds, under the rules that the contract states and those of other engines."""
    batch = fact.batch
    counted = {metric.rule: metric for metric in fact.metrics}
    profiles = {each.column: each for each in fact.profile or ()}
    metrics = []
    is_ours = batch.kind != "external" and not document.contract.is_disabled
    for each in rules_of(document.contract) if is_ours else ():
        if each.id not in counted:
            raise MalformedError(f"the decision has no count for rule {each.id!r} of its contract")
        metrics.append(_metric(each, counted[each.id], profiles))
    metrics += foreign_of(document, fact)
    file = None
    if batch.sha256 is not None and batch.size_bytes is not None:
        table = TableVersion(batch.table.id, batch.table.version, batch.table.log) if batch.table else None
        file = Fingerprint(batch.sha256, batch.size_bytes, batch.files, table)
    if batch.extra_columns > MAX_COLUMNS:
        raise MalformedError(
            f"the decision tells of {batch.extra_columns} further columns, at most {MAX_COLUMNS} are read"
        )
    strangers = ("",) * batch.extra_columns
    clock, told = parse_at(fact.clock), told_of(fact)
    found = Measurement(batch.kind, batch.rows, tuple(metrics), strangers, file, fact.engine, clock, told)
    return in_window(found, document.contract, batch.window)


def _metric(rule: Rule, counted: MetricFact, profiles: Mapping[str, ProfileFact]) -> Metric:
    unmeasured = counted.found is Found.UNMEASURED
    found = profiles.get(rule.columns[0]) if isinstance(rule.check, Drift) else None
    profile = None if found is None else Profile(found.column, found.kind, found.halved, found.bins, found.strange)
    try:
        return Metric(
            rule,
            counted.failed,
            counted.total,
            structural=counted.structural,
            unmeasured=unmeasured,
            hint=counted.hint,
            value=counted.value,
            profile=profile,
        )
    except ValueError as error:
        raise MalformedError(f"the decision counts what cannot be for rule {rule.id!r}: {error}") from error


def _measurements(then: ValidationDecided, now: ValidationDecided) -> tuple[dict[str, str], ...]:
    """Every rule of which not the same was found, check by check."""
    before, after = ({each.rule: _words(each) for each in fact.metrics} for fact in (then, now))
    rules = dict.fromkeys((*before, *after))
    return tuple(
        {"rule": rule, "then": before.get(rule, "no such rule"), "now": after.get(rule, "no such rule")}
        for rule in rules
        if before.get(rule) != after.get(rule)
    )


def _words(metric: MetricFact) -> str:
    """What was found of a rule: its counts, or the number that was held to bounds, and a word on it."""
    counts = "" if metric.structural else f" ({metric.failed} of {metric.total})"
    value = "" if metric.value is None else f", value {metric.value}"
    return f"{metric.found.value}{counts}{value}" + (f", {metric.hint}" if metric.hint else "")


def _differences(known: Known, again: ValidationDecided) -> tuple[str, ...]:
    if again.print() == known.body:
        return ()
    then, now = known.fact.model_dump(mode="json"), again.model_dump(mode="json")
    differs = [name for name in then if name != "metrics" and then[name] != now[name]]
    counted = {metric["rule"]: metric for metric in now["metrics"]}
    differs += [metric["rule"] for metric in then["metrics"] if counted.get(metric["rule"]) != metric]
    if any(reason.cause is Cause.OVERRIDDEN for reason in again.reasons) != (known.fact.overridden is not None):
        differs.append("overridden")
    return tuple(dict.fromkeys(differs or ["its bytes"]))[:_SHOWN]
