"""When no change breaks, whatever the old schema accepted the new one accepts: tried with a validator of its own.

The validator below reads draft 2020-12 word for word and knows nothing of the comparison.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from contracts.registry.change import Change
from contracts.registry.compatibility import compare
from contracts.registry.schema import read

NAMES = ("a", "b", "c")
SINGLE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
LISTED = ("prefixItems", "allOf", "anyOf", "oneOf")
NAMED = ("properties", "dependentSchemas", "patternProperties")
NESTING = {*SINGLE, *LISTED, *NAMED}
COUNTS = [f"{end}{what}" for end in ("min", "max") for what in ("Length", "Items", "Properties", "Contains")]
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
TYPES = ("null", "boolean", "object", "array", "string", "number", "integer")


def is_type(value: Any, name: str) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (name == "number" or value == int(value))


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return bool(one == other)


def accepts(schema: Any, value: Any, root: dict[str, Any]) -> bool:
    """Draft 2020-12, the keywords that `Maker` draws."""
    if isinstance(schema, bool):
        return schema

    def ok(below: Any, item: Any) -> bool:
        return accepts(below, item, root)

    of = schema.get
    types = [of("type")] if isinstance(of("type"), str) else of("type")
    checks = [
        "type" not in schema or any(is_type(value, name) for name in types),
        "enum" not in schema or any(equal(value, item) for item in of("enum")),
        "const" not in schema or equal(value, of("const")),
        "$ref" not in schema or ok(root["$defs"][of("$ref").rpartition("/")[2]], value),
        all(ok(below, value) for below in of("allOf", ())),
        "anyOf" not in schema or any(ok(below, value) for below in of("anyOf")),
        "oneOf" not in schema or sum(ok(below, value) for below in of("oneOf")) == 1,
        "not" not in schema or not ok(of("not"), value),
        "if" not in schema or ok(of("then", True) if ok(of("if"), value) else of("else", True), value),
    ]  # fmt: skip
    if is_type(value, "number"):
        checks += [
            value >= of("minimum", value),
            value <= of("maximum", value),
            "exclusiveMinimum" not in schema or value > of("exclusiveMinimum"),
            "exclusiveMaximum" not in schema or value < of("exclusiveMaximum"),
            "multipleOf" not in schema or (Fraction(value) / Fraction(of("multipleOf"))).denominator == 1,
        ]
    if isinstance(value, str):
        checks += [of("minLength", 0) <= len(value) <= of("maxLength", 99), bool(re.search(of("pattern", ""), value))]
    if isinstance(value, list):
        prefix = of("prefixItems", [])
        hits = sum(ok(of("contains"), item) for item in value) if "contains" in schema else 0
        checks += [
            of("minItems", 0) <= len(value) <= of("maxItems", 99),
            not of("uniqueItems") or not any(equal(x, y) for place, x in enumerate(value) for y in value[:place]),
            all(map(ok, prefix, value)),
            all(ok(of("items", True), item) for item in value[len(prefix) :]),
            "contains" not in schema or of("minContains", 1) <= hits <= of("maxContains", 99),
        ]
    if isinstance(value, dict):
        checks += [
            of("minProperties", 0) <= len(value) <= of("maxProperties", 99),
            all(name in value for name in of("required", ())),
            all(value.keys() >= {*others} for name, others in of("dependentRequired", {}).items() if name in value),
            all(name not in value or ok(below, value) for name, below in of("dependentSchemas", {}).items()),
            all(ok(of("propertyNames", True), name) for name in value),
            all(member(schema, name, item, ok) for name, item in value.items()),
        ]  # fmt: skip
    return all(checks)


def member(schema: dict[str, Any], name: str, item: Any, ok: Any) -> bool:
    below = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    below += [inside for pattern, inside in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
    return all(ok(inside, item) for inside in below or [schema.get("additionalProperties", True)])


class Maker:
    """Draws schemas, small changes of them, and documents, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.refers = True

    def scalar(self) -> Any:
        return self.random.choice([None, True, False, 0, 1, 2, 3, 1.5, -1, "", "x", "xy", "abc"])

    def document(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if depth > 2 or kind < 0.4:
            return self.scalar()
        size = self.random.randint(0, 3)
        if kind < 0.65:
            return [self.document(depth + 1) for _ in range(size)]
        return {name: self.document(depth + 1) for name in self.random.sample(NAMES, size)}

    def schema(self, depth: int = 0) -> Any:
        if depth and self.random.random() < 0.15:
            return self.random.choice([True, False, {}])
        drawn: dict[str, Any] = {"type": self.types()} if self.random.random() < 0.5 else {}
        for _ in range(self.random.randint(0, 4)):
            known = {**self.values(), **(self.nested(depth + 1) if depth < 2 else {})}
            word = self.random.choice(sorted(known))
            drawn[word] = known[word]()
        return drawn

    def types(self) -> Any:
        return self.random.choice([self.random.choice(TYPES), self.random.sample(TYPES, self.random.randint(1, 3))])

    def some(self) -> list[str]:
        return self.random.sample(NAMES, self.random.randint(1, 2))

    def values(self) -> dict[str, Callable[[], Any]]:
        pick = self.random.choice
        drawn: dict[str, Callable[[], Any]] = {
            **dict.fromkeys(NUMBERS, lambda: pick([-1, 0, 1, 2, 1.5, 3])),
            **dict.fromkeys(COUNTS, lambda: self.random.randint(0, 3)),
            "enum": lambda: [self.scalar() for _ in self.some()],
            "const": self.scalar,
            "multipleOf": lambda: pick([0.5, 1, 2, 3]),
            "pattern": lambda: pick(["x", "^a", "b$"]),
            "uniqueItems": lambda: pick([True, True, False]),
            "required": self.some,
            "dependentRequired": lambda: {pick(NAMES): self.some()},
        }
        return {**drawn, "$ref": lambda: pick(["#/$defs/x", "#/$defs/y"])} if self.refers else drawn

    def nested(self, depth: int) -> dict[str, Callable[[], Any]]:
        return {
            **dict.fromkeys(SINGLE, lambda: self.schema(depth)),
            **dict.fromkeys(LISTED, lambda: [self.schema(depth) for _ in self.some()]),
            **dict.fromkeys(NAMED, lambda: {name: self.schema(depth) for name in self.some()}),
            "patternProperties": lambda: {self.random.choice(["^a", "b|c", "."]): self.schema(depth)},
        }

    def changed(self, schema: Any, depth: int = 0) -> Any:
        """The schema with a keyword dropped or drawn anew here and there."""
        if isinstance(schema, bool) or self.random.random() < 0.05:
            return self.random.choice([schema, self.schema(depth)])
        schema = dict(schema)
        for _ in range(self.random.randint(0, 2)):
            if schema and self.random.random() < 0.6:
                del schema[self.random.choice(sorted(schema))]
            elif isinstance(other := self.schema(depth), dict):
                schema.update(dict([self.random.choice(sorted(other.items(), key=str))]) if other else {})
        for word, inside in schema.items():
            if word in NESTING and self.random.random() < 0.5:
                if word in NAMED:
                    schema[word] = {name: self.changed(below, depth + 1) for name, below in inside.items()}
                elif word in LISTED:
                    schema[word] = [self.changed(below, depth + 1) for below in inside]
                else:
                    schema[word] = self.changed(inside, depth + 1)
        return schema

    def pair(self) -> tuple[dict[str, Any], dict[str, Any]]:
        self.refers = False
        definitions = {name: self.schema(1) for name in "xy"}
        later = {name: self.changed(below, 1) for name, below in definitions.items()}
        self.refers = True
        old = self.schema()
        new = self.changed(old)
        return {**old, "$defs": definitions}, {**(new if isinstance(new, dict) else {}), "$defs": later}


def differences(pair: tuple[Any, Any]) -> tuple[Change, ...]:
    old, new = (read(json.dumps(side).encode()) for side in pair)
    return compare(old, new, lenient=False)


def test_where_nothing_breaks_nothing_accepted_is_refused() -> None:
    maker = Maker(2020)
    documents = [maker.document() for _ in range(150)]
    verdicts: Counter[tuple[str, bool]] = Counter()
    for _ in range(1_500):
        old, new = pair = maker.pair()
        changes = differences(pair)
        breaks = any(change.breaking and change.kind != "property-removed" for change in changes)
        refused = next((item for item in documents if accepts(old, item, old) and not accepts(new, item, new)), None)

        verdicts["breaks" if breaks else "changes" if changes else "stays", refused is not None] += 1
        assert breaks or refused is None, f"{json.dumps(refused)} passes {json.dumps(old)} and not {json.dumps(new)}"

    # The pairs were worth drawing: many changed without breaking, and many broke in a way that a document shows.
    assert verdicts["changes", False] > 200
    assert verdicts["breaks", True] > 200


def test_a_schema_does_not_differ_from_itself_and_difference_has_no_side() -> None:
    maker = Maker(12)
    for _ in range(300):
        old, new = maker.pair()

        assert differences((old, old)) == ()
        assert (differences((old, new)) == ()) == (differences((new, old)) == ()), (
            f"{json.dumps(old)} {json.dumps(new)}"
        )
