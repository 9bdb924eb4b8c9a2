"""`tally check --job`: several assets at once, and the worst decision is the status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.pgserver import Server

Tally = Callable[..., Any]

CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, unique: true}]
"""
JOB = """\
tenant: shop
connectors: {lake: {type: files, path: data}}
assets:
  - {name: good, connector: lake, object: good.csv, current: now/orders.csv, data_contract: {contract_path: c.yaml}}
  - {name: gone, connector: lake, object: gone.csv, data_contract: {contract_path: c.yaml}}
  - {name: bad, connector: lake, object: bad, current: now/bad, data_contract: {contract_path: c.yaml}}
  - name: alone
    connector: lake
    object: bad/*.csv
    schema: [{name: id, type: integer}]
    data_contract: {enforcement_mode: warn, inline_checks: [{type: unique_check, column: id}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "job"
    (here / "data" / "bad").mkdir(parents=True)
    (here / "now").mkdir()
    (here / "c.yaml").write_text(CONTRACT)
    (here / "job.yaml").write_text(JOB)
    (here / "data" / "good.csv").write_text("id\n1\n")
    (here / "data" / "bad" / "part.csv").write_text("id\n1\n1\n")
    return here


def test_every_asset_is_decided_and_the_worst_counts(ledger: Tally, folder: Path) -> None:
    ended = ledger("check", "--job", "job/job.yaml", "--json")

    assert ended.returncode == 10, ended.stderr
    assert ended.error()["code"] == "blocked"
    document = json.loads(ended.stdout)
    rows = [(row["asset"], row["decision"], row["error"], row.get("action")) for row in document["assets"]]
    assert rows == [
        ("good", "ALLOW", None, "promoted"),
        ("gone", None, "missing", None),
        ("bad", "BLOCK_AND_ROLLBACK", None, "rolled-back"),
        ("alone", "ALLOW_WITH_ALERT", None, None),
    ]
    assert (folder / "now" / "orders.csv").read_text() == "id\n1\n"
    decided = ledger("decision", "list", "--json").document()
    assert [row["decision"] for row in decided] == ["ALLOW_WITH_ALERT", "BLOCK_AND_ROLLBACK", "ALLOW"]


def test_what_cannot_be_decided_is_the_status_where_nothing_is_blocked(ledger: Tally, folder: Path) -> None:
    (folder / "job.yaml").write_text("".join(JOB.splitlines(keepends=True)[:5]))

    ended = ledger("check", "--job", "job/job.yaml")

    assert ended.returncode == 8
    assert "good" in ended.stdout
    assert "gone: " in ended.stderr


def test_a_pattern_does_not_lead_out_of_the_folder(ledger: Tally, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id\n1\n")
    (folder / "data" / "bad" / "part.csv").unlink()
    (folder / "data" / "bad" / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "job.yaml").write_text("".join(JOB.splitlines(keepends=True)[:3] + JOB.splitlines(keepends=True)[6:]))

    refused = ledger("check", "--job", "job/job.yaml", "--json")
    allowed = ledger("check", "--job", "job/job.yaml", "--anywhere", "--json")

    assert refused.returncode == 9
    assert "leads out of the job file's folder" in refused.stderr
    assert allowed.returncode == 0


def test_a_job_says_itself_what_is_checked(ledger: Tally, folder: Path) -> None:
    wrong = [
        ("check", "c.yaml", "--job", "job/job.yaml"),
        ("check", "--job", "job/job.yaml", "--dry-run"),
        ("check", "job/c.yaml", "--anywhere"),
    ]

    assert [ledger(*words).returncode for words in wrong] == [2] * 3


def test_a_table_of_postgresql_is_reached_by_what_the_environment_says(
    ledger: Tally, folder: Path, postgres: Server
) -> None:
    name = postgres.database()
    with postgres.connect(name) as connection:
        connection.execute("CREATE SCHEMA sales")
        connection.execute("CREATE TABLE sales.orders AS SELECT 1 AS id UNION ALL SELECT 2")
    (folder / "job.yaml").write_text(
        'tenant: shop\nconnectors:\n  by_url: {type: postgresql, url: "${SHOP_URL}"}\n'
        f'  by_parts: {{type: postgres, host: "{postgres.folder}", database: {name}, user: postgres, password: "${{PW}}"}}\n'
        "assets:\n"
        "  - {name: a, connector: by_url, object: sales.orders, data_contract: {contract_path: c.yaml}}\n"
        "  - {name: b, connector: by_parts, object: sales.orders, data_contract: {contract_path: c.yaml}}\n"
        "  - {name: c, connector: by_parts, object: sales.nothing, data_contract: {contract_path: c.yaml}}\n"
    )

    ended = ledger("check", "--job", "job/job.yaml", "--json", SHOP_URL=postgres.url(name), PW="geheim@/#")
    bare = ledger("check", "--job", "job/job.yaml", "--json", SHOP_URL=postgres.url(name))

    rows = [(row["decision"], row.get("rows"), row["error"]) for row in json.loads(ended.stdout)["assets"]]
    assert rows == [("ALLOW", 2, None), ("ALLOW", 2, None), (None, None, "missing")]
    assert ended.returncode == 8
    assert "geheim" not in ended.stdout + ended.stderr
    assert bare.refusal() == (8, "missing")
    assert "the environment variable PW is not set" in bare.stderr
    postgres.drop(name)
