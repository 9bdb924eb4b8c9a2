"""Spans: where in the bytes of a document a value stands, so that it can be taken out and put back byte for byte.

    {"who":{"name":"Ada"},"n":1}      /who is [7, 21)
    {"who":null,"n":1}                what `cut` leaves, and what `restore` undoes

A value is named by its RFC 6901 pointer. Nothing is ever printed again: what comes back is what was received (I1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from proofs import limits
from proofs.errors import MalformedError, RefusedError
from proofs.jsonstrict import loads_foreign

HOLE: Final = b"null"  # what a document shows in the place of a part
# Cutting makes a document longer, by up to three bytes for each value of one digit.
_CUT_BYTES: Final = limits.BODY_BYTES + limits.MAX_PARTS * (len(HOLE) - 1)

_BLANK: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^ \t\n\r,\]}]++")
# One match runs to the next bracket, over the strings on its way.
_TO_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}])', re.DOTALL)
_STEPS: Final = re.compile(r"(?:[^~]++|~[01])*+")


@dataclass(slots=True)
class _Wanted:
    """What is looked for at and below one value."""

    pointer: str | None = None
    below: dict[str, _Wanted] = field(default_factory=dict)


def pointer_steps(pointer: str) -> tuple[str, ...]:
    """Return the steps of an RFC 6901 pointer, unescaped: "/a~1b/0" is ("a/b", "0"), and "" is ().

    Raises:
        MalformedError: It is neither empty nor begins with `/`, or a `~` stands without 0 or 1 behind it.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise MalformedError(f"pointer {pointer[:64]!r} does not begin with '/'")
    if not _STEPS.fullmatch(pointer):
        raise MalformedError(f"pointer {pointer[:64]!r} has a '~' without 0 or 1 behind it")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def spans(
    data: bytes, pointers: Collection[str], *, limit_bytes: int = limits.BODY_BYTES
) -> dict[str, tuple[int, int]]:
    """Return pointer → [start, stop) of the bytes of its value, for the pointers that select one, in one pass.

    Raises:
        MalformedError: `data` is not what `loads_foreign` accepts, or a pointer is not one.
        RefusedError: A pointer lies inside another, or is given twice.
    """
    wanted = _wanted(pointers)
    loads_foreign(data, limit_bytes=limit_bytes)  # what follows trusts the grammar
    found: dict[str, tuple[int, int]] = {}
    try:
        _visit(data, _blank(data, 0), wanted, found)
    except RecursionError as error:
        raise MalformedError("document is nested deeper than there is room for") from error
    return found


def is_value(data: bytes) -> bool:
    """True when `data` is one JSON value that `loads_foreign` accepts, with no blank around it: what can be a part."""
    try:
        return spans(data, ("",)).get("") == (0, len(data))
    except MalformedError:
        return False


def cut(data: bytes, spans: Mapping[str, tuple[int, int]]) -> bytes:
    """Return `data` with `null` in the place of each span.

    Raises:
        ValueError: The spans overlap or lie outside `data`; those of `spans` never do.
    """
    pieces: list[bytes] = []
    at = 0
    for start, stop in sorted(spans.values()):
        if not at <= start < stop <= len(data):
            raise ValueError(f"span [{start}, {stop}) overlaps another or leaves the {len(data)} bytes")
        pieces += (data[at:start], HOLE)
        at = stop
    return b"".join((*pieces, data[at:]))


def restore(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Return what `data` was before `cut` took `parts` out of it.

    Args:
        data: A document with `null` at each pointer.
        parts: Pointer → the exact bytes of the value that stood there; any of those that were cut.

    Raises:
        MalformedError: A pointer does not select a `null`, or what comes out is not a document from which cutting these
            pointers gives these parts.
        RefusedError: A pointer lies inside another.
    """
    holes = spans(data, parts, limit_bytes=_CUT_BYTES)
    for pointer in parts:
        start, stop = holes.get(pointer, (0, 0))
        if data[start:stop] != HOLE:
            raise MalformedError(f"document does not show null at {pointer!r}, where a part was taken out")
    pieces: list[bytes] = []
    at = 0
    for pointer in sorted(parts, key=holes.__getitem__):
        start, stop = holes[pointer]
        pieces += (data[at:start], parts[pointer])
        at = stop
    restored = b"".join((*pieces, data[at:]))
    # Stands for every way in which bytes can be more than the one value: `1,"b":2`, a blank, a second half of a string.
    found = spans(restored, parts, limit_bytes=_CUT_BYTES)
    if any(pointer not in found or restored[slice(*found[pointer])] != part for pointer, part in parts.items()):
        raise MalformedError("a part is not the bytes of one JSON value")
    return restored


def _wanted(pointers: Collection[str]) -> _Wanted:
    root = _Wanted()
    for pointer in pointers:
        node = root
        for step in pointer_steps(pointer):
            if node.pointer is not None:
                break
            node = node.below.setdefault(step, _Wanted())
        if node.pointer is not None or node.below:
            raise RefusedError(f"pointer {pointer!r} lies inside another, holds another or is given twice")
        node.pointer = pointer
    return root


def _visit(data: bytes, start: int, wanted: _Wanted, found: dict[str, tuple[int, int]]) -> int:
    """Find what is wanted of the value at `start`, and return where that value stops."""
    if wanted.pointer is not None:
        stop = _skip(data, start)
        found[wanted.pointer] = (start, stop)
        return stop
    if data[start] not in b"{[":
        return _skip(data, start)
    is_object = data[start] == ord("{")
    at = _blank(data, start + 1)
    element = 0
    while data[at] not in b"}]":
        if is_object:
            stop = _skip(data, at)
            step = _name(data[at:stop])
            at = _blank(data, _blank(data, stop) + 1)
        else:
            step = str(element)
            element += 1
        below = wanted.below.get(step)
        at = _blank(data, _skip(data, at) if below is None else _visit(data, at, below, found))
        if data[at] == ord(","):
            at = _blank(data, at + 1)
    return at + 1


def _skip(data: bytes, start: int) -> int:
    """Return where the value at `start` stops."""
    if data[start] == ord('"'):
        return _end(_STRING.match(data, start))
    if data[start] not in b"{[":
        return _end(_SCALAR.match(data, start))
    depth, at = 1, start + 1
    while depth:
        bracket = _TO_BRACKET.match(data, at)
        at = _end(bracket)
        depth += 1 if data[at - 1] in b"{[" else -1
    return at


def _blank(data: bytes, at: int) -> int:
    return _end(_BLANK.match(data, at))


def _end(match: re.Match[bytes] | None) -> int:
    if match is None:
        raise MalformedError("document is not JSON")
    return match.end()


def _name(token: bytes) -> str:
    if b"\\" in token:
        name: str = json.loads(token)
        return name
    return token[1:-1].decode()
