"""The keywords that constrain one value without looking inside it: types, listed values, bounds, patterns.

Each function compares one family in the old and the new schema and yields the changes. A family counts only where the old
schema lets such values in at all: a `minimum` says nothing about text.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from contracts.registry.change import Change, Direction, change
from contracts.registry.schema import TYPES

_ALL: Final = frozenset({"fraction", *TYPES} - {"number"})
NUMERIC: Final = frozenset(("integer", "fraction"))

_Bound = tuple[Fraction, bool]  # a value, and whether it is excluded itself


def declared_types(schema: dict[str, Any]) -> frozenset[str]:
    """Return the types that `type` lets in; a number that is no integer is a "fraction", so that the types are disjoint."""
    stated = schema.get("type")
    if stated is None:
        return _ALL
    names = {stated} if isinstance(stated, str) else set(stated)
    return frozenset(names - {"number"} | (NUMERIC if "number" in names else frozenset()))


def listed(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the values that `enum` and `const` leave, by a spelling that is one for equal values; None without them."""
    found: dict[str, Any] | None = None
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if values is not None:
            spelt = {spelling(value): value for value in values}
            found = spelt if found is None else {key: value for key, value in found.items() if key in spelt}
    return found


def accepted_types(schema: dict[str, Any]) -> frozenset[str]:
    """Return the types that can pass both `type` and the listed values."""
    values = listed(schema)
    types = declared_types(schema)
    return types if values is None else types & {_type(value) for value in values.values()}


def spelling(value: Any) -> str:
    """Return a text that is the same for values that JSON Schema calls equal (1 and 1.0, members in any order)."""
    match value:
        case None | bool():
            return repr(value)
        case str():
            return repr(value)
        case Decimal():
            return str(Fraction(value))
        case list():
            return f"[{','.join(spelling(item) for item in value)}]"
        case _:
            return f"{{{','.join(f'{name!r}:{spelling(item)}' for name, item in sorted(value.items()))}}}"


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case Decimal():
            return "integer" if Fraction(value).denominator == 1 else "fraction"
        case list():
            return "array"
    return "object"


def compare_types(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    """Yield the change of `type`; integer to number loosens."""
    before, after = declared_types(old), declared_types(new)
    if before != after:
        kind = "type-changed"
        lost, won = accepted_types(old) - after, after - before
        if lost:
            yield change(
                f"{path}/type", kind if won else "type-narrowed", Direction.BOTH if won else Direction.TIGHTENS
            )
        else:
            yield change(f"{path}/type", "type-widened" if won else kind, Direction.LOOSENS if won else Direction.NONE)


def compare_listed(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    """Yield the change of `enum` and `const`, which are one list here."""
    before, after = listed(old), listed(new)
    place = f"{path}/{'const' if 'const' in (old if after is None else new) else 'enum'}"
    if before is None and after is not None:
        yield change(place, "values-listed", Direction.TIGHTENS)
    elif before is not None and after is None:
        yield change(place, "values-unlisted", Direction.LOOSENS)
    elif before is not None and after is not None and before.keys() != after.keys():
        if before.keys() <= after.keys():
            yield change(place, "value-added", Direction.LOOSENS)
        elif before.keys() >= after.keys():
            yield change(place, "value-removed", Direction.TIGHTENS)
        else:
            yield change(place, "values-replaced", Direction.BOTH)


def compare_numbers(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    """Yield the changes of the numeric bounds and of `multipleOf`."""
    types = accepted_types(old)
    if not types & NUMERIC:
        return
    whole = "fraction" not in types
    yield from _compare_end(_lower(old, whole=whole), _lower(new, whole=whole), f"{path}/minimum", "minimum")
    upper = [None if end is None else (-end[0], end[1]) for end in (_upper(old, whole=whole), _upper(new, whole=whole))]
    yield from _compare_end(upper[0], upper[1], f"{path}/maximum", "maximum")
    yield from _compare_multiple(old.get("multipleOf"), new.get("multipleOf"), path, whole=whole)


def _lower(schema: dict[str, Any], *, whole: bool) -> _Bound | None:
    ends = [
        (Fraction(schema[name]), out)
        for name, out in (("minimum", False), ("exclusiveMinimum", True))
        if name in schema
    ]
    if whole:
        # Among integers, above 4 is from 5 on, and from 4.5 on is too.
        ends = [(Fraction(value.__floor__() + 1 if out else value.__ceil__()), False) for value, out in ends]
    return max(ends, default=None)


def _upper(schema: dict[str, Any], *, whole: bool) -> _Bound | None:
    ends = [
        (Fraction(schema[name]), out)
        for name, out in (("maximum", False), ("exclusiveMaximum", True))
        if name in schema
    ]
    if whole:
        ends = [(Fraction(value.__ceil__() - 1 if out else value.__floor__()), False) for value, out in ends]
    return min(ends, key=lambda end: (end[0], not end[1]), default=None)


def _compare_end(old: _Bound | None, new: _Bound | None, path: str, name: str) -> Iterator[Change]:
    """Compare lower ends; upper ends come in with their sign turned."""
    if old == new:
        return
    if old is None:
        yield change(path, f"{name}-added", Direction.TIGHTENS)
    elif new is None:
        yield change(path, f"{name}-removed", Direction.LOOSENS)
    else:
        tightens = new > old
        raised = tightens == (name == "minimum")
        yield change(
            path, f"{name}-{'raised' if raised else 'lowered'}", Direction.TIGHTENS if tightens else Direction.LOOSENS
        )


def _compare_multiple(old: Decimal | None, new: Decimal | None, path: str, *, whole: bool) -> Iterator[Change]:
    place = f"{path}/multipleOf"
    before = Fraction(old) if old is not None else Fraction(1) if whole else None
    after = Fraction(new) if new is not None else None
    if old == new:
        return
    if after is None:
        yield change(place, "multiple-removed", Direction.LOOSENS)
    elif before is None:
        yield change(place, "multiple-added", Direction.TIGHTENS)
    elif (before / after).denominator == 1:
        yield change(place, "multiple-loosened", Direction.LOOSENS)
    else:
        tightens = (after / before).denominator == 1
        yield change(place, "multiple-tightened", Direction.TIGHTENS if tightens else Direction.BOTH)


def compare_counts(old: dict[str, Any], new: dict[str, Any], path: str, what: str) -> Iterator[Change]:
    """Yield the changes of `min<what>` and `max<what>`, where `what` is Length, Items or Properties."""
    for name, sign, absent in ((f"min{what}", 1, Decimal(0)), (f"max{what}", -1, Decimal("Infinity"))):
        before, after = old.get(name, absent), new.get(name, absent)
        if before != after:
            tightens = (after - before) * sign > 0
            word = "raised" if after > before else "lowered"
            yield change(f"{path}/{name}", f"{name}-{word}", Direction.TIGHTENS if tightens else Direction.LOOSENS)


def compare_word(old: dict[str, Any], new: dict[str, Any], path: str, keyword: str) -> Iterator[Change]:
    """Yield the change of `pattern` or `format`. Whether one expression covers another is not decided here."""
    before, after = old.get(keyword), new.get(keyword)
    if before == after:
        return
    if after is None:
        yield change(f"{path}/{keyword}", f"{keyword}-removed", Direction.LOOSENS)
    elif before is None:
        yield change(f"{path}/{keyword}", f"{keyword}-added", Direction.TIGHTENS)
    else:
        yield change(f"{path}/{keyword}", f"{keyword}-changed", Direction.UNDETERMINED)
