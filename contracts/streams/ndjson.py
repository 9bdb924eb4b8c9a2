"""JSON lines as a stream: standard input, a pipe, a named pipe, or a file that grows. Offsets are bytes from its beginning.

A file is known again by its first line, unless it is given a name; a pipe is a new stream each time, unless it is. What is read
again under the same name is held against the bytes before the place where it goes on: another file is refused, not skipped.
"""

from __future__ import annotations

import hashlib
import os
import select
import stat
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.sources.jsonlines import LINE_BYTES
from contracts.streams.feed import WAIT_SECONDS, Stopping
from contracts.streams.line import CaughtUp, Line, micros
from ledger.clock import Clock
from proofs.errors import ConflictError, IncompleteError, MissingError

CHUNK_BYTES: Final = 1 << 18
KEPT_BYTES: Final = 1 << 16  # of a line that is too long
TAIL_BYTES: Final = 4_096


@dataclass(slots=True)
class NdjsonFeed:
    """Lines of a file descriptor.

    Attributes:
        label: What messages call it.
        expected: The tail where it is to go on (`contracts.window.Window`), and where that is; None at its beginning.
        follow: Wait for more at the end of a file; a pipe ends when nobody writes to it any more.
    """

    name: str
    label: str
    descriptor: int
    clock: Clock
    is_file: bool
    follow: bool = False
    expected: tuple[str, int] | None = None
    partitions: frozenset[int] = frozenset((0,))
    _buffer: bytearray = field(default_factory=bytearray)
    _recent: deque[bytes] = field(default_factory=deque)  # what was read last, at least as much as a tail is of
    _recent_bytes: int = 0
    _offset: int = 0  # of what stands first in the buffer
    _is_cut: bool = False
    _kept: bytes = b""
    _skipped: int = 0  # bytes of a line that is too long, beyond those that are kept
    _heard: bool = False
    _has_paused: bool = False

    def read(self, start: Mapping[int, int], stopping: Stopping) -> Iterator[Line | CaughtUp | None]:
        """Yield the lines from an offset on."""
        place = start.get(0, 0)
        if self.is_file and place:
            self._go_to(place)
        while not stopping():
            chunk = self._next()
            if chunk is None:
                yield CaughtUp(0)
                yield None
                continue
            if not chunk:
                break
            yield from self._lines(chunk, place)
        if not stopping() and not (self.is_file and self.follow) and (self._buffer or self._is_cut):
            yield from self._line(b"", len(self._buffer), micros(self.clock()), place)  # the last one has no end

    def _lines(self, chunk: bytes, place: int) -> Iterator[Line]:
        moment = micros(self.clock())
        self._buffer += chunk
        while (end := self._buffer.find(b"\n")) >= 0:
            yield from self._line(b"\n", end, moment, place)
        if len(self._buffer) > LINE_BYTES:
            self._kept = self._kept or bytes(self._buffer[:KEPT_BYTES])
            self._remember(bytes(self._buffer[-TAIL_BYTES:]))
            self._skipped += len(self._buffer)
            self._buffer.clear()
            self._is_cut = True

    def _line(self, end: bytes, length: int, moment: int, place: int) -> Iterator[Line]:
        """Yield the line of so many bytes that stands first in the buffer, where it is not passed over."""
        raw = bytes(self._buffer[:length]) + end
        del self._buffer[: len(raw)]
        self._remember(raw)
        begin, self._offset = self._offset, self._offset + self._skipped + len(raw)
        is_cut, data = self._is_cut, self._kept if self._is_cut else raw[: len(raw) - len(end)]
        if len(data) > LINE_BYTES:
            is_cut, data = True, data[:KEPT_BYTES]
        self._is_cut, self._kept, self._skipped = False, b"", 0
        if self.expected is not None and self._offset >= self.expected[1]:
            self._check(self._offset == self.expected[1] and self.tail() == self.expected[0])
            self.expected = None
        if begin >= place:
            yield Line(0, begin, self._offset, data, moment, is_cut)

    def _remember(self, raw: bytes) -> None:
        self._recent.append(raw)
        self._recent_bytes += len(raw)
        while self._recent_bytes - len(self._recent[0]) >= TAIL_BYTES:
            self._recent_bytes -= len(self._recent.popleft())

    def _go_to(self, place: int) -> None:
        """Step to where a file was read to before, and make sure that it is the same one."""
        try:
            size = os.fstat(self.descriptor).st_size
            if self.expected is not None:
                tail, read = self.expected
                kept = min(read, TAIL_BYTES)
                self._check(size >= read and _sha256(os.pread(self.descriptor, kept, read - kept)) == tail)
                self.expected = None
            kept = min(place, TAIL_BYTES)
            self._remember(os.pread(self.descriptor, kept, place - kept))
            os.lseek(self.descriptor, place, os.SEEK_SET)
        except OSError as error:
            raise MissingError(f"{self.label} cannot be read: {error.strerror}") from error
        self._offset = place

    def _check(self, is_same: bool) -> None:  # noqa: FBT001 - a condition, not a flag
        if not is_same:
            raise ConflictError(
                f"{self.label} is not what was read before under the name {self.name.partition(':')[2]!r}",
                hint="give it a name of its own with --stream",
            )

    def _next(self) -> bytes | None:
        """What comes next; None where nothing did for a moment, and nothing at all at the end."""
        try:
            if not self.is_file:
                return self._piped()
            if chunk := os.read(self.descriptor, CHUNK_BYTES):
                self._check_goes_on()
                return chunk
            if os.fstat(self.descriptor).st_size < self._offset:
                raise IncompleteError(f"{self.label} became shorter while it was read")
        except OSError as error:
            raise MissingError(f"{self.label} cannot be read: {error.strerror}") from error
        if not self.follow:
            return b""
        time.sleep(WAIT_SECONDS)
        self._has_paused = True
        return None

    def _check_goes_on(self) -> None:
        """Make sure that what came after a pause stands behind what was read: the file may have been emptied and written anew."""
        if not self._has_paused:
            return
        self._has_paused = False
        known = b"".join(self._recent)[-TAIL_BYTES:]
        if os.pread(self.descriptor, len(known), self._offset - len(known)) != known:
            raise IncompleteError(f"{self.label} was written anew while it was read")

    def _piped(self) -> bytes | None:
        ready, _, _ = select.select([self.descriptor], [], [], WAIT_SECONDS)
        if not ready:
            return None
        try:
            chunk = os.read(self.descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return None
        if chunk or self._heard:
            self._heard = True
            return chunk
        if stat.S_ISFIFO(os.fstat(self.descriptor).st_mode) and not os.get_blocking(self.descriptor):
            time.sleep(WAIT_SECONDS)  # nobody has opened the other end yet
            return None
        return chunk

    def tail(self) -> str | None:
        """Return the SHA-256 of the bytes before the end of the last line, 4,096 at most."""
        return _sha256(b"".join(self._recent)[-TAIL_BYTES:])

    def commit(self, marks: Mapping[int, int]) -> None:
        """Do nothing: the log knows."""

    def close(self) -> None:
        """Close what was opened; standard input stays."""
        if self.descriptor > 2:
            os.close(self.descriptor)


def open_feed(place: str, *, clock: Clock, new_name: str, named: str | None, follow: bool) -> NdjsonFeed:
    """Return the stream of lines that stands at a path, or comes in by standard input for "-".

    Args:
        new_name: Called so where nothing tells the stream.
        named: Its name, where it is given one.

    Raises:
        MissingError: There is nothing that can be read.
    """
    if place == "-":
        return NdjsonFeed(f"ndjson:{named or new_name}", "standard input", 0, clock, is_file=_is_file(0))
    try:
        path = Path(place)
        is_file = path.is_file()
        if not is_file and not path.is_fifo():
            raise MissingError("there is no file or pipe of lines", where=place)
        descriptor = os.open(path, os.O_RDONLY | (0 if is_file else os.O_NONBLOCK))
    except (OSError, ValueError) as error:
        raise MissingError("the stream cannot be read", where=place) from error
    if is_file and follow and named is None and b"\n" not in os.pread(descriptor, KEPT_BYTES, 0):
        os.close(descriptor)
        raise MissingError(
            "the file has no whole first line yet, by which it would be known again",
            where=place,
            hint="give it a name with --stream",
        )
    feed = NdjsonFeed("", f"the file {place}" if is_file else f"the pipe {place}", descriptor, clock, is_file, follow)
    feed.name = f"ndjson:{named or (_head(descriptor) if is_file else new_name)}"
    return feed


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise MissingError("standard input is closed") from error


def _head(descriptor: int) -> str:
    """By what a file is known again: the hash of its first line, as far as it is not too long to be one."""
    return _sha256(os.pread(descriptor, KEPT_BYTES, 0).partition(b"\n")[0])[:16]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
