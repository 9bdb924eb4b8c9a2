"""The properties of an object in ODCS, each a column of ours: type, options, keys, nested ones, relationships."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.columns import FORMATS, TYPES
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place

_TAKEN: Final = frozenset(
    (
        *(
            "name",
            "physicalName",
            "logicalType",
            "logicalTypeOptions",
            "required",
            "unique",
            "primaryKey",
            "primaryKeyPosition",
        ),
        *("description", "classification", "tags", "quality", "properties", "items", "relationships"),
    )
)
_BOUNDED: Final = frozenset(("integer", "number", "date", "timestamp"))
_SIDES: Final = {"minimum": ("min", "above"), "maximum": ("max", "below")}
_EXCLUSIVE: Final = {"exclusiveMinimum": "above", "exclusiveMaximum": "below"}
_WORD: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")
_SHORT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)\.([A-Za-z_][A-Za-z0-9_-]*)")


def _always(_place: Place) -> bool:
    return True


# What our own form has under the same key, when it can be held there, and how it is read.
_SAID: Final[dict[str, tuple[Callable[[Place], bool], Callable[[Place], Any]]]] = {
    "description": (_always, Place.text),
    "classification": (lambda place: bool(_WORD.fullmatch(place.text())), Place.text),
    "tags": (_always, Place.texts),
    "required": (_always, Place.boolean),
    "unique": (_always, Place.boolean),
}


def physical(chosen: Place) -> dict[str, str]:
    """Return what each property's column is called in the data: its physical name, or else its name."""
    found = chosen.get("properties")
    places = [] if found is None else list(found.items())
    return {place.need("name").text(): _column(place) for place in places}


def put_all(draft: Draft, chosen: Place) -> None:
    """Put down the columns of an object, its key and what they refer to."""
    found = chosen.get("properties")
    keys: list[tuple[int, int, str, Place]] = []
    for number, place in enumerate(found.items() if found is not None else ()):
        path = draft.add(("schema",), {"name": _column(place)}, place.get("physicalName") or place.need("name"))
        _put(draft, path, place, is_top=True)
        if (key := place.get("primaryKey")) is not None and key.boolean():
            position = place.get("primaryKeyPosition")
            at = int(position.number()) if position is not None else -1
            keys.append((at if at > 0 else 10**9, number, _column(place), key))
    if keys:
        draft.add(
            ("keys",), {"columns": [column for _, _, column, _ in sorted(keys, key=lambda key: key[:2])]}, keys[0][3]
        )
    for place in found.items() if found is not None else ():
        _put_relations(draft, place, _column(place), physical(chosen))
    _put_relations(draft, chosen, None, physical(chosen))


def _column(place: Place) -> str:
    named = place.get("physicalName") or place.need("name")
    return named.text()


def _put(draft: Draft, path: yamlsafe.Path, place: Place, *, is_top: bool) -> None:
    """Say of a field at `path` what stands at a place; only a column of the table itself has checks."""
    logical, type = place.get("logicalType"), _type(place)
    draft.put((*path, "type"), type, logical or place)
    if logical is not None and logical.text() != type:
        draft.keep_at(path, logical)
    for key, (is_ours, read) in _SAID.items():
        if (found := place.get(key)) is not None and found.value:
            if is_ours(found):
                draft.put((*path, key), read(found), found)
            else:
                draft.keep_at(path, found)
    if place.get("physicalName") is not None:
        draft.keep_at(path, Place(place.parsed, place.name, (*place.path, "name"), place.value.get("name")))
    _put_options(draft, path, place, type, is_top=is_top)
    _put_enum(draft, path, place, type)
    _put_nested(draft, path, place, type)
    _keep_rest(draft, path, place, is_top=is_top)


def _keep_rest(draft: Draft, path: yamlsafe.Path, place: Place, *, is_top: bool) -> None:
    for member in place.members():
        is_said = member.key in _TAKEN or (member.key == "enum" and draft.has(*path, "enum"))
        if not is_said or (member.key in ("primaryKey", "quality", "relationships") and not is_top):
            draft.keep_at(path, member)


def _type(place: Place) -> str:
    """Our type of a property; until 3.1.0 the standard had one word for dates and moments, and more was told beside it."""
    logical = place.get("logicalType")
    type = "any" if logical is None else TYPES.get(logical.text().lower(), "any")
    if type != "date" or str(place.parsed.value.get("apiVersion", "")).removeprefix("v") >= "3.1":
        return type
    physical, options = place.get("physicalType"), place.get("logicalTypeOptions")
    said = options.mapping() if options is not None else {}
    has_time = "h" in str(said.get("format", "")).lower() or any("T" in str(said.get(key, "")) for key in _SIDES)
    is_moment = physical is not None and physical.text().lower().startswith(("timestamp", "datetime"))
    return "timestamp" if has_time or is_moment else type


def _put_nested(draft: Draft, path: yamlsafe.Path, place: Place, type: str) -> None:
    inner = place.get("properties")
    if inner is not None and type == "object":
        draft.put((*path, "fields"), [], inner)
        for item in inner.items():
            below = draft.add((*path, "fields"), {"name": _column(item)}, item)
            _put(draft, below, item, is_top=False)
    items = place.get("items")
    if items is not None and type == "array":
        title = items.get("name")
        draft.put((*path, "items"), {"name": "item" if title is None else title.text()}, items)
        _put(draft, (*path, "items"), items, is_top=False)


def _put_options(draft: Draft, path: yamlsafe.Path, place: Place, type: str, *, is_top: bool) -> None:
    options = place.get("logicalTypeOptions")
    if options is None:
        return
    for member in options.members():
        if not _put_option(draft, path, options, member, type, is_top=is_top):
            draft.copy((*path, "annotations", "logicalTypeOptions", member.key), member)


def _put_option(draft: Draft, path: yamlsafe.Path, options: Place, member: Place, type: str, *, is_top: bool) -> bool:
    """Put down one option; False when nothing here acts on it."""
    if type == "string" and member.key in ("minLength", "maxLength"):
        draft.put((*path, "length", "min" if member.key == "minLength" else "max"), member.whole(), member)
    elif type == "string" and member.key == "format" and member.text().lower() in FORMATS:
        draft.put((*path, "format"), FORMATS[member.text().lower()], member)
    elif type == "string" and member.key == "pattern" and is_top:
        # By the standard a pattern is one of JSON Schema: it may match anywhere in the value.
        column = str(draft.at(path)["name"])
        check = {"kind": "pattern", "column": column, "pattern": member.text(), "match": "search"}
        draft.add(("checks",), check, member)
    elif type in _BOUNDED and member.key in _SIDES:
        inclusive, exclusive = _SIDES[member.key]
        strict = options.get(f"exclusive{member.key.capitalize()}")
        is_strict = strict is not None and strict.value is True  # until 3.0.2 it was a truth value
        draft.put((*path, "range", exclusive if is_strict else inclusive), member.value, member)
    elif type in _BOUNDED and member.key in _EXCLUSIVE and not isinstance(member.value, bool):
        if options.get(member.key.removeprefix("exclusive").lower()) is not None:
            return _put_second_bound(draft, path, member, is_top=is_top)
        draft.put((*path, "range", _EXCLUSIVE[member.key]), member.value, member)
    else:
        return type in _BOUNDED and isinstance(member.value, bool) and member.key in _EXCLUSIVE
    return True


def _put_second_bound(draft: Draft, path: yamlsafe.Path, member: Place, *, is_top: bool) -> bool:
    """An exclusive bound beside an inclusive one of the same side is a check of its own."""
    if not is_top:
        return False
    bounds = {_EXCLUSIVE[member.key]: member.value}
    draft.add(("checks",), {"kind": "range", "column": str(draft.at(path)["name"]), "bounds": bounds}, member)
    return True


def _put_enum(draft: Draft, path: yamlsafe.Path, place: Place, type: str) -> None:
    listed = place.get("enum")
    if listed is None:
        return
    values: list[Any] = [item.need("value").value if item.get("value") else None for item in listed.items()]
    wanted = {"string": str, "integer": int}.get(type)
    if wanted is not None and all(isinstance(value, wanted) and not isinstance(value, bool) for value in values):
        draft.put((*path, "enum"), values, listed)
        if any(len(item.mapping()) > 1 for item in listed.items()):
            draft.keep_at(path, listed)


def _put_relations(draft: Draft, place: Place, column: str | None, names: dict[str, str]) -> None:
    """A foreign key is a promise that is only looked at where its other end is at hand, so that it weighs nothing."""
    listed = place.get("relationships")
    for item in listed.items() if listed is not None else ():
        ends = [_split(text) for text in item.need("to").texts()]
        own = (
            [column]
            if column is not None
            else [names.get(text.rpartition(".")[2]) for text in item.need("from").texts()]
        )
        datasets = {end[0] for end in ends if end is not None}
        if None in own or None in ends or len(datasets) != 1 or len(own) != len(ends):
            draft.keep(item, "relationships", *(str(step) for step in item.path[1:]))
            continue
        check = {
            "kind": "referential",
            "columns": own,
            "dataset": datasets.pop(),
            "to": [end[1] for end in ends if end is not None],
            "severity": "info",
        }
        draft.add(("checks",), check, item)
        if set(item.mapping()) - {"from", "to", "type"}:
            draft.keep(item, "relationships", *(str(step) for step in item.path[1:]))


def _split(text: str) -> tuple[str, str] | None:
    found = _SHORT.fullmatch(text)
    return (found[1], found[2]) if found else None
