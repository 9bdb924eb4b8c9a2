"""The JSON Schema of a dialect refuses nothing that its reader takes, and every fault of shape that its reader refuses."""

from __future__ import annotations

import copy
import json
import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import yamlsafe
from contracts.dialects import asset, features, full, native, riskfile, source, table, yamlwrite
from contracts.dialects.sniff import sniff
from contracts.document import parse, read
from contracts.policyfile import parse_policy
from contracts.schemas.catalogue import SCHEMAS, file_name, printed, schema
from proofs.errors import TallyError
from tests.odcs_documents import mutated
from tests.properties.test_dialects_never_crash import FILES, VALUES
from tests.properties.test_odcs_against_its_schema import decimals

VALIDATORS = {name: jsonschema_rs.Draft202012Validator(json.loads(printed(name))) for name in SCHEMAS}
EVERY = Path(__file__).parents[1] / "vectors/dialects"


def starts() -> list[tuple[str, Path, Any]]:
    """A dialect, its file, and its value: the examples, all keys of each dialect, and our own form of those."""
    told = {path: sniff(yamlsafe.Parsed(VALUES[path], {}), name=path.name).value for path in FILES}
    found = [(told[path], path, VALUES[path]) for path in FILES if told[path] != "odcs"]
    for path in sorted(EVERY.glob("*.yaml")):
        dialect = path.name.split(".")[1]
        found.append((dialect, path, yamlsafe.parse(path.read_bytes(), name=path.name).value))
    for dialect, path, _ in list(found):
        if dialect not in ("risk", "policy"):
            found.append(("tally", path, native.mapping(read(path).contract)))
    return found


STARTS = starts()

# What no schema can say, in the readers' own words; docs/formats/dialects.md lists the same.
BEYOND = re.compile(
    "|".join(
        [
            # Bounds of what is of the right kind: not every one that a reader comes to is in the schema.
            r"a name is empty|should have at (least|most)|should be (greater|less) than",
            r"did you mean",  # a key or a word that is nearly a known one
            r"reads as|is no contract in any way|a policy file is no contract|an object is chosen",  # which dialect it is
            r"cannot be read from|is expected|does not begin with|stands behind|may be a word or|is not read here",
            r"is not a type that is known|is not a form of|no unit of time|names a unit|names no unit|no one length",
            r"says neither a percentage|a share |an age |a greatest age|is not a span of risk|is not a semantic version",
            r"a list names|lists numbers|lies nothing|states two bounds|a text is compared|is no length of time",
            r"is not (now|in the past|a whole number of days|a day written|written YYYY|written package|a version)",
            r"a date in a longer|a moment relative to now|names no module",
            r"which the schema does not have|is not in the schema|names no column|names the contract's own",
            r"is the (name|id) of two|two fields have one name|holds a value twice|names a column twice|stands twice",
            r"is not a rule that the field has|has no tolerance|goes with|go with|exclude each other|expected \d",
            r"contradicts|begins at|is above|is not below|above its|no row is about|allows nulls",
            r"stands beside|holds a value of another type|bounds written|integer bounds|numeric bounds|is one column",
            r"states a bound inclusive|compares a number with text|decimal places|has at most|which no entry may hold",
            r"neither a severity nor a kind|is not there|a variable is written",
        ]
    )
)


def floats(value: Any) -> Any:
    """What the YAML reader made, as JSON has it."""
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [floats(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def refusal(value: Any, dialect: str, path: Path) -> str | None:
    """Why a reader refuses a document; None where it takes it."""
    text = yamlwrite.dump(value) if isinstance(value, dict) else yamlwrite.flow(value)
    siblings = {other.name: VALUES[other] for other in FILES if other.parent == path.parent and other != path}

    def beside(named: str) -> tuple[bytes, str] | None:
        found = siblings.get(named)
        return None if found is None else (yamlwrite.dump(found).encode(), named)

    try:
        if dialect in ("risk", "policy"):
            parse_policy(text.encode(), name="c.yaml")
        else:
            parse(text.encode(), name="c.yaml", beside=beside)
    except TallyError as error:
        return f"{error} ({error.hint})"
    return None


@pytest.mark.parametrize(("dialect", "path", "value"), STARTS, ids=lambda value: getattr(value, "name", str(value)[:8]))
def test_a_document_that_is_read_is_what_its_schema_describes(dialect: str, path: Path, value: Any) -> None:
    assert refusal(value, dialect, path) is None
    assert [str(error) for error in VALIDATORS[dialect].iter_errors(floats(value))] == []


# Always the same mutants: one in some ten thousand meets a bound that no schema says yet, and that is found by hand, with more.
@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.sampled_from(STARTS), st.integers(0, 2**32), st.integers(1, 3))
def test_reader_and_schema_agree_on_a_mutant(start: tuple[str, Path, Any], seed: int, times: int) -> None:
    dialect, path, value = start[0], start[1], copy.deepcopy(start[2])
    chance = random.Random(seed)
    for _ in range(times):
        value = decimals(mutated(value, chance))

    refused, described = refusal(value, dialect, path), VALIDATORS[dialect].is_valid(floats(value))

    if refused is None:
        assert described, [str(error) for error in VALIDATORS[dialect].iter_errors(floats(value))]
    else:
        assert not described or BEYOND.search(refused), refused


@pytest.mark.parametrize(
    ("dialect", "known"),
    [
        ("table", table.KEYS),
        ("source", source.KEYS),
        ("features", features.KEYS),
        ("risk", riskfile.KEYS),
        ("asset", asset.KEYS),
        ("full", full.KEYS),
    ],
)
def test_a_schema_knows_the_keys_that_its_reader_knows(dialect: str, known: frozenset[str]) -> None:
    found = schema(dialect)
    inside = {"asset": "asset", "full": "data_contract"}.get(dialect)
    properties = found["properties"] if inside is None else found["properties"][inside]["properties"]

    assert known - set(properties) == set()


@pytest.mark.parametrize("dialect", SCHEMAS)
def test_the_file_of_a_schema_is_what_the_code_prints(dialect: str) -> None:
    """After a change: .venv/bin/tally contract json-schema DIALECT > schemas/FILE"""
    text = (EVERY.parents[2] / "schemas" / file_name(dialect)).read_text(encoding="utf-8")

    assert text == printed(dialect)
    assert jsonschema_rs.meta.is_valid(json.loads(text))


@pytest.mark.parametrize(
    ("dialect", "change", "where"),
    [
        ("table", {"slos": {"accuracy_checks": [{"rule": "a > 0", "weigth": 1}]}}, "accuracy_checks"),
        ("table", {"name": 7}, "name"),
        ("source", {"schema": []}, "schema"),
        ("source", {"change_policy": {"breaking_changes": ["30 days"]}}, "breaking_changes"),
        ("features", {"features": {"a": {"allow_null": "no"}}}, "features"),
        ("risk", {"risk": {"blok": 0.4}}, "risk"),
        ("full", {"data_contract": {"asset_ref": "a"}}, "data_contract"),
        ("asset", {"asset": {"name": "a", "schema": [{"type": "string"}]}}, "schema"),
        ("tally", {"owners": "a"}, "owners"),
        ("policy", {"risk": {"block_at": "0.4"}}, "block_at"),
    ],
)
def test_a_fault_of_shape_is_refused_at_its_place(dialect: str, change: dict[str, Any], where: str) -> None:
    value = next(copy.deepcopy(value) for name, _, value in STARTS if name == dialect)

    errors = list(VALIDATORS[dialect].iter_errors(floats({**value, **change})))

    assert any(where in "/".join(map(str, error.instance_path)) or f"'{where}'" in error.message for error in errors)
