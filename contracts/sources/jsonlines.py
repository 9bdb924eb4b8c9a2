"""JSON lines: UTF-8, one object on every line, no name twice in one; a column is a name that any of them has.

The engine takes NaN, a comma too many, a number beyond every double and a blank line; what RFC 8259 does not have is refused
here, at its line. Of a file in which nothing looks like any of these nobody but the engine parses a line, for a parse that
makes objects of Python costs more than all of the engine's. Where something does, if only within a text, every line is parsed
once more, strictly.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.columns import Column
from contracts.engine import confined, literal
from contracts.source import MAX_COLUMNS, Fingerprint, Opened, fingerprint, readable_file, reason
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb

LINE_BYTES: Final = 16 * 1024 * 1024
MAX_SHAPES: Final = 100_000  # lists of names that differ; beyond that, names are data
_CHUNK: Final = 1024 * 1024

# What the engine takes of a line, and RFC 8259 or a strict reader does not: nan and inf, a comma before a bracket, numbers that
# no double comes near, deep nesting. In a text it looks the same. A value that is no object is taken, too.
_LOOKS_LOOSE: Final = (
    r",\s*[}\]]|[:\[,]\s*-?(([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*[,}\]]"
    r"|[0-9]{100}|[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{3})"
)
_DOUBTFUL: Final = f"""NOT starts_with(json::VARCHAR, '{{') OR regexp_matches(json::VARCHAR, '{_LOOKS_LOOSE}')
    OR (length(json::VARCHAR) > 1000
        AND length(json::VARCHAR) - length(replace(replace(json::VARCHAR, '[', ''), '{{', '')) > 500)"""
_BLANK: Final = (b"\x0b", b"\x0c")  # which the engine passes over around an object, and which no text of JSON holds


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One file of JSON lines."""

    path: Path

    @property
    def label(self) -> str:
        """The file."""
        return f"the file {self.path}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    @property
    def kind(self) -> str:
        """JSON lines."""
        return "jsonl"

    def hashed(self) -> Fingerprint:
        """Return what the file is as bytes, whatever it holds."""
        return fingerprint(self.path)

    def examine(self) -> Fingerprint:
        """Return what the file is as bytes; whether each line is an object of JSON is seen where it is opened."""
        return fingerprint(self.path)

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Open the file in an engine of its own."""
        path = readable_file(self.path)
        with (
            tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
            closing(confined([path, *writes], spill, bounded=bounded)) as connection,
        ):
            relation, columns = json_relation(connection, [path], self.label)
            yield Opened(connection, "jsonl", relation, columns, self)


def json_relation(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], label: str
) -> tuple[str, tuple[Column, ...]]:
    """Return what reads files of JSON lines, and the names that any object has.

    Raises:
        MalformedError: An object has a name twice, or a file is not JSON lines; with the line, where the engine would take it.
        RefusedError: There are more than 10,000 names.
    """
    import duckdb

    listed = ", ".join(literal(str(path)) for path in paths)
    relation = (
        f"read_json_objects([{listed}], format = 'newline_delimited', hive_partitioning = false, "
        f"maximum_object_size = {LINE_BYTES})"
    )
    select = (
        f"SELECT json_keys(json) AS k, count(*) AS n, count(*) FILTER ({_DOUBTFUL}) FROM {relation}"  # noqa: S608 quoted
        f" GROUP BY k ORDER BY n DESC, k LIMIT {MAX_SHAPES + 1}"
    )
    try:
        shapes = connection.execute(select).fetchall()
    except duckdb.Error as error:
        raise MalformedError(f"{label} cannot be read as JSON lines: {reason(error)}") from None
    if any(len(set(names)) != len(names) for names, _, _ in shapes):
        raise MalformedError(f"{label} has an object in which a name stands twice")
    is_doubtful = any(doubtful for _, _, doubtful in shapes)
    if is_doubtful or sum(rows for _, rows, _ in shapes) != sum(_lines(path) for path in paths):
        for path in paths:
            check_lines(path)
    names = tuple(dict.fromkeys(name for shape, _, _ in shapes for name in shape))
    if len(names) > MAX_COLUMNS or len(shapes) > MAX_SHAPES:
        raise RefusedError(f"{label} has more than {MAX_COLUMNS} names, or {MAX_SHAPES} lists of them")
    # All of them at once: every extraction by itself would read the whole object again.
    pointers = ", ".join(_pointer(name) for name in names) or "'/'"
    extracted = f"(SELECT json_extract(json, [{pointers}]) AS found FROM {relation})"  # noqa: S608 quoted
    return extracted, tuple(
        Column(name, f"found[{place}]", "json", as_json=True) for place, name in enumerate(names, 1)
    )


def _pointer(name: str) -> str:
    """A name as an RFC 6901 pointer."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def _lines(path: Path) -> int:
    """How many lines a file has, those that are blank too; −1 where something stands in it that is blank to the engine alone."""
    lines, last = 0, b"\n"
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if any(blank in chunk for blank in _BLANK):
                    return -1
                lines += chunk.count(b"\n")
                last = chunk
    except OSError as error:
        raise MissingError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    return lines + (not last.endswith(b"\n"))


def check_lines(path: Path) -> None:
    """Make sure that every line of a file is one object of JSON.

    Raises:
        MalformedError: One is not, at the line in `where`; nothing of it is quoted.
        MissingError: The file cannot be read.
    """
    import orjson

    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                if len(line) > LINE_BYTES:
                    raise MalformedError(f"a line has more than {LINE_BYTES} bytes", where=f"{path} line {number}")
                if not isinstance(orjson.loads(line), dict):
                    raise MalformedError("a line is no object", where=f"{path} line {number}")
    except orjson.JSONDecodeError:
        raise MalformedError("a line is not JSON", where=f"{path} line {number}") from None  # its message quotes it
    except OSError as error:
        raise MissingError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
