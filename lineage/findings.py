"""Where OpenLineage events are not as their schemas say: told when asked for, off the way of the event.

Findings are a pure function of the stored body, so they are not stored: asked twice, they are the same, and a newer client
library finds more in old events without anything being replayed. The core is checked by `ledger.openlineage`; a facet by the
class that the stock client generates from the specification's own schema, when the facet's `_schemaURL` names one.

Source: OpenLineage 2-0-2, and the facets of the openlineage-python that is installed.
"""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Final

import jsonschema_rs
from openlineage.client import generated
from openlineage.client.generated.base import BaseFacet

from ledger.document import read_document
from ledger.openlineage import observe
from ledger.record import Record
from proofs.errors import RefusedError
from proofs.streams import OPENLINEAGE_TYPES

MOST: Final = 200
_PLACES: Final = (("run",), ("job",), ("dataset",), ("inputs",), ("outputs",))
_GROUPS: Final = ("facets", "inputFacets", "outputFacets")
_SCALARS: Final[dict[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_BASE: Final = frozenset(("_producer", "_schemaURL", "_deleted"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where an event is not as a schema says.

    Attributes:
        code: Stable: that of the core, or "facet-" and the schema's keyword ("facet-required").
        place: RFC 6901 pointer into the body; empty: the whole.
        says: One sentence that quotes no value.
    """

    code: str
    place: str
    says: str


@dataclass(frozen=True, slots=True)
class Irregular:
    """One event with findings.

    Attributes:
        source: Who sent it.
    """

    seq: int
    source: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Habit:
    """What one source gets wrong in one way; `first` and `last` are seqs."""

    source: str
    code: str
    events: int
    first: int
    last: int


def irregular(records: Iterable[Record]) -> Iterator[Irregular]:
    """Yield the OpenLineage events among `records` that have findings; those without a body are passed over."""
    for record in records:
        if record.type in OPENLINEAGE_TYPES and record.body is not None and (found := findings_of(record.body)):
            yield Irregular(record.seq, record.source, tuple(found))


def habits(events: Iterable[Irregular]) -> list[Habit]:
    """Return what each source gets wrong, the most frequent first."""
    known: dict[tuple[str, str], Habit] = {}
    for event in events:
        for code in {finding.code for finding in event.findings}:
            habit = known.get((event.source, code), Habit(event.source, code, 0, event.seq, event.seq))
            known[event.source, code] = replace(habit, events=habit.events + 1, last=event.seq)
    return sorted(known.values(), key=lambda habit: (-habit.events, habit.source, habit.code))


def findings_of(data: bytes) -> list[Finding]:
    """Return at most 200 findings of an OpenLineage event, the core's first, then by place.

    A body that cannot be identified as OpenLineage at all has one finding, "unidentified".
    """
    try:
        codes = observe(data).findings
        body = read_document(data)
    except RefusedError as error:
        return [Finding("unidentified", "", error.what)]
    core = [Finding(code, "", f"the event: {code.replace('-', ' ')}") for code in codes]
    return [*core, *sorted(_facet_findings(body), key=lambda found: (found.place, found.code))][:MOST]


def _facet_findings(body: Any) -> Iterator[Finding]:
    for place, entity in _entities(body):
        for group in _GROUPS:
            facets = entity.get(group)
            if isinstance(facets, dict):
                for name, facet in facets.items():
                    yield from _of_facet(facet, f"{place}/{group}/{_escaped(name)}")


def _entities(body: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for (name,) in _PLACES:
        found = body.get(name)
        if isinstance(found, dict):
            yield f"/{name}", found
        elif isinstance(found, list):
            yield from ((f"/{name}/{at}", one) for at, one in enumerate(found) if isinstance(one, dict))


def _of_facet(facet: Any, place: str) -> Iterator[Finding]:
    if not isinstance(facet, dict):
        yield Finding("facet-type", place, "the facet is no object")
        return
    for name in ("_producer", "_schemaURL"):
        if not isinstance(facet.get(name), str):
            yield Finding("facet-required", place, f"the facet has no {name}")
    known = _validator(str(facet.get("_schemaURL")).rpartition("/")[2])
    for error in known.iter_errors(facet) if known is not None else ():
        where = place + "".join(f"/{_escaped(str(step))}" for step in error.instance_path)
        rule = str(error.schema_path[-1]) if error.schema_path else "false"
        keyword = next((str(step) for step in reversed(error.schema_path) if not str(step).isdigit()), rule)
        yield Finding(f"facet-{keyword}", where, f"the value is not as the facet's schema says: {keyword}")


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


@cache
def _validator(name: str) -> jsonschema_rs.Draft202012Validator | None:
    """The validator of the facet that the stock client knows as `name`; None for one of somebody's own."""
    facet = _classes().get(name)
    return None if facet is None else jsonschema_rs.Draft202012Validator(_schema(facet, ()))


@cache
def _classes() -> dict[str, type]:
    modules = (
        importlib.import_module(f"{generated.__name__}.{found.name}")
        for found in pkgutil.iter_modules(generated.__path__)
    )
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseFacet) and value.__module__ == module.__name__
    }


def _schema(kind: Any, above: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON schema of an annotation; a class inside itself is let pass."""
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = [_schema(each, above) for each in arguments if each is not type(None)]
        return inner[0] if len(inner) == 1 else {"anyOf": inner}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], above)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], above)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is None or kind in above:
        return {}
    hints = typing.get_type_hints(kind)
    own = [attribute for attribute in attributes if attribute.name not in _BASE]
    return {
        "type": "object",
        "properties": {each.name: _schema(hints[each.name], (*above, kind)) for each in own},
        "required": [each.name for each in own if repr(each.default) == "NOTHING"],
    }
