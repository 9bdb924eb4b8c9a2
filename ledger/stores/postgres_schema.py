"""The tables in PostgreSQL: made and brought forward by their owner, in one transaction, never backward.

Each version is one file, `postgres_<nnnn>.sql`. Opening a ledger never changes the tables; `tally ledger migrate` does, and
`tally init` makes them where there are none.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import psycopg
from psycopg import sql

from ledger.stores.postgres_errors import translated
from proofs.errors import MalformedError, MissingError, RefusedError

VERSION: Final = 1
_MIGRATING: Final = 0x54414C59  # "TALY": one migration at a time in a database
_FIND: Final = "SELECT to_regclass('tallystick.schema_version') IS NOT NULL, current_setting('server_encoding')"


def version_of(conn: psycopg.Connection[Any]) -> int:
    """Return the version of the tables; 0 where there are none.

    Raises:
        RefusedError: The database does not store UTF-8.
    """
    is_there, encoding = conn.execute(_FIND).fetchone() or (False, "")
    if encoding != "UTF8":
        raise RefusedError(
            f"the database's encoding is {encoding}, expected UTF8", hint="create it with ENCODING 'UTF8'"
        )
    if not is_there:
        return 0
    row = conn.execute("SELECT coalesce(max(version), 0) FROM tallystick.schema_version").fetchone() or (0,)
    return int(row[0])


def check_version(conn: psycopg.Connection[Any], place: str) -> None:
    """Hold the tables to the version that this program knows.

    Args:
        place: The database, as a person may see it.

    Raises:
        MissingError: There are no tables.
        MalformedError: They are of another version.
    """
    found = version_of(conn)
    if found == 0:
        raise MissingError(
            f"no ledger tables at {place}", hint="create them with `tally init`, or `tally ledger migrate`"
        )
    if found < VERSION:
        raise MalformedError(
            f"the ledger tables at {place} are of version {found}, and this program needs {VERSION}",
            hint="their owner brings them forward with `tally ledger migrate`",
        )
    if found > VERSION:
        raise MalformedError(
            f"the ledger tables at {place} are of version {found}, and this program knows {VERSION}",
            hint="use a newer version of this program",
        )


def migrate(conn: psycopg.Connection[Any], *, to: int = VERSION) -> tuple[int, int]:
    """Bring the tables forward to version `to`; returns the versions before and now.

    All of it or none, under a lock, so that many may call it at once.

    Raises:
        RefusedError: The role may not, or the tables are newer than this program.
    """
    try:
        with conn.transaction():
            conn.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            found = version_of(conn)
            if found > to:
                raise RefusedError(
                    f"the ledger tables are of version {found}, and this program knows {to}",
                    hint="use a newer version of this program",
                )
            for number in range(found + 1, to + 1):
                conn.execute(_file(f"postgres_{number:04}.sql"))
    except psycopg.Error as error:
        raise translated(error, "the ledger's tables cannot be made") from error
    return found, max(found, to)


def grant(conn: psycopg.Connection[Any], role: str, *, read_only: bool = False) -> None:
    """Let `role` use the ledger: read and add, or with `read_only` read alone.

    Raises:
        RefusedError: There is no such role, or the caller may not grant.
    """
    name = "postgres_grants_read.sql" if read_only else "postgres_grants.sql"
    if not role or "\0" in role:
        raise RefusedError("a role's name is not empty and holds no NUL")
    # The template is a file of ours; the role is quoted as an identifier.
    statements = sql.SQL(_file(name).decode()).format(role=sql.Identifier(role))
    try:
        with conn.transaction():
            conn.execute(statements)
    except psycopg.errors.UndefinedObject as error:
        raise RefusedError(
            f"there is no role {role[:63]!r}", hint="its administrator creates it with CREATE ROLE"
        ) from error
    except psycopg.Error as error:
        raise translated(error, f"the rights cannot be granted to {role[:63]!r}") from error


def objects(conn: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    """Return (kind, name, definition) of everything in the ledger's schema, sorted."""
    return [(str(kind), str(name), str(what)) for kind, name, what in conn.execute(_file("postgres_objects.sql"))]


def expected_objects() -> list[tuple[str, str, str]]:
    """Return what `objects` gives on a fresh database."""
    lines = _file("postgres_objects.txt").decode().splitlines()
    found = [tuple(line.split("\t")) for line in lines if line]
    return [(kind, name, what) for kind, name, what in found]


def _file(name: str) -> bytes:
    return resources.files("ledger.stores").joinpath(name).read_bytes()
