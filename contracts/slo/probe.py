"""Ask an endpoint once whether it answers, and record that: the address is in no event, the password in no message.

    https://…         answers with a status of 200 to 299; no redirection is followed, and no body is read
    postgresql://…    lets us in and answers SELECT 1
    a path            is a file that can be read and is not empty; with a greatest age, one that was changed since

A password or a token is `${NAME}`, which the environment has; one that stands in the address is refused.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from contracts.history import ReadableLog
from contracts.notify.channels import filled
from contracts.record import Receipt
from contracts.slo.catalogue import Level
from contracts.slo.facts import Probed
from contracts.slo.measure import measured_event
from contracts.slo.stretches import printed, seconds_of
from ledger.clock import print_at
from proofs.errors import RefusedError

Kind = Literal["http", "postgresql", "file"]
_NAMED: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]{0,99}\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_SECRET: Final = ("password", "sslpassword", "token", "secret", "key", "api_key", "apikey", "access_token")
_HINT: Final = "name an environment variable: ${NAME}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is asked, and for how long; it may hold secrets, and shows none.

    Attributes:
        max_age_seconds: Of a file, since its last change; None: whatever.
        headers: Of HTTP, with their secrets in place.
    """

    kind: Kind
    address: str = field(repr=False)
    timeout_seconds: float = 10.0
    max_age_seconds: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class _SilentError(Exception):
    """It did not answer as it should; says why, in a word."""


def kind_of(address: str, environment: Mapping[str, str]) -> tuple[Kind, str]:
    """Return what an address leads to, and the address with its secrets in place.

    Raises:
        RefusedError: A secret stands in it, or it is of a kind that is not asked.
        MissingError: The environment lacks a variable that it names.
    """
    _check_no_secret(address)
    whole = filled(address, environment)
    if whole.startswith(("http://", "https://")):
        return "http", whole
    if whole.startswith(("postgresql://", "postgres://")):
        return "postgresql", whole
    if "://" in whole or "\x00" in whole:
        raise RefusedError("the endpoint is neither http(s)://…, postgresql://… nor a file")
    return "file", whole


def header(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the value of a header that is written "NAME: VALUE".

    Raises:
        RefusedError: It is not one, or could be two.
        MissingError: The environment lacks a variable that it names.
    """
    name, colon, value = text.partition(":")
    if not colon or not _HEADER.fullmatch(name):
        raise RefusedError("a header is written 'NAME: VALUE'")
    whole = filled(value.strip(), environment)
    if not whole.isascii() or not whole.isprintable():
        raise RefusedError(f"the value of header {name[:64]} is none that can be sent")
    return name, whole


def ask(endpoint: Endpoint, now: datetime) -> Probed:
    """Return whether an endpoint answered, and how soon; never later than its time is over."""
    found: list[str | None] = []
    begun = monotonic()

    def run() -> None:
        try:
            _ASK[endpoint.kind](endpoint, now)
            found.append(None)
        except _SilentError as silent:
            found.append(str(silent))

    # What is asked may drip one byte at a time, or hang in the kernel: who waits is somebody whom nobody waits for.
    asking = threading.Thread(target=run, daemon=True)
    asking.start()
    asking.join(endpoint.timeout_seconds)
    error = found[0] if found else "timeout"
    return Probed(kind=endpoint.kind, latency_ms=int((monotonic() - begun) * 1_000), error=error)


def told(by: str) -> Probed:
    """Return how a result is recorded that another tool gave.

    Raises:
        RefusedError: The tool's name is none that an entry may hold.
    """
    try:
        return Probed(kind="told", by=by)
    except ValidationError as error:
        raise RefusedError("a tool is named with at most 128 letters, digits and . _ : / @ -") from error


def record(
    log: ReadableLog, level: Level, probed: Probed, counts: tuple[int, int], *, id: str | None = None
) -> Receipt:
    """Record that so many probes of so many (`counts`) found the endpoint available, now, and return where.

    Args:
        id: The same for a result that is told again.

    Raises:
        RefusedError: The level is not one of availability, or the counts are none.
        ConflictError: Something else was told under this id.
    """
    if level.indicator != "availability":
        raise RefusedError(f"service level {level.name} is of {level.indicator}, and not probed")
    good, total = counts
    if not 0 <= good <= total or not 0 < total <= 1_000_000_000:
        raise RefusedError(f"{good} of {total} probes cannot have been good")
    clock = printed(seconds_of(print_at(log.clock())))
    name = f"probe:{id or uuid.uuid4()}"
    return log.append(measured_event(level, name, clock=clock, good=good, total=total, probe=probed))


def _check_no_secret(address: str) -> None:
    try:
        parts = urlsplit(address)
        said = [parts.password] if parts.password else []
    except ValueError:
        raise RefusedError("the endpoint's address cannot be read") from None  # it may hold a password
    if "://" not in address:
        return
    said += [value for name, value in parse_qsl(parts.query) if name.lower() in _SECRET]
    if any(not _NAMED.fullmatch(value) for value in said):
        raise RefusedError("a password stands in the endpoint's address", hint=_HINT)
    if parts.scheme.startswith("http") and parts.username is not None:
        raise RefusedError("a user stands in the endpoint's address", hint="give a header: Authorization: ${NAME}")


def _http(endpoint: Endpoint, _: datetime) -> None:
    import urllib3

    try:
        answer = urllib3.request(
            "GET",
            endpoint.address,
            headers=endpoint.headers,
            timeout=endpoint.timeout_seconds,
            retries=False,
            redirect=False,
            preload_content=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError, UnicodeError):
        raise _SilentError("unreachable") from None  # what the library says may quote the address
    answer.close()
    if not 200 <= answer.status < 300:
        raise _SilentError(f"status-{answer.status}")


def _postgresql(endpoint: Endpoint, _: datetime) -> None:
    try:
        import psycopg
    except ImportError:
        raise _SilentError("no-driver") from None
    try:
        with psycopg.connect(endpoint.address, connect_timeout=max(2, int(endpoint.timeout_seconds))) as connection:
            connection.execute("SELECT 1")
    except (psycopg.Error, UnicodeError, OSError):
        raise _SilentError("unreachable") from None


def _file(endpoint: Endpoint, now: datetime) -> None:
    path = Path(endpoint.address)
    try:
        if not path.is_file():
            raise _SilentError("missing")
        with path.open("rb") as file:
            if not file.read(1):
                raise _SilentError("empty")
        changed = path.stat().st_mtime
    except OSError:
        raise _SilentError("unreadable") from None
    if endpoint.max_age_seconds is not None and now.timestamp() - changed > endpoint.max_age_seconds:
        raise _SilentError("stale")


_ASK: Final[dict[Kind, Callable[[Endpoint, datetime], None]]] = {
    "http": _http,
    "postgresql": _postgresql,
    "file": _file,
}
