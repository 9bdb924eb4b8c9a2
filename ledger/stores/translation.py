"""What SQLite's errors mean to a caller of this project."""

from __future__ import annotations

import sqlite3
from typing import Final

from ledger.stores import schema
from proofs.errors import BusyError, MalformedError, RefusedError, TallyError

_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
# SQLITE_ERROR in a statement of ours: a table or a column is not there, or is another one.
_DAMAGED: Final = frozenset(
    (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)
)
_REFUSED: Final = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_TOOBIG)
)


_HINT: Final = "the file is damaged; bring back a whole copy"
# Where a damaged file makes SQLite quote bytes that are no text, Python fails to read its message.
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)


def translated(error: sqlite3.Error | UnicodeDecodeError, what: str) -> TallyError | sqlite3.Error:
    """Return what `error` is in the tree of proofs.errors; the error itself where it is a mistake of this program.

    Args:
        what: What was tried, as the beginning of a sentence.
    """
    if isinstance(error, UnicodeDecodeError):
        return MalformedError(f"{what}: it holds bytes that are no text", hint=_HINT)
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary is None and isinstance(error, sqlite3.OperationalError):  # text that is not UTF-8
        return MalformedError(f"{what}: {error}", hint=_HINT)
    if primary in _BUSY:
        return BusyError(f"{what}: somebody else held the lock for too long", hint="try again")
    if primary in _DAMAGED:
        return MalformedError(f"{what}: {error}", hint=_HINT)
    if primary in _REFUSED or schema.is_append_only_refusal(error):
        return RefusedError(f"{what}: {error}")
    return error
