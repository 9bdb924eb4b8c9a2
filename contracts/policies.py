"""Policies as the log has them: published once a version, ruling from then on, overruled only by events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.decision import Decision
from contracts.document import Document
from contracts.enforce import evaluate
from contracts.engines.measured import Taken
from contracts.facts import POLICY_PUBLISHED, Decided
from contracts.history import ContractHistory, InForce, ReadableLog
from contracts.model import Contract, Dataset
from contracts.policyfile import PolicyDocument, parse_policy
from contracts.record import Context, Evaluated, batch_fact, event_of, inputs_of, policy_fact
from contracts.registry.semver import Version
from contracts.ruling import Override, Ruling, rule
from contracts.scan.beside import Given
from contracts.source import Source
from ledger.clock import parse_at
from proofs.errors import ConflictError, RefusedError

_SAME_DATA: Final = """SELECT o.seq, o.leaf, o."to", o.until, o.approved_by FROM contracts_override o
JOIN contracts_decision d ON d.seq = o.decided WHERE d.data = ? AND d.contract = ? AND d.sha256 = ?
AND d.dataset_namespace = ? AND d.dataset_name = ? ORDER BY o.seq DESC"""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """One version of a policy, and the entry that put it in force."""

    document: PolicyDocument
    seq: int


def publish_policy(log: ReadableLog, document: PolicyDocument, context: Context | None = None) -> InForce:
    """Record that a policy rules, and return where; the same text a second time is not recorded again.

    Raises:
        ConflictError: This version is in force with another text.
        RefusedError: A version that is not smaller is in force.
    """
    policy = document.policy
    known = [each for each in policies(log) if each.document.policy.name == policy.name]
    for each in known:
        if each.document.policy.version == policy.version:
            return _same(each, document)
    highest = max((Version.parse(each.document.policy.version) for each in known), default=None)
    if highest is not None and Version.parse(policy.version) <= highest:
        raise RefusedError(
            f"version {policy.version} of policy {policy.name} does not come after {highest}",
            hint="raise the version in the policy's file",
        )
    fact = policy_fact(document, previous=None if highest is None else str(highest))
    log.append(event_of(POLICY_PUBLISHED, fact, context or Context(source=f"{log.origin}/policy"), subject=policy.name))
    # Of two who publish at once the first in the log counts, and the fold is the only one to apply that.
    [found] = [
        each
        for each in policies(log)
        if (each.document.policy.name, each.document.policy.version) == (policy.name, policy.version)
    ]
    return _same(found, document)


def _same(known: PolicyInForce, document: PolicyDocument) -> InForce:
    policy = known.document.policy
    if known.document.sha256 != document.sha256:
        raise ConflictError(
            f"version {policy.version} of policy {policy.name} is in force with another text",
            where=f"entry {known.seq}",
            hint="a published version never changes; publish the change as a new version",
        )
    return InForce(policy.name, policy.version, document.sha256, known.seq)


def policies(log: ReadableLog) -> tuple[PolicyInForce, ...]:
    """Return every version of every policy, in the order in which they came into force."""
    with log.viewing(ContractHistory()) as db:
        rows = db.execute("SELECT definition, seq FROM contracts_policy ORDER BY seq").fetchall()
    return tuple(PolicyInForce(parse_policy(text.encode(), name=f"entry {seq}"), seq) for text, seq in rows)


def ruling_policy(log: ReadableLog, dataset: Dataset, clock: datetime) -> PolicyDocument | None:
    """Return the policy that rules a dataset at a moment; None where none does.

    One that names the dataset goes before those that rule every one.

    Raises:
        ConflictError: Two rule it alike, and nobody chooses.
    """
    newest: dict[str, PolicyDocument] = {}
    for each in policies(log):
        known = newest.setdefault(each.document.policy.name, each.document)
        if Version.parse(known.policy.version) < Version.parse(each.document.policy.version):
            newest[each.document.policy.name] = each.document
    ruling = [each for each in newest.values() if each.policy.rules(dataset) and not each.policy.is_over(clock)]
    found = [each for each in ruling if each.policy.datasets] or ruling
    if len(found) > 1:
        names = " and ".join(sorted(each.policy.name for each in found)[:2])
        raise ConflictError(
            f"the policies {names} both rule {dataset.namespace}|{dataset.name}",
            hint="let one expire, or name other datasets in it; or say which with --policy",
        )
    return found[0] if found else None


def ruling(
    log: ReadableLog,
    contract: Contract,
    clock: datetime,
    *,
    document: PolicyDocument | None = None,
) -> Ruling:
    """Return what decides over a dataset's batches beside its contract; `document` in the place of the policy that rules it.

    Raises:
        ConflictError: As `ruling_policy`.
        RefusedError: `document` does not rule the dataset, or not any more.
    """
    if document is not None:
        check_rules(document, contract.dataset, clock)
    return Ruling(document or ruling_policy(log, contract.dataset, clock))


def check_rules(document: PolicyDocument, dataset: Dataset, clock: datetime) -> None:
    """Accept a policy that rules a dataset at a moment.

    Raises:
        RefusedError: It does not.
    """
    policy = document.policy
    if not policy.rules(dataset):
        raise RefusedError(f"policy {policy.name} does not rule {dataset.namespace}|{dataset.name}")
    if policy.is_over(clock):
        raise RefusedError(f"policy {policy.name} {policy.version} was over on {policy.expires}")


def evaluate_for(
    log: ReadableLog,
    document: Document,
    source: Source | None,
    *,
    given: Given | None = None,
    policy: PolicyDocument | None = None,
    results: Sequence[Taken] = (),
) -> Evaluated:
    """Return what a batch makes of a contract under what the log knows: the ruling policy, and what was overruled.

    Args:
        given: What is measured against beside the contract, and the clock.
        policy: In the place of the one that rules the dataset.
        results: What other engines found; alone where there is no source.

    Raises:
        ConflictError: As `ruling_policy`.
        TallyError: The batch cannot be measured (contracts.measure).
    """
    contract, given = document.contract, given or Given()
    ruled = ruling(log, contract, given.clock(), document=policy)
    evaluated = evaluate(document, source, given=given, ruling=ruled, results=results)
    measurement = evaluated.measurement
    digest = inputs_of(batch_fact(measurement))
    found = overruled(log, evaluated.ruling, document, digest, measurement.clock)
    return Evaluated(document, measurement, rule(contract, measurement, found), found)


def overruled(log: ReadableLog, ruled: Ruling, document: Document, data_sha256: str | None, clock: datetime) -> Ruling:
    """Return the ruling with the last override of the very same data under the very same contract, where one still holds.

    Where the policy that rules now wants four eyes, one by a single pair does not hold, whenever it was made.
    """
    if data_sha256 is None:
        return ruled
    contract, four_eyes = document.contract, ruled.document is not None and ruled.document.policy.four_eyes
    names = [contract.name, document.sha256, contract.dataset.namespace, contract.dataset.name]
    with log.viewing(ContractHistory()) as db:
        rows = db.execute(_SAME_DATA, [data_sha256, *names]).fetchall()
    for seq, leaf, to, until, approved_by in rows:
        if parse_at(until) > clock and (approved_by is not None or not four_eyes):
            return Ruling(ruled.document, Override(Decided(seq=seq, leaf=leaf), Decision(to), parse_at(until)))
    return ruled
