"""Rows that were kept apart by a process that died before its event: no entry names them, and nobody would delete them.

A quarantine's folder says whose it is before it holds any row (`.ledger`), so that nobody takes the rows of another ledger for
orphans. A check that is still running looks the same as one that died: only what nobody has touched for a while counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.history import ProjectingLog
from contracts.quarantine.store import OWNER, quarantines
from proofs.errors import RefusedError

OLDER_THAN: Final = timedelta(hours=24)
_MAX_NAME: Final = 1_000


@dataclass(frozen=True, slots=True)
class Orphan:
    """A folder of rows that no entry of the log names, or whose rows an entry says were deleted.

    Attributes:
        touched: When something in it was last written.
        size_bytes: Of all files in it.
    """

    id: str
    place: Path
    touched: datetime
    size_bytes: int


def orphans(
    log: ProjectingLog, folder: Path, *, origin: str, now: datetime, older_than: timedelta = OLDER_THAN
) -> tuple[Orphan, ...]:
    """Return the orphans of a log in the folder of its quarantines, by their ids.

    Args:
        origin: The log's name.
        older_than: What was touched later may still be told of by a running check.

    Raises:
        RefusedError: The folder cannot be read.
    """
    try:
        found = [each for place in sorted(folder.iterdir()) if (each := _seen(place, origin)) is not None]
    except OSError as error:
        raise RefusedError(f"the folder cannot be read: {error.strerror}", where=str(folder)) from error
    # What the log says is asked last: whoever told of his rows meanwhile is heard.
    alive = {kept.id for kept in quarantines(log) if not kept.is_gone}
    return tuple(each for each in found if each.id not in alive and each.touched <= now - older_than)


def remove_orphans(
    log: ProjectingLog, folder: Path, *, origin: str, now: datetime, older_than: timedelta = OLDER_THAN
) -> Iterator[Orphan]:
    """Delete the rows of every orphan, and yield it; raises as `orphans`."""
    for each in orphans(log, folder, origin=origin, now=now, older_than=older_than):
        try:
            for path in [path for path in each.place.iterdir() if path.name != OWNER]:
                if path.is_file() and not path.is_symlink():
                    path.unlink()
            # Whose it is goes last: a folder of which that is not known is left alone for ever.
            if [path.name for path in each.place.iterdir()] == [OWNER]:
                (each.place / OWNER).unlink()
                each.place.rmdir()
        except OSError as error:
            raise RefusedError(f"the rows cannot be deleted: {error.strerror}", where=str(each.place)) from error
        yield each


def _seen(place: Path, origin: str) -> Orphan | None:
    """The folder of a quarantine of this log, whatever became of that; None where it is none."""
    if place.is_symlink() or not place.is_dir() or not _is_id(place.name) or _owner(place) != origin:
        return None
    paths = [path for path in place.iterdir() if path.is_file() and not path.is_symlink()]
    stats = [path.stat() for path in paths]
    touched = max(place.stat().st_mtime, *(stat.st_mtime for stat in stats))
    return Orphan(place.name, place, datetime.fromtimestamp(touched, UTC), sum(stat.st_size for stat in stats))


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _owner(place: Path) -> str | None:
    path = place / OWNER
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_NAME:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
