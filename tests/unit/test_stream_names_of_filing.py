"""Which names filing can give: whatever else is asked for, or stands in a header, is no stream."""

from __future__ import annotations

import pytest

from proofs.filing import kind_of

HASH = "ab" * 32


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("type:com.example.tick.v1", "type"),
        ("source:/pipelines/churn", "source"),
        ("dataset:db|clicks", "dataset"),
        ("dataset:s3://lake%7Craw%25|a|b", "dataset"),
        ("job:airflow|churn.score", "job"),
        ("run:0189f7a0-0000-7000-8000-000000000000", "run"),
        ("contract:clicks", "contract"),
        ("schema:clicks-value", "schema"),
        ("request:r-1", "request"),
        ("request:a:b", "request"),
        ("dataset:sha256:" + HASH, "dataset"),
        ("run:" + "x" * 252, "run"),
    ],
)
def test_a_name_as_filed_has_its_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    "name",
    [
        "",
        "clicks",
        "Dataset:db|clicks",
        "table:db|clicks",
        "dataset:",
        "dataset:clicks",  # no namespace
        "dataset:|clicks",
        "dataset:db|",
        "dataset:d%b|clicks",  # an escape that is none
        "dataset:d%7cb|clicks",  # in the other case
        "job:score",
        'run:"quoted"',  # would be hashed
        "run:back\\slash",
        "run:line\nfeed",
        "run:" + "x" * 253,
        "run:sha256:" + HASH[:-1],
        "run:sha256:" + HASH.upper(),
        "run:hmac-sha256:" + HASH,  # reserved
    ],
)
def test_a_name_that_filing_never_gives_has_none(name: str) -> None:
    assert kind_of(name) is None
