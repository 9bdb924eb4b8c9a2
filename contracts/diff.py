"""What one version of a contract promises otherwise than another, for whom that breaks, and how large a step it is.

    loosens    the data may now be what it was not before: breaks those who read it
    tightens   the data may no longer be what it was: breaks those who make it
    both, undetermined   breaks both

What a check computes is not looked into: another query, pattern or function is undetermined. Text for people is no promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from contracts.checks import Check, Freshness, RowCheck, ValueCheck
from contracts.inclusion import by_presence, of_amount, of_bounds, of_promise, of_sets, of_word
from contracts.model import Contract, FieldSpec
from contracts.registry.change import Change, Direction
from contracts.registry.semver import Bump
from contracts.rules import Rule, rules_of
from contracts.terms import Kind

Perspective = Literal["consumer", "producer"]

_BREAKS: Final = {
    "consumer": frozenset((Direction.LOOSENS, Direction.BOTH, Direction.UNDETERMINED)),
    "producer": frozenset((Direction.TIGHTENS, Direction.BOTH, Direction.UNDETERMINED)),
}
_OF_FIELD: Final = ("pattern", "format")
_NO_PROMISE: Final = ("owner", "description", "status", "tags", "documentation_url", "annotations", "responsible")
_OF_CONTRACT: Final = ("enforcement", "classification", "handling", "change_policy", "notification", "quarantine")


def compare(old: Contract, new: Contract, *, perspective: Perspective = "consumer") -> tuple[Change, ...]:
    """Return every change from `old` to `new`, sorted by path; `breaking` is from the perspective."""
    found = (*_of_fields(old, new), *_of_rules(old, new), *_of_slos(old, new), *_of_rest(old, new))
    breaks = _BREAKS[perspective]
    return tuple(sorted(Change(path, kind, direction, direction in breaks) for path, kind, direction in found))


def needed_bump(changes: tuple[Change, ...]) -> Bump:
    """Return the smallest honest step: major when something breaks, minor when a promise changes, else patch."""
    if any(change.breaking for change in changes):
        return Bump.MAJOR
    return Bump.MINOR if any(change.direction is not Direction.NONE for change in changes) else Bump.PATCH


_Found = Iterator[tuple[str, str, Direction]]


def _changed(path: str, direction: Direction) -> _Found:
    if direction is not Direction.NONE:
        yield path, "changed", direction


def _of_fields(old: Contract, new: Contract) -> _Found:
    before, after = ({field.name: field for field in contract.fields} for contract in (old, new))
    for name in before.keys() - after.keys():
        yield f"/schema/{_escaped(name)}", "removed", Direction.LOOSENS
    for name in after.keys() - before.keys():
        yield f"/schema/{_escaped(name)}", "added", Direction.TIGHTENS
    for name in before.keys() & after.keys():
        yield from _of_field(before[name], after[name], f"/schema/{_escaped(name)}")


def _of_field(old: FieldSpec, new: FieldSpec, path: str) -> _Found:
    yield from _changed(f"{path}/type", _of_types(old.type, new.type))
    # That nothing may be null is the tightest bound on how much may.
    nulls = [0 if field.required else field.max_null for field in (old, new)]
    yield from _changed(f"{path}/required", of_amount(nulls[0], nulls[1]))
    yield from _changed(f"{path}/unique", of_promise(old.unique, new.unique))
    yield from _changed(f"{path}/range", of_bounds(old.range, new.range))
    yield from _changed(f"{path}/length", of_bounds(old.length, new.length))
    listed = [None if field.enum is None else frozenset(field.enum) for field in (old, new)]
    yield from _changed(f"{path}/enum", of_sets(listed[0], listed[1]))
    for member in _OF_FIELD:
        yield from _changed(f"{path}/{member}", of_word(getattr(old, member), getattr(new, member)))
    if old.classification != new.classification:
        yield f"{path}/classification", "changed", Direction.UNDETERMINED
    inner = [(field.fields, field.items) for field in (old, new)]
    if inner[0] != inner[1]:
        yield f"{path}/fields", "changed", Direction.UNDETERMINED
    for member in ("description", "tags", "annotations"):
        if getattr(old, member) != getattr(new, member):
            yield f"{path}/{member}", "changed", Direction.NONE


def _of_types(old: str, new: str) -> Direction:
    if old == new:
        return Direction.NONE
    if new == "any" or (old, new) == ("integer", "number"):
        return Direction.LOOSENS
    return Direction.TIGHTENS if old == "any" or (old, new) == ("number", "integer") else Direction.BOTH


def _of_rules(old: Contract, new: Contract) -> _Found:
    before, after = ({_identity(rule): rule for rule in rules_of(contract)} for contract in (old, new))
    for name in before.keys() - after.keys():
        if before[name].field is None:
            yield f"/rules/{_escaped(name)}", "removed", Direction.LOOSENS
    for name in after.keys() - before.keys():
        if after[name].field is None:
            yield f"/rules/{_escaped(name)}", "added", Direction.TIGHTENS
    for name in before.keys() & after.keys():
        yield from _of_rule(before[name], after[name], f"/rules/{_escaped(name)}")
    rows = [contract.row_count for contract in (old, new)]
    yield from _changed("/row_count/min", of_amount(-rows[0].min, -rows[1].min))
    yield from _changed("/row_count/max", of_amount(rows[0].max, rows[1].max))


def _identity(rule: Rule) -> str:
    """By what a rule is known again: keys are counted, so by their columns."""
    return f"key:{','.join(sorted(rule.columns))}" if rule.id.startswith("key:") else rule.id


def _of_rule(old: Rule, new: Rule, path: str) -> _Found:
    # The greater the severity, the weight, and the less the tolerance, the more the rule is worth.
    yield from _changed(f"{path}/severity", of_amount(-old.severity.rank, -new.severity.rank))
    if old.kind is not Kind.MAX_NULL:  # of which the tolerance is the field's own member
        yield from _changed(f"{path}/tolerance", of_amount(old.tolerance, new.tolerance))
    if old.severity == new.severity:
        yield from _changed(f"{path}/weight", of_amount(-old.weight, -new.weight))
    if old.check is not None and new.check is not None:
        yield from _changed(path, _of_checks(old.check, new.check))


def _of_checks(old: Check, new: Check) -> Direction:
    rest = [_rest(check) for check in (old, new)]
    if rest[0] != rest[1]:
        return Direction.UNDETERMINED
    if isinstance(old, Freshness) and isinstance(new, Freshness):
        return of_amount(old.max_age_seconds, new.max_age_seconds)
    if isinstance(old, ValueCheck | RowCheck):
        return of_bounds(getattr(old, "bounds", None), getattr(new, "bounds", None))
    return Direction.NONE


def _rest(check: Check) -> dict[str, Any]:
    """A check without what is compared by itself, and what is no promise."""
    rated = {"severity", "weight", "tolerance", "description", "id"}
    compared = {"bounds"} if isinstance(check, ValueCheck | RowCheck) else {"max_age_seconds"}
    return check.model_dump(exclude=rated | compared)


def _of_slos(old: Contract, new: Contract) -> _Found:
    before, after = ({slo.name: slo for slo in contract.slos} for contract in (old, new))
    for name in before.keys() | after.keys():
        path = f"/slos/{_escaped(name)}"
        if (found := by_presence(before.get(name), after.get(name))) is not None:
            yield from _changed(path, found)
            continue
        one, other = before[name], after[name]
        yield from _changed(f"{path}/target", of_bounds(one.target, other.target))
        yield from _changed(f"{path}/objective", of_amount(-one.objective, -other.objective))
        if (one.indicator, one.window_days, one.rules) != (other.indicator, other.window_days, other.rules):
            yield path, "changed", Direction.UNDETERMINED


def _of_rest(old: Contract, new: Contract) -> _Found:
    if old.dataset != new.dataset:
        yield "/dataset", "changed", Direction.BOTH
    for member in _OF_CONTRACT:
        if getattr(old, member) != getattr(new, member):
            yield f"/{member}", "changed", Direction.UNDETERMINED
    for member in ("alert_at", "quarantine_at", "block_at"):
        yield from _changed(f"/policy/{member}", of_amount(getattr(old.policy, member), getattr(new.policy, member)))
    for member in ("alert_on", "quarantine_on", "block_on"):
        if getattr(old.policy, member) != getattr(new.policy, member):
            yield f"/policy/{member}", "changed", Direction.UNDETERMINED
    yield from _of_privacy(old, new)
    for member in _NO_PROMISE:
        if getattr(old, member) != getattr(new, member):
            yield f"/{member}", "changed", Direction.NONE


def _of_privacy(old: Contract, new: Contract) -> _Found:
    before, after = old.privacy, new.privacy
    if before is None or after is None:
        yield from _changed("/privacy", of_word(before, after))
        return
    yield from _changed("/privacy/subject_key", of_word(before.subject_key, after.subject_key))
    yield from _changed("/privacy/pii", of_word(before.pii, after.pii))
    followed = [frozenset(privacy.deletion_propagation) for privacy in (before, after)]
    yield from _changed("/privacy/deletion_propagation", of_sets(followed[1], followed[0]))  # more of them say more


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
