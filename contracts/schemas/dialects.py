"""The JSON Schemas of dialects (a), (b) and (c), of the policy file beside (c), and of the asset's file beside (d)."""

from __future__ import annotations

from typing import Final

from contracts.dialects import riskfile
from contracts.dialects.asset import INLINE, MODES
from contracts.schemas.columns import (
    IDENTIFIER,
    NAME,
    PART,
    SCALAR,
    SEVERITY,
    TEXT,
    TYPE,
    VERSION,
    column,
    columns,
    common,
    head,
    indicators,
    privacy,
)
from contracts.schemas.own import contract, parts
from contracts.schemas.shape import (
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
    word,
)

_CHANNELS: Final = texts("Where people are told, as #data-oncall.", **LINE)


def table() -> Shape:
    """Dialect (a): one file per table."""
    keys = contract()["properties"]["keys"]
    promised = told({"type": "object", "minProperties": 1, "additionalProperties": TYPE}, "Each column and its type.")
    properties = {
        **head(),
        "name": told(IDENTIFIER, "Of the contract and its dataset."),
        "schema": promised | {"propertyNames": {"minLength": 1, "maxLength": 256}, "maxProperties": 1_000},
        "keys": or_null(told(keys, "Columns whose values together stand for one row.")),
        "slos": or_null(_slos()),
        "alerts": or_null(_alerts()),
        "privacy": privacy(),
    }
    what = "A contract of one table, stream or index: a column and its type are one line."
    return mapping(properties, what, required=("name", "schema")) | {"$defs": parts("Privacy", "Key")}


def source() -> Shape:
    """Dialect (b): a source with its change policy."""
    sla = indicators(is_null_kept=True)
    change = {
        "breaking_changes": text("How long before one its notice is given, as 30 days advance notice."),
        "notice_period": text("In place of breaking_changes."),
        "deprecation_period": text("How long an old version lives on, as 90 days."),
        "notification_channel": _CHANNELS,
        "notification_channels": _CHANNELS,
    }
    properties = {
        **head(),
        "data_source": told(NAME, "Its name, and its dataset's."),
        "name": or_null(told(IDENTIFIER, "Of the contract; that of the source unless stated.")),
        "schema": columns("The columns, each described by a mapping or by its type alone."),
        "sla": or_null(mapping(sla, "Service levels: max_delay: 5 minutes, uptime: 99.9%; others are kept.")),
        "change_policy": or_null(mapping(optional(change), "How it changes.")),
        "privacy": privacy(),
    }
    unnamed = {"if": {"not": has("name")}, "then": {"properties": {"data_source": IDENTIFIER}}}
    found = mapping(properties, "A source, what it promises, and how it changes.", required=("data_source", "schema"))
    return {**found, "allOf": [unnamed], "$defs": {**parts("Privacy"), "Column": column()}}


def features() -> Shape:
    """Dialect (c): the features of a model."""
    inside = {key: or_null(text() if "anyOf" not in shape else texts()) for key, shape in common().items()}
    dataset = {**inside, "name": told(IDENTIFIER, "Of the contract and its dataset.")}
    known = {key: shape for key, shape in head().items() if key != "namespace"}
    properties = {
        **known,
        "dataset": mapping(dataset, "The table of the features.", required=("name",)),
        "features": columns("The features, each described by a mapping or by its type alone."),
        "privacy": privacy(),
    }
    unversioned = {
        "if": {"not": has("version")},
        "then": {"properties": {"dataset": {"properties": {"version": or_null(VERSION)}}}},
    }
    found = mapping(properties, "The features of a model.", required=("dataset", "features"))
    return {**found, "allOf": [unversioned], "$defs": {**parts("Privacy"), "Column": column()}}


def risk() -> Shape:
    """The policy file beside dialect (c)."""
    said = {key: told(PART, "The risk from which on, 0 to 1.") for key in riskfile.THRESHOLDS}
    decision = word(riskfile.DECISIONS, is_stripped=False)
    datasets = listed({"$ref": "#/$defs/Dataset"}, "Those that it rules; none: every one.", maxItems=1_000)
    properties = {
        "name": told(IDENTIFIER, "That of the file unless stated."),
        "version": text("1.0.0 unless stated."),
        "owner": told(TEXT, "Who answers for it."),
        "risk": mapping(said, "From which risk on what is done.", additionalProperties=False),
        "decisions": told(
            {"type": "object", "propertyNames": decision, "additionalProperties": text("As < 0.25, 0.25-0.4, >= 0.4.")},
            "The span of risk of each decision: ALLOW, ALLOW_WITH_ALERT, QUARANTINE, BLOCK_AND_ROLLBACK.",
        ),
        "ci": mapping({"fail_on": listed(word(riskfile.FAILING))}, "What fails a build.", required=("fail_on",)),
        "datasets": datasets,
    }
    found = mapping({**optional(properties), "description": {}}, "From which risk on a batch is blocked.")
    signs = [{"required": [key]} for key in sorted(riskfile.SIGNS)]
    return {**found, "additionalProperties": False, "anyOf": signs, "$defs": parts("Dataset")}


def asset() -> Shape:
    """The asset's file beside dialect (d)."""
    item = {**column()["properties"], "name": TEXT}
    listed_column = {**column(), "properties": item, "required": ["name"]}
    held = {
        "enabled": boolean("false switches enforcement off."),
        "contract_path": text("The contract's file, relative to this one."),
        "enforcement_mode": word(MODES, "What becomes of a decision."),
        "inline_checks": listed(_inline(), "Checks of the asset's own."),
    }
    properties = {
        "schema": or_null(listed({"$ref": "#/$defs/Column"}, "The columns.", maxItems=1_000)),
        "data_contract": or_null(mapping(optional(held), "How its contract is enforced.")),
        **{key: {} for key in ("name", "version", "owner", "description", "namespace")},
    }
    alone = {
        "properties": {
            "name": told(IDENTIFIER, "Of the asset."),
            "version": or_null(VERSION),
            "owner": or_null(TEXT),
            "description": or_null(text()),
            "namespace": or_null(NAME),
            "schema": {"type": "array", "minItems": 1},
        },
        "required": ["name", "schema"],
    }
    is_led = {
        "properties": {"data_contract": {"type": "object", **has("contract_path")}},
        "required": ["data_contract"],
    }
    inside = {**mapping(properties, "What the data is."), "if": is_led, "else": alone}
    return mapping({"asset": inside}, "An asset.", required=("asset",)) | {"$defs": {"Column": listed_column}}


def _slos() -> Shape:
    rule = {
        "rule": text("What holds of every row: amount_usd >= 0."),
        "name": or_null(text("Of the check.")),
        "severity": or_null(SEVERITY),
        "tolerance": or_null(told(PART, "The part of the rows that may break it.")),
        "weight": or_null(told({"type": "number", "minimum": 0, "maximum": 1_000}, "What it weighs.")),
        "description": or_null(text()),
    }
    checked = mapping(rule, required=("rule",), additionalProperties=False)
    rules = listed({"anyOf": [text(), checked]}, "Rules that hold of every row.")
    return mapping({**indicators(is_null_kept=True), "accuracy_checks": rules}, "Service levels, and rules.")


def _alerts() -> Shape:
    told_at = {key: or_null(_CHANNELS) for key in ("pager", "channel", "channels", "slack")}
    paged = mapping(indicators(is_null_kept=False), "From which measure on people are paged.")
    return mapping({**told_at, "threshold": or_null(paged)}, "Who is told.")


def _inline() -> Shape:
    known = word(INLINE, "Which check it is.", is_stripped=False)
    properties = {
        **{key: {} for key in ("type", "check", "column", "min", "max")},
        "columns": or_null(texts("Its columns.", minLength=1, maxLength=256)),
        "severity": or_null(SEVERITY),
        "name": or_null(text("Of the check.")),
    }
    named = {"if": {"not": has("columns")}, "then": {"properties": {"column": TEXT}, "required": ["column"]}}
    span = {"properties": optional({"min": SCALAR, "max": SCALAR}), "anyOf": [has("min"), has("max")]}
    ranged = _when("range", span)
    counted = _when("unique", {"properties": {"columns": {"minItems": 1}}})
    return mapping(properties, allOf=[*either(known, "type", "check", is_needed=True), named, ranged, counted])


def _when(kind: str, then: Shape) -> Shape:
    """Of a check of the asset's: where it is of a kind, that."""
    shape = word([key for key, each in INLINE.items() if each == kind], is_stripped=False)
    return {"if": {"anyOf": [_is("type", shape), {"not": has("type"), **_is("check", shape)}]}, "then": then}


def _is(key: str, shape: Shape) -> Shape:
    return {"required": [key], "properties": {key: shape}}
