"""What an entry says, in one line for people: a template per type over whatever its disclosed body holds.

A body is a stranger's: what a template looks for and does not find is left out, and a type that is not in the table is
told by the beginning of its body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from proofs import jsonstrict, statement
from proofs.errors import MalformedError
from proofs.jsonstrict import Number
from proofs.streams import OPENLINEAGE_TYPES

LINE_CHARACTERS: Final = 240
# A member's path; "#" counts an array, "%" tells basis points, "~" is the beginning of a hash, "," groups a number's digits.
_FIELD: Final = re.compile(r"\{([a-z_.]+)([#%~,]?)\}")
_COUNT: Final = re.compile(r"(0|[1-9][0-9]{0,14})\Z")
_DIGITS: Final = re.compile(r"[0-9]{1,15}\Z")
_NOTHING: Final = "—"

TEMPLATES: Final[Mapping[str, str]] = {
    "ledger.created": "log {origin} begins, format {format}",
    "ledger.closed": "log ends: {reason}",
    "ledger.key-added": "{purpose} key {id~}… added",
    "ledger.key-retired": "{purpose} key {id~}… retired: {reason}",
    "ledger.census-taken": "census, streams: {streams,}",
    "ledger.evidence-exported": "bundle {bundle} for {asked_by}, census {census}",
    "ledger.record-read": "personal parts of entry {seq} ({pointers#}) opened for {reader}: {purpose}",
    "ledger.clock-adjusted": "clock confirmed from {from} to {to}",
    "ledger.restored": "restored from a backup of {continued_from,} entries; acknowledged had been {acknowledged.size,}",
    "intake.conflicted": "another event under the identity of entry {seq} was turned away",
    "lineage.alias-declared": "alias {alias.namespace}|{alias.name} of {dataset.namespace}|{dataset.name}",
    "contract.published": "contract {contract.name} {contract.version} in force for {dataset.namespace}|{dataset.name}",
    "contract.policy-published": "policy {policy.name} {policy.version} of {owner} in force, datasets: {datasets#}",
    "contract.deprecated": "contract {contract.name} {contract.version} deprecated",
    "contract.retired": "contract {contract.name} {contract.version} retired",
    "validation.decided": "{decision}: {dataset.namespace}|{dataset.name}, risk {risk%}, rows: {batch.rows,}, "
    "contract {contract.name} {contract.version}",
    "validation.overridden": "{decision} of entry {decided.seq} overruled to {to} by {by} until {until}: {reason}",
    "validation.action-taken": "{dataset.namespace}|{dataset.name}: batch {action} ({result}), as {decision} says",
    "quarantine.opened": "{dataset.namespace}|{dataset.name}: {rows,} rows kept apart, {good_rows,} let through, until {until}",
    "quarantine.reviewed": "quarantine {id}: {verdict} by {by}: {reason}",
    "quarantine.replayed": "quarantine {id}: {released,} of {rows,} rows keep the contract now",
    "quarantine.deleted": "quarantine {id} deleted by {by}: {reason}",
    "quarantine.expired": "quarantine {id} deleted, its time being over",
    "schema.published": "schema {schema.subject} {schema.version} published ({bump})",
    "schema.rejected": "schema {schema.subject} {schema.version} rejected: {reason}",
    "deletion.requested": "deletion requested under {regulation} by {channel}",
    "deletion.planned": "plan, targets: {targets#}, derived datasets: {closure.count,}, seeds: {seeds#}",
    "deletion.executed": "{dataset.namespace}|{dataset.name}: {outcome}, rows: {rows,}, attempt {attempt}",
    "deletion.verified": "{dataset.namespace}|{dataset.name}: {result}, {matched,} found, level {level}",
    "deletion.certified": "certificate: {outcome}, level {level}",
    "subject.erasure-started": "erasure begins, personal parts: {parts,}",
    "subject.erased": "payload and key destroyed, personal parts: {parts,}",
    "subject.held": "erasure refused by a legal hold",
    "subject.released": "legal hold released by {by}: {reason}",
}


def parse(body: bytes) -> Any:
    """Return a body's JSON value; None when it has none."""
    try:
        return jsonstrict.loads_foreign(body) if body else None
    except MalformedError:
        return None


def line(type: str, body: bytes) -> str:
    """Return what the entry says; empty when its body is."""
    value = parse(body)
    if type in OPENLINEAGE_TYPES:
        return observed(value)
    template = TEMPLATES.get(type.removeprefix("tallystick.").removesuffix(".v1"))
    if template is not None and isinstance(value, dict):
        return _cut(_FIELD.sub(lambda field: _show(value, field[1], field[2]), template))
    return _cut(body[: 4 * LINE_CHARACTERS].decode(errors="replace"))


def observed(body: Any) -> str:
    """Return what an OpenLineage event says of its run and its datasets."""
    said = statement.read(body)
    state = body.get("eventType") if isinstance(body, dict) else None
    run = " ".join(filter(None, [state if isinstance(state, str) else "declared", said.job.name if said.job else ""]))
    if not said.inputs and not said.outputs:
        return _cut(run)
    return _cut(f"{run}: {_names(said.inputs)} → {_names(said.outputs)}")


def look(value: Any, path: str) -> Any:
    """Return what stands at `path`, members joined by dots; None when nothing does."""
    for member in path.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return value


def told(value: Any, path: str) -> str:
    """Return the text or number that stands at `path`, as it was written; empty when nothing of the kind does."""
    found = look(value, path)
    return found.text if isinstance(found, Number) else found if isinstance(found, str) else ""


def count(text: str) -> int | str:
    """Return the number that a text is, to be shown as one; the text itself where it is none."""
    return int(text) if _COUNT.match(text) else text


def percent(basis_points: str) -> str:
    """Return a share that is told in basis points as a percentage; empty when it is none."""
    if not _DIGITS.match(basis_points):
        return ""
    whole, rest = divmod(int(basis_points), 100)
    return f"{whole}.{rest:02} %"


def _show(body: Any, path: str, form: str) -> str:
    if form == "#":
        found = look(body, path)
        return str(len(found)) if isinstance(found, list) else _NOTHING
    text = told(body, path)
    if form == "%":
        text = percent(text)
    elif form == "~":
        text = text[:16]
    elif form == "," and isinstance(number := count(text), int):
        text = f"{number:,}"
    return text or _NOTHING


def _names(nodes: frozenset[statement.Node]) -> str:
    return ", ".join(sorted(node.name for node in nodes)) or _NOTHING


def _cut(text: str) -> str:
    return text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 1]}…"
