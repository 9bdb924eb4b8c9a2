"""What the four dialects word alike, as JSON Schema: heads, columns and their types, service levels."""

from __future__ import annotations

from typing import Final

from contracts.dialects.columns import FORMATS, SEVERITIES, TYPES
from contracts.dialects.head import STATUSES
from contracts.dialects.service import levels
from contracts.schemas.shape import (
    EXPRESSED,
    LINE,
    Shape,
    boolean,
    either,
    listed,
    mapping,
    optional,
    or_null,
    text,
    texts,
    told,
    word,
)

IDENTIFIER: Final[Shape] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"}
NAME: Final[Shape] = {"type": "string", "minLength": 1, "maxLength": 512}
TEXT: Final[Shape] = {"type": "string", "minLength": 1, "maxLength": 256}
SCALAR: Final[Shape] = {"type": ["number", "string"]}
PART: Final[Shape] = {"type": "number", "minimum": 0, "maximum": 1}
SEVERITY: Final = word(SEVERITIES, "How bad it is when this is broken.")
COLUMN_NAMES: Final[Shape] = {"propertyNames": {"minLength": 1, "maxLength": 256}}
TYPE: Final[Shape] = text(
    "A type, its form, and conditions: string (UUID), float >= 0, enum[view, purchase], int between 1 and 5. "
    f"Types: {', '.join(sorted(TYPES))}.",
    examples=["string", "timestamp", "float >= 0", "string (UUID)", "enum[view, purchase]"],
)
VERSION: Final[Shape] = text(
    "Quoted, as 2.1.0; without one, a name that ends in _v3 says 3.0.0, else it is 1.0.0.",
    pattern=r"^v?(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8}))?(\.(0|[1-9][0-9]{0,8}))?([-+].*)?$",
)


def common() -> dict[str, Shape]:
    """The members that mean the same in every dialect."""
    return optional(
        {
            "owner": told(TEXT, "Who answers for it, as sales_team@company.com."),
            "description": text("What the data is."),
            "classification": told(TEXT, "How confidential it is."),
            "tags": texts("Words to find it by.", **LINE),
            "documentation_url": text("Where more is written.", **LINE),
            "on_call": told(TEXT, "Who is called when it breaks."),
            "runbook": text("Where the way out of trouble is written down.", **LINE),
        }
    )


def head() -> dict[str, Shape]:
    """The members that say what a contract is."""
    return {
        **common(),
        "version": or_null(VERSION),
        "status": or_null(word(STATUSES, "Where it stands in its life; active unless stated.")),
        "namespace": or_null(told(NAME, "Of the dataset; default unless stated.")),
    }


def privacy() -> Shape:
    """Whose data it is."""
    return or_null({"$ref": "#/$defs/Privacy"})


def column() -> Shape:
    """A column that is described by a mapping."""
    words = {"required": "No value is null.", "nullable": "Values may be null.", "allow_null": "Values may be null."}
    known = {
        **{key: boolean(says) for key, says in words.items()},
        "unique": boolean("No value stands twice."),
        "primary_key": boolean("It alone stands for one row."),
        "enum": listed({}, "The values that it may have."),
        "values": listed({}, "In place of enum."),
        "allowed_values": listed({}, "In place of enum."),
        "min": told(SCALAR, "The least value."),
        "max": told(SCALAR, "The greatest value."),
        "pattern": text("An RE2 expression that the whole value matches.", minLength=1, maxLength=1_000),
        "format": word(FORMATS, "A known form in which every value is written."),
        "description": text("What it holds."),
        "classification": told(TEXT, "How confidential it is."),
        "tags": texts("Words to find it by.", **LINE),
        "severity": SEVERITY,
    }
    shadowed = {
        "type": told({}, str(TYPE["description"])),
        "dtype": told({}, "In place of type."),
        "max_null_rate": told({}, "The greatest part of nulls, 0 to 1."),
        "max_null": told({}, "In place of max_null_rate."),
        "name": told({}, "Of the column, where columns are a list."),
    }
    values = listed(SCALAR, minItems=1, maxItems=10_000)
    return mapping(
        {**optional(known), **shadowed},
        "A column; what is not known of it is kept with it.",
        allOf=[
            *either(TYPE, "type", "dtype"),
            *either(PART, "max_null_rate", "max_null"),
            *either(values, "allowed_values", "values", "enum"),
        ],
    )


def columns(says: str) -> Shape:
    """Columns by name."""
    return told(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1_000,
            "additionalProperties": {"anyOf": [TYPE, {"$ref": "#/$defs/Column"}]},
            **COLUMN_NAMES,
        },
        says,
    )


def indicators(*, is_null_kept: bool) -> dict[str, Shape]:
    """The keys that are service levels, each a quantity: 15, ">= 99.5%", 5 minutes."""
    shape = or_null(EXPRESSED) if is_null_kept else EXPRESSED
    return {
        key: told(shape, f"{indicator.capitalize()}{f', in {unit}' if unit else ', with its unit'}.")
        for key, (indicator, unit) in levels().items()
    }
