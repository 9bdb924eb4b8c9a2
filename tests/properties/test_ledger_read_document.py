"""Intake's quick reader of JSON against the strict one: the same documents accepted, the same filing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.document import read_document
from proofs.errors import MalformedError, RefusedError
from proofs.jsonstrict import loads_foreign
from proofs.streams import filed, filed_document

TYPES = ("tallystick.slo.measured.v1", "tallystick.lineage.run-observed.v1")
UNREAD = object()

FRAGMENTS = [
    *'{}[]:,"\\ \t\n0123456789.eE+-aé',
    '"a"',
    '"\\u0061"',
    '"b"',
    '"\\""',
    '"\\\\"',
    '"\\u005c"',
    '"\\u0022"',
    '"\\/"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\U0001f600"',
    '"namespace"',
    '"name"',
    '"dataset"',
    "true",
    "false",
    "null",
    "NaN",
    "-0",
    "1e999",
    "1.0",
    "123456789012345678901234567890",
    "\ufeff",
    "\x00",
    "\x7f",
    "\u2028",
]
NASTY = [
    b"",
    b" ",
    b"{}",
    b"\xef\xbb\xbf{}",
    b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":"\\"","a":"x"}',
    b'{"a":"\\"","\\u0061":"x\\""}',
    b'{"\\"":1,"\\u0022":2}',
    b'{"\\\\":1,"\\u005c":2}',
    b'{"a\\\\":1,"a\\u005c":"\\""}',
    b'{"x":"\\\\","a":1,"a":1}',
    b'{"x":"\\\\\\"","y":"\\\\"}',
    b'{"":1,"":2}',
    b'{"dataset":{"namespace":"w","name":"t"},"dataset":{"namespace":"w","name":"u"}}',
    b'{"dataset":{"namespace":"w","name":"t"},"data\\u0073et":1}',
    b'{"dataset":{"namespace":"w","name":"a","name":"b"}}',
    b'[{"a":1},{"a":1}]',
    b'[[{"a":{"a":{"a":1,"a":1}}}]]',
    b'"\\ud800"',
    b'"\\udc00"',
    b'"\\ud800\\u0061"',
    b'"\\ud83d\\ude00"',
    b'{"\\ud800":1}',
    b"\xed\xa0\x80",
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xc0\xaf"',
    b"NaN",
    b"[Infinity]",
    b"[-Infinity]",
    b"1e999",
    b"-1e999",
    b"1e-999",
    b"-0",
    b"-0.0",
    b"00",
    b"1.",
    b".1",
    b"1e",
    b"+1",
    b"0x1",
    b"1" * 400,
    b"-" + b"9" * 5_000,
    b"[1,]",
    b'{"a":1,}',
    b"[,1]",
    b"{,}",
    b"{} ",
    b"{}\x00",
    b"{}{}",
    b"[1 2]",
    b'"\x01"',
    b'"\n"',
    b'"\x7f"',
    b"'a'",
    b"tru",
    b"True",
    b"\x0c{}",
    b"\xa0{}",
    b"\xc2\xa0{}",
    b'"\\x"',
    b'"\\u12"',
    b'"\\u+123"',
    b'"\\U00000041"',
    b"/* */{}",
    b"{}//",
    *(
        opening * depth + b"1" + closing * depth
        for depth in (127, 128, 129, 2_000)
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"))
    ),
    b'"' + b"[" * 200 + b'"',
    b'["' + b"[" * 200 + b'",1,1]',
    b'{"' + b"{" * 200 + b'":1,"b":1,"b":2}',
    b"[" * 100_000,
]


def quickly(data: bytes) -> Any:
    try:
        return read_document(data)
    except RefusedError:
        return UNREAD


def strictly(data: bytes) -> Any:
    try:
        return loads_foreign(data)
    except MalformedError:
        return UNREAD


def assert_alike(data: bytes) -> None:
    quick, strict = quickly(data), strictly(data)

    assert (quick is UNREAD) == (strict is UNREAD)
    if quick is not UNREAD:
        for type in TYPES:
            expected = filed(type, "urn:s", None, data)
            assert filed_document(type, "urn:s", quick) == filed_document(type, "urn:s", strict) == expected


@pytest.mark.parametrize("data", NASTY, ids=lambda data: repr(data[:30]))
def test_nasty_documents_are_read_alike(data: bytes) -> None:
    assert_alike(data)
    assert_alike(b" " + data + b"\n")
    assert_alike(b'{"job":{"namespace":"n","name":"m"},"x":' + data + b"}")


@settings(max_examples=600)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=24).map(lambda parts: "".join(parts).encode()))
def test_fragments_in_any_order_are_read_alike(data: bytes) -> None:
    assert_alike(data)


KEYS = st.sampled_from(["a", "b", '"', "\\", "\\u0061", "name", "namespace", "dataset", "inputs", "é", ""])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(KEYS, inner), max_size=4).map(tuple),
    max_leaves=12,
)


def spelled(value: Any, escape: bool) -> str:
    """JSON with objects as tuples of pairs, so that a member may stand twice."""
    if isinstance(value, tuple):
        return "{" + ",".join(f"{spelled(key, escape)}:{spelled(inner, escape)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spelled(inner, escape) for inner in value) + "]"
    if isinstance(value, str) and escape:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in value) + '"'
    return json.dumps(value, ensure_ascii=False)


@settings(max_examples=600)
@given(VALUES, st.booleans())
@example((("a", 1), ("a", 1)), False)
@example((("\\", "x"), ("a", "\\"), ("a", '"')), False)
def test_documents_with_members_that_stand_twice_are_read_alike(value: Any, escape: bool) -> None:
    assert_alike(spelled(value, escape).encode("utf-8", "replace"))


@settings(max_examples=400)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_alike(data: bytes) -> None:
    assert_alike(data)
