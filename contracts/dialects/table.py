"""Dialect (a): one file per table, stream or vector index; a column and its type are one line.

name: customer_events_v1
owner: data-platform@company.com
schema: {customer_id: string, event_type: "enum[view, purchase]", amount_usd: "float >= 0"}
slos: {freshness_minutes: 15, completeness_pct: ">= 99.5%", accuracy_checks: [{rule: amount_usd >= 0}]}
alerts: {pager: "#data-oncall", threshold: {freshness_minutes: "> 20"}}
privacy: {pii: low, deletion_propagation: [features/customer]}
"""

from __future__ import annotations

import re
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import head, service
from contracts.dialects.columns import check_id, field_of, severity, state
from contracts.dialects.draft import Draft
from contracts.dialects.expression import RuleExpression, read_rule, read_type
from contracts.dialects.place import Place
from contracts.dialects.sentence import shown
from contracts.dialects.words import ExpressionError
from contracts.expression import parse as parse_expression

KEYS: Final = head.COPIED | {"name", "version", "status", "namespace", "schema", "slos", "alerts", "privacy", "keys"}
_RULE_KEYS: Final = frozenset(("rule", "name", "severity", "tolerance", "weight", "description"))
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_OF_VECTOR: Final = re.compile(
    r"\s*(?P<kind>dimensions|norm|finite)\s*\(\s*(?P<column>[A-Za-z_][A-Za-z0-9_.-]*)\s*\)(?P<condition>[^()]*)",
    re.ASCII,
)
_OF_VECTORS: Final = {
    "dimensions": "dimensions(column) = 384",
    "norm": "norm(column) >= 0.99, or norm(column) between 0.99 and 1.01,",
    "finite": "finite(column)",
}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read(parsed: yamlsafe.Parsed, *, name: str, namespace: str | None = None) -> yamlsafe.Parsed:
    """Return a document of dialect (a) in our own form.

    Raises:
        MalformedError: Something in it cannot be read; with its line.
    """
    root = Place.root(parsed, name=name)
    draft = Draft(root)
    title = root.need("name")
    head.put_name(draft, title)
    head.put_version(draft, root, title)
    head.put_dataset(draft, title, root.get("namespace") or namespace)
    head.put_common(draft, root)
    draft.put(("schema",), [], root.need("schema"))
    for member in root.need("schema").members():
        put_column(draft, member)
    if (keys := root.get("keys")) is not None:
        draft.copy(("keys",), keys)
    if (slos := root.get("slos")) is not None:
        _put_slos(draft, slos)
    if (alerts := root.get("alerts")) is not None:
        _put_alerts(draft, alerts)
    if (privacy := root.get("privacy")) is not None:
        draft.copy(("privacy",), privacy)
    for stranger in root.strangers(KEYS):
        draft.keep(stranger)
    return draft.parsed()


def put_column(draft: Draft, member: Place) -> None:
    """Put down a column whose type is an expression."""
    field, checks = field_of(member.read(read_type), member)
    draft.add(("schema",), {"name": member.key, **field}, member)
    for check in checks:
        draft.add(("checks",), {**check, "column": member.key}, member)


def timestamps(draft: Draft) -> list[str]:
    """Return the names of the timestamp columns."""
    return [field["name"] for field in draft.value.get("schema", ()) if field["type"] == "timestamp"]


def put_rule(draft: Draft, place: Place, settings: dict[str, Any]) -> None:
    """Put down a rule on every row: the check that it is, or an expression of our own language."""
    text = place.text()
    if (found := _OF_VECTOR.fullmatch(text)) is not None:
        _put_vector_rule(draft, place, found, settings)
        return
    known = {field["name"] for field in draft.value.get("schema", ())}
    try:
        rule: RuleExpression | None = read_rule(text)
    except ExpressionError as error:
        rule = None
        _need_expression(place, error)
    if rule is None:
        draft.add(("checks",), {"kind": "expression", "expression": text, **settings}, place)
        return
    if rule.column not in known:
        raise place.error(f"names {shown(rule.column)}, which the schema does not have")
    for number, condition in enumerate(rule.conditions):
        named = dict(settings)
        if number and "id" in named:
            named["id"] = f"{named['id']}#{number + 1}"
        draft.add(("checks",), {**state(condition), "column": rule.column, **named}, place)


def _put_vector_rule(draft: Draft, place: Place, found: re.Match[str], settings: dict[str, Any]) -> None:
    """Put down what a rule says of a vector: `dimensions(v) = 384`, `norm(v) between 0.99 and 1.01`, `finite(v)`."""
    kind, column, condition = found["kind"], found["column"], found["condition"].strip()
    if column not in {field["name"] for field in draft.value.get("schema", ())}:
        raise place.error(f"names {shown(column)}, which the schema does not have")
    try:
        conditions = read_rule(f"v {condition}").conditions if condition else ()
    except ExpressionError as error:
        raise place.error(f"{shown(place.text())}: {error}") from error
    stated = state(conditions[0]) if len(conditions) == 1 else {}
    said: dict[str, Any] | None = None
    if kind == "finite" and not conditions:
        said = {}
    elif kind == "norm" and stated.get("kind") == "range":
        said = {"bounds": stated["bounds"]}
    elif (
        kind == "dimensions"
        and stated.get("kind") == "enum"
        and not stated.get("negated")
        and len(stated["values"]) == 1
    ):
        said = {"dimensions": stated["values"][0]}
    if said is None:
        raise place.error(f"{shown(place.text())}: {_OF_VECTORS[kind]} is expected")
    draft.add(("checks",), {"kind": kind, "column": column, **said, **settings}, place)


def _need_expression(place: Place, error: ExpressionError) -> None:
    """Accept what our own language of expressions reads, unless a date in it would be read as a subtraction."""
    text = place.text()
    try:
        parse_expression(text)
    except ValueError as other:
        raise place.error(f"{shown(text)}: {error}") from other
    if _DATE.search(_QUOTED.sub("", text)):
        raise place.error(f"{shown(text)}: a date in a longer expression is quoted: '2026-11-28'") from error


def _put_slos(draft: Draft, slos: Place) -> None:
    for member in slos.members():
        found = service.indicator_of(member.key)
        if member.key == "accuracy_checks":
            for item in member.items():
                _put_accuracy(draft, item)
        elif found is not None and member.value is not None:
            service.put_level(draft, member, *found, columns=timestamps(draft))
        else:
            draft.keep(member)


def _put_accuracy(draft: Draft, item: Place) -> None:
    if isinstance(item.value, str):
        put_rule(draft, item, {})
        return
    settings: dict[str, Any] = severity(item.get("severity"))
    for key in ("tolerance", "weight", "description"):
        if (place := item.get(key)) is not None:
            settings[key] = place.value
    if (title := item.get("name")) is not None:
        settings["id" if check_id(title.text()) else "description"] = title.text()
    if strange := item.strangers(_RULE_KEYS):
        raise strange[0].error("is not a key of a rule")
    put_rule(draft, item.need("rule"), settings)


def _put_alerts(draft: Draft, alerts: Place) -> None:
    for member in alerts.members():
        if member.key in ("pager", "channel", "channels", "slack") and member.value is not None:
            told = draft.value.get("notification", {}).get("channels", [])
            draft.put(("notification", "channels"), [*told, *member.texts()], member)
        elif member.key == "threshold" and member.value is not None:
            for threshold in member.members():
                _put_threshold(draft, threshold)
        else:
            draft.keep(member)


def _put_threshold(draft: Draft, place: Place) -> None:
    found = service.indicator_of(place.key)
    if found is None:
        draft.keep(place)
        return
    side = "max" if found[0] in ("completeness", "accuracy", "availability") else "min"
    draft.put(("notification", "page_when", found[0]), service.bounds_of(place, *found, side=side), place)
