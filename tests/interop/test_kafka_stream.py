"""Windows of a topic of a real broker: decided once, in order, and from where the log says on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from contracts.streams import kafka
from proofs.errors import MalformedError, MissingError, RefusedError
from tests.kafkabroker import Broker, broker

ROOT = Path(__file__).parents[2]
CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: amount, type: number, range: {min: 0}}
"""


@pytest.fixture(scope="module")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, kafka_broker: Broker) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "c.yaml").write_text(CONTRACT)
    found = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": f"sqlite:///{folder}/audit.db",
        "TALLY_HOME": str(folder / "home"),
        "CONTRACT": str(folder / "c.yaml"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
        "TALLY_KAFKA_BROKERS": kafka_broker.address,
    }
    subprocess.run(
        [sys.executable, "-m", "cli", "init", "--origin", "test/kafka"], env=found, check=True, capture_output=True
    )
    return found


def tally(environment: dict[str, str], folder: Path, *arguments: str) -> tuple[int, list[Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "check", environment["CONTRACT"], *arguments, "--json"],
        env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def orders(start: int, stop: int, partition: int = 0) -> list[tuple[int, bytes]]:
    return [(partition, json.dumps({"id": n, "amount": n}).encode()) for n in range(start, stop)]


def test_a_restart_goes_on_behind_the_last_window_and_decides_none_twice(
    environment: dict[str, str], tmp_path: Path, kafka_broker: Broker
) -> None:
    kafka_broker.create("orders", 2)
    kafka_broker.send("orders", [*orders(0, 30), *orders(100, 130, 1)])
    window = ("kafka:orders", "--window", "25")

    _, first, _ = tally(environment, tmp_path, *window)
    kafka_broker.send("orders", orders(30, 40))
    _, second, _ = tally(environment, tmp_path, *window)
    _, third, _ = tally(environment, tmp_path, *window)

    assert [(each["rows"], each["window"]["ended"]) for each in first] == [(25, "full"), (25, "full"), (10, "end")]
    assert [each["rows"] for each in second] == [10]
    assert second[0]["window"]["offsets"] == [{"partition": 0, "start": 30, "stop": 40}]
    assert second[0]["window"]["resume"] == [{"partition": 0, "offset": 40}, {"partition": 1, "offset": 30}]
    assert third == []
    consumer = Consumer({"bootstrap.servers": kafka_broker.address, "group.id": "tallystick-orders"})
    committed = consumer.committed([TopicPartition("orders", 0), TopicPartition("orders", 1)], timeout=20)
    consumer.close()
    assert [place.offset for place in committed] == [40, 30]


def test_a_poison_message_is_kept_with_its_offset_and_stops_nothing(
    environment: dict[str, str], tmp_path: Path, kafka_broker: Broker
) -> None:
    import duckdb

    kafka_broker.create("poison")
    kafka_broker.send("poison", [*orders(0, 5), (0, b'{"id": '), (0, b'{\n "id": 6,\n "amount": 1}'), *orders(7, 10)])

    status, [found], _ = tally(environment, tmp_path, "kafka:poison", "--window", "100", "--quarantine", "q")

    assert (status, found["decision"], found["rows"], found["window"]["unreadable"]) == (0, "ALLOW_WITH_ALERT", 9, 1)
    assert found["broken"] == ["window:unreadable"]
    [kept] = found["quarantines"]
    with duckdb.connect() as connection:
        rows = connection.execute("FROM read_parquet($1)", [str(tmp_path / "q" / kept / "bad.parquet")]).fetchall()
    assert rows == [(0, 5, "it is not JSON", b'{"id": ')]


def test_a_signal_has_what_was_read_decided_before_the_reader_ends(
    environment: dict[str, str], tmp_path: Path, kafka_broker: Broker
) -> None:
    kafka_broker.create("endless")
    kafka_broker.send("endless", orders(0, 15))
    arguments = ("check", environment["CONTRACT"], "kafka:endless", "--window", "10", "--follow", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    kafka_broker.send("endless", orders(15, 25))
    second = json.loads(process.stdout.readline())

    process.send_signal(signal.SIGTERM)
    rest = [json.loads(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()

    assert process.wait(60) == 0
    _, after, _ = tally(environment, tmp_path, "kafka:endless", "--window", "10")
    assert (first["rows"], second["rows"]) == (10, 10)
    assert [each["window"]["ended"] for each in rest] in ([], ["stopped"])  # as much as had come until then
    places = [each["window"]["offsets"][0] for each in (first, second, *rest, *after)]
    assert [place["start"] for place in places] == [0, *(place["stop"] for place in places[:-1])]
    assert places[-1]["stop"] == 25


def test_windows_of_time_are_of_the_messages_own(
    environment: dict[str, str], tmp_path: Path, kafka_broker: Broker
) -> None:
    kafka_broker.create("timed", 2)
    kafka_broker.send("timed", [*orders(0, 10), *orders(10, 20, 1)])

    _, found, _ = tally(environment, tmp_path, "kafka:timed", "--window", "1d", "--lateness", "1h")

    assert sum(each["rows"] for each in found) == 20
    assert {each["window"]["late"] for each in found} == {0}


def test_what_cannot_be_reached_is_one_sentence(kafka_broker: Broker) -> None:
    here = {"bootstrap.servers": kafka_broker.address}
    with pytest.raises(MissingError, match="there is no topic 'nothing'"):
        kafka.open_feed("nothing", here, group="g")
    with pytest.raises(RefusedError, match="no broker is named"):
        kafka.open_feed("nothing", {}, group="g")
    with pytest.raises(RefusedError, match="not acceptable to the library"):
        kafka.open_feed("nothing", {**here, "security.protocol": "geheim"}, group="g")


@pytest.mark.parametrize(
    "text", ["plugin.library.paths=/tmp/x.so", "ssl.engine.location=/x", "enable.auto.commit=true"]
)
def test_a_setting_that_would_load_code_or_undo_ours_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="cannot be given here"):
        kafka.read_settings(text, where="s")


def test_settings_are_lines_and_their_values_are_not_quoted() -> None:
    assert kafka.read_settings("# a\n\nsasl.password = x=y \n", where="s") == {"sasl.password": "x=y"}
    with pytest.raises(MalformedError) as caught:
        kafka.read_settings("geheim", where="s")
    assert "geheim" not in str(caught.value)
