"""A table that is not let through goes back to the last version that was allowed, and over nobody's commit; on a real S3, too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog import load_catalog
from pyiceberg.utils.config import Config

import ledger
from contracts import enforce
from contracts.document import parse
from contracts.facts import ACTION_TAKEN, VALIDATION_DECIDED, ActionTaken, ValidationDecided
from contracts.replay import read_decision, replay
from contracts.sources.named import found, table_place
from contracts.tables.active import ActiveTable
from contracts.tables.allowed import TableVersions
from contracts.tables.rollback import RollBack
from ledger.log import Ledger
from proofs.errors import BusyError, MissingError, TallyError

CONTRACT = b"""\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, unique: true}]
"""
DOCUMENT = parse(CONTRACT)
GOOD = pa.table({"id": [1, 2, 3]})
BAD = pa.table({"id": [3, 3]})
SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/tables", home=tmp_path, passphrase=lambda: b"secret") as made:
        yield made


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server of its own process: delta-rs holds the interpreter's lock while it restores."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        assert server.stdin is not None
        server.stdin.close()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    import fsspec

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "geheim", "AWS_ALLOW_HTTP": "true",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("lake")
    fsspec.config.conf["s3"] = {"skip_instance_cache": True}
    yield "lake"
    fsspec.config.conf.pop("s3")
    store.rm("lake", recursive=True)


def checked(log: Ledger, name: str, *, as_of: str | None = None, between: Any = None) -> enforce.Outcome:
    """Measure a table, let `between` happen, and carry out what was decided; without `as_of`, with the way back."""
    with found(name, as_of=as_of) as source:
        evaluated = enforce.evaluate(DOCUMENT, source)
        assert isinstance(source, ActiveTable)
        place = table_place(name)
        assert place is not None
        back = None if as_of else RollBack(place, source, DOCUMENT.contract.dataset, log)
        if between is not None:
            between()
        return enforce.carry_out(log, evaluated, enforcement=back)


def actions(log: Ledger) -> list[ActionTaken]:
    return [ActionTaken.parse(body) for body in bodies(log, ACTION_TAKEN)]


def bodies(log: Ledger, type: str) -> list[bytes]:
    return [one.body or b"" for one in map(log.entry, range(log.size)) if one.type == type]


def test_a_blocked_version_is_undone_and_the_log_says_to_which(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    allowed = checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    blocked = checked(log, f"delta:{place}")

    table = DeltaTable(place)
    assert (allowed.action, blocked.action, blocked.blocked) == (None, "rolled-back", True)
    assert table.version() == 2
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == [1, 2, 3]
    [action] = actions(log)
    assert (action.decided.seq, action.result, action.action) == (blocked.decided.seq, "done", "rolled-back")
    assert action.table is not None
    assert (action.table.version, action.table.id) == ("0", str(table.metadata().id))


def test_the_last_allowed_is_taken_and_neither_an_older_nor_a_blocked_one(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    checked(log, f"delta:{place}")
    write_deltalake(place, pa.table({"id": [4]}), mode="append")
    checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    checked(log, f"delta:{place}", as_of="2")  # blocked, and not undone
    write_deltalake(place, BAD, mode="append")
    checked(log, f"delta:{place}", as_of="0")  # the older one was decided last
    checked(log, f"delta:{place}")

    assert sorted(DeltaTable(place).to_pyarrow_table()["id"].to_pylist()) == [1, 2, 3, 4]


def test_where_none_was_allowed_nothing_is_guessed(log: Ledger, tmp_path: Path) -> None:
    place, other = tmp_path / "orders", tmp_path / "other"
    write_deltalake(other, GOOD)
    checked(log, f"delta:{other}")  # another table of the same dataset
    write_deltalake(place, GOOD)
    write_deltalake(place, BAD, mode="append")

    with pytest.raises(MissingError, match="ever allowed"):
        checked(log, f"delta:{place}")

    assert DeltaTable(place).version() == 1
    assert [(action.result, action.error) for action in actions(log)] == [("failed", "missing")]


def test_nobody_elses_commit_is_undone(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")

    with pytest.raises(BusyError, match="it is at version 2, and 1 was measured"):
        checked(log, f"delta:{place}", between=lambda: write_deltalake(place, GOOD, mode="append"))

    assert DeltaTable(place).version() == 2
    assert [(action.result, action.error) for action in actions(log)] == [("failed", "busy")]


def test_a_commit_between_the_look_and_the_restore_wins(
    log: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")

    # The look at the table comes first, so that this commit is one that only the format itself can hold against ours.
    from contracts.tables import rollback

    looked = rollback._check_unchanged

    def then(*arguments: Any) -> None:
        looked(*arguments)
        write_deltalake(place, GOOD, mode="append")

    monkeypatch.setattr(rollback, "_check_unchanged", then)
    with pytest.raises(BusyError, match="in between"):
        checked(log, f"delta:{place}")

    assert DeltaTable(place).version() == 2


def test_a_rewritten_history_and_a_table_in_anothers_place_are_not_restored(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    first = place / "_delta_log" / f"{0:020d}.json"
    first.write_bytes(first.read_bytes() + b"\n")

    with pytest.raises(MissingError, match="not what was allowed"):
        checked(log, f"delta:{place}")

    assert DeltaTable(place).version() == 1


def test_a_replay_measures_the_version_that_was_measured(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    outcome = checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    known = read_decision(log, outcome.decided.seq)
    assert known.fact.batch.table is not None

    with found(f"delta:{place}", as_of=known.fact.batch.table.version) as source:
        made = replay(log, known, document=DOCUMENT, source=source)
    by_counts = replay(log, known, document=DOCUMENT)

    assert (made.differs, made.measured, by_counts.differs) == ((), True, ())


def test_an_iceberg_table_goes_back_to_its_nearest_allowed_ancestor(
    log: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{tmp_path}/lake")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
    (tmp_path / "lake").mkdir()
    catalog: Any = load_catalog("lake")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.orders", schema=GOOD.schema)
    name = "iceberg:lake.shop.orders"

    table.append(BAD)
    with pytest.raises(MissingError, match="ever allowed"):
        checked(log, name)
    table.refresh().overwrite(GOOD)
    checked(log, name)
    good = table.refresh().metadata.current_snapshot_id
    table.append(BAD)
    with pytest.raises(BusyError, match="was measured"):
        checked(log, name, between=lambda: catalog.load_table("shop.orders").append(GOOD))
    checked(log, name)

    assert table.refresh().metadata.current_snapshot_id == good
    assert [(action.result, action.error) for action in actions(log)] == [
        ("failed", "missing"),
        ("failed", "busy"),
        ("done", None),
    ]
    assert actions(log)[-1].table is not None
    catalog.engine.dispose()


def test_a_table_in_a_store_is_measured_and_taken_back_there(log: Ledger, bucket: str) -> None:
    place = f"s3://{bucket}/orders"
    write_deltalake(place, GOOD)
    allowed = checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    blocked = checked(log, f"delta:{place}")

    assert (allowed.measurement.rows, blocked.measurement.rows) == (3, 5)
    assert DeltaTable(place).version() == 2
    assert DeltaTable(place).count() == 3
    with pytest.raises(TallyError) as caught:
        checked(log, f"delta:s3://{bucket}/none")
    assert "geheim" not in repr(caught.value)


def test_an_iceberg_table_in_a_store_is_measured_and_taken_back_there(
    log: Ledger, bucket: str, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "TYPE": "sql", "URI": f"sqlite:///{tmp_path}/catalog.db", "WAREHOUSE": f"s3://{bucket}/ice",
        "S3__ENDPOINT": endpoint, "S3__REGION": "us-east-1", "S3__ACCESS_KEY_ID": "test", "S3__SECRET_ACCESS_KEY": "geheim",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LAKE__{name}", value)
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
    catalog: Any = load_catalog("lake")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.orders", schema=GOOD.schema)
    table.append(GOOD)
    allowed = checked(log, "iceberg:lake.shop.orders")
    good = table.refresh().metadata.current_snapshot_id
    table.append(BAD)
    blocked = checked(log, "iceberg:lake.shop.orders")

    assert (allowed.measurement.rows, blocked.measurement.rows, blocked.action) == (3, 5, "rolled-back")
    assert table.refresh().metadata.current_snapshot_id == good
    catalog.engine.dispose()


def test_a_file_of_a_store_is_as_old_as_it_is_there(bucket: str) -> None:
    import fsspec

    write_deltalake(f"s3://{bucket}/orders", GOOD)
    with found(f"delta:s3://{bucket}/orders") as source:
        assert isinstance(source, ActiveTable)
        [path] = source.files
        store = fsspec.filesystem("s3")
        [key] = store.glob(f"{bucket}/orders/*.parquet")
        assert path.stat().st_mtime == store.modified(key).timestamp()


def test_versions_are_folded_from_the_log_alone(log: Ledger, tmp_path: Path) -> None:
    place = tmp_path / "orders"
    write_deltalake(place, GOOD)
    checked(log, f"delta:{place}")
    write_deltalake(place, BAD, mode="append")
    checked(log, f"delta:{place}", as_of="1")

    with log.viewing(TableVersions()) as db:
        rows = db.execute("SELECT kind, version, contract, allowed FROM tables_version ORDER BY version").fetchall()
    [decided, _] = [ValidationDecided.parse(body) for body in bodies(log, VALIDATION_DECIDED)]

    assert rows == [("delta", "0", "orders", 1), ("delta", "1", "orders", 0)]
    assert decided.batch.table is not None
    assert decided.batch.table.version == "0"
