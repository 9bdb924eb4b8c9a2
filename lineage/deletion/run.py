"""From a draft to deleted rows: count, plan, delete, one event a step.

    survey     the verifier counts before anything is touched: the positive control of the check afterwards
    planned    the commit point of the intention: from here on a crash is resumed by reading the request's stream
    executed   one event per target and attempt, after the store made the deletion durable

A crash between a deletion and its event costs a repetition: the rows are gone, the second attempt deletes none and says so,
and the count in the plan still tells what was there. Two runs at once are harmless for the same reason: whoever appends an
attempt second meets a conflict and takes the first one's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from ledger.clock import Clock, print_at
from lineage.deletion.facts import Before, Component, Executed, Planned, Target, Verified
from lineage.deletion.history import History, Log, Step, append_step, read_history
from lineage.deletion.request import Subject
from lineage.deletion.stores import Executor, Verifier
from proofs.errors import TallyError

NO_IDENTITY: Final = "no-identity"
NO_ADAPTER: Final = "no-adapter"
NOBODY: Final = Component(name="nobody", version="0")


def survey(draft: Planned, verifiers: Mapping[str, Verifier], subject: Subject) -> Planned:
    """Return `draft` with what the verifiers count at each place now; where they cannot look, nothing is written down.

    Args:
        verifiers: By the name of their store.
        subject: The opened person; nothing of it is in what is returned.
    """
    return draft.model_copy(
        update={"targets": tuple(_surveyed(target, verifiers, subject) for target in draft.targets)}
    )


def _surveyed(target: Target, verifiers: Mapping[str, Verifier], subject: Subject) -> Target:
    if target.place is None:
        return target
    values, verifier = subject.values(target.place.identity), verifiers.get(target.place.store)
    if not values or verifier is None:
        return target
    try:
        probe = verifier.probe(target.place, values)
    except TallyError:
        return target  # the execution and the check say what is wrong
    return target.model_copy(update={"before": Before(matched=probe.matched, query=probe.query)})


def record_plan(log: Log, planned: Planned) -> Step[Planned]:
    """Append the plan; or return the one that stands, where it says the same. A new plan is executed from its beginning.

    Raises:
        MissingError: The log has no such request.
    """
    while True:  # once more where somebody else planned in the meantime
        history = read_history(log, planned.request)
        _ = history.opening
        if history.plans and _matter(history.plan.fact) == _matter(planned):
            return history.plan
        number = len(history.plans) + 1
        event = planned.event(f"planned/{number}")
        receipt = append_step(log, event, planned.request, partial(_has_plans, number=number))
        if receipt is not None:
            return Step(receipt.seq, planned.at, planned)


def _has_plans(history: History, *, number: int) -> bool:
    return len(history.plans) >= number


def _matter(planned: Planned) -> Planned:
    # Without the counts: they are taken again at each survey, and after a deletion they say that nothing is there.
    targets = tuple(target.model_copy(update={"before": None}) for target in planned.targets)
    return planned.model_copy(update={"targets": targets, "at": "", "lineage": None, "findings": ()})


def unfinished(history: History) -> list[Target]:
    """Return the targets of the standing plan that are to be deleted and were not yet, in the plan's order."""
    return [
        target
        for target in history.plan.fact.targets
        if target.action == "delete" and not any(step.fact.outcome == "done" for step in history.executions(target))
    ]


def execute(
    log: Log, request: str, executors: Mapping[str, Executor], subject: Subject, *, clock: Clock
) -> list[Executed]:
    """Delete at every target that is not done yet, in the plan's order; returns what was appended, one a target.

    A target that fails does not stop the others: its event says so, and the next call tries again.

    Args:
        executors: By the name of their store.
        subject: The opened person; nothing of it is in any event.

    Raises:
        MissingError: There is no plan.
    """
    history = read_history(log, request)
    facts = []
    for target in unfinished(history):
        begun = Executed(
            request=request,
            plan=history.plan.seq,
            target=target.id,
            dataset=target.dataset,
            attempt=len(history.executions(target)) + 1,
            executor=NOBODY,
            started=print_at(clock()),
            finished=print_at(clock()),
            outcome="failed",
        )
        ended = _deleted(begun, target, executors, subject)
        fact = ended.model_copy(update={"finished": print_at(clock())})
        if append_attempt(log, fact):
            facts.append(fact)
    return facts


def _deleted(fact: Executed, target: Target, executors: Mapping[str, Executor], subject: Subject) -> Executed:
    place = target.place
    assert place is not None  # of what is deleted, by Target's own rule
    executor, values = executors.get(place.store), subject.values(place.identity)
    if executor is None:
        return fact.model_copy(update={"code": NO_ADAPTER})
    fact = fact.model_copy(update={"executor": executor.component})
    if not values:
        return fact.model_copy(update={"code": NO_IDENTITY})
    try:
        deleted = executor.delete(place, values)
    except TallyError as error:
        return fact.model_copy(update={"code": error.code})
    residuals = (*target.residuals, *deleted.residuals)
    return fact.model_copy(
        update={"outcome": "done", "rows": deleted.rows, "method": deleted.method, "residuals": residuals}
    )


def append_attempt(log: Log, fact: Executed | Verified) -> bool:
    """Append one attempt; False when somebody else had appended it in the meantime.

    Raises:
        ConflictError: The id of this attempt is taken by something that is no such attempt.
    """
    event = fact.event(f"{fact.role}/{fact.plan}/{fact.target}/{fact.attempt}")
    return append_step(log, event, fact.request, partial(_has_attempt, fact=fact)) is not None


def _has_attempt(history: History, *, fact: Executed | Verified) -> bool:
    steps: tuple[Step[Executed] | Step[Verified], ...] = (*history.executed, *history.verified)
    return any(_is_same_attempt(step.fact, fact) for step in steps)


def _is_same_attempt(known: Executed | Verified, fact: Executed | Verified) -> bool:
    return type(known) is type(fact) and (known.plan, known.target, known.attempt) == (
        fact.plan,
        fact.target,
        fact.attempt,
    )
