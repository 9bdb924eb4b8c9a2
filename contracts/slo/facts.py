"""The bodies of the events of service levels: counts and moments, never a value of the data, no address and no path.

Source: docs/formats/contract.md, "Service levels".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contracts.facts import ContractName, DatasetName, Decided
from contracts.terms import BasisPoints, Millionths
from ledger.fact import At, Count, Fact, Filled

MEASURED: Final = "tallystick.slo.measured.v1"
BREACHED: Final = "tallystick.slo.breached.v1"
RECOVERED: Final = "tallystick.slo.recovered.v1"

Indicator = Literal["freshness", "completeness", "accuracy", "data-drift", "model-drift", "delivery", "availability"]
Alert = Literal["fast", "medium", "slow", "budget"]
_COUNTED: Final = {"freshness": "time", "delivery": "time", "availability": "probes"}
Some = Annotated[int, Field(ge=0, le=1_000_000_000)]  # of seconds, some thirty years: no sum of them overflows
Number = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
Tool = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$")]


class Probed(Fact):
    """How an endpoint was asked; `error` is the code of why it did not answer, `by` the tool that told us."""

    kind: Literal["http", "postgresql", "file", "told"]
    by: Tool | None = None
    latency_ms: Count | None = None
    error: Filled | None = None


class OfLevel(Fact):
    """Which service level of which contract, and the moment of which an event speaks."""

    contract: ContractName
    dataset: DatasetName
    slo: Filled
    indicator: Indicator
    clock: At


class Measured(OfLevel):
    """So much was good of so much: seconds from `since` to `clock`, a batch that was decided, or probes.

    Attributes:
        total: 0 where the batch has no rule of this kind: nothing measures the level.
        value: The number that was held to the target, where there is one.
    """

    good: Some
    total: Some
    since: At | None = None
    decided: Decided | None = None
    probe: Probed | None = None
    value: Number | None = None

    @model_validator(mode="after")
    def _of_one_thing(self) -> Self:
        if self.good > self.total:
            raise ValueError("more was good than there was")
        about = {"time": self.since, "probes": self.probe, "batches": self.decided}
        if [name for name, said in about.items() if said is not None] != [_COUNTED.get(self.indicator, "batches")]:
            raise ValueError(
                f"{self.indicator} is counted in {_COUNTED.get(self.indicator, 'batches')}, and in nothing else"
            )
        if self.since is not None and self.good not in (0, self.total):
            raise ValueError("a stretch of time is good or bad as a whole")
        return self


class Breached(OfLevel):
    """The budget burns too fast, or is spent, since now; the `episode`-th time, counted from 1, for this alert.

    Attributes:
        burn: How fast over the long and the short window, in hundredths; absent for the budget itself.
        bad, total, left: Over the level's whole window; what is left of the budget in basis points.
    """

    alert: Alert
    episode: Annotated[int, Field(ge=1, le=1_000_000_000)]
    objective: Millionths
    window_days: Count
    burn: tuple[Count, Count] | None = None
    bad: Count
    total: Count
    left: BasisPoints
    owner: Filled | None = None
    on_call: Filled | None = None
    runbook: Filled | None = None


class Recovered(OfLevel):
    """What was breached by the entry `breached` is so no more."""

    alert: Alert
    episode: Annotated[int, Field(ge=1, le=1_000_000_000)]
    breached: Decided
    bad: Count
    total: Count
    left: BasisPoints
