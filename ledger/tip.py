"""The tip: the end of the log as somebody was last told of it. It stands beside the key, never beside the database.

    "tallystick/tip/v1 " || size, 16 digits || " " || leaf hash of entry size − 1 || " " || SHA-256 of all before || "\\n"

The head (I14) speaks of what was signed; the tip of everything that was acknowledged. It is written in place after the commit
point and before the acknowledgement, and not synced: after a power cut it may be older than the database, never newer than
what was acknowledged. So it is a lower bound. A database that does not contain it is a restored backup, or another history.

Source: docs/adr/0010-a-restored-backup-says-so.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path
from typing import Final

from ledger.store import Store
from proofs.digest import leaf_hash, sha256
from proofs.errors import ForkError, MalformedError, MissingError, UnknownOutcomeError, UnverifiableError

NAME: Final = "tip"
_RECORD: Final = re.compile(rb"(tallystick/tip/v1 ([0-9]{16}) ([0-9a-f]{64})) ([0-9a-f]{64})\n\Z")
_BYTES: Final = 165  # within one sector: a disk writes it whole or not at all


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a log.

    Attributes:
        size: Entries that were acknowledged, ≥ 1.
        leaf: Leaf hash of the last of them, 32 bytes.
    """

    size: int
    leaf: bytes

    def to_bytes(self) -> bytes:
        """Return the record."""
        said = b"tallystick/tip/v1 %016d %s" % (self.size, self.leaf.hex().encode())
        return b"%s %s\n" % (said, sha256(said).hex().encode())

    @classmethod
    def parse(cls, data: bytes) -> Tip:
        """Read a record.

        Raises:
            MalformedError: It is none: torn, or somebody else's.
        """
        match = _RECORD.match(data)
        if match is None or sha256(match[1]).hex().encode() != match[4] or not int(match[2]):
            raise MalformedError(
                f"the {len(data)} bytes of the tip beside the key are not its record",
                where=NAME,
                hint="only the last signed head guards this log now; the next append writes a new tip",
            )
        return cls(int(match[2]), bytes.fromhex(match[3].decode()))


class RestoredError(ForkError):
    """The ledger does not hold what was acknowledged: a restored backup, or another history. Nothing was written.

    Attributes:
        tip: What was acknowledged.
        size: Entries that the ledger holds.
    """

    code = "restored"

    def __init__(self, what: str, tip: Tip, size: int) -> None:
        super().__init__(
            what,
            hint="put the newest copy back, or go on from this one with `tally restore accept`, which records what is lost",
        )
        self.tip = tip
        self.size = size


def check_tip(store: Store, tip: Tip) -> None:
    """Accept a store that holds what was acknowledged. The tip MUST have been read before the store's snapshot began.

    Raises:
        RestoredError: It does not.
    """
    size = store.size()
    if size < tip.size:
        raise RestoredError(f"the ledger holds {size} entries, but {tip.size} were acknowledged", tip, size)
    found = leaf_at(store, tip.size - 1)
    if found != tip.leaf:
        what = f"entry {tip.size - 1} was acknowledged with the leaf hash {tip.leaf.hex()}, but it is {(found or b'').hex()}"
        raise RestoredError(what, tip, size)


def leaf_at(store: Store, seq: int) -> bytes | None:
    """Return the leaf hash of a stored entry; None where there is none that could be hashed."""
    found = store.headers(seq, seq + 1)
    # A damaged file may hand out a text: then it is not what was acknowledged, and `fsck` says the rest.
    return leaf_hash(found[0]) if found and isinstance(found[0], bytes) else None


class TipFile:
    """The record in a keyring's folder; safe for many processes and threads.

    It is opened anew each time: a lock then holds between threads as well, and a folder that was put back is seen.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> Tip:
        """Return the tip.

        Raises:
            MissingError: There is none.
            MalformedError: The record is torn.
            UnverifiableError: It cannot be read.
        """
        try:
            with self._open(os.O_RDONLY) as descriptor:
                try:
                    return Tip.parse(_read(descriptor))
                except MalformedError:
                    flock(descriptor, LOCK_SH)  # not torn, perhaps, but being written
                    return Tip.parse(_read(descriptor))
        except FileNotFoundError as error:
            raise MissingError(
                "the tip is missing beside the key",
                where=NAME,
                hint="only the last signed head guards this log now; the next append writes a new tip",
            ) from error
        except OSError as error:
            raise UnverifiableError(f"the tip beside the key cannot be read: {error.strerror}", where=NAME) from error

    def advance(self, tip: Tip) -> None:
        """Move the tip forward; what is there already, or is older, changes nothing, and a torn record is replaced.

        Raises:
            UnknownOutcomeError: It cannot be written; the entries are durable.
        """
        try:
            with self._open(os.O_RDWR | os.O_CREAT) as descriptor:
                # Processes leave the writer's lock of the store in any order: under this one the tip never goes back.
                flock(descriptor, LOCK_EX)
                known = _read(descriptor)
                if not _is_behind(known, tip):
                    return
                os.pwrite(
                    descriptor, tip.to_bytes(), 0
                )  # not synced: losing it to a power cut leaves an older lower bound
                if len(known) > _BYTES:
                    os.ftruncate(descriptor, _BYTES)
        except OSError as error:
            raise UnknownOutcomeError(
                f"the entries are durable, and the tip beside the key cannot be written: {error.strerror}",
                hint="append the same events again when it can: what is there is not written twice",
            ) from error

    def put(self, tip: Tip) -> None:
        """Set the tip, forward or back, and make it durable: for a log that begins, and a loss that was accepted.

        Raises:
            UnknownOutcomeError: It cannot be written.
        """
        try:
            with self._open(os.O_RDWR | os.O_CREAT) as descriptor:
                flock(descriptor, LOCK_EX)
                os.pwrite(descriptor, tip.to_bytes(), 0)
                os.ftruncate(descriptor, _BYTES)
                os.fsync(descriptor)
        except OSError as error:
            raise UnknownOutcomeError(f"the tip beside the key cannot be written: {error.strerror}") from error

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)  # gives the lock back


class Guard:
    """Holds every write to the tip, and moves it on behind every commit.

    Attributes:
        file: The record.
        moves: False for writes whose commit is somebody else's, and may never come: the tip stays a lower bound.
        accepted: A tip whose loss was accepted; until the next commit, the log need not hold it.
    """

    def __init__(self, file: TipFile, *, moves: bool = True) -> None:
        self.file = file
        self.moves = moves
        self.accepted: Tip | None = None

    def check(self, store: Store, end: Tip | None) -> None:
        """Accept the store that is about to be written. Only inside `writing`.

        Args:
            end: Its last entry, where the caller knows it.

        Raises:
            RestoredError: It does not hold what was acknowledged; nothing was written.
        """
        try:
            tip = self.file.read()
        except (MissingError, MalformedError):
            return  # opening the ledger said so, and what is written now repairs it
        if tip not in (end, self.accepted):
            check_tip(store, tip)

    def acknowledge(self, end: Tip) -> None:
        """Move the tip to the end of what was committed; only then may it be acknowledged.

        Raises:
            UnknownOutcomeError: It cannot be written; the entries are durable.
        """
        if not self.moves:
            return
        if self.accepted is None:
            self.file.advance(end)
        else:
            self.file.put(end)
            self.accepted = None


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, _BYTES + 1, 0)


def _is_behind(known: bytes, tip: Tip) -> bool:
    try:
        return Tip.parse(known).size < tip.size
    except MalformedError:
        return True
