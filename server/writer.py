"""Group commit: what concurrent requests bring is written together, and each request gets its own answer.

    request ── submit ──┐
    request ── submit ──┼─► waiting ──► one thread: take all that waits, one transaction ──► answers, when it is durable
    request ── submit ──┘               (while it commits, the next ones gather)

The thread is the only one of its process that appends what producers send. What was submitted is written even when whoever
asked goes away; `close` writes what is waiting, and then takes nothing more.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from ledger.append import Receipt
from ledger.event import Event
from ledger.intake import Prepared
from proofs.errors import BusyError, RefusedError, TallyError
from server.errors import OverloadedError

Answer = Receipt | RefusedError | BusyError
Appends = Callable[[Sequence[Event | Prepared]], list[Receipt | RefusedError | BusyError]]
"""`Ledger.group.append_each`: an answer for every event, in order."""

GROUP_EVENTS: Final = 1_000
GROUP_BYTES: Final = 32 * 1024 * 1024
_CLOSE_SECONDS: Final = 120.0  # the lock of another process may have to be waited for


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one request's events.

    Attributes:
        answers: One for each event, in order.
        waited_seconds: From submission until the group was begun.
        commit_seconds: From then until it was durable.
    """

    answers: list[Answer]
    waited_seconds: float
    commit_seconds: float


@dataclass(slots=True)
class _Waiting:
    events: Sequence[Event | Prepared]
    size_bytes: int
    future: asyncio.Future[Written]
    since: float


class Writer:
    """Collects what requests submit, and appends it in one thread."""

    def __init__(
        self, append_each: Appends, *, most_events: int, most_bytes: int, observe: Callable[[int, float], None]
    ) -> None:
        """Start the thread; the running loop is the one that gets the answers.

        Args:
            most_events, most_bytes: What may be waiting; more is refused.
            observe: Called in the thread with the events of each group and the seconds that it took.
        """
        self._append_each = append_each
        self._most = (most_events, most_bytes)
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._held = [0, 0]  # events and bytes that are waiting or being written
        self._arrived = threading.Condition()
        self._is_closing = False
        self._thread = self._started()

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="tally-writer", daemon=True)
        thread.start()
        return thread

    @property
    def waiting(self) -> int:
        """Events that are waiting or being written."""
        return self._held[0]

    @property
    def is_open(self) -> bool:
        """True while what is submitted will be written."""
        return not self._is_closing

    def submit(self, events: Sequence[Event | Prepared], size_bytes: int) -> asyncio.Future[Written]:
        """Hand over one request's events; the future is done when they are durable, or refused.

        Raises:
            OverloadedError: Too much is waiting already, or the server is stopping; nothing of it was taken.
        """
        if self._is_closing:
            raise OverloadedError("the server is stopping")
        if not self._thread.is_alive():  # a bug of ours ended it; the next group may fare better
            self._thread = self._started()
        held_events, held_bytes = self._held
        is_full = held_events + len(events) > self._most[0] or held_bytes + size_bytes > self._most[1]
        if held_events and is_full:
            raise OverloadedError(f"{held_events} events are waiting to be written already")
        self._held[0] += len(events)
        self._held[1] += size_bytes
        waiting = _Waiting(events, size_bytes, self._loop.create_future(), perf_counter())
        with self._arrived:
            self._waiting.append(waiting)
            self._arrived.notify()
        return waiting.future

    async def close(self) -> None:
        """Write what is waiting, answer it, and stop the thread."""
        with self._arrived:
            self._is_closing = True
            self._arrived.notify()
        await asyncio.to_thread(self._thread.join, _CLOSE_SECONDS)

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            begun = perf_counter()
            events = [event for waiting in group for event in waiting.events]
            answers: list[Answer] | TallyError | None = None
            try:
                answers = self._append_each(events)
            except TallyError as error:
                answers = error
            finally:
                # Also where a bug of ours ends this thread: whoever waits then hears of it, and nobody is left hanging.
                took = perf_counter() - begun
                self._observe(len(events), took)
                self._loop.call_soon_threadsafe(self._deliver, group, answers, begun, took)

    def _next_group(self) -> list[_Waiting] | None:
        """All that waits, up to the bounds of a group; None when nothing will come any more."""
        group: list[_Waiting] = []
        events = size = 0
        with self._arrived:
            while not self._waiting:
                if self._is_closing:
                    return None
                self._arrived.wait()
            while self._waiting and (not group or events + len(self._waiting[0].events) <= GROUP_EVENTS):
                if group and size + self._waiting[0].size_bytes > GROUP_BYTES:
                    break
                waiting = self._waiting.popleft()
                events += len(waiting.events)
                size += waiting.size_bytes
                group.append(waiting)
        return group

    def _deliver(
        self, group: list[_Waiting], answers: list[Answer] | TallyError | None, begun: float, took: float
    ) -> None:
        at = 0
        for waiting in group:
            count = len(waiting.events)
            self._held[0] -= count
            self._held[1] -= waiting.size_bytes
            if waiting.future.done():  # whoever asked went away; its events are written all the same
                pass
            elif isinstance(answers, list):
                waiting.future.set_result(Written(answers[at : at + count], begun - waiting.since, took))
            else:
                waiting.future.set_exception(answers or RuntimeError("the writer failed"))
            at += count
