"""A request's body, whole and bounded: no more is held than is allowed, however small it was packed.

What is sent is bounded while it streams in, in bytes and in time; what it expands to is bounded piece by piece, before the
next piece is made. What it is read into, a value for every few bytes, costs many times its bytes: so values are counted before
one is made, and large bodies are read one after the other beside the loop. At most one process-wide bomb is ever in memory.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import zstandard

from proofs.errors import MalformedError
from server.errors import OverloadedError, SlowError, TooLargeError, UnsupportedError

_Result = TypeVar("_Result")
REQUEST_BYTES: Final = 64 * 1024 * 1024
BODY_SECONDS: Final = 30.0
CODINGS: Final = ("identity", "gzip", "zstd")
# An array, an object or a member of one: some 60 bytes of memory each, 200 for a small object.
REQUEST_VALUES: Final = 4_000_000
REQUEST_GROUPS: Final = 1_000_000
_PIECE: Final = 1 << 20
_ZSTD_WINDOW: Final = 1 << 23  # RFC 8878 section 3.1.1.1.2 recommends decoders to support at least 8 MiB
# A block of 4 bytes can stand for 128 KiB, and the library hands over all that a step makes: at most 8 MiB over the bound.
_ZSTD_STEP: Final = 256
_MEMBERS: Final = 16  # each is cut off the front of what is left, so that thousands would be quadratic
_GZIP: Final = 16 + zlib.MAX_WBITS
# From here on a body is expanded, or read, beside the loop, so that the loop goes on answering.
_LARGE: Final = 1 << 15
_LONG: Final = 1 << 17

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class DisconnectedError(ConnectionError):
    """Whoever asked went away before the whole request was here."""


class Room:
    """How many bytes of bodies one process holds at once.

    Attributes:
        used: Bytes that are held now.
        expander: One thread that expands and reads large bodies: several bombs go off one after the other, in one place.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self.used = 0
        self.expander = ThreadPoolExecutor(1, "tally-expander")

    def take(self, size_bytes: int) -> None:
        """Hold `size_bytes` more.

        Raises:
            OverloadedError: There is not so much room; nothing was taken.
        """
        if self.used + size_bytes > self._size:
            raise OverloadedError(f"bodies of {self.used} bytes are held already, at most {self._size} may be")
        self.used += size_bytes

    def give(self, size_bytes: int) -> None:
        """Hold `size_bytes` less."""
        self.used -= size_bytes


async def read_body(
    receive: Receive, headers: Mapping[str, str], room: Room, *, arrived: Callable[[], bytes | None] = lambda: None
) -> bytes:
    """Return the body, decoded from its content coding.

    Args:
        headers: Names in lower case.
        room: What all bodies together may take; whoever calls gives back `len(body)` when done with it.
        arrived: Takes the whole body where all of it is here already, so that there is nothing to wait for.

    Raises:
        TooLargeError: It is, or expands to, more than 64 MiB.
        UnsupportedError: Its coding is none of identity, gzip, zstd.
        MalformedError: It is not what its coding says.
        SlowError: It did not arrive within 30 seconds.
        OverloadedError: There is no room for it now.
        DisconnectedError: The other side went away.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in CODINGS:
        raise UnsupportedError(f"content-encoding {coding[:40]!r} is none of {', '.join(CODINGS)}")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > REQUEST_BYTES:
        raise TooLargeError(f"the body has {length[:20]} bytes, at most {REQUEST_BYTES} are allowed")
    sent = arrived()
    if sent is None:
        sent = await _sent(receive, room)
    else:
        _hold(room, 0, sent)
    if coding == "identity":
        return sent
    try:
        if len(sent) < _LARGE:
            data = expand(sent, coding)
        else:
            data = await asyncio.get_running_loop().run_in_executor(room.expander, expand, sent, coding)
        room.take(len(data))
    finally:
        room.give(len(sent))
    return data


async def _next(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message


async def _sent(receive: Receive, room: Room) -> bytes:
    pieces: list[bytes] = []
    held = 0
    try:
        # Around the first message too: of a body that was announced not one byte may ever come.
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await _next(receive)
                piece = message.get("body", b"")
                _hold(room, held, piece)
                held += len(piece)
                pieces.append(piece)
                more = message.get("more_body", False)
    except TimeoutError as error:
        room.give(held)
        raise SlowError(f"{held} bytes of the body arrived in {BODY_SECONDS:.0f} seconds, and not the rest") from error
    except BaseException:
        room.give(held)
        raise
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _hold(room: Room, held: int, piece: bytes) -> None:
    if held + len(piece) > REQUEST_BYTES:
        raise TooLargeError(f"the body has more than {REQUEST_BYTES} bytes")
    room.take(len(piece))


async def read_values(body: bytes, room: Room, read: Callable[[bytes], _Result]) -> _Result:
    """Return what `read` makes of a body of JSON: at once of a small one, and of a large one beside the loop.

    Raises:
        TooLargeError: It would be too many values; none was made.
    """
    if len(body) < _LONG:
        return read(body)
    return await asyncio.get_running_loop().run_in_executor(room.expander, read_counted, body, read)


def read_counted(body: bytes, read: Callable[[bytes], _Result]) -> _Result:
    """Return what `read` makes of a body, whose values are counted before one is made.

    Raises:
        TooLargeError: They would be too many; none was made.
    """
    if len(body) <= REQUEST_GROUPS:
        return read(body)  # each of them takes a byte
    groups = values = 0
    for at in range(0, len(body), _PIECE):  # piece by piece, so that the loop has its turns
        groups += body.count(b"{", at, at + _PIECE) + body.count(b"[", at, at + _PIECE)
        values += body.count(b",", at, at + _PIECE)
        if groups > REQUEST_GROUPS or groups + values > REQUEST_VALUES:
            raise TooLargeError(
                f"the body has more than {REQUEST_GROUPS} arrays and objects, or {REQUEST_VALUES} values",
                hint="send fewer events in one request",
            )
    return read(body)


def expand(data: bytes, coding: str, *, limit_bytes: int = REQUEST_BYTES) -> bytes:
    """Return what `data` expands to.

    Raises:
        TooLargeError: To more than `limit_bytes`; no more than that was made.
        MalformedError: It is not whole, or not gzip or zstd.
    """
    try:
        return (_gunzip if coding == "gzip" else _unzstd)(data, _Pieces(limit_bytes))
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise MalformedError(f"the body is not {coding}") from error


class _Pieces:
    """What came out so far, within its bound; nothing is kept of what went beyond it, however long the error lives."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._left = limit_bytes
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._left -= len(piece)
        self._pieces.append(piece)
        if self._left < 0:
            self._pieces.clear()
            raise TooLargeError(f"the body expands to more than {self._limit} bytes")

    def joined(self) -> bytes:
        return b"".join(self._pieces)


def _gunzip(data: bytes, pieces: _Pieces) -> bytes:
    members = 0
    while data:  # RFC 1952: one member, or several behind each other
        members = _counted(members)
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            piece = member.decompress(data, _PIECE)
            data = member.unconsumed_tail
            pieces.add(piece)
            if not piece and not data and not member.eof:
                raise EOFError
        data = member.unused_data
    return pieces.joined()


def _unzstd(data: bytes, pieces: _Pieces) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    members = 0
    while data:  # RFC 8878: one frame, or several behind each other
        members = _counted(members)
        frame = decoder.decompressobj()
        at = 0
        while not frame.eof:
            if at >= len(data):
                raise EOFError
            pieces.add(frame.decompress(data[at : at + _ZSTD_STEP]))
            at += _ZSTD_STEP
        data = frame.unused_data + data[at:]
    return pieces.joined()


def _counted(members: int) -> int:
    if members == _MEMBERS:
        raise MalformedError(f"the body has more than {_MEMBERS} compressed members")
    return members + 1
