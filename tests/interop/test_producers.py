"""Other people's producers, unmodified but for their configuration: every event arrives, once, with its datasets.

Each runs in an environment of its own (`make producers`), on the pipeline that stands in tests/interop/producers/. What must
arrive was written down by hand from these pipelines and from what each producer is known to say of them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Ledgers, Served

ROOT = Path(__file__).parents[2]
PIPELINES = Path(__file__).with_name("producers")
Said = tuple[str, str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Producer:
    """One producer with its pipeline.

    Attributes:
        environment: Which environment of `make producers` it runs in.
        command: What its user types, in a copy of the pipeline's folder.
        says: (event type, job, inputs, outputs) of each event that it emits.
        before: What its user types once, before.
        settings: Variables besides the transport; `{here}` stands for the folder.
    """

    environment: str
    command: tuple[str, ...]
    says: tuple[Said, ...]
    before: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def run(job: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[Said, Said]:
    return ("START", job, inputs, outputs), ("COMPLETE", job, inputs, outputs)


PRODUCERS = {
    "dbt": Producer(
        environment="dbt",
        command=("dbt-ol", "build", "--project-dir", ".", "--profiles-dir", "."),
        settings={"SHOP_DATABASE": "{here}/shop.duckdb", "OPENLINEAGE_NAMESPACE": "shop"},
        # dbt-ol leaves seeds out of the inputs: the tables that only column lineage names are no inputs here either.
        says=(
            *run("dbt-run-shop", (), ()),
            *run("shop.main.shop.stg_customers.build.run", (), ("shop.main.stg_customers",)),
            *run("shop.main.shop.stg_orders.build.run", (), ("shop.main.stg_orders",)),
            *run(
                "shop.main.shop.customer_value.build.run",
                ("shop.main.stg_customers", "shop.main.stg_orders"),
                ("shop.main.customer_value",),
            ),
        ),
    ),
    "airflow": Producer(
        environment="airflow",
        before=("airflow", "db", "migrate"),
        command=("airflow", "dags", "test", "shop"),
        settings={
            "AIRFLOW_HOME": "{here}/home",
            "AIRFLOW__CORE__DAGS_FOLDER": "{here}/dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop",
        },
        # `dags test` starts the DAG without telling its listener, so that the DAG has an end and no beginning.
        says=(
            *run("shop.clean", ("raw.orders",), ("clean.orders",)),
            *run("shop.daily", ("clean.orders",), ("mart.daily_revenue",)),
            ("COMPLETE", "shop", (), ()),
        ),
    ),
    "dagster": Producer(
        environment="others",
        command=("dagster", "asset", "materialize", "--select", "*", "-f", "shop.py"),
        settings={"DAGSTER_HOME": "{here}"},
        says=(*run("orders", (), ("orders",)), *run("revenue", (), ("revenue",))),
    ),
    "dlt": Producer(
        environment="others",
        command=("python", "shop.py"),
        settings={"DLT_DATA_DIR": "{here}/.dlt", "RUNTIME__DLTHUB_TELEMETRY": "false"},
        says=(
            ("START", "shop", (), ()),
            ("RUNNING", "shop", ("customers", "orders"), ()),
            ("COMPLETE", "shop", ("customers", "orders"), ("raw.customers", "raw.orders")),
        ),
    ),
    "sqlmesh": Producer(
        environment="others",
        command=("sqlmesh", "plan", "--auto-apply", "--no-prompts"),
        settings={"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1"},
        # SQLMesh quotes what it reads and not what it writes, and names inputs at the start alone.
        says=(
            ("START", '"shop"."shop"."orders"', (), ("shop.shop.orders",)),
            ("COMPLETE", '"shop"."shop"."orders"', (), ("shop.shop.orders",)),
            ("START", '"shop"."shop"."customer_value"', ('"shop"."shop"."orders"',), ("shop.shop.customer_value",)),
            ("COMPLETE", '"shop"."shop"."customer_value"', (), ("shop.shop.customer_value",)),
        ),
    ),
}

Emit = Callable[[Mapping[str, Any]], Path]


@pytest.fixture(params=PRODUCERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def producer(name: str) -> Producer:
    return PRODUCERS[name]


@pytest.fixture
def emit(name: str, producer: Producer, tmp_path: Path) -> Emit:
    """Run the producer with a transport; returns the folder in which it ran."""
    folder = ROOT / f".venv-{producer.environment}" / "bin"
    assert (folder / "python").exists(), f"{folder.parent.name} is not there; `make producers` makes it"
    here = tmp_path / "pipeline"
    shutil.copytree(PIPELINES / name, here)

    def emit(transport: Mapping[str, Any]) -> Path:
        document = json.dumps(transport)
        environment = {
            **os.environ,
            **{key: value.format(here=here) for key, value in producer.settings.items()},
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TALLY_KEY_PASSPHRASE": "correct horse",
            "OPENLINEAGE__TRANSPORT": document,
            "AIRFLOW__OPENLINEAGE__TRANSPORT": document,
        }
        for command in filter(None, (producer.before, producer.command)):
            ended = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-4_000:]
        return here

    return emit


def tally(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    ended = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def said(ledgers: Ledgers) -> list[Said]:
    """What the ledger holds of the producer, sorted."""
    found: list[Said] = []
    for record in ledgers.open().read():
        if record.type.startswith("tallystick.lineage."):
            body: Any = record.json()
            sides = [
                tuple(sorted(dataset["name"] for dataset in body.get(side) or ())) for side in ("inputs", "outputs")
            ]
            found.append((body["eventType"], body["job"]["name"], sides[0], sides[1]))
    return sorted(found)


def test_every_event_arrives_at_a_server_by_the_stock_transport(
    producer: Producer, emit: Emit, ledgers: Ledgers, serve: Callable[..., Served]
) -> None:
    emit({"type": "http", "url": serve().url, "compression": "gzip"})

    assert said(ledgers) == sorted(producer.says)


def test_every_event_arrives_although_the_server_comes_up_when_the_producer_is_gone(
    producer: Producer, emit: Emit, ledgers: Ledgers, serve: Callable[..., Served], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outbox, url = tmp_path / "outbox.db", f"http://127.0.0.1:{port}"
    transport = "ledger.client.openlineage.LedgerTransport"

    emit({"type": transport, "url": url, "outbox": str(outbox), "source": "urn:shop:pipeline"})
    serve(port=port)
    left = tally("outbox", "--outbox", str(outbox), "flush", "--url", url, "--json")

    flushed = json.loads(left.stdout)
    assert (flushed["dead_letters"], flushed["left"]) == (0, 0)

    assert said(ledgers) == sorted(producer.says)


@pytest.mark.parametrize("name", ["dlt"], indirect=True)
def test_every_event_goes_straight_into_an_embedded_ledger(producer: Producer, emit: Emit, ledgers: Ledgers) -> None:
    ledgers.create()
    ledgers.close()

    emit(
        {
            "type": "ledger.client.openlineage.LedgerTransport",
            "ledger": ledgers.url(),
            "home": str(ledgers.home),
            "source": "urn:shop:pipeline",
        }
    )

    assert said(ledgers) == sorted(producer.says)


@pytest.mark.parametrize("name", ["dbt"], indirect=True)
def test_the_tables_of_dbt_artifacts_join_what_dbt_itself_emits(emit: Emit, ledgers: Ledgers, tmp_path: Path) -> None:
    ledgers.create()
    ledgers.close()
    here = emit({"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True})
    emitted = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    (namespace,) = {dataset["namespace"] for event in emitted for dataset in event["outputs"]}

    where = {"TALLY_LEDGER": ledgers.url(), "TALLY_HOME": str(ledgers.home), "TALLY_KEY_PASSPHRASE": "correct horse"}
    ended = tally("import", "dbt", str(here / "target"), "--namespace", namespace, "--json", **where)

    assert json.loads(ended.stdout) == {"known": 0, "recorded": 10, "refused": []}
    written = {output for _, _, _, outputs in said(ledgers) for output in outputs}
    assert {dataset["name"] for event in emitted for dataset in event["outputs"]} < written
    # What dbt-ol leaves out, the manifest knows.
    assert ("COMPLETE", "model.shop.stg_orders", ("shop.main.raw_orders",), ("shop.main.stg_orders",)) in said(ledgers)
