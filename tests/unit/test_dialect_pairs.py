"""A contract of dialect (d) and its asset in one file; and dialect (c) with a namespace of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.document import parse, read
from contracts.rules import rules_of
from proofs.errors import MalformedError

CONTRACT = """\
data_contract:
  name: accounts
  version: 1.0.0
  quality_checks: {soda: {engine: soda, checks: [{type: range, column: n, min: 0, max: 10}]}}
"""
ASSET = "asset: {name: accounts, object: accounts.csv, schema: [{name: id, type: string}, {name: n, type: integer}]}\n"


def test_a_contract_and_its_asset_in_one_file_are_held_to_together() -> None:
    document = parse((CONTRACT + ASSET).encode(), name="both.yaml")

    assert [rule.id for rule in rules_of(document.contract)] == [
        "present:id",
        "type:id",
        "present:n",
        "type:n",
        "row_count",
        "extra_columns",
        "soda:1",
    ]
    assert document.where(("schema", 1, "name")) == "both.yaml line 5"
    assert document.where(("checks", 0)) == "both.yaml line 4"
    assert document.text == CONTRACT + ASSET


def test_two_contracts_for_one_asset_are_none() -> None:
    asset = ASSET.replace("object: accounts.csv", "data_contract: {contract_path: other.yaml}")

    with pytest.raises(MalformedError, match=r"^both\.yaml line 5: .*names a contract, and one stands in this file"):
        parse((CONTRACT + asset).encode(), name="both.yaml")


@pytest.mark.parametrize(
    "beside", ["data_contract: {enforcement_mode: strict}", "data_contract: [a]", "data_contract: {inline_checks: []}"]
)
def test_what_stands_beside_an_asset_is_not_passed_over(beside: str) -> None:
    with pytest.raises(MalformedError, match=r"^a\.yaml line 2: .*stands beside an asset"):
        parse(f"{ASSET}{beside}\n".encode(), name="a.yaml")


def test_a_contract_that_stands_in_the_file_of_another_ones_asset_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT + "  asset_ref: both.yaml\n")
    (tmp_path / "both.yaml").write_text(CONTRACT + ASSET)

    with pytest.raises(MalformedError, match="stands beside an asset"):
        read(tmp_path / "c.yaml")


def test_what_else_an_assets_file_says_is_kept() -> None:
    document = parse(f"{ASSET}team: {{name: growth}}\n".encode(), name="a.yaml")

    assert document.contract.annotations["team"] == {"name": "growth"}


def test_features_may_name_the_namespace_of_their_dataset() -> None:
    text = "dataset: {name: user_features, namespace: shop}\nfeatures: {user_id: {dtype: int, allow_null: false}}\n"

    document = parse(text.encode(), name="c.yaml")

    assert (document.contract.dataset.namespace, document.contract.dataset.name) == ("shop", "user_features")
    assert document.dialect == "features"
