"""`tally delete refuse`: a request that is not carried out gets its certificate as well, with the ground in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

Tally = Callable[..., subprocess.CompletedProcess[str]]
CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: email, type: string, required: true}
privacy: {subject_key: email}
"""
UNKNOWN = "0b9d0c5e-0000-4000-8000-000000000001"
SHOP = ("--duckdb", "shop=shop.duckdb")


@pytest.fixture
def request_id(ledger: Tally) -> str:
    ended = ledger("delete", "request", "--identity", "email=ada@example.org", "--dataset", "shop|orders", "--json")
    return str(json.loads(ended.stdout)["request"])


def test_a_refusal_is_certified_with_its_ground_and_kept_in_a_file(
    ledger: Tally, request_id: str, tmp_path: Path
) -> None:
    ended = ledger("delete", "refuse", request_id, "--reason", "art17.3.e", "--out", "refusal.json", "--json")

    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    body = json.loads((tmp_path / "refusal.json").read_bytes())
    assert said == {**body, "is_new": True}
    assert (body["outcome"], body["basis"], body["targets"], "plan" in body) == ("refused", "art17.3.e", [], False)
    assert (body["request"], body["on_time"]) == (request_id, True)
    assert [each["state"] for each in json.loads(ledger("delete", "list", "--json").stdout)] == ["refused"]


def test_a_refusal_is_told_to_people_and_issued_once(ledger: Tally, request_id: str) -> None:
    first = ledger("delete", "refuse", request_id, "--reason", "art17.3.e")
    again = ledger("delete", "refuse", request_id, "--reason", "art17.3.e")
    other = ledger("delete", "refuse", request_id, "--reason", "art17.3.b")

    assert [line.split()[0] for line in first.stdout.splitlines()[1:]] == [
        "certificate",
        "outcome",
        "basis",
        "issued",
        "in",
    ]
    assert first.stdout.splitlines()[0].endswith("Deletion certificate")
    assert "issued before; no other one was" in again.stdout
    assert "an addendum to" in other.stdout


def test_a_refused_request_is_shown_in_evidence_as_refused(ledger: Tally, request_id: str, tmp_path: Path) -> None:
    assert ledger("delete", "refuse", request_id, "--reason", "art17.3.e").returncode == 0
    assert ledger("evidence", "export", "--deletion", request_id, "--out", "bundles").returncode == 0
    assert ledger("evidence", "trust").returncode == 0
    (bundle,) = (tmp_path / "bundles").glob("*.zip")

    verified = ledger("evidence", "verify", "--trust", "trust.txt", str(bundle))

    assert verified.returncode == 0, verified.stderr
    assert "refused, without a plan" in verified.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--reason", "we like their data"), 9, "tally: basis of 18 characters is not a token"),
        ((), 2, "Missing option '--reason'"),
    ],
)
def test_a_refusal_without_a_code_for_its_ground_is_refused(
    ledger: Tally, request_id: str, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = ledger("delete", "refuse", request_id, *arguments)

    assert ended.returncode == status
    assert message in ended.stderr
    assert [each["state"] for each in json.loads(ledger("delete", "list", "--json").stdout)] == ["requested"]


def test_a_request_that_the_log_does_not_have_cannot_be_refused(ledger: Tally) -> None:
    ended = ledger("delete", "refuse", UNKNOWN, "--reason", "art17.3.e")

    assert (ended.returncode, ended.stderr.splitlines()[0]) == (8, f"tally: the log has no request {UNKNOWN}")


def test_what_was_carried_out_cannot_be_refused_any_more(ledger: Tally, request_id: str, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'ada@example.org' AS email")
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "orders.csv").write_text("email\na@example.org\n")
    assert ledger("check", "orders.yaml", "orders.csv").returncode == 0
    assert ledger("delete", "plan", request_id, *SHOP).returncode == 0
    assert ledger("delete", "run", request_id, *SHOP).returncode == 0

    ended = ledger("delete", "refuse", request_id, "--reason", "art17.3.e")

    assert ended.returncode == 9
    assert f"request {request_id} was carried out at 1 target already" in ended.stderr
