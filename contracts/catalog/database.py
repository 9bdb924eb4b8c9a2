"""Look at a table of PostgreSQL, in one read-only snapshot with a bound on every statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from contracts.catalog.address import address_of
from contracts.catalog.deadline import deadline
from contracts.catalog.declaration import Declaration, Postgres
from contracts.catalog.seen import Bounds, Limits, Seen, moment
from contracts.notify.channels import filled
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS: Final = 10
_COLUMNS: Final = """SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), c.oid::bigint, c.reltuples::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = %s AND c.relname = %s AND c.relkind = ANY (%s) ORDER BY a.attnum"""
_LIMITS: Final = """SELECT current_setting('max_connections')::int,
(SELECT coalesce(sum(numbackends), 0)::int FROM pg_catalog.pg_stat_database),
(SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user)"""
_MIGRATIONS: Final = (
    ("alembic_version", "version_num"),
    ("flyway_schema_history", "version"),
    ("schema_migrations", "version"),
)


def look(declaration: Declaration, connection: Postgres, bounds: Bounds) -> Seen:
    """Return what the table is.

    Raises:
        BusyError: The server does not answer, or does not let us in.
        MissingError: There is no such table, or a variable is not set.
        RefusedError: The server is at an address that may not be reached, or psycopg is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise RefusedError(
            "PostgreSQL needs a library that is not installed", hint="pip install 'tallystick[postgres]'"
        ) from error
    schema, _, table = declaration.object.rpartition(".")
    try:
        with psycopg.connect(**_options(connection, bounds)) as link, deadline(bounds.seconds, link.fileno):
            link.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            link.execute("SELECT set_config('TimeZone', 'UTC', true)")
            seen = _looked(link, schema or "public", table, declaration)
            link.rollback()
            return seen
    except psycopg.OperationalError:
        raise BusyError("the database does not answer as it should, or does not let us in") from None
    except (psycopg.Error, UnicodeError) as error:  # messages quote values
        raise MalformedError(f"the table cannot be looked at: {type(error).__name__}") from None


def _options(connection: Postgres, bounds: Bounds) -> dict[str, Any]:
    host = filled(connection.host, bounds.environment)
    if not bounds.allow_local and (host.startswith(("/", "@")) or not host):
        raise RefusedError(
            "the host is a socket of this machine", hint="--allow-local, where you trust the declaration"
        )
    at = (
        {}
        if host.startswith(("/", "@"))
        else {"hostaddr": address_of(host, connection.port, allow_local=bounds.allow_local, resolve=bounds.resolve)}
    )
    milliseconds = int(bounds.seconds * 1000)
    return {
        **at,
        "host": host,
        "port": connection.port,
        "dbname": filled(connection.database, bounds.environment),
        "user": filled(connection.user, bounds.environment),
        # Without a password of its own, none of this user's: what libpq finds by itself is meant for other servers.
        "password": "" if connection.password is None else filled(connection.password, bounds.environment),
        "passfile": "/dev/null",
        "sslmode": connection.tls,
        "sslrootcert": connection.ca_file or ("system" if connection.tls == "verify-full" else None),
        "gssencmode": "disable",
        "connect_timeout": max(2, min(CONNECT_SECONDS, round(bounds.seconds))),  # libpq takes 1 for 2
        "tcp_user_timeout": milliseconds,
        "options": f"-c statement_timeout={milliseconds} -c default_transaction_read_only=on",
        "application_name": "tallystick",
    }


def _looked(link: psycopg.Connection[Any], schema: str, table: str, declaration: Declaration) -> Seen:
    found = link.execute(_COLUMNS, [schema, table, list("rpvmf")]).fetchall()
    if not found:
        raise MissingError(f"there is no table {table!r} in schema {schema!r}, or it is not ours to see")
    columns = tuple((str(name), str(type)) for name, type, *_ in found)
    rows, exact = _counted(link, schema, table, found[0][3])
    column = declaration.refresh.column if declaration.refresh else None
    version = link.info.server_version
    return Seen(
        system=f"PostgreSQL {version // 10_000}.{version % 10_000}",
        columns=columns,
        version=_version(link),
        rows=rows,
        rows_are=None if rows is None else "exact" if exact else "estimated",
        updated=_newest(link, schema, table, column) if column in dict(columns) else None,
        limits=_limits(link),
    )


def _counted(link: psycopg.Connection[Any], schema: str, table: str, estimate: int) -> tuple[int | None, bool]:
    """The number of rows; where counting takes too long, what the server estimates."""
    import psycopg
    from psycopg import sql

    try:
        with link.transaction():
            row = link.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    except psycopg.errors.QueryCanceled:
        return (estimate if estimate >= 0 else None), False
    assert row is not None, "a count is one row"
    return int(row[0]), True


def _newest(link: psycopg.Connection[Any], schema: str, table: str, column: str | None) -> Any:
    import psycopg
    from psycopg import sql

    query = sql.SQL("SELECT max({})::text FROM {}").format(sql.Identifier(column or ""), sql.Identifier(schema, table))
    try:
        with link.transaction():
            row = link.execute(query).fetchone()
    except psycopg.errors.QueryCanceled:
        return None
    return None if row is None else moment(row[0])


def _version(link: psycopg.Connection[Any]) -> str | None:
    """The version that a tool for migrations keeps in the schema in use, where one does and we may read it."""
    import psycopg
    from psycopg import sql

    for table, column in _MIGRATIONS:
        row = link.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
        if row is None or not row[0]:
            continue
        try:
            with link.transaction():
                last = link.execute(
                    sql.SQL("SELECT max({}::text) FROM {}").format(sql.Identifier(column), sql.Identifier(table))
                ).fetchone()
        except psycopg.errors.Error:
            continue
        if last is not None and last[0] is not None:
            return f"{table.partition('_')[0]} {str(last[0])[:64]}"
    return None


def _limits(link: psycopg.Connection[Any]) -> Limits:
    """How many connections there may be, and how many more."""
    row = link.execute(_LIMITS).fetchone()
    assert row is not None, "settings are one row"
    most, used, own = row
    limit = most if own is None or own < 0 else min(most, own)
    return Limits(limit=limit, remaining=max(0, limit - used))
