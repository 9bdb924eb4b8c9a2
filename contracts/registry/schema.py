"""A JSON Schema, draft 2020-12, read strictly: every keyword that constrains has the shape that the draft says.

Nothing is fetched, ever: a reference leads to a place in the same document or is refused. So are the keywords that change what
a reference means, and those of older drafts, which a reader of this draft would ignore without a word.

Source: JSON Schema draft 2020-12, core sections 8 and 10, validation section 6.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from proofs import jsonstrict
from proofs.errors import MalformedError, RefusedError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 64
MAX_SUBSCHEMAS: Final = 20_000
MAX_POINTER: Final = 2_000  # characters
MAX_NUMBER: Final = 100  # characters
MAX_EXPONENT: Final = 400  # a double ends at 308

Node = dict[str, Any] | bool

TYPES: Final = ("null", "boolean", "object", "array", "string", "number", "integer")
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SINGLE: Final = frozenset(
    (
        *("items", "contains", "unevaluatedItems"),
        *("additionalProperties", "propertyNames", "unevaluatedProperties"),
        *("not", "if", "then", "else"),
    )
)
LISTED: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
NAMED: Final = frozenset(("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"))
DEFINING: Final = frozenset(("$defs", "definitions"))
CONSTRAINING: Final = (
    SINGLE
    | LISTED
    | (NAMED - DEFINING)
    | {"$ref", "type", "enum", "const", "pattern", "format", "uniqueItems", "required", "dependentRequired"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {f"{end}{what}" for end in ("min", "max") for what in ("Length", "Items", "Properties", "Contains")}
)
_REFUSED: Final = frozenset(("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"))
_OLDER: Final = {"dependencies": "dependentRequired and dependentSchemas", "additionalItems": "items and prefixItems"}
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]+)\Z")


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema and the places in it that a reference can lead to.

    Attributes:
        definition: The bytes as published.
        root: The document; its numbers are Decimal.
        places: Every subschema by its RFC 6901 pointer.
        anchors: Every subschema that has a `$anchor`, by that.
    """

    definition: bytes
    root: dict[str, Any]
    places: Mapping[str, Node]
    anchors: Mapping[str, Node]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the definition, 64 hex digits."""
        return hashlib.sha256(self.definition).hexdigest()

    def resolve(self, reference: str) -> Node:
        """Return where a `$ref` of this document leads; `read` has made sure that it leads somewhere."""
        found = _target(self.root, self.places, self.anchors, reference)
        assert found is not None, "read resolves every reference once"
        return found


def read(definition: bytes) -> Schema:
    """Return the schema that `definition` spells.

    Raises:
        MalformedError: It is not JSON, is ambiguous, too large or too deep, is not an object, or a keyword has not the
            shape that the draft says; `where` is the pointer.
        RefusedError: It refers to another document, or uses a dialect or keyword that this registry does not know how to
            compare.
    """
    value = _plain(jsonstrict.loads_foreign(definition, limit_bytes=MAX_BYTES, depth=MAX_DEPTH))
    if not isinstance(value, dict):
        raise MalformedError("a schema in the registry is a JSON object")
    places: dict[str, Node] = {}
    anchors: dict[str, Node] = {}
    for pointer, node in _subschemas(value):
        places[pointer] = node
        if isinstance(node, dict):
            _check(node, pointer)
            if (anchor := node.get("$anchor")) is not None:
                if anchor in anchors:
                    raise MalformedError(f"the anchor {anchor[:64]!r} stands twice", where=pointer)
                anchors[anchor] = node
    ends: set[int] = set()
    for pointer, node in places.items():
        if isinstance(node, dict) and "$ref" in node:
            where = f"{pointer}/$ref"
            _check_own(value, node["$ref"], where)
            _check_ends(lambda reference: _target(value, places, anchors, reference), node, ends, where)
    return Schema(definition, value, places, anchors)


def _plain(value: Any) -> Any:
    """The value with numbers that can be computed with."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, jsonstrict.Number):
        return value
    exponent = _EXPONENT.search(value.text)
    if len(value.text) > MAX_NUMBER or (exponent and abs(int(exponent[1])) > MAX_EXPONENT):
        raise MalformedError(f"a number has more than {MAX_NUMBER} characters or an exponent beyond ±{MAX_EXPONENT}")
    return Decimal(value.text)


def _subschemas(root: dict[str, Any]) -> Iterator[tuple[str, Node]]:
    """Every schema in the document with its pointer, parents before children."""
    waiting: list[tuple[str, Any]] = [("", root)]
    count = 0
    while waiting:
        pointer, node = waiting.pop()
        if not isinstance(node, dict | bool):
            raise MalformedError("a schema is an object, true or false", where=pointer)
        count += 1
        if count > MAX_SUBSCHEMAS or len(pointer) > MAX_POINTER:
            raise RefusedError(
                f"more than {MAX_SUBSCHEMAS} subschemas, or one at a path of over {MAX_POINTER} characters"
            )
        yield pointer, node
        if isinstance(node, dict):
            waiting.extend(_children(node, pointer))


def _children(node: dict[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for keyword, inside in node.items():
        place = f"{pointer}/{escape(keyword)}"
        if keyword == "items" and isinstance(inside, list):
            raise RefusedError("items is a list; draft 2020-12 says prefixItems", where=place)
        if keyword in SINGLE:
            yield place, inside
        elif keyword in LISTED:
            if not isinstance(inside, list) or not inside:
                raise MalformedError(f"{keyword} is not a list of at least one schema", where=place)
            yield from ((f"{place}/{number}", item) for number, item in enumerate(inside))
        elif keyword in NAMED:
            if not isinstance(inside, dict):
                raise MalformedError(f"{keyword} is not an object of schemas", where=place)
            yield from ((f"{place}/{escape(name)}", item) for name, item in inside.items())


def is_open(node: Node) -> bool:
    """True when a schema says outright that it lets everything in."""
    return node is True or (isinstance(node, dict) and not node.keys() & CONSTRAINING)


def escape(name: str) -> str:
    """Return `name` as a step of an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _check(node: dict[str, Any], pointer: str) -> None:
    for keyword, value in node.items():
        where = f"{pointer}/{escape(keyword)}"
        if keyword in _REFUSED:
            raise RefusedError(f"{keyword} changes what references mean, and is not compared here", where=where)
        if keyword in _OLDER:
            raise RefusedError(f"{keyword} is of an older draft; 2020-12 says {_OLDER[keyword]}", where=where)
        if keyword == "$id" and pointer:
            raise RefusedError("a $id below the root changes what references mean", where=where)
        if keyword == "$schema" and (not isinstance(value, str) or value.removesuffix("#") != DIALECT):
            raise RefusedError(f"the dialect is not {DIALECT}", where=where)
        shape = _SHAPES.get(keyword)
        if shape and not shape[1](value):
            raise MalformedError(f"{keyword} is not {shape[0]}", where=where)


def _check_own(root: dict[str, Any], reference: str, where: str) -> None:
    own = root.get("$id", "")
    if not reference.startswith("#") and not (own and reference.partition("#")[0] == own.removesuffix("#")):
        raise RefusedError("a reference leads to another document, and none is ever fetched", where=where)


def _check_ends(resolve: Callable[[str], Node | None], node: dict[str, Any], ends: set[int], where: str) -> None:
    """Follow a chain of references to its end; `ends` has the nodes of which it is known already that they have one."""
    seen: set[int] = set()
    reached: Node | None = node
    while isinstance(reached, dict) and "$ref" in reached and id(reached) not in ends:
        if id(reached) in seen:
            raise MalformedError("a reference leads back to itself", where=where)
        seen.add(id(reached))
        reached = resolve(reached["$ref"])
    if reached is None:
        raise MalformedError("a reference leads to no schema in the document", where=where)
    ends |= seen


def _target(
    root: dict[str, Any], places: Mapping[str, Node], anchors: Mapping[str, Node], reference: str
) -> Node | None:
    fragment = unquote(reference.partition("#")[2])
    if not fragment:
        return root
    if not fragment.startswith("/"):
        return anchors.get(fragment)
    # Spelt again, so that every way to escape one pointer leads to the same place.
    steps = (step.replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:])
    return places.get("".join(f"/{escape(step)}" for step in steps))


def _is_count(value: Any) -> bool:
    return isinstance(value, Decimal) and value >= 0 and value == value.to_integral_value()


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _is_type(value: Any) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return _is_names(value) and bool(value) and all(name in TYPES for name in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_COUNTS: Final = tuple(
    f"{end}{what}" for what in ("Length", "Items", "Properties", "Contains") for end in ("min", "max")
)
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SHAPES: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "type": ("a type or a list of different types", _is_type),
    "enum": ("a list of values, and not an empty one", lambda value: isinstance(value, list) and bool(value)),
    "required": ("a list of different names", _is_names),
    "dependentRequired": (
        "an object of lists of different names",
        lambda value: isinstance(value, dict) and all(_is_names(names) for names in value.values()),
    ),
    "uniqueItems": ("true or false", lambda value: isinstance(value, bool)),
    "multipleOf": ("a number above 0", lambda value: isinstance(value, Decimal) and value > 0),
    **dict.fromkeys(_COUNTS, ("an integer of at least 0", _is_count)),
    **dict.fromkeys(_NUMBERS, ("a number", lambda value: isinstance(value, Decimal))),
    **dict.fromkeys(("$ref", "$id", "$anchor", "pattern", "format"), ("text", _is_text)),
}
