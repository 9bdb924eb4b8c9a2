"""How a ledger and what it speaks of stand at a moment, on one page: what both floors below know, from bounded questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.facts import ValidationDecided
from contracts.history import decisions
from contracts.metric import Found
from contracts.notify.queue import NoticeQueue
from contracts.quarantine.store import waiting
from contracts.slo.catalogue import Known, catalogue
from contracts.slo.standing import Standing, standings
from contracts.slo.stretches import seconds_of
from ledger.checkpoint import read_checkpoint
from ledger.clock import print_at
from ledger.log import Ledger
from lineage.deletion.state import DeletionProjection, overdue
from lineage.deletion.state import Standing as Request
from proofs.census import CENSUS_TAKEN
from proofs.errors import MalformedError

LOOKED_AT: Final = 100  # decisions of which the failing checks are counted
_SHOWN: Final = 8
_LOOKED_BACK: Final = 10_000  # entries among which the last census is looked for: of one before that, nothing is said
_GRAVITY: Final = ("spent", "burning", "unmeasured", "met")


@dataclass(frozen=True, slots=True)
class Health:
    """The log itself.

    Attributes:
        signed: Entries that a checkpoint covers.
        unsigned_since: When the first entry was written that none covers; None where all are.
        census_at: When the last census was taken; None where none was among the last ten thousand entries.
    """

    origin: str
    entries: int
    closed_by: int | None
    last_entry_at: str | None
    signed: int
    unsigned_since: str | None
    census_at: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One page.

    Attributes:
        clock: The moment, as an entry prints it.
        decisions: The last ones, the newest first.
        failing: (dataset, rule, how often) among the last hundred decisions, the most frequent first.
        quarantines: How many still have their rows, and when the time of the first is over.
        levels: Every service level, the worst first.
        overdue: Deletion requests whose certificate is late.
        notices: By channel; None where nobody is told of anything.
    """

    clock: str
    health: Health
    decisions: tuple[dict[str, Any], ...]
    failing: tuple[tuple[str, str, int], ...]
    quarantines: tuple[int, str | None]
    levels: tuple[Standing, ...]
    overdue: tuple[Request, ...]
    notices: tuple[dict[str, object], ...] | None


class Lookout:
    """Looks at one ledger again and again, and reads no entry and no contract twice."""

    def __init__(self, log: Ledger, *, now: Callable[[], float]) -> None:
        """Look at `log`, which stays open.

        Args:
            now: Seconds since 1970, for the queue of notices.
        """
        self._log = log
        self._now = now
        self._contracts: Known = {}
        self._broken: dict[int, tuple[tuple[str, str], ...]] = {}
        self._read_up_to = max(0, log.size - _LOOKED_BACK)
        self._census_at: str | None = None

    def look(self, clock: datetime) -> Overview:
        """Return how all stands at a moment."""
        log, at = self._log, print_at(clock)
        recent = decisions(log, None, LOOKED_AT)
        found = standings(log, catalogue(log, self._contracts), seconds_of(at))
        with log.viewing(DeletionProjection()) as db:
            late = tuple(overdue(db, clock=lambda: clock))
        return Overview(
            clock=at,
            health=self._health(log),
            decisions=tuple(recent[:_SHOWN]),
            failing=self._failing(
                [row["seq"] for row in recent if row["risk_basis_points"] or row["decision"] != "ALLOW"]
            ),
            quarantines=waiting(log),
            levels=tuple(sorted(found, key=lambda each: (_GRAVITY.index(each.state), each.budget.left))),
            overdue=late,
            notices=_notices(log.keyring.folder / "notices.db" if log.keyring else None, self._now),
        )

    def _health(self, log: Ledger) -> Health:
        stored = log.store.checkpoints.all()
        kept = log.keyring.head() if log.keyring else stored[-1][1] if stored else None
        signed = 0 if kept is None else read_checkpoint(kept, origin=log.origin).checkpoint.size
        return Health(
            origin=log.origin,
            entries=log.size,
            closed_by=log.closed_by,
            last_entry_at=log.entry(log.size - 1).at if log.size else None,
            signed=signed,
            unsigned_since=log.entry(signed).at if signed < log.size else None,
            census_at=self._census(log),
        )

    def _census(self, log: Ledger) -> str | None:
        """When the last census was taken, among the entries since we look and the last ones before."""
        size = log.size
        for record in log.read(self._read_up_to, size, bodies=False):
            if record.type == CENSUS_TAKEN:
                self._census_at = record.at
        self._read_up_to = max(size, self._read_up_to)
        return self._census_at

    def _failing(self, seqs: list[int]) -> tuple[tuple[str, str, int], ...]:
        self._broken = {seq: self._broken[seq] if seq in self._broken else self._read(seq) for seq in seqs}
        counts = Counter(each for broken in self._broken.values() for each in broken)
        return tuple((dataset, rule, count) for (dataset, rule), count in counts.most_common(_SHOWN))

    def _read(self, seq: int) -> tuple[tuple[str, str], ...]:
        try:
            fact = ValidationDecided.parse(self._log.entry(seq).body or b"")
        except MalformedError:
            return ()  # its body was destroyed
        name = f"{fact.dataset.namespace}|{fact.dataset.name}"
        return tuple((name, metric.rule) for metric in fact.metrics if metric.found is not Found.PASSED)


def _notices(path: Path | None, now: Callable[[], float]) -> tuple[dict[str, object], ...] | None:
    if path is None or not path.exists():
        return None
    queue = NoticeQueue(path, now)
    try:
        return tuple(queue.counts())
    finally:
        queue.close()
