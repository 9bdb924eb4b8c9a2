"""What was found for each rule, in integers alone: no value of the data is ever part of a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from contracts.profile import Profile
from contracts.rules import Rule
from contracts.source import Fingerprint
from contracts.terms import MILLION, Kind
from contracts.window import Window

NO_ENGINE: Final = "none"  # where nothing was to be measured


class Found(StrEnum):
    """How a rule came out; what could not be measured did not pass."""

    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Metric:
    """One rule and its count.

    Attributes:
        failed: Rows that break the rule, 0 <= failed <= total; of duplicates all but one.
        total: Rows looked at; 1 for a rule on the table itself, which holds or does not; of a number held to bounds, a
            million, of which `failed` is how far outside it lies (`contracts.bounds`).
        structural: True when the shape of the table was judged and not its rows.
        hint: A word on the failure: the type that the engine found, or the name that a missing column seems to have now.
        value: The number that was held to bounds, as decimal text; None where it could say what a row holds.
        profile: The distribution that was found, of a drift.
        why: What kept it from being measured, for the eye only; None where the columns say it.
    """

    rule: Rule
    failed: int
    total: int
    structural: bool = False
    unmeasured: bool = False
    hint: str | None = None
    value: str | None = None
    profile: Profile | None = None
    why: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.total:
            raise ValueError(f"{self.failed} of {self.total} rows cannot have failed")

    @property
    def fraction(self) -> Fraction:
        """The part that failed; 1 for what could not be measured, 0 for an empty table."""
        if self.unmeasured:
            return Fraction(1)
        return Fraction(self.failed, self.total) if self.total else Fraction(0)

    @property
    def found(self) -> Found:
        """Whether the rule holds: no more than its tolerance failed."""
        if self.unmeasured:
            return Found.UNMEASURED
        tolerated = not self.structural and self.fraction <= Fraction(self.rule.tolerance, MILLION)
        return Found.PASSED if tolerated or not self.failed else Found.FAILED

    @property
    def passed(self) -> bool:
        """True when the rule was measured and holds."""
        return self.found is Found.PASSED


@dataclass(frozen=True, slots=True)
class Told:
    """A result of another engine that was taken in: its name and version, and the fingerprint of the result's bytes."""

    engine: str
    file: Fingerprint


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one scan found.

    Attributes:
        kind: "parquet", "csv" or "table"; "external" where other engines alone measured (`contracts.engines`).
        rows: Rows in the batch.
        metrics: One for each rule, in the contract's order.
        extra_columns: Columns that the contract does not name. For the eye only and never recorded: where a CSV lost its
            header, its first row stands here.
        file: The fingerprint of the file; None for a table.
        engine: The name and version of what scanned; "none" where the contract's enforcement is disabled.
        clock: The moment against which ages were read.
        told: The results of other engines whose checks stand among the metrics.
        window: Which part of a stream the batch is; None where it is none.
    """

    kind: str
    rows: int
    metrics: tuple[Metric, ...]
    extra_columns: tuple[str, ...]
    file: Fingerprint | None
    engine: str
    clock: datetime
    told: tuple[Told, ...] = ()
    window: Window | None = None

    def why_unmeasured(self, metric: Metric) -> str | None:
        """Return what kept a rule from being measured, as a phrase; None when it was measured."""
        if not metric.unmeasured:
            return None
        if metric.why is not None:
            return metric.why
        missing = {one.rule.columns[0] for one in self.metrics if one.rule.kind is Kind.PRESENT and not one.passed}
        absent = [repr(name) for name in metric.rule.columns if name in missing]
        if not absent and (metric.rule.check is not None or metric.rule.kind is Kind.FOREIGN):
            return f"{metric.hint or 'it'} gave no answer"
        if not absent:
            return f"column {metric.rule.columns[0]!r} has another type"
        return f"{'columns' if len(absent) > 1 else 'column'} {', '.join(absent)} missing"
