"""The keywords that look inside objects and arrays: what they demand themselves, and which pairs of subschemas to compare.

A property is compared with what the other side says of its name: `properties`, or else `additionalProperties`, or else
anything. That is why removing a property is no mere gap, and why adding one narrows a schema that let anything stand there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.registry.change import Change, Direction, change
from contracts.registry.facets import compare_counts
from contracts.registry.schema import Node, escape, is_open


@dataclass(frozen=True, slots=True)
class Pair:
    """Two subschemas in the same place, still to be compared."""

    old: Node
    new: Node
    path: str


Found = Iterator[Change | Pair]


def compare_objects(old: dict[str, Any], new: dict[str, Any], path: str, *, lenient: bool) -> Found:
    """Yield the changes of everything that speaks of an object's members, and the pairs below it.

    Args:
        lenient: Take it that nobody wrote members which the old schema did not name, although it let them; so a new
            property breaks nothing.
    """
    yield from compare_counts(old, new, path, "Properties")
    yield from _compare_required(set(old.get("required", ())), set(new.get("required", ())), f"{path}/required")
    yield from _compare_dependent(old.get("dependentRequired", {}), new.get("dependentRequired", {}), path)
    yield Pair(old.get("propertyNames", True), new.get("propertyNames", True), f"{path}/propertyNames")
    yield from _compare_named(old, new, path, "dependentSchemas")
    yield from _compare_patterns(old, new, path)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() | after.keys():
        place = f"{path}/properties/{escape(name)}"
        if name in before and name in after:
            yield Pair(before[name], after[name], place)
        elif name in after:
            yield from _added(after[name], old, place, lenient=lenient)
        else:
            yield from _removed(before[name], new, place)
    yield Pair(
        old.get("additionalProperties", True), new.get("additionalProperties", True), f"{path}/additionalProperties"
    )


def _added(schema: Node, old: dict[str, Any], path: str, *, lenient: bool) -> Found:
    before: Node = old.get("additionalProperties", True)
    if old.get("patternProperties"):
        # Whether a pattern speaks of this name too is the pattern's dialect's to say.
        yield change(path, "property-added-beside-patterns", Direction.UNDETERMINED)
    elif before is False or is_open(schema) or (lenient and is_open(before)):
        yield change(path, "property-added", Direction.LOOSENS)
    elif is_open(before):
        yield change(path, "property-added-to-open-object", Direction.TIGHTENS)
    else:
        yield change(path, "property-added", Direction.LOOSENS)
        yield Pair(before, schema, path)


def _removed(schema: Node, new: dict[str, Any], path: str) -> Found:
    if schema is False:
        yield change(path, "property-allowed", Direction.LOOSENS)
        return
    # By the letter an open object still accepts it. Whoever reads it has lost it all the same; and a renamed property
    # is one removed and one added.
    yield Change(path, "property-removed", Direction.LOOSENS, breaking=True)
    if not is_open(rest := new.get("additionalProperties", True)):
        yield Pair(schema, rest, path)


def _compare_required(old: set[str], new: set[str], path: str) -> Iterator[Change]:
    for name in new - old:
        yield change(f"{path}/{escape(name)}", "required-added", Direction.TIGHTENS)
    for name in old - new:
        yield change(f"{path}/{escape(name)}", "required-removed", Direction.LOOSENS)


def _compare_dependent(old: dict[str, list[str]], new: dict[str, list[str]], path: str) -> Iterator[Change]:
    for name in old.keys() | new.keys():
        place = f"{path}/dependentRequired/{escape(name)}"
        yield from _compare_required(set(old.get(name, ())), set(new.get(name, ())), place)


def _compare_named(old: dict[str, Any], new: dict[str, Any], path: str, keyword: str) -> Found:
    """Compare an object of schemas in which a missing one is one that lets everything in."""
    before, after = old.get(keyword, {}), new.get(keyword, {})
    for name in before.keys() | after.keys():
        yield Pair(before.get(name, True), after.get(name, True), f"{path}/{keyword}/{escape(name)}")


def _compare_patterns(old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
    before, after = old.get("patternProperties", {}), new.get("patternProperties", {})
    yield from _compare_named(old, new, path, "patternProperties")
    if before.keys() - after.keys() and not is_open(new.get("additionalProperties", True)):
        # additionalProperties did not look at the names that matched, and does so now.
        yield change(f"{path}/patternProperties", "patterns-changed", Direction.UNDETERMINED)
    elif after.keys() - before.keys() and not is_open(old.get("additionalProperties", True)):
        # And the other way round; what the new patterns demand is compared with anything, above.
        yield change(f"{path}/patternProperties", "patterns-changed", Direction.LOOSENS)


def compare_arrays(old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
    """Yield the changes of everything that speaks of an array's items but `contains`, and the pairs below it."""
    yield from compare_counts(old, new, path, "Items")
    if old.get("uniqueItems", False) != new.get("uniqueItems", False):
        tightens = new.get("uniqueItems", False)
        kind = "unique-items-added" if tightens else "unique-items-removed"
        yield change(f"{path}/uniqueItems", kind, Direction.TIGHTENS if tightens else Direction.LOOSENS)
    before, after = old.get("prefixItems", []), new.get("prefixItems", [])
    rest = old.get("items", True), new.get("items", True)
    for place in range(max(len(before), len(after))):
        sides = before[place] if place < len(before) else rest[0], after[place] if place < len(after) else rest[1]
        yield Pair(*sides, f"{path}/prefixItems/{place}")
    yield Pair(*rest, f"{path}/items")
