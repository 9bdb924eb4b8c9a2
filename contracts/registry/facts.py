"""The bodies of the events that schemas leave in the log (`contracts.facts` has what they are made of)."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from contracts.facts import ChangeFact
from ledger.fact import Count, Digest, Fact, Filled, check_hash

SCHEMA_PUBLISHED: Final = "tallystick.schema.published.v1"
SCHEMA_REJECTED: Final = "tallystick.schema.rejected.v1"


class SchemaName(Fact):
    """A schema in one version, and the SHA-256 of its bytes."""

    subject: Filled
    version: Filled
    format: Literal["jsonschema"]
    sha256: Digest


class SchemaPublished(Fact):
    """A schema is in force; `changes` lists at most 1,000 of the `changed`, those that break first."""

    schema_: SchemaName = Field(alias="schema")
    previous: Filled | None = None
    bump: Literal["initial", "patch", "minor", "major"]
    open_content: Literal["lenient", "strict"]
    changed: Count
    changes: tuple[ChangeFact, ...]
    definition: Filled

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        return check_hash(self, self.definition, self.schema_.sha256)


class SchemaRejected(Fact):
    """A schema was refused; `bump` is the smallest step that would have been accepted."""

    schema_: SchemaName = Field(alias="schema")
    previous: Filled
    reason: Literal["VERSION_NOT_INCREASING", "SEMVER_BUMP_TOO_SMALL"]
    bump: Literal["patch", "minor", "major"]
    open_content: Literal["lenient", "strict"]
    changed: Count
    changes: tuple[ChangeFact, ...]
