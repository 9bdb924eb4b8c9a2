"""What PostgreSQL's errors mean to a caller of this project."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from proofs.errors import (
    BusyError,
    ConflictError,
    MalformedError,
    MissingError,
    RefusedError,
    StorageError,
    TallyError,
    TamperedError,
)

NOT_NEXT: Final = "TY001"
APPEND_ONLY: Final = "TY002"
HEAD_DIFFERS: Final = "TY003"
NO_LOG: Final = "TY004"
_UNIQUE: Final = "23505"
_EXISTS: Final = (_UNIQUE, NOT_NEXT)
# The lock timed out, the statement did, two transactions waited for each other, or the server has no room for one more now.
_BUSY: Final = ("55P03", "57014", "40001", "40P01", "53300", "53200", "25P03")
_NOT_ALLOWED: Final = "42501"
_REFUSED: Final = (APPEND_ONLY, "25006", "25P02", "54000", "22021", "22P05")
_STORAGE: Final = ("53100", "58030")  # the disk is full, or an I/O error
_DAMAGED: Final = ("XX001", "XX002", "42P01", "42703", "42883", "3F000")
# Between two words with which libpq passes on what the server said; there is no SQLSTATE before there is a session.
_PERMANENT: Final = ("authentication failed", "no pg_hba.conf entry", "is not permitted to log in", "permission denied")
_NO_DATABASE: Final = ("does not exist",)
_SHOWN: Final = 200


def is_lost(error: psycopg.Error, conn: psycopg.Connection[Any]) -> bool:
    """True when the session is gone: what was not committed is undone, and a new connection is needed."""
    state = error.sqlstate or ""
    return conn.closed or state.startswith(("08", "57P"))


def translated(error: psycopg.Error, what: str) -> TallyError | psycopg.Error:
    """Return what an error of a statement is in the tree of proofs.errors; the error itself where it is a mistake of ours.

    Args:
        what: What was tried, as the beginning of a sentence.
    """
    state = error.sqlstate or ""
    if state in _EXISTS:
        return ConflictError("a row of the batch is in the log already; nothing of the batch was written")
    if state in _BUSY:
        return BusyError(f"{what}: somebody else held the lock or the server for too long", hint="try again")
    said = _first_line(error.diag.message_primary or "")
    if state in _STORAGE:
        return StorageError(f"{what}: {said}", hint="free the server's disk, then try again")
    if state == HEAD_DIFFERS:
        return TamperedError(f"{what}: {said}", hint="run `tally verify`; rows were removed or added by hand")
    if state == NO_LOG:
        return MissingError(f"{what}: {said}")
    if state == _NOT_ALLOWED:
        hint = "a reader's role may not write; and after an upgrade the owner runs `tally ledger migrate` first"
        return RefusedError(f"{what}: {said}", hint=hint)
    if state in _REFUSED:
        return RefusedError(f"{what}: {said}")
    if state in _DAMAGED:
        return MalformedError(f"{what}: {said}", hint="the ledger's tables are damaged; bring back a whole copy")
    if isinstance(error, psycopg.OperationalError):
        return lost(what)
    return error


def lost(what: str) -> BusyError:
    """Return the error for a connection that went away before a commit."""
    return BusyError(
        f"{what}: the connection to PostgreSQL was lost", hint="try again: the next call makes a new connection"
    )


def unreachable(error: psycopg.Error, shown: str) -> TallyError:
    """Return what it means that no connection could be made to the server at `shown`, which holds no password."""
    said = _first_line(str(error))
    if any(words in said for words in _PERMANENT):
        return RefusedError(f"PostgreSQL at {shown} does not let us in: {said}")
    if any(words in said for words in _NO_DATABASE):
        return MissingError(f"no ledger at {shown}: {said}", hint="create the database and the role first")
    return BusyError(f"PostgreSQL at {shown} cannot be reached: {said}", hint="start it, or try again")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:_SHOWN] if lines else "no reason was given"
