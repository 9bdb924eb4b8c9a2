"""A window of a stream: which lines it is, what was set apart before it, and where a reader goes on.

All of it is recorded with the decision on the window, so that the log alone says where a restart begins; nothing else keeps a
position. Offsets are those of the stream: of a Kafka partition, or bytes from the beginning of a file. Half-open, as all ranges.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contracts.bounds import Model
from contracts.terms import Name
from proofs import limits
from proofs.entry import check_at

Offset = Annotated[int, Field(ge=0, le=limits.MAX_INTEGER)]
At = Annotated[str, AfterValidator(check_at)]
MAX_PARTITIONS = 10_000


class Span(Model):
    """Where the rows of a window lie in one partition."""

    partition: Offset
    start: Offset
    stop: Offset

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.stop:
            raise ValueError("a span stops before it starts")
        return self


class Mark(Model):
    """A place in one partition."""

    partition: Offset
    offset: Offset


Spans = Annotated[tuple[Span, ...], Field(max_length=MAX_PARTITIONS, strict=False)]
Marks = Annotated[tuple[Mark, ...], Field(max_length=MAX_PARTITIONS, strict=False)]


class Window(Model):
    """One window.

    Attributes:
        stream: "kafka:<topic>", or "ndjson:<name>".
        unit: What `size` counts: lines in the order of their arrival, or seconds of event time.
        start, stop: The event times that it is of; none where it counts rows.
        lateness_seconds: How far event times may lag behind before a row is late.
        watermark: The event time up to which everything is taken to have arrived, where there is one.
        closed: Rows of an earlier event time are late.
        offsets: Within which its rows lie; rows of other windows may lie in between.
        resume: Where a reader goes on that has this window behind it.
        read: How far was read; of what lies between `resume` and here, rows of event times before `stop` are decided.
        tail: The SHA-256 of the last line that was read of a file, by which the file is known again.
        ended: Why it was closed: it was full, the watermark passed it, a bound of rows or bytes was reached, nothing came for
            a while, the stream ended, or the reader was stopped.
        late, unreadable: Lines that were set apart since the window before.
    """

    stream: Name
    unit: Literal["rows", "seconds"]
    size: Annotated[int, Field(ge=1, le=limits.MAX_INTEGER)]
    start: At | None = None
    stop: At | None = None
    lateness_seconds: Offset | None = None
    watermark: At | None = None
    closed: At | None = None
    offsets: Spans
    resume: Marks
    read: Marks
    tail: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    ended: Literal["full", "watermark", "bound", "idle", "end", "stopped"]
    late: Offset = 0
    unreadable: Offset = 0

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if (self.start is None) != (self.stop is None) or (self.unit == "rows" and self.start is not None):
            raise ValueError("a window of seconds has a start and a stop, and no other has one")
        return self
