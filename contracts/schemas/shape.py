"""The shapes that a reader asks for at a place, as JSON Schema: one function for each question of `dialects/place.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

Shape = dict[str, Any]

LINE: Final = {"minLength": 1, "maxLength": 2_000}
EXPRESSED: Final[Shape] = {"type": ["string", "number"]}  # what Place.read takes: an expression, or a bare number
_KELVIN: Final = {"k": "\u212a"}  # Python lowers the sign of the unit, too


def text(says: str = "", **more: Any) -> Shape:
    """A text."""
    return told({"type": "string", **more}, says)


def told(shape: Shape, says: str) -> Shape:
    """A shape with what an editor shows beside it."""
    return {**shape, "description": says} if says else dict(shape)


def boolean(says: str = "") -> Shape:
    """A truth value."""
    return told({"type": "boolean"}, says)


def whole(says: str = "", **more: Any) -> Shape:
    """An integer, not below 0."""
    return told({"type": "integer", "minimum": 0, **more}, says)


def texts(says: str = "", **more: Any) -> Shape:
    """One text, or a list of them."""
    each = {"type": "string", **more}
    return told({"anyOf": [each, {"type": "array", "items": each, "maxItems": 100}]}, says)


def listed(items: Shape, says: str = "", **more: Any) -> Shape:
    """A list."""
    return told({"type": "array", "items": items, **more}, says)


def word(known: Iterable[str], says: str = "", *, is_stripped: bool = True) -> Shape:
    """One of some words, in whatever case: an editor completes the plain spelling, and accepts the others."""
    words = sorted(set(known))
    blank = "[\\s\\x85]*" if is_stripped else ""
    spelt = "|".join(map(_any_case, words))
    return told({"anyOf": [{"enum": words}, {"type": "string", "pattern": f"^{blank}({spelt}){blank}$"}]}, says)


def mapping(properties: dict[str, Shape], says: str = "", *, required: Iterable[str] = (), **more: Any) -> Shape:
    """A mapping; a member that is not listed may stand in it, unless `additionalProperties` says otherwise."""
    needed = {"required": sorted(required)} if required else {}
    return told({"type": "object", "properties": properties, **needed, **more}, says)


def or_null(shape: Shape) -> Shape:
    """The shape, or null, which a reader takes for a member that is not there."""
    type = shape.get("type")
    if "enum" not in shape and "const" not in shape and "$ref" not in shape and isinstance(type, str | list):
        return {**shape, "type": [*([type] if isinstance(type, str) else type), "null"]}
    if "anyOf" in shape:
        return {**shape, "anyOf": [*shape["anyOf"], {"type": "null"}]}
    says = shape.get("description", "")
    return told({"anyOf": [{key: value for key, value in shape.items() if key != "description"}, _NULL]}, says)


_NULL: Final[Shape] = {"type": "null"}


def optional(properties: dict[str, Shape]) -> dict[str, Shape]:
    """The members of a mapping, each of which may be null."""
    return {key: or_null(shape) for key, shape in properties.items()}


def has(*names: str) -> Shape:
    """Of a mapping: members are there, and are not null."""
    return {"required": list(names), "properties": {name: {"not": _NULL} for name in names}}


def either(shape: Shape, *names: str, is_needed: bool = False) -> list[Shape]:
    """Of a mapping: the first of several members that is there has a shape, and the others are not looked at."""
    last = [{"anyOf": [has(name) for name in names]}] if is_needed else []
    found = []
    for number, name in enumerate(names):
        earlier = [{"not": has(other)} for other in names[:number]]
        condition: Shape = {"allOf": [*earlier, has(name)]} if earlier else has(name)
        found.append({"if": condition, "then": {"properties": {name: shape}}})
    return [*found, *last]


def _any_case(word: str) -> str:
    return "".join(
        f"[{letter}{letter.upper()}{_KELVIN.get(letter, '')}]" if letter.isalpha() else _plain(letter)
        for letter in word
    )


def _plain(letter: str) -> str:
    return f"\\{letter}" if letter in ".*+?()[]{}|^$\\/" else letter
