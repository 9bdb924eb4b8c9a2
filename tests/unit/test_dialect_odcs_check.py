"""ODCS under the version that a document declares: what is wrong, on which line, and under which version it would not be."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from contracts import yamlsafe
from contracts.dialects import odcs_check
from contracts.dialects.odcs_notation import VERSIONS, tables
from proofs.errors import MalformedError
from tests.odcs_documents import document
from tests.properties.test_odcs_against_its_schema import decimals

HEAD = "apiVersion: v{}\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n"


def refusal(version: str, text: str) -> MalformedError:
    parsed = yamlsafe.parse((HEAD.format(version) + text).encode(), name="c.yaml")
    with pytest.raises(MalformedError) as caught:
        odcs_check.require(parsed, name="c.yaml")
    return caught.value


def accepted(version: str, text: str) -> tuple[odcs_check.Finding, ...]:
    parsed = yamlsafe.parse((HEAD.format(version) + text).encode(), name="c.yaml")
    assert odcs_check.require(parsed, name="c.yaml") == version
    return odcs_check.findings(parsed.value, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_document_with_every_key_of_its_version_is_valid(version: str) -> None:
    seen: set[str] = set()
    for seed in range(100):
        made = document(version, random.Random(seed), is_full=True)
        assert odcs_check.findings(decimals(made), version) == ()
        seen |= set(_keys(made))

    every = {key for name, table in tables(version).items() if _is_of(name, version) for key in table.keys}
    assert every - seen == set()


def _is_of(table: str, version: str) -> bool:
    second = {"Root2", "Table", "Column", "Quality2", "Price2", "Stakeholder", "Role2", "Sla2"}
    shared = {"Description", "Definition", "Custom"}
    new = {"Context", "Statement", "Constraint", "KeyValue", "Options.vector", "Enum", "Synonym"}
    newer = {"Team", "ObjectRelation", "PropertyRelation", "Options.timestamp", "Options.time"}
    if version < "3":
        return table in second | shared
    late = (new if version < "3.2" else set()) | (newer if version < "3.1" else set())
    if table.startswith("Server."):
        return table.partition(".")[2] in tables(version)["Server"].keys["type"].types[0].words
    return table not in second | late


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


def test_a_misspelt_key_has_its_line_and_the_nearest_known() -> None:
    error = refusal("3.1.0", "schema:\n- name: orders\n  properties:\n  - name: id\n    logicalTyp: string\n")

    assert (
        str(error) == "c.yaml line 10: schema.0.properties.0.logicalTyp: is not a key that is known here (ODCS 3.1.0)"
    )
    assert error.hint == "did you mean 'logicalType'?"


@pytest.mark.parametrize(
    ("version", "newer", "text"),
    [
        ("3.0.2", "3.1.0", "team: {name: sellers, members: []}\n"),
        ("3.0.0", "3.0.1", "authoritativeDefinitions: []\n"),
        ("3.0.1", "3.0.2", "schema: [{name: a, properties: [{name: b, physicalName: c}]}]\n"),
        (
            "3.1.0",
            "3.2.0",
            "schema: [{name: a, properties: [{name: b, logicalType: map, map: {key: {}, value: {}}}]}]\n",
        ),
        ("3.0.2", "3.2.0", "context: how to read this\n"),
    ],
)
def test_what_a_newer_version_allows_is_said(version: str, newer: str, text: str) -> None:
    error = refusal(version, text)

    assert error.hint.endswith(f"the document is valid under {newer}: apiVersion: v{newer}")
    assert accepted(newer, text) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: 3\n", "line 6: name: 3 is not text"),
        ("tags: finance\n", "line 6: tags: 'finance' is not a list"),
        ("tags: [1]\n", "line 6: tags.0: 1 is not text"),
        ("description:\n", "line 6: description: nothing is not a mapping"),
        ("price: {priceAmount: '9'}\n", "line 6: price.priceAmount: '9' is not a number"),
        ("servers:\n- {server: a, type: postgrs}\n", "line 7: servers.0.type: 'postgrs' is not one of the words"),
        ("servers:\n- {server: a, type: s3}\n", "line 7: servers.0.location: is missing"),
        ("slaProperties:\n- property: latency\n", "line 7: slaProperties.0.value: is missing"),
        ("schema:\n- name: a\n  quality:\n  - {metric: rowCount}\n", "line 9: schema.0.quality.0: has no operator"),
        (
            "schema:\n- name: a\n  quality:\n  - {type: sql, mustBe: 1}\n",
            "line 9: schema.0.quality.0.query: is missing",
        ),
        (
            "schema:\n- name: a\n  quality:\n  - {metric: rowCount, mustBe: 1, mustBeLessThan: 2}\n",
            "schema.0.quality.0.mustBeLessThan: has 2 operators, one is read",
        ),
        (
            "schema:\n- name: a\n  properties:\n  - {name: b, logicalType: string, logicalTypeOptions: {maximum: 2}}\n",
            "schema.0.properties.0.logicalTypeOptions.maximum: is not a key that is known here",
        ),
        (
            "schema:\n- name: a\n  properties:\n  - {name: b, logicalType: string, items: {}}\n",
            "schema.0.properties.0.items: stands with logicalType array, not 'string'",
        ),
        ("schema:\n- {name: a, id: has blank}\n", "line 7: schema.0.id: 'has blank' is not an id"),
        (
            "schema:\n- {name: a, relationships: [{from: a, to: b.c}]}\n",
            "schema.0.relationships.0.from: 'a' is not a reference",
        ),
        (
            "schema:\n- {name: a, relationships: [{from: [a.b], to: b.c}]}\n",
            "schema.0.relationships.0.to: one end names several columns, the other one",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(text: str, message: str) -> None:
    assert message in str(refusal("3.2.0", text))


def test_a_key_in_an_open_place_is_named_and_refused_by_nobody() -> None:
    (found,) = accepted("3.0.2", "price: {priceAmout: 9}\n")

    assert (found.path, found.is_error, found.hint) == (("price", "priceAmout"), False, "did you mean 'priceAmount'?")


@pytest.mark.parametrize("given", ["v3.3.0", "3.1.0", "v2.1.0", "latest", "[]", "3.1"])
def test_another_version_is_refused_with_those_that_are_read(given: str) -> None:
    parsed = yamlsafe.parse(HEAD.format("X").replace("vX", given).encode(), name="c.yaml")

    with pytest.raises(
        MalformedError, match=r"c\.yaml line 1: apiVersion: .* is not a version of ODCS that is read"
    ) as caught:
        odcs_check.require(parsed, name="c.yaml")

    assert caught.value.hint.startswith("read are v2.2.0, v2.2.1")


def test_five_thousand_lines_are_checked_in_a_fraction_of_a_second() -> None:
    column = {"name": "x", "logicalType": "string", "physicalType": "varchar(18)", "required": True, "tags": ["a"]}
    table = {"name": "t", "properties": [dict(column, name=f"c{n}", quality=[]) for n in range(12)]}
    head = {"apiVersion": "v3.0.2", "kind": "DataContract", "id": "a", "version": "1.0.0", "status": "active"}
    big = {**head, "schema": [dict(table, name=f"t{n}") for n in range(70)]}
    tables("3.0.2")

    start = time.perf_counter()
    found = odcs_check.findings(big, "3.0.2")

    assert found == ()
    assert time.perf_counter() - start < 0.3
