"""The example of each dialect, from its file to a contract of which every rule knows its line."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from contracts import enforce
from contracts.document import Document, parse, read
from contracts.metric import Found
from contracts.rules import rules_of
from contracts.source import file_source
from contracts.terms import Kind
from proofs.errors import MalformedError, MissingError

EXAMPLES = Path(__file__).parents[2] / "examples/contracts/dialects"
NOW = dt.datetime(2026, 11, 28, 10, tzinfo=dt.UTC)
PAIRS = {
    "customer-events.table.yaml": "customer-events.csv",
    "customer-master.source.yaml": "customer-master.csv",
    "user-features.features.yaml": "user-features.csv",
    "full/customer-accounts.yaml": "full/customer-accounts.csv",
    "full/customer-accounts.asset.yaml": "full/customer-accounts.csv",
    "odcs/orders.odcs.yaml": "odcs/orders.csv",
}


def example(name: str) -> Document:
    return read(EXAMPLES / name, object_name="orders" if name.startswith("odcs") else None)


@pytest.mark.parametrize(("name", "data"), PAIRS.items())
def test_an_example_goes_from_its_file_to_a_decision(name: str, data: str) -> None:
    document = example(name)

    found = enforce.evaluate(document, file_source(EXAMPLES / data))

    assert found.verdict.decision.value in ("ALLOW", "ALLOW_WITH_ALERT", "QUARANTINE", "BLOCK_AND_ROLLBACK")
    stated = [metric for metric in found.measurement.metrics if metric.rule.check is None]
    assert [metric.rule.id for metric in stated if metric.found is Found.FAILED] == []


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_recorded_reads_back_alone(name: str) -> None:
    document = example(name)

    again = parse(document.text.encode())

    assert again.contract == document.contract
    assert again.text == document.text


@pytest.mark.parametrize("name", PAIRS)
def test_every_rule_of_a_document_knows_its_file_and_line(name: str) -> None:
    document = example(name)

    for rule in rules_of(document.contract):
        file, _, line = document.where(rule.place).rpartition(" line ")
        text = Path(file).read_text(encoding="utf-8").splitlines()
        assert 1 <= int(line) <= len(text)
        if rule.columns and rule.check is None and rule.kind is not Kind.KEY:
            around = "\n".join(text[max(0, int(line) - 4) : int(line) + 4])
            assert rule.columns[0] in around, (rule.id, line)


def test_the_columns_of_a_table_hold_to_their_expressions() -> None:
    contract = example("customer-events.table.yaml").contract

    assert contract.version == "1.0.0"
    assert [(field.name, field.type) for field in contract.fields] == [
        ("customer_id", "string"),
        ("event_ts", "timestamp"),
        ("event_type", "string"),
        ("amount_usd", "number"),
    ]
    assert contract.fields[2].enum == ("view", "add_to_cart", "purchase")
    assert contract.fields[3].range is not None
    assert contract.fields[3].range.min == 0
    assert [check.kind for check in contract.checks] == ["freshness", "completeness", "range", "enum"]
    assert contract.notification is not None
    assert contract.notification.page_when["freshness"].above == 1_200
    assert contract.privacy is not None
    assert [target.name for target in contract.privacy.deletion_propagation] == [
        "features/customer",
        "vectors/customer",
    ]


def test_a_source_keeps_its_notice_and_its_service() -> None:
    contract = example("customer-master.source.yaml").contract

    assert contract.fields[0].format == "uuid"
    assert contract.fields[2].enum == ("Month-to-Month", "One Year", "Two Year")
    assert contract.change_policy is not None
    assert (contract.change_policy.notice_days, contract.change_policy.deprecation_days) == (30, 90)
    assert contract.change_policy.channels == ("#data-changes Slack channel",)
    assert [(slo.indicator, slo.target.max, slo.target.min) for slo in contract.slos] == [
        ("freshness", 300, None),
        ("availability", None, Decimal("0.999")),
    ]
    assert contract.annotations["sla"] == {"update_frequency": "real-time"}


def test_features_are_columns_with_their_nulls() -> None:
    contract = example("user-features.features.yaml").contract

    assert [(field.name, field.type, field.required, field.max_null) for field in contract.fields] == [
        ("user_id", "integer", True, None),
        ("user_age", "number", False, Decimal("0.3")),
        ("country_code", "string", True, None),
        ("signup_days_ago", "integer", False, None),
    ]


def test_two_engines_expressions_for_one_column_are_two_checks() -> None:
    contract = example("full/customer-accounts.yaml").contract

    patterns = {check.id: check.pattern for check in contract.checks if check.kind == "pattern"}
    assert set(patterns) == {"soda:email_format", "gx:2"}
    assert len(set(patterns.values())) == 2
    ages = {check.id: check.max_age_seconds for check in contract.checks if check.kind == "freshness"}
    assert ages == {"soda:updated_fresh": 7_200, "gx:3": 7_200, None: 7_200}
    assert contract.handling.schema_ == "block"
    assert (contract.handling.quality, contract.handling.sla) == ("quarantine", "alert")
    assert contract.quarantine is not None
    assert contract.quarantine.target == "s3://company-quarantine/customer_accounts/${ENVIRONMENT}"


def test_a_contract_and_its_asset_are_one_from_either_end() -> None:
    whole, from_asset = example("full/customer-accounts.yaml"), example("full/customer-accounts.asset.yaml")

    assert whole.contract == from_asset.contract
    assert whole.text == from_asset.text
    assert whole.where(("schema", 0, "name")) == f"{EXAMPLES / 'full/customer-accounts.asset.yaml'} line 7"
    assert whole.where(("handling", "schema")) == f"{EXAMPLES / 'full/customer-accounts.yaml'} line 29"


def test_a_file_that_is_named_and_not_there_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data_contract:\n  name: a\n  asset_ref: nowhere.yaml\n")

    with pytest.raises(MissingError, match=r"c\.yaml line 3: 'nowhere\.yaml' is not there"):
        read(path)


def test_a_named_file_stays_beside_the_document(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data_contract: {name: a, asset_ref: /etc/asset.yaml}\n")

    with pytest.raises(MissingError, match="is not there"):
        read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nschema:\n  b: flaot >= 0\n", "line 3: schema.b: 'flaot' is not a type that is known"),
        ("name: a\nschema:\n  b: float >=\n", "line 3: schema.b: 'float >=': a number is expected at the end"),
        (
            "name: a\nschema: {b: float}\nslos:\n  accuracy_checks:\n  - rule: c >= 0\n",
            "line 5: slos.accuracy_checks.0.rule: names 'c'",
        ),
        (
            "name: a\nschema: {b: date}\nslos:\n  completeness_pct: '> 5 minutes'\n",
            "line 4: slos.completeness_pct: '> 5 minutes': a share is no",
        ),
        ("name: a\nschema: {b: date}\nslos:\n  freshness: 15\n", "line 4: slos.freshness: '15': names no unit of time"),
        ("name: a\nschema: {b: date}\nallerts: {}\n", "line 3: allerts: is not a key that is known here"),
        ("name: a b\nschema: {b: date}\n", "line 1: name: 'a b' cannot be a name"),
        ("name: a\nversion: 1.x\nschema: {b: date}\n", "line 2: version: '1.x' is not a version"),
        (
            "data_source: a\nschema:\n  b: {type: string (UIUD)}\n",
            "line 3: schema.b.type: 'UIUD' is not a form of string",
        ),
        (
            "data_source: a\nschema: {b: string}\nchange_policy:\n  breaking_changes: soon\n",
            "line 4: change_policy.breaking_changes: 'soon'",
        ),
        (
            "data_source: a\nschema: {b: string}\nchange_policy: {breaking_changes: 1 month}\n",
            "a month has no one length; write days",
        ),
        (
            "data_source: a\nschema:\n  b: {type: string, required: true, nullable: true}\n",
            "schema.b.nullable: contradicts required",
        ),
        (
            "dataset: {name: a}\nfeatures:\n  b: {dtype: int, allow_null: false, max_null_rate: 0.1}\n",
            "max_null_rate: allows nulls, and allow_null does not",
        ),
        (
            "data_contract:\n  name: a\n  quality_checks: {soda: {checks: [{type: regx, column: b}]}}\n",
            "'regx' is not a check of Soda",
        ),
        (
            "data_contract:\n  name: a\n  quality_checks: {great_expectations: {checks: [{column: b}]}}\n",
            "names no expectation",
        ),
        ("data_contract:\n  name: a\n  quality_checks: {custom: [{function: f}]}\n", "'f' names no module"),
        (
            "data_contract:\n  name: a\n  violation_handling: {on_sla_violation: shout}\n",
            "'shout' is not a word that is known here",
        ),
        (
            "data_contract:\n  name: a\n  violation_handling: {quarantine: {s3_bucket: '${B'}}\n",
            "a variable is written",
        ),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line(text: str, message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse(text.encode(), name="c.yaml")

    assert message in str(caught.value)
    assert str(caught.value).startswith("c.yaml line ")


def test_an_expectation_that_we_lack_stays_one_of_its_engine() -> None:
    text = "data_contract: {name: a, quality_checks: {great_expectations: {checks: [{expect_column_kl_to_be: {column: b}}]}}}"

    (check,) = parse(text.encode()).contract.checks

    assert check.kind == "foreign"
    assert check.definition == {"type": "expect_column_kl_to_be", "kwargs": {"column": "b"}}
