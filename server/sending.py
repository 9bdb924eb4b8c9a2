"""An answer on its way out: what every one carries beside what its endpoint says, and, where that is possible, all in one piece.

A handler's answer comes as two messages, its head and its body. Written apart they are two packets, for which the other side
wakes up twice; so the head waits for the body, where the server offers to write both (`server.protocol`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from time import perf_counter
from typing import Any

from server.body import DisconnectedError
from server.protocol import WHOLE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Sending:
    """Sends what answers one request.

    Attributes:
        status: Of the answer; 500 until there is one.
        has_begun: Something was sent.
    """

    __slots__ = ("_begun", "_fixed", "_head", "_request_id", "_send", "_timings", "_whole", "has_begun", "status")

    def __init__(self, scope: Scope, send: Send, fixed: Sequence[tuple[bytes, bytes]], request_id: str) -> None:
        """Send through `send`; the clock runs from now on.

        Args:
            fixed: Headers that every answer carries, unless it has its own of that name.
        """
        self.status, self.has_begun = 500, False
        self._send = send
        self._fixed = fixed
        self._request_id = request_id.encode()
        self._timings: list[tuple[str, float]] = scope["tally_timings"]
        self._begun: float = scope["tally_begun"]
        self._whole = scope.get("extensions", {}).get(WHOLE)
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Send one message.

        Raises:
            DisconnectedError: The other side went away.
        """
        if message["type"] == "http.response.start":
            self._complete(message)
            if self._whole is not None:
                self._head = message
                return
        try:
            head, self._head = self._head, None
            self.has_begun = True
            if head is not None:
                if self._whole(head["status"], head["headers"], message):
                    return
                await self._send(head)
            await self._send(message)
        except RuntimeError as error:  # uvloop's word for a connection that closed while the answer was made
            raise DisconnectedError from error

    def _complete(self, message: Message) -> None:
        self.status = message["status"]
        took = (*self._timings, ("total", perf_counter() - self._begun))
        timing = ", ".join([f"{name};dur={seconds * 1000:.2f}" for name, seconds in took])
        own = {name for name, _ in message["headers"]}  # a page has a policy of its own
        message["headers"] = [
            *message["headers"],
            *[header for header in self._fixed if header[0] not in own],
            (b"x-request-id", self._request_id),
            (b"server-timing", timing.encode()),
        ]
