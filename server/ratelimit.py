"""How often one credential may ask: a bucket of tokens that fills at a steady rate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from server.errors import RateError

_KEPT: Final = 10_000


class RateLimit:
    """One bucket for each credential, of one process."""

    def __init__(self, rate: float, *, clock: Callable[[], float]) -> None:
        """Allow `rate` requests a second, and bursts of twice as many; 0 allows any number."""
        self._rate = rate
        self._burst = max(1.0, 2 * rate)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # credential → (tokens, when)

    def take(self, credential: str) -> None:
        """Count one request.

        Raises:
            RateError: The bucket is empty; `retry_seconds` says when it will not be.
        """
        if not self._rate:
            return
        now = self._clock()
        tokens, since = self._buckets.pop(credential, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        is_empty = tokens < 1
        self._buckets[credential] = (tokens if is_empty else tokens - 1, now)
        while len(self._buckets) > _KEPT:
            self._buckets.popitem(last=False)
        if is_empty:
            raise RateError(f"the credential may ask {self._rate:g} times a second", (1 - tokens) / self._rate)
