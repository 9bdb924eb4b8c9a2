"""From a file to a contract: what is accepted, and which line is wrong."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.document import parse, read
from contracts.model import Contract, Dataset
from contracts.rules import rules_of
from proofs.errors import MalformedError, MissingError

TEXT = """\
name: household-features
version: 1.2.0
dataset: {namespace: demo, name: features.household}
owner: growth analytics
schema:
  - name: household_id
    type: integer
    required: true
    unique: true
    range: {min: 1}
  - name: spend
    type: number
    range: {min: 0, max: 100000.5}
    max_null: 0.02
    severity: {max_null: info}
    weight: 2
  - name: segment
    type: string
    enum: [loyal, lapsing, new]
    pattern: '[a-z]+'
    tolerance: {enum: 0.01}
  - {name: joined, type: date, range: {min: 2015-01-01, max: 2030-12-31}}
  - {name: seen, type: timestamp, range: {max: "2030-01-01T00:00:00+02:00"}, severity: info}
  - {name: note, type: any}
keys:
  - [household_id, joined]
  - {columns: [segment], severity: warning, tolerance: 0.9}
row_count: {min: 10, max: 5000000, severity: critical}
extra_columns: {severity: warning}
policy: {alert_at: 0.1, block_at: 0.3, alert_on: info, block_on: never}
privacy:
  subject_key: household_id
  deletion_propagation: [scores, {namespace: mail, name: audience}]
"""


def contract() -> Contract:
    return parse(TEXT.encode()).contract


def test_every_rule_of_a_contract_has_its_severity_weight_and_tolerance() -> None:
    rules = [(rule.id, rule.severity.value, rule.weight, rule.tolerance) for rule in rules_of(contract())]

    assert rules == [
        ("present:household_id", "critical", 1_000_000, 0),
        ("type:household_id", "critical", 1_000_000, 0),
        ("required:household_id", "critical", 1_000_000, 0),
        ("unique:household_id", "critical", 1_000_000, 0),
        ("range:household_id", "warning", 300_000, 0),
        ("present:spend", "critical", 2_000_000, 0),
        ("type:spend", "critical", 2_000_000, 0),
        ("max_null:spend", "info", 2_000_000, 20_000),
        ("range:spend", "warning", 2_000_000, 0),
        ("present:segment", "critical", 1_000_000, 0),
        ("type:segment", "critical", 1_000_000, 0),
        ("enum:segment", "warning", 300_000, 10_000),
        ("pattern:segment", "warning", 300_000, 0),
        ("present:joined", "critical", 1_000_000, 0),
        ("type:joined", "critical", 1_000_000, 0),
        ("range:joined", "warning", 300_000, 0),
        ("present:seen", "info", 0, 0),
        ("type:seen", "info", 0, 0),
        ("range:seen", "info", 0, 0),
        ("present:note", "critical", 1_000_000, 0),
        ("key:1", "critical", 1_000_000, 0),
        ("key:2", "warning", 300_000, 900_000),
        ("row_count", "critical", 1_000_000, 0),
        ("extra_columns", "warning", 300_000, 0),
    ]


def test_a_bare_name_is_a_dataset_of_the_contracts_own_namespace() -> None:
    privacy = contract().privacy

    assert privacy is not None
    assert privacy.deletion_propagation == (
        Dataset(namespace="demo", name="scores"),
        Dataset(namespace="mail", name="audience"),
    )


def test_a_contract_that_says_little_still_wants_a_row_and_blocks_on_what_is_critical() -> None:
    small = parse(
        b"name: c\nversion: 0.1.0\ndataset: {namespace: n, name: d}\nschema: [{name: id, type: string}]"
    ).contract

    assert (small.row_count.min, small.row_count.max) == (1, None)
    assert small.policy.model_dump() == {
        "alert_at": Decimal("0.25"),
        "block_at": Decimal("0.4"),
        "quarantine_at": None,
        "alert_on": "warning",
        "quarantine_on": "never",
        "block_on": "critical",
    }


def test_the_hash_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(TEXT.encode().replace(b"\n", b"\r\n"))

    document = read(file)

    assert document.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert document.text.encode() == file.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1.2.0\n", "", "line 1: version: is missing"),
        ("version: 1.2.0", "version: 1.2", "line 2: version: is not text; quote it"),
        ("version: 1.2.0", "version: v1", "line 2: version: 'v1' is not a semantic version"),
        ("name: household-features", "name: house hold", "line 1: name: a name is 1 to 128 letters, digits"),
        ("owner: growth analytics", "owners: x", "line 4: owners: is not a key that a contract knows"),
        ("owner: growth analytics", "owner: 7", "line 4: owner: is not text; quote it"),
        ("name: features.household}", "name: ''}", "line 3: dataset.name: a name is empty"),
        ("name: features.household}", 'name: "a\\u0085"}', "line 3: dataset.name: a name holds the character U+0085"),
        ("type: integer", "type: int", "line 7: schema.0.type: is not 'string', 'integer'"),
        ("required: true", "required: 'true'", "line 8: schema.0.required: is neither true nor false"),
        ("required: true", "required: true\n    max_null: 0.1", "line 9: schema.0.max_null: required and max_null exclude"),
        ("range: {min: 1}", "range: {}", "line 10: schema.0.range: states no bound"),
        ("range: {min: 1}", "range: {min: 1.5}", "line 10: schema.0.range: the range of an integer field has integer bounds"),
        ("range: {min: 1}", "range: {min: true}", "line 10: schema.0.range.min: a bound or value is a number or text"),
        ("range: {min: 1}", "range: {min: 5, max: 4}", "line 10: schema.0.range: has its lower bound above its upper"),
        ("range: {min: 1}", f"range: {{max: {'9' * 39}}}", "line 10: schema.0.range.max: a number has at most 38 digits"),
        ("{min: 0, max: 100000.5}", "{min: a}", "line 13: schema.1.range: the range of a number field has numeric bounds"),
        ("min: 2015-01-01", "min: 2015-02-30", "line 22: schema.3.range: day is out of range for month"),
        ("min: 2015-01-01", "min: 15-1-1", "line 22: schema.3.range: the range of a date field has bounds written YYYY-MM-DD"),
        ("2030-01-01T00:00:00+02:00", "noon", "line 23: schema.4.range: the range of a timestamp field has bounds written"),
        ("type: any", "type: any, range: {min: 1}", "line 24: schema.5.range: a range goes with type integer, number, date"),
        ("type: any", "type: boolean, enum: [a]", "line 24: schema.5.enum: an enum goes with type string, integer or number"),
        ("type: any", "type: integer, pattern: a", "line 24: schema.5.pattern: a pattern goes with type string, not integer"),
        ("type: any", "type: any, unique: [a]", "line 24: schema.5.unique: is neither true nor false"),
        ("[loyal, lapsing, new]", "x", "line 19: schema.2.enum: is not a list"),
        ("[loyal, lapsing, new]", "[]", "line 19: schema.2.enum:"),
        ("[loyal, lapsing, new]", "[loyal, 1]", "line 19: schema.2.enum: the enum of a field of type string holds"),
        ("[loyal, lapsing, new]", "[a, a]", "line 19: schema.2.enum: an enum holds a value twice"),
        ("max_null: 0.02", "max_null: 1.1", "line 14: schema.1.max_null: a fraction lies within 0 and 1"),
        ("max_null: 0.02", "max_null: -0.1", "line 14: schema.1.max_null: a fraction lies within 0 and 1"),
        ("max_null: 0.02", "max_null: 0.0000001", "line 14: schema.1.max_null: a fraction has at most six decimal places"),
        ("max_null: 0.02", "max_null: some", "line 14: schema.1.max_null: a fraction is a number"),
        ("{max_null: info}", "fatal", "line 15: schema.1.severity: a severity is info, warning or critical"),
        ("{max_null: info}", "{enum: info}", "line 15: schema.1.severity.enum: is not a rule that the field has"),
        ("weight: 2", "weight: 1001", "line 16: schema.1.weight: a weight lies within 0 and 1000"),
        ("{enum: 0.01}", "{present: 0.5}", "line 21: schema.2.tolerance.present: has no tolerance"),
        ("name: note", "name: SPEND", "line 24: schema.5: two fields have one name (upper and lower case count as the same)"),
        ("[household_id, joined]", "[household_id, gone]", "line 26: keys.0: names 'gone', which the schema"),
        ("[household_id, joined]", "[joined, joined]", "line 26: keys.0: names a column twice"),
        ("{min: 10, max: 5000000,", "{min: 10, max: 9,", "line 28: row_count: row_count's min is above its max"),
        ("{min: 10, max: 5000000,", "{min: -1,", "line 28: row_count.min: input should be greater than or equal to 0"),
        ("alert_at: 0.1,", "alert_at: 0.4,", "line 30: policy: alert_at is above 0 and not above block_at"),
        ("alert_at: 0.1,", "alert_at: 0,", "line 30: policy: alert_at is above 0 and not above block_at"),
        ("subject_key: household_id", "subject_key: who", "line 32: privacy.subject_key: 'who' is not in the schema"),
        ("[scores,", "[features.household,", "line 33: privacy.deletion_propagation: names the contract's own dataset"),
        ("[scores,", "[7,", "line 33: privacy.deletion_propagation.0: is not a mapping"),
        ("schema:\n", "schema: x\nrest:\n", "line 6: rest: is not a key that a contract knows"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(old: str, new: str, message: str) -> None:
    assert TEXT.count(old) == 1

    with pytest.raises(MalformedError) as caught:
        parse(TEXT.replace(old, new).encode(), name="c.yaml")

    assert str(caught.value).startswith(f"c.yaml {message}")


@pytest.mark.parametrize(
    ("old", "new", "where", "hint"),
    [
        ("owner: growth analytics", "ownr: x", "c.yaml line 4", "did you mean 'owner'?"),
        ("schema:\n", "shema:\n", "c.yaml line 5", "did you mean 'schema'?"),
        ("type: integer", "tpye: integer", "c.yaml line 7", "did you mean 'type'?"),
        ("type: integer", "type: integr", "c.yaml line 7", "did you mean 'integer'?"),
        ("range: {min: 1}", "range:\n      {mni: 1}", "c.yaml line 11", "did you mean 'min'?"),
        ("range: {min: 1}", "rnge:\n      {min: 1}", "c.yaml line 10", "did you mean 'range'?"),
        ("subject_key: household_id", "subjekt_key: household_id", "c.yaml line 32", "did you mean 'subject_key'?"),
        ("subject_key: household_id", "subject_key: houshold_id", "c.yaml line 32", "did you mean 'household_id'?"),
        ("{max_null: info}", "{maxnull: info}", "c.yaml line 15", "did you mean 'max_null'?"),
        (
            "alert_at: 0.1,",
            "wobble: 0.1,",
            "c.yaml line 30",
            "known here: alert_at, alert_on, block_at, block_on, quarantine_at, quarantine_on",
        ),
        ("version: 1.2.0", "version: 1.2", "c.yaml line 2", ""),
    ],
)
def test_a_misspelt_key_or_word_is_named_on_its_own_line_with_what_was_probably_meant(
    old: str, new: str, where: str, hint: str
) -> None:
    assert TEXT.count(old) == 1

    with pytest.raises(MalformedError) as caught:
        parse(TEXT.replace(old, new).encode(), name="c.yaml")

    assert (caught.value.where, caught.value.hint) == (where, hint)


@pytest.mark.parametrize("text", ["- a", "text", "7", "null", "{}"])
def test_what_is_no_mapping_of_keys_is_no_contract(text: str) -> None:
    with pytest.raises(MalformedError, match=re.escape("contract line 1: ")):
        parse(text.encode())


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="contract cannot be read: No such file or directory"):
        read(tmp_path / "none.yaml")
