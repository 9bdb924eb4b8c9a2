"""Measure, decide, write the decision down, and only then act: what was done can always be held against what was decided.

    measure → score → decide → append decided (durable) → act → append action-taken

A crash between the two events leaves a decision without an action, which everybody can see; never an action that nobody
decided. Where the log does not take the decision, nothing is done at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from contracts import record
from contracts.decision import Decision, Verdict
from contracts.document import Document
from contracts.engines.measured import Taken, joined
from contracts.facts import Decided
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.record import Action, Context, Evaluated, Log, Receipt
from contracts.ruling import NO_RULING, Ruling, rule, weigh
from contracts.scan.beside import Given
from contracts.source import Source
from contracts.tables.version import TableVersion
from proofs.errors import BlockedError, TallyError


class Enforcement(Protocol):
    """What can be done with a batch once it is decided: at most one of its methods is called, once."""

    @property
    def on_release(self) -> Action | None:
        """What `release` does, as it is recorded; None when there is nothing to do."""
        ...

    @property
    def on_withhold(self) -> Action | None:
        """What `withhold` does; None when there is nothing to do."""
        ...

    def release(self) -> None:
        """Let the batch through.

        Raises:
            TallyError: It could not be done; the batch MUST then not be visible to consumers.
        """
        ...

    def withhold(self) -> Decided | None:
        """Keep the batch from consumers, and return by which decision the version was allowed that they were led back to.

        Raises:
            UnknownOutcomeError: It may or may not have been done.
            TallyError: It could not be done.
        """
        ...


Making = Callable[[Receipt], Enforcement]


@runtime_checkable
class TakesBack(Protocol):
    """An enforcement that takes a table back, and knows to which version."""

    @property
    def table(self) -> TableVersion | None:
        """The version that the table went back to; None as long as it did not."""
        ...


_BARS: Final = {Decision.QUARANTINE: "quarantines rows of", Decision.BLOCK_AND_ROLLBACK: "blocks"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A checked batch.

    Attributes:
        decided: The receipt of the decision.
        action: What was done; None when nothing was.
        taken: The receipt of that; None when nothing was done.
    """

    evaluated: Evaluated
    decided: Receipt
    action: Action | None = None
    taken: Receipt | None = None

    @property
    def measurement(self) -> Measurement:
        """What was found."""
        return self.evaluated.measurement

    @property
    def verdict(self) -> Verdict:
        """What was decided."""
        return self.evaluated.verdict

    @property
    def blocked(self) -> bool:
        """True when the batch may not be used as it is."""
        return self.verdict.decision.rank > Decision.ALLOW_WITH_ALERT.rank

    def error(self) -> BlockedError | None:
        """Return what a pipeline should raise to stop; None when the batch was let through."""
        if not self.blocked:
            return None
        contract = self.evaluated.document.contract
        broken = [metric.rule.id for metric in self.measurement.metrics if not metric.passed]
        first = f", {broken[0]} first" if broken else ""
        return BlockedError(
            f"contract {contract.name} {contract.version} {_BARS[self.verdict.decision]} the batch: "
            f"risk {self.verdict.risk.points} of 100, "
            f"{len(broken)} of {len(self.measurement.metrics)} rules broken{first}",
            where=f"entry {self.decided.seq}",
            hint=f"`tally show {self.decided.seq}` lists every rule with its counts",
        )


def evaluate(
    document: Document,
    source: Source | None,
    *,
    given: Given | None = None,
    ruling: Ruling = NO_RULING,
    results: Sequence[Taken] = (),
) -> Evaluated:
    """Return what `source` makes of the contract and what would be decided, without a word to any log.

    Args:
        source: None where `results` alone decide.
        given: What is measured against beside the contract; of it, distributions are in `contracts.profiles`.
        ruling: The policy, and what overrules it, as the log has them (`contracts.policies.ruling`).
        results: What other engines found.

    Raises:
        RefusedError: There is neither a source nor a result.
        TallyError: The batch cannot be measured (contracts.measure).
    """
    contract = document.contract
    given = given or Given()
    own = None if source is None else measure(contract, source, given=given)
    measurement = weigh(joined(contract, own, results, clock=given.clock), ruling)
    return Evaluated(document, measurement, rule(contract, measurement, ruling), ruling)


def check(
    log: Log,
    document: Document,
    source: Source,
    *,
    context: Context | None = None,
    enforcement: Enforcement | None = None,
    given: Given | None = None,
) -> Outcome:
    """Hold a batch to its contract alone, record the decision in `log`, then let `enforcement` carry it out.

    Args:
        enforcement: What lets the batch through or keeps it back; None to record the decision alone.
        given: As for `evaluate`.

    Raises:
        TallyError: The batch could not be measured or the decision not recorded: nothing was done. Or the enforcement
            failed: the log has the decision and, as a failed action, the error's code; or the error has a note that says why
            the log has no action.
    """
    context = context or Context()
    begun = context.elapsed()
    evaluated = evaluate(document, source, given=given)
    return carry_out(log, evaluated, context=context.timed(begun), enforcement=enforcement)


def carry_out(
    log: Log,
    evaluated: Evaluated,
    *,
    context: Context | None = None,
    enforcement: Enforcement | Making | None = None,
) -> Outcome:
    """Record in `log` what `evaluate` decided, then let `enforcement` carry it out; raises as `check`.

    Args:
        enforcement: Or what makes one of the decision's receipt.
    """
    context = context or Context()
    event = record.validation_decided(evaluated, context)
    decided = log.append(event)  # the commit point: from here on the decision stands
    outcome = Outcome(evaluated, decided)
    if enforcement is None:
        return outcome
    if callable(enforcement):
        enforcement = enforcement(decided)
    action = enforcement.on_withhold if outcome.blocked else enforcement.on_release
    if action is None:
        return outcome
    try:
        restored = _carried_out(enforcement, outcome)
    except TallyError as error:
        try:
            log.append(record.action_taken(event, decided, record.Deed(action, error.code), context))
        except TallyError as unrecorded:
            # That the batch is where it should not be is what the caller has to hear of.
            error.add_note(f"and that it failed was not recorded: {unrecorded}")
        raise
    table = enforcement.table if isinstance(enforcement, TakesBack) else None
    deed = record.Deed(action, restored=restored, table=table)
    taken = log.append(record.action_taken(event, decided, deed, context))
    return Outcome(evaluated, decided, action, taken)


def _carried_out(enforcement: Enforcement, outcome: Outcome) -> Decided | None:
    if outcome.blocked:
        return enforcement.withhold()
    enforcement.release()
    return None
