"""Files that a crash leaves whole or not at all: written under another name, synced, given their own, the folder synced.

    <name>.<16 hex digits>.new     written and synced, for its owner alone; taken away again unless it was given its name
    <name>                         the commit point: `rename` over what stands there, `place` never
    the folder                     synced: then the name is durable, too

Until the name is given every failure is a refusal, and what stood there stands; behind it the outcome is unknown.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from proofs.errors import ConflictError, RefusedError, StorageError, UnknownOutcomeError

OWNER_ALONE: Final = 0o600
# No room, no more of it for this user, a file as large as may be, and a disk that fails: none is the caller's doing.
_OF_THE_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def replace(path: Path, data: bytes, *, mode: int = OWNER_ALONE) -> None:
    """Put `data` at `path`, durably, over what stands there.

    Raises:
        RefusedError, StorageError: It cannot be written; what stood there stands.
        UnknownOutcomeError: It is there, and may be gone after a crash.
    """
    with fresh(path, data, mode=mode) as written:
        rename(written, path)


def create(path: Path, data: bytes, *, mode: int = OWNER_ALONE) -> None:
    """Put `data` at `path`, durably, where nothing stands yet.

    Raises:
        ConflictError: Something does; it is left as it was.
        RefusedError, UnknownOutcomeError: As `replace`.
    """
    with fresh(path, data, mode=mode) as written:
        place(written, path)


@contextmanager
def fresh(path: Path, data: bytes, *, mode: int = OWNER_ALONE) -> Iterator[Path]:
    """Write `data` beside `path` and yield where, synced; for what has to happen before it is given its name.

    Raises:
        RefusedError, StorageError: It cannot be written; nothing is left of it.
    """
    written = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        with _refused(path):
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        yield written
    finally:
        # Gone where it was renamed. One that cannot be taken away is in nobody's way, and must hide no other error.
        with suppress(OSError):
            written.unlink(missing_ok=True)


def rename(written: Path, path: Path) -> None:
    """Give a synced file the name `path`, durably, over what stands there; raises as `replace`."""
    with _refused(path):
        written.replace(path)
    sync_folder(path.parent)


def place(written: Path, path: Path) -> None:
    """Give a synced file the name `path` as well, durably, where nothing stands yet; raises as `create`."""
    with _refused(path):
        try:
            os.link(written, path)  # fails where a rename would overwrite
        except FileExistsError as error:
            raise ConflictError(f"{path} exists already") from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable.

    Raises:
        UnknownOutcomeError: They are there, and may be gone after a crash.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnknownOutcomeError(
            f"what was written in {folder} may be gone after a crash: {error.strerror}", hint="look at the disk"
        ) from error


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = StorageError if error.errno in _OF_THE_DISK else RefusedError
        raise kind(f"{path} cannot be written: {error.strerror}") from error
