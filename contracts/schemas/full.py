"""The JSON Schema of dialect (d): `data_contract:` with its checks of several engines and its handling of violations."""

from __future__ import annotations

from typing import Final

from contracts.dialects.full import HANDLED, ON
from contracts.schemas import engines
from contracts.schemas.columns import IDENTIFIER, TEXT, head, privacy
from contracts.schemas.own import parts
from contracts.schemas.shape import (
    EXPRESSED,
    LINE,
    Shape,
    boolean,
    either,
    has,
    listed,
    mapping,
    optional,
    or_null,
    text,
    texts,
    told,
    whole,
    word,
)

_SHARE: Final = "^(.*_)?(pct|percent|percentage)$"


def full() -> Shape:
    """Dialect (d): contract with checks of several engines."""
    handling = _handling()
    properties = {
        **head(),
        "name": told(IDENTIFIER, "Of the contract and its dataset."),
        "asset_ref": or_null(text("The asset's file, relative to this one, or the asset's name.")),
        "sla": or_null(_sla()),
        "schema_contract": or_null(_schema_contract()),
        "quality_checks": or_null(_quality_checks()),
        "violation_handling": or_null(mapping(handling, "What violations lead to.")),
        **handling,
        "privacy": privacy(),
        "change_policy": or_null({"$ref": "#/$defs/ChangePolicy"}),
    }
    contract = mapping(properties, "What is promised of an asset.", required=("name",))
    checks = {"SodaCheck": engines.soda_check(), **engines.definitions()}
    found = mapping(
        {"data_contract": contract}, "A contract with checks of several engines.", required=("data_contract",)
    )
    return {**found, "$defs": {**parts("Privacy", "ChangePolicy"), **checks}}


def _sla() -> Shape:
    freshness: Shape = {
        "properties": {
            "max_age_hours": told({}, "The greatest age, in hours; also max_age_seconds, _minutes, _days."),
            "max_age": told({}, "The greatest age with its unit, as 2 hours."),
        },
        "allOf": [*engines.age(), *either(TEXT, "column", "timestamp_column")],
    }
    completeness: Shape = {
        "properties": {"min_records_per_day": whole("A batch is held to what a day must have.", maximum=2**53 - 1)},
        "patternProperties": {_SHARE: EXPRESSED},
    }
    availability: Shape = {
        "properties": {"uptime_percentage": or_null(told(EXPRESSED, "The part of the time, as 99.9."))}
    }
    known = {"freshness": freshness, "completeness": completeness, "availability": availability}
    return mapping(known, "Service levels; what else is said of them is kept.")


def _schema_contract() -> Shape:
    known = {
        "strict_mode": or_null(boolean("Columns that the contract does not name break it.")),
        "allow_nullable_expansion": told({}, "Kept."),
        "allow_type_changes": told({}, "Kept."),
    }
    return mapping(known, "How strictly the schema is meant.")


def _quality_checks() -> Shape:
    soda: dict[str, Shape] = {"checks": listed({"$ref": "#/$defs/SodaCheck"}), "engine": {}}
    expectations: dict[str, Shape] = {"checks": listed({"$ref": "#/$defs/Expectation"}), "expectation_suite": {}}
    custom = {
        **engines.settings(),
        "function": text("package.module:function; it runs where it is allowed.", pattern="[:.]"),
        "arguments": or_null({"type": "object"}),
        "columns": or_null(listed(TEXT, maxItems=1_000)),
    }
    known = {
        "soda": mapping({**soda, "checks": or_null(soda["checks"])}, "Checks as Soda words them."),
        "great_expectations": mapping(
            {**expectations, "checks": or_null(expectations["checks"])}, "Checks as Great Expectations words them."
        ),
        "custom": listed(mapping(custom, required=("function",)), "Functions of Python that judge the rows."),
    }
    return mapping(optional(known), "What is checked.")


def _handling() -> dict[str, Shape]:
    """What violations lead to, which stands in `violation_handling` or beside it."""
    told_to = {
        "channels": texts("Where people are told, as #data-oncall.", **LINE),
        "recipients": texts("Who is told.", **LINE),
    }
    kept = {
        "enabled": boolean("Whether bad rows are kept apart."),
        "s3_bucket": told(EXPRESSED, "Its bucket; ${NAME} is the variable's value."),
        "s3_prefix": told(EXPRESSED, "The folder in it."),
        "retention_days": whole("For how many days.", maximum=36_600),
        "target": told(EXPRESSED, "In place of a bucket: where they are kept."),
    }
    quarantine = {
        **mapping(optional(kept), "Where bad rows are kept."),
        "if": has("s3_prefix"),
        "then": {"allOf": [has("s3_bucket")]},
    }
    known = {
        **{key: word(HANDLED, f"What a violation of the {ours} leads to.") for key, ours in ON.items()},
        "notification": mapping(optional(told_to), "Who is told."),
        "quarantine": quarantine,
    }
    return optional(known)
