"""Whether every byte of a CSV file is a value, a delimiter or the end of a record, so that none is dropped unseen.

The engine skips blank lines and takes blanks around a quoted value away, without a word (DuckDB 2.0, `strict_mode`
notwithstanding). What RFC 4180 does not have is refused here instead: a blank line where records have several values, and
anything between a quote and the delimiter beside it. In a file of one column a blank line is an empty value.

Quoted values are folded to one quote each by one pass of a regular expression; what is left is looked at as a whole. A file
without a quote and a carriage return has no layout but its lines: where the engine found as many records, it dropped none.

Source: RFC 4180 section 2, rules 4 to 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proofs.errors import MalformedError, MissingError

CHUNK_BYTES: Final = 1 << 22
GLANCE_BYTES: Final = 1 << 18  # what is hashed and counted while it is in the processor's cache
VALUE_BYTES: Final = 4_000_000  # beyond what the engine takes for one line
_BLANK_LINES: Final = (b"\n\n", b"\n\r\n", b"\r\r")
_QUOTED: Final = re.compile(rb'"[^"]*"')
_BOM: Final = b"\xef\xbb\xbf"


def count_lines(path: Path, take: Callable[[bytes], object]) -> int | None:
    """Return how many lines a file has, the last one with or without its end; None where it has a quote or a carriage return.

    Args:
        take: Is given every byte of the file, in order.

    Raises:
        MissingError: The file cannot be read.
    """
    lines, last, is_plain = 0, b"\n", True
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(GLANCE_BYTES):
                take(chunk)
                is_plain = is_plain and b'"' not in chunk and b"\r" not in chunk
                lines += chunk.count(b"\n") if is_plain else 0
                last = chunk[-1:]
    except OSError as error:
        raise MissingError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    return lines + (last != b"\n") if is_plain else None


def check_layout(path: Path, *, delimiter: str, is_single: bool, chunk_bytes: int = CHUNK_BYTES) -> None:
    """Accept a file in which nothing stands but values, delimiters and ends of records.

    Args:
        is_single: The header has one column.
        chunk_bytes: How much is looked at at once.

    Raises:
        MalformedError: Something else stands there, at the line in `where`; the bytes are not quoted.
        MissingError: The file cannot be read.
    """
    looked = _Looked(path, re.compile(rb'[^"\r\n%b]"|"[^"\r\n%b]' % ((re.escape(delimiter.encode()),) * 2)), is_single)
    held = b""
    try:
        with path.open("rb") as file:
            if (start := file.read(len(_BOM))) != _BOM:
                held = start
            while chunk := file.read(chunk_bytes):
                held = looked.take(held + chunk)
                if len(held) > VALUE_BYTES:
                    raise MalformedError(
                        f"a quoted value has more than {VALUE_BYTES} bytes", where=f"{path} line {looked.line}"
                    )
    except OSError as error:
        raise MissingError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    looked.take(held)  # a value that is not closed at the end is the engine's to refuse


@dataclass(slots=True)
class _Looked:
    """How far the file was looked at.

    Attributes:
        strange: What cannot stand beside a quote.
        before: The last bytes that were looked at, folded; at the start of the file, an end of a record.
        line: The line on which the next byte stands.
    """

    path: Path
    strange: re.Pattern[bytes]
    is_single: bool
    before: bytes = b"\n"
    line: int = 1

    def take(self, data: bytes) -> bytes:
        """Look at `data`, and return the quoted value at its end that is not closed yet."""
        held = b""
        if data.count(b'"') % 2:
            opening = data.rindex(b'"')
            data, held = data[:opening], data[opening:]
        # The opening quote of what is held back is there, so that what precedes it is looked at now.
        folded = self.before + (_QUOTED.sub(b'"', data) if b'"' in data else data) + held[:1]
        found = [(at, "a blank line stands between records of several values") for at in self._blank_lines(folded)]
        if b'"' in folded and (beside := self.strange.search(folded)):
            found.append((beside.start() + 1, "something stands between a quote and the delimiter"))
        if found:
            at, what = min(found)
            line = self.line + _ends(_unfolded(data, at - len(self.before), folded[len(self.before) :]))
            raise MalformedError(f"{what}, and the engine would drop it", where=f"{self.path} line {line}")
        self.line += _ends(data)
        self.before = (folded[:-1] if held else folded)[-2:]
        return held

    def _blank_lines(self, folded: bytes) -> list[int]:
        if self.is_single:
            return []
        blanks = _BLANK_LINES if b"\r" in folded else _BLANK_LINES[:1]
        return [at + len(blank) - 1 for blank in blanks if (at := folded.find(blank)) >= 0]


def _ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _unfolded(data: bytes, at: int, folded: bytes) -> bytes:
    """What stands in `data` before the byte that is at `at` once its quoted values are folded."""
    count = folded.count(b'"', 0, max(at, 0))
    end = 0
    for number, quoted in enumerate(_QUOTED.finditer(data)):
        if number == count:
            break
        end = quoted.end()
    return data[: end + max(at, 0) - (folded.rfind(b'"', 0, max(at, 0)) + 1)]
