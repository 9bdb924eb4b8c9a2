"""Where a log stands in PostgreSQL, read from a URL that may hold a password, and shown without it.

    postgresql://user:password@host:5432/database?origin=ledger.example.org/churn&sslmode=verify-full

It is libpq's own URL (several hosts, `target_session_attrs`, TLS and all) with one parameter more: `origin` names the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from proofs.errors import RefusedError

SCHEMES: Final = ("postgresql://", "postgres://")
ORIGIN: Final = "origin"
# What a URL need not say. A commit that nobody answers must end: a dead peer is noticed within a minute.
_DEFAULTS: Final = {
    "application_name": "tallystick",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_SECRET: Final = ("password", "sslpassword", "sslkey", "passfile", "oauth_client_secret")
_OPAQUE: Final = "postgresql://…"
_HINT: Final = "postgresql://user@host/database?origin=NAME, with every special character as %XX"


@dataclass(frozen=True, slots=True)
class Address:
    """A log's place.

    Attributes:
        conninfo: What libpq connects to; it may hold a password and is never shown.
        origin: The log that the URL names; None where it names none.
        shown: The URL as a person may see it.
    """

    conninfo: str = field(repr=False)
    origin: str | None
    shown: str


def parse_address(url: str) -> Address:
    """Return the address that `url` names.

    Raises:
        RefusedError: It is not one. Nothing of the URL is quoted, for any of it may be a password in the wrong place.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    if not url.startswith(SCHEMES) or "\0" in url:
        raise RefusedError("the ledger URL is not postgresql://user@host/database", hint=_HINT)
    address, _, query = url.partition("?")
    visible = shown(url)
    authority = address.partition("://")[2].partition("/")[0]
    # A bare @, / or # in a password makes libpq take a part of it for a host, and say so in its errors.
    if visible == _OPAQUE or url.count("@") > authority.count("@") or authority.count("@") > 1 or "#" in url:
        raise RefusedError(
            "the ledger URL has an @, a /, a # or a bracket in a place where it must be written as %XX", hint=_HINT
        )
    origin, others = _take_origin(query)
    try:
        given = conninfo_to_dict(f"{address}?{others}" if others else address)
        conninfo = make_conninfo("", **{**_DEFAULTS, **given, "client_encoding": "UTF8"})
    except (ProgrammingError, UnicodeError):
        raise RefusedError("the ledger URL cannot be read by PostgreSQL's client", hint=_HINT) from None
    return Address(conninfo, origin, visible)


def shown(url: str) -> str:
    """Return a ledger's URL, of whatever kind, without what is secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _OPAQUE
    if url.count("@") != parts.netloc.count("@") or parts.netloc.count("@") > 1:
        return _OPAQUE
    user, at, hosts = parts.netloc.rpartition("@")
    query = "&".join(pair for pair in parts.query.split("&") if pair and unquote(pair.partition("=")[0]) not in _SECRET)
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{hosts}{parts.path}{'?' + query if query else ''}"


def _take_origin(query: str) -> tuple[str | None, str]:
    """The origin that a query names, and the query without it."""
    pairs = [pair for pair in query.split("&") if pair]
    named = [pair.partition("=")[2] for pair in pairs if pair.partition("=")[0] == ORIGIN]
    if len(named) > 1 or named == [""]:
        raise RefusedError("the ledger URL names its origin twice, or as nothing", hint=_HINT)
    others = "&".join(pair for pair in pairs if pair.partition("=")[0] != ORIGIN)
    try:
        return (unquote(named[0], errors="strict") if named else None), others
    except UnicodeError:
        raise RefusedError("the origin in the ledger URL is no UTF-8", hint=_HINT) from None
