"""What the protocol offers beside the specification of ASGI: a body that is here already, and an answer in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
import uvicorn
from starlette.responses import Response
from uvicorn.server import ServerState

from server.protocol import ARRIVED, WHOLE, BoundedProtocol
from server.responses import NO_STORE, json_response

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
OK = (b"content-length", b"2")
BODY = {"type": "http.response.body", "body": b"ok"}


class Wire(asyncio.Transport):
    """Remembers what was written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_shut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.is_shut = True

    def is_closing(self) -> bool:
        return self.is_shut

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def served(app: App, *sent: bytes) -> tuple[BoundedProtocol, Wire]:
    """Send to `app`, piece by piece, each when it had its turn behind the one before."""

    async def run() -> tuple[BoundedProtocol, Wire]:
        config = uvicorn.Config(app, http=BoundedProtocol, ws="none", log_config=None, access_log=False)
        config.load()
        protocol, wire = BoundedProtocol(config=config, server_state=ServerState(), app_state={}), Wire()
        protocol.connection_made(wire)
        for piece in sent:
            protocol.data_received(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        return protocol, wire

    return asyncio.run(run())


async def plainly(scope: Scope, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": [OK, (b"x-a", b"b: c")]})
    await send(BODY)


async def wholly(scope: Scope, receive: Any, send: Any) -> None:
    assert scope["extensions"][WHOLE](201, [OK, (b"x-a", b"b: c")], BODY)


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_an_answer_in_one_piece_has_the_bytes_of_one_in_two(more: bytes) -> None:
    _, two = served(plainly, POST + more + b"\r\ndata")
    _, one = served(wholly, POST + more + b"\r\ndata")

    assert len(two.pieces) == 2
    assert one.pieces == [b"".join(two.pieces)]
    assert one.is_shut == two.is_shut == bool(more)


def test_the_next_request_is_answered_behind_an_answer_in_one_piece() -> None:
    _, wire = served(wholly, (POST + b"\r\ndata") * 2, POST + b"\r\ndata")

    assert len(wire.pieces) == 3


@pytest.mark.parametrize(
    ("method", "headers", "message"),
    [
        (b"HEAD", [OK], BODY),
        (b"POST", [OK], {**BODY, "more_body": True}),
        (b"POST", [(b"content-length", b"3")], BODY),
        (b"POST", [], BODY),
        (b"POST", [OK, (b"x-a", b"b\r\nset-cookie: c")], BODY),
        (b"POST", [OK, (b"x-a", b"b\nc")], BODY),
        (b"POST", [OK, (b"x-a", b"b\rc")], BODY),
    ],
)
def test_what_cannot_go_out_in_one_piece_is_left_to_the_server(
    method: bytes, headers: list[tuple[bytes, bytes]], message: dict[str, Any]
) -> None:
    said: list[bool] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        said.append(scope["extensions"][WHOLE](200, headers, message))
        await plainly(scope, receive, send)

    _, wire = served(app, POST.replace(b"POST", method) + b"\r\ndata")

    assert said == [False]
    assert wire.pieces[0].startswith(b"HTTP/1.1 201 ")


def test_a_body_is_taken_when_all_of_it_is_here_and_not_before() -> None:
    said: list[bytes | None] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        said.append(scope["extensions"][ARRIVED]())
        while (await receive()).get("more_body"):
            pass
        await plainly(scope, receive, send)

    async def taking(scope: Scope, receive: Any, send: Any) -> None:
        said.append(scope["extensions"][ARRIVED]())
        await plainly(scope, receive, send)

    served(app, POST + b"\r\nda", b"ta")
    served(app, POST + b"Expect: 100-continue\r\n\r\n", b"data")
    served(taking, POST + b"\r\ndata")
    served(taking, POST + b"\r\n" + b"data", POST + b"\r\nmore")

    assert said == [None, None, b"data", b"data", b"more"]


def test_a_head_is_waited_for_until_it_is_whole() -> None:
    for sent, waits in (
        ((), True),
        ((POST,), True),
        ((POST + b"\r\ndata",), False),
        ((POST + b"\r\nda",), False),
        ((POST + b"\r\ndata", b"POST / HT"), True),
        ((POST + b"\r\ndata" + b"POST / HT",), True),
        ((POST + b"\r\ndata" + b"POST / HT", b"TP/1.1\r\nHost: h\r\n\r\n"), False),
    ):
        protocol, _ = served(wholly, *sent)
        assert (protocol._patience is not None) is waits, sent


def test_a_json_answer_has_the_headers_that_the_library_would_print() -> None:
    printed = Response(b'{"a":"\xc3\xa9"}', 201, NO_STORE, "application/json")
    answer = json_response({"a": "é"}, 201)

    assert (answer.status_code, answer.body, answer.raw_headers) == (201, printed.body, printed.raw_headers)
