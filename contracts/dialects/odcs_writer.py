"""A contract of ours as a document of ODCS 3.2: what the standard can say in its words, the rest in our own property.

`odcs.read` of what is written is the contract again, annotations included: what the words alone would be read as is
compared with the contract, and each part that differs is stated (odcs_own).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import native, odcs, odcs_check, odcs_own, yamlwrite
from contracts.dialects.odcs_notation import tables
from contracts.model import Contract

VERSION: Final = "3.2.0"
_LOGICAL: Final = frozenset(
    ["string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"]
)
_RANGE: Final = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}
_SIDES: Final = {
    "above": "mustBeGreaterThan",
    "min": "mustBeGreaterOrEqualTo",
    "below": "mustBeLessThan",
    "max": "mustBeLessOrEqualTo",
}
_METRICS: Final = {
    "null_values": "nullValues",
    "missing_values": "missingValues",
    "invalid_values": "invalidValues",
    "duplicate_values": "duplicateValues",
}
_SAID: Final = frozenset(
    ("version", "apiVersion", "kind", "id", "schema", "status", "customProperties", "slaProperties")
)


def write(contract: Contract) -> str:
    """Return a contract as a document of ODCS in YAML."""
    return yamlwrite.dump(mapping(contract))


def mapping(contract: Contract) -> dict[str, Any]:
    """Return a contract as a document of ODCS."""
    said = native.mapping(contract)
    document = _document(said)
    derived = odcs.read(_parsed(document), name="what was written").value
    if parts := odcs_own.difference(said, derived):
        own = {"property": odcs_own.PROPERTY, "vendor": odcs_own.PROPERTY, "value": parts}
        document.setdefault("customProperties", []).append(own)
    return document


def _parsed(value: dict[str, Any]) -> yamlsafe.Parsed:
    return yamlsafe.Parsed(value, {(): 1})


def _document(said: dict[str, Any]) -> dict[str, Any]:
    document = {
        "apiVersion": f"v{VERSION}",
        "kind": "DataContract",
        "id": said["name"],
        "name": said["name"],
        "version": said["version"],
        "status": said.get("status", "active"),
        "domain": said["dataset"]["namespace"],
    }
    if "owner" in said:
        document["team"] = {"name": said["owner"]}
    if "tags" in said:
        document["tags"] = said["tags"]
    annotations = said.get("annotations", {})
    for key, value in annotations.items():
        if key not in document and key not in _SAID and _is_valid({**document, key: value}):
            document[key] = value
    if isinstance(listed := annotations.get("customProperties"), list) and _is_valid(
        {**document, "customProperties": listed}
    ):
        document["customProperties"] = list(listed)
    document["schema"] = [_object(said, annotations.get("object"))]
    if levels := [level for slo in said.get("slos", ()) for level in _level(slo)]:
        document["slaProperties"] = levels
    return document


def _object(said: dict[str, Any], kept: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": said["dataset"]["name"]}
    for key, value in kept.items() if isinstance(kept, dict) else ():
        if key in tables(VERSION)["Object"].keys and _is_valid(_around({**found, key: value})):
            found[key] = value
    if "description" in said:
        found["description"] = said["description"]
    found["properties"] = [_property(field) for field in said["schema"]]
    if len(said.get("keys", ())) == 1 and set(said["keys"][0]) == {"columns"}:
        _mark_key(found["properties"], said["keys"][0]["columns"])
    by_name = {each["name"]: each for each in found["properties"]}
    rules = list(_row_count(said))
    for check in said.get("checks", ()):
        column, rule = _rule(check)
        (by_name[column].setdefault("quality", []) if column else rules).append(rule)
    if rules:
        found["quality"] = rules
    return found


def _property(field: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": field["name"]}
    if field["type"] in _LOGICAL - {"map"}:
        found["logicalType"] = field["type"]
    for key in ("description", "required", "unique", "classification", "tags"):
        if key in field:
            found[key] = field[key]
    if "enum" in field:
        found["enum"] = [{"value": value} for value in field["enum"]]
    if "fields" in field:
        found["properties"] = [_property(inner) for inner in field["fields"]]
    if "items" in field:
        found["items"] = _property(field["items"])
    kept = field.get("annotations", {})
    for key, value in kept.items():
        if key not in found and key != "logicalTypeOptions" and _is_valid(_around_property({**found, key: value})):
            found[key] = value
    options = _options(field, kept.get("logicalTypeOptions"))
    if options and _is_valid(_around_property({**found, "logicalTypeOptions": options})):
        found["logicalTypeOptions"] = options
    return found


def _options(field: dict[str, Any], kept: Any) -> dict[str, Any]:
    options = {_RANGE[side]: value for side, value in field.get("range", {}).items() if side in _RANGE}
    options |= {f"{side}Length": value for side, value in field.get("length", {}).items() if side in ("min", "max")}
    if "format" in field:
        options["format"] = field["format"]
    return {**(kept if isinstance(kept, dict) else {}), **options}


def _mark_key(properties: list[dict[str, Any]], columns: list[str]) -> None:
    for each in properties:
        if each["name"] in columns:
            each["primaryKey"] = True
            each["primaryKeyPosition"] = columns.index(each["name"]) + 1


def _row_count(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    count = said.get("row_count", {})
    least, most = count.get("min", 1), count.get("max")
    if not count:
        return
    severity = {"severity": count["severity"]} if "severity" in count else {}
    if most is None:
        yield {"metric": "rowCount", "mustBeGreaterOrEqualTo": least, **severity}
    elif most == least:
        yield {"metric": "rowCount", "mustBe": least, **severity}
    else:
        yield {"metric": "rowCount", "mustBeBetween": [least, most], **severity}


def _rule(check: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """A check as a quality rule, and the column below which it stands; one that the standard lacks keeps its own words."""
    shared: dict[str, Any] = {key: check[key] for key in ("id", "severity", "description") if key in check}
    operator = _operator(check.get("bounds", {}))
    is_plain = operator and not {"weight", "tolerance"} & set(check) and _is_id(shared)
    if is_plain and check["kind"] in _METRICS and set(check.get("valid", {})) <= {"values"}:
        return _metric(check, {**operator, **shared})
    if is_plain and check["kind"] == "sql" and "query" in check:
        return None, {"type": "sql", "query": check["query"].replace("{table}", "{object}"), **operator, **shared}
    return None, {"type": "custom", "engine": odcs_own.PROPERTY, "implementation": check}


def _metric(check: dict[str, Any], more: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    arguments: dict[str, Any] = {}
    if "missing" in check:
        arguments["missingValues"] = check["missing"]
    if "valid" in check:
        arguments["validValues"] = check["valid"]["values"]
    if len(check["columns"]) > 1:
        arguments["properties"] = check["columns"]
    rule = {"metric": _METRICS[check["kind"]], **({"arguments": arguments} if arguments else {}), **more}
    if "unit" in check:
        rule["unit"] = check["unit"]
    return (None if len(check["columns"]) > 1 else check["columns"][0]), rule


def _operator(bounds: dict[str, Any]) -> dict[str, Any]:
    if any(isinstance(value, str) for value in bounds.values()):
        return {}
    shape = frozenset(bounds)
    if shape == {"min", "max"}:
        same = bounds["min"] == bounds["max"]
        return {"mustBe": bounds["min"]} if same else {"mustBeBetween": [bounds["min"], bounds["max"]]}
    if shape == {"min", "max", "negated"}:
        same = bounds["min"] == bounds["max"]
        return {"mustNotBe": bounds["min"]} if same else {"mustNotBeBetween": [bounds["min"], bounds["max"]]}
    return {_SIDES[side]: value for side, value in bounds.items()} if len(shape) == 1 and shape < set(_SIDES) else {}


def _level(slo: dict[str, Any]) -> Iterator[dict[str, Any]]:
    target = slo["target"]
    if slo["indicator"] == "freshness" and set(target) == {"max"}:
        yield {"property": "latency", "value": target["max"], "unit": "s"}
    elif slo["indicator"] == "availability" and set(target) == {"min"}:
        yield {"property": "availability", "value": _percent(Decimal(target["min"])), "unit": "percent"}


def _percent(fraction: Decimal) -> int | Decimal:
    number = fraction * 100
    return int(number) if number == int(number) else number.normalize()


def _is_id(shared: dict[str, Any]) -> bool:
    return "id" not in shared or not set(shared["id"]) & set(".#/:")


def _is_valid(document: dict[str, Any]) -> bool:
    return not any(found.is_error for found in odcs_check.findings(document, VERSION))


def _around(found: dict[str, Any]) -> dict[str, Any]:
    head = {"apiVersion": f"v{VERSION}", "kind": "DataContract", "id": "a", "version": "1"}
    return {**head, "schema": [found]}


def _around_property(found: dict[str, Any]) -> dict[str, Any]:
    return _around({"name": "a", "properties": [found]})
