"""A policy of its own file: which risk alerts, keeps back or blocks, what a broken rule weighs, who may overrule it.

    policy: retail
    version: 1.0.0
    owner: data platform              # who answers for it
    expires: 2027-06-30               # not after that day, UTC; optional
    datasets: [{namespace: retail, name: features}]     # those it rules; none: every one
    risk: {alert_at: 0.25, block_at: 0.4, block_on: critical}      # as a contract's `policy`
    weights: {warning: 0.3, range: 0.5}                 # by severity or kind, where a contract states none
    four_eyes: true                   # a decision is overruled by two
    demand_owner: true                # a contract without an owner, or nobody on call, is an error to lint
    ci: {fail_on: [block]}            # which decisions fail `tally ci-check`: block, quarantine, alert

In place of the thresholds of the contracts that it rules; what a contract itself wants done still counts where that is stricter.
Source: docs/formats/contract.md, "Policies".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationError

from contracts import yamlsafe
from contracts.bounds import Model
from contracts.complaint import complaint
from contracts.decision import Decision
from contracts.dialects import riskfile, yamlwrite
from contracts.model import Dataset, Policy, check_version
from contracts.terms import Identifier, Kind, Severity, Text, Weight, date_bound

Word = Literal["block", "quarantine", "alert"]
DECISIONS: Final[Mapping[str, Decision]] = {
    "block": Decision.BLOCK_AND_ROLLBACK,
    "quarantine": Decision.QUARANTINE,
    "alert": Decision.ALLOW_WITH_ALERT,
}


def _day(value: str) -> str:
    try:
        date_bound(value)
    except ValueError as error:
        raise ValueError("is not a day written YYYY-MM-DD") from error
    return value


def _weighed(value: dict[str, Decimal]) -> dict[str, Decimal]:
    if strange := sorted(value.keys() - {*Severity, *Kind}):
        raise ValueError(f"{strange[0]!r} is neither a severity nor a kind of rule")
    return value


class Ci(Model):
    """Which decisions fail a build."""

    fail_on: Annotated[tuple[Word, ...], Field(strict=False)] = ("block",)


class PolicyFile(Model):
    """One version of a policy."""

    name: Annotated[Identifier, Field(alias="policy")]
    version: Annotated[str, AfterValidator(check_version)]
    owner: Text
    expires: Annotated[str, AfterValidator(_day)] | None = None
    datasets: Annotated[tuple[Dataset, ...], Field(max_length=1_000, strict=False)] = ()
    risk: Policy = Policy()
    weights: Annotated[dict[str, Weight], AfterValidator(_weighed)] = Field(default_factory=dict)
    four_eyes: bool = False
    demand_owner: bool = False
    ci: Ci = Ci()

    def is_over(self, clock: datetime) -> bool:
        """True when its last day has passed, in UTC."""
        return self.expires is not None and clock.astimezone(UTC).date() > date.fromisoformat(self.expires)

    def rules(self, dataset: Dataset) -> bool:
        """True when it holds for a dataset."""
        return not self.datasets or dataset in self.datasets


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy together with the text that it was read from."""

    policy: PolicyFile
    text: str

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def parse_policy(data: bytes, *, name: str = "policy") -> PolicyDocument:
    """Return the policy that `data` spells, in our own form or as it stands beside dialect (c) (docs/formats/dialects.md).

    Raises:
        MalformedError: It is none; `where` names the line, `hint` what was probably meant.
    """
    parsed = yamlsafe.parse(data, name=name)
    text = data.decode()
    if riskfile.is_one(parsed.value):
        parsed = riskfile.read(parsed, name=name)
        text = yamlwrite.dump(parsed.value)
    try:
        policy = PolicyFile.model_validate(parsed.value)
    except ValidationError as error:
        raise complaint(error, parsed, name=name, model=PolicyFile) from error
    return PolicyDocument(policy, text)
