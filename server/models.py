"""The shapes of JSON answers, as the OpenAPI description shows them; on the hot path they are printed, not validated."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request, or one event of a batch, was refused (RFC 9457)."""

    type: str = Field(description="urn:tallystick:<code>")
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    findings: list[str] | None = None
    seq: int | None = Field(None, description="of a conflict: the entry that stands")
    salt: str | None = Field(None, description="of a conflict: base64, opens the commitment to the event that lost")


class ReceiptShape(BaseModel):
    """What proves that an event was recorded, and when."""

    seq: int
    leaf: str = Field(description="64 hex digits: SHA-256(0x00 || entry)")
    entry: str = Field(description="the entry's line, byte for byte")
    salt: str | None = Field(description="base64: opens the commitment to the body")
    replay: bool = Field(description="the event was recorded before; this is its first receipt")
    findings: list[str]


class Result(BaseModel):
    """What became of one event of a batch."""

    status: int
    receipt: ReceiptShape | None = None
    problem: Problem | None = None


class Results(BaseModel):
    """What became of each event of a batch, in its order."""

    results: list[Result]


class Summary(BaseModel):
    """OpenLineage's counts of a batch."""

    received: int
    successful: int
    failed: int
    retriable: int
    non_retriable: int


class FailedEvent(BaseModel):
    """An event of a batch that was not recorded."""

    index: int
    reason: str
    retriable: bool


class LineageResults(BaseModel):
    """OpenLineage's answer to a batch, with our receipts beside it."""

    status: Literal["success", "partial_success", "failure"]
    summary: Summary
    failed_events: list[FailedEvent]
    receipts: list[ReceiptShape | None]


class EntryShape(BaseModel):
    """One entry of the log."""

    seq: int
    leaf: str
    entry: str


class Page(BaseModel):
    """Entries in log order; `next` is the cursor of what follows, null at the end."""

    entries: list[EntryShape]
    next: int | None


class FindingShape(BaseModel):
    """Where an event is not as its schema says."""

    code: str
    place: str = Field(description="RFC 6901 pointer into the body; empty: the whole")
    says: str


class FindingsShape(BaseModel):
    """All findings of one entry's body."""

    seq: int
    findings: list[FindingShape]


class IrregularShape(BaseModel):
    """An OpenLineage event that is not as its schemas say."""

    seq: int
    source: str
    findings: list[FindingShape]


class IrregularPage(BaseModel):
    """Those among the entries that were looked through; `next` is the cursor of what follows, null at the end."""

    events: list[IrregularShape]
    next: int | None


class Consistency(BaseModel):
    """That the tree of `from` entries is the beginning of that of `to` (RFC 9162)."""

    from_: int = Field(alias="from")
    to: int
    hashes: list[str]


class LogKey(BaseModel):
    """One key that signs, or signed, checkpoints."""

    id: str = Field(description="hex SHA-256 of its SubjectPublicKeyInfo: its fingerprint")
    vkey: str = Field(description="name, id and key, as a trust file has them")
    added: int = Field(description="seq of the entry that added it")
    retired: int | None = Field(description="seq of the entry that retired it; null while it is in use")
    compromised: bool


class LogKeys(BaseModel):
    """Every log key, in the order in which they were added."""

    origin: str
    keys: list[LogKey]


class CensusProof(BaseModel):
    """How many entries a stream had when the census was taken."""

    stream: str
    seq: int = Field(description="of the census")
    root: str
    count: int
    bucket: str = Field(description="base64")
    path: list[str] = Field(description="16 hashes, leaf's sibling first")


class DisclosureRequest(BaseModel):
    """Which personal value is to be opened, and what for."""

    pointer: str | None = Field(None, max_length=256, description="RFC 6901; null: the whole body as received")
    purpose: str = Field(pattern=r"^[a-z0-9:._-]{1,64}$", description="a code: it stands in the log for ever")


class Health(BaseModel):
    """Whether the server works."""

    status: Literal["ok", "failing"]
    checks: dict[str, Any] = Field(default_factory=dict)
