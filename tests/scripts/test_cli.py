"""The command line as people and programs use it: real processes, a real ledger, what is printed and how it ends."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from cli.main import COMMANDS
from proofs import errors
from proofs.exits import EXIT

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally


ROOT = Path(__file__).parents[2]

CONTRACT = """
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, required: true, range: {min: 0}, severity: critical}
  - {name: customer, type: integer, required: true}
privacy: {subject_key: customer, deletion_propagation: [features]}
"""


def subclasses(kind: type[errors.TallyError]) -> set[type[errors.TallyError]]:
    return {kind, *(below for child in kind.__subclasses__() for below in subclasses(child))}


def test_every_error_of_the_tree_has_an_exit_status() -> None:
    tree = {kind for kind in subclasses(errors.TallyError) if kind.__module__ == "proofs.errors"}

    assert set(EXIT) == tree - {errors.TallyError}


def test_the_verdicts_of_the_verifier_have_the_statuses_that_the_page_fixes() -> None:
    fixed = {
        errors.TamperedError: 3,
        errors.MalformedError: 4,
        errors.IncompleteError: 5,
        errors.UnverifiableError: 6,
        errors.StaleError: 7,
        errors.MissingError: 8,
        errors.BlockedError: 10,
    }

    assert {kind: EXIT[kind] for kind in fixed} == fixed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tally: Tally, command: str) -> None:
    ended = tally(command, "--help")

    assert ended.returncode == 0
    assert ended.stdout.startswith(f"Usage: tally {command}")


def test_events_go_in_and_come_out(ledger: Tally) -> None:
    lines = "".join(
        json.dumps(
            {"specversion": "1.0", "id": str(n), "source": "urn:shop", "type": "com.acme.order.v1", "data": {"n": n}}
        )
        + "\n"
        for n in range(3)
    )

    first = ledger("emit", "--json", given=lines)
    again = ledger("emit", given=lines)

    assert [receipt["seq"] for receipt in first.document()] == [2, 3, 4]
    assert again.stdout == "✓ nothing appended: all 3 were there already (entries 2 to 4)\n"
    shown = ledger("show", "3", "--json").document()
    assert shown["body"] == {"n": 1}
    listed = ledger("log", "--stream", "type:com.acme.order.v1", "--json").document()
    assert [row["seq"] for row in listed["entries"]] == [2, 3, 4]


def test_a_conflict_ends_with_status_11_and_leaves_a_record(ledger: Tally) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "urn:shop", "type": "com.acme.order.v1"}
    ledger("emit", given=json.dumps({**event, "data": 1}))

    ended = ledger("emit", "--json", given=json.dumps({**event, "data": 2}))

    assert ended.returncode == 11
    assert json.loads(ended.stderr)["error"]["code"] == "conflict"
    (row,) = ledger("log", "--json", "--stream", "type:tallystick.intake.conflicted.v1").document()["entries"]
    assert row["seq"] == 3


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ("", 9, "the input holds no event"),
        ("nonsense\n", 9, "line 1"),
        ('{"specversion":"0.3"}\n', 9, "line 1: no CloudEvent of specversion 1.0"),
        (
            '{"specversion":"1.0","id":"1","source":"s","type":"tallystick.ledger.created.v1"}\n',
            9,
            "by the ledger alone",
        ),
        ('{"specversion":"1.0","id":"","source":"s","type":"t"}\n', 9, "id is empty"),
        ('{"specversion":"1.0","id":"1","source":"s","type":"t","tallyof":"1"}\n', 9, "the ledger's own"),
        (
            '{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"a":1,"a":2}}\n',
            9,
            "an object has 2 members and only 1 names",
        ),
        ("[" * 100_000 + "\n", 9, "line 1"),
    ],
)
def test_a_bad_event_is_refused_in_one_sentence_and_nothing_is_written(
    ledger: Tally, given: str, status: int, said: str
) -> None:
    good = json.dumps({"specversion": "1.0", "id": "good", "source": "s", "type": "t"})

    ended = ledger("emit", given=given and f"{given}{good}\n")

    assert ended.returncode == status
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ledger("status", "--json").document()["entries"] == 2


def test_an_entry_is_proven_by_a_file_that_any_c2sp_tool_reads(ledger: Tally, tmp_path: Path) -> None:
    refused = ledger("prove", "1")
    signed = ledger("checkpoint", "--json").document()

    proof = ledger("prove", "1", "--json").document()

    assert refused.returncode == 8
    assert signed["size"] == 2
    assert proof["proof"].startswith("c2sp.org/tlog-proof@v1\nindex 1\n")
    assert proof["proof"].endswith(signed["note"])


def test_a_contract_blocks_with_status_10_and_the_decision_is_in_the_log(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "good.csv").write_text("id,amount,customer\n1,10,7\n2,20,8\n")
    (tmp_path / "bad.csv").write_text("id,amount,customer\n1,-10,7\n1,20,8\n")

    good = ledger("check", "orders.yaml", "good.csv", "--json")
    bad = ledger("check", "orders.yaml", "bad.csv", "--move-blocked", "blocked")

    assert good.document()["decision"] == "ALLOW"
    assert bad.returncode == 10
    assert "range:amount" in bad.stdout
    assert not (tmp_path / "bad.csv").exists()
    rows = ledger("log", "--json", "--stream", "type:tallystick.validation.decided.v1").document()["entries"]
    assert len(rows) == 2


def test_a_breaking_schema_is_refused_and_the_refusal_is_in_the_log(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}')
    (tmp_path / "two.json").write_text('{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}')
    assert ledger("schema", "publish", "orders", "1.0.0", "one.json").returncode == 0

    refused = ledger("schema", "publish", "orders", "1.1.0", "two.json")

    assert refused.returncode == 9
    assert [row["version"] for row in ledger("schema", "list", "--json").document()] == ["1.0.0"]
    assert len(ledger("log", "--json", "--stream", "type:tallystick.schema.rejected.v1").document()["entries"]) == 1
    assert ledger("schema", "publish", "orders", "2.0.0", "two.json").returncode == 0


def test_a_person_is_deleted_everywhere_and_a_stranger_verifies_it(
    ledger: Tally, features_run: str, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT range AS id, range % 10 AS customer, 1.0 AS amount FROM range(100)"
        )
        connection.execute("CREATE TABLE features AS SELECT customer, count(*) AS orders FROM orders GROUP BY customer")
        connection.execute(f"COPY orders TO '{tmp_path}/orders.parquet'")
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "features.yaml").write_text(
        "name: features\nversion: 1.0.0\ndataset: {namespace: shop, name: features}\n"
        "schema:\n  - {name: customer, type: integer, required: true}\nprivacy: {subject_key: customer}\n"
    )
    (tmp_path / "features.csv").write_text("customer\n1\n")
    assert ledger("check", "orders.yaml", "orders.parquet").returncode == 0
    assert ledger("check", "features.yaml", "features.csv").returncode == 0
    assert ledger("emit", "--openlineage", given=features_run).returncode == 0

    asked = ledger("delete", "request", "--identity", "customer=7", "--dataset", "shop|orders", "--json").document()
    request = asked["request"]
    planned = ledger("delete", "plan", request, "--duckdb", "shop=shop.duckdb", "--json").document()
    ran = ledger("delete", "run", request, "--duckdb", "shop=shop.duckdb", "--json").document()
    certificate = ledger("delete", "certificate", request, "--json").document()
    size = ledger("status", "--json").document()["entries"]
    again = ledger("delete", "certificate", request, "--out", "again.json", "--json").document()
    late = ledger("delete", "run", request, "--duckdb", "shop=shop.duckdb")
    assert ledger("status", "--json").document()["entries"] == size
    sealed = ledger("evidence", "export", "--deletion", request, "--out", "out", "--json").document()
    assert ledger("evidence", "trust").returncode == 0
    verdict = ledger("evidence", "verify", sealed["path"], "--trust", "trust.txt", "--json").document()

    assert [target["dataset"]["name"] for target in planned["targets"]] == ["orders", "features"]
    assert [(row["deleted"], row["found_after"]) for row in ran] == [(10, "absent"), (1, "absent")]
    assert certificate["outcome"] == "complete_with_residuals"
    assert (certificate.pop("is_new"), again.pop("is_new")) == (True, False)
    assert certificate == again == json.loads((tmp_path / "again.json").read_text())
    assert late.returncode == 8
    assert f"request {request} is certified, which is final: nobody knows any more whom it is about" in late.stderr
    assert asked["unknown_datasets"] == []
    assert verdict["verdict"] == "verified"
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        assert connection.execute("SELECT count(*) FROM orders WHERE customer = 7").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (90,)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.name.startswith("audit.db"))
    assert b'"value":"7"' not in everything


def test_evidence_without_trust_is_unverifiable_and_a_flipped_byte_is_refused(ledger: Tally, tmp_path: Path) -> None:
    sealed = ledger("evidence", "export", "--everything", "--json").document()
    bundle = tmp_path / sealed["path"]
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "forged.zip").write_bytes(data)

    untrusted = ledger("evidence", "verify", bundle.name)
    forged = ledger("evidence", "verify", "forged.zip")
    absent = ledger("evidence", "verify", "absent.zip")

    assert (untrusted.returncode, absent.returncode) == (6, 8)
    assert forged.returncode in (3, 4)


def test_keys_rotate_and_the_log_tells_it(ledger: Tally) -> None:
    ledger("checkpoint")

    assert ledger("keys", "rotate", "--purpose", "log").returncode == 0

    rows = ledger("keys", "list", "--json").document()
    assert [(row["purpose"], row["retired_at_entry"]) for row in rows] == [
        ("log", 3),
        ("evidence", None),
        ("log", None),
    ]
    assert ledger("verify").returncode == 0


def test_the_whole_ledger_is_verified_and_damage_is_named(ledger: Tally, tmp_path: Path) -> None:
    ledger("checkpoint")
    whole = ledger("verify")
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("DROP TRIGGER body_no_update")
        connection.execute("UPDATE body SET bytes = X'7B7D' WHERE seq = 1")
    connection.close()

    damaged = ledger("verify")

    assert whole.returncode == 0
    assert damaged.returncode == 3
    assert "entry 1" in damaged.stdout


def test_no_ledger_no_passphrase_and_a_foreign_file_are_told_apart(tally: Tally, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"no database")

    assert tally("status").returncode == 8
    assert tally("status", TALLY_LEDGER="").returncode == 8
    assert tally("status", TALLY_LEDGER="sqlite:///other.db").returncode == 4
    assert tally("status", TALLY_LEDGER="mysql://x/y").returncode == 9
    assert tally("init", "--origin", "x", TALLY_KEY_PASSPHRASE="").returncode == 6
    assert tally("init", "--origin", "no blanks allowed").returncode == 9
    assert not (tmp_path / "audit.db").exists()


def test_the_version_is_that_of_the_package(tally: Tally) -> None:
    (line,) = [line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version = ")]

    assert tally("--version").stdout == f"tally {line.partition(chr(34))[2][:-1]}\n"


def test_nobody_is_erased_before_the_deletion_was_planned_and_carried_out(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT.replace(", deletion_propagation: [features]", ""))
    (tmp_path / "orders.csv").write_text("id,amount,customer\n1,10,7\n2,20,8\n")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 1 AS id, 10 AS amount, 7 AS customer UNION ALL SELECT 2, 20, 8"
        )
    assert ledger("check", "orders.yaml", "orders.csv").returncode == 0
    asked = ledger("delete", "request", "--identity", "customer=7", "--dataset", "shop|orders", "--json")
    request = asked.document()["request"]

    unplanned = ledger("delete", "certificate", request)
    ledger("delete", "plan", request, "--duckdb", "shop=shop.duckdb")
    size = ledger("status", "--json").document()["entries"]
    not_run = ledger("delete", "certificate", request)

    assert (unplanned.returncode, not_run.returncode) == (8, 5)
    assert ledger("status", "--json").document()["entries"] == size
    assert ledger("delete", "run", request).returncode == 5
    assert ledger("delete", "run", request, "--duckdb", "shop=shop.duckdb").returncode == 0
    assert ledger("delete", "certificate", request).returncode == 0


def test_a_dry_run_of_a_blocked_file_ends_with_status_10_and_records_nothing(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "bad.csv").write_text("id,amount,customer\n1,-10,7\n")

    assert ledger("check", "orders.yaml", "bad.csv", "--dry-run").returncode == 10
    assert ledger("status", "--json").document()["entries"] == 2


def test_a_body_that_was_changed_is_not_shown(ledger: Tally, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("DROP TRIGGER body_no_update")
        connection.execute("UPDATE body SET bytes = X'7B7D' WHERE seq = 1")
    connection.close()

    assert ledger("show", "1").returncode == 3


def test_without_its_keyring_a_ledger_is_read_and_never_written(ledger: Tally, tmp_path: Path) -> None:
    event = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t"})

    refused = ledger("emit", given=event, TALLY_HOME=str(tmp_path / "nowhere"))

    assert refused.returncode == 8
    assert "without it nothing is written" in refused.stderr
    assert ledger("log", TALLY_HOME=str(tmp_path / "nowhere")).returncode == 0
