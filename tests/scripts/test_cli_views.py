"""Views from which something was taken: `tally verify` names the table, plans do not believe it, a rebuild makes it again."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import contracts
import ledger as ledger_package
import lineage
from evidence.views import known_views

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally


@pytest.fixture
def request_(ledger: Tally, features_run: str) -> str:
    """The id of a deletion request for the source of a lineage edge; the lineage view is stored."""
    assert ledger("emit", "--openlineage", given=features_run).returncode == 0
    asked = ledger("delete", "request", "--identity", "customer=7", "--dataset", "shop|orders", "--json")
    return str(json.loads(asked.stdout)["request"])


def edited(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    assert db.execute(statement).rowcount > 0
    db.close()


def test_I19_a_row_that_was_taken_out_of_a_view_is_named_and_a_rebuild_brings_it_back(
    ledger: Tally, request_: str, tmp_path: Path
) -> None:
    whole = ledger("verify")
    edited(tmp_path / "audit.db", "DELETE FROM lineage_edge")

    damaged = ledger("verify")
    rebuilt = ledger("views", "rebuild", "--json")

    assert (whole.returncode, damaged.returncode, rebuilt.returncode) == (0, 3, 0)
    assert damaged.stdout.splitlines() == [
        "✗ projection lineage: row 0 of table lineage_edge is not as a replay makes it; `tally views rebuild` makes it again"
    ]
    views: list[dict[str, Any]] = json.loads(rebuilt.stdout)
    assert {"view": "lineage", "entries": 4} in views
    assert ledger("verify").returncode == 0
    assert "lineage 4" in json.loads(ledger("status", "--json").stdout)["views"]


def test_I19_a_deletion_is_planned_from_the_log_whatever_was_taken_out_of_the_view(
    ledger: Tally, request_: str, tmp_path: Path
) -> None:
    edited(tmp_path / "audit.db", "DELETE FROM lineage_edge")

    planned = json.loads(ledger("delete", "plan", request_, "--json").stdout)
    below = json.loads(ledger("lineage", "downstream", "shop|orders", "--json").stdout)

    assert [target["dataset"]["name"] for target in planned["targets"]] == ["orders", "features"]
    assert [row["name"] for row in below if row["kind"] == "dataset"] == ["shop|features"]


def test_bodies_that_are_gone_are_counted_for_people(ledger: Tally, request_: str, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    (guard,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'body_no_delete'").fetchone()
    db.execute("DROP TRIGGER body_no_delete")
    db.execute("DELETE FROM body WHERE seq = 2")
    db.execute(guard)
    db.close()

    ended = ledger("verify")

    assert ended.returncode == 3
    assert "✗ entry 2: its body is missing, and no entry says that it was destroyed" in ended.stdout.splitlines()
    assert "  1 body is missing" in ended.stdout.splitlines()


def test_every_projection_of_the_software_is_among_the_known_views() -> None:
    found = set()
    for package in (ledger_package, lineage, contracts):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in module.name for part in ("targets", "postgres", "client", "pipelines.")):
                continue  # these take libraries that need not be there, and fold nothing
            for value in vars(importlib.import_module(module.name)).values():
                is_fold = isinstance(value, type) and isinstance(getattr(value, "wants_bodies", None), bool)
                # A fold that its module keeps to itself is replayed for one answer and stored nowhere: no view to verify.
                if is_fold and not value.__name__.startswith("_"):
                    found.add(getattr(value, "name", None))

    assert found - {None} == {view.name for view in known_views()}
