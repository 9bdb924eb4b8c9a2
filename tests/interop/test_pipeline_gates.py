"""Airflow, Dagster and dbt, run for real: a good batch goes on, a bad one stops what is downstream, and the ledger has both."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ROOT = Path(__file__).parents[2]
PIPELINES = Path(__file__).with_name("gates")
CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, unique: true}
  - {name: amount, type: number, range: {min: 0}}
"""


class Shop:
    """A pipeline in a folder of its own, beside a ledger."""

    def __init__(self, here: Path, ledgers: Ledgers) -> None:
        self.here, self.ledgers = here, ledgers
        ledgers.create()
        ledgers.close()

    def run(self, environment: str, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment with our files in reach, and `tally` in an environment of its own."""
        folder = ROOT / f".venv-{environment}" / "bin"
        assert (folder / "python").exists(), f"{folder.parent.name} is not there; `make producers` makes it"
        variables = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TALLY": f"{shlex.quote(sys.executable)} -m cli",
            "TALLY_LEDGER": self.ledgers.url(),
            "TALLY_HOME": str(self.ledgers.home),
            "TALLY_KEY_PASSPHRASE": "correct horse",
            **settings,
        }
        return subprocess.run(command, cwd=self.here, env=variables, capture_output=True, text=True, check=False)

    def decisions(self) -> list[str]:
        records = [r for r in self.ledgers.open().read() if r.type == "tallystick.validation.decided.v1"]
        bodies: list[Any] = [record.json() for record in records]
        return [body["decision"] for body in bodies]

    def marks(self) -> list[str]:
        return sorted(path.name for path in self.here.glob("*.published"))


@pytest.fixture
def shop(request: pytest.FixtureRequest, ledgers: Ledgers, tmp_path: Path) -> Shop:
    here = tmp_path / "pipeline"
    shutil.copytree(PIPELINES / request.param, here)
    (here / "orders.yaml").write_text(CONTRACT)
    (here / "good.csv").write_text("id,amount\n1,5\n2,7\n")
    (here / "alert.csv").write_text("id,amount\n1,5\n2,7\n3,7\n4,7\n5,7\n6,-1\n")
    (here / "bad.csv").write_text("id,amount\n1,5\n1,7\n")
    return Shop(here, ledgers)


@pytest.mark.parametrize("shop", ["airflow"], indirect=True)
def test_airflow_runs_what_is_downstream_of_a_good_batch_alone(shop: Shop) -> None:
    settings = {
        "AIRFLOW_HOME": str(shop.here / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(shop.here / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_SHOP": str(shop.here),
    }
    migrated = shop.run("airflow", "airflow", "db", "migrate", **settings)
    assert migrated.returncode == 0, migrated.stderr[-2_000:]

    ended = shop.run("airflow", "airflow", "dags", "test", "shop", **settings)

    assert "contract orders 1.0.0 blocks the batch" in ended.stdout + ended.stderr
    assert shop.marks() == ["good.published"]
    assert sorted(shop.decisions()) == ["ALLOW", "BLOCK_AND_ROLLBACK"]  # a blocked task is not tried again


@pytest.mark.parametrize("shop", ["dagster"], indirect=True)
def test_dagster_materializes_what_is_downstream_of_a_good_batch_alone(shop: Shop) -> None:
    (shop.here / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")

    ended = shop.run(
        "others",
        *("dagster", "asset", "materialize", "--select", "*", "-f", "shop.py"),
        DAGSTER_HOME=str(shop.here),
    )

    assert shop.marks() == ["alert.published", "good.published"], ended.stdout[-4_000:] + ended.stderr[-4_000:]
    assert (shop.here / "bad.written").exists()
    assert ended.returncode != 0
    assert sorted(shop.decisions()) == ["ALLOW", "ALLOW_WITH_ALERT", "BLOCK_AND_ROLLBACK"]


@pytest.mark.parametrize("shop", ["dbt"], indirect=True)
def test_dbt_keeps_the_table_that_was_and_skips_what_is_downstream_of_a_bad_one(shop: Shop) -> None:
    (shop.here / "customers.yaml").write_text(CONTRACT.replace("orders", "customers").replace("amount", "age"))
    build = ("dbt", "build", "--project-dir", ".", "--profiles-dir", ".", "--vars")
    good = shop.run("dbt", *build, "{ids: [1, 2]}")
    assert good.returncode == 0, good.stdout[-4_000:] + good.stderr[-4_000:]
    (shop.here / "customers.yaml").unlink()  # nothing can be decided of that one

    bad = shop.run("dbt", *build, "{ids: [1, 1, 2]}")

    assert bad.returncode == 1
    results = json.loads((shop.here / "target" / "run_results.json").read_text())["results"]
    assert {each["unique_id"]: each["status"] for each in results} == {
        "model.shop.customers": "error", "model.shop.orders": "error", "model.shop.revenue": "skipped",
    }  # fmt: skip
    assert "contract orders 1.0.0 blocks the batch" in bad.stdout
    assert "contract cannot be read" in bad.stdout
    with duckdb.connect(str(shop.here / "shop.duckdb"), read_only=True) as database:
        assert database.execute("SELECT id FROM orders ORDER BY id").fetchall() == [(1,), (2,)]
        assert database.execute("SELECT orders FROM revenue").fetchall() == [(2,)]
    assert shop.decisions() == ["ALLOW", "ALLOW", "BLOCK_AND_ROLLBACK"]
