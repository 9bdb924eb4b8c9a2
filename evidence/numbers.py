"""The numbers of a month: whole ones, so that a page and JSON say the same and nothing is rounded twice."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from proofs.errors import RefusedError

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC: from its first moment to that of the next."""

    name: str
    start: datetime
    stop: datetime

    @classmethod
    def parse(cls, text: str) -> Month:
        """Return the month that is written YYYY-MM.

        Raises:
            RefusedError: It is written otherwise, or has no next one.
        """
        found = _MONTH.fullmatch(text)
        if found is None or not 1970 <= int(found[1]) <= 9998:
            raise RefusedError(f"{text[:40]!r} is no month written YYYY-MM")
        start = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
        return cls(text, start, (start + timedelta(days=31)).replace(day=1))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.stop - self.start).days


@dataclass(frozen=True, slots=True)
class DatasetCounts:
    """How often each decision was taken of a dataset's batches."""

    dataset: str
    decisions: dict[str, int]


@dataclass(frozen=True, slots=True)
class DayCounts:
    """How often each decision was taken on a day."""

    day: int
    decisions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Failing:
    """A rule that did not hold: in how many batches, of which so many could not be measured, and of how many rows if of any."""

    dataset: str
    rule: str
    batches: int
    unmeasured: int
    rows: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the datasets that lineage knows: how many have a contract in force, one with an owner, one with somebody on call.

    Attributes:
        bare: Those without a contract, the first hundred.
    """

    datasets: int
    with_contract: int
    with_owner: int
    with_on_call: int
    bare: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds: of how many, the median, the ninetieth percentile and the longest."""

    count: int
    median: int
    ninetieth: int
    longest: int


@dataclass(frozen=True, slots=True)
class Share:
    """What checks took of the time of the runs that they looked at, in milliseconds."""

    runs: int
    checks_ms: int
    runs_ms: int

    @property
    def basis_points(self) -> int | None:
        """The part in ten-thousandths; None where no run took any time."""
        return self.checks_ms * 10_000 // self.runs_ms if self.runs_ms else None


@dataclass(frozen=True, slots=True)
class Quarantines:
    """Opened, deleted and expired in the month; with how many rows; and open as the log ends."""

    opened: int
    rows: int
    deleted: int
    expired: int
    open: int


@dataclass(frozen=True, slots=True)
class Deletions:
    """Requests whose certificate was due in the month: issued in time, or not; `open`: not due yet as the log ends."""

    on_time: int
    late: int
    open: int


@dataclass(frozen=True, slots=True)
class Monthly:
    """All of it.

    Attributes:
        size: How many entries the log has, of which `entries` are of the month.
        unread: Entries of the month that should have counted and cannot be read.
        stopped, overruled: Batches that were kept back; those of them of which somebody said that they should not have been.
        after_run: From the end of the run that made a batch to the decision that found fault with it.
        age: How old the data were at such a decision, where the contract promises freshness.
        told: Consumers who were told of a change.
    """

    month: str
    origin: str
    size: int
    entries: int
    unread: int
    decisions: int
    by_dataset: tuple[DatasetCounts, ...]
    by_day: tuple[DayCounts, ...]
    failing: tuple[Failing, ...]
    failing_in_all: int
    stopped: int
    overruled: int
    after_run: Spread | None
    age: Spread | None
    share: Share
    quarantines: Quarantines
    deletions: Deletions
    coverage: Coverage
    told: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "share": {**asdict(self.share), "basis_points": self.share.basis_points}}
