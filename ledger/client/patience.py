"""How long to wait before asking again: a random time that doubles its bound, or what the server asked for.

Full jitter: of a thousand producers that lost one server together, no two come back together.

Source: RFC 9110 section 10.2.3 (Retry-After), section 5.6.7 (dates).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ledger.client.settings import Settings

_MOST_DOUBLINGS: Final = 30
_MOST_DIGITS: Final = 9


def backoff(failures: int, settings: Settings, draw: Callable[[], float] = random.random) -> float:
    """Return how many seconds to wait after the `failures`-th failure in a row, counted from 1.

    Args:
        draw: Returns a number in [0, 1).
    """
    bound = settings.backoff_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return draw() * min(bound, settings.backoff_cap_seconds)


def retry_after(value: str | None, now: datetime, settings: Settings) -> float | None:
    """Return how many seconds the server asks to wait, at most the cap; None when it does not ask in a known form.

    Args:
        value: The header: seconds, or an HTTP date.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:_MOST_DIGITS])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), settings.retry_after_cap_seconds)
