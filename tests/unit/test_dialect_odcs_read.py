"""What an ODCS contract says, read as ours."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.dialects import native
from contracts.document import parse, read
from contracts.lint import lint
from proofs.errors import MalformedError

EXAMPLE = Path(__file__).parents[2] / "examples/contracts/dialects/odcs/orders.odcs.yaml"
HEAD = "apiVersion: v{}\nkind: DataContract\nid: shop\nversion: {}\nstatus: active\n"


def said(text: str, *, version: str = "3.1.0", number: str = "1.0.0", object_name: str | None = None) -> dict[str, Any]:
    document = parse((HEAD.format(version, number) + text).encode(), name="c.yaml", object_name=object_name)
    return native.mapping(document.contract)


def column(text: str, *, version: str = "3.1.0") -> dict[str, Any]:
    return said(f"schema: [{{name: t, properties: [{{name: a, {text}}}]}}]\n", version=version)


def rule(text: str, *, version: str = "3.1.0") -> dict[str, Any]:
    return column(f"logicalType: string, quality: [{text}]", version=version)


def test_the_example_is_read_whole() -> None:
    contract = read(EXAMPLE, object_name="orders").contract

    assert (contract.name, contract.version, contract.owner) == ("shop.orders", "1.2.0", "order platform")
    assert (contract.dataset.namespace, contract.dataset.name) == ("sales", "orders")
    assert [field.name for field in contract.fields] == ["order_id", "customer_id", "amount", "currency", "ordered_at"]
    assert [key.columns for key in contract.keys] == [("order_id",)]
    assert (contract.row_count.min, contract.row_count.max, contract.row_count.severity) == (1, 1_000_000, "critical")
    assert [check.kind for check in contract.checks] == [
        *("pattern", "referential", "null_values", "invalid_values", "sql", "sql"),
    ]
    assert [(slo.indicator, slo.target.max or slo.target.min) for slo in contract.slos] == [
        ("freshness", 14_400),
        ("availability", Decimal("0.999")),
    ]
    assert {"servers", "price", "support", "roles", "slaProperties", "contractCreatedTs"} <= set(contract.annotations)


@pytest.mark.parametrize(
    ("text", "version", "field"),
    [
        (
            "logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 9}",
            "3.1.0",
            {"type": "integer", "range": {"min": 1, "max": 9}},
        ),
        (
            "logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0}",
            "3.1.0",
            {"type": "number", "range": {"above": 0}},
        ),
        (
            "logicalType: number, logicalTypeOptions: {minimum: 0, exclusiveMinimum: true}",
            "3.0.2",
            {"type": "number", "range": {"above": 0}},
        ),
        ("logicalType: string, logicalTypeOptions: {maxLength: 3}", "3.1.0", {"type": "string", "length": {"max": 3}}),
        ("logicalType: string, logicalTypeOptions: {format: uuid}", "3.1.0", {"type": "string", "format": "uuid"}),
        ("logicalType: string, enum: [{value: x}, {value: y}]", "3.2.0", {"type": "string", "enum": ["x", "y"]}),
        (
            "logicalType: date, physicalType: timestamp",
            "3.0.2",
            {"type": "timestamp", "annotations": {"logicalType": "date", "physicalType": "timestamp"}},
        ),
        (
            "logicalType: date, physicalType: timestamp",
            "3.1.0",
            {"type": "date", "annotations": {"physicalType": "timestamp"}},
        ),
        (
            "required: true, unique: true, classification: pii",
            "3.1.0",
            {"type": "any", "required": True, "unique": True, "classification": "pii"},
        ),
        ("physicalName: b", "3.1.0", {"name": "b", "type": "any", "annotations": {"name": "a"}}),
    ],
)
def test_a_property_is_a_column(text: str, version: str, field: dict[str, Any]) -> None:
    assert column(text, version=version)["schema"] == [{"name": "a", **field}]


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("{metric: nullValues, mustBe: 0}", {"kind": "null_values", "bounds": {"min": 0, "max": 0}}),
        (
            "{metric: nullValues, mustBeLessThan: 1, unit: percent}",
            {"kind": "null_values", "bounds": {"below": 1}, "unit": "percent"},
        ),
        ("{metric: duplicateValues, mustBeLessOrEqualTo: 9}", {"kind": "duplicate_values", "bounds": {"max": 9}}),
        (
            "{metric: nullValues, mustNotBe: 3}",
            {"kind": "null_values", "bounds": {"min": 3, "max": 3, "negated": True}},
        ),
        (
            "{metric: missingValues, mustBeBetween: [9, 2], arguments: {missingValues: [null, '', 'N/A']}}",
            {"kind": "missing_values", "bounds": {"min": 2, "max": 9}, "missing": ["", "N/A"]},
        ),
        (
            "{metric: invalidValues, mustBe: 0, arguments: {validValues: [x, null]}}",
            {"kind": "invalid_values", "bounds": {"min": 0, "max": 0}, "valid": {"values": ["x"]}},
        ),
    ],
)
def test_a_library_metric_is_a_check(text: str, check: dict[str, Any]) -> None:
    assert rule(text)["checks"] == [{"columns": ["a"], **check}]


def test_a_query_names_the_table_and_the_column() -> None:
    (check,) = rule("{type: sql, query: 'SELECT count({property}) FROM ${object}', mustBeGreaterThan: 2}")["checks"]

    assert check == {"kind": "sql", "query": 'SELECT count("a") FROM {table}', "bounds": {"above": 2}}


def test_an_expectation_is_the_check_that_it_is() -> None:
    text = "{type: custom, engine: great-expectations, implementation: {type: expect_column_values_to_be_unique}}"

    assert rule(text)["checks"] == [{"kind": "unique", "columns": ["a"]}]


@pytest.mark.parametrize(
    "text",
    [
        "{type: sql, query: 'SELECT ${X}', mustBe: 1}",
        "{type: sql, query: 'SELECT 1', mustBe: yes please}",
        "{type: custom, engine: montecarlo, implementation: x}",
        "{metric: invalidValues, mustBe: 0}",
    ],
)
def test_what_nobody_measures_is_kept_and_named(text: str) -> None:
    document = (
        HEAD.format("3.1.0", "1.0.0") + f"schema: [{{name: t, properties: [{{name: a, quality: [{text}]}}]}}]\n"
    ).encode()

    found = lint(document, name="c.yaml")

    assert "checks" not in native.mapping(parse(document).contract)
    assert [(remark.where, remark.is_error) for remark in found if "kept" in remark.what] == [("c.yaml line 6", False)]


def test_composite_keys_and_references_keep_their_order() -> None:
    found = said(
        "schema:\n- name: t\n  properties:\n  - {name: a, primaryKey: true, primaryKeyPosition: 2}\n"
        "  - {name: b, primaryKey: true, primaryKeyPosition: 1, relationships: [{to: other.id}]}\n"
        "  relationships: [{from: [t.a, t.b], to: [u.x, u.y]}]\n"
    )

    assert found["keys"] == [{"columns": ["b", "a"]}]
    assert found["checks"] == [
        {"kind": "referential", "columns": ["b"], "dataset": "other", "to": ["id"], "severity": "info"},
        {"kind": "referential", "columns": ["a", "b"], "dataset": "u", "to": ["x", "y"], "severity": "info"},
    ]


def test_nested_properties_are_nested_fields() -> None:
    inner = "properties: [{name: zip, logicalType: string, logicalTypeOptions: {pattern: '[0-9]+'}}]"
    found = said(
        f"schema: [{{name: t, properties: [{{name: a, logicalType: array, items: {{logicalType: object, {inner}}}}}]}}]\n"
    )

    (field,) = found["schema"]
    assert field["items"]["fields"] == [
        {"name": "zip", "type": "string", "annotations": {"logicalTypeOptions": {"pattern": "[0-9]+"}}}
    ]


SECOND = """apiVersion: v2.2.2
kind: DataContract
uuid: shop
version: 1.1.0
type: tables
status: current
datasetName: shop
quantumName: my quantum
datasetDomain: seller
productDl: sellers@example.org
productFeedbackUrl: null
dataset:
- table: tbl
  description: What it is
  priorTableName: null
  columns:
  - {column: id, logicalType: string, physicalType: varchar(18), isPrimaryKey: true, isNullable: false}
  - {column: at, logicalType: timestamp, physicalType: timestamp, isNullable: true, sampleValues: [2022-10-03]}
  - column: n
    logicalType: decimal
    physicalType: decimal(10,2)
    quality:
    - {templateName: NullCheck, toolName: Elevate, severity: error}
slaProperties:
- {property: latency, value: 4, unit: d, column: tbl.at}
stakeholders:
- {username: ada, role: Owner, dateIn: 2022-10-01}
"""


def test_the_second_edition_is_read_in_the_words_of_the_third() -> None:
    found = native.mapping(parse(SECOND.encode(), name="c.yaml").contract)

    assert [(field["name"], field["type"], field.get("required")) for field in found["schema"]] == [
        ("id", "string", True),
        ("at", "timestamp", None),
        ("n", "number", None),
    ]
    assert (found["dataset"], found["owner"]) == ({"namespace": "seller", "name": "tbl"}, "sellers@example.org")
    assert found["keys"] == [{"columns": ["id"]}]
    assert found["slos"][0]["target"] == {"max": 345_600}
    assert found["annotations"]["status"] == "current"
    named = [remark.where for remark in lint(SECOND.encode(), name="c.yaml") if "kept" in remark.what]
    assert named == ["c.yaml line 23"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: []\n", "line 6: schema: is empty"),
        ("schema: [{name: t}]\n", "line 6: schema.0: has no properties"),
        ("schema: [{name: t t, properties: [{name: a}]}]\nname: a b\n", None),
        ("status: {}\n", "the key 'status' stands twice"),
    ],
)
def test_what_holds_no_data_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert said(text)["name"] == "shop"
        return
    with pytest.raises(MalformedError) as caught:
        said(text)
    assert message in str(caught.value) or "has no object in its schema" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "ours"), [("1.0.0", "1.0.0"), ("v2", "2.0.0"), ("'1.1'", "1.1.0"), ("1.0.0-rc.1", "1.0.0-rc.1")]
)
def test_a_version_is_made_whole(number: str, ours: str) -> None:
    assert said("schema: [{name: t, properties: [{name: a}]}]\n", number=number)["version"] == ours


def test_a_large_contract_is_looked_at_object_by_object_in_time() -> None:
    columns = "".join(f"  - {{name: c{n}, logicalType: string, required: true}}\n" for n in range(60))
    text = (
        HEAD.format("3.1.0", "1.0.0")
        + "schema:\n"
        + "".join(f"- name: t{n}\n  properties:\n{columns}" for n in range(60))
    )

    start = time.perf_counter()
    found = lint(text.encode(), name="c.yaml")

    assert not any(remark.is_error for remark in found)
    assert time.perf_counter() - start < 20
