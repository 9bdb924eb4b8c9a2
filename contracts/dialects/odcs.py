"""The Open Data Contract Standard: each object of its `schema` is one contract of ours.

What the standard says and nothing here acts on (servers, price, roles …) is kept under `annotations`, as it stands. What
our own form says and the standard cannot stands in a custom property of the vendor `tallystick` (odcs_writer).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import head, odcs_check, odcs_own, odcs_property, odcs_quality, odcs_second
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place
from contracts.dialects.quantity import Duration, read_duration
from contracts.dialects.sentence import shown
from contracts.dialects.words import ExpressionError
from proofs.errors import MalformedError

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_READ: Final = frozenset(("version", "name", "tags", "status", "schema", "slaProperties", "team", "domain"))
_OBJECT_READ: Final = frozenset(("name", "description", "properties", "quality", "tags", "relationships"))
_AGES: Final = {
    "latency": "freshness",
    "ly": "freshness",
    "freshness": "freshness",
    "frequency": "delivery",
    "fy": "delivery",
}
_SHARES: Final = {"availability": "availability", "av": "availability", "uptime": "availability"}
_SHARES_OF_DATA: Final = {"completeness": "completeness", "accuracy": "accuracy"}


def objects(parsed: yamlsafe.Parsed) -> tuple[str, ...]:
    """Return the names of the objects that a valid document has, in its order."""
    value = parsed.value
    if "dataset" in value and "schema" not in value:
        return tuple(table["table"] for table in value["dataset"])
    return tuple(each["name"] for each in value.get("schema", ()))


def read(
    parsed: yamlsafe.Parsed,
    *,
    name: str,
    namespace: str | None = None,
    object_name: str | None = None,
    is_checked: bool = False,
) -> yamlsafe.Parsed:
    """Return one object of a document in our own form.

    Args:
        object_name: Which one; None where there is only one.
        is_checked: The document is known to be valid under the version that it declares.

    Raises:
        MalformedError: The document is not valid under the version that it declares, has no such object or several, or something
            in it that decides cannot be read; with its line.
    """
    version = odcs_check.declared(parsed.value) if is_checked else None
    version = version or odcs_check.require(parsed, name=name)
    if version < "3":
        parsed = odcs_second.third(parsed, name=name)
    root = Place.root(parsed, name=name)
    chosen = _choose(root, object_name)
    draft = Draft(root)
    _put_head(draft, root, chosen, namespace)
    if not _listed(chosen, "properties"):
        raise chosen.error("has no properties, so nothing that data could be held to")
    draft.put(("schema",), [], chosen.need("properties"))
    odcs_property.put_all(draft, chosen)
    for quality, column in odcs_quality.places(chosen):
        odcs_quality.put(draft, quality, column, odcs_property.physical(chosen))
    for member in chosen.members():
        if member.key not in _OBJECT_READ:
            draft.keep(member, "object", member.key)
    for number, sla in enumerate(_listed(root, "slaProperties")):
        _put_sla(draft, sla, number)
    _keep_rest(draft, root)
    return odcs_own.restored(draft, root, chosen)


def _choose(root: Place, wanted: str | None) -> Place:
    listed = root.get("schema")
    names = [] if listed is None else [each["name"] for each in listed.value]
    known = ", ".join(repr(name[:64]) for name in names[:24])
    if wanted is not None:
        if wanted not in names:
            what = f"the document has no object {wanted[:64]!r}"
            raise MalformedError(what, where=root.name, hint=f"there are {known}" if names else "")
    elif len(names) > 1:
        what = f"the document has {len(names)} objects, each of them a contract"
        raise MalformedError(what, where=root.name, hint=f"choose one with --object: {known}")
    if listed is None or not names:
        raise root.error("has no object in its schema, so nothing that data could be held to")
    index = 0 if wanted is None else names.index(wanted)
    return Place(root.parsed, root.name, (*listed.path, index), listed.value[index])


def _listed(place: Place, key: str) -> list[Place]:
    found = place.get(key)
    return [] if found is None else list(found.items())


def _put_head(draft: Draft, root: Place, chosen: Place, namespace: str | None) -> None:
    title, own = root.get("name"), chosen.need("name")
    several = len(root.need("schema").value) > 1
    candidates = [title, root.get("id"), own]
    base = next((place for place in candidates if place is not None and _IDENTIFIER.fullmatch(place.text())), None)
    if base is None:
        raise own.error("nothing here can be a contract's name", hint="a name is letters, digits, . _ and -")
    name = f"{base.text()}.{own.text()}" if several and base is not own else base.text()
    if not _IDENTIFIER.fullmatch(name):
        raise own.error(f"{shown(name)} cannot be a contract's name", hint="a name is 1 to 128 letters, digits, . _ -")
    draft.put(("name",), name, base)
    if title is not None and title.value != name:
        draft.keep(title)
    head.put_version(draft, root, own)
    head.put_dataset(draft, own, namespace or root.get("domain"))
    if (status := root.get("status")) is not None:
        word = status.word(head.STATUSES)
        if word != "active":  # which a contract is unless it says otherwise
            draft.put(("status",), word, status)
        if status.value != word:
            draft.keep(status)
    _put_description(draft, root, chosen)
    team = root.get("team")
    if team is not None and isinstance(team.value, dict) and (owner := team.get("name")) is not None:
        draft.put(("owner",), owner.text(), owner)
    tags = chosen.get("tags") or root.get("tags")
    if tags is not None and tags.value:
        draft.put(("tags",), tags.texts(), tags)


def _put_description(draft: Draft, root: Place, chosen: Place) -> None:
    described = root.get("description")
    text = chosen.get("description") or (None if described is None else described.get("purpose"))
    if text is not None:
        draft.put(("description",), text.text(), text)


def _keep_rest(draft: Draft, root: Place) -> None:
    for member in root.members():
        if member.key not in _READ and member.key not in ("apiVersion", "kind"):
            draft.keep(member)
    for key in ("team", "tags", "domain"):
        draft.keep(root.get(key))


def _put_sla(draft: Draft, sla: Place, number: int) -> None:
    """The service levels that can be measured; the others (retention, endOfLife …) are kept."""
    word, value = sla.need("property").text().lower(), sla.get("value")
    unit = sla.get("unit")
    said: dict[str, Any] | None = None
    if value is not None and word in _AGES and unit is not None:
        seconds = unit.read(lambda _: _seconds(value, unit))
        said = {"indicator": _AGES[word], "target": {"max": seconds}}
    elif value is not None and word in _SHARES | _SHARES_OF_DATA and not isinstance(value.value, bool):
        said = {"indicator": (_SHARES | _SHARES_OF_DATA)[word], "target": {"min": _share(value, unit)}}
    if said is not None:
        taken = {level["name"] for level in draft.value.get("slos", ())}
        name = said["indicator"] if said["indicator"] not in taken else f"{said['indicator']}-{number + 1}"
        draft.add(("slos",), {"name": name, **said}, sla)
    draft.keep(sla, "slaProperties", str(number))


def _seconds(value: Place, unit: Place) -> int | Decimal:
    number = value.value
    if isinstance(number, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?", number):
        number = Decimal(number) if "." in number else int(number)
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise ExpressionError(f"the value beside it, {shown(value.value)}, is not a number")
    duration: Duration = read_duration(
        f"{number:f} {unit.text()}" if isinstance(number, Decimal) else f"{number} {unit.text()}"
    )
    return duration.seconds


def _share(value: Place, unit: Place | None) -> Decimal:
    text = f"{value.value:f}" if isinstance(value.value, Decimal) else str(value.value)
    is_percent = text.endswith("%") or (unit is not None and unit.text().lower() in ("%", "percent", "percentage"))
    digits = text.removesuffix("%").strip()
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", digits):
        raise value.error(f"{shown(value.value)} is not a share")
    number = Decimal(digits) / 100 if is_percent else Decimal(digits)
    if not 0 <= number <= 1:
        raise value.error(f"{shown(value.value)} is not a share", hint="state a percentage with unit: percent")
    return number
