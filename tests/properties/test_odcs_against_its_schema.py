"""The standard's own JSON Schema and our tables give one verdict, on documents that are valid and on such that are not."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.dialects import odcs_check
from tests.odcs_documents import document, mutated

VERSION = "3.2.0"


@pytest.fixture(scope="module")
def oracle() -> jsonschema_rs.Draft201909Validator:
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text()
    schema = json.loads(text)
    # By the letter a property without logicalType would have to have a map and dimensions; later schemas mend it.
    for part in schema["$defs"]["SchemaBaseProperty"]["allOf"]:
        if "if" in part and part["if"].get("properties", {}).get("logicalType", {}).get("const") in ("map", "vector"):
            part["if"]["required"] = ["logicalType"]
    # The standard's RFC 26a, which the later schemas follow, lets an id hold more than ASCII.
    schema["$defs"]["StableId"]["pattern"] = r"^[^\s.#/\\@!%&^]+$"
    return jsonschema_rs.Draft201909Validator(schema)


def decimals(value: Any) -> Any:
    """JSON as yamlsafe reads it."""
    if isinstance(value, dict):
        return {key: decimals(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decimals(item) for item in value]
    return Decimal(str(value)) if isinstance(value, float) else value


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_both_say_the_same_of_a_document(oracle: jsonschema_rs.Draft201909Validator, seed: int) -> None:
    chance = random.Random(seed)
    made = document(VERSION, chance)
    assert oracle.is_valid(made), next(iter(oracle.iter_errors(made)))
    for changed in [made, *(mutated(made, chance) for _ in range(8))]:
        if not isinstance(changed, dict) or changed.get("apiVersion") != "v3.2.0" or _has_two_operators(changed):
            continue
        ours = [found for found in odcs_check.findings(decimals(changed), VERSION) if found.is_error]
        assert (ours == []) == oracle.is_valid(changed), (
            ours[:1],
            [str(error) for error in oracle.iter_errors(changed)][:1],
        )


def _has_two_operators(value: Any) -> bool:
    """The schema counts an operator with a value of a wrong type as none, and takes `metric` beside another type."""
    if isinstance(value, dict):
        given = [operator for operator in odcs_check.OPERATORS if operator in value]
        is_odd = "metric" in value and value.get("type", "library") != "library"
        return len(given) > 1 or is_odd or any(map(_has_two_operators, value.values()))
    return isinstance(value, list) and any(map(_has_two_operators, value))
