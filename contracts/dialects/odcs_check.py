"""Whether a document is valid under the version of ODCS that it declares, and if not, where, why, and under which it would be.

Offline and in one walk. Nothing here follows a link: that a definition's URL answers is no property of a contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.odcs_notation import VERSIONS, Key, Table, Type, tables
from contracts.dialects.sentence import meant, shown, spelt
from proofs.errors import MalformedError

MAX_FINDINGS: Final = 100
OPERATORS: Final = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)

_NARROW_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_WIDE_ID: Final = re.compile(r"[^\s.#/\\@!%&^]+")  # RFC 26a of the standard
_SHORT_REFERENCE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)+")
_FULL_REFERENCE: Final = re.compile(
    r"((https?://)?[A-Za-z0-9._/-]+\.ya?ml#)?/?[A-Za-z_][A-Za-z0-9_]*/[^\s.#/\\@!%&^]+(/[A-Za-z_][A-Za-z0-9_]*/[^\s.#/\\@!%&^]+)*"
)
_NESTED: Final = {"properties": "object", "items": "array", "map": "map"}
_NOUNS: Final = {
    "text": "text",
    "id": "text",
    "sftp": "text",
    "ref": "text",
    "int": "an integer",
    "count": "an integer from 0 on",
    "number": "a number",
    "positive": "a number above 0",
    "bool": "true or false",
    "scalar": "one value",
    "map": "a mapping",
    "table": "a mapping",
    "list": "a list",
    "listed": "text",
    "pair": "a list of two different numbers",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, or at least strange, at one place.

    Attributes:
        is_error: The document is not valid; otherwise it is, and probably does not say what was meant.
        is_unknown: A key that nobody knows; it goes before one that is missing, for the one is usually the other misspelt.
    """

    path: yamlsafe.Path
    what: str
    hint: str = ""
    is_error: bool = True
    is_unknown: bool = False


def declared(value: Any) -> str | None:
    """Return the version that a document declares, without its `v`; None when it is not one that is read here."""
    version = value.get("apiVersion") if isinstance(value, dict) else None
    if not isinstance(version, str):
        return None
    number = version.removeprefix("v")
    return number if number in VERSIONS and (version != number) >= (number >= "3") else None


def findings(value: Any, version: str) -> tuple[Finding, ...]:
    """Return what is wrong with a document under `version`, at most MAX_FINDINGS, in the document's order."""
    walk = _Walk(version)
    walk.value(value, (Type("table", table="Root2" if version < "3" else "Root"),), ())
    return tuple(walk.found)


def valid_since(value: Any, version: str) -> str | None:
    """Return the first version after `version` of the same edition under which the document is valid; None if there is none."""
    later = VERSIONS[VERSIONS.index(version) + 1 :]
    same = (other for other in later if other[0] == version[0])
    return next((other for other in same if not any(found.is_error for found in findings(value, other))), None)


def require(parsed: yamlsafe.Parsed, *, name: str) -> str:
    """Return the version under which a document is valid because it declares it.

    Raises:
        MalformedError: It declares none that is read, or is not valid under it; the first error with its line.
    """
    version = declared(parsed.value)
    if version is None:
        given = parsed.value.get("apiVersion") if isinstance(parsed.value, dict) else None
        where = f"{name} line {parsed.line(('apiVersion',))}"
        raise MalformedError(
            f"apiVersion: {shown(given)} is not a version of ODCS that is read",
            where=where,
            hint=f"read are {', '.join(f'v{known}' for known in VERSIONS)}",
        )
    errors = [found for found in findings(parsed.value, version) if found.is_error]
    if not errors:
        return version
    first = next((found for found in errors if found.is_unknown), errors[0])
    newer = valid_since(parsed.value, version)
    hints = [first.hint] if first.hint else []
    if newer is not None:
        hints.append(f"the document is valid under {newer}: apiVersion: v{newer}")
    where = f"{name} line {parsed.line(first.path)}"
    raise MalformedError(f"{spelt(first.path)}: {first.what} (ODCS {version})", where=where, hint="; ".join(hints))


class _Walk:
    """One walk through a document under one version."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.at = VERSIONS.index(version)
        self.tables = tables(version)
        self.found: list[Finding] = []

    def value(self, value: Any, types: tuple[Type, ...], path: yamlsafe.Path) -> None:
        for type in types:
            if _is_kind(value, type.kind):
                self._inside(value, type, path)
                return
        nouns = list(dict.fromkeys(_NOUNS[type.kind] for type in types))
        hint = "quote it" if nouns == ["text"] and isinstance(value, int | Decimal) else ""
        self._add(path, f"{shown(value)} is not {' or '.join(nouns)}", hint)

    def _inside(self, value: Any, type: Type, path: yamlsafe.Path) -> None:
        if type.kind == "table":
            self._mapping(value, self._named(type.table, value), path)
            for found in _CONDITIONS.get(type.table, _nothing)(value, self):
                self._add((*path, *found.path), found.what, found.hint)
        elif type.kind == "list":
            self._list(value, type, path)
        elif type.kind == "listed" and value not in type.words:
            self._add(path, f"{shown(value)} is not one of the words that stand here", meant(value, type.words))
        elif type.kind == "id" and not (_WIDE_ID if self.at >= VERSIONS.index("3.2.0") else _NARROW_ID).fullmatch(
            value
        ):
            self._add(path, f"{shown(value)} is not an id", "an id has no blanks and none of . # / \\ @ ! % & ^")
        elif type.kind == "ref" and not (_SHORT_REFERENCE.fullmatch(value) or _FULL_REFERENCE.fullmatch(value)):
            self._add(
                path, f"{shown(value)} is not a reference", "as orders.customer_id or schema/ORDERS/properties/ID"
            )

        elif type.kind == "sftp" and not value.startswith("sftp://"):
            self._add(path, f"{shown(value)} does not begin with sftp://")

    def _list(self, value: list[Any], type: Type, path: yamlsafe.Path) -> None:
        if len(value) < type.least:
            self._add(path, "is empty")
        if type.is_set and len({_frozen(item) for item in value}) != len(value):
            self._add(path, "holds a value twice")
        for index, item in enumerate(value):
            self.value(item, type.item, (*path, index))

    def _mapping(self, value: dict[str, Any], table: Table, path: yamlsafe.Path) -> None:
        for key, item in value.items():
            known = table.keys.get(key)
            if known is None:
                self._unknown(key, table, (*path, key))
            elif item is not None or not self._may_be_empty(known):
                self.value(item, known.types, (*path, key))
        for key, known in table.keys.items():
            if known.is_required and key not in value:
                self._add((*path, key), "is missing")

    def _may_be_empty(self, key: Key) -> bool:
        """The second edition's text writes `null` for whatever is not said."""
        return self.version < "3" and not key.is_required

    def _named(self, name: str, value: dict[str, Any]) -> Table:
        if name in ("Server", "Quality"):
            kind = value.get("type")
            if name == "Quality" and (kind is None or "type" not in value):
                kind = "library" if self.version < "3.1" or isinstance(value.get("metric"), str) else None
            name = f"{name}.{kind}" if isinstance(kind, str) and f"{name}.{kind}" in self.tables else name
        return self.tables[name]

    def _unknown(self, key: str, table: Table, path: yamlsafe.Path) -> None:
        if len(self.found) >= MAX_FINDINGS:
            return
        what = "is not a key that is known here"
        self._add(path, what, meant(key, table.keys), is_error=table.is_closed, is_unknown=True)

    def _add(
        self, path: yamlsafe.Path, what: str, hint: str = "", *, is_error: bool = True, is_unknown: bool = False
    ) -> None:
        if len(self.found) < MAX_FINDINGS:
            self.found.append(Finding(path, what, hint, is_error, is_unknown))


def _is_kind(value: Any, kind: str) -> bool:
    """Whether a value is of a kind; what it says is looked at later."""
    if isinstance(value, bool):
        return kind in ("bool", "scalar", "any")
    if isinstance(value, int | Decimal):
        return kind in ("scalar", "any") or _is_number(value, kind)
    if isinstance(value, str):
        return kind in ("text", "listed", "id", "ref", "sftp", "scalar", "any")
    if isinstance(value, dict):
        return kind in ("map", "table", "any")
    if isinstance(value, list):
        return kind in ("list", "any") or (kind == "pair" and _is_pair(value))
    return kind in ("scalar", "any")


def _is_number(value: int | Decimal, kind: str) -> bool:
    if kind == "number":
        return True
    if kind == "positive":
        return value > 0
    return kind in ("int", "count") and value == int(value) and (kind == "int" or value >= 0)


def _is_pair(value: list[Any]) -> bool:
    numbers = [item for item in value if isinstance(item, int | Decimal) and not isinstance(item, bool)]
    return len(value) == len(numbers) == len(set(numbers)) == 2


def _frozen(value: Any) -> object:
    """A value that equals another exactly when both are the same JSON."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return (isinstance(value, bool), value)


def _nothing(_value: dict[str, Any], _walk: _Walk) -> Iterator[Finding]:
    return iter(())


def _property(value: dict[str, Any], walk: _Walk, *, is_item: bool = False) -> Iterator[Finding]:
    """What of a property depends on its logicalType."""
    type = value.get("logicalType")
    for key, needed in _NESTED.items():
        if key in value and type is not None and type != needed and not (is_item and key == "properties"):
            yield Finding((key,), f"stands with logicalType {needed}, not {shown(type)}")
    if type == "map" and "map" not in value:
        yield Finding(("map",), "is missing")
    options = value.get("logicalTypeOptions")
    if not isinstance(options, dict) or (type is None and not options):
        return
    if type is None:
        yield Finding(("logicalTypeOptions",), "stands without the logicalType that it belongs to")
    elif isinstance(type, str) and (table := f"Options.{type}") in walk.tables:
        inner = _Walk(walk.version)
        inner.value(options, (Type("table", table=table),), ("logicalTypeOptions",))
        yield from inner.found


def _item(value: dict[str, Any], walk: _Walk) -> Iterator[Finding]:
    return _property(value, walk, is_item=True)


def _quality(value: dict[str, Any], walk: _Walk) -> Iterator[Finding]:
    given = [operator for operator in OPERATORS if operator in value]
    kind = value.get("type", "library" if "metric" in value else None)
    if walk.version >= "3.1" and kind in ("library", "sql") and len(given) != 1:
        what = "has no operator" if not given else f"has {len(given)} operators, one is read"
        yield Finding((given[1],) if given else (), what, f"operators are {', '.join(OPERATORS)}")


def _relation(value: dict[str, Any], _walk: _Walk) -> Iterator[Finding]:
    ends = value.get("from"), value.get("to")
    if None not in ends and isinstance(ends[0], list) != isinstance(ends[1], list):
        yield Finding(("to",), "one end names several columns, the other one")


_CONDITIONS: Final[dict[str, Callable[[dict[str, Any], _Walk], Iterator[Finding]]]] = {
    "Property": _property,
    "Item": _item,
    "Quality": _quality,
    "ObjectRelation": _relation,
}
