"""The file of rows that were kept apart, as a source: text where something else is promised is read as text is in a CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.columns import Column
from contracts.model import Contract
from contracts.source import Fingerprint, Opened, ParquetFile, fingerprint, opened


@dataclass(frozen=True, slots=True)
class Apart:
    """One `bad.parquet`, whose columns are those of the source that it came from; of a CSV all are text."""

    path: Path
    contract: Contract

    @property
    def label(self) -> str:
        """What it is called."""
        return "the rows that were kept apart"

    @property
    def files(self) -> tuple[Path, ...]:
        """The one file."""
        return (self.path,)

    @property
    def kind(self) -> str:
        """What it is."""
        return "parquet"

    def hashed(self) -> Fingerprint:
        """Return its fingerprint."""
        return fingerprint(self.path)

    def examine(self) -> Fingerprint:
        """Return its fingerprint."""
        return fingerprint(self.path)

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Open it as a Parquet file."""
        types = {field.name: field.type for field in self.contract.fields}
        with opened(ParquetFile(self.path), bounded=bounded, writes=writes) as batch:
            columns = tuple(_as_was(column, types.get(column.name, "any")) for column in batch.columns)
            yield replace(batch, columns=columns)


def _as_was(column: Column, wanted: str) -> Column:
    is_text = column.type == "varchar" and wanted not in ("string", "any")
    return replace(column, as_text=True) if is_text else column
