"""A batch that is made of files: what each is, and how only some of them are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from contracts.engine import identifier
from contracts.source import Fingerprint, Opened, Source, csv_relation, fingerprint
from contracts.sources.files import Files, csv_file
from contracts.tables.active import FILE, ActiveTable
from proofs import jsonstrict

_INDEX: Final = "file_index"  # what the engine calls the place of a file in the list


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some files of an open batch.

    Attributes:
        relation: The SQL after FROM.
        file: The expression that numbers the file of a row.
        numbers: The number of a file in the batch, by that.
    """

    relation: str
    file: str
    numbers: dict[int, int]


@dataclass(frozen=True, slots=True)
class Parted:
    """A source of several files, with the fingerprint of each.

    Attributes:
        keys: By which each is known again: its bytes, and what is read of it beside them.
    """

    source: Files | ActiveTable
    found: tuple[Fingerprint, ...]
    keys: tuple[str, ...]

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of all of them."""
        known = dict(zip(self.source.files, self.found, strict=True))
        return self.source.listed(known.__getitem__)

    def check(self, numbers: Sequence[int]) -> None:
        """Refuse files of which the engine would drop something; raises as `Files.examine`."""
        if isinstance(self.source, Files):
            for number in numbers:
                self.source.check(self.source.paths[number])

    def chosen(self, batch: Opened, numbers: Sequence[int]) -> Chosen | None:
        """Return some of the files; None where the engine cannot tell which file a row is of."""
        if isinstance(self.source, Files) and self.source.kind == "csv":
            paths = [self.source.paths[number].resolve() for number in numbers]
            # The engine reads every CSV that it is given; all have one header.
            names = [column.name for column in batch.columns]
            relation, _ = csv_relation(paths, names, csv_file(self.source.paths[0]))
            return Chosen(relation, _INDEX, dict(enumerate(numbers)))
        if any(column.name.casefold() in (_INDEX, FILE) for column in batch.columns):
            return None
        file = identifier(FILE) if isinstance(self.source, ActiveTable) else _INDEX
        listed = ", ".join(str(number) for number in numbers)
        relation = f"(SELECT *, {file} AS tally_number FROM {batch.relation} WHERE {file} IN ({listed}))"  # noqa: S608 quoted
        return Chosen(relation, "tally_number", {number: number for number in numbers})


def parted(source: Source) -> Parted | None:
    """Return the files of a batch, each hashed now; None where it is none of several files that can be asked apart.

    Raises:
        MissingError: One of them is gone.
    """
    if isinstance(source, ActiveTable):
        return _hashed(source, lambda number: jsonstrict.dumps(source.said(number)).decode())
    if isinstance(source, Files) and source.kind in ("parquet", "csv"):
        below = [path.relative_to(source.folder).parent.as_posix() if source.hive else "" for path in source.paths]
        return _hashed(source, lambda number: f"{source.paths[number].suffix.lower()} {below[number]}")
    return None


def _hashed(source: Files | ActiveTable, beside: Callable[[int], str]) -> Parted:
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = tuple(pool.map(fingerprint, source.files))
    return Parted(source, found, tuple(f"{each.sha256} {beside(number)}" for number, each in enumerate(found)))
