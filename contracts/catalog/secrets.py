"""Secrets are names of environment variables; what looks like one that stands in the text is refused, and never repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from contracts.terms import MisplacedError

VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\}")
STANDS: Final = "stands in the file; name an environment variable: ${NAME}"
_SCHEME: Final = re.compile(r"(?i)(basic|bearer|token|apikey|api-key|key|digest)?[ =]*")
# Headers that say how, and not who.
_OPEN_HEADERS: Final = frozenset(
    ("accept", "accept-language", "user-agent", "content-type", "prefer", "x-api-version", "api-version")
)
_NOT_OURS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "cookie2")
)
_SECRET_KEY: Final = re.compile(r"(?i)(key|token|secret|pass|pwd|auth|sig|cred|code|session|jwt)")
# Shapes in which well-known services hand out credentials; and a password in a URL.
_SHAPES: Final = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}|\b[sr]k_(?:live|test)_\w{16,}|\bAIza[\w-]{35}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|[a-z][a-z0-9+.-]*://[^\s/@:\"']*:(?!\$\{)[^\s/@\"']+@"
)


def secret_line(text: str) -> int | None:
    """Return the line of a document, counted from 1, on which what looks like a credential stands; None where none does."""
    found = _SHAPES.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def check_secret(value: str | None, *path: str) -> None:
    """Accept the name of an environment variable and nothing beside it.

    Raises:
        MisplacedError: It is something else.
    """
    if value is not None and not VARIABLE.fullmatch(value):
        raise MisplacedError(STANDS, *path)


def check_headers(headers: dict[str, str], *path: str) -> None:
    """Accept headers whose values name variables, but for those that are no secret of anybody.

    Raises:
        MisplacedError: One holds a value, or is set by the connection itself.
    """
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or name.lower() in _NOT_OURS:
            raise MisplacedError("is no header that can be set", *path, name)
        if name.lower() not in _OPEN_HEADERS and not (
            VARIABLE.search(value) and _SCHEME.fullmatch(VARIABLE.sub("", value))
        ):
            raise MisplacedError(STANDS, *path, name)


def check_url(url: str, *path: str) -> None:
    """Accept a URL of http or https without a user and without a secret in its query.

    Raises:
        MisplacedError: It is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise MisplacedError("is no URL", *path) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise MisplacedError("is no URL of http or https", *path)
    if "@" in parts.netloc:
        raise MisplacedError("holds a user; name a header with ${NAME} instead", *path)
    if parts.fragment:
        raise MisplacedError("has a fragment, which no server sees", *path)
    check_query(parts.query, *path)


def check_query(query: str, *path: str) -> None:
    """Accept a query whose secrets are names of variables.

    Raises:
        MisplacedError: One stands in it.
    """
    for key, value in parse_qsl(query, keep_blank_values=True):
        if _SECRET_KEY.search(key) and not VARIABLE.fullmatch(value):
            raise MisplacedError(STANDS, *path)


def variables(value: Any) -> tuple[str, ...]:
    """Return the environment variables that a value names anywhere in it, each once, sorted."""
    return tuple(sorted({name for text in _texts(value) for name in VARIABLE.findall(text)}))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    inner: Iterable[Any] = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    )
    for each in inner:
        yield from _texts(each)
