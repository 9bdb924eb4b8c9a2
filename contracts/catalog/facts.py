"""The bodies of the events of a source: names, counts, hashes and pseudonyms, never a secret and never a value of the data.

Source: docs/formats/source.md.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import model_validator

from contracts.facts import DatasetName, Decided
from ledger.fact import At, Count, Digest, Fact, Filled, Pseudonym, Reason, check_hash

REGISTERED: Final = "tallystick.source.registered.v1"
RETIRED: Final = "tallystick.source.retired.v1"
TESTED: Final = "tallystick.source.tested.v1"
ACCESS_REQUESTED: Final = "tallystick.source.access-requested.v1"
ACCESS_AGREED: Final = "tallystick.source.access-agreed.v1"
ACCESS_GRANTED: Final = "tallystick.source.access-granted.v1"
ACCESS_REVOKED: Final = "tallystick.source.access-revoked.v1"
ACCESS_EXPIRED: Final = "tallystick.source.access-expired.v1"

Kind = Literal["postgresql", "file", "http", "s3"]


class Registered(Fact):
    """A source is declared; of several declarations of one name the last one counts."""

    source: Filled
    dataset: DatasetName
    kind: Kind
    owner: Filled
    sha256: Digest
    previous: Digest | None = None
    definition: Filled

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        return check_hash(self, self.definition, self.sha256)


class OfSource(Fact):
    """What every later event of a source says of it; `registered` is the entry of the declaration that holds."""

    source: Filled
    dataset: DatasetName
    registered: Decided


class Retired(OfSource):
    """A source is used no more, for good."""

    by: Pseudonym
    reason: Reason


class LimitFact(Fact):
    """How often one may ask: so many, of which so many are left, until so many seconds are over."""

    limit: Count | None = None
    remaining: Count | None = None
    reset_seconds: Count | None = None


class Tested(OfSource):
    """Somebody connected to a source, and found this.

    Attributes:
        error: The code of the error by which it failed; everything but `latency_ms` is absent then.
        schema_sha256: Of a line "<name> <type>" for each column, in their order.
        rows_are: "page" where an API has more than it answered at once.
        lacking: How many key fields, and fields of the contract in force, the source does not have.
        updated: When it changed last, as far as the source says.
    """

    clock: At
    outcome: Literal["reached", "failed"]
    error: Filled | None = None
    latency_ms: Count
    columns: Count | None = None
    schema_sha256: Digest | None = None
    rows: Count | None = None
    rows_are: Literal["exact", "estimated", "page"] | None = None
    lacking: Count | None = None
    updated: At | None = None
    limits: LimitFact | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if (self.outcome == "failed") != (self.error is not None):
            raise ValueError("an error goes with an outcome that failed")
        if (self.rows is None) != (self.rows_are is None) or (self.error is not None and self.rows is not None):
            raise ValueError("rows go with what they are, and with no error")
        return self


class OfAccess(OfSource):
    """What every event of an access says: who is to use the source."""

    who: Pseudonym


class AccessRequested(OfAccess):
    """Somebody asks that `who` may use the source."""

    by: Pseudonym
    purpose: Reason


class AccessAgreed(OfAccess):
    """The terms are agreed to: those whose text has this hash."""

    requested: Decided
    by: Pseudonym
    terms_sha256: Digest


class AccessGranted(OfAccess):
    """`who` may use the source until a moment, on terms that were agreed to."""

    requested: Decided
    by: Pseudonym
    terms_sha256: Digest
    until: At


class AccessRevoked(OfAccess):
    """A request is turned down, or what was granted is taken back."""

    requested: Decided
    by: Pseudonym
    reason: Reason


class AccessExpired(OfAccess):
    """The time of a grant is over."""

    requested: Decided
    granted: Decided
