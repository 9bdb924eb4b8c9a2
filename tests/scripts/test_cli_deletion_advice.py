"""What a plan already knows to fail, what to do about what a run left, and a request that the log does not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: email, type: string, required: true}
privacy: {subject_key: email}
"""
UNKNOWN = "0b9d0c5e-0000-4000-8000-000000000001"
SHOP = ("--duckdb", "shop=shop.duckdb")


def asked(ledger: Tally, identity: str) -> str:
    ended = ledger("delete", "request", "--identity", identity, "--dataset", "shop|orders", "--json")
    return str(json.loads(ended.stdout)["request"])


def test_plan_and_run_say_what_is_wrong_and_what_to_do(ledger: Tally, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'Ada@example.org' AS email")
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "orders.csv").write_text("email\na@example.org\n")
    wrong, absent = asked(ledger, "mail=ada@example.org"), asked(ledger, "email=ada@example.org")

    bare = ledger("delete", "plan", wrong, *SHOP)
    assert ledger("check", "orders.yaml", "orders.csv").returncode == 0
    away = ledger("delete", "plan", wrong)
    mistyped = ledger("delete", "plan", wrong, *SHOP)
    failed = ledger("delete", "run", wrong, *SHOP)
    assert json.loads(ledger("delete", "plan", absent, *SHOP, "--json").stdout)["remarks"] == []
    nobody = ledger("delete", "run", absent, *SHOP)

    assert "! t1: shop|orders needs a contract with `privacy.subject_key`" in bare.stdout
    assert "! t1: nobody said where shop|orders is: plan again with --duckdb shop=FILE" in away.stdout
    said = (
        "people in shop|orders are told apart by 'email', and the request names no such identity, "
        "so that `tally delete run` fails there: request again with --identity email=-"
    )
    assert mistyped.stdout.splitlines()[1].split() == ["t1", "shop|orders", "delete", "–", "no-identity"]
    assert f"! t1: {said}" in mistyped.stdout.splitlines()
    assert (failed.returncode, failed.stderr) == (
        5,
        f"tally: 1 target is left: shop|orders\n  hint: {said}\n",
    )
    assert nobody.stdout.splitlines()[1].split() == [*("t1", "shop|orders", "0", "done", "inconclusive", "no-control")]
    assert (nobody.returncode, nobody.stderr.splitlines()[1]) == (
        5,
        (
            "  hint: nobody was found in shop|orders, and nothing shows that they would have been: see how its column "
            "'email' writes an identity and request again in that form, or certify with --even-if-partial"
        ),
    )


def test_a_held_plan_warns_and_its_run_ends_with_status_12(ledger: Tally, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "shop.duckdb")).close()
    request = asked(ledger, "email=ada@example.org")
    hold = json.loads(ledger("hold", "place", "case-17", "--identity", "email=ada@example.org", "--json").stdout)[
        "hold"
    ]

    told = ledger("delete", "plan", request, *SHOP)
    as_json = json.loads(ledger("delete", "plan", request, *SHOP, "--json").stdout)
    ran = ledger("delete", "run", request, *SHOP)

    assert f"! legal hold {hold}: `tally delete run` is refused while it stands" in told.stdout.splitlines()
    assert as_json["held"] == hold
    assert (ran.returncode, ran.stdout) == (12, "")


def test_a_request_that_the_log_does_not_have_is_missing_in_every_step(ledger: Tally) -> None:
    for step in (("plan",), ("run",), ("certificate",), ("certificate", "--show")):
        ended = ledger("delete", step[0], UNKNOWN, *step[1:])

        assert (ended.returncode, ended.stderr) == (8, f"tally: the log has no request {UNKNOWN}\n")
