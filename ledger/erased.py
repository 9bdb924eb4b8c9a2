"""Which sealed parts are gone on purpose: the vault wrote down each commitment before anything was destroyed.

The log alone tells how many parts an erasure destroyed, never which. So only whoever may look into the vault can tell a part
that was erased from one that was deleted.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ledger.keyring import Keyring
from ledger.sqlitefile import ERRORS
from proofs.errors import UnverifiableError


class Erasures:
    """The erasures of the vault beside the keys, looked at and never changed."""

    def __init__(self, keyring: Keyring | None) -> None:
        """Look for the vault; without one nothing is known.

        Raises:
            UnverifiableError: It is there, and not for us to read.
        """
        path = None if keyring is None else keyring.folder / "vault.db"
        self._db = None if path is None or not path.is_file() else _connect(path)

    @property
    def is_known(self) -> bool:
        """True when there is a vault to ask."""
        return self._db is not None

    def cover(self, commitment: bytes) -> bool:
        """True when an erasure that was begun destroys the part; False also where there is no vault.

        Raises:
            UnverifiableError: The vault cannot be read.
        """
        if self._db is None:
            return False
        select = "SELECT 1 FROM erasing WHERE commitment = ? LIMIT 1"
        try:
            return self._db.execute(select, (commitment,)).fetchone() is not None
        except ERRORS as error:
            raise UnverifiableError(f"the vault cannot be read: {error}") from error

    def close(self) -> None:
        """Give back the file."""
        if self._db is not None:
            self._db.close()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        db.execute("SELECT count(*) FROM erasing").fetchone()  # what cannot be read says so now
    except ERRORS as error:
        raise UnverifiableError(f"the vault at {path} cannot be read: {error}") from error
    return db
