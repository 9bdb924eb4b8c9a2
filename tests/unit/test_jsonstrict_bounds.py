"""The bounds of the JSON reader, the sentence of each refusal, and what the printer will not print."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import pytest

from proofs.errors import MalformedError
from proofs.jsonstrict import Number, dumps, loads, loads_foreign, parse_canonical

MAX = 2**53 - 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"[1,2]", "document has 5 bytes, at most 4 are allowed"),
        (b"\xef\xbb\xbf1", "document begins with a byte order mark"),
        (b'"\xff"', "document is not UTF-8 at byte 1"),
        (b"[[[]", "document is nested 3 deep, at most 2 are allowed"),
        (rb'"\q"', "document holds half a surrogate pair or an escape that JSON does not know"),
        (b"[1,]", "document is not JSON: Expecting value (character 3)"),
        (b"", "document is not JSON: Expecting value (character 0)"),
        (b"1 1", "document is not JSON: Extra data (character 2)"),
        (b"-0", "-0 is not an integer within ±9007199254740991"),
        (b"0.5", "0.5 is not an integer without fraction and exponent"),
        (b"NaN", "NaN is not JSON"),
        (b"null", "document holds null, which no document of ours does"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, sentence: str) -> None:
    with pytest.raises(MalformedError) as caught:
        loads(data, limit_bytes=4, depth=2)

    assert str(caught.value) == sentence


def test_a_member_that_stands_twice_is_not_named() -> None:
    with pytest.raises(MalformedError) as caught:
        loads_foreign(b'{"ada@example.org":1,"ada@example.org":2}')

    assert str(caught.value) == "an object has 2 members and only 1 names"


@pytest.mark.parametrize("text", ["9" * 5000, "-" + "9" * 5000, "0." + "1" * 5000])
def test_a_long_number_is_cut_short_in_the_message(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        loads(text.encode(), limit_bytes=10_000)

    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("read", [lambda data: loads(data, limit_bytes=9), loads_foreign])
@pytest.mark.parametrize("data", ["{}", None, bytearray(b"{}"), memoryview(b"{}"), {}], ids=repr)
def test_what_is_not_bytes_is_a_wrong_call(read: Any, data: Any) -> None:
    with pytest.raises(TypeError, match=r"^a document is bytes, not \w+$"):
        read(data)


@pytest.mark.parametrize("deep", [b"[" * 1_000_000, b'{"a":' * 200_000, b"[" * 500_000 + b"]" * 500_000], ids=len)
def test_depth_is_bounded_before_anything_is_built(deep: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^document is nested \d+ deep, at most 128 are allowed$"):
        loads_foreign(deep)


def test_a_caller_who_allows_too_deep_a_document_gets_no_crash() -> None:
    with pytest.raises(MalformedError, match=r"^document is nested deeper than there is room for$"):
        loads_foreign(b"[" * 100_000 + b"]" * 100_000, depth=200_000)


def test_brackets_in_strings_do_not_count() -> None:
    data = b'[["' + b"[{" * 5_000 + b'\\"[[["]]'

    assert loads_foreign(data, depth=2) == [["[{" * 5_000 + '"[[[']]


# Each of these once cost a quadratic time in some reader.
@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 2_000_000,
        b'["' + b'\\\\"' * 2_000_000,
        b'{"a":"' * 300_000,
        b'"a' * 2_000_000,
        b"[" + b'"\\' * 1_000_000,
        b" " * 4_000_000,
        b"-" * 4_000_000,
        b"]" * 4_000_000,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_hostile_documents_take_linear_time(data: bytes) -> None:
    with pytest.raises(MalformedError):
        loads_foreign(data)


def test_a_foreign_number_stays_as_it_was_written() -> None:
    assert loads_foreign(b"[1, -0, 1.50, 1E+400, 1.5e-3]") == [
        Number("1"),
        Number("-0"),
        Number("1.50"),
        Number("1E+400"),
        Number("1.5e-3"),
    ]


def test_a_foreign_number_is_never_taken_for_a_string() -> None:
    value = loads_foreign(b"1")

    assert value != "1"
    assert not isinstance(value, str | int | float)
    assert value != Number("1.0")


def test_a_foreign_number_cannot_be_changed() -> None:
    number: Any = Number("1")

    with pytest.raises(AttributeError):
        number.text = "2"
    with pytest.raises((AttributeError, TypeError)):
        number.other = "2"
    assert {Number("1"), number} == {Number("1")}


@pytest.mark.parametrize("text", ["", "1.", ".5", "+1", "01", "1e", "0x1", "NaN", " 1", "1\n", "1_0", "١", "--1"])
def test_a_number_that_exists_is_one(text: str) -> None:
    with pytest.raises(MalformedError, match=rf"^a number of {len(text)} characters is not written as JSON says$"):
        Number(text)


def test_members_are_printed_sorted_or_in_the_order_given() -> None:
    value = {"b": [{"z": True, "y": 0}], "a": (1, "ü")}

    assert dumps(value) == '{"a":[1,"ü"],"b":[{"y":0,"z":true}]}'.encode()
    assert dumps(value, sort=False) == '{"b":[{"z":true,"y":0}],"a":[1,"ü"]}'.encode()
    assert parse_canonical(b'{"b":1,"a":2}', limit_bytes=99, sort=False) == {"b": 1, "a": 2}


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Names(dict[str, int]):
    pass


class Items(list[int]):
    pass


class Pair(NamedTuple):
    left: int


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        float("nan"),
        b"x",
        {1: 2},
        {None: 1},
        {True: 1},
        {"a": 1, 2: 3},
        {1.5: 1},
        {"a"},
        [None],
        {"a": 0.5},
        Colour.RED,
        Level.LOW,
        Names(),
        Items(),
        Pair(1),
        {Colour.RED: 1},
        Number("1"),
        object(),
        iter([]),
    ],
    ids=repr,
)
def test_what_has_no_place_in_a_document_is_not_printed(value: Any) -> None:
    with pytest.raises(
        (TypeError, ValueError),
        match=r"has no place|not text|not JSON serializable|not supported|must be str",
    ):
        dumps(value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (MAX + 1, "an integer of 54 bits is beyond ±9007199254740991"),
        (-MAX - 1, "an integer of 54 bits is beyond ±9007199254740991"),
        ([{"a": 2**64}], "an integer of 65 bits is beyond ±9007199254740991"),
        ("\ud800", "value holds half a surrogate pair"),
        ({"\udfff": 1}, "value holds half a surrogate pair"),
    ],
)
def test_a_value_that_cannot_be_read_back_is_not_printed(value: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        dumps(value)

    assert str(caught.value) == sentence


def nested(depth: int, inner: Any) -> Any:
    for level in range(depth):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


def test_a_value_nested_128_deep_is_printed_and_read_back() -> None:
    for value in (nested(128, 1), nested(127, []), nested(127, {})):
        assert parse_canonical(dumps(value), limit_bytes=10_000) == value


@pytest.mark.parametrize("value", [nested(129, 1), nested(128, []), nested(128, {}), nested(100_000, 1)], ids=len)
def test_a_value_nested_deeper_is_not_printed(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^value is nested deeper than 128$"):
        dumps(value)


def test_a_value_that_contains_itself_is_not_printed() -> None:
    value: list[Any] = []
    value += [value, value]

    with pytest.raises(ValueError, match="Circular"):
        dumps(value)


@pytest.mark.parametrize("value", [MAX, -MAX, 0, True, False, "", [], {}, (), "\x7f\u2028\U0010ffff"], ids=repr)
def test_the_ends_of_what_is_allowed_are_printed(value: Any) -> None:
    read = parse_canonical(dumps(value), limit_bytes=99)

    assert read == ([] if value == () else value)
    assert type(read) is (list if value == () else type(value))


def test_the_word_null_is_no_null() -> None:
    assert loads(b'{"null":["null"]}', limit_bytes=99) == {"null": ["null"]}
