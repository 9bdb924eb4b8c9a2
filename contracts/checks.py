"""The checks of a contract beyond those that its fields state: rows that break something, or one number held to bounds.

    rows that are counted     required unique range enum pattern length format expression referential
    a number within bounds    null_values missing_values invalid_values duplicate_values distinct_values completeness
                              mean stdev sum minimum maximum quantile freshness drift sql
    somebody else's word      custom foreign

A field may be named by any number of them, each with a severity, weight and id of its own. Source: docs/formats/contract.md.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contracts.bounds import Bounds, Model
from contracts.expression import check_expression
from contracts.terms import Fraction, MisplacedError, Name, Scalar, Severe, Severity, Text, Weight

MAX_ENUM: Final = 10_000
MAX_PATTERN: Final = 1_000
MAX_QUERY: Final = 10_000
MAX_SECONDS: Final = 100 * 366 * 86_400

_CHECK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:#/-]{0,127}")
_FUNCTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")

Format = Literal["uuid", "email", "uri", "hostname", "ipv4", "ipv6", "date", "time", "date-time"]
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN)]
Values = Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=MAX_ENUM, strict=False)]
Columns = Annotated[tuple[Text, ...], Field(min_length=1, max_length=16, strict=False)]


def _check_id(value: str) -> str:
    if not _CHECK_ID.fullmatch(value):
        raise ValueError("an id is 1 to 128 letters, digits and . _ : # / -, and begins with a letter or digit")
    return value


class Rated(Model):
    """A rule on the whole table; without a weight it has that of its severity."""

    severity: Severe = Severity.WARNING
    weight: Weight | None = None


class Check(Rated):
    """What every check has; `kind` says which it is."""

    kind: str
    id: (
        Annotated[str, AfterValidator(_check_id), Field(json_schema_extra={"pattern": f"^{_CHECK_ID.pattern}$"})] | None
    ) = None
    description: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it speaks of."""
        column: str | None = getattr(self, "column", None)
        return (column,) if column is not None else getattr(self, "columns", ())


class RowCheck(Check):
    """Counts the rows that break it; nulls break only `required`.

    Attributes:
        tolerance: The fraction of all rows that may.
    """

    tolerance: Fraction = Decimal(0)


class Required(RowCheck):
    """No value is null."""

    kind: Literal["required"]
    column: Text


class Unique(RowCheck):
    """No combination of values stands twice; of n equal rows n−1 break it, and one with a null is no duplicate."""

    kind: Literal["unique"]
    columns: Columns


class InRange(RowCheck):
    """Every value lies within the bounds, which are of the column's type as in a field's `range`."""

    kind: Literal["range"]
    column: Text
    bounds: Bounds


class InEnum(RowCheck):
    """Every value is listed; or, with `negated`, none is."""

    kind: Literal["enum"]
    column: Text
    values: Values
    negated: bool = False


class Matches(RowCheck):
    """Every value matches an RE2 expression: whole, from its beginning (as Python's `match`), or anywhere."""

    kind: Literal["pattern"]
    column: Text
    pattern: Pattern
    match: Literal["whole", "prefix", "search"] = "whole"
    negated: bool = False


class HasLength(RowCheck):
    """The number of characters of every value lies within the bounds."""

    kind: Literal["length"]
    column: Text
    bounds: Bounds


class HasFormat(RowCheck):
    """Every value is written in a known form (docs/formats/contract.md, "Formats")."""

    kind: Literal["format"]
    column: Text
    format: Format


class Expression(RowCheck):
    """Every row satisfies a comparison; a row for which it is neither true nor false does not break it."""

    kind: Literal["expression"]
    expression: Annotated[str, Field(min_length=1, max_length=MAX_QUERY), AfterValidator(check_expression)]


class References(RowCheck):
    """Every combination of values stands in the named columns of another dataset."""

    kind: Literal["referential"]
    columns: Columns
    dataset: Name
    to: Columns

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.columns) != len(self.to):
            raise MisplacedError(f"has {len(self.to)} columns, expected {len(self.columns)}", "to")
        return self


class Valid(Model):
    """What makes a value valid; all that is stated."""

    values: Values | None = None
    pattern: Pattern | None = None
    format: Format | None = None
    bounds: Bounds | None = None
    length: Bounds | None = None


class ValueCheck(Check):
    """One number, held to bounds; how far outside it lies is how bad it is (docs/formats/contract.md, "Shares")."""

    bounds: Bounds


class CountCheck(ValueCheck):
    """Rows of a kind, or the part of all rows in percent.

    Attributes:
        missing: Values that count as missing beside null.
        valid: What `invalid_values` holds every value to that is there.
    """

    kind: Literal["null_values", "missing_values", "invalid_values", "duplicate_values", "distinct_values"]
    columns: Columns
    unit: Literal["rows", "percent"] = "rows"
    missing: Annotated[tuple[Scalar, ...], Field(max_length=MAX_ENUM, strict=False)] = ()
    valid: Valid | None = None

    @model_validator(mode="after")
    def _stated(self) -> Self:
        if (self.kind == "invalid_values") != (self.valid is not None):
            raise MisplacedError("goes with invalid_values, and that with it", "valid")
        if self.missing and self.kind not in ("missing_values", "invalid_values"):
            raise MisplacedError("goes with missing_values and invalid_values", "missing")
        if len(self.columns) > 1 and self.kind != "duplicate_values":
            raise MisplacedError("is one column, but for duplicate_values", "columns")
        return self


class Completeness(ValueCheck):
    """The part of all values in the columns that are not null, 0 to 1; without columns, of every column of the contract."""

    kind: Literal["completeness"]
    columns: Annotated[tuple[Text, ...], Field(max_length=1_000, strict=False)] = ()


class Statistic(ValueCheck):
    """A statistic of the values that are not null; stdev is that of a sample.

    Attributes:
        quantile: Which one, 0 to 1, by linear interpolation; 0.5 unless stated.
    """

    kind: Literal["mean", "stdev", "sum", "minimum", "maximum", "quantile"]
    column: Text
    quantile: Fraction | None = None

    @model_validator(mode="after")
    def _stated(self) -> Self:
        if self.quantile is not None and self.kind != "quantile":
            raise MisplacedError("goes with kind quantile", "quantile")
        return self


class Freshness(Check):
    """The greatest moment of a column is no older than this at the clock of the decision; without a column, the file itself."""

    kind: Literal["freshness"]
    column: Text | None = None
    max_age_seconds: Annotated[int, Field(ge=0, le=MAX_SECONDS)]


class Drift(Check):
    """The distribution of a column is no further from the reference than this.

    Attributes:
        measure: psi; ks and linf, distances of 0 to 1; js, to the base 2.
        reference: The last batch that was allowed, or the first.
    """

    kind: Literal["drift"]
    column: Text
    measure: Literal["psi", "ks", "js", "linf"] = "psi"
    most: Annotated[Scalar, Field(alias="max")]
    reference: Literal["last", "first"] = "last"


class Sql(Check):
    """A query of one row and one column, held to bounds; `{table}` is the data, and nothing else can be read.

    Attributes:
        rows_that_break: In its place: a condition, of which every row that satisfies it breaks the check.
    """

    kind: Literal["sql"]
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)] | None = None
    rows_that_break: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)] | None = None
    bounds: Bounds | None = None
    tolerance: Fraction = Decimal(0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.query is None) == (self.rows_that_break is None):
            raise MisplacedError("stands beside rows_that_break, or neither is there", "query")
        if (self.query is None) != (self.bounds is None):
            raise MisplacedError("goes with query, and that with it", "bounds")
        return self


class Custom(Check):
    """A Python function, by its import path, is given the rows and says how many break it; it runs only where it is allowed."""

    kind: Literal["custom"]
    function: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    columns: Annotated[tuple[Text, ...], Field(max_length=1_000, strict=False)] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not _FUNCTION.fullmatch(self.function):
            raise MisplacedError("is not written package.module:function", "function")
        return self


class Foreign(Check):
    """A check of another engine, run there where it is installed and natively otherwise: `native` has the same answer.

    Attributes:
        engine: Whose it is.
        definition: As that engine writes it.
    """

    kind: Literal["foreign"]
    engine: Literal["great_expectations", "soda"]
    definition: dict[str, Any]
    columns: Annotated[tuple[Text, ...], Field(max_length=1_000, strict=False)] = ()


AnyCheck = Annotated[
    Required
    | Unique
    | InRange
    | InEnum
    | Matches
    | HasLength
    | HasFormat
    | Expression
    | References
    | CountCheck
    | Completeness
    | Statistic
    | Freshness
    | Drift
    | Sql
    | Custom
    | Foreign,
    Field(discriminator="kind"),
]
