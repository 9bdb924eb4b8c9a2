"""A moment that a reader names on a command line or in a question: RFC 3339 in UTC, or a day.

What people type may leave out the fraction; what stands in a format may not (docs/formats/entry.md, `at`), so that one
moment has one spelling there. Here the first becomes the second.

Source: RFC 3339 section 5.6.
"""

from __future__ import annotations

import re
from typing import Final

from proofs.entry import check_at

_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?(?:[Zz]|\+00:00))?\Z"
)


def as_at(text: str) -> str:
    """Return a moment as an entry prints it: `2026-11-20T09:15:00Z`, with up to six decimals or without, or `2026-11-20`.

    A day is its first microsecond.

    Raises:
        ValueError: It is no such moment, or none that the calendar has.
    """
    matched = _TIME.match(text)
    if not matched:
        raise ValueError(f"time {text[:40]!r} is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ, which may have decimals")
    day, clock, decimals = matched.groups()
    try:
        return check_at(f"{day}T{clock or '00:00:00'}.{(decimals or ''):0<6}Z")
    except ValueError as error:
        raise ValueError(f"time {text[:40]!r} is not a real one in UTC") from error
