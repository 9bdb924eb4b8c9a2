"""One delivery: a batch goes out, and each of its events is done, dead, or stays, by rules that no answer can bend.

    200 with results           each event by its own: with a receipt that holds it is done, with a ledger's problem of 409, 413
                               or 422 it is dead, with anything else it stays
    413 to many                the batch is split, and its halves are sent; so for a ledger's problem of 400 or 422
    413 to one                 dead: it will never be smaller, whoever says so; so for a ledger's problem of 400, 409 or 422
    everything else            all stay

A problem is a ledger's by its type, `urn:tallystick:<code>`, and its code: a proxy's may say anything, and mean all requests.

Order per source: once an event stays, those after it of the same source stay, too, whatever the server said of them; they
are known again by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.client.backlog import Backlog, Death, Waiting
from ledger.client.courier import Answer, Courier, Request
from ledger.client.receipt import Receipt, check_receipt
from ledger.client.wire import (
    BATCH_TYPE,
    Problem,
    answer_bytes,
    print_batch,
    read_problem,
    read_results,
)
from ledger.event import Event
from proofs.errors import MalformedError, TallyError, TamperedError

EVENTS_PATH: Final = "/api/v1/events"
_TOO_LARGE: Final = 413
_SPLIT: Final = frozenset((400, _TOO_LARGE, 422))
_DEADLY: Final = frozenset((400, 409, 422))
_FATAL: Final = frozenset((409, _TOO_LARGE, 422))
_BREATH: Final = 16


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        done: How many were delivered.
        dead: How many became dead letters.
        trouble: Why something stays; empty when nothing does.
        retry_after: The header of that name, where the server asked for patience.
    """

    done: int = 0
    dead: int = 0
    trouble: str = ""
    retry_after: str | None = None
    held: set[str] = field(default_factory=set)  # sources of which something stays
    is_halted: bool = False  # the server takes nothing at all now


class Delivery:
    """Takes batches from a backlog to a server.

    Args:
        breathe: Called now and then in long work, to let other threads run.
    """

    def __init__(self, backlog: Backlog, courier: Courier, *, breathe: Callable[[], None]) -> None:
        self._backlog = backlog
        self._courier = courier
        self._breathe = breathe

    def deliver(self, *, without: Collection[str] = ()) -> Outcome:
        """Send what waits longest; returns with everything settled that could be.

        Where events of one source stay, the others' go on at once: one credential that is wrong must not stop the rest.

        Args:
            without: Sources that are left alone for now.
        """
        outcome = Outcome(held=set(without))
        while batch := self._backlog.batch(without=outcome.held):
            broken = [each for each in batch if each.event is None]
            if broken:
                self._bury(outcome, [(each, Death("tampered", each.broken)) for each in broken])
            self._send([each for each in batch if each.event is not None], outcome)
            if outcome.is_halted or not outcome.held:
                break
        return outcome

    def _send(self, batch: Sequence[Waiting], outcome: Outcome) -> None:
        if not batch or outcome.is_halted:
            return
        try:
            answer = self._courier.ask(self._request(batch))
        except TallyError as error:
            self._halt(outcome, str(error))
            return
        if answer.status == 200:
            self._settle(batch, answer, outcome)
            return
        problem = read_problem(answer.status, answer.headers.get("content-type", ""), answer.body)
        is_ours = problem is not None and problem.is_ours
        if answer.status in _SPLIT and len(batch) > 1 and (is_ours or answer.status == _TOO_LARGE):
            middle = len(batch) // 2
            self._send(batch[:middle], outcome)
            # A source that the first half left waiting waits in the second, too: the server has not seen what came before.
            self._send([each for each in batch[middle:] if each.source not in outcome.held], outcome)
        elif answer.status == _TOO_LARGE:
            why = problem.why if problem and problem.why else "the server takes no event of this size"
            self._bury(outcome, [(batch[0], Death("too_large", why))])
        elif problem is not None and is_ours and answer.status in _DEADLY and len(batch) == 1:
            self._bury(outcome, [(batch[0], _death(problem))])
        else:
            said = f": {problem.why}" if problem and problem.why else ""
            self._halt(outcome, f"the server answered {answer.status}{said}")
            outcome.retry_after = answer.headers.get("retry-after")

    def _halt(self, outcome: Outcome, why: str) -> None:
        outcome.is_halted = True
        outcome.trouble = why

    def _request(self, batch: Sequence[Waiting]) -> Request:
        events = [each.event for each in batch if each.event is not None]
        headers = {"Content-Type": BATCH_TYPE, "Content-Encoding": "gzip", "Accept": "application/json"}
        return Request("POST", EVENTS_PATH, answer_bytes(len(batch)), print_batch(events), headers)

    def _settle(self, batch: Sequence[Waiting], answer: Answer, outcome: Outcome) -> None:
        try:
            results = read_results(answer.body, len(batch))
        except MalformedError as error:
            self._halt(outcome, error.what)
            return
        done: list[tuple[Waiting, Receipt]] = []
        dead: list[tuple[Waiting, Death]] = []
        for number, (waiting, result) in enumerate(zip(batch, results, strict=True)):
            if number % _BREATH == _BREATH - 1:
                self._breathe()
            if waiting.source in outcome.held or waiting.event is None:
                continue
            if isinstance(result, Problem) and result.is_ours and result.status in _FATAL:
                dead.append((waiting, _death(result)))
            elif why := _fault(result, waiting.event):
                outcome.held.add(waiting.source)
                outcome.trouble = outcome.trouble or f"event {waiting.id} stays: {why}"
            elif isinstance(result, Receipt):
                done.append((waiting, result))
        self._backlog.settle(done, [])
        outcome.done += len(done)
        self._bury(outcome, dead)

    def _bury(self, outcome: Outcome, dead: Sequence[tuple[Waiting, Death]]) -> None:
        self._backlog.settle([], dead)
        outcome.dead += len(dead)


def _fault(result: Receipt | Problem | None, event: Event) -> str:
    """Why an event is not delivered by this answer, and not dead either; empty when it is delivered."""
    if result is None:
        return "the server's answer is neither a receipt nor a problem"
    if isinstance(result, Problem):
        return f"the server answered {result.status}: {result.why}"
    try:
        check_receipt(result, event)
    except (MalformedError, TamperedError) as error:
        return f"its receipt cannot be believed: {error.what}"
    return ""


def _death(problem: Problem) -> Death:
    return Death(problem.code or f"http_{problem.status}", problem.why or f"the server answered {problem.status}")
