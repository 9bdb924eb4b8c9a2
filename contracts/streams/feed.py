"""Where the lines of a stream come from: the seam between what cuts windows and what brings lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from contracts.streams.line import CaughtUp, Line

Stopping = Callable[[], bool]
"""True once the reader is to come to an end; asked again and again."""

WAIT_SECONDS = 0.2  # how long nothing may come before the caller hears of it


class Feed(Protocol):
    """A stream that can be read from any place on."""

    @property
    def name(self) -> str:
        """What the stream is called in the log: "kafka:<topic>", or "ndjson:<name>"."""
        ...

    @property
    def partitions(self) -> frozenset[int]:
        """Its partitions, which stay the same as long as it is read."""
        ...

    def read(self, start: Mapping[int, int], stopping: Stopping) -> Iterator[Line | CaughtUp | None]:
        """Yield what comes from `start` on, by partition; None where nothing came for a moment.

        MUST end soon once `stopping` is true, and where there is nothing more to come.

        Raises:
            MissingError: There is no such stream.
            IncompleteError: What stands at `start` is gone.
            ConflictError: It is another stream than that which was read before.
        """
        ...

    def tail(self) -> str | None:
        """Return the SHA-256 of what stands before the end of the line that was yielded last; None where nobody needs it."""
        ...

    def commit(self, marks: Mapping[int, int]) -> None:
        """Tell the stream how far its lines are decided. The log knows it anyway: this is for those who watch the stream."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
