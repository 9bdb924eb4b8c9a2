"""What a connection to a source shows, and the bounds within which it is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from contracts.catalog.address import Resolver, system_resolver

MAX_SECONDS: Final = 30.0
MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a look goes.

    Attributes:
        environment: Where the values of variables come from.
        allow_local: This machine and what is linked to it may be reached.
        seconds: How long one look may take in all.
        size_bytes: How much is read of what has to be read whole to be counted.
        elapsed: A clock for durations.
    """

    environment: Mapping[str, str] = field(repr=False)
    elapsed: Callable[[], float]
    allow_local: bool = False
    seconds: float = MAX_SECONDS
    size_bytes: int = MAX_BYTES
    resolve: Resolver = system_resolver


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may ask: `limit` in all, `remaining` of them left, until `reset_seconds` are over."""

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen.

    Attributes:
        system: What answered, in words.
        columns: Name and type of each, in the source's own words and order.
        version: The version that the source itself gives its schema; None where it gives none.
        rows: How many; None where they were not counted.
        updated: When it changed last, as far as the source says.
    """

    system: str
    columns: tuple[tuple[str, str], ...]
    version: str | None = None
    rows: int | None = None
    rows_are: Literal["exact", "estimated", "page"] | None = None
    updated: datetime | None = None
    limits: Limits | None = None

    @property
    def schema_sha256(self) -> str:
        """The SHA-256 of a line "<name> <type>" for each column."""
        lines = "".join(f"{name} {type}\n" for name, type in self.columns)
        return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def moment(value: Any) -> datetime | None:
    """Return the moment that a value of a source is, in UTC where it has no zone; None where it is none that can be printed."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return aware if 1970 <= aware.year <= 9999 else None
