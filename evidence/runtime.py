"""When runs began and ended, by the producer's own words in the run's stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from ledger.openlineage import TYPES
from ledger.record import Record
from proofs.derived import read_structure
from proofs.streams import stream_name

_ENDS: Final = frozenset(("COMPLETE", "FAIL", "ABORT"))
_MOST_EVENTS: Final = 10_000  # of one run: a stream of progress need not be read to its end


class StreamedLog(Protocol):
    """A log that is read by stream."""

    def stream(self, name: str, /) -> Iterator[Record]:
        """Yield the entries of a stream with their bodies."""
        ...


@dataclass(frozen=True, slots=True)
class Times:
    """The first beginning and the last end of a run; None where it told none."""

    start: datetime | None
    stop: datetime | None

    @property
    def milliseconds(self) -> int | None:
        """How long it took; None where that is not known, or no time at all."""
        if self.start is None or self.stop is None or self.stop <= self.start:
            return None
        return int((self.stop - self.start).total_seconds() * 1000)


class Runs:
    """The times of runs, each looked up once."""

    def __init__(self, log: StreamedLog) -> None:
        self._log = log
        self._known: dict[str, Times] = {}

    def times(self, run: str) -> Times:
        """Return when a run began and ended."""
        if run not in self._known:
            self._known[run] = _times(self._log.stream(stream_name("run", run)))
        return self._known[run]


def _times(records: Iterator[Record]) -> Times:
    starts, stops = [], []
    for count, record in enumerate(records):
        if count >= _MOST_EVENTS:
            break
        if record.type not in TYPES.values() or record.body is None:
            continue
        body = read_structure(record.datacontenttype, record.body)
        if not isinstance(body, dict) or (moment := _moment(body.get("eventTime"))) is None:
            continue
        if body.get("eventType") == "START":
            starts.append(moment)
        elif body.get("eventType") in _ENDS:
            stops.append(moment)
    return Times(min(starts, default=None), max(stops, default=None))


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
