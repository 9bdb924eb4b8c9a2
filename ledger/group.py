"""The one way from events to entries: checked, sealed and linked, as one that is written whole, or as a group of several.

    append         all in one transaction, or nothing: what one program says
    append_each    each has its own answer, and a refused one stops no other: what several producers sent together

Parts that were sealed for an event that is not written are forgotten again, whatever the reason; but not where it may have
been written, for without its key a part that is in the log could never be opened. An event that loses against another of its id
leaves a commitment, recorded behind; its error takes the salt to the sender.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from ledger.append import Appender, LoserError, Receipt
from ledger.clock import Clock, ClockError, uuid7
from ledger.closing import ClosedError
from ledger.event import Event
from ledger.intake import Intake, Prepared
from ledger.vault import Vault
from proofs import jsonstrict, limits
from proofs.digest import commitment
from proofs.errors import BusyError, RefusedError, TallyError, UnknownOutcomeError

CONFLICTED: Final = "tallystick.intake.conflicted.v1"
Answer = Receipt | RefusedError | BusyError
_Written = TypeVar("_Written")


@dataclass(frozen=True, slots=True)
class Group:
    """What appending needs of a ledger.

    Attributes:
        appender: Links; another one where a caller's own transaction is joined.
        vault: Where parts are sealed; None where none can be.
        confirmation: What the clock said when it was last confirmed behind an entry of this `at`; None when it was not.
    """

    origin: str
    clock: Clock
    intake: Intake
    appender: Appender
    vault: Vault | None
    confirmation: Callable[[str], datetime | None]

    def append(self, events: Sequence[Event], *, by_ledger: bool = False) -> list[Receipt]:
        """Append all of `events` in one transaction and return their receipts in order; raises as `Ledger.append`.

        Args:
            by_ledger: The ledger itself speaks, and may use its own types and attributes.
        """
        receipts: dict[int, Receipt] = {}
        try:
            while len(receipts) < len(events):  # once more where an erasure began since the parts were sealed
                self._append_all(events, receipts, by_ledger=by_ledger)
        except LoserError as error:
            if error.seq is not None:
                self._record_conflicts({error.loser: error}, events)
            raise
        return [receipts[index] for index in range(len(events))]

    def _append_all(self, events: Sequence[Event], receipts: dict[int, Receipt], *, by_ledger: bool) -> None:
        with self._sealing(receipts) as prepared:
            for index, event in enumerate(events):
                prepared[index] = self.intake.prepare(event, by_ledger=by_ledger)
            receipts.update(enumerate(self._link(list(prepared.values()), self.appender.append) or ()))

    def append_each(self, events: Sequence[Event | Prepared]) -> list[Answer]:
        """Append those of `events` that may be, in order, and answer each; durable when it returns.

        Where the log turns busy, or its clock jumps, behind an event that had to be written alone, all that follow are
        answered with that; so are losers whose conflict cannot be recorded for it.

        Args:
            events: Those that were prepared already have no parts, and were prepared with this ledger's own key.

        Raises:
            ClockError, BusyError: Nothing was written.
            UnknownOutcomeError: Reopen the ledger, and append the same events again.
        """
        answers: dict[int, Answer] = {}
        while not self._append_some(events, answers):
            pass  # an erasure began since the parts were sealed: seal them again
        lost = {index: answer for index, answer in answers.items() if isinstance(answer, LoserError)}
        try:
            self._record_conflicts(lost, events)
        except (BusyError, ClockError) as error:  # the losers alone come again; what was written stays acknowledged
            answers.update(dict.fromkeys(lost, error))
        return [answers[index] for index in range(len(events))]

    def _append_some(self, events: Sequence[Event | Prepared], answers: dict[int, Answer]) -> bool:
        """Answer the events that have no answer yet; False where the parts of some have to be sealed again."""
        with self._sealing(answers) as prepared:
            for index, event in enumerate(events):
                if index in answers:
                    continue
                try:
                    prepared[index] = event if isinstance(event, Prepared) else self.intake.prepare(event)
                except RefusedError as error:
                    answers[index] = error
            return self._append_in_order(prepared, answers)

    def _append_in_order(self, prepared: Mapping[int, Prepared], answers: dict[int, Answer]) -> bool:
        """Append runs of events, each in one transaction; nothing overtakes what stands before it."""
        written = False
        for run in _runs(prepared):
            try:
                linked = self._link([prepared[index] for index in run], self.appender.append_each)
            except (BusyError, ClockError) as error:
                if not written:
                    raise
                answers.update((index, error) for index in prepared if index not in answers)
                return True
            except RefusedError as error:
                answers.update((index, error) for index in run)
                continue
            if linked is None:
                return False
            answers.update(zip(run, linked, strict=True))
            written = True
        return True

    @contextmanager
    def _sealing(self, answers: Mapping[int, Answer]) -> Iterator[dict[int, Prepared]]:
        """Yield a place for what is prepared; at the end the parts are forgotten of what `answers` shows no new entry of."""
        prepared: dict[int, Prepared] = {}
        may_be_there = True
        try:
            yield prepared
            may_be_there = False
        except TallyError as error:  # any other says that nothing was written; an interrupt may come behind the commit
            may_be_there = isinstance(error, UnknownOutcomeError)
            raise
        finally:
            self._discard(
                one
                for index, one in prepared.items()
                if (not _is_new(answers[index]) if index in answers else not may_be_there)
            )

    def _link(
        self, prepared: Sequence[Prepared], append: Callable[[Sequence[Prepared]], list[_Written]]
    ) -> list[_Written] | None:
        """Append what was prepared; None, and nothing was written, when its parts have to be sealed again."""
        commitments = _commitments(prepared)
        if not commitments or self.vault is None:
            return self.confirming(lambda: append(prepared))
        with self.vault.keeping(commitments) as are_kept:
            return self.confirming(lambda: append(prepared)) if are_kept else None

    def confirming(self, write: Callable[[], _Written]) -> _Written:
        """Write, and once more where the clock was refused and somebody had confirmed it.

        Raises:
            ClockError: Nobody had; nothing was written.
        """
        try:
            return write()
        except ClockError as error:
            said = self.confirmation(error.before)
            if said is None:
                raise
            self.appender.confirmed = (error.before, said)
            return write()

    def _discard(self, prepared: Iterable[Prepared]) -> None:
        commitments = _commitments(prepared)
        if commitments and self.vault is not None:
            self.vault.discard(commitments)

    def _record_conflicts(self, lost: Mapping[int, LoserError], events: Sequence[Event | Prepared]) -> None:
        """Leave commitments to events that lost against others in the log."""
        if not lost:
            return
        conflicts = [self._conflict(error, _data(events[index])) for index, error in lost.items()]
        try:
            self.confirming(lambda: self.appender.append(conflicts))
        except ClosedError:
            for error in lost.values():
                error.salt = b""  # a closed log turns losers away all the same, and records nothing

    def _conflict(self, error: LoserError, data: bytes) -> Prepared:
        """The event that commits to a loser's `data`; `error` takes the salt to its sender."""
        # Drawn anew each time, so a loser that comes again leaves another: a salt that could be found again, or a hash by
        # which the loser were known again, would let whoever holds it test guesses of what was said after it was erased.
        error.salt = secrets.token_bytes(32)
        lost = commitment("body", error.salt, data)
        body = jsonstrict.dumps({"commitment": lost.hex(), "seq": error.seq or 0})
        event = Event(type=CONFLICTED, source=self.origin, id=uuid7(self.clock()), data=body)
        return self.intake.prepare(event, by_ledger=True)


def _data(event: Event | Prepared) -> bytes:
    """What was received: of an event that came prepared, its body, for nothing was cut out of that."""
    return event.body if isinstance(event, Prepared) else event.data


def _commitments(prepared: Iterable[Prepared]) -> list[bytes]:
    return [commitment for each in prepared for _, commitment, _ in each.parts]


def _runs(prepared: Mapping[int, Prepared]) -> list[list[int]]:
    """Cut events into runs that are written together; alone is what perhaps makes too large an entry: linking tells."""
    runs: list[list[int]] = []
    is_open = False
    for index, one in prepared.items():
        is_large = one.largest_entry > limits.ENTRY_BYTES
        if is_open and not is_large:
            runs[-1].append(index)
        else:
            runs.append([index])
        is_open = not is_large
    return runs


def _is_new(answer: Answer) -> bool:
    return isinstance(answer, Receipt) and not answer.is_replay
