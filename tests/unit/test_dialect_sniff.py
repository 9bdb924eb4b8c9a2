"""Which way of writing a contract a document follows."""

from __future__ import annotations

import pytest

from contracts import yamlsafe
from contracts.dialects.sniff import Dialect, sniff
from proofs.errors import MalformedError


def told(text: str) -> Dialect:
    return sniff(yamlsafe.parse(text.encode(), name="c.yaml"), name="c.yaml")


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (
            "name: a\nversion: 1.0.0\ndataset: {namespace: n, name: a}\nschema: [{name: b, type: string}]",
            Dialect.NATIVE,
        ),
        ("apiVersion: v3.2.0\nkind: DataContract\nschema: []", Dialect.ODCS),
        ("kind: DataContract\nid: a", Dialect.ODCS),
        ("apiVersion: v2.2.2\nkind: DataContract\ndataset: [{table: a}]\nuuid: a", Dialect.ODCS),
        ("name: a\nschema: {b: string}\nslos: {freshness_minutes: 15}", Dialect.TABLE),
        ("data_source: a\nschema: {b: {type: string}}", Dialect.SOURCE),
        ("dataset: {name: a}\nfeatures: {b: {dtype: int}}", Dialect.FEATURES),
        ("dataset: {name: a, namespace: n}\nfeatures: {b: {dtype: int}}", Dialect.FEATURES),
        ("data_contract: {name: a}", Dialect.FULL),
        ("asset: {name: a, data_contract: {enabled: true}}", Dialect.ASSET),
        ("risk: {block_threshold: 0.4}\nci: {fail_on: [block]}", Dialect.RISK),
    ],
)
def test_a_document_is_told_by_what_only_its_dialect_has(text: str, dialect: Dialect) -> None:
    assert told(text) == dialect


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("dataContractSpecification: 1.2.1", "Data Contract Specification is not read", "datacontract export"),
        ("kind: DataProduct\napiVersion: v1.0.0", "kind 'DataProduct' is no data contract", "kind: DataContract"),
        ("tenant: a\nconnectors: []\nasset: b", "a job file is no contract", "contract_path"),
        ("features: {}\ndata_source: a", "reads as source (data_source:) and as features (features:)", "one of them"),
        ("a: 1", "no contract in any way of writing one", "looked for tally: dataset: with a namespace"),
        ("datasource: a", "no contract in any way of writing one", "did you mean 'data_source'?"),
        ("[]", "not a mapping", ""),
        ("x", "not a mapping", ""),
    ],
)
def test_none_several_and_others_are_one_clear_error(text: str, message: str, hint: str) -> None:
    with pytest.raises(MalformedError, match=r"^c\.yaml line 1: ") as caught:
        told(text)

    assert message in str(caught.value)
    assert hint in caught.value.hint
