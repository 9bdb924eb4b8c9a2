"""Reading a body that claims to be JSON: strictly, and at the speed of the library in C where that can be as strict.

The common case costs one parse and one print: where the print is the document to the byte nothing stood twice in it, and
elsewhere duplicate members show as fewer quotation marks in the print.

Source: docs/formats/json.md.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from proofs import jsonstrict, limits
from proofs.errors import MalformedError, RefusedError

UNREAD: Final = object()
"""What `quick_document` returns in place of a value."""
_QUICK_DEPTH: Final = limits.JSON_DEPTH


def read_document(data: bytes) -> Any:
    """Return the value of a body that claims to be JSON.

    Raises:
        RefusedError: `data` is not an acceptable document.
    """
    if len(data) > limits.BODY_BYTES:
        raise RefusedError(f"the data have {len(data)} bytes, at most {limits.BODY_BYTES} are allowed")
    try:
        return parse_document(data)
    except MalformedError as error:
        raise RefusedError(f"the data claim to be JSON and are not acceptable: {error.what}") from error


def parse_document(data: bytes) -> Any:
    """Return the same.

    Raises:
        MalformedError: `data` is not what `proofs.jsonstrict.loads_foreign` accepts.
    """
    value = quick_document(data)
    return jsonstrict.loads_foreign(data) if value is UNREAD else value


def quick_document(data: bytes) -> Any:
    """Return the same, or UNREAD where the strict reader has to decide, and to find the words."""
    if len(data) > limits.BODY_BYTES:
        return UNREAD
    try:
        value = orjson.loads(data)
        printed = orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return UNREAD
    if data.count(b"{") + data.count(b"[") > _QUICK_DEPTH and not _is_shallow(value):
        return UNREAD
    if printed == data:
        return value
    quotes = _quotes(data)
    return value if quotes is not None and _quotes(printed) == quotes else UNREAD


def _is_shallow(value: Any) -> bool:
    """True when nothing in it is nested deeper than the strict reader takes."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_QUICK_DEPTH):
        below = (inner for one in level for inner in (one.values() if type(one) is dict else one))
        level = [inner for inner in below if type(inner) is dict or type(inner) is list]
        if not level:
            return True
    return False


def _quotes(data: bytes) -> int | None:
    """Quotation marks that open or close a string; None where escaped backslashes leave that open."""
    if b"\\" not in data:
        return data.count(b'"')
    return None if b"\\\\" in data else data.count(b'"') - data.count(b'\\"')
