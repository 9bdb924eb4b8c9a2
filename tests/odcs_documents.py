"""Contracts in ODCS made from the tables themselves, so that no key of any version is left out."""

from __future__ import annotations

import random
from typing import Any

from contracts.dialects.odcs_check import OPERATORS
from contracts.dialects.odcs_notation import Type, tables

_TEXTS = (
    "x",
    "a longer text",
    "2026-11-28",
    "${NAME:-none}",
    "user@example.org",
    "https://example.org/a?b=c#d",
    "line\nline\n",
)
_NESTED = {"properties": "object", "items": "array", "map": "map"}


def document(version: str, chance: random.Random, *, is_full: bool = False) -> dict[str, Any]:
    """Return a valid document of a version; a full one has every key wherever it may stand, down to a depth."""
    made = _Maker(version, chance, is_full)
    found = made.table("Root2" if version < "3" else "Root", 0)
    return {**found, "apiVersion": f"v{version}", "kind": "DataContract"}


def mutated(document: Any, chance: random.Random) -> Any:
    """Return a document in which one value is deleted, replaced, renamed or repeated."""
    copy = _copied(document)
    places = list(_places(copy))
    if not places:
        return chance.choice(STRANGE)
    inside, key = chance.choice(places)
    what = chance.choice(("delete", "replace", "rename", "add", "repeat"))
    if what == "replace":
        inside[key] = _copied(chance.choice(STRANGE))
    elif what == "delete":
        del inside[key]
    elif isinstance(inside, list):
        inside.append(_copied(inside[key]))
    elif what == "rename":
        inside[f"{key}x"] = inside.pop(key)
    else:
        inside[chance.choice(("strange", "metric", "mustBe", "items", "port", "rule"))] = _copied(
            chance.choice(STRANGE)
        )
    return copy


STRANGE: tuple[Any, ...] = (
    "x",
    "",
    1,
    -1,
    0.5,
    True,
    None,
    [],
    {},
    ["a"],
    [None],
    {"type": "sql"},
    {"name": "a"},
    "${",
    "1e3",
)


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


class _Maker:
    def __init__(self, version: str, chance: random.Random, is_full: bool) -> None:
        self.version = version
        self.chance = chance
        self.is_full = is_full
        self.tables = tables(version)

    def value(self, type: Type, depth: int) -> Any:
        if type.kind == "table":
            return self.table(type.table, depth)
        if type.kind == "listed":
            return self.chance.choice([word for word in type.words if word != "blob"])
        if type.kind == "list":
            return self._list(type, depth)
        values: dict[str, tuple[Any, ...]] = {
            "text": _TEXTS,
            "id": ("an-id_1", "B"),
            "ref": ("a.b", "schema/A/properties/b"),
            "sftp": ("sftp://example.org/a",),
            "int": (1, -1),
            "count": (1, 2),
            "number": (1, 2.5, -3),
            "positive": (2, 0.5),
            "bool": (True, False),
            "scalar": ("x", 1, 2.5, True, None),
            "any": ("x", 1, None, [1, {"a": 2}], {"b": 1}),
            "map": ({},),
            "pair": ([1, 2],),
        }
        return _copied(self.chance.choice(values[type.kind]))

    def _list(self, type: Type, depth: int) -> list[Any]:
        found: list[Any] = []
        for _ in range(2 if depth < 4 else type.least):
            item = self.value(self.chance.choice(type.item), depth + 1)
            if not type.is_set or all(repr(item) != repr(other) for other in found):
                found.append(item)
        return found

    def table(self, name: str, depth: int) -> dict[str, Any]:
        kind = self._kind_of(name)
        table = self.tables[f"{name}.{kind}" if kind else name]
        likely = 1.0 if self.is_full and depth < 6 else (0.9, 0.9, 0.8, 0.5, 0.4)[min(depth, 4)] if depth < 6 else 0.1
        found = {
            key: self.value(self.chance.choice(known.types), depth + 1)
            for key, known in table.keys.items()
            if known.is_required or self.chance.random() < likely
        }
        if kind:
            found["type"] = kind
        if name == "Quality" and self.version >= "3.1":
            self._one_operator(found, kind)
        if name in ("Property", "Item"):
            self._logical(found, depth)
        if name == "ObjectRelation":
            found["to"] = ["a.b"] if isinstance(found["from"], list) else "a.b"
        return found

    def _kind_of(self, name: str) -> str:
        kinds = [other.partition(".")[2] for other in self.tables if other.startswith(f"{name}.")]
        listed = self.tables[name].keys["type"].types[0].words if kinds else ()
        return self.chance.choice([kind for kind in kinds if kind in listed]) if kinds else ""

    def _one_operator(self, found: dict[str, Any], kind: str) -> None:
        for operator in OPERATORS:
            found.pop(operator, None)
        if kind in ("library", "sql"):
            operator = self.chance.choice(OPERATORS)
            found[operator] = self.value(self.tables["Operators"].keys[operator].types[0], 9)

    def _logical(self, found: dict[str, Any], depth: int) -> None:
        type = found.setdefault("logicalType", "string")
        for key, needed in _NESTED.items():
            if type != needed:
                found.pop(key, None)
        if type == "map":
            found["map"] = {"key": {"logicalType": "string"}, "value": {"logicalType": "string"}}
        if "logicalTypeOptions" in found and f"Options.{type}" in self.tables:
            found["logicalTypeOptions"] = self.table(f"Options.{type}", depth + 1)
