"""Vector indexes: copied as they are now into an engine of our own, vectors as lists, and known by what their rows are.

An index has no bytes that anybody could hash and find the same: it compacts, and keeps older versions. So its fingerprint is that
of a text: the SHA-256 of each row's JSON, in hex, one to a line, in ascending order. The same rows have the same, however stored.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.columns import Column
from contracts.engine import confined
from contracts.source import Fingerprint, Opened, Readable, reason
from proofs.errors import MalformedError

if TYPE_CHECKING:
    import duckdb

ROWS: Final = 2_000  # taken from an index at once
FETCHED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Copy:
    """What an index is copied as: fills the table `index` of a connection, and says which columns it has."""

    fill: Callable[[duckdb.DuckDBPyConnection], None]
    columns: Callable[[duckdb.DuckDBPyConnection], tuple[Column, ...]]


@contextmanager
def copied(source: Readable, copy: Copy, *, bounded: bool, writes: Sequence[Path]) -> Iterator[Opened]:
    """Copy an index, and hand it over with its fingerprint.

    Raises:
        MalformedError: It holds what the engine has no type for.
    """
    import duckdb

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        try:
            copy.fill(connection)
        except duckdb.Error as error:
            raise MalformedError(
                f"{source.label} cannot be read: {reason(error)}"
            ) from None  # its own words quote rows

    with (
        tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
        closing(confined(writes, spill, bounded=bounded, fill=fill)) as connection,
    ):
        content = _content(connection)
        yield Opened(connection, source.kind, "index", copy.columns(connection), source, content)


def _content(connection: duckdb.DuckDBPyConnection) -> Fingerprint:
    digest, size = hashlib.sha256(), 0
    rows = "SELECT CAST(to_json(i) AS VARCHAR) AS row FROM index i"
    found = connection.execute(f"SELECT sha256(row) AS hash, strlen(row) FROM ({rows}) ORDER BY hash")  # noqa: S608 of ours
    while batch := found.fetchmany(FETCHED):
        for hash, length in batch:
            digest.update(f"{hash}\n".encode())
            size += length
    return Fingerprint(digest.hexdigest(), size)
