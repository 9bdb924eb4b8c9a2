"""Strict JSON: bounds before anything is built, and one reading of every document that is accepted.

Two readers, because there are two kinds of document:

- `loads` reads ours (docs/formats/json.md): objects, arrays, strings, true, false and integers within ±(2^53−1).
  `dumps` prints them, and `parse_canonical` accepts exactly what `dumps` prints (I15).
- `loads_foreign` reads what others wrote: any RFC 8259 document. Its numbers stay text, for 1.0, 1.00 and 1e400 are not
  ours to round.

Both refuse what two readers could understand differently: members that stand twice, half surrogate pairs, byte order
marks, NaN. Nobody serialises a foreign document again (I1), so there is no printer for it.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeAlias

from proofs import limits
from proofs.errors import MalformedError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool"
Foreign: TypeAlias = "dict[str, Foreign] | list[Foreign] | str | Number | bool | None"

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# The closing quote is optional: a string that never ends would else be tried again from each of its own quotes, and
# that is quadratic.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: +1 and -1
# The library's reader, where it runs in pure Python, takes "\u+123" for an escape; and everywhere it takes half pairs.
_ESCAPE: Final = re.compile(
    r'\\(?:["\\/bfnrt]'
    r"|u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
    r"|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a foreign document as it was written; not a string, and equal only to the same spelling.

    Raises:
        MalformedError: `text` is not a number of RFC 8259.
    """

    text: str

    def __post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.text):
            raise MalformedError(f"a number of {len(self.text)} characters is not written as JSON says")


def loads(data: bytes, *, limit_bytes: int, depth: int = limits.JSON_DEPTH) -> Json:
    """Return a document of ours.

    Args:
        limit_bytes: The longest document that is read at all.
        depth: How deep arrays and objects may nest; `[]` is 1.

    Raises:
        MalformedError: It is anything but a document of ours; its white space and the order of its members are free.
        TypeError: `data` is not bytes.
    """
    text = _text(data, limit_bytes=limit_bytes, depth=depth)
    value: Json = _parse(text, integer=_integer, fraction=_no_fraction)
    if "null" in text:
        _refuse_null(value)
    return value


def loads_foreign(data: bytes, *, limit_bytes: int = limits.BODY_BYTES, depth: int = limits.JSON_DEPTH) -> Foreign:
    """Return a document that somebody else wrote, its numbers as `Number`.

    Raises:
        MalformedError: It is not RFC 8259 in UTF-8, or is ambiguous, too long or nested too deep.
        TypeError: `data` is not bytes.
    """
    value: Foreign = _parse(_text(data, limit_bytes=limit_bytes, depth=depth), integer=Number, fraction=Number)
    return value


def dumps(value: object, *, sort: bool = True) -> bytes:
    """Return `value` as this project prints JSON: no white space, nothing escaped but `"`, `\\` and U+0000–001F.

    Args:
        value: Made of dict, list, tuple, str, int and bool, and of no class derived from them.
        sort: Members sorted by name, as canonical documents have them; else in the order given.

    Raises:
        TypeError: There is something else in it (None and float are not ours), or a name that is not text.
        ValueError: An integer beyond ±(2^53−1), half a surrogate pair, or too deep a nesting.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
        printed = text.encode()
    except RecursionError as error:
        raise ValueError(f"value is nested deeper than {limits.JSON_DEPTH}") from error
    except UnicodeEncodeError as error:
        raise ValueError("value holds half a surrogate pair") from error
    # After printing, which is where a value that contains itself was found out.
    _check_printable(value)
    return printed


def parse_canonical(data: bytes, *, limit_bytes: int, sort: bool = True) -> Json:
    """Return a document of ours that is written exactly as `dumps` writes it (I15).

    Raises:
        MalformedError: It is not, by as much as one byte.
        TypeError: `data` is not bytes.
    """
    value = loads(data, limit_bytes=limit_bytes)
    if dumps(value, sort=sort) != data:
        raise MalformedError("document is not printed as the format says")
    return value


def _text(data: bytes, *, limit_bytes: int, depth: int) -> str:
    if not isinstance(data, bytes):
        raise TypeError(f"a document is bytes, not {type(data).__name__}")
    if len(data) > limit_bytes:
        raise MalformedError(f"document has {len(data)} bytes, at most {limit_bytes} are allowed")
    if data.startswith(_BYTE_ORDER_MARK):
        raise MalformedError("document begins with a byte order mark")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"document is not UTF-8 at byte {error.start}") from error
    if (found := _depth(data, enough=depth)) > depth:
        raise MalformedError(f"document is nested {found} deep, at most {depth} are allowed")
    if "\\" in text and "\\" in _ESCAPE.sub("", text):
        raise MalformedError("document holds half a surrogate pair or an escape that JSON does not know")
    return text


def _depth(data: bytes, *, enough: int) -> int:
    """Return how deep `data` nests up to its first fault, or any number up to `enough` where it cannot be more."""
    opening = data.count(b"[") + data.count(b"{")
    if opening <= enough:
        return opening
    brackets = _STRING.sub(b"", data).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", brackets)), default=0)


def _parse(text: str, *, integer: Callable[[str], object], fraction: Callable[[str], object]) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_int=integer,
            parse_float=fraction,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise MalformedError(f"document is not JSON: {error.msg} (character {error.pos})") from error
    except RecursionError as error:
        raise MalformedError("document is nested deeper than there is room for") from error


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Without the name: in a foreign document it may be personal.
        raise MalformedError(f"an object has {len(pairs)} members and only {len(members)} names")
    return members


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(value := int(text)) > limits.MAX_INTEGER:
        raise MalformedError(f"{text[:24]} is not an integer within ±{limits.MAX_INTEGER}")
    return value


def _no_fraction(text: str) -> int:
    raise MalformedError(f"{text[:24]} is not an integer without fraction and exponent")


def _no_constant(text: str) -> object:
    raise MalformedError(f"{text} is not JSON")


def _refuse_null(value: object) -> None:
    level = [value]
    while level:
        below: list[object] = []
        for item in level:
            if item is None:
                raise MalformedError("document holds null, which no document of ours does")
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below


def _check_printable(value: object) -> None:
    level = [value]
    depth = 0
    while level:
        below: list[object] = []
        for item in level:
            kind = type(item)
            if kind is str or kind is bool:
                continue
            if isinstance(item, int) and kind is int:
                if abs(item) > limits.MAX_INTEGER:
                    raise ValueError(f"an integer of {item.bit_length()} bits is beyond ±{limits.MAX_INTEGER}")
            elif isinstance(item, dict) and kind is dict:
                if any(type(name) is not str for name in item):
                    raise TypeError("a member's name is not text")
                below.extend(item.values())
            elif isinstance(item, list | tuple) and kind in (list, tuple):
                below.extend(item)
            else:
                raise TypeError(f"a value of type {kind.__name__} has no place in a document of ours")
            if kind is not int and depth == limits.JSON_DEPTH:
                raise ValueError(f"value is nested deeper than {limits.JSON_DEPTH}")
        level, depth = below, depth + 1
