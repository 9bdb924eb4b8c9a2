"""A record has exactly the members that its page names, each of the right shape; what is wrong is said with its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from proofs.errors import MalformedError, TamperedError
from proofs.record import Record, document, lines, place, record


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([], "document is not an object"),
        ("x", "document is not an object"),
        (1, "document is not an object"),
        ({}, "document has no member a"),
        ({"a": 1}, "document has no member b"),
        ({"a": 1, "b": 2, "d": 3}, "document has the unknown member 'd'"),
        ({"a": 1, "b": 2, "x" * 99: 3}, "document has the unknown member '" + "x" * 64 + "'"),
    ],
)
def test_a_record_has_no_member_too_few_and_none_too_many(value: object, what: str) -> None:
    with pytest.raises(MalformedError, match=f"^{re.escape(what)}$"):
        record(value, "a b", "c")


def test_a_record_may_have_optional_members() -> None:
    assert "c" in record({"a": 1, "b": 2, "c": 3}, "a b", "c")
    assert "c" not in record({"a": 1, "b": 2}, "a b", "c")


Read = Callable[[Record], Any]


@pytest.mark.parametrize(
    ("value", "read", "what"),
    [
        (True, lambda r: r.integer("m"), "o.m is not an integer from 0 to 9007199254740991"),
        (-1, lambda r: r.integer("m"), "o.m is not an integer from 0 to 9007199254740991"),
        (2**53, lambda r: r.integer("m"), "o.m is not an integer from 0 to 9007199254740991"),
        ("1", lambda r: r.integer("m"), "o.m is not an integer from 0 to 9007199254740991"),
        (1, lambda r: r.text("m"), "o.m is not a string"),
        ("", lambda r: r.text("m"), "o.m is empty"),
        ("a\x7f", lambda r: r.text("m"), "o.m holds the character U+007F, which no entry may hold"),
        ("äb", lambda r: r.text("m", limit_bytes=2), "o.m has 3 bytes, at most 2 are allowed"),
        ("x y", lambda r: r.matching("m", re.compile(r"[a-z]+\Z")), "o.m is not written as [a-z]+"),
        (1, lambda r: r.matching("m", re.compile(r"[a-z]+\Z")), "o.m is not written as [a-z]+"),
        ("c", lambda r: r.choice("m", ("b", "a")), "o.m is none of a, b"),
        ([], lambda r: r.choice("m", ("b", "a")), "o.m is none of a, b"),
        (2, lambda r: r.constant("m", 1), "o.m is not 1, the only one that this verifier knows"),
        (True, lambda r: r.constant("m", 1), "o.m is not 1, the only one that this verifier knows"),
        ("x", lambda r: r.at("m"), "o.m: at is not YYYY-MM-DDThh:mm:ss.ffffffZ"),
        ("AB" * 32, lambda r: r.digest("m"), "o.m is not 64 lower-case hex digits"),
        ("ab" * 32 + "\n", lambda r: r.digest("m"), "o.m is not 64 lower-case hex digits"),
        (1, lambda r: r.base64("m"), "o.m is not base64"),
        ("YQ", lambda r: r.base64("m"), "o.m is not base64"),
        ({}, lambda r: r.array("m"), "o.m is not an array"),
        ([], lambda r: r.mapping("m"), "o.m is not an object"),
        ([{}], lambda r: r.records("m", "a"), "o.m[0] has no member a"),
        ([1, 1], lambda r: r.integers("m"), "o.m does not ascend"),
        ([1, True], lambda r: r.integers("m"), "o.m[1] is not an integer from 0 to 9007199254740991"),
        (["x"], lambda r: r.digests("m"), "o.m[0] is not 64 lower-case hex digits"),
    ],
)
def test_a_member_of_another_shape_is_named_with_its_path(value: object, read: Read, what: str) -> None:
    with pytest.raises(MalformedError, match=f"^{re.escape(what)}$"):
        read(record({"m": value}, "m", name="o"))


@pytest.mark.parametrize("data", [b"", b"{}", b"{}\r\n", b"\n", b"{}\n\n", b" {}\n", b"\xff\n"])
def test_a_document_is_canonical_json_and_one_newline(data: bytes) -> None:
    with pytest.raises(MalformedError):
        document(data)


def test_lines_have_places() -> None:
    assert list(lines(b"a\nb\n", "f")) == [("f line 1", b"a"), ("f line 2", b"b")]
    assert list(lines(b"", "f")) == []


@pytest.mark.parametrize(("data", "where"), [(b"a\nb", "f line 2"), (b"a\n\nb\n", "f line 2"), (b"\n", "f line 1")])
def test_a_line_that_is_empty_or_does_not_end_is_named(data: bytes, where: str) -> None:
    with pytest.raises(MalformedError) as refused:
        list(lines(data, "f"))

    assert refused.value.where == where


def test_the_innermost_place_stays() -> None:
    with pytest.raises(TamperedError) as refused, place("outside"), place("inside"):
        raise TamperedError("x")

    assert refused.value.where == "inside"
