"""Where the members of a JSON object, and the elements of an array, stand in a document, so that each keeps its very bytes.

A document is not parsed into values: its members are walked one by one. Where a long value stops is guessed first, and reading
what lies before is the proof: JSON can be read in one way only, so where that is one acceptable document, and what follows is a
document's end, there is no other place where it could stop. Its value is then known too, and nobody need read it again. Where the
guess is wrong the library's scanner, which is in C, says where the value stops. What that is lax about (members that stand twice
inside a value, NaN) is held to the rules where the value is read.

What is not JSON raises a ValueError, an IndexError or a RecursionError; who calls finds the words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from ledger.document import UNREAD, quick_document
from proofs.errors import RefusedError

_Read = TypeVar("_Read")
MAX_MEMBERS: Final = 64
_LONG: Final = "data"  # the one member that is worth a guess
_WHITE: Final = " \t\n\r"
_BLANK: Final = re.compile(r"[ \t\n\r]*+")
# Most members are names and texts without an escape: one match, where the general way takes six calls.
_PLAIN: Final = re.compile(r'"([A-Za-z0-9_]++)"[ \t\n\r]*+:[ \t\n\r]*+"([^"\\\x00-\x1f]*+)"[ \t\n\r]*+')
_OPENING: Final = re.compile(r'\{[ \t\n\r]*+"[^"\\]{1,64}+"')
_INTEGER_DIGITS: Final = 19


class Value(NamedTuple):
    """A value, and [start, stop) of its characters in the document.

    Attributes:
        value: For a value that was not read by the rules of `read_document`, of numbers only so much as tells them apart.
        data: Its bytes, where it was read by those rules; None where it was not.
    """

    value: Any
    start: int
    stop: int
    data: bytes | None = None


class _Fraction:
    """Stands for a number that is no integer: no attribute may be one."""


_FRACTION: Final = _Fraction()  # one for all: a body may hold millions


def _integer(text: str) -> object:
    return int(text) if len(text) < _INTEGER_DIGITS else _FRACTION


def _no_constant(text: str) -> object:
    raise RefusedError(f"no JSON: {text} is no number")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=lambda _: _FRACTION, parse_constant=_no_constant)
_scan = _DECODER.raw_decode


def read_object(text: str) -> dict[str, Value] | None:
    """Return the members of the object that is all of `text`, None for a value of another kind.

    Raises:
        RefusedError: Something follows it.
    """
    members, at = _members(text, _blank(text, 0), text.rfind("}"))
    if _blank(text, at) != len(text):
        raise RefusedError("no CloudEvent: something follows the document")
    return members


def read_objects(text: str) -> Iterator[dict[str, Value] | None]:
    """Yield the members of each element of the array that is all of `text`, None for an element of another kind."""
    return _each(text, _members)


def read_elements(text: str, *, most: int) -> Iterator[Value]:
    """Yield each element of the array that is all of `text`.

    Raises:
        RefusedError: There are more than `most`.
    """
    return _each(text, _element, most)


def _each(text: str, read: Callable[[str, int, int], tuple[_Read, int]], most: int | None = None) -> Iterator[_Read]:
    at = _open_array(text)
    opening = found[0] if (found := _OPENING.match(text, at)) else ""
    count = 0
    while text[at] != "]":
        if count == most:
            raise RefusedError(f"the array holds more than {most} elements")
        end = _end(text, at, opening)
        element, stop = read(text, at, end)
        if not at <= end < stop:
            opening = (
                ""  # another way of writing than that of the first: to look for it again and again could be quadratic
            )
        yield element
        at = _next(text, stop)
        count += 1
    if _blank(text, at + 1) != len(text):
        raise ValueError


def _end(text: str, at: int, opening: str) -> int:
    """Where the object at `at` probably has its closing brace: before the next that opens as the first one did."""
    if not opening or text[at] != "{":
        return -1
    following = text.find(opening, at + 1)
    return text.rfind("}", at, following if following >= 0 else len(text))


def _open_array(text: str) -> int:
    at = _blank(text, 0)
    if text[at] != "[":
        raise ValueError
    return _blank(text, at + 1)


def _next(text: str, at: int) -> int:
    """Where the next element begins, or the array's end stands."""
    at = _blank(text, at)
    if text[at] == "]":
        return at
    if text[at] != ",":
        raise ValueError
    at = _blank(text, at + 1)
    if text[at] == "]":
        raise ValueError
    return at


def _element(text: str, at: int, end: int) -> tuple[Value, int]:
    """The element at `at` and where it stops."""
    found = _guessed(text, at, end + 1)
    if found is None:
        found = Value(UNREAD, at, _scan(text, at)[1])
    return found, found.stop


def _members(text: str, at: int, end: int) -> tuple[dict[str, Value] | None, int]:
    """The members of the object at `at` and where it stops; None for a value of another kind."""
    if text[at] != "{":
        return None, _scan(text, at)[1]
    members: dict[str, Value] = {}
    at = _blank(text, at + 1)
    while text[at] != "}":
        if plain := _PLAIN.match(text, at):
            name, value = plain.groups()
            found, at = Value(value, plain.start(2) - 1, plain.end(2) + 1), plain.end()
        else:
            name, start = _name(text, at)
            guess = _guessed(text, start, end) if name == _LONG else None
            if name == _LONG:
                end = -1  # once: of a thousand members of this name each would be read to the end
            found = guess or Value(*_scanned(text, start))
            at = _blank(text, found.stop)
        if name in members or len(members) == MAX_MEMBERS:
            name = "\0"  # no attribute: refuses this event, and no other of its batch
        members[name] = found
        if text[at] == ",":
            at = _blank(text, at + 1)
            if text[at] == "}":
                raise ValueError
        elif text[at] != "}":
            raise ValueError
    return members, at + 1


def _name(text: str, at: int) -> tuple[str, int]:
    """Name of the member at `at`, and where its value starts."""
    if text[at] != '"':
        raise ValueError
    name, at = _scan(text, at)
    at = _blank(text, at)
    if text[at] != ":":
        raise ValueError
    return name, _blank(text, at + 1)


def _scanned(text: str, start: int) -> tuple[Any, int, int]:
    value, stop = _scan(text, start)
    return value, start, stop


def _guessed(text: str, start: int, stop: int) -> Value | None:
    """The value that starts at `start`, where that is all up to `stop` but white space; None where it is something else."""
    if stop <= start:
        return None
    spelled = text[start:stop].rstrip(_WHITE)
    data = spelled.encode()
    value = quick_document(data)
    return None if value is UNREAD else Value(value, start, start + len(spelled), data)


def _blank(text: str, at: int) -> int:
    if text[at : at + 1] > " ":
        return at
    match = _BLANK.match(text, at)
    return at if match is None else match.end()
