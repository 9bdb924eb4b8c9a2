"""Cut lines into windows: by their number, or by event time with a watermark. No clock, no log; files of its own alone.

    rows      every `size` lines, in the order in which they come; what cannot be read counts as one
    seconds   a row belongs to the window of its event time. A window is closed when the watermark passes its stop: the least
              of the greatest event times of all partitions that are not caught up, less the allowed lateness. A row whose
              window is closed is late: it is set apart with what cannot be read, counted, and measured nowhere.

What is open is bounded. At a bound all open windows are closed as they are, the earliest first, and later rows of the same times
make further windows of them; so nothing is dropped, and nothing grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from contracts.streams.line import AHEAD, CaughtUp, EventTime, Line, UnreadableError, micros, moment_of, of_arrival
from contracts.streams.line import read_line as read_object
from contracts.streams.spool import Spool
from contracts.window import Mark, Window
from ledger.clock import Clock, parse_at, print_at

SECOND: Final = 1_000_000
MAX_OPEN: Final = 256  # windows, each a file that is open

Ended = Literal["full", "watermark", "bound", "idle", "end", "stopped"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is cut, and how.

    Attributes:
        size: Rows, or seconds.
        event_time: How a row's event time is read; of no matter where rows are counted.
        max_rows, max_bytes: Of all open windows together.
    """

    unit: Literal["rows", "seconds"]
    size: int
    lateness_seconds: int = 0
    event_time: EventTime = of_arrival
    max_rows: int = 1_000_000
    max_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Cut:
    """A window that is closed, and the files of its lines.

    Attributes:
        rows: JSON lines.
        count: How many.
        apart: Those set apart since the window before (`Spool.set_apart`); None where there are none.
    """

    window: Window
    rows: Path
    count: int
    apart: Path | None


@dataclass(slots=True)
class Cutter:
    """Lines in, windows out.

    Attributes:
        partitions: All that the stream has; those that nothing was heard of hold the watermark back.
        folder: Where open windows are kept, empty at first.
        before: The last window that is decided; None at the beginning of a stream.
    """

    stream: str
    shape: Shape
    partitions: frozenset[int]
    folder: Path
    clock: Clock
    before: Window | None = None
    tail: Callable[[], str | None] = lambda: None
    _open: dict[int, Spool] = field(default_factory=dict)
    _apart: Spool | None = None
    _read: dict[int, int] = field(default_factory=dict)
    _again: dict[int, int] = field(default_factory=dict)  # below these a line was read before
    _newest: dict[int, int] = field(default_factory=dict)
    _caught: set[int] = field(default_factory=set)
    _done: int | None = None  # of lines that were read before, those of windows that stop by then are decided
    _closed: int | None = None
    _watermark: int | None = None
    _late: int = 0
    _unreadable: int = 0
    _files: int = 0
    _lines: int = 0  # and bytes, of everything that is open
    _bytes: int = 0
    _latest: int = 0  # the greatest event time that was not ahead of the clock when it was looked at last

    def __post_init__(self) -> None:
        if (last := self.before) is None:
            return
        self._read = {mark.partition: mark.offset for mark in last.read}
        resume = {mark.partition: mark.offset for mark in last.resume}
        self._again = {one: offset for one, offset in self._read.items() if resume.get(one, 0) < offset}
        self._closed, self._watermark = _micros(last.closed), _micros(last.watermark)
        self._done = _micros(last.stop)

    def take(self, found: Line | CaughtUp) -> Iterator[Cut]:
        """Take what comes next, and yield the windows that are closed by it."""
        if isinstance(found, CaughtUp):
            self._caught.add(found.partition)
            self._again.pop(found.partition, None)
            yield from self._due()
            return
        self._caught.discard(found.partition)
        is_again = found.offset < self._again.get(found.partition, 0)
        if found.stop >= self._again.get(found.partition, found.stop + 1):
            del self._again[found.partition]
        self._read[found.partition] = max(found.stop, self._read.get(found.partition, 0))
        try:
            value = read_object(found)
            self._put(found, value, is_again=is_again)
        except UnreadableError as error:
            if not is_again:
                self._unreadable += 1
                self._set_apart(found, str(error))
        yield from self._due()

    def flush(self, ended: Ended) -> Iterator[Cut]:
        """Close all as it is, the earliest window first; nothing while lines are read again: more of them are to come."""
        if self._again:
            return
        for start in sorted(self._open):
            yield self._cut(start, ended)
        if self._apart is not None:
            yield self._cut(None, ended)

    def close(self) -> None:
        """Let go of what is open, undecided: it is read again."""
        for spool in (*self._open.values(), *([self._apart] if self._apart else [])):
            spool.close()

    @property
    def is_empty(self) -> bool:
        """True when nothing waits for a decision."""
        return not self._open and self._apart is None

    def _put(self, line: Line, value: dict[str, Any], *, is_again: bool) -> None:
        if self.shape.unit == "rows":
            self._keep(0, line)
            return
        moment = self.shape.event_time(line, value)
        if moment > self._latest:
            self._latest = micros(self.clock() + AHEAD)
        if not 0 <= moment <= self._latest:
            raise UnreadableError("its event time lies before 1970, or more than a day ahead of the clock")
        size = self.shape.size * SECOND
        start = moment // size * size
        if is_again and self._was_decided(moment):
            return
        if self._closed is not None and start + size <= self._closed and not is_again:
            self._late += 1
            self._set_apart(line, "it is late")
            return
        self._newest[line.partition] = max(moment, self._newest.get(line.partition, moment))
        self._keep(start, line)

    def _was_decided(self, moment: int) -> bool:
        """Whether a row that was read before was in a window that is decided: one of the size that windows had then."""
        if self.before is None or self._done is None:
            return False
        size = self.before.size * SECOND
        return moment // size * size + size <= self._done

    def _due(self) -> Iterator[Cut]:
        if self._again:
            return  # what is open is not yet what it was: a window would be decided without the rest of its rows
        if self.shape.unit == "rows":
            if self._lines >= self.shape.size:
                yield from self.flush("full")
        else:
            self._raise_watermark()
            yield from self._passed()
        if self._lines >= self.shape.max_rows or self._bytes >= self.shape.max_bytes or len(self._open) > MAX_OPEN:
            yield from self.flush("bound")

    def _passed(self) -> Iterator[Cut]:
        """Close the windows that the watermark has passed, the earliest first."""
        while self._open and self._watermark is not None:
            stop = min(self._open) + self.shape.size * SECOND
            if stop > self._watermark:
                return
            self._closed = max(stop, self._closed or stop)
            yield self._cut(stop - self.shape.size * SECOND, "watermark")

    def _raise_watermark(self) -> None:
        """Raise the watermark to what all partitions have reached, but for those that have no more to say just now."""
        behind = [one for one in self.partitions if one not in self._caught]
        if not self._newest or any(one not in self._newest for one in behind):
            return
        reached = min(self._newest[one] for one in behind) if behind else max(self._newest.values())
        mark = reached - self.shape.lateness_seconds * SECOND
        self._watermark = mark if self._watermark is None else max(mark, self._watermark)

    def _keep(self, start: int, line: Line) -> None:
        if start not in self._open:
            self._open[start] = Spool(self._path())
        self._lines += 1
        self._bytes += self._open[start].add(line)

    def _set_apart(self, line: Line, why: str) -> None:
        if self._apart is None:
            self._apart = Spool(self._path())
        self._lines += 1
        self._bytes += self._apart.set_apart(line, why)

    def _path(self) -> Path:
        self._files += 1
        return self.folder / f"{self._files}.jsonl"

    def _cut(self, start: int | None, ended: Ended) -> Cut:
        """Close one window, or what was set apart alone."""
        spool = self._open.pop(start) if start is not None else Spool(self._path())
        apart, self._apart = self._apart, None
        for each in (spool, *([apart] if apart else [])):
            self._lines, self._bytes = self._lines - each.rows, self._bytes - each.size_bytes
        is_timed = self.shape.unit == "seconds"
        stop = start + self.shape.size * SECOND if is_timed and start is not None else None
        window = Window(
            stream=self.stream,
            unit=self.shape.unit,
            size=self.shape.size,
            start=_at(start if is_timed else None),
            stop=_at(stop),
            lateness_seconds=self.shape.lateness_seconds if is_timed else None,
            watermark=_at(self._watermark),
            closed=_at(self._closed),
            offsets=(spool if spool.rows else apart or spool).offsets(),
            resume=tuple(Mark(partition=one, offset=offset) for one, offset in sorted(self._resume().items())),
            read=tuple(Mark(partition=one, offset=offset) for one, offset in sorted(self._read.items())),
            tail=self.tail(),
            ended=ended,
            late=self._late,
            unreadable=self._unreadable,
        )
        self._late = self._unreadable = 0
        return Cut(window, spool.close(), spool.rows, apart.close() if apart else None)

    def _resume(self) -> dict[int, int]:
        marks = dict(self._read)
        for spool in self._open.values():
            for partition, (first, _) in spool.spans.items():
                marks[partition] = min(first, marks[partition])
        return marks


def _micros(at: str | None) -> int | None:
    return None if at is None else micros(parse_at(at))


def _at(moment: int | None) -> str | None:
    return None if moment is None else print_at(moment_of(moment))
