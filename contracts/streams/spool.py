"""Lines of one window on their way to be measured: on disk, so that no window is larger than the memory."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from contracts.streams.line import Line
from contracts.window import Span
from proofs.errors import StorageError

_BLANKS: Final = bytes.maketrans(b"\r\n", b"  ")


@dataclass(slots=True)
class Spool:
    """One file of lines, for its owner alone, and where they lie in the stream.

    Attributes:
        spans: By partition, the offset of the first line and what follows the last one.
    """

    path: Path
    rows: int = 0
    size_bytes: int = 0
    spans: dict[int, tuple[int, int]] = field(default_factory=dict)
    _file: BinaryIO | None = None

    def add(self, line: Line) -> int:
        """Put down a line that was read, and return its size in bytes; an end of line within a message is white space of JSON."""
        return self._write(line.data.translate(_BLANKS) + b"\n", line)

    def set_apart(self, line: Line, why: str) -> int:
        """Put down a line that is not measured, its place, why, and its bytes in base64, and return the size of that."""
        data = base64.b64encode(line.data).decode()
        row = {"partition": line.partition, "offset": line.offset, "why": why, "line": data}
        return self._write(orjson.dumps(row) + b"\n", line)

    def _write(self, data: bytes, line: Line) -> int:
        try:
            if self._file is None:
                self._file = self.path.open("xb")
                self.path.chmod(0o600)
            self._file.write(data)
        except OSError as error:
            raise StorageError(f"a window cannot be kept on disk: {error.strerror}") from error
        self.rows += 1
        self.size_bytes += len(data)
        first, last = self.spans.get(line.partition, (line.offset, line.stop))
        self.spans[line.partition] = (min(first, line.offset), max(last, line.stop))
        return len(data)

    def close(self) -> Path:
        """Return the file, whole; an empty one where there is no line."""
        try:
            if self._file is not None:
                self._file.close()
            else:
                self.path.touch(mode=0o600)
        except OSError as error:
            raise StorageError(f"a window cannot be kept on disk: {error.strerror}") from error
        return self.path

    def offsets(self) -> tuple[Span, ...]:
        """Return where the lines lie, by partition."""
        return tuple(Span(partition=one, start=start, stop=stop) for one, (start, stop) in sorted(self.spans.items()))
