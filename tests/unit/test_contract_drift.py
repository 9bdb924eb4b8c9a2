"""Distributions in fixed bins, what a log keeps of them, and how far two of them are apart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

import ledger
from contracts.document import Document, parse
from contracts.drift import distance_of
from contracts.enforce import check
from contracts.facts import ValidationDecided
from contracts.measure import measure
from contracts.model import Contract
from contracts.profile import MAX_BINS, Profile, profile_of
from contracts.profiles import references
from contracts.scan.beside import Given
from contracts.source import Table
from ledger.log import Ledger


def contract(type: str = "number", **more: Any) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    checks = [{"kind": "drift", "column": "a", "max": Decimal("0.1"), **more}]
    fields = [{"name": "a", "type": type}]
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": fields, "checks": checks}
    )


def table(query: str) -> Table:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE batch AS {query}")
    return Table(connection, "batch")


def profile(query: str, type: str = "number") -> Profile:
    found = measure(contract(type), table(query)).metrics[-1].profile
    assert found is not None
    return found


def test_a_bin_is_decided_by_the_value_alone() -> None:
    values = [0, 1, -1, 2, 0.5, 1.5, 1e300, -1e300, 1e-300, math.nan, math.inf]
    listed = ", ".join(f"'{value}'::DOUBLE" for value in values)

    found = profile(f"SELECT unnest([{listed}, NULL]) AS a")

    one = 1 + 64 * 32
    assert dict(found.bins) == {
        0: 1, one: 1, -one: 1, one + 32: 1, one - 32: 1, one + math.floor(32 * math.log2(1.5)): 1,
        one + 128 * 32 - 1: 1, -(one + 128 * 32 - 1): 1, 1: 1,
    }  # fmt: skip
    assert (found.halved, found.strange, found.total) == (0, 2, 9)


def test_many_bins_are_joined_and_nothing_is_lost() -> None:
    found = profile("SELECT (i - 50000) * i * 1.0 AS a FROM range(100000) t(i)")

    assert found.halved > 0
    assert len(found.bins) <= MAX_BINS
    assert found.total == 100_000


def test_a_bucket_tells_no_value() -> None:
    found = profile("SELECT unnest(['ann', 'bob', 'ann', NULL]) AS a", "string")

    assert found.kind == "buckets"
    assert sorted(count for _, count in found.bins) == [1, 2]
    assert all(0 <= place < 64 for place, _ in found.bins)


def numbers(*counts: int) -> Profile:
    return profile_of("a", "numbers", dict(enumerate(counts)), 0)


@pytest.mark.parametrize(
    ("measure_", "one", "two", "distance"),
    [
        ("ks", (1, 1, 1, 1), (1, 1, 1, 1), 0),
        ("ks", (4, 0, 0, 0), (0, 0, 0, 4), 1),
        ("ks", (2, 2), (4, 0), Fraction(1, 2)),
        ("linf", (2, 1, 1), (1, 2, 1), Fraction(1, 4)),
        ("linf", (4, 0), (0, 4), 1),
        ("js", (1, 1), (2, 2), 0),
        ("js", (1, 0), (0, 1), 1),
        ("psi", (3, 1), (3, 1), 0),
        ("psi", (3, 1), (1, 3), Fraction(str(round(math.log(3), 12)))),
    ],
)
def test_distances(measure_: str, one: Any, two: Any, distance: Any) -> None:
    found = distance_of(measure_, numbers(*one), numbers(*two))

    assert abs(found - distance) < Fraction(1, 10**11)


def test_profiles_that_were_joined_unequally_are_compared_in_the_wider_bins() -> None:
    fine, wide = profile_of("a", "numbers", {1: 2, 2: 2, 3: 4}, 0), Profile("a", "numbers", 1, ((1, 4), (2, 4)))

    assert distance_of("ks", fine, wide) == distance_of("ks", wide, fine) == 0


@pytest.mark.parametrize("name", ["psi", "ks", "js", "linf"])
def test_a_drift_fails_and_none_passes(name: str) -> None:
    before = Given(profiles={("last", "a"): profile("SELECT i % 100 AS a FROM range(10000) t(i)")})

    def found(query: str) -> str:
        return measure(contract(measure=name), table(query), given=before).metrics[-1].found.value

    assert found("SELECT (i * 7) % 100 AS a FROM range(5000) t(i)") == "passed"
    assert found("SELECT 3 * (i % 100) AS a FROM range(5000) t(i)") == "failed"
    assert found("SELECT NULL::INTEGER AS a") == "unmeasured"
    assert found("SELECT 'x' AS a") == "unmeasured"


TEXT = """\
name: spend
version: 1.0.0
dataset: {namespace: demo, name: spend}
schema: [{name: a, type: number}]
checks: [{kind: drift, column: a, max: 0.1, measure: ks, severity: SEVERITY}]
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/drift", home=tmp_path, passphrase=lambda: b"secret") as created:
        yield created


def decide(log: Ledger, document: Document, query: str) -> str:
    given = Given(profiles=references(log, document.contract.dataset))
    return check(log, document, table(query), given=given).verdict.decision.value


def test_a_log_needs_no_old_data(log: Ledger) -> None:
    document = parse(TEXT.replace("SEVERITY", "critical").encode())

    assert (
        decide(log, document, "SELECT i AS a FROM range(100) t(i)") == "BLOCK_AND_ROLLBACK"
    )  # nothing to compare with
    assert decide(log, document, "SELECT i AS a FROM range(200) t(i) WHERE i < 100") == "ALLOW"
    assert decide(log, document, "SELECT i * 5 AS a FROM range(100) t(i)") == "BLOCK_AND_ROLLBACK"
    assert decide(log, document, "SELECT i AS a FROM range(101) t(i)") == "ALLOW"
    assert references(log, document.contract.dataset)["last", "a"].total == 101
    assert references(log, document.contract.dataset)["first", "a"].total == 100


def test_what_is_recorded_is_counts_in_bins(log: Ledger) -> None:
    document = parse(TEXT.replace("SEVERITY", "info").encode())

    outcome = check(log, document, table("SELECT 1 AS a"), given=None)

    body = json.loads(log.entry(outcome.decided.seq).body or b"")
    assert body["profile"] == [{"bins": [[2049, 1]], "column": "a", "halved": 0, "kind": "numbers", "strange": 0}]
    assert (
        ValidationDecided.parse(json.dumps(body).encode()).print()
        == json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    )
