"""A file of OpenLineage events, one JSON document a line: what the stock client's `file` transport writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from lineage.imports.arrival import Arrival, arrive
from proofs.limits import BODY_BYTES

SYSTEM: Final = "openlineage"


def read(file: BinaryIO, *, source: str | None = None) -> Iterator[Arrival]:
    """Yield each line that is not blank; memory does not grow with the file.

    Args:
        source: Who is recorded as the source of every event; None: each event's own producer.
    """
    number = 0
    while line := file.readline(BODY_BYTES + 2):
        number += 1
        is_whole = len(line) <= BODY_BYTES + 1 and (line.endswith(b"\n") or len(line) <= BODY_BYTES)
        if not is_whole:
            _skip(file, line)
            yield Arrival(f"line {number}", None, f"line has more than {BODY_BYTES} bytes")
        elif data := line.strip():
            yield arrive(data, where=f"line {number}", system=SYSTEM, source=source)


def _skip(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(BODY_BYTES)
