"""What the server says of its own work: one JSON object a line on the error stream; no personal data, no token, no body.

    {"at":"…","event":"request","method":"POST","path":"/api/v1/events","status":403,"code":"forbidden","ms":0.4,…}

A path is the route's, never the one that was asked for, and a credential is its public id.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson

from ledger.clock import print_at, system_clock

Journal = Callable[..., None]
"""`journal("event", **facts)` writes one line."""


def to_stderr(event: str, **facts: Any) -> None:
    """Write one line; where nobody reads it any more, nothing."""
    line = orjson.dumps({"at": print_at(system_clock()), "event": event, **facts}, default=str)
    try:
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()
    except (OSError, ValueError):
        return
