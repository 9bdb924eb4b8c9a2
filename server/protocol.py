"""HTTP/1.1 with bounds on a request's head, in bytes and in time: uvicorn's own protocol has none with httptools.

A connection on which nothing comes, or a head that trickles, is closed after `HEAD_SECONDS`; a head over `HEAD_BYTES` is
answered 431. Bodies have their bounds in `server.body`.

An application may take a body that is here already without waiting for it (`ARRIVED`), and hand over an answer whole (`WHOLE`):
its head and its body are then one piece on the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

ARRIVED: Final = "tallystick.arrived"
"""Name of the extension in a request's scope: a call that takes the whole body, or gives None where more is to come."""
WHOLE: Final = "tallystick.whole"
"""Name of the extension in a request's scope: a call with status, headers and the one message of the body.

It returns False, and did nothing, where the answer has to go out in the way of the specification.
"""
HEAD_BYTES: Final = 32 * 1024
HEAD_SECONDS: Final = 15.0
_SAID: Final = (
    b'{"type":"urn:tallystick:head-too-large","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"the head of the request has more than %d bytes","code":"head-too-large"}' % HEAD_BYTES
)
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_SAID), _SAID)
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _is_in_head = True
    _is_refused = False
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, and be patient for so long."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed what came, and count it as long as it is all head."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse()
            elif self._patience is None and not self.transport.is_closing():
                self._wait_for_head()  # a head that came in one piece needs no patience

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is whole: hand the request over, unless it is too large."""
        self._is_in_head = False
        self._stop_waiting()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._refuse()
        else:
            super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        extensions: dict[str, Any] = {ARRIVED: partial(_arrived, cycle), WHOLE: partial(_answer_whole, cycle)}
        cycle.scope["extensions"] = extensions
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Hand over a piece of the body."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._is_refused:
            super().on_message_complete()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer what was asked whole, where the other side only said that it has nothing more to say, and then close."""
        asked: RequestResponseCycle | None = self.cycle
        # A body that is not whole never will be: whoever waits for it hears so now, and gives back its room.
        if asked is None or asked.response_complete or asked.more_body or self.scheme == "https":
            return None
        asked.keep_alive = False
        return True

    def _refuse(self) -> None:
        self._is_refused = True
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self._is_in_head and not self.transport.is_closing():
            self.transport.close()


def _arrived(cycle: RequestResponseCycle) -> bytes | None:
    if cycle.more_body or cycle.disconnected or cycle.response_complete or cycle.waiting_for_100_continue:
        return None
    cycle.flow.resume_reading()
    cycle.message_event.clear()
    body, cycle.body = bytes(cycle.body), bytearray()
    return body


def _answer_whole(
    cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], message: Mapping[str, Any]
) -> bool:
    body: bytes = message.get("body", b"")
    if (
        message.get("more_body")
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
        or (b"content-length", b"%d" % len(body)) not in headers
    ):
        return False
    lines = [b"%b: %b" % header for header in (*cycle.default_headers, *headers)]
    if not cycle.keep_alive:
        lines.append(b"connection: close")
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        return False  # a line break in a header: uvicorn has the words for that
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, body))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
