"""From what was found and decided to the events that say so."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

from contracts.agreement import Handling
from contracts.decision import Cause, Verdict
from contracts.document import Document
from contracts.facts import (
    ACTION_TAKEN,
    CONTRACT_PUBLISHED,
    VALIDATION_DECIDED,
    ActionTaken,
    Batch,
    ContractName,
    ContractPublished,
    DatasetName,
    Decided,
    Gates,
    HandlingTerms,
    JobName,
    MetricFact,
    PolicyName,
    PolicyPublished,
    PrivacyTerms,
    ProfileFact,
    ReasonFact,
    ResultFact,
    TableFact,
    ValidationDecided,
)
from contracts.metric import Measurement
from contracts.model import Contract, Dataset, Policy
from contracts.policyfile import PolicyDocument
from contracts.profile import MAX_PROFILES
from contracts.rules import basis_points
from contracts.ruling import NO_RULING, Ruling
from contracts.tables.version import TableVersion
from ledger.clock import print_at, seconds
from ledger.event import Event
from ledger.fact import Fact
from proofs.errors import RefusedError, UnknownOutcomeError

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

LIBRARY: Final = "tallystick/contracts"  # the source of what a program records that names none of its own
TOOK: Final = "checkms"  # the extension attribute of a decision: how many milliseconds it took to measure

Action = Literal["promoted", "rolled-back", "moved-aside", "quarantined", "called-back"]
Result = Literal["done", "failed", "unknown"]


class Receipt(Protocol):
    """What the log gives back for an event that is durable."""

    @property
    def seq(self) -> int:
        """The entry's position in the log."""
        ...

    @property
    def leaf(self) -> bytes:
        """The entry's leaf hash, 32 bytes."""
        ...


class Log(Protocol):
    """Where events go."""

    def append(self, event: Event, /) -> Receipt:
        """Write one event and return its receipt. MUST be durable before it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Who records, and for which run of which job.

    Attributes:
        source: The CloudEvents source of the events.
        run: The run's UUID, as the lineage events have it. It names a stream, so free text is not taken for one.
        job: Namespace and name of the job.
        new_id: Draws the id of an event. Without one of its own, the log would take a second, equal measurement for a
            retry of the first.
        elapsed: A clock for durations, in seconds.
        took_ms: How long it took to measure what is decided; None where nobody looked at a clock.

    Raises:
        RefusedError: `run` is not a UUID, or a name of `job` is empty.
    """

    source: str = LIBRARY
    run: str | None = None
    job: tuple[str, str] | None = None
    new_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))
    elapsed: Callable[[], float] = seconds
    took_ms: int | None = None

    def __post_init__(self) -> None:
        if self.run is not None and not _UUID.fullmatch(self.run):
            raise RefusedError("the run is not a UUID", hint="take the run id of the lineage events")
        if self.job is not None and not all(self.job):
            raise RefusedError("a job has a namespace and a name")

    def timed(self, begun: float) -> Context:
        """Return the same, having measured since `begun`, which `elapsed` said."""
        return replace(self, took_ms=max(0, round((self.elapsed() - begun) * 1000)))

    @property
    def job_name(self) -> JobName | None:
        """The job as bodies name it."""
        return JobName(namespace=self.job[0], name=self.job[1]) if self.job else None


def contract_published(document: Document, context: Context, *, previous: str | None = None) -> Event:
    """Return the event that puts a contract in force; its body holds the contract's text.

    Args:
        previous: The version that was in force until then.
    """
    fact = published_fact(document, previous=previous)
    return event_of(CONTRACT_PUBLISHED, fact, context, subject=document.contract.name)


def published_fact(document: Document, *, previous: str | None) -> ContractPublished:
    """Return the body of that event: what it says beside the contract's text is what the text says."""
    contract, privacy = document.contract, document.contract.privacy
    targets = tuple(dataset_name(target) for target in privacy.deletion_propagation) if privacy else ()
    return ContractPublished(
        contract=contract_name(document),
        dataset=dataset_name(contract.dataset),
        datasets=targets,
        previous=previous,
        privacy=None
        if privacy is None
        else PrivacyTerms(subject_key=privacy.subject_key, pii=privacy.pii, deletion_propagation=targets),
        definition=document.text,
    )


def policy_fact(document: PolicyDocument, *, previous: str | None) -> PolicyPublished:
    """Return the body of the event that puts a policy in force: what it says beside the text is what the text says."""
    policy = document.policy
    return PolicyPublished(
        policy=PolicyName(name=policy.name, version=policy.version, sha256=document.sha256),
        datasets=tuple(dataset_name(dataset) for dataset in policy.datasets),
        owner=policy.owner,
        expires=policy.expires,
        previous=previous,
        definition=document.text,
    )


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A batch that was held to a contract, and what is decided of it: a value, of which no log has heard yet."""

    document: Document
    measurement: Measurement
    verdict: Verdict
    ruling: Ruling = NO_RULING


def validation_decided(evaluated: Evaluated, context: Context) -> Event:
    """Return the event that records a decision with everything needed to decide again."""
    fact = decided_fact(evaluated, job=context.job_name, run=context.run)
    # In the header: a replay gives the same body, and took its own time.
    ext = {} if context.took_ms is None else {TOOK: context.took_ms}
    return event_of(VALIDATION_DECIDED, fact, context, subject=fact.contract.name, ext=ext)


def decided_fact(evaluated: Evaluated, *, job: JobName | None, run: str | None) -> ValidationDecided:
    """Return the body of that event: a function of what was evaluated, so that whoever evaluates again gets the same bytes."""
    contract, measurement, verdict = evaluated.document.contract, evaluated.measurement, evaluated.verdict
    ruling = evaluated.ruling
    is_overruled = any(reason.cause is Cause.OVERRIDDEN for reason in verdict.reasons)
    return ValidationDecided(
        contract=contract_name(evaluated.document),
        dataset=dataset_name(contract.dataset),
        job=job,
        run=run,
        decision=verdict.decision,
        risk=verdict.risk.basis_points,
        reasons=tuple(ReasonFact(cause=reason.cause, rule=reason.rule) for reason in verdict.reasons),
        metrics=_metrics(measurement, verdict),
        policy=_gates(ruling.document.policy.risk if ruling.document else contract.policy, contract.handling),
        ruled_by=ruling.name,
        overridden=ruling.override.entry if ruling.override and is_overruled else None,
        profile=_profiles(measurement),
        clock=print_at(measurement.clock),
        batch=batch_fact(measurement),
        engine=measurement.engine,
    )


@dataclass(frozen=True, slots=True)
class Deed:
    """An action, and what came of it.

    Attributes:
        error: The code of the error by which it failed, or by which nobody knows.
        restored: The decision by which the version was allowed that consumers were led back to.
        table: The version that a table went back to.
    """

    action: Action
    error: str | None = None
    restored: Decided | None = None
    table: TableVersion | None = None

    @property
    def result(self) -> Result:
        """What came of it, in one word."""
        if self.error is None:
            return "done"
        return "unknown" if self.error == UnknownOutcomeError.code else "failed"


def action_taken(decided: Event, receipt: Receipt, deed: Deed, context: Context) -> Event:
    """Return the event that records what was done after the decision in `decided`.

    Args:
        receipt: The receipt of `decided`.
    """
    decision = ValidationDecided.parse(decided.data)
    fact = ActionTaken(
        contract=decision.contract,
        dataset=decision.dataset,
        job=decision.job,
        run=decision.run,
        decided=Decided(seq=receipt.seq, leaf=receipt.leaf.hex()),
        decision=decision.decision,
        action=deed.action,
        result=deed.result,
        error=deed.error,
        restored=deed.restored,
        table=_table_fact(deed.table),
    )
    return event_of(ACTION_TAKEN, fact, context, subject=decision.contract.name)


def event_of(type: str, fact: Fact, context: Context, *, subject: str, ext: Mapping[str, int] | None = None) -> Event:
    """Return the event of `type` whose body is `fact`.

    Raises:
        RefusedError: The context has a source or draws an id that no entry may hold.
    """
    attributes: dict[str, Any] = {"type": type, "source": context.source, "id": context.new_id(), "subject": subject}
    try:
        return Event(data=fact.print(), ext=dict(ext or {}), **attributes)
    except ValueError as error:
        raise RefusedError(f"the event of type {type} has an attribute that no entry may hold") from error


def contract_name(document: Document) -> ContractName:
    """Return the contract as bodies name it."""
    contract: Contract = document.contract
    return ContractName(name=contract.name, version=contract.version, sha256=document.sha256)


def dataset_name(dataset: Dataset) -> DatasetName:
    """Return the dataset as bodies name it."""
    return DatasetName(namespace=dataset.namespace, name=dataset.name)


def _metrics(measurement: Measurement, verdict: Verdict) -> tuple[MetricFact, ...]:
    return tuple(
        MetricFact(
            rule=metric.rule.id,
            kind=metric.rule.kind,
            columns=metric.rule.columns,
            severity=metric.rule.severity,
            weight=metric.rule.weight,
            tolerance=metric.rule.tolerance,
            found=metric.found,
            structural=metric.structural,
            failed=metric.failed,
            total=metric.total,
            share=share,
            hint=metric.hint,
            value=metric.value,
        )
        for metric, share in zip(measurement.metrics, verdict.risk.shares, strict=True)
    )


def _profiles(measurement: Measurement) -> tuple[ProfileFact, ...] | None:
    """The distributions, one for each column, that later batches are compared with; None where there are none."""
    profiles = [metric.profile for metric in measurement.metrics if metric.profile is not None]
    of_columns = list({profile.column: profile for profile in profiles}.values())[:MAX_PROFILES]
    return (
        tuple(
            ProfileFact(column=one.column, kind=one.kind, halved=one.halved, strange=one.strange, bins=one.bins)
            for one in of_columns
        )
        or None
    )


def inputs_of(batch: Batch) -> str | None:
    """Return by what the very same batch is known again: the hash of the data, and of each result that was taken in with it.

    None where the data has none.
    """
    if batch.results is None or (batch.sha256 is None and batch.kind != "external"):
        return batch.sha256
    hashes = "".join(sorted(result.sha256 for result in batch.results))
    return hashlib.sha256(f"{batch.sha256 or ''}+{hashes}".encode()).hexdigest()


def _gates(policy: Policy, handling: Handling) -> Gates:
    return Gates(
        alert_at=basis_points(policy.alert_at),
        quarantine_at=None if policy.quarantine_at is None else basis_points(policy.quarantine_at),
        block_at=basis_points(policy.block_at),
        alert_on=policy.alert_on,
        quarantine_on=policy.quarantine_on,
        block_on=policy.block_on,
        handling=None if handling == Handling() else HandlingTerms.model_validate(handling.model_dump(by_alias=True)),
    )


def _table_fact(version: TableVersion | None) -> TableFact | None:
    return None if version is None else TableFact(id=version.id, version=version.version, log=version.log)


def batch_fact(measurement: Measurement) -> Batch:
    """Return what was measured as bodies name it."""
    kind: Any = measurement.kind
    return Batch(
        kind=kind,
        rows=measurement.rows,
        extra_columns=len(measurement.extra_columns),
        files=measurement.file.files if measurement.file else None,
        sha256=measurement.file.sha256 if measurement.file else None,
        size_bytes=measurement.file.size_bytes if measurement.file else None,
        table=_table_fact(measurement.file.table if measurement.file else None),
        results=tuple(
            ResultFact(engine=each.engine, sha256=each.file.sha256, size_bytes=each.file.size_bytes)
            for each in measurement.told
        )
        or None,
        window=measurement.window,
    )
