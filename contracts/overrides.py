"""Overrule a decision: who, why and until when, as an event; by two where the policy wants four eyes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from contracts.decision import Decision
from contracts.facts import OVERRIDDEN, Decided, Overridden
from contracts.history import ReadableLog
from contracts.model import Dataset
from contracts.policies import policies, ruling_policy
from contracts.record import Context, Receipt, event_of, inputs_of
from contracts.replay import read_decision
from ledger.clock import print_at
from proofs.errors import RefusedError

LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Word:
    """What overrules a decision.

    Attributes:
        by, approved_by: Pseudonyms.
        reason: Why; names no person, for it stands for ever.
        until: From then on the gate is shut again.
    """

    to: Decision
    by: str
    reason: str
    until: datetime
    approved_by: str | None = None


def override(log: ReadableLog, seq: int, word: Word) -> Receipt:
    """Record that the decision of entry `seq` is overruled for the same data and contract, and return where.

    Raises:
        MissingError: There is no such decision.
        RefusedError: It is not stricter than the word, its data has no fingerprint, the policy wants a second pair of eyes, or
            a word is none that an entry may hold; nothing was written.
    """
    known = read_decision(log, seq)
    fact = known.fact
    if word.to.rank >= fact.decision.rank:
        raise RefusedError(f"entry {seq} decided {fact.decision.value}, which {word.to.value} does not soften")
    if inputs_of(fact.batch) is None:
        raise RefusedError(f"the data of entry {seq} has no fingerprint, so that nobody knows it again")
    if word.until > log.clock() + LONGEST:
        raise RefusedError(f"an override holds for {LONGEST.days} days at most")
    dataset = Dataset(namespace=fact.dataset.namespace, name=fact.dataset.name)
    ruling = ruling_policy(log, dataset, log.clock())
    decided = [
        each.document for each in policies(log) if fact.ruled_by and each.document.sha256 == fact.ruled_by.sha256
    ]
    for policy in (ruling, *decided):
        if word.approved_by is None and policy is not None and policy.policy.four_eyes:
            raise RefusedError(
                f"policy {policy.policy.name} wants four eyes", hint="name who else approves with --approved-by"
            )
    try:
        said = Overridden(
            contract=fact.contract,
            dataset=fact.dataset,
            decided=Decided(seq=seq, leaf=known.leaf),
            decision=fact.decision,
            to=word.to,
            by=word.by,
            approved_by=word.approved_by,
            reason=word.reason,
            until=print_at(word.until),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the override"
        raise RefusedError(f"{place} is not acceptable: {first['msg'].removeprefix('Value error, ')}") from error
    context = Context(source=f"{log.origin}/override")
    return log.append(event_of(OVERRIDDEN, said, context, subject=fact.contract.name))
