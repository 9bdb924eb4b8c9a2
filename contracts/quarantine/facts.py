"""The bodies of the events of a quarantine: counts, rule ids and hashes, never a value of the data and no path.

Source: docs/formats/contract.md, "Quarantine".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from contracts.facts import ContractName, DatasetName, Decided
from ledger.fact import At, Count, Digest, Fact, Filled, Pseudonym, Reason
from proofs.entry import check_text

OPENED: Final = "tallystick.quarantine.opened.v1"
REVIEWED: Final = "tallystick.quarantine.reviewed.v1"
REPLAYED: Final = "tallystick.quarantine.replayed.v1"
DELETED: Final = "tallystick.quarantine.deleted.v1"
EXPIRED: Final = "tallystick.quarantine.expired.v1"

Id = Annotated[str, AfterValidator(lambda text: check_text(text, limit_bytes=64, name="an id"))]


class RuleRows(Fact):
    """How many rows broke a rule."""

    rule: Filled
    rows: Count


class File(Fact):
    """A file of rows, by its content."""

    rows: Count
    sha256: Digest
    size_bytes: Count


class Opened(Fact):
    """Rows were kept apart after a decision, until a moment; `whole` where all were, because a rule of the table is broken."""

    id: Id
    contract: ContractName
    dataset: DatasetName
    decided: Decided
    rows: Count
    good_rows: Count
    rules: tuple[RuleRows, ...]
    whole: bool
    bad: File
    until: At


class OfQuarantine(Fact):
    """What every later event of a quarantine says of it; `opened` is the entry that began it."""

    id: Id
    contract: ContractName
    dataset: DatasetName
    opened: Decided


class Reviewed(OfQuarantine):
    """Somebody looked at the rows."""

    by: Pseudonym
    verdict: Literal["release", "reject", "keep"]
    reason: Reason


class Replayed(OfQuarantine):
    """The rows were held to a contract again: so many keep it now, and stand in a file of their own."""

    by_contract: ContractName
    rows: Count
    released: Count
    good: File | None = None


class Deleted(OfQuarantine):
    """The rows were deleted."""

    by: Pseudonym
    reason: Reason


class Expired(OfQuarantine):
    """The rows were deleted because their time was over."""
