"""What cannot be cut out or put back: parts within parts, documents that are none, bytes that are more than a value."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from proofs import limits
from proofs.errors import MalformedError, RefusedError
from proofs.jsonspan import cut, pointer_steps, restore, spans


@pytest.mark.parametrize(
    "pointers",
    [
        ["", "/a"],
        ["/a", ""],
        ["/a", "/a/b"],
        ["/a/b", "/a"],
        ["/a/b/c/0", "/x", "/a"],
        ["/a", "/a"],
        ["", ""],
        ["/a~1b", "/a~1b/0"],
        ["/", "//"],
    ],
)
def test_no_part_lies_inside_another(pointers: list[str]) -> None:
    with pytest.raises(RefusedError, match=r"lies inside another, holds another or is given twice$"):
        spans(b'{"a":{"b":{"c":[1]}}}', pointers)


def test_names_that_only_begin_alike_are_no_parts_of_each_other() -> None:
    assert spans(b'{"a":1,"ab":2,"a/b":3}', ["/a", "/ab", "/a~1b"]) == {
        "/a": (5, 6),
        "/ab": (12, 13),
        "/a~1b": (20, 21),
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'\xef\xbb\xbf{"a":1}',
        rb'{"a":"\ud800"}',
        b'{"a":1}x',
        b"[" * 200 + b"]" * 200,
    ],
)
def test_nothing_is_found_in_what_is_no_document(data: bytes) -> None:
    with pytest.raises(MalformedError):
        spans(data, ["/a"])


@pytest.mark.parametrize("pointer", ["a", "/~", "/a~2"])
def test_a_pointer_that_is_none_is_refused(pointer: str) -> None:
    with pytest.raises(MalformedError, match=r"^pointer "):
        spans(b"{}", [pointer])


def test_a_document_may_be_bounded_below_the_common_bound() -> None:
    with pytest.raises(MalformedError, match=r"^document has 7 bytes, at most 6 are allowed$"):
        spans(b'{"a":1}', ["/a"], limit_bytes=6)


def test_the_span_of_one_value() -> None:
    data = b' {"a": [10, 200] } '

    assert spans(data, ["/a/1"]) == {"/a/1": (12, 15)}
    assert spans(data, [""]) == {"": (1, 18)}


def test_no_value_has_no_span() -> None:
    assert spans(b'{"a":1}', ["/b"]) == {}


@pytest.mark.parametrize(
    "found", [{"/a": (0, 9)}, {"/a": (3, 3)}, {"/a": (-1, 2)}, {"/a": (0, 2), "/b": (1, 3)}, {"/a": (4, 3)}]
)
def test_spans_that_cannot_be_are_a_wrong_call(found: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"^span \[-?\d+, \d+\) overlaps another or leaves the 8 bytes$"):
        cut(b"12345678", found)


@pytest.mark.parametrize(
    ("data", "parts", "sentence"),
    [
        (b'{"a":1}', {"/a": b"2"}, "document does not show null at '/a', where a part was taken out"),
        (b'{"a":null}', {"/b": b"2"}, "document does not show null at '/b', where a part was taken out"),
        (b'{"a":"null"}', {"/a": b"2"}, "document does not show null at '/a', where a part was taken out"),
        (b'{"a":null}', {"": b"2"}, "document does not show null at '', where a part was taken out"),
        (b'{"a":null}', {"/a": b'1,"b":2'}, "a part is not the bytes of one JSON value"),
        (b'{"a":null}', {"/a": b" 1"}, "a part is not the bytes of one JSON value"),
        (b'{"a":null}', {"/a": b"1\n"}, "a part is not the bytes of one JSON value"),
        (b'["x",null]', {"/1": b'1],["y"'}, "document is not JSON: Extra data (character 7)"),
        (b'{"a":null}', {"/a": b""}, "document is not JSON: Expecting value (character 5)"),
        (b'{"a":null}', {"/a": b'1,"a":2'}, "an object has 2 members and only 1 names"),
        (b'{"a":null}', {"/a": b"\xff"}, "document is not UTF-8 at byte 5"),
        (b'[null,"x",null]', {"/0": b'"', "/2": b'"'}, "document is not JSON: Expecting ',' delimiter (character 4)"),
    ],
)
def test_only_a_value_goes_back_and_only_where_null_is(data: bytes, parts: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(MalformedError) as caught:
        restore(data, parts)

    assert str(caught.value) == sentence


def test_a_string_cannot_swallow_what_stands_between_two_parts() -> None:
    with pytest.raises(MalformedError, match=r"^a part is not the bytes of one JSON value$"):
        restore(b"[null,1,null]", {"/0": b'"', "/2": b'"'})


def test_some_of_the_parts_may_come_back() -> None:
    assert restore(b'{"a":null,"b":null}', {"/b": b'{"c": 1}'}) == b'{"a":null,"b":{"c": 1}}'


def test_a_document_of_the_greatest_size_comes_back_though_cutting_made_it_longer() -> None:
    count = limits.MAX_PARTS
    data = b"[" + b"7," * count
    data += b'"' + b"x" * (limits.BODY_BYTES - len(data) - 3) + b'"]'
    assert len(data) == limits.BODY_BYTES

    left = cut(data, spans(data, [f"/{index}" for index in range(count)]))

    assert len(left) == limits.BODY_BYTES + 3 * count
    assert restore(left, {f"/{index}": b"7" for index in range(count)}) == data


def test_a_caller_deep_in_the_stack_gets_no_crash() -> None:
    data = b'{"a":' * 128 + b"1" + b"}" * 128

    def descend(room: int) -> None:
        if room:
            descend(room - 1)
        else:
            spans(data, ["/a" * 128])

    with pytest.raises(MalformedError, match=r"^document is nested deeper than there is room for$"):
        descend(sys.getrecursionlimit() - stack_depth() - 60)


def stack_depth() -> int:
    frame: Any = sys._getframe()
    depth = 0
    while frame:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_the_deepest_value_is_found() -> None:
    data = b'{"a":' * 128 + b"1" + b"}" * 128

    assert spans(data, ["/a" * 128]) == {"/a" * 128: (640, 641)}


def test_steps_are_unescaped_once() -> None:
    assert pointer_steps("/~01/~10/~0~1") == ("~1", "/0", "~/")
