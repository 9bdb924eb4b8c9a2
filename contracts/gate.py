"""The whole way of a batch in one call: held to its contract by what the log knows, decided, recorded, and acted upon.

    usable? → measure → decide → publish contract and policy → append decided (durable) → act → append action-taken

What may be refused comes first: a batch that cannot be measured leaves no contract behind that never was held to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from contracts import enforce, profiles, publish, scores
from contracts.actions import MoveAside
from contracts.decision import Decision
from contracts.document import Document
from contracts.enforce import Enforcement, Making, Outcome
from contracts.engines.measured import Taken
from contracts.history import ReadableLog
from contracts.lifecycle import check_usable
from contracts.policies import evaluate_for, publish_policy
from contracts.policyfile import PolicyDocument
from contracts.record import Context, Evaluated
from contracts.scan.beside import Given
from contracts.source import Source
from proofs.errors import BlockedError, RefusedError

if TYPE_CHECKING:
    from contracts.callback import Function
    from contracts.quarantine.split import Split
    from contracts.tables.rollback import Place

# Imported where it is asked for: each way to act brings modules that a check without it need not wait for.
Maker = Callable[[ReadableLog, Evaluated], Enforcement | Making]


@dataclass(frozen=True, slots=True)
class Acts:
    """What is to be done with a batch: of all this at most one thing for each decision.

    Attributes:
        move_blocked: Where a file is moved to that is not let through.
        quarantine: Where bad rows are kept apart when that is decided.
        current: The link by which consumers read one version: it leads to what is let through, and away from what is not.
        function: What is called, whatever is decided.
        rolls_back: Whether a table whose newest version is not let through goes back to the last one that was.
        maker: Makes, of what was evaluated, whatever else carries a decision out.

    Raises:
        RefusedError: Of `current`, `function`, `maker` and the other three more than one is given; or `current` is no link.
    """

    move_blocked: Path | None = None
    quarantine: Path | None = None
    current: Path | None = None
    function: Function | None = None
    rolls_back: bool = False
    maker: Maker | None = None

    def __post_init__(self) -> None:
        moves = self.move_blocked is not None or self.quarantine is not None or self.rolls_back
        others = [self.current, self.function, self.maker]
        if moves + sum(other is not None for other in others) > 1:
            raise RefusedError(
                "a batch is moved, parted or rolled back, or a link is swapped, or a function called: one of them"
            )
        if self.current is not None:
            from contracts.swap import check_link

            check_link(self.current)

    @property
    def needs_path(self) -> bool:
        """Whether it takes a file or folder that can be named."""
        return self.move_blocked is not None or self.current is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is held to a contract.

    Attributes:
        source: None where `results` alone decide.
        path: Where it lies, where that is one place; for `Acts.current` as `contracts.swap.real_version` has it.
        given: What it is measured against beside the contract. The clock is the log's.
        policy: In the place of the one that rules the dataset; it is put in force.
        results: What other engines found.
        table: Where the Delta or Iceberg table is; None for everything else.
    """

    document: Document
    source: Source | None
    path: Path | None = None
    given: Given = field(default_factory=Given)
    policy: PolicyDocument | None = None
    results: Sequence[Taken] = ()
    table: Place | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of a batch.

    Attributes:
        remark: What is to be known of the contract: that it is deprecated.
        moved: Where the file was moved to; None where it was not.
        kept: The folder of the quarantine and what is in it; None where no rows were kept apart.
        went_back: Which table went back to which version, as a sentence; None where none did.
    """

    outcome: Outcome
    remark: str | None = None
    moved: Path | None = None
    kept: tuple[Path, Split] | None = None
    went_back: str | None = None

    def error(self) -> BlockedError | None:
        """Return what a pipeline should raise to stop; None when the batch, or the good rows of it, were let through."""
        return self.outcome.error() if self.kept is None else None

    def check(self) -> None:
        """Stop here where the batch was not let through.

        Raises:
            BlockedError: It was not.
        """
        if (error := self.error()) is not None:
            raise error


def let_through(log: ReadableLog, batch: Batch, acts: Acts | None = None, *, run: str | None = None) -> Passed:
    """Hold a batch to its contract, record what is decided in `log`, and act upon it.

    Args:
        run: The run that made it.

    Raises:
        TallyError: It could not be measured or decided, and nothing was done; or the act failed (contracts.enforce).
    """
    acts, document = acts or Acts(), batch.document
    if acts.needs_path and batch.path is None:
        raise RefusedError("only a batch that lies in one place can be moved, or read by a link")
    if acts.rolls_back and batch.table is None:
        raise RefusedError("only a Delta or Iceberg table can go back to an earlier version")
    context = Context(source=f"{log.origin}/check", run=run)
    remark = check_usable(log, document)
    given = replace(batch.given, clock=log.clock)
    if not given.profiles and profiles.is_wanted(document.contract):
        given = replace(given, profiles=profiles.references(log, document.contract.dataset))
    if not given.scores and scores.is_wanted(document.contract):
        given = replace(given, scores=scores.scores(log, document.contract.dataset))
    begun = context.elapsed()
    evaluated = evaluate_for(log, document, batch.source, given=given, policy=batch.policy, results=batch.results)
    context = context.timed(begun)
    publish.publish(log, document, context, clock=log.clock)
    if batch.policy is not None:
        publish_policy(log, batch.policy, Context(source=f"{log.origin}/policy"))
    act = _act(log, evaluated, batch, acts)
    outcome = enforce.carry_out(log, evaluated, context=context, enforcement=act)
    passed = Passed(outcome, remark, moved=act.aside if isinstance(act, MoveAside) else None)
    if acts.quarantine is not None:
        return _kept(log, passed, act, context)
    return _gone_back(passed, act) if acts.rolls_back else passed


def _kept(log: ReadableLog, passed: Passed, act: object, context: Context) -> Passed:
    from contracts.quarantine.keeping import KeepApart
    from contracts.quarantine.store import record_opened

    if not isinstance(act, KeepApart) or act.made is None:
        return _gone_back(passed, act)
    record_opened(log, passed.outcome.evaluated, passed.outcome.decided, act.made, context)
    return replace(passed, kept=(act.folder / act.made[0], act.made[1]))


def _gone_back(passed: Passed, act: object) -> Passed:
    from contracts.tables.rollback import RollBack

    if not isinstance(act, RollBack) or act.table is None:
        return passed
    return replace(passed, went_back=f"{act.place.label} went back to version {act.table.version}")


def _act(log: ReadableLog, evaluated: Evaluated, batch: Batch, acts: Acts) -> Enforcement | Making | None:
    """What carries the decision out; None where nothing is to be done."""
    if acts.maker is not None:
        return acts.maker(log, evaluated)
    if acts.function is not None:
        from contracts.callback import calling

        return calling(log, evaluated, acts.function)
    if acts.current is not None and batch.path is not None:
        from contracts.swap import SwapLink

        return SwapLink(log, evaluated, batch.path, acts.current)
    is_parted = evaluated.verdict.decision is Decision.QUARANTINE
    if acts.quarantine is not None and batch.source is not None and is_parted:
        from contracts.quarantine.keeping import KeepApart

        return KeepApart(evaluated, batch.source, acts.quarantine, log.origin)
    if acts.rolls_back and batch.table is not None:
        from contracts.tables.active import ActiveTable
        from contracts.tables.rollback import RollBack

        if isinstance(batch.source, ActiveTable):
            return RollBack(batch.table, batch.source, batch.document.contract.dataset, log)
    return MoveAside(batch.path, acts.move_blocked) if acts.move_blocked is not None and batch.path else None
