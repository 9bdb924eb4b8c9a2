"""The bodies of the events that contracts leave in the log (those of schemas: `contracts.registry.facts`).

Canonical JSON (docs/formats/json.md): integers only, no null, members sorted. The members `contract`, `dataset`, `datasets`,
`job`, `run` and `schema` are those by which docs/formats/streams.md files an event. No value of the data is in any of them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contracts.decision import Cause, Decision
from contracts.metric import Found
from contracts.profile import MAX_BINS, MAX_PROFILES
from contracts.terms import BasisPoints, Kind, Millionths, Severity
from contracts.window import Window
from ledger.fact import At, Count, Digest, Fact, Filled, Pseudonym, Reason, check_hash

CONTRACT_PUBLISHED: Final = "tallystick.contract.published.v1"
VALIDATION_DECIDED: Final = "tallystick.validation.decided.v1"
ACTION_TAKEN: Final = "tallystick.validation.action-taken.v1"
OVERRIDDEN: Final = "tallystick.validation.overridden.v1"
CONTRACT_DEPRECATED: Final = "tallystick.contract.deprecated.v1"
CONTRACT_RETIRED: Final = "tallystick.contract.retired.v1"
CHANGE_ANNOUNCED: Final = "tallystick.contract.change-announced.v1"
POLICY_PUBLISHED: Final = "tallystick.contract.policy-published.v1"


class DatasetName(Fact):
    """A dataset, as received."""

    namespace: Filled
    name: Filled


class JobName(Fact):
    """A job, as received."""

    namespace: Filled
    name: Filled


class ContractName(Fact):
    """A contract in one version, and the SHA-256 of its text."""

    name: Filled
    version: Filled
    sha256: Digest


class PrivacyTerms(Fact):
    """Which column says whose data a row is, or how delicate they are, and which datasets must follow a deletion."""

    subject_key: Filled | None = None
    pii: Literal["none", "low", "medium", "high"] | None = None
    deletion_propagation: tuple[DatasetName, ...]


class ContractPublished(Fact):
    """A contract is in force; `datasets` repeats the declared deletion targets, for their streams."""

    contract: ContractName
    dataset: DatasetName
    datasets: tuple[DatasetName, ...]
    previous: Filled | None = None
    privacy: PrivacyTerms | None = None
    definition: Filled

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        return check_hash(self, self.definition, self.contract.sha256)


class ChangeFact(Fact):
    """One difference between a schema or contract and the one before it (docs/formats/contract.md)."""

    path: str
    kind: Filled
    direction: Literal["tightens", "loosens", "both", "undetermined", "none"]
    breaking: bool


class ContractEnded(Fact):
    """A version of a contract is deprecated, or retired: nothing is checked by it any more."""

    contract: ContractName
    dataset: DatasetName
    by: Pseudonym
    reason: Reason


class ChangeAnnounced(Fact):
    """A version of a contract is to come, with what it changes for those who read the data, in so many days at the earliest."""

    contract: ContractName
    dataset: DatasetName
    previous: Filled
    notice_days: Count
    changed: Count
    changes: tuple[ChangeFact, ...]
    channels: tuple[Filled, ...]


class PolicyName(Fact):
    """A policy in one version, and the SHA-256 of its text."""

    name: Filled
    version: Filled
    sha256: Digest


class PolicyPublished(Fact):
    """A policy is in force for `datasets`; for every one where there are none."""

    policy: PolicyName
    datasets: tuple[DatasetName, ...]
    owner: Filled
    expires: Filled | None = None
    previous: Filled | None = None
    definition: Filled

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        return check_hash(self, self.definition, self.policy.sha256)


class ResultFact(Fact):
    """A result of another engine that was taken in: its name and version, and which bytes it was."""

    engine: Filled
    sha256: Digest
    size_bytes: Count


class TableFact(Fact):
    """The version of a table that was measured, as its own log calls it, and the SHA-256 of what that says of it."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    version: Annotated[str, Field(pattern=r"^-?[0-9]{1,20}$")]
    log: Digest | None = None


class Batch(Fact):
    """What was measured: no path and no name of a column that the contract does not know.

    Where it is "external", `results` of other engines alone say how it is, and `rows` is the most that any check looked at.
    """

    kind: Literal[
        "parquet",
        "csv",
        "jsonl",
        "table",
        "frame",
        "sqlite",
        "postgresql",
        "delta",
        "iceberg",
        "lancedb",
        "chroma",
        "external",
    ]
    rows: Count
    extra_columns: Count
    files: Count | None = None
    sha256: Digest | None = None
    size_bytes: Count | None = None
    results: Annotated[tuple[ResultFact, ...], Field(min_length=1)] | None = None
    window: Window | None = None
    table: TableFact | None = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.kind == "external" and (self.results is None or self.sha256 is not None):
            raise ValueError("an external batch has results of other engines and no fingerprint of its own")
        if (self.kind in ("delta", "iceberg")) != (self.table is not None):
            raise ValueError("the version of a table is that of a Delta or Iceberg table")
        return self


class HandlingTerms(Fact):
    """What the contract wants done when a promise of a kind is broken."""

    schema_: Literal["block", "quarantine", "alert"] | None = Field(default=None, alias="schema")
    quality: Literal["block", "quarantine", "alert"] | None = None
    sla: Literal["block", "quarantine", "alert"] | None = None


class Gates(Fact):
    """The policy by which a batch was decided, thresholds in basis points, and what the contract itself wants done."""

    alert_at: BasisPoints
    quarantine_at: BasisPoints | None = None
    block_at: BasisPoints
    alert_on: Literal["info", "warning", "critical", "never"]
    quarantine_on: Literal["info", "warning", "critical", "never"] = "never"
    block_on: Literal["info", "warning", "critical", "never"]
    handling: HandlingTerms | None = None


class MetricFact(Fact):
    """One rule and its count; weight and tolerance in millionths, share (what it alone makes of the risk) in basis points."""

    rule: Filled
    kind: Kind
    columns: tuple[Filled, ...]
    severity: Severity
    weight: Count
    tolerance: Millionths
    found: Found
    structural: bool
    failed: Count
    total: Count
    share: BasisPoints
    hint: Filled | None = None
    value: Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")] | None = None


class ProfileFact(Fact):
    """The distribution of one column: pairs of bin and count, at most 512 (docs/formats/contract.md, "Distributions")."""

    column: Filled
    kind: Literal["numbers", "buckets"]
    halved: Count
    strange: Count
    bins: Annotated[tuple[tuple[int, Count], ...], Field(max_length=MAX_BINS)]


class ReasonFact(Fact):
    """One gate that was reached."""

    cause: Cause
    rule: Filled | None = None


class Decided(Fact):
    """An entry that another refers to: a decision, or what overrules one."""

    seq: Count
    leaf: Digest


class ValidationDecided(Fact):
    """A batch was measured, and this was decided; `risk` in basis points.

    Attributes:
        clock: The moment against which ages and relative times were read.
        ruled_by: The policy in whose place the contract's own did not count; None where that decided.
        overridden: The override by which this was decided otherwise than the gates say.
        profile: The distributions that a later batch is compared with.
    """

    contract: ContractName
    dataset: DatasetName
    job: JobName | None = None
    run: Filled | None = None
    decision: Decision
    risk: BasisPoints
    clock: At
    reasons: tuple[ReasonFact, ...]
    metrics: tuple[MetricFact, ...]
    policy: Gates
    ruled_by: PolicyName | None = None
    overridden: Decided | None = None
    profile: Annotated[tuple[ProfileFact, ...], Field(max_length=MAX_PROFILES)] | None = None
    batch: Batch
    engine: Filled


class ActionTaken(Fact):
    """What was done after a decision.

    Attributes:
        result: Of an action that may or may not have been done, "unknown".
        error: The code of the error where it is not done.
        restored: The decision by which the version was allowed that consumers were led back to.
        table: The version that a table went back to.
    """

    contract: ContractName
    dataset: DatasetName
    job: JobName | None = None
    run: Filled | None = None
    decided: Decided
    decision: Decision
    action: Literal["promoted", "rolled-back", "moved-aside", "quarantined", "called-back"]
    result: Literal["done", "failed", "unknown"]
    error: Filled | None = None
    restored: Decided | None = None
    table: TableFact | None = None


class Overridden(Fact):
    """A decision is overruled, for the very same data and contract, until a moment.

    Attributes:
        by, approved_by: Pseudonyms; the second where the policy wants four eyes.
        reason: Why, in words that name no person: they stand for ever.
    """

    contract: ContractName
    dataset: DatasetName
    decided: Decided
    decision: Decision
    to: Decision
    by: Pseudonym
    approved_by: Pseudonym | None = None
    reason: Reason
    until: At

    @model_validator(mode="after")
    def _by_another(self) -> Self:
        if self.approved_by is not None and self.by.casefold() == self.approved_by.casefold():
            raise ValueError("is approved by whoever overrules")
        return self
