"""Hold one window to its contract, record what is decided, and only then let go of its lines.

    measure → decide → append decided (durable) → keep rows and lines apart → commit offsets

The id of a decision is made of where its window begins: two readers of one stream that go on behind the same window would write
two events of one id, and the log takes the first alone.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from contracts import enforce, profiles, scores
from contracts.decision import Decision
from contracts.document import Document
from contracts.enforce import Outcome
from contracts.history import ReadableLog
from contracts.measure import measure
from contracts.metric import Measurement
from contracts.policies import overruled, ruling
from contracts.policyfile import PolicyDocument
from contracts.quarantine.keeping import KeepApart
from contracts.quarantine.store import record_opened
from contracts.record import Context, Evaluated, batch_fact, inputs_of
from contracts.ruling import rule, weigh
from contracts.scan.beside import Given
from contracts.sources.jsonlines import JsonLines
from contracts.streams import apart
from contracts.streams.cut import Cut
from contracts.streams.rules import in_window, unmeasured
from contracts.terms import Kind, Severity
from contracts.window import Window
from proofs import jsonstrict
from proofs.errors import ConflictError, MalformedError, RefusedError


@dataclass(frozen=True, slots=True)
class Decided:
    """A window that is decided.

    Attributes:
        kept: The quarantines that were made of it.
    """

    window: Window
    outcome: Outcome
    kept: tuple[str, ...] = ()


@dataclass(slots=True)
class WindowJudge:
    """Decides one window after another of one stream.

    Attributes:
        given: What is measured against beside the contract.
        policy: In the place of the one that rules the dataset.
        folder: Where bad rows and unreadable lines are kept; None to count them alone.
        before: The last window that was decided.
    """

    log: ReadableLog
    document: Document
    given: Given
    policy: PolicyDocument | None = None
    folder: Path | None = None
    before: Window | None = None
    run: str | None = None

    def decide(self, cut: Cut) -> Decided:
        """Return what was decided of a window, once it is durable.

        Raises:
            ConflictError: Another reader decided it.
            TallyError: It could not be recorded; or it was, and its rows could not be kept.
        """
        evaluated, source = self._evaluated(cut)
        keeper = self._keeper(evaluated, source)
        context = Context(source=f"{self.log.origin}/stream", run=self.run, new_id=self._ids(cut.window))
        try:
            outcome = enforce.carry_out(self.log, evaluated, context=context, enforcement=keeper)
        except ConflictError as error:
            raise ConflictError(
                f"another reader decided a window of {cut.window.stream} from the same place on",
                hint="let one reader alone follow a stream for a contract",
            ) from error
        made = [keeper.made] if keeper is not None and keeper.made is not None else []
        if cut.apart is not None and self.folder is not None:
            made.append(apart.keep(cut.apart, cut.window, cut.count, self.folder, origin=self.log.origin))
        for each in made:
            record_opened(self.log, evaluated, outcome.decided, each, context)
        self.before = cut.window
        return Decided(cut.window, outcome, tuple(id for id, _ in made))

    def _keeper(self, evaluated: Evaluated, source: JsonLines) -> KeepApart | None:
        """What keeps bad rows apart, where that is decided and a row broke a rule: no row is bad for a line that is none."""
        if self.folder is None or evaluated.verdict.decision is not Decision.QUARANTINE:
            return None
        metrics = tuple(
            one for one in evaluated.measurement.metrics if one.rule.kind not in (Kind.UNREADABLE, Kind.LATE)
        )
        if all(one.passed or one.rule.severity is Severity.INFO for one in metrics) or not evaluated.measurement.rows:
            return None
        of_rows = replace(evaluated, measurement=replace(evaluated.measurement, metrics=metrics))
        return KeepApart(of_rows, source, self.folder, self.log.origin)

    def _evaluated(self, cut: Cut) -> tuple[Evaluated, JsonLines]:
        contract, source = self.document.contract, JsonLines(cut.rows)
        earlier = profiles.references(self.log, contract.dataset) if profiles.is_wanted(contract) else {}
        known = scores.scores(self.log, contract.dataset) if scores.is_wanted(contract) else {}
        given = replace(self.given, profiles=earlier, scores=known, window=cut.window)
        measurement = _measured(self.document, source, cut, given)
        ruled = ruling(self.log, contract, measurement.clock, document=self.policy)
        measurement = weigh(measurement, ruled)
        found = overruled(self.log, ruled, self.document, inputs_of(batch_fact(measurement)), measurement.clock)
        return Evaluated(self.document, measurement, rule(contract, measurement, found), found), source

    def _ids(self, window: Window) -> Callable[[], str]:
        """Draws the decision's id first, and those of what follows from it by chance."""
        contract, before = self.document.contract, self.before
        names = [contract.name, contract.dataset.namespace, contract.dataset.name, window.stream]
        place = (
            []
            if before is None
            else [before.model_dump(mode="json", include={"resume", "read", "stop"}, exclude_none=True)]
        )
        first = hashlib.sha256(jsonstrict.dumps([*names, *place])).hexdigest()

        def draw() -> Iterator[str]:
            yield first
            while True:
                yield str(uuid.uuid4())

        return draw().__next__


def _measured(document: Document, source: JsonLines, cut: Cut, given: Given) -> Measurement:
    contract = document.contract
    try:
        return measure(contract, source, given=given)
    except (MalformedError, RefusedError):
        # Each line could be read, and not all of them together: too many names, or what the engine alone refuses.
        return in_window(unmeasured(contract, source, cut.count, given.clock), contract, cut.window)
