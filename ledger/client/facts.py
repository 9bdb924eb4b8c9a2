"""Facts that a producer states in one event: a decision, a schema that was published, a person who asks to be deleted.

The bodies are those of docs/formats/events.md, printed here without the packages that read them: whoever only emits needs no
contract engine. What the ledger makes of them (is the schema compatible? is the plan complete?) is decided where they are read.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import uuid4

from ledger.clock import print_at
from ledger.event import Event
from ledger.run import split_name
from proofs import jsonstrict
from proofs.errors import RefusedError

VALIDATION_DECIDED: Final = "tallystick.validation.decided.v1"
SCHEMA_PUBLISHED: Final = "tallystick.schema.published.v1"
DELETION_REQUESTED: Final = "tallystick.deletion.requested.v1"

Severity = Literal["info", "warning", "critical", "never"]
Kind = Literal[
    "present",
    "type",
    "required",
    "max_null",
    "unique",
    "range",
    "enum",
    "pattern",
    "key",
    "row_count",
    "extra_columns",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a contract and how many rows broke it; counts, never a value of the data."""

    id: str
    kind: Kind
    failed: int
    total: int
    severity: Literal["info", "warning", "critical"] = "critical"
    columns: tuple[str, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the rule as the event's body has it; its share of the risk is that of its rows, in basis points."""
        share = 10_000 * self.failed // self.total if self.total else 0
        return {
            "columns": list(self.columns),
            "failed": self.failed,
            "found": "failed" if self.failed else "passed",
            "kind": self.kind,
            "rule": self.id,
            "severity": self.severity,
            "share": share,
            "structural": False,
            "tolerance": 0,
            "total": self.total,
            "weight": 1,
        }


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch was measured against a contract, and this was decided.

    Attributes:
        contract: (name, version); `definition` is its text, of which the event holds the hash alone.
        dataset: "namespace|name".
        risk: In basis points, 0 to 10,000.
        alert_at, block_at: The risk from which on it alerts and blocks, in basis points.
        job: "namespace|name"; None when no job did it.
        run: The run's id.
        engine: Which program measured.
        clock: The moment against which it read ages; now unless stated.
    """

    contract: tuple[str, str]
    definition: bytes
    dataset: str
    decision: Literal["ALLOW", "ALLOW_WITH_ALERT", "QUARANTINE", "BLOCK_AND_ROLLBACK"]
    rows: int
    rules: tuple[Rule, ...] = ()
    risk: int = 0
    alert_at: int = 1
    block_at: int = 10_000
    alert_on: Severity = "warning"
    block_on: Severity = "critical"
    kind: Literal["parquet", "csv", "table"] = "table"
    job: str | None = None
    run: str | None = None
    engine: str = "external"
    clock: datetime | None = None

    def event(self, source: str) -> Event:
        """Return the event that says it.

        Raises:
            RefusedError: A dataset or job is not named as "namespace|name".
        """
        name, version = self.contract
        body: dict[str, Any] = {
            "clock": print_at(self.clock or datetime.now(UTC)),
            "batch": {"extra_columns": 0, "kind": self.kind, "rows": self.rows},
            "contract": {"name": name, "sha256": hashlib.sha256(self.definition).hexdigest(), "version": version},
            "dataset": _named(self.dataset),
            "decision": self.decision,
            "engine": self.engine,
            "metrics": [rule.members() for rule in self.rules],
            "policy": {
                "alert_at": self.alert_at,
                "alert_on": self.alert_on,
                "block_at": self.block_at,
                "block_on": self.block_on,
                "quarantine_on": "never",
            },
            "reasons": [],
            "risk": self.risk,
        }
        if self.job is not None:
            body["job"] = _named(self.job)
        if self.run is not None:
            body["run"] = self.run
        return _event(VALIDATION_DECIDED, source, body, subject=name)


@dataclass(frozen=True, slots=True)
class SchemaPublished:
    """A schema is in force under a version, as the registry that the producer uses decided.

    Attributes:
        subject: What the schema is of.
        definition: A JSON Schema, kept as it is; UTF-8.
        previous: The version before; None for the first.
        bump: How large the step is.
    """

    subject: str
    version: str
    definition: bytes
    previous: str | None = None
    bump: Literal["initial", "patch", "minor", "major"] = "initial"

    def event(self, source: str) -> Event:
        """Return the event that says it.

        Raises:
            RefusedError: The definition is no text.
        """
        try:
            text = self.definition.decode()
        except UnicodeDecodeError as error:
            raise RefusedError(f"the schema of {self.subject!r} is not UTF-8") from error
        body: dict[str, Any] = {
            "bump": self.bump,
            "changed": 0,
            "changes": [],
            "definition": text,
            "open_content": "lenient",
            "schema": {
                "format": "jsonschema",
                "sha256": hashlib.sha256(self.definition).hexdigest(),
                "subject": self.subject,
                "version": self.version,
            },
        }
        if self.previous is not None:
            body["previous"] = self.previous
        return _event(SCHEMA_PUBLISHED, source, body, subject=self.subject)


@dataclass(frozen=True, slots=True)
class DeletionRequested:
    """A person asks to be deleted; who that is travels as a part, and the ledger seals it.

    Attributes:
        identities: Identity type → value ("household_key" → "1093"); personal.
        datasets: Where to begin looking, as "namespace|name".
        request: Names the request from here on; a UUID.
        person: A pseudonym, drawn at random and never made from the identities; `Client.forget` takes it.
        received: When the request came: the deadlines run from here.
    """

    identities: Mapping[str, str] = field(repr=False)
    regulation: Literal["gdpr", "ccpa", "other"]
    datasets: tuple[str, ...] = ()
    channel: str = "api"
    request: str = field(default_factory=lambda: str(uuid4()))
    person: str = field(default_factory=lambda: f"person:{secrets.token_hex(16)}")
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    def event(self, source: str) -> Event:
        """Return the event that opens the request's stream.

        Raises:
            RefusedError: Nobody is named, or a dataset is not named as "namespace|name".
        """
        if not self.identities:
            raise RefusedError(f"request {self.request} names nobody")
        body = {
            "channel": self.channel,
            "datasets": [_named(name) for name in self.datasets],
            "received": print_at(self.received),
            "regulation": self.regulation,
            "request": self.request,
            "subject": {"identities": [{"type": type, "value": value} for type, value in self.identities.items()]},
            "v": 1,
        }
        attributes = {"id": f"{self.request}/requested", "parts": ("/subject",), "person": self.person}
        return _event(DELETION_REQUESTED, source, body, **attributes)


def _named(name: str) -> dict[str, str]:
    found = split_name(name, "")
    if not (found["namespace"] and found["name"]):
        raise RefusedError(f"{name!r} does not name a namespace and a name, as in 'warehouse|orders'")
    return found


def _event(type: str, source: str, body: object, **attributes: Any) -> Event:
    try:
        return Event(type=type, source=source, data=jsonstrict.dumps(body), **attributes)
    except (TypeError, ValueError) as error:
        # What an error of pydantic quotes might be personal; so it is neither repeated nor chained.
        kind = error.__class__.__name__
    raise RefusedError(f"the fact makes no acceptable event of type {type!r} ({kind})")
