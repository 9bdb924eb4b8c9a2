"""Whether it is gone: asked by another component, and believed only where the question could have found something.

A query that finds nothing proves nothing by itself: the table may be empty, the wrong column asked, the value written
otherwise there ("7.0", a hash). So a check counts as `absent` only with a positive control:

    before_count   the very same query found rows of the person before the deletion (a plan's survey)
    canary         the very same query finds somebody else here, who is known, written the same, at a place where the
                   person was found: then the person would have been found here, too

and without one it is `inconclusive`, never `absent`. A person who was found nowhere is absent nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ledger.clock import Clock, print_at
from lineage.deletion.facts import Control, Executed, Place, Target, Verified
from lineage.deletion.history import History, Log, Step, read_history
from lineage.deletion.request import Subject
from lineage.deletion.run import NO_ADAPTER, NO_IDENTITY, NOBODY, append_attempt
from lineage.deletion.stores import Probe, Verifier
from proofs.errors import RefusedError, TallyError

Result = Literal["absent", "present", "inconclusive"]


def verify(
    log: Log, request: str, verifiers: Mapping[str, Verifier], subject: Subject, *, clock: Clock
) -> list[Verified]:
    """Look at every target that was tried and not yet seen empty; returns what was appended, one a target.

    Args:
        verifiers: By the name of their store.
        subject: The opened person; nothing of it is in any event.

    Raises:
        MissingError: There is no plan.
        RefusedError: A verifier bears the name of the executor whose work it would judge; nothing was looked at.
    """
    history = read_history(log, request)
    waiting = pending(history)
    for target, executed in waiting:
        verifier = _verifier(target, verifiers)
        if verifier is not None and verifier.component.name == executed.fact.executor.name:
            raise RefusedError(f"{verifier.component.name} deleted at target {target.id} and may not verify it")
    facts = []
    for target, executed in waiting:
        begun = Verified(
            request=request,
            plan=history.plan.seq,
            target=target.id,
            dataset=target.dataset,
            attempt=len(history.verifications(target)) + 1,
            executed=executed.seq,
            verifier=NOBODY,
            at=print_at(clock()),
            control="none",
            result="inconclusive",
        )
        fact = _looked(begun, history, target, verifiers, subject)
        if append_attempt(log, fact):
            facts.append(fact)
    return facts


def pending(history: History) -> list[tuple[Target, Step[Executed]]]:
    """Return the targets whose last execution nobody has seen to be empty, with that execution."""
    waiting = []
    for target in history.plan.fact.targets:
        executions = history.executions(target)
        if executions and not any(
            step.fact.result == "absent" and step.fact.executed == executions[-1].seq
            for step in history.verifications(target)
        ):
            waiting.append((target, executions[-1]))
    return waiting


def judge(matched: int, *, counted: int, canary: bool) -> tuple[Control, Result]:
    """Return which positive control a probe has, and what it therefore shows.

    Args:
        matched: Rows of the person now.
        counted: Rows of the person that the same query found before the deletion.
        canary: The same query finds somebody who is known where the person was found.
    """
    control: Control = "before_count" if counted else "canary" if canary else "none"
    if matched:
        return control, "present"
    return control, "inconclusive" if control == "none" else "absent"


def has_canary(history: History, place: Place, probe: Probe, verifiers: Mapping[str, Verifier]) -> bool:
    """Say whether one of the others that `probe` found is known where the person was found before."""
    if not probe.others:
        return False
    for other in history.found_at(place.identity):
        verifier = verifiers.get(other.store)
        try:
            if verifier is not None and other != place and verifier.knows(other, probe.others):
                return True
        except TallyError:
            continue  # that place cannot be asked; another may
    return False


def _verifier(target: Target, verifiers: Mapping[str, Verifier]) -> Verifier | None:
    return None if target.place is None else verifiers.get(target.place.store)


def _looked(
    fact: Verified, history: History, target: Target, verifiers: Mapping[str, Verifier], subject: Subject
) -> Verified:
    place, verifier = target.place, _verifier(target, verifiers)
    if place is None or verifier is None:
        return fact.model_copy(update={"code": NO_ADAPTER})
    fact = fact.model_copy(update={"verifier": verifier.component})
    values = subject.values(place.identity)
    if not values:
        return fact.model_copy(update={"code": NO_IDENTITY})
    try:
        probe = verifier.probe(place, values)
    except TallyError as error:
        return fact.model_copy(update={"code": error.code})
    counted = history.counted(target, probe.query)
    canary = counted == 0 and has_canary(history, place, probe, verifiers)
    control, result = judge(probe.matched, counted=counted, canary=canary)
    update: dict[str, object] = {"control": control, "result": result, "matched": probe.matched, "query": probe.query}
    return fact.model_copy(update=update | ({"level": probe.level} if result == "absent" else {}))
