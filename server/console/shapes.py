"""The shapes of the console's lists; of details, whose parts are bodies of documented events, the frame alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class NameShape(BaseModel):
    """A dataset, as received."""

    namespace: str
    name: str


class DecisionRow(BaseModel):
    """A decision in a list."""

    seq: int
    at: str
    dataset: NameShape
    contract: str
    version: str
    decision: str
    risk_basis_points: int
    run: str | None
    action: str | None
    result: str | None
    action_seq: int | None
    overridden_by: int | None = Field(description="the last entry that overrules it")


class DecisionPage(BaseModel):
    """Decisions, the newest first; `next` is the cursor of what follows, null at the end."""

    decisions: list[DecisionRow]
    next: int | None


class ReplayShape(BaseModel):
    """What deciding again from the recorded counts came to just now."""

    same_bytes: bool | None = Field(description="null: it could not be decided again")
    differs: list[str]
    why_not: str | None
    command: str


class DecisionShape(BaseModel):
    """One decision; `contract`, `dataset`, `batch`, `policy`, `metrics` as docs/formats/contract.md says of the event."""

    seq: int
    at: str
    leaf: str
    decision: str
    risk: int
    contract: dict[str, Any]
    dataset: NameShape
    job: NameShape | None
    run: str | None
    batch: dict[str, Any]
    policy: dict[str, Any]
    ruled_by: dict[str, Any] | None
    overridden: dict[str, Any] | None
    clock: str
    engine: str
    took_ms: int | None
    terms: list[dict[str, Any]]
    equation: str
    reasons: list[str]
    metrics: list[dict[str, Any]]
    overrides: list[dict[str, Any]]
    action: dict[str, Any] | None
    quarantine: str | None
    replay: ReplayShape


class LastDecision(BaseModel):
    """The last decision by a contract."""

    seq: int
    at: str
    decision: str


class ContractRow(BaseModel):
    """A contract in a list, as the version says that binds now."""

    name: str
    version: str
    state: str
    sha256: str
    seq: int
    at: str
    versions: int
    dataset: NameShape
    owner: str | None
    on_call: str | None
    rules: int
    levels: int
    consumers: int
    last_decision: LastDecision | None


class ContractPage(BaseModel):
    """Contracts by name; `next` is the cursor of what follows, null at the end."""

    contracts: list[ContractRow]
    next: str | None
    total: int


class ContractShape(BaseModel):
    """One contract in one version, and what the log knows of it."""

    name: str
    version: str
    state: str
    sha256: str
    seq: int
    dialect: str
    dataset: NameShape
    owner: str | None
    on_call: str | None
    runbook: str | None
    description: str | None
    enforcement: str
    status: str
    classification: str | None
    tags: list[str]
    fields_: list[dict[str, str]] = Field(alias="fields")
    terms: dict[str, Any]
    rules: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    announced: list[dict[str, Any]]
    consumers: list[dict[str, Any]]
    levels: list[dict[str, Any]]
    last_decision: LastDecision | None
    definition: str


class QuarantineRow(BaseModel):
    """A quarantine: counts, rules and hashes; none of its rows."""

    id: str
    seq: int
    at: str
    dataset: NameShape
    contract: dict[str, str]
    decision: int
    rows: int
    good_rows: int
    state: str
    verdict: str | None
    replays: int
    until: str
    overdue: bool
    rules: list[dict[str, Any]]
    whole: bool
    file: dict[str, Any]


class QuarantinePage(BaseModel):
    """Quarantines, the newest first; `next` is the cursor of what follows, null at the end."""

    quarantines: list[QuarantineRow]
    next: int | None


class QuarantineShape(QuarantineRow):
    """One quarantine and what became of it."""

    steps: list[dict[str, Any]]
    truncated: bool


class SchemaRow(BaseModel):
    """A subject with its highest version."""

    subject: str
    versions: int
    version: str
    sha256: str
    bump: str
    seq: int
    at: str


class SchemaPage(BaseModel):
    """Subjects by name; `next` is the cursor of what follows, null at the end."""

    schemas: list[SchemaRow]
    next: str | None


class SchemaShape(BaseModel):
    """One subject: its versions, what was refused, and the text of one version."""

    subject: str
    versions: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    text: dict[str, str] | None
    truncated: bool


class DeletionRow(BaseModel):
    """A deletion request in a list; whom it is about is sealed."""

    request: str
    regulation: str
    received: str
    due: str
    statutory_due: str | None
    state: str
    targets: int
    done: int
    absent: int
    outcome: str | None
    level: str | None
    issued: str | None
    seconds_left: int | None = Field(
        description="until the certificate is due; negative when it is late; null once issued"
    )
    overdue: bool


class DeletionPage(BaseModel):
    """Requests, the newest first; `next` is the cursor of what follows, null at the end."""

    deletions: list[DeletionRow]
    next: int | None
    total: int


class DeletionShape(DeletionRow):
    """One request, step by step; certificates as docs/formats/deletion-certificate.md says."""

    seq: int
    channel: str
    datasets: list[NameShape]
    subject: Literal["sealed", "destroyed"]
    erased: int | None
    held: str | None
    plan: dict[str, Any] | None
    steps: list[dict[str, Any]]
    left: list[dict[str, Any]]
    certificates: list[dict[str, Any]]


class LineShape(BaseModel):
    """An entry in one line."""

    seq: int
    at: str
    type: str
    source: str
    subject: str | None
    id: str
    time: str | None
    streams: list[str]
    leaf: str
    body: Literal["stored", "empty", "destroyed"]
    parts: int = Field(description="personal values that are sealed apart from the body")
    says: str


class LinePage(BaseModel):
    """Entries, the newest first; `next` is the cursor of what follows, null at the end."""

    entries: list[LineShape]
    next: int | None


class CheckpointRow(BaseModel):
    """A signed checkpoint; whether it holds is the server's own word."""

    size: int
    at: str | None
    root: str | None
    root_holds: bool | None
    signatures: list[dict[str, Any]]
    before: dict[str, Any] | None
    note: str | None
    damaged: str | None


class CheckpointPage(BaseModel):
    """Checkpoints, the newest first; `next` is the cursor of what follows, null at the end."""

    checkpoints: list[CheckpointRow]
    next: int | None


class StandingShape(BaseModel):
    """How the ledger and what watches it stand."""

    clock: str
    log: dict[str, Any]
    store: dict[str, Any]
    service: dict[str, Any]
    views: list[dict[str, Any]]
    levels: list[dict[str, Any]]
    quarantines: dict[str, Any]
    overdue_deletions: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    failing: list[dict[str, Any]]
    notices: list[dict[str, Any]] | None
    told: list[dict[str, str]]
