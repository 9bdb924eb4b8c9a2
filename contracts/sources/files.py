r"""Many files of one kind as one batch: a folder, or what a pattern finds; every one of them is read and hashed.

The SHA-256 of such a batch is that of a text: for each file, in ascending order of names, "<64 hex>  <name>\n", where the
name is relative to the folder, with / between its parts; as `sha256sum` prints it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.columns import Column
from contracts.engine import confined, literal
from contracts.layout import check_layout
from contracts.source import CsvFile, Fingerprint, Opened, csv_relation, describe, fingerprint, header, readable_file
from contracts.sources.jsonlines import json_relation
from proofs.errors import MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import duckdb

MAX_FILES: Final = 10_000
EVERYTHING: Final = "**/*"
_PACKED: Final = frozenset((".bz2", ".gz", ".lz4", ".snappy", ".xz", ".zst"))
KINDS: Final = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Files:
    """Files below one folder.

    Attributes:
        paths: All of them, in ascending order of their names below `folder`, of one suffix.
        hive: Take "key=value" folders of Parquet files for columns of text; not unless asked.
    """

    folder: Path
    paths: tuple[Path, ...]
    hive: bool = False

    def __post_init__(self) -> None:
        kinds = {path.suffix.lower() for path in self.paths}
        if not self.paths:
            raise MissingError("there is no file of a kind that can be read", where=str(self.folder))
        if len(kinds) > 1 or not kinds <= set(KINDS):
            raise RefusedError("the files are of several kinds, or of one that cannot be read", where=str(self.folder))
        if len(self.paths) > MAX_FILES:
            raise RefusedError(
                f"there are {len(self.paths)} files, at most {MAX_FILES} are read", where=str(self.folder)
            )
        if self.hive and self.kind != "parquet":
            raise RefusedError("partitions are read of Parquet files alone", where=str(self.folder))

    @property
    def kind(self) -> str:
        """Which kind of file they are."""
        return KINDS[self.paths[0].suffix.lower()]

    @property
    def label(self) -> str:
        """The folder."""
        return f"the {len(self.paths)} files in {self.folder}"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.paths

    def hashed(self) -> Fingerprint:
        """Return the fingerprint of the list of them."""
        return self.listed(fingerprint)

    def examine(self) -> Fingerprint:
        """Return the fingerprint of the list of them, having looked at each."""
        return self.listed(self._look)

    def listed(self, look: Callable[[Path], Fingerprint]) -> Fingerprint:
        """Return the fingerprint of the list of them, where `look` gives that of one."""
        listed, size = hashlib.sha256(), 0
        for name, path in sorted((path.relative_to(self.folder).as_posix(), path) for path in self.paths):
            found = look(path)
            listed.update(f"{found.sha256}  {name}\n".encode("utf-8", "surrogateescape"))
            size += found.size_bytes
        return Fingerprint(listed.hexdigest(), size, len(self.paths))

    def _look(self, path: Path) -> Fingerprint:
        self.check(path)
        return fingerprint(path)

    def check(self, path: Path) -> None:
        """Refuse a CSV of which the engine would drop something."""
        if self.kind == "csv":
            source = csv_file(path)
            check_layout(path, delimiter=source.delimiter, is_single=len(header(source)) == 1)

    @contextmanager
    def opened(self, *, bounded: bool, writes: Sequence[Path] = ()) -> Iterator[Opened]:
        """Open all of them in one engine, columns matched by name."""
        paths = [readable_file(path) for path in self.paths]
        with (
            tempfile.TemporaryDirectory(prefix="tallystick-") as spill,
            closing(confined([*paths, *writes], spill, bounded=bounded)) as connection,
        ):
            relation, columns = self._relation(connection, paths)
            yield Opened(connection, self.kind, relation, columns, self)

    def _relation(self, connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> tuple[str, tuple[Column, ...]]:
        if self.kind == "jsonl":
            return json_relation(connection, paths, self.label)
        if self.kind == "csv":
            headers = {tuple(header(csv_file(path))) for path in self.paths}
            if len(headers) > 1:
                raise MalformedError(f"{self.label} do not have one header")
            return csv_relation(paths, headers.pop(), csv_file(self.paths[0]))
        listed = ", ".join(literal(str(path)) for path in paths)
        hive = f"hive_partitioning = {str(self.hive).lower()}"
        relation = (
            f"read_parquet([{listed}], union_by_name = true, {hive}{', hive_types_autocast = false' * self.hive})"
        )
        columns = describe(connection, relation, self)
        keys = {part.partition("=")[0] for path in self.paths for part in path.relative_to(self.folder).parts[:-1]}
        return relation, tuple(
            replace(column, as_text=True) if self.hive and column.name in keys else column for column in columns
        )


def _check_all_is_seen(folder: Path) -> None:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        packed = [name for name in files if name[0] not in "._" and _is_packed(Path(name))]
        if links or packed:
            what = "links to a folder" if links else "holds packed files"
            raise RefusedError(
                f"the folder {what}, {(links or packed)[0][:64]!r}, which would not be measured",
                where=str(folder),
                hint="say by a pattern which files are meant",
            )


def _is_packed(name: Path) -> bool:
    return name.suffix.lower() in _PACKED and Path(name.stem).suffix.lower() in KINDS


def csv_file(path: Path) -> CsvFile:
    """Return a CSV with the delimiter that its name says."""
    return CsvFile(path, "\t" if path.suffix.lower() == ".tsv" else ",")


def folder_source(folder: Path, pattern: str = EVERYTHING, *, hive: bool = False) -> Files:
    """Return the files below a folder whose names end as a kind that is read; those that begin with . or _ are passed over.

    Raises:
        MissingError: There is none.
        RefusedError: They are of several kinds, or too many; or, without a pattern, others read what is not measured here: a
            folder that is linked, or files of these kinds that are packed.
    """
    if pattern == EVERYTHING:
        _check_all_is_seen(folder)
    try:
        found = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in KINDS and path.is_file())
    except (OSError, ValueError, NotImplementedError) as error:
        raise RefusedError("the folder cannot be searched so", where=str(folder)) from error
    hidden = {path for path in found if any(part[0] in "._" for part in path.relative_to(folder).parts)}
    return Files(folder, tuple(path for path in found if path not in hidden), hive)
