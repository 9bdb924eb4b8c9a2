"""The quality rules of ODCS: library metrics and SQL are checks of ours, other engines' keep their words, text is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import engines, odcs_own
from contracts.dialects.columns import SEVERITIES, check_id
from contracts.dialects.draft import Draft
from contracts.dialects.odcs_check import OPERATORS
from contracts.dialects.place import Place
from contracts.dialects.sentence import shown
from proofs.errors import MalformedError

_METRICS: Final = {
    "nullValues": "null_values",
    "missingValues": "missing_values",
    "invalidValues": "invalid_values",
    "duplicateValues": "duplicate_values",
    "rowCount": "row_count",
}
# The library's words until 3.0.2, in `rule`.
_RULES: Final = {
    "duplicateCount": "duplicate_values",
    "duplicateValues": "duplicate_values",
    "nullValues": "null_values",
    "nullCheck": "null_values",
    "validValues": "invalid_values",
    "invalidValues": "invalid_values",
    "uniqueCheck": "duplicate_values",
    "rowCount": "row_count",
}
_NONE_EXPECTED: Final = frozenset(("null_values", "invalid_values", "duplicate_values"))
_COUNT: Final = "SELECT count(*) FROM {table}"
_OBJECT: Final = re.compile(r"\$?\{(object|table|model)\}")
_PROPERTY: Final = re.compile(r"\$?\{(property|column|field)\}")
_VARIABLE: Final = re.compile(r"\$\{|\{\{")
_SAID: Final = frozenset(
    ("type", "metric", "rule", "arguments", "query", "engine", "implementation", "severity", "unit", "id")
)


def places(chosen: Place) -> Iterator[tuple[Place, str | None]]:
    """Yield the rules of an object's columns and then its own, each with its property's name."""
    properties = chosen.get("properties")
    for place in properties.items() if properties is not None else ():
        if (found := place.get("quality")) is not None:
            for item in found.items():
                yield item, place.need("name").text()
    if (found := chosen.get("quality")) is not None:
        for item in found.items():
            yield item, None


def put(draft: Draft, place: Place, title: str | None, names: dict[str, str]) -> None:
    """Put down a rule, when it can be measured, and keep what else it says."""
    column = None if title is None else names[title]
    said = _say(draft, place, column, names)
    kept = ("quality", *(str(step) for step in place.path[1:]))
    if said is None:
        draft.keep(place, *(("unmeasured", *kept[1:]) if _is_promise(place) else kept))
        return
    if said.get("kind") == "row_count":
        draft.put(("row_count",), {key: value for key, value in said.items() if key != "kind"}, place)
    else:
        draft.add(("checks",), said, place)
    if set(place.mapping()) - _SAID - set(OPERATORS) - {"description"}:
        draft.keep(place, *kept)


def _say(draft: Draft, place: Place, column: str | None, names: dict[str, str]) -> dict[str, Any] | None:
    type = place.get("type")
    kind = "library" if type is None else type.text()
    if kind == "text":
        return None
    if kind == "sql":
        said: dict[str, Any] | None = _sql(place, column)
    elif kind == "custom":
        said = _custom(place, column)
    else:
        said = _library(draft, place, column, names)
    if said is None or (kind == "custom" and place.need("engine").value == odcs_own.PROPERTY):
        return said
    if (severity := place.get("severity")) is not None:
        if severity.text().strip().lower() in SEVERITIES:
            said["severity"] = severity.word(SEVERITIES)
        else:  # any text may stand there
            draft.keep(place, "quality", *(str(step) for step in place.path[1:]))
    is_rows = said["kind"] == "row_count"
    if (title := place.get("id") or place.get("name")) is not None and check_id(title.text()) and not is_rows:
        taken = any(check.get("id") == title.text() for check in draft.value.get("checks", ()))
        said.update({} if taken else {"id": title.text()})
    if (text := place.get("description")) is not None and not is_rows:
        said["description"] = text.text()
    return said


def _sql(place: Place, column: str | None) -> dict[str, Any] | None:
    query = place.need("query")
    text = _OBJECT.sub("{table}", query.text())
    if _PROPERTY.search(text):
        if column is None:
            raise query.error("names {property}, and belongs to no property")
        quoted = '"' + column.replace('"', '""') + '"'
        text = _PROPERTY.sub(lambda _: quoted, text)
    bounds = _bounds(place)
    if _VARIABLE.search(text) or bounds is None:  # nothing here fills in a variable
        return None
    return {"kind": "sql", "query": text, "bounds": bounds}


def _custom(place: Place, column: str | None) -> dict[str, Any] | None:
    engine = place.need("engine").text().lower().replace("_", "").replace("-", "").replace(" ", "")
    if engine not in ("soda", "greatexpectations", "gx", odcs_own.PROPERTY):
        return None
    inner = _implementation(place.need("implementation"))
    if engine == odcs_own.PROPERTY:
        return dict(inner.mapping())
    if engine == "soda":
        columns = {} if column is None else {"columns": [column]}
        return {"kind": "foreign", "engine": "soda", "definition": inner.value, **columns}
    for key in ("type", "expectation_type", "expectation"):
        if (kind := inner.get(key)) is not None:
            return _expectation(kind, inner, column)
    raise inner.error("names no expectation", hint="write type: expect_…")


def _expectation(kind: Place, inner: Place, column: str | None) -> dict[str, Any]:
    kwargs = inner.get("kwargs") or inner
    renamed = {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key): value for key, value in kwargs.mapping().items()
    }
    if column is not None:
        renamed.setdefault("column", column)
    return engines.expectation(kind.text(), Place(kwargs.parsed, kwargs.name, kwargs.path, renamed))


def _implementation(place: Place) -> Place:
    """What another engine is given: a mapping, or a text that is one in YAML, whose lines are those of the text."""
    if isinstance(place.value, dict):
        return place
    try:
        parsed = yamlsafe.parse(place.text().encode(), name=place.name)
    except MalformedError as error:
        raise place.error(f"is not read: {error.what}", hint=error.hint) from error
    if not isinstance(parsed.value, dict):
        raise place.error("is no mapping")
    lines = dict.fromkeys(parsed.lines, place.line)
    return Place(yamlsafe.Parsed(parsed.value, lines), place.name, (), parsed.value)


def _library(draft: Draft, place: Place, column: str | None, names: dict[str, str]) -> dict[str, Any] | None:
    metric = place.get("metric")
    rule = place.get("rule")
    kind = _METRICS[metric.text()] if metric is not None else _RULES.get(rule.text()) if rule is not None else None
    is_bare = not any(operator in place.mapping() for operator in OPERATORS)
    bounds = {"min": 0, "max": 0} if is_bare and kind in _NONE_EXPECTED else _bounds(place)
    if kind is None or bounds is None:
        return None
    if kind == "row_count":
        return _row_count(draft, place, bounds)
    arguments = place.get("arguments")
    columns = [column] if column is not None else _argued(arguments, names)
    if not columns or (kind != "duplicate_values" and len(columns) > 1):
        return None
    said: dict[str, Any] = {"kind": kind, "columns": columns, "bounds": bounds}
    if (unit := place.get("unit")) is not None:
        said["unit"] = unit.word(
            {"rows": "rows", "row": "rows", "percent": "percent", "%": "percent", "percentage": "percent"}
        )
    if kind == "missing_values" and arguments is not None and (listed := arguments.get("missingValues")) is not None:
        said["missing"] = _values(listed)
    if kind == "invalid_values":
        valid = _valid(place, arguments)
        return None if valid is None else {**said, "valid": valid}
    return said


def _row_count(draft: Draft, place: Place, bounds: dict[str, Any]) -> dict[str, Any]:
    if (unit := place.get("unit")) is not None and unit.text().lower() not in ("rows", "row"):
        raise unit.error(f"{shown(unit.value)} is not a unit in which rows are counted")
    least = bounds.get("min", bounds["above"] + 1 if "above" in bounds else None)
    most = bounds.get("max", bounds["below"] - 1 if "below" in bounds else None)
    are_whole = all(isinstance(bound, int) and bound >= 0 for bound in (least, most) if bound is not None)
    if draft.has("row_count") or bounds.get("negated") or not are_whole:
        return {"kind": "sql", "query": _COUNT, "bounds": bounds}
    # A contract that says nothing wants at least one row; one that allows none says so by its upper bound.
    found = {"min": least if least is not None else min(1, most or 0), "max": most}
    return {"kind": "row_count", **{key: value for key, value in found.items() if value is not None}}


def _argued(arguments: Place | None, names: dict[str, str]) -> list[str]:
    listed = None if arguments is None else arguments.get("properties")
    if listed is None:
        return []
    for item in listed.items():
        if item.text() not in names:
            raise item.error(f"{shown(item.value)} is not a property of the object")
    return [names[item.text()] for item in listed.items()]


def _valid(place: Place, arguments: Place | None) -> dict[str, Any] | None:
    """What makes a value valid; None when that cannot be held. A null is no value, valid or not."""
    found: dict[str, Any] = {}
    for source in (arguments, place):
        listed = None if source is None else source.get("validValues")
        if listed is not None:
            found["values"] = _values(listed)
    pattern = None if arguments is None else arguments.get("pattern")
    if pattern is not None:
        found["pattern"] = _whole(pattern)
    return found if found and found.get("values") != [] else None


def _values(listed: Place) -> list[Any]:
    """The texts and numbers of a list; none of it when it has another value in it."""
    values = [item.value for item in listed.items() if item.value is not None]
    are_scalars = all(isinstance(value, str | int | Decimal) and not isinstance(value, bool) for value in values)
    return values if are_scalars else []


def _whole(pattern: Place) -> str:
    """A pattern that may match anywhere, as one that the whole value matches."""
    text = pattern.text()
    return f"(?s:.*)(?:{text})(?s:.*)"


def _bounds(place: Place) -> dict[str, Any] | None:
    """What the operators of a rule state together; None when that is no bound on a number, or two on one side."""
    found: dict[str, Any] = {}
    for operator in OPERATORS:
        if (given := place.get(operator)) is None:
            continue
        said = _bound(given)
        if said is None or set(said) & set(found) or (found and "negated" in {*found, *said}):
            return None
        found |= said
    is_double = {"min", "above"} <= set(found) or {"max", "below"} <= set(found)
    return found if found and not is_double else None


def _bound(operator: Place) -> dict[str, Any] | None:
    if operator.key in ("mustBeBetween", "mustNotBeBetween"):
        low, high = sorted(item.number() for item in operator.items())
        return {"min": low, "max": high, **({"negated": True} if operator.key == "mustNotBeBetween" else {})}
    value = operator.value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return {
        "mustBe": {"min": value, "max": value},
        "mustNotBe": {"min": value, "max": value, "negated": True},
        "mustBeGreaterThan": {"above": value},
        "mustBeGreaterOrEqualTo": {"min": value},
        "mustBeLessThan": {"below": value},
        "mustBeLessOrEqualTo": {"max": value},
    }[operator.key]


def _is_promise(place: Place) -> bool:
    """Whether a rule says something that somebody could measure, and not only people could read."""
    return bool(place.mapping().get("type", "library") != "text")
