"""Service levels for whoever scrapes: worked out at the desk when somebody asks, and kept for a while.

One scrape waits for it at a time; whoever comes meanwhile is given what was known before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from contracts.slo.catalogue import Known, catalogue
from contracts.slo.exposition import exposition
from contracts.slo.standing import standings
from contracts.slo.stretches import seconds_of
from ledger.clock import print_at
from ledger.log import Ledger
from proofs.errors import TallyError
from server.journal import Journal

KEPT_SECONDS: Final = 30.0


class Desk(Protocol):
    """Does work with the one ledger that has the views."""

    def __call__(self, work: Callable[[Ledger], str], /) -> Awaitable[str]:
        """Return what it comes to."""
        ...


class Levels:
    """What is known of service levels."""

    def __init__(self, at_desk: Desk, journal: Journal, clock: Callable[[], float]) -> None:
        """Know nothing yet.

        Args:
            clock: Seconds, for durations.
        """
        self._at_desk = at_desk
        self._journal = journal
        self._clock = clock
        self._contracts: Known = {}
        self._text = ""
        self._worked_out: float | None = None
        self._is_asked = False

    async def exposition(self) -> bytes:
        """Return the metrics of every level, of half a minute ago at most; the older ones where they cannot be read now."""
        is_fresh = self._worked_out is not None and self._clock() - self._worked_out < KEPT_SECONDS
        if not is_fresh and not self._is_asked:
            self._is_asked = True
            try:
                self._text = await self._at_desk(self._look)
                self._worked_out = self._clock()
            except TallyError as error:
                self._journal("levels-not-read", code=error.code, detail=error.what)
            finally:
                self._is_asked = False
        return self._text.encode()

    def _look(self, log: Ledger) -> str:
        levels = catalogue(log, self._contracts)
        return exposition(standings(log, levels, seconds_of(print_at(log.clock())))) if levels else ""
