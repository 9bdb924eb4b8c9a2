"""What commands say beside their answer: what was moved, what was not measured, what may not be what the caller meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally


CONTRACT = """
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, required: true, range: {min: 0}, severity: critical}
"""
OPENLINEAGE = json.dumps(
    {
        "eventTime": "2026-11-20T09:15:00Z",
        "eventType": "COMPLETE",
        "inputs": [],
        "job": {"name": "load", "namespace": "shop"},
        "outputs": [{"name": "orders", "namespace": "warehouse"}],
        "producer": "https://example.org/producer",
        "run": {"runId": "01920a5e-7c1d-7000-8000-000000000001"},
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
)


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "orders.yaml"
    path.write_text(CONTRACT)
    return path


@pytest.mark.usefixtures("contract")
def test_where_a_blocked_file_was_moved_is_said(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("id,amount\n1,-10\n")
    (tmp_path / "worse.csv").write_text("id,amount\n1,-11\n")

    told = ledger("check", "orders.yaml", "bad.csv", "--move-blocked", "aside")
    document = json.loads(ledger("check", "orders.yaml", "worse.csv", "--move-blocked", "aside", "--json").stdout)

    (bad, worse) = sorted(path.relative_to(tmp_path) for path in (tmp_path / "aside").iterdir())
    if "worse" in bad.name:
        bad, worse = worse, bad
    assert told.stdout.splitlines()[0].endswith("rules hold over 1 row (entry 3)")
    assert told.stdout.splitlines()[-1] == f"the file was moved to {bad}"
    assert document["moved_to"] == str(worse)


@pytest.mark.usefixtures("contract")
def test_a_file_that_stays_where_it_is_was_moved_nowhere(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("id,amount\n1,10\n")

    told = ledger("check", "orders.yaml", "good.csv", "--move-blocked", "aside", "--json")

    assert json.loads(told.stdout)["moved_to"] is None
    assert not (tmp_path / "aside").exists()


@pytest.mark.usefixtures("contract")
def test_a_rule_that_could_not_be_measured_says_so_and_why(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "renamed.csv").write_text("id,sum\n1,10\n")

    text = ledger("check", "orders.yaml", "renamed.csv", "--dry-run").stdout
    broken = json.loads(ledger("check", "orders.yaml", "renamed.csv", "--dry-run", "--json").stdout)["broken"]

    (line,) = [line for line in text.splitlines() if line.startswith("range:amount ")]
    assert line.split(maxsplit=4)[2:] == ["–", "–", "not measured: column 'amount' missing"]
    found = {row["rule"]: row["found"] for row in broken}
    assert (found["present:amount"], found["range:amount"]) == ("failed", "unmeasured")


def test_trust_is_written_into_a_folder_that_is_made(ledger: Tally, tmp_path: Path) -> None:
    ended = ledger("evidence", "trust", "--out", "handed/over")

    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in (tmp_path / "handed" / "over").iterdir()) == ["evidence.pem", "trust.txt"]


def test_a_folder_that_cannot_be_made_is_refused(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "handed").write_text("")

    ended = ledger("evidence", "trust", "--out", "handed")

    assert (ended.returncode, "the folder handed cannot be made" in ended.stderr) == (9, True)


@pytest.mark.parametrize(
    ("asked", "remark"),
    [
        (
            ["--dataset", "warehouse|nope"],
            "the log knows no dataset warehouse|nope: the bundle proves that it has no entry",
        ),
        (["--deletion", "nope"], "the log knows no request nope: the bundle proves that it has no entry"),
    ],
)
def test_a_bundle_about_what_the_log_does_not_know_is_made_with_a_warning(
    ledger: Tally, asked: list[str], remark: str
) -> None:
    told = ledger("evidence", "export", *asked)
    document = json.loads(ledger("evidence", "export", *asked, "--json").stdout)

    assert (told.returncode, told.stderr) == (0, f"! {remark}\n")
    assert document["status"] == 0
    assert [warning["message"] for warning in document["warnings"]] == [remark]


def test_of_a_dataset_that_is_known_there_is_no_warning(ledger: Tally) -> None:
    ledger("import", "openlineage", "-", given=OPENLINEAGE)

    assert ledger("evidence", "export", "--dataset", "warehouse|orders").stderr == ""


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_time_that_is_none_is_a_wrong_call(ledger: Tally, option: str) -> None:
    ended = ledger("evidence", "export", "--dataset", "warehouse|orders", option, "yesterday")

    assert (ended.returncode, "time 'yesterday' is neither" in ended.stderr) == (2, True)


def test_what_exists_already_is_a_conflict_whatever_the_command(ledger: Tally) -> None:
    ledger("evidence", "trust")
    ledger("checkpoint", "--out", "head")

    for command in (
        ("init", "--origin", "ledger.example.org/shop"),
        ("evidence", "trust"),
        ("checkpoint", "--out", "head"),
    ):
        ended = ledger(*command, "--json")
        assert (ended.returncode, ended.error()["code"]) == (11, "conflict")


def test_the_keys_that_sign_now_are_marked_and_readers_are_thought_of(ledger: Tally) -> None:
    added = ledger("keys", "add")
    rotated = ledger("keys", "rotate", "--purpose", "evidence", "--json")

    rows = json.loads(ledger("keys", "list", "--json").stdout)
    assert [(row["purpose"], row["is_current"]) for row in rows] == [
        ("log", True),
        ("evidence", False),
        ("evidence", False),
        ("evidence", True),
    ]
    assert added.stderr.startswith("! evidence is signed with this key from now on: readers need a new evidence.pem")
    assert len(json.loads(rotated.stdout)["warnings"]) == 1
    assert ledger("keys", "rotate", "--purpose", "log").stderr == ""


def test_openlineage_given_as_cloudevents_is_told_the_way(ledger: Tally) -> None:
    refused = ledger("emit", "--json", given=OPENLINEAGE)

    assert refused.returncode == 9
    assert refused.error()["hint"] == (
        "this is an OpenLineage event: `tally import openlineage`, or `tally emit --openlineage`; "
        "nothing of the input was appended"
    )
    assert ledger("emit", "--openlineage", given=OPENLINEAGE).returncode == 0


def test_one_event_again_is_spoken_of_as_one(ledger: Tally) -> None:
    event = json.dumps({"specversion": "1.0", "id": "1", "source": "urn:shop", "type": "com.acme.order.v1"})
    ledger("emit", given=event)

    assert ledger("emit", given=event).stdout == "✓ nothing appended: it was there already (entry 2)\n"
    both = event + "\n" + event.replace('"1",', '"2",')
    assert ledger("emit", given=both).stdout == "✓ 1 appended (entry 3), 1 was there already (entry 2)\n"


def test_a_ledger_in_a_folder_that_is_not_there_is_refused_by_its_own_name(tally: Tally) -> None:
    ended = tally("init", "--origin", "x.example/y", TALLY_LEDGER="sqlite:///no/such.db")

    assert ended.returncode == 9
    assert ended.stderr == "tally: no/such.db cannot be created: there is no folder no\n  hint: make it first\n"


@pytest.mark.parametrize(("seq", "status"), [("abc", 2), ("-1", 2), ("99999999999999999", 2), ("99", 8)])
def test_an_entry_that_cannot_be_is_a_wrong_call(ledger: Tally, seq: str, status: int) -> None:
    ended = ledger("show", "--json", "--", seq)

    assert ended.returncode == status
    assert f"'{seq}' is no entry's number: they count from 0" in ended.stderr or status == 8


def test_a_stream_that_cannot_be_is_refused_in_the_listing_as_in_an_export(ledger: Tally) -> None:
    listed, exported = ledger("log", "--stream", "nope"), ledger("evidence", "export", "--stream", "nope")

    assert (listed.returncode, listed.stdout) == (9, "")
    assert listed.stderr == exported.stderr
    assert listed.stderr.startswith("tally: stream 'nope' is not <kind>:<name>")


def test_a_file_that_cannot_be_measured_publishes_no_contract(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "orders.parquet").write_bytes(b"PAR1 no more")

    ended = ledger("check", "orders.yaml", "orders.parquet")

    assert ended.returncode == 4
    assert ledger("status", "--json").document()["entries"] == 2


def test_a_schema_that_is_in_force_already_or_too_small_a_step_is_told_so(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"type":"object","properties":{"a":{"type":"string"}}}')
    (tmp_path / "b.json").write_text('{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}')

    first, again = (ledger("schema", "publish", "orders", "1.0.0", "a.json").stdout for _ in range(2))
    small = ledger("schema", "publish", "orders", "1.0.1", "b.json")
    back = ledger("schema", "publish", "orders", "0.9.0", "a.json")

    assert first.splitlines()[0] == "Schema in force."
    assert again.splitlines()[0] == "Schema in force already; nothing was recorded."
    assert small.stderr.endswith("  hint: `tally show 3` lists every change\n")
    assert back.stderr.endswith("  hint: `tally show 4` shows the refusal; publish it under a higher version\n")
