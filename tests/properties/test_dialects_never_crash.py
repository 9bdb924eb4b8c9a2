"""Whatever is done to a document of any dialect, what comes out is a contract or one clear sentence."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import yamlsafe
from contracts.dialects import native, odcs_writer, yamlwrite
from contracts.document import parse, read
from contracts.policyfile import parse_policy
from contracts.rules import rules_of
from proofs.errors import MalformedError, TallyError
from tests.odcs_documents import document, mutated
from tests.properties.test_odcs_against_its_schema import decimals

EXAMPLES = Path(__file__).parents[2] / "examples/contracts"
FILES = [
    *sorted(EXAMPLES.glob("dialects/*.yaml")),
    *sorted(EXAMPLES.glob("dialects/*/*.yaml")),
    *sorted(EXAMPLES.glob("*.yaml")),
]
VALUES = {path: yamlsafe.parse(path.read_bytes(), name=path.name).value for path in FILES}


def outcome(value: Any, path: Path) -> str:
    """What becomes of a document: its dialect, or the sentence that refuses it."""
    text = yamlwrite.dump(value) if isinstance(value, dict) else yamlwrite.flow(value)
    siblings = {other.name: VALUES[other] for other in FILES if other.parent == path.parent}

    def beside(named: str) -> tuple[bytes, str] | None:
        found = siblings.get(named)
        return None if found is None else (yamlwrite.dump(found).encode(), named)

    try:
        found = parse(
            text.encode(), name="c.yaml", object_name="orders" if "odcs" in path.name else None, beside=beside
        )
        for rule in rules_of(found.contract):
            assert " line " in found.where(rule.place)
        assert parse(found.text.encode()).contract == found.contract
    except TallyError as error:
        return one_sentence(error)
    return found.dialect


def one_sentence(error: TallyError) -> str:
    """What an error says, which is one line of bearable length."""
    text = str(error)
    assert "\n" not in text
    assert text.startswith(("c.yaml", "customer-"))
    assert len(text) < 600
    return text


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 2**32), st.integers(1, 3))
def test_a_mutated_document_is_read_or_refused_in_a_sentence(path: Path, seed: int, times: int) -> None:
    chance = random.Random(seed)
    value = copy.deepcopy(VALUES[path])
    for _ in range(times):
        value = decimals(mutated(value, chance))

    assert outcome(value, path)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["2.2.2", "3.0.0", "3.0.2", "3.1.0", "3.2.0"]), st.booleans())
def test_any_valid_contract_of_the_standard_is_read_or_refused_in_a_sentence(
    seed: int, version: str, changed: bool
) -> None:
    chance = random.Random(seed)
    value = decimals(document(version, chance))
    value["version"] = "1.0.0"
    if changed:
        value = decimals(mutated(value, chance))
    try:
        parsed = yamlsafe.parse(yamlwrite.dump(value).encode(), name="c.yaml")
    except MalformedError:
        return  # a full document may nest deeper than any is read
    schema = parsed.value.get("schema") or parsed.value.get("dataset") or []
    name = next((each.get("name", each.get("table")) for each in schema if isinstance(each, dict)), None)
    try:
        parse(yamlwrite.dump(value).encode(), name="c.yaml", object_name=name if isinstance(name, str) else None)
    except TallyError as error:
        one_sentence(error)


@pytest.mark.parametrize("path", [path for path in FILES if "risk" not in path.name], ids=lambda path: path.name)
def test_what_is_written_as_odcs_is_read_as_the_same(path: Path) -> None:
    contract = read(path, object_name="orders" if "odcs" in path.name else None).contract

    text = odcs_writer.write(contract)

    assert parse(text.encode(), name="c.odcs.yaml").contract == contract
    assert parse(native.document(contract).encode()).contract == contract


def test_a_part_that_was_edited_since_is_refused() -> None:
    contract = read(EXAMPLES / "household-features.yaml").contract
    value = odcs_writer.mapping(contract)
    value["schema"][0]["properties"][0]["required"] = False

    with pytest.raises(MalformedError, match="was edited since its schema was written here") as caught:
        parse(yamlwrite.dump(value).encode())

    assert caught.value.hint.startswith("remove schema here")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([path for path in FILES if "risk" not in path.name]), st.integers(0, 2**32))
def test_what_a_mutant_says_survives_odcs_too(path: Path, seed: int) -> None:
    value = decimals(mutated(copy.deepcopy(VALUES[path]), random.Random(seed)))
    try:
        contract = parse(yamlwrite.dump(value).encode(), object_name="orders" if "odcs" in path.name else None).contract
    except TallyError:
        return

    assert parse(odcs_writer.write(contract).encode()).contract == contract


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_mutated_policy_is_read_or_refused(seed: int) -> None:
    path = EXAMPLES / "dialects/user-features.risk.yaml"
    value = decimals(mutated(copy.deepcopy(VALUES[path]), random.Random(seed)))
    try:
        document = parse_policy(yamlwrite.dump(value).encode(), name="c.yaml")
    except TallyError as error:
        one_sentence(error)
    else:
        assert parse_policy(document.text.encode(), name="entry 7").policy == document.policy


texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, json_values, max_size=5))
def test_what_is_written_as_yaml_is_read_as_it_was(value: dict[str, Any]) -> None:
    assert yamlsafe.parse(yamlwrite.dump(value).encode(), name="c.yaml").value == value


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "an anchor is not read here"),
        ("name: a\nschema: !!python/object/apply:os.system [ls]\n", "a tag is not read here"),
        ("name: a\nname: b\nschema: {}\n", "stands twice"),
        ("data_contract: {<<: {name: a}}\n", "a merge key is not read here"),
        ("name: a\nschema: " + "{b: " * 33 + "c" + "}" * 33, "nests deeper than 32"),
        ("x" * (yamlsafe.MAX_BYTES + 1), "at most 1000000 are read"),
        ("schema: [a", "not YAML"),
    ],
)
def test_tricks_are_refused_before_any_dialect_sees_them(text: str, message: str) -> None:
    with pytest.raises(MalformedError, match=r"^c\.yaml") as caught:
        parse(text.encode(), name="c.yaml")

    assert message in str(caught.value)


def test_fifty_megabytes_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)

    with pytest.raises(MalformedError, match="at most 1000000 are read"):
        read(path)
