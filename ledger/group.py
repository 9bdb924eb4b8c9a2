"""What several producers sent together, in one transaction: each event has its own answer, and a refused one stops no other.

An event that loses against another of its id leaves a commitment, recorded behind the group; the answer carries its salt.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.append import Appender, LoserError, Receipt
from ledger.clock import Clock, ClockError, uuid7
from ledger.closing import ClosedError
from ledger.event import Event
from ledger.intake import Intake, Prepared
from ledger.vault import Vault
from proofs import jsonstrict, limits
from proofs.digest import commitment
from proofs.errors import BusyError, RefusedError, UnknownOutcomeError

CONFLICTED: Final = "tallystick.intake.conflicted.v1"
Answer = Receipt | RefusedError | BusyError
_Answers = list[Receipt | RefusedError]


def conflict_event(error: LoserError, data: bytes, *, origin: str, clock: Clock) -> Event:
    """Return the event that commits to a loser's `data`; `error` takes the salt to its sender."""
    error.salt = secrets.token_bytes(32)
    lost = commitment("body", error.salt, data)
    body = jsonstrict.dumps({"commitment": lost.hex(), "seq": error.seq or 0})
    return Event(type=CONFLICTED, source=origin, id=uuid7(clock()), data=body)


def commitments_of(prepared: Iterable[Prepared]) -> list[bytes]:
    """Return the commitments of all parts of `prepared`."""
    return [commitment for each in prepared for _, commitment, _ in each.parts]


@dataclass(frozen=True, slots=True)
class Group:
    """What appending a group needs of a ledger.

    Attributes:
        vault: Where parts are sealed; None where none can be.
        although: Runs a write again where the clock was refused and somebody had confirmed it.
        conflict: Makes the event that commits to a loser.
    """

    intake: Intake
    appender: Appender
    vault: Vault | None
    although: Callable[[Callable[[], _Answers]], _Answers]
    conflict: Callable[[LoserError, bytes], Event]

    def append_each(self, events: Sequence[Event]) -> list[Answer]:
        """Append those of `events` that may be, in order, and answer each; durable when it returns.

        Where the log turns busy, or its clock jumps, behind an event that had to be written alone, all that follow are
        answered with that.

        Raises:
            ClockError, BusyError: Nothing was written.
            UnknownOutcomeError: Reopen the ledger, and append the same events again.
        """
        answers: dict[int, Answer] = {}
        while not self._append(events, answers):
            pass  # an erasure began since the parts were sealed: seal them again
        self._record_conflicts(events, answers)
        return [answers[index] for index in range(len(events))]

    def _append(self, events: Sequence[Event], answers: dict[int, Answer]) -> bool:
        """Answer the events that have no answer yet; False where the parts of some have to be sealed again."""
        prepared: dict[int, Prepared] = {}
        try:
            for index, event in enumerate(events):
                if index in answers:
                    continue
                try:
                    prepared[index] = self.intake.prepare(event)
                except RefusedError as error:
                    answers[index] = error
            is_done = self._append_in_order(prepared, answers)
        except UnknownOutcomeError:
            raise  # what was sealed may be in the log: without its key it could never be opened
        except BaseException:
            self._discard(one for index, one in prepared.items() if index not in answers)
            raise
        self._discard(one for index, one in prepared.items() if index not in answers or not _is_new(answers[index]))
        return is_done

    def _append_in_order(self, prepared: Mapping[int, Prepared], answers: dict[int, Answer]) -> bool:
        """Append runs of events, each in one transaction; nothing overtakes what stands before it."""
        written = False
        for run in _runs(prepared):
            try:
                linked = self._link([prepared[index] for index in run])
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

    def _link(self, prepared: Sequence[Prepared]) -> _Answers | None:
        """Append what was prepared; None, and nothing was written, when its parts have to be sealed again."""
        if not prepared:
            return []
        commitments = commitments_of(prepared)
        if not commitments or self.vault is None:
            return self.although(lambda: self.appender.append_each(prepared))
        with self.vault.keeping(commitments) as are_kept:
            return self.although(lambda: self.appender.append_each(prepared)) if are_kept else None

    def _discard(self, prepared: Iterable[Prepared]) -> None:
        commitments = commitments_of(prepared)
        if commitments and self.vault is not None:
            self.vault.discard(commitments)

    def _record_conflicts(self, events: Sequence[Event], answers: dict[int, Answer]) -> None:
        lost = {index: answer for index, answer in answers.items() if isinstance(answer, LoserError)}
        conflicts = [self.conflict(error, events[index].data) for index, error in lost.items()]
        try:
            if conflicts:
                self.appender.append([self.intake.prepare(conflict, by_ledger=True) for conflict in conflicts])
        except ClosedError:
            for error in lost.values():
                error.salt = b""  # a closed log turns losers away all the same, and records nothing
        except BusyError as error:  # the losers alone come again; what was written stays acknowledged
            answers.update(dict.fromkeys(lost, error))


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
