"""Can whoever reads with the new schema read everything that was written with the old one?

The new schema is a conjunction of keywords. Each is held against the old schema: where it follows from what the old one
demands, nothing breaks; where it does not follow, or cannot be decided, it breaks. So "nothing breaks" is a proof and
"breaks" may be caution. Pairs of subschemas are compared only in places where accepting more below means accepting more
above (properties, items, allOf, anyOf); in all others (`not`, `oneOf`, …) they have to be the same. A pair that is met again
on its own path, as a recursive schema has it, is taken to hold: if it breaks, it does so where it was met first.

Source: JSON Schema draft 2020-12, core sections 7, 10 and 11, validation section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from contracts.registry.change import Change, Direction, change
from contracts.registry.facets import (
    accepted_types,
    compare_counts,
    compare_listed,
    compare_numbers,
    compare_types,
    compare_word,
    spelling,
)
from contracts.registry.objects import Found, Pair, compare_arrays, compare_objects
from contracts.registry.schema import CONSTRAINING, DEFINING, LISTED, NAMED, SINGLE, Node, Schema, escape, is_open
from proofs.errors import RefusedError

MAX_STEPS: Final = 50_000
MAX_PATH: Final = 4_000  # characters: a chain of references can lead deeper than the document


def compare(old: Schema, new: Schema, *, lenient: bool = True) -> tuple[Change, ...]:
    """Return every change from `old` to `new`, sorted by path.

    Args:
        lenient: Take it that writers kept to the properties that the old schema named. Without it, a property that is
            added to an object which let anything stand there breaks, as by the letter it may.

    Raises:
        RefusedError: The schemas are so entangled that comparing them would not end soon.
    """
    return tuple(sorted(_Comparison(old, new, lenient=lenient).run()))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, *, lenient: bool) -> None:
        self.old = old
        self.new = new
        self.lenient = lenient
        self.steps = 0
        self.met: set[tuple[int, int]] = set()
        self.spelt: dict[int, str] = {}  # by identity: the schemas live as long as the comparison

    def run(self) -> Iterator[Change]:
        waiting = [Pair(self.old.root, self.new.root, "")]
        while waiting:
            pair = waiting.pop()
            old, new = _end(pair.old, self.old), _end(pair.new, self.new)
            self._step(pair.path)
            if (id(old), id(new)) in self.met:
                continue
            self.met.add((id(old), id(new)))
            for found in self._compare(old, new, pair.path):
                if isinstance(found, Pair):
                    waiting.append(found)
                else:
                    yield found

    def _step(self, path: str = "") -> None:
        self.steps += 1
        if self.steps > MAX_STEPS or len(path) > MAX_PATH:
            raise RefusedError(f"the schemas are too entangled to be compared in {MAX_STEPS} steps")

    def _compare(self, old: Node, new: Node, path: str) -> Found:
        if isinstance(old, bool) or isinstance(new, bool):
            if old is False or new is True or new == {}:
                if not (is_open(old) or old == new):
                    yield change(path, "anything-accepted" if is_open(new) else "something-accepted", Direction.LOOSENS)
                return
            if new is False:
                yield change(path, "nothing-accepted", Direction.TIGHTENS)
                return
            old = {} if old is True else old
        assert isinstance(old, dict)
        assert isinstance(new, dict)
        yield from compare_types(old, new, path)
        yield from compare_listed(old, new, path)
        yield from self._inside(old, new, path)
        yield from self._combined(old, new, path)
        yield from self._unevaluated(old, new, path)
        yield from _annotations(old, new, path)

    def _inside(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        """The keywords that speak of values of one type, where the old schema lets such values in."""
        types = accepted_types(old)
        yield from compare_numbers(old, new, path)
        if "string" in types:
            yield from compare_counts(old, new, path, "Length")
            yield from compare_word(old, new, path, "pattern")
        yield from compare_word(old, new, path, "format")
        if "array" in types:
            yield from compare_arrays(old, new, path)
            yield from self._contains(old, new, path)
        if "object" in types:
            yield from compare_objects(old, new, path, lenient=self.lenient)

    def _contains(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        place = f"{path}/contains"
        if "contains" not in old or "contains" not in new:
            if "contains" in new:
                yield change(place, "contains-added", Direction.TIGHTENS)
            elif "contains" in old:
                yield change(place, "contains-removed", Direction.LOOSENS)
            return
        sides = [{"minContains": Decimal(1), **side} for side in (old, new)]
        if self._same(old["contains"], new["contains"]):
            yield from compare_counts(sides[0], sides[1], path, "Contains")
        elif "maxContains" in new:
            yield change(place, "contains-changed", Direction.UNDETERMINED)
        else:
            yield from compare_counts(sides[0], sides[1], path, "Contains")
            yield Pair(old["contains"], new["contains"], place)

    def _combined(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        yield from self._list(old, new, f"{path}/allOf", more=Direction.TIGHTENS)
        yield from self._list(old, new, f"{path}/anyOf", more=Direction.LOOSENS)
        for keyword in ("oneOf", "not", "$ref"):
            yield from self._whole(old, new, f"{path}/{keyword}")
        yield from self._condition(old, new, path)

    def _list(self, old: dict[str, Any], new: dict[str, Any], path: str, *, more: Direction) -> Found:
        """allOf and anyOf: lists of one length are compared one by one, others by what only one of them has."""
        keyword = path.rpartition("/")[2]
        before, after = old.get(keyword), new.get(keyword)
        if before is None or after is None:
            if before is not after:
                added = before is None
                kind = f"{keyword}-{'added' if added else 'removed'}"
                yield change(path, kind, Direction.TIGHTENS if added else Direction.LOOSENS)
            return
        lost, won = self._unmatched(before, after)
        if len(lost) == len(won):
            for (_, one), (place, other) in zip(lost, won, strict=True):
                yield Pair(one, other, f"{path}/{place}")
            return
        less = Direction.LOOSENS if more is Direction.TIGHTENS else Direction.TIGHTENS
        for place, _ in won:
            yield change(f"{path}/{place}", f"{keyword}-branch-added", more)
        for place, _ in lost:
            yield change(f"{path}/{place}", f"{keyword}-branch-removed", less)

    def _unmatched(self, old: list[Node], new: list[Node]) -> tuple[list[tuple[int, Node]], list[tuple[int, Node]]]:
        """The branches, with their places, that have no equal on the other side."""
        won = list(enumerate(new))
        lost = []
        for place, branch in enumerate(old):
            equal = next((item for item in won if self._same(branch, item[1])), None)
            if equal is None:
                lost.append((place, branch))
            else:
                won.remove(equal)
        return lost, won

    def _whole(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        """A keyword that is dropped, added, or has to be the same."""
        keyword = path.rpartition("/")[2]
        if keyword not in old and keyword not in new:
            return
        if keyword not in new:
            yield change(path, f"{keyword}-removed", Direction.LOOSENS)
        elif keyword not in old:
            yield change(path, f"{keyword}-added", Direction.TIGHTENS)
        elif keyword == "$ref":
            yield Pair(self.old.resolve(old["$ref"]), self.new.resolve(new["$ref"]), path)
        elif not self._same_keyword(keyword, old[keyword], new[keyword]):
            yield change(path, f"{keyword}-changed", Direction.UNDETERMINED)

    def _condition(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        """if, then and else are one keyword; without `if` the others say nothing."""
        if "if" not in old or "if" not in new:
            if "if" in new:
                yield change(f"{path}/if", "if-added", Direction.TIGHTENS)
            elif "if" in old:
                yield change(f"{path}/if", "if-removed", Direction.LOOSENS)
        elif self._same(old["if"], new["if"]):
            for branch in ("then", "else"):
                yield Pair(old.get(branch, True), new.get(branch, True), f"{path}/{branch}")
        else:
            yield change(f"{path}/if", "if-changed", Direction.UNDETERMINED)

    def _unevaluated(self, old: dict[str, Any], new: dict[str, Any], path: str) -> Found:
        """What is left over depends on all keywords beside, so nothing at all may have changed there."""
        for keyword in ("unevaluatedProperties", "unevaluatedItems"):
            place = f"{path}/{keyword}"
            if keyword in new and keyword not in old:
                yield change(place, f"{keyword}-added", Direction.TIGHTENS)
            elif keyword in old and keyword not in new:
                yield change(place, f"{keyword}-removed", Direction.LOOSENS)
            elif keyword in new and not self._same(old, new):
                yield change(place, f"{keyword}-beside-a-change", Direction.UNDETERMINED)

    def _same(self, old: Node, new: Node) -> bool:
        """True when two subschemas demand the same, annotations aside; decided anew each time, for nothing here may
        rest on a pair that is only taken to hold."""
        assumed: set[tuple[int, int]] = set()
        waiting: list[tuple[Node, Node]] = [(old, new)]
        while waiting:
            self._step()
            one, other = waiting.pop()
            one, other = _end(one, self.old), _end(other, self.new)
            if (id(one), id(other)) in assumed:
                continue
            assumed.add((id(one), id(other)))
            if isinstance(one, bool) or isinstance(other, bool):
                if not (one is other or (is_open(one) and is_open(other))):
                    return False
                continue
            below = self._aligned(one, other)
            if below is None:
                return False
            waiting.extend(below)
        return True

    def _aligned(self, one: dict[str, Any], other: dict[str, Any]) -> list[tuple[Node, Node]] | None:
        """The pairs of subschemas that must be the same, keyword by keyword; None where two nodes differ already."""
        keywords = one.keys() & CONSTRAINING
        if keywords != other.keys() & CONSTRAINING:
            return None
        pairs: list[tuple[Node, Node]] = []
        for keyword in keywords:
            before, after = one[keyword], other[keyword]
            if keyword == "$ref":
                pairs.append((self.old.resolve(before), self.new.resolve(after)))
            elif keyword in SINGLE:
                pairs.append((before, after))
            elif keyword in LISTED:
                if len(before) != len(after):
                    return None
                pairs.extend(zip(before, after, strict=True))
            elif keyword in NAMED:
                if before.keys() != after.keys():
                    return None
                pairs.extend((before[name], after[name]) for name in before)
            elif self._spelt(keyword, before) != self._spelt(keyword, after):
                return None
        return pairs

    def _spelt(self, keyword: str, value: Any) -> str:
        """A text that is the same for values of a keyword that mean the same."""
        if not isinstance(value, list | dict):
            return spelling(value)
        if id(value) not in self.spelt:
            is_set = isinstance(value, list) and keyword in ("type", "enum", "required")
            self.spelt[id(value)] = ",".join(sorted(map(spelling, value))) if is_set else spelling(value)
        return self.spelt[id(value)]

    def _same_keyword(self, keyword: str, old: Any, new: Any) -> bool:
        if keyword != "oneOf":
            return self._same(old, new)
        lost, won = self._unmatched(old, new)
        return not lost and not won


def _end(node: Node, schema: Schema) -> Node:
    """Where a node that is nothing but a reference leads in the end."""
    while isinstance(node, dict) and "$ref" in node and not any(keyword in CONSTRAINING - {"$ref"} for keyword in node):
        node = schema.resolve(node["$ref"])
    return node


def _annotations(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Change]:
    """Everything that constrains nothing: titles, defaults, examples, and whatever the draft does not know."""
    ignored = CONSTRAINING | DEFINING
    for keyword in sorted((old.keys() | new.keys()) - ignored):
        if keyword not in old or keyword not in new or spelling(old[keyword]) != spelling(new[keyword]):
            yield change(f"{path}/{escape(keyword)}", "annotation-changed", Direction.NONE)
