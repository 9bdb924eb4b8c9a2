"""The checks of vectors, and of what a model says: scores, classes, and how good they were once the labels are there.

    rows that are counted     dimensions norm finite
    a number within bounds    share performance

Source: docs/formats/contract.md, "Vectors" and "Models".
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator

from contracts.bounds import Bounds
from contracts.checks import AnyCheck, Check, RowCheck, ValueCheck, Values
from contracts.terms import MisplacedError, Name, Scalar, Text

MAX_DIMENSIONS: Final = 100_000

Measure = Literal["accuracy", "auc", "brier", "log_loss", "mae", "rmse"]
RISING: Final = frozenset(("accuracy", "auc"))  # of these more is better
BINARY: Final = frozenset(("auc", "brier", "log_loss"))


class Dimensions(RowCheck):
    """Every vector has so many elements."""

    kind: Literal["dimensions"]
    column: Text
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)]


class Norm(RowCheck):
    """The Euclidean norm of every vector lies within bounds; one that is not finite has none. Zero vectors: `above: 0`."""

    kind: Literal["norm"]
    column: Text
    bounds: Bounds


class Finite(RowCheck):
    """No element of a vector is null, NaN or infinite."""

    kind: Literal["finite"]
    column: Text


class Share(ValueCheck):
    """The part of the values that are not null which is listed, 0 to 1.

    Attributes:
        by: A column that splits the rows; each part is held to the bounds, and the worst counts.
    """

    kind: Literal["share"]
    column: Text
    values: Values
    by: Text | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        return (self.column, self.by) if self.by is not None else (self.column,)


class Performance(Check):
    """How good predictions are against labels: within bounds, or no worse than those of the batch that was last allowed.

    Attributes:
        prediction: A class, a number, or the score (a probability) of the positive class.
        label: What was true, in the same rows; or in `dataset`, where the columns `to` have what `key` has here.
        positive: Which label is the positive one; unless stated, 1 or true, and 0 or false is the other.
        worse_by: How much worse than the reference it may be.
        min_labels: Fewer rows with a prediction and a label leave it unmeasured.
        by: As of `Share`.
    """

    kind: Literal["performance"]
    measure: Measure
    prediction: Text
    label: Text
    positive: Scalar | None = None
    dataset: Name | None = None
    key: Annotated[tuple[Text, ...], Field(max_length=16, strict=False)] = ()
    to: Annotated[tuple[Text, ...], Field(max_length=16, strict=False)] = ()
    bounds: Bounds | None = None
    worse_by: Annotated[Scalar, WithJsonSchema({"type": "number", "minimum": 0})] | None = None
    reference: Literal["last", "first"] = "last"
    min_labels: Annotated[int, Field(ge=1, le=2**53 - 1)] = 1
    by: Text | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the contract that it speaks of."""
        label = (self.label,) if self.dataset is None else ()
        by = (self.by,) if self.by is not None else ()
        return tuple(dict.fromkeys((self.prediction, *label, *self.key, *by)))

    @model_validator(mode="after")
    def _stated(self) -> Self:
        if (self.bounds is None) == (self.worse_by is None):
            raise MisplacedError("stands beside worse_by, or neither is there", "bounds")
        if isinstance(self.worse_by, str) or (self.worse_by is not None and self.worse_by < 0):
            raise MisplacedError("is a number, not below 0", "worse_by")
        if self.positive is not None and self.measure not in BINARY:
            raise MisplacedError(f"goes with {', '.join(sorted(BINARY))}, not with {self.measure}", "positive")
        if (self.dataset is None) != (not self.key) or len(self.key) != len(self.to):
            raise MisplacedError("goes with dataset and to, and has as many columns as that", "key")
        return self


Stated = Annotated[
    AnyCheck | Dimensions | Norm | Finite | Share | Performance,
    Field(discriminator="kind"),
]
