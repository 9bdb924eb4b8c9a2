"""A request's body: bounded as it comes, and as it expands."""

from __future__ import annotations

import asyncio
import gzip
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from proofs.errors import MalformedError
from server import body
from server.body import DisconnectedError, Room, expand, read_body
from server.errors import OverloadedError, SlowError, TooLargeError, UnsupportedError

DATA = b'{"a":1}' * 1000


def packed(coding: str, data: bytes) -> bytes:
    return gzip.compress(data) if coding == "gzip" else zstandard.ZstdCompressor().compress(data)


def read(pieces: list[bytes], headers: dict[str, str] | None = None, room: Room | None = None) -> bytes:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1} for at, piece in enumerate(pieces)]
        or [{"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    return asyncio.run(read_body(receive, headers or {}, room or Room(1 << 30)))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_one_member_or_two_expand_to_what_was_packed(coding: str) -> None:
    member = packed(coding, DATA)

    assert expand(member, coding) == DATA
    assert expand(member * 2, coding) == DATA * 2
    assert read([member[:10], member[10:]], {"content-encoding": coding.upper()}) == DATA


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_is_cut_off_followed_by_something_or_something_else_is_malformed(coding: str) -> None:
    member = packed(coding, DATA)
    for data in (*(member[:cut] for cut in range(1, len(member))), member + b"junk", b"xxxx", DATA, member * 17):
        with pytest.raises(MalformedError):
            expand(data, coding)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_costs_no_more_than_its_bound(coding: str) -> None:
    bomb = packed(coding, bytes(1 << 28))
    limit = 1 << 20
    tracemalloc.start()

    with pytest.raises(TooLargeError, match="expands to more than 1048576 bytes"):
        expand(bomb, coding, limit_bytes=limit)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < limit + 20 * (1 << 20)


def test_a_frame_that_asks_for_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj().compress(bytes(1000))
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    whole = stream.compress(bytes(1000)) + stream.flush()

    assert frame is not None
    with pytest.raises(MalformedError):
        expand(whole, "zstd")


def test_a_length_over_the_bound_is_refused_before_anything_is_read() -> None:
    with pytest.raises(TooLargeError, match="68719476736 bytes"):
        read([], {"content-length": "68719476736"})


def test_a_body_over_the_bound_is_refused_where_it_passes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "REQUEST_BYTES", 10)
    room = Room(100)

    with pytest.raises(TooLargeError):
        read([b"123456", b"7890ab", b"never read"], room=room)
    assert room.used == 0


def test_a_trickle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.01)
    room = Room(100)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.004)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(SlowError, match="of the body arrived"):
        asyncio.run(read_body(receive, {}, room))
    assert room.used == 0


def test_a_body_of_which_nothing_arrives_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.01)
    room = Room(100)

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def patient() -> bytes:
        async with asyncio.timeout(5):
            return await read_body(receive, {"content-length": "1000"}, room)

    with pytest.raises(SlowError, match="0 bytes of the body arrived in 0 seconds"):
        asyncio.run(patient())
    assert room.used == 0


@pytest.mark.parametrize(
    "data", [b"[" + b"{}," * 1_000_001, b"[" + b"[]," * 1_000_001, b"[" + b"1," * 4_000_001, b"[" * 1_000_001]
)
def test_a_body_of_too_many_values_is_refused_before_one_is_made(data: bytes) -> None:
    made: list[bytes] = []

    with pytest.raises(TooLargeError, match="more than 1000000 arrays and objects, or 4000000 values"):
        asyncio.run(body.read_values(data, Room(1), made.append))
    assert made == []


def test_a_long_body_is_read_beside_the_loop_and_a_short_one_at_once() -> None:
    async def threads() -> list[bool]:
        own = threading.get_ident()
        return [
            await body.read_values(b"x" * size, Room(1), lambda _: threading.get_ident() == own)
            for size in (9, 1 << 17)
        ]

    assert asyncio.run(threads()) == [True, False]


def test_whoever_goes_away_leaves_nothing_behind() -> None:
    room = Room(100)

    with pytest.raises(DisconnectedError):
        read([], room=room)
    assert room.used == 0


def test_a_coding_that_nobody_reads_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="'br' is none of identity, gzip, zstd"):
        read([b""], {"content-encoding": "br"})


def test_what_all_bodies_hold_together_is_bounded_and_given_back() -> None:
    room = Room(10)
    assert read([b"1234567"], room=room) == b"1234567"

    with pytest.raises(OverloadedError, match="bodies of 7 bytes are held already, at most 10 may be"):
        read([b"1234567"], room=room)
    with pytest.raises(OverloadedError):
        read([b"12", b"34"], room=room)
    assert room.used == 7

    room.give(7)
    assert read([b"12", b"34"], room=room) == b"1234"


def test_a_packed_body_takes_the_room_of_what_it_expands_to() -> None:
    room = Room(8000)
    read([packed("gzip", DATA)], {"content-encoding": "gzip"}, room)
    assert room.used == 7000
    room.give(7000)

    with pytest.raises(OverloadedError):
        read([packed("gzip", DATA * 2)], {"content-encoding": "gzip"}, room)
    assert room.used == 0


def test_a_body_that_is_here_already_is_held_and_expanded_like_one_that_came() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("there is nothing to wait for")

    def taken(sent: bytes, room: Room, **headers: str) -> bytes:
        return asyncio.run(read_body(receive, headers, room, arrived=lambda: sent))

    room = Room(1 << 20)
    assert taken(DATA, room) == DATA
    assert room.used == len(DATA)
    assert taken(packed("gzip", DATA), room, **{"content-encoding": "gzip"}) == DATA
    assert room.used == 2 * len(DATA)
    with pytest.raises(OverloadedError):
        taken(bytes(1 << 20), room)
    with pytest.raises(TooLargeError):
        taken(bytes(body.REQUEST_BYTES + 1), Room(1 << 30))
    assert room.used == 2 * len(DATA)
