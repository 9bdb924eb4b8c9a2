"""Look at an HTTP API: one GET of its object, whose answer is a page of rows in JSON, JSON lines, CSV or Parquet."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import orjson

from contracts.catalog.declaration import Declaration, Http
from contracts.catalog.fetch import Answer, fetch
from contracts.catalog.files import look_at
from contracts.catalog.ratelimit import limits
from contracts.catalog.seen import Bounds, Limits, Seen, moment
from contracts.notify.channels import filled
from contracts.sources.named import named_source
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError

SAMPLE_ROWS: Final = 10_000
MAX_COLUMNS: Final = 10_000
MAX_GROUPS: Final = 500_000  # some 100 bytes of memory each
MAX_VALUES: Final = 2_000_000
_SUFFIXES: Final = {
    "text/csv": ".csv",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
}
_TOTALS: Final = ("x-total-count", "x-total", "total-count")


def look(declaration: Declaration, connection: Http, bounds: Bounds) -> Seen:
    """Return what the API answers.

    Raises:
        BusyError: It cannot be reached, or has no answer now.
        MissingError: It has no such object, or a variable is not set.
        RefusedError: It does not let us in, or leads where it may not (`contracts.catalog.fetch`).
        MalformedError: The answer cannot be read as what it is called.
    """
    headers = {name: filled(value, bounds.environment) for name, value in connection.headers.items()}
    base = filled(connection.url, bounds.environment).rstrip("/")
    answer = fetch(f"{base}/{filled(declaration.object, bounds.environment).lstrip('/')}", headers, bounds)
    allowed = limits(answer.headers, datetime.now(UTC))
    if not 200 <= answer.status < 300:
        raise _refusal(answer.status, allowed)
    seen = _answered(answer, declaration, connection, bounds)
    total = _total(answer.headers)
    return replace(
        seen,
        version=_version(answer.headers),
        limits=allowed,
        updated=seen.updated or _modified(answer.headers),
        rows=seen.rows if total is None else total,
        rows_are="page" if total is None else "estimated",
    )


def _answered(answer: Answer, declaration: Declaration, connection: Http, bounds: Bounds) -> Seen:
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in _SUFFIXES:
        with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
            path = Path(name).resolve() / f"answer{_SUFFIXES[media]}"
            path.write_bytes(answer.body)
            return replace(
                look_at(named_source(str(path)), declaration, bounds, root=path.parent), system=f"HTTP, {media}"
            )
    if media not in ("application/json", "text/json") and not media.endswith("+json"):
        raise MalformedError(f"the answer is {media[:64] or 'of no type'!r}, of which rows cannot be read")
    rows = _rows(answer.body, connection)
    column = declaration.refresh.column if declaration.refresh else None
    moments = [found for row in rows if (found := moment(row.get(column or ""))) is not None]
    return Seen(
        system="HTTP, JSON",
        columns=_columns(rows[:SAMPLE_ROWS]),
        rows=len(rows),
        rows_are="page",
        updated=max(moments, default=None),
    )


def _rows(body: bytes, connection: Http) -> list[dict[str, Any]]:
    groups = body.count(b"{") + body.count(b"[")
    if groups > MAX_GROUPS or groups + body.count(b",") > MAX_VALUES:  # counted before one is made
        raise RefusedError(f"the answer has more than {MAX_GROUPS} objects and arrays, or {MAX_VALUES} values")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:  # its message may quote what it read
        raise MalformedError("the answer is not JSON") from None
    for step in connection.rows_at:
        if not isinstance(value, dict) or step not in value:
            raise MalformedError("the answer has no member to which rows_at leads")
        value = value[step]
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise MalformedError("the answer's rows are no objects", hint="`rows_at` names the members that lead to them")
    return rows


def _columns(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Every member of the rows, sorted: JSON keeps no order of members. A type is the union of those that are there."""
    types: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            types.setdefault(name, set()).add(_type(value))
    if len(types) > MAX_COLUMNS:
        raise RefusedError(f"the rows have {len(types)} columns, at most {MAX_COLUMNS} are read")
    return tuple((name, "|".join(sorted(types[name] - {"null"} or {"null"}))) for name in sorted(types))


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _refusal(status: int, allowed: Limits | None) -> TallyError:
    wait = f"; it may be asked again in {allowed.reset_seconds} seconds" if allowed and allowed.reset_seconds else ""
    if status == 429 or status >= 500:
        return BusyError(f"the server answered {status}{wait}")
    if status in (404, 410):
        return MissingError(f"the server answered {status}: it has no such object")
    return RefusedError(f"the server answered {status}")


def _total(headers: Mapping[str, str]) -> int | None:
    for name in _TOTALS:
        if re.fullmatch(r"[0-9]{1,15}", value := headers.get(name, "").strip()):
            return int(value)
    return None


def _modified(headers: Mapping[str, str]) -> datetime | None:
    try:
        return moment(parsedate_to_datetime(headers["last-modified"]))
    except (KeyError, ValueError, TypeError):
        return None


def _version(headers: Mapping[str, str]) -> str | None:
    for name in ("x-schema-version", "x-api-version", "api-version"):
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value := headers.get(name, "")):
            return value
    return None
