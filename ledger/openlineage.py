"""An OpenLineage event on its way into the ledger: kept byte for byte, refused only when it cannot be identified.

Real producers are dirty (`producer` that is no URI, no `eventType`, inputs on START alone), and a pipeline must not
lose its record over a missing `schemaURL`. So the reader is lenient and says what it found; what a finding costs is
decided by whoever reads the graph.

Source: OpenLineage 2-0-2 (spec/OpenLineage.json).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ledger.document import UNREAD, parse_document
from ledger.event import Event
from ledger.filing import remember
from proofs import limits
from proofs.entry import check_text
from proofs.errors import MalformedError, RefusedError
from proofs.statement import Node, Statement, node_of, read

TYPES: Final = {
    "run": "tallystick.lineage.run-observed.v1",
    "job": "tallystick.lineage.job-observed.v1",
    "dataset": "tallystick.lineage.dataset-observed.v1",
}
UNKNOWN_PRODUCER: Final = "urn:openlineage:unknown-producer"

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+\Z")
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was read.

    Attributes:
        kind: "run", "job" or "dataset".
        node: The event's job; for a dataset event its dataset.
        statement: What it says to the graph.
        producer: As received, empty when there is none.
        event_time: As received, empty when there is none; the producer's clock.
        findings: Codes of what is not as OpenLineage says, sorted; those of the statement among them.
    """

    kind: str
    node: Node
    statement: Statement
    producer: str
    event_time: str
    findings: tuple[str, ...]


def observe(data: bytes) -> Observation:
    """Return what the event says about itself.

    Raises:
        RefusedError: It is not one JSON object, or it does not tell which run and job, job, or dataset it speaks of.
    """
    return _observation(_body(data))


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = parse_document(data)
    except MalformedError as error:
        raise RefusedError(f"OpenLineage event is not acceptable JSON: {error.what}") from error
    return _object(body)


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RefusedError("OpenLineage event is not a JSON object")
    return body


def _observation(body: dict[str, Any]) -> Observation:
    said = read(body)
    kind = _kind(body)
    node = said.job if kind != "dataset" else node_of(body["dataset"], "dataset")
    if node is None or (kind == "run" and not said.run):
        raise RefusedError(f"OpenLineage {kind} event does not say which {kind} it speaks of", hint=_NEEDS[kind])
    texts = {name: value for name in ("producer", "eventTime") if isinstance(value := body.get(name), str)}
    return Observation(
        kind=kind,
        node=node,
        statement=said,
        producer=texts.get("producer", ""),
        event_time=texts.get("eventTime", ""),
        findings=tuple(sorted({*said.findings, *_findings(body, kind, said)})),
    )


def event_from_openlineage(data: bytes, *, source: str | None = None) -> Event:
    """Return the ledger's event for one OpenLineage event, its data exactly the bytes received.

    Args:
        source: Who hands it over; None: the event's `producer` where an entry may hold it.

    Raises:
        RefusedError: The event cannot be identified, or `source` breaks the grammar.
    """
    return _event(data, observe(data), source, None)


def event_and_findings(
    data: bytes, *, source: str | None = None, id: str | None = None, value: Any = UNREAD
) -> tuple[Event, tuple[str, ...]]:
    """Return the same, with an id where the sender gave one, and the codes of what is not as OpenLineage says.

    Args:
        value: What the data say, where they were read by the rules of `read_document` already.
    """
    body = _body(data) if value is UNREAD else _object(value)
    seen = _observation(body)
    event = _event(data, seen, source, id)
    remember(event, body)
    return event, seen.findings


def _event(data: bytes, seen: Observation, source: str | None, id: str | None) -> Event:
    if source is None:
        source = seen.producer if _fits(seen.producer, limits.SOURCE_BYTES) else UNKNOWN_PRODUCER
    time = seen.event_time if _DATE_TIME.match(seen.event_time) else None
    try:
        return Event(type=TYPES[seen.kind], source=source, id=id, time=time, data=data)
    except ValueError as error:
        if id is not None and not _fits(id, limits.ID_BYTES):
            raise RefusedError(f"id of {len(id)} characters is not acceptable to an entry") from error
        raise RefusedError(f"source of {len(source)} characters is not acceptable to an entry") from error


_NEEDS: Final = {
    "run": "run.runId, job.namespace and job.name must be non-empty strings",
    "job": "job.namespace and job.name must be non-empty strings",
    "dataset": "dataset.namespace and dataset.name must be non-empty strings",
}


def _kind(body: dict[str, Any]) -> str:
    for kind in ("run", "job", "dataset"):
        if body.get(kind) is not None:
            return kind
    raise RefusedError("OpenLineage event has neither run nor job nor dataset")


def _findings(body: dict[str, Any], kind: str, said: Statement) -> set[str]:
    found = set()
    for name in ("producer", "schemaURL"):
        value = body.get(name)
        if not isinstance(value, str) or not _URI.match(value):
            found.add(f"{name}-is-no-uri")
    if not isinstance(time := body.get("eventTime"), str) or not _DATE_TIME.match(time):
        found.add("eventTime-is-no-date-time")
    if kind == "run":
        if not _is_uuid(said.run):
            found.add("runId-is-no-uuid")
        if body.get("eventType") is None:
            found.add("no-eventType")
    if kind != "dataset" and body.get("dataset") is not None:
        found.add("two-kinds")
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _fits(text: str, limit_bytes: int) -> bool:
    try:
        return check_text(text, limit_bytes=limit_bytes, name="source") == text
    except ValueError:
        return False
