"""The words of a contract: severities, kinds of rule, fractions and bounds, each read strictly.

Fractions, weights and thresholds are decimals with
at most six places, because what is recorded of them are integers, in millionths.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from proofs.entry import check_text

MILLION: Final = 1_000_000
BASIS: Final = 10_000
MAX_WEIGHT: Final = 1_000
MAX_DIGITS: Final = 38  # what DuckDB's widest integer and decimal can hold

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Severity(StrEnum):
    """How bad a broken rule is, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for critical."""
        return list(Severity).index(self)


class Category(StrEnum):
    """What a promise is about."""

    SCHEMA = "schema"
    QUALITY = "quality"
    SLA = "sla"


class Kind(StrEnum):
    """What a rule looks at."""

    PRESENT = "present"
    TYPE = "type"
    REQUIRED = "required"
    MAX_NULL = "max_null"
    UNIQUE = "unique"
    RANGE = "range"
    ENUM = "enum"
    PATTERN = "pattern"
    LENGTH = "length"
    FORMAT = "format"
    KEY = "key"
    ROW_COUNT = "row_count"
    EXTRA_COLUMNS = "extra_columns"
    EXPRESSION = "expression"
    REFERENTIAL = "referential"
    NULL_VALUES = "null_values"
    MISSING_VALUES = "missing_values"
    INVALID_VALUES = "invalid_values"
    DUPLICATE_VALUES = "duplicate_values"
    DISTINCT_VALUES = "distinct_values"
    COMPLETENESS = "completeness"
    MEAN = "mean"
    STDEV = "stdev"
    SUM = "sum"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    QUANTILE = "quantile"
    FRESHNESS = "freshness"
    DRIFT = "drift"
    SQL = "sql"
    CUSTOM = "custom"
    FOREIGN = "foreign"
    DIMENSIONS = "dimensions"
    NORM = "norm"
    FINITE = "finite"
    SHARE = "share"
    PERFORMANCE = "performance"
    UNREADABLE = "unreadable"
    LATE = "late"

    @property
    def category(self) -> Category:
        """What kind of promise it is: of the shape, of the values, or of the service."""
        if self in (Kind.PRESENT, Kind.TYPE, Kind.EXTRA_COLUMNS):
            return Category.SCHEMA
        return Category.SLA if self in (Kind.FRESHNESS, Kind.COMPLETENESS, Kind.LATE) else Category.QUALITY


FieldType = Literal[
    "string",
    "integer",
    "number",
    "boolean",
    "date",
    "time",
    "timestamp",
    "binary",
    "object",
    "array",
    "map",
    "vector",
    "any",
]
Gate = Literal["info", "warning", "critical", "never"]


class MisplacedError(ValueError):
    """Something wrong at one place below the value that is looked at.

    Attributes:
        path: The way there from that value.
        wrong: The word that is wrong.
        known: What could have stood there instead.
    """

    def __init__(self, what: str, *path: str | int, wrong: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.path = path
        self.wrong = wrong
        self.known = tuple(known)


def _identifier(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 128 letters, digits, '.', '_' and '-', and begins with a letter or digit")
    return value


def _decimal(value: Any, *, most: int, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{name} is a number")
    if not 0 <= value <= most:
        raise ValueError(f"{name} lies within 0 and {most}")
    number = Decimal(value)
    if int(number.as_tuple().exponent) < -6:
        raise ValueError(f"{name} has at most six decimal places")
    return number


def _threshold(value: Any) -> Decimal:
    number = _decimal(value, most=1, name="a threshold")
    if number * BASIS % 1:
        raise ValueError("a threshold has at most four decimal places")
    return number


def _scalar(value: Any) -> int | Decimal | str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("a bound or value is a number or text")
    if isinstance(value, int | Decimal) and len(Decimal(value).as_tuple().digits) > MAX_DIGITS:
        raise ValueError(f"a number has at most {MAX_DIGITS} digits")
    return value


def _severity(value: Any) -> Severity:
    if not isinstance(value, str) or value not in list(Severity):
        raise ValueError("a severity is info, warning or critical")
    return Severity(value)


def spread(value: Any) -> Any:
    """Return a single setting as one that holds for every rule of its field."""
    return value if isinstance(value, dict) else {"*": value}


# What each says of itself in a JSON Schema is never more than its reader demands: bytes are at least as many as characters.
Identifier = Annotated[
    str, AfterValidator(_identifier), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
]
Text = Annotated[
    str,
    AfterValidator(lambda value: check_text(value, limit_bytes=256, name="a name")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 256}),
]
Name = Annotated[
    str,
    AfterValidator(lambda value: check_text(value, limit_bytes=512, name="a name")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 512}),
]
_PART: Final = {"type": "number", "minimum": 0, "maximum": 1}
Fraction = Annotated[
    Decimal, PlainValidator(lambda value: _decimal(value, most=1, name="a fraction")), WithJsonSchema(_PART)
]
Threshold = Annotated[Decimal, PlainValidator(_threshold), WithJsonSchema(_PART)]
Weight = Annotated[
    Decimal,
    PlainValidator(lambda value: _decimal(value, most=MAX_WEIGHT, name="a weight")),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_WEIGHT}),
]
Millionths = Annotated[int, Field(ge=0, le=MILLION)]
BasisPoints = Annotated[int, Field(ge=0, le=BASIS)]
Severe = Annotated[Severity, BeforeValidator(_severity)]
Scalar = Annotated[int | Decimal | str, PlainValidator(_scalar), WithJsonSchema({"type": ["number", "string"]})]


def date_bound(bound: int | Decimal | str) -> dt.date:
    """Return the date that a bound spells.

    Raises:
        ValueError: It is not a date written YYYY-MM-DD.
    """
    if not isinstance(bound, str) or not _DATE.fullmatch(bound):
        raise ValueError("the range of a date field has bounds written YYYY-MM-DD")
    return dt.date.fromisoformat(bound)


def timestamp_bound(bound: int | Decimal | str) -> int:
    """Return the moment that a bound spells, in microseconds since 1970 UTC; without an offset it is taken as UTC.

    Raises:
        ValueError: It is neither a date nor a date and time with an optional fraction and offset.
    """
    if isinstance(bound, str) and _DATE.fullmatch(bound):
        bound = f"{bound}T00:00:00"
    if not isinstance(bound, str) or not _TIMESTAMP.fullmatch(bound):
        raise ValueError("the range of a timestamp field has bounds written YYYY-MM-DDThh:mm:ss, with Z or an offset")
    moment = dt.datetime.fromisoformat(bound)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def numeric_bound(bound: int | Decimal | str, type: str) -> Decimal:
    """Return the number that a bound of an integer or number field spells.

    Raises:
        ValueError: It is text, or a fraction where the field holds integers.
    """
    if type == "integer" and not isinstance(bound, int):
        raise ValueError("the range of an integer field has integer bounds")
    if isinstance(bound, str):
        raise ValueError("the range of a number field has numeric bounds")
    return Decimal(bound)
