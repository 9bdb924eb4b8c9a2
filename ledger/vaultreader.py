"""The vault beside the keys, looked at and never changed, for whoever holds a ledger to it.

    which sealed parts are gone on purpose     the vault wrote down each commitment before anything was destroyed
    which of them must be gone by now          and marked the erasure as finished when all of it was
    what is sealed in those that are there     their data keys
    by what an event is known again            the key of those hashes

The log alone tells how many parts an erasure destroyed, never which; nor what a sealed part or a keyed hash must be. So only
whoever may look into the vault can tell what was erased or sealed from what somebody deleted or wrote.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from ledger.keyring import Keyring
from ledger.opener import DestroyedError, Opener
from ledger.sqlitefile import ERRORS
from proofs.errors import MalformedError, MissingError, UnverifiableError


class VaultReader:
    """The vault of one log, or that there is none.

    Attributes:
        why_shut: Why parts are not opened, where their keys cannot be read; empty otherwise.
    """

    def __init__(self, keyring: Keyring | None) -> None:
        """Look for the vault, before the ledger's snapshot is taken; without one nothing is known.

        Raises:
            UnverifiableError: It is there, and not for us to read.
        """
        path = None if keyring is None else keyring.folder / "vault.db"
        self._db = None if path is None or not path.is_file() else _connect(path)
        self.why_shut = ""
        # Of an erasure that finishes later, a snapshot of the ledger that is taken in between still holds the parts.
        self._erasures = sum(row[0] or 0 for row in self._rows("SELECT max(rowid) FROM erasure"))
        self._waiting = frozenset(row[0] for row in self._rows("SELECT id FROM erasure WHERE finished IS NULL"))
        self._opener = None if keyring is None else Opener(keyring.folder, self._rows, origin=keyring.origin)

    @property
    def is_known(self) -> bool:
        """True when there is a vault to ask."""
        return self._db is not None

    def cover(self, commitment: bytes) -> bool:
        """True when an erasure that was begun destroys the part; False also where there is no vault.

        Raises:
            UnverifiableError: The vault cannot be read.
        """
        return bool(self._rows("SELECT 1 FROM erasing WHERE commitment = ? LIMIT 1", commitment))

    def finished(self, commitment: bytes) -> list[str]:
        """Return the ids of the erasures that destroyed the part and were finished when this was made, and still are.

        Raises:
            UnverifiableError: The vault cannot be read.
        """
        if self._erasures == 0:
            return []
        select = (
            "SELECT erasure FROM erasing JOIN erasure ON id = erasure "
            "WHERE commitment = ? AND finished IS NOT NULL AND erasure.rowid <= ?"
        )
        return [id for (id,) in self._rows(select, commitment, self._erasures) if id not in self._waiting]

    def secret(self, name: str) -> bytes | None:
        """Return the vault's secret of this name; None where none was drawn yet, or there is no vault.

        Raises:
            UnverifiableError: The vault cannot be read.
        """
        rows = self._rows("SELECT value FROM secret WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def open(self, commitment: bytes, sealed: bytes) -> bytes | None:
        """Return salt || bytes of a sealed part; None where nobody here can, or an erasure has begun.

        Raises:
            MissingError: Its key is gone, and no erasure destroyed it.
            TamperedError: The sealed bytes are not what was sealed.
            UnverifiableError: The vault cannot be read.
        """
        if self._opener is None or self._db is None or self.why_shut:
            return None
        try:
            return self._opener.open(commitment, sealed)
        except DestroyedError:
            if self.cover(commitment):
                return None
            raise
        except (MissingError, MalformedError) as error:
            self.why_shut = error.what
            return None

    def _rows(self, select: str, *values: object) -> list[Any]:
        if self._db is None:
            return []
        try:
            return self._db.execute(select, values).fetchall()
        except ERRORS as error:
            raise UnverifiableError(f"the vault cannot be read: {error}") from error

    def close(self) -> None:
        """Give back the file."""
        if self._db is not None:
            self._db.close()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        for table in ("erasing", "erasure"):
            db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - what cannot be read says so now
    except ERRORS as error:
        raise UnverifiableError(f"the vault at {path} cannot be read: {error}") from error
    return db
