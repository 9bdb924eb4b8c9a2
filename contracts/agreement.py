"""What a contract says besides what it says of the data: service, who is told, what becomes of violations, how it changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.bounds import Bounds, Model
from contracts.terms import Category, Fraction, Identifier, MisplacedError, Text

Handled = Literal["block", "quarantine", "alert"]
Line = Annotated[str, Field(min_length=1, max_length=2_000)]
Lines = Annotated[tuple[Line, ...], Field(max_length=100, strict=False)]
Days = Annotated[int, Field(ge=0, le=36_600)]


class Handling(Model):
    """What a contract itself wants done when a rule of a category is broken; None leaves it to the policy alone."""

    schema_: Annotated[Handled | None, Field(alias="schema")] = None
    quality: Handled | None = None
    sla: Handled | None = None

    def of(self, category: Category) -> Handled | None:
        """Return what is wanted for a category."""
        return {Category.SCHEMA: self.schema_, Category.QUALITY: self.quality, Category.SLA: self.sla}[category]


class Slo(Model):
    """A service level: an indicator, what is good, and which part of the time or of the batches must be.

    Attributes:
        indicator: What is measured.
        target: What is good, in seconds for freshness and delivery, else a fraction of 0 to 1.
        objective: The part that must be good, 0 to 1.
        window_days: Over how many days.
        description: As its author says it, where that is more.
        rules: The ids of the rules by which a batch is measured; none: every rule of the indicator's own kind.
        owner, on_call, runbook: Who answers for this level, where it is not who answers for the contract.
    """

    name: Identifier
    indicator: Literal["freshness", "completeness", "accuracy", "data-drift", "model-drift", "delivery", "availability"]
    target: Bounds
    objective: Fraction = Decimal("0.99")
    window_days: Annotated[int, Field(ge=1, le=366)] = 30
    description: Line | None = None
    rules: Lines = ()
    owner: Text | None = None
    on_call: Text | None = None
    runbook: Line | None = None


class ChangePolicy(Model):
    """How long before a breaking change its notice is given, how long an old version lives on, and who is told."""

    notice_days: Days = 0
    deprecation_days: Days = 0
    channels: Lines = ()


class Notification(Model):
    """Who is told of violations, by which channels ("#data-oncall", "email"), and from which measure on they are paged."""

    channels: Lines = ()
    recipients: Lines = ()
    page_when: Annotated[dict[Text, Bounds], Field(max_length=100)] = Field(default_factory=dict)


class Quarantine(Model):
    """Where bad rows are kept, and for how many days."""

    enabled: bool = True
    target: Line | None = None
    retention_days: Days = 30


class Responsible(Model):
    """Who answers for the data: a team, who is on call, and where the way out of trouble is written down."""

    on_call: Text | None = None
    runbook: Line | None = None

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.on_call is None and self.runbook is None:
            raise MisplacedError("says neither who is on call nor where the runbook is", "on_call")
        return self
