"""Dialect (b): a source with its change policy.

data_source: customer_master
owner: sales_team@company.com
version: 2.1.0
schema: {customer_id: {type: string (UUID), required: true, description: …}}
sla: {update_frequency: real-time, max_delay: 5 minutes, uptime: 99.9%}
change_policy: {breaking_changes: 30 days advance notice, deprecation_period: 90 days, notification_channel: "#changes"}
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import head, service
from contracts.dialects.columns import FORMATS, SEVERITIES, field_of
from contracts.dialects.draft import Draft
from contracts.dialects.expression import TypeExpression, read_type
from contracts.dialects.place import Place
from contracts.dialects.quantity import Duration, read_notice
from contracts.dialects.table import timestamps
from contracts.dialects.words import ExpressionError

KEYS: Final = head.COPIED | {
    "data_source",
    "name",
    "version",
    "status",
    "namespace",
    "schema",
    "sla",
    "change_policy",
    "privacy",
}
COLUMN_KEYS: Final = frozenset(
    [
        "name",
        "type",
        "dtype",
        "required",
        "nullable",
        "allow_null",
        "max_null",
        "max_null_rate",
        "unique",
        "primary_key",
        "enum",
        "values",
        "allowed_values",
        "min",
        "max",
        "pattern",
        "format",
        "description",
        "classification",
        "tags",
        "severity",
    ]
)


def _values(place: Place) -> list[Any]:
    return [item.value for item in place.items()]


# What a column's mapping says, where our own form has it, and how it is read.
_SAID: Final[dict[str, tuple[yamlsafe.Path, Callable[[Place], Any]]]] = {
    "description": (("description",), Place.text),
    "classification": (("classification",), Place.text),
    "pattern": (("pattern",), Place.text),
    "tags": (("tags",), Place.texts),
    "unique": (("unique",), Place.boolean),
    "format": (("format",), lambda place: place.word(FORMATS)),
    "severity": (("severity",), lambda place: place.word(SEVERITIES)),
    "enum": (("enum",), _values),
    "values": (("enum",), _values),
    "allowed_values": (("enum",), _values),
    "min": (("range", "min"), lambda place: place.value),
    "max": (("range", "max"), lambda place: place.value),
}


def read(parsed: yamlsafe.Parsed, *, name: str, namespace: str | None = None) -> yamlsafe.Parsed:
    """Return a document of dialect (b) in our own form.

    Raises:
        MalformedError: Something in it cannot be read; with its line.
    """
    root = Place.root(parsed, name=name)
    draft = Draft(root)
    source = root.need("data_source")
    head.put_name(draft, root.get("name") or source)
    head.put_version(draft, root, source)
    head.put_dataset(draft, source, root.get("namespace") or namespace)
    head.put_common(draft, root)
    draft.put(("schema",), [], root.need("schema"))
    for member in root.need("schema").members():
        put_column(draft, member)
    if (sla := root.get("sla")) is not None:
        _put_sla(draft, sla)
    if (policy := root.get("change_policy")) is not None:
        _put_change_policy(draft, policy)
    if (privacy := root.get("privacy")) is not None:
        draft.copy(("privacy",), privacy)
    for stranger in root.strangers(KEYS):
        draft.keep(stranger)
    return draft.parsed()


def put_column(draft: Draft, place: Place, title: str | None = None) -> None:
    """Put down a column that is described by a mapping, or by its type alone."""
    column = place.key if title is None else title
    if isinstance(place.value, str):
        field, checks = field_of(place.read(read_type), place)
        path = draft.add(("schema",), {"name": column, **field}, place)
    else:
        typed = place.get("type") or place.get("dtype")
        expression = TypeExpression("any") if typed is None else typed.read(read_type)
        field, checks = field_of(expression, typed or place)
        path = draft.add(("schema",), {"name": column, **field}, place)
        if typed is not None:
            draft.put((*path, "type"), field["type"], typed)
        _put_rest(draft, place, path, column)
    for check in checks:
        draft.add(("checks",), {**check, "column": column}, place)


def _put_rest(draft: Draft, place: Place, path: yamlsafe.Path, column: str) -> None:
    """What a mapping says of a column beside its type."""
    for key, (ours, read) in _SAID.items():
        if (found := place.get(key)) is not None:
            draft.put((*path, *ours), read(found), found)
    if (found := place.get("primary_key")) is not None and found.boolean():
        draft.add(("keys",), {"columns": [column]}, found)
    _put_nulls(draft, place, path)
    for stranger in place.strangers(COLUMN_KEYS):
        draft.copy((*path, "annotations", stranger.key), stranger)


def _put_nulls(draft: Draft, place: Place, path: yamlsafe.Path) -> None:
    """`required`, `nullable` and `allow_null` say one thing, and a greatest rate says how much of it."""
    said: dict[bool, Place] = {}
    for key, is_required in (("required", True), ("nullable", False), ("allow_null", False)):
        if (found := place.get(key)) is not None:
            said[found.boolean() is is_required] = found
    if len(said) > 1:
        raise said[False].error(f"contradicts {said[True].key}")
    rate = place.get("max_null_rate") or place.get("max_null")
    if True in said:
        if rate is not None and rate.number() != 0:
            raise rate.error(f"allows nulls, and {said[True].key} does not")
        draft.put((*path, "required"), True, said[True])  # noqa: FBT003 - the value that is put
    elif rate is not None:
        draft.put((*path, "max_null"), rate.number(), rate)


def _put_sla(draft: Draft, sla: Place) -> None:
    for member in sla.members():
        found = service.indicator_of(member.key)
        if member.key == "update_frequency" and service.put_interval(draft, member):
            continue
        if found is None or member.value is None:
            draft.keep(member)
        else:
            service.put_level(draft, member, *found, columns=timestamps(draft))


def _put_change_policy(draft: Draft, policy: Place) -> None:
    terms = {
        "breaking_changes": "notice_days",
        "notice_period": "notice_days",
        "deprecation_period": "deprecation_days",
    }
    for member in policy.members():
        if member.key in terms and member.value is not None:
            notice = member.read(read_notice)
            days: Any = member.read(lambda text: _days(read_notice(text).duration))
            draft.put(("change_policy", terms[member.key]), days, member)
            if notice.words:
                draft.keep(member)
        elif member.key in ("notification_channel", "notification_channels") and member.value is not None:
            draft.put(("change_policy", "channels"), member.texts(), member)
        else:
            draft.keep(member)


def _days(duration: Duration) -> int:
    days = Decimal(duration.seconds) / 86_400
    if days != int(days):
        raise ExpressionError("is not a whole number of days")
    return int(days)
