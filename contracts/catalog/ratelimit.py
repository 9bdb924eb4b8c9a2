"""How often an HTTP API may be asked, from the headers of its answer. Pure.

    RateLimit: "default";r=50;t=30         RateLimit-Policy: "default";q=100;w=60
    RateLimit-Limit: 100, 100;w=60         RateLimit-Remaining: 50      RateLimit-Reset: 30
    X-RateLimit-Limit: 5000                X-RateLimit-Remaining: 4999  X-RateLimit-Reset: 1795910400  (seconds, or a moment)
    Retry-After: 120

Source: draft-ietf-httpapi-ratelimit-headers, versions 7 and 10; RFC 9110 section 10.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from contracts.catalog.seen import Limits

_LARGEST: Final = 2**53 - 1
_MOMENT: Final = 1_000_000_000  # what is as large is a moment since 1970, and no number of seconds to wait


def limits(headers: Mapping[str, str], now: datetime) -> Limits | None:
    """Return what an answer's headers say; None where they say nothing of it. Names of headers are in lower case."""
    item, policy = headers.get("ratelimit", ""), headers.get("ratelimit-policy", "")
    limit = _parameter(policy, "q")
    remaining, reset = _parameter(item, "r"), _parameter(item, "t")
    for prefix in ("ratelimit-", "x-ratelimit-", "x-rate-limit-"):
        limit = _first(headers, f"{prefix}limit") if limit is None else limit
        remaining = _first(headers, f"{prefix}remaining") if remaining is None else remaining
        reset = _first(headers, f"{prefix}reset") if reset is None else reset
    reset = _first(headers, "retry-after") if reset is None else reset
    if reset is not None and reset >= _MOMENT:
        reset = max(0, reset - int(now.timestamp()))
    return None if (limit, remaining, reset) == (None, None, None) else Limits(limit, remaining, reset)


def _first(headers: Mapping[str, str], name: str) -> int | None:
    found = re.match(r"\s*([0-9]{1,16})(?:\.[0-9]*)?\s*(?:[,;]|$)", headers.get(name, ""))
    return int(found[1]) if found and int(found[1]) <= _LARGEST else None


def _parameter(value: str, name: str) -> int | None:
    found = re.search(rf";\s*{name}\s*=\s*([0-9]{{1,16}})\s*(?:[;,]|$)", value)
    return int(found[1]) if found and int(found[1]) <= _LARGEST else None
