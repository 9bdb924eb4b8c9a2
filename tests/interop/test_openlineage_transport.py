"""A stock OpenLineage producer, unmodified but for configuration, delivers every event: server up, down, or a file beside it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.client import Client, Settings
from ledger.client.openlineage import LedgerConfig, LedgerTransport
from ledger.client.outbox import OutboxFullError
from ledger.log import Ledger
from lineage import query
from lineage.graph import LineageProjection
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.counterpart import Counterpart

ROOT = Path(__file__).parents[2]
TYPE = "ledger.client.openlineage.LedgerTransport"

# What a pipeline does: nothing in it knows of the ledger.
PRODUCER = """
import os, sys
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

client = OpenLineageClient()

def step(number):
    run, job = Run(runId=f"01936d6e-0000-7000-8000-00000000000{number}"), Job(namespace="n", name=f"step{number}")
    for state in (RunState.START, RunState.COMPLETE):
        client.emit(RunEvent(eventTime="2026-11-20T09:15:00+00:00", eventType=state, producer="https://example.com/p",
            run=run, job=job, inputs=[InputDataset("db", f"t{number}")], outputs=[OutputDataset("db", f"t{number + 1}")]))

step(1)
if len(sys.argv) > 1 and os.fork() == 0:
    step(2)
    client.close()
    os._exit(0)
step(3)
if len(sys.argv) > 1:
    assert os.wait()[1] == 0
"""


def produce(folder: Path, *arguments: str, config: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    if config:
        (folder / "openlineage.yml").write_text(config)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENLINEAGE")}
    return subprocess.run(
        [sys.executable, "-c", PRODUCER, *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(ROOT), "TALLY_KEY_PASSPHRASE": "correct horse", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def jobs(log: Ledger) -> list[tuple[str, str, str]]:
    """(source, job, state) of each run event, in log order."""
    found = []
    for record in log.stream("type:tallystick.lineage.run-observed.v1"):
        body = json.loads(record.body or b"")
        found.append((record.source, body["job"]["name"], body["eventType"]))
    return found


STEPS = [("step1", "START"), ("step1", "COMPLETE"), ("step3", "START"), ("step3", "COMPLETE")]


def settings(url: str, outbox: Path) -> dict[str, object]:
    return {"type": TYPE, "url": url, "outbox": str(outbox), "source": "urn:acme:warehouse", "exit_seconds": 10}


def as_yaml(given: dict[str, object]) -> dict[str, str]:
    return {"config": "transport:\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in given.items())}


def as_json(given: dict[str, object]) -> dict[str, str]:
    return {"OPENLINEAGE__TRANSPORT": json.dumps(given)}


def as_nested(given: dict[str, object]) -> dict[str, str]:
    return {f"OPENLINEAGE__TRANSPORT__{name.upper()}": str(value) for name, value in given.items()}


def as_composite(given: dict[str, object]) -> dict[str, str]:
    transports = {"ledger": {**given, "priority": 2}, "console": {"type": "console", "priority": 1}}
    composite = {"type": "composite", "continue_on_failure": False, "sort_transports": True, "transports": transports}
    return {"OPENLINEAGE__TRANSPORT": json.dumps(composite)}


@pytest.mark.parametrize("form", [as_yaml, as_json, as_nested, as_composite])
def test_a_producer_that_was_only_configured_delivers_every_event(
    counterpart: Counterpart, tmp_path: Path, form: Any
) -> None:
    ended = produce(tmp_path, **form(settings(counterpart.url, tmp_path / "outbox.db")))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert jobs(counterpart.log) == [("urn:acme:warehouse", *step) for step in STEPS]
    with counterpart.log.viewing(LineageProjection()) as db:
        assert [edge.source.name for edge in query.load(db).edges] == ["t1", "t3"]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_producer_that_runs_while_the_server_is_down_loses_nothing_and_waits_for_nothing(
    counterparts: Any, ledgers: Ledgers, tmp_path: Path
) -> None:
    given = settings(f"http://127.0.0.1:{unused_port()}", tmp_path / "outbox.db")
    started = time.monotonic()

    ended = produce(tmp_path, **as_yaml(given))

    assert (ended.returncode, time.monotonic() - started < 8) == (0, True)
    assert "nothing is lost, and not everything is delivered" in ended.stderr
    late = counterparts.Counterpart(ledgers.create(), int(str(given["url"]).rpartition(":")[2]))
    with Client(late.url, outbox=tmp_path / "outbox.db", source="urn:acme:warehouse") as client:
        assert client.flush(20) == 0
    assert jobs(late.log) == [("urn:acme:warehouse", *step) for step in STEPS]
    late.stop()


def test_a_producer_that_forks_delivers_from_both_sides(counterpart: Counterpart, tmp_path: Path) -> None:
    ended = produce(tmp_path, "fork", **as_yaml(settings(counterpart.url, tmp_path / "outbox.db")))

    assert (ended.returncode, ended.stderr) == (0, "")
    with Client(counterpart.url, outbox=tmp_path / "outbox.db") as client:
        assert client.flush(20) == 0
    found = [(job, state) for _, job, state in jobs(counterpart.log)]
    assert sorted(found) == sorted([*STEPS, ("step2", "START"), ("step2", "COMPLETE")])
    sequences = [record.entry.sequence for record in counterpart.log.stream("source:urn:acme:warehouse")]
    assert sequences == [str(n) for n in range(7)]


@pytest.mark.parametrize("fork", [[], ["fork"]], ids=["", "fork"])
def test_a_producer_writes_straight_into_an_embedded_ledger(ledgers: Ledgers, tmp_path: Path, fork: list[str]) -> None:
    ledgers.create()
    ledgers.close()

    ended = produce(
        tmp_path,
        *fork,
        **as_json({"type": TYPE, "ledger": ledgers.url(), "home": str(ledgers.home), "source": "urn:w"}),
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    found = [(job, state) for _, job, state in jobs(ledgers.open())]
    assert [each for each in found if each[0] != "step2"] == STEPS
    assert len(found) == 4 + 2 * len(fork)


def test_without_a_source_an_outbox_speaks_for_itself_and_a_ledger_names_the_producer(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    log = ledgers.create()
    body = {"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}, "producer": "https://example.com/p"}
    through = LedgerTransport[Any](LedgerConfig({"outbox": str(tmp_path / "outbox.db")}))
    emission = through.emit(body)
    assert emission.source.startswith("urn:tallystick:outbox:")
    assert emission.source.endswith(Client(outbox=tmp_path / "outbox.db").outbox.id)
    assert through.close() is False  # it waits; nothing is lost

    straight = LedgerTransport.into(log)

    assert b'"source":"https://example.com/p"' in straight.emit(body).entry
    assert straight.close() is True


def test_closing_does_not_wait_for_a_server_that_is_down_however_long_the_producer_would(tmp_path: Path) -> None:
    there = {"url": f"http://127.0.0.1:{unused_port()}", "outbox": str(tmp_path / "outbox.db")}
    transport = LedgerTransport[Any](LedgerConfig(there))
    transport.emit({"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}})
    started = time.monotonic()

    assert transport.close(600) is False
    assert time.monotonic() - started < 60  # ten minutes, if it waited


def test_what_cannot_be_taken_is_raised(tmp_path: Path) -> None:
    transport = LedgerTransport[Any](LedgerConfig({"outbox": str(tmp_path / "outbox.db"), "limit_bytes": 10}))

    with pytest.raises(OutboxFullError):
        transport.emit({"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}})
    with pytest.raises(RefusedError, match="does not say which run it speaks of"):
        transport.emit({"run": {"runId": ""}, "job": {"namespace": "n", "name": "j"}})
    assert transport.receipt is None
    assert transport.close(0) is True


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "needs either an outbox or a ledger, and neither is given"),
        ({"outbox": "o", "ledger": "sqlite:///x"}, "needs either an outbox or a ledger, and both are given"),
        ({"outbox": "o", "urls": "x"}, "knows no 'urls'"),
        ({"outbox": 5}, "'outbox' of the ledger's transport is no text"),
        ({"ledger": "sqlite:///x", "url": "http://h"}, "an embedded ledger has no url"),
        ({"outbox": "o", "token": "a", "token_file": "b"}, "a token or a token_file, not both"),
        ({"outbox": "o", "limit_bytes": "many"}, "'limit_bytes' of the ledger's transport is of another kind"),
        ({"outbox": "o", "limit_bytes": True}, "'limit_bytes' of the ledger's transport is of another kind"),
        ({"outbox": "o", "ca_file": 5}, "'ca_file' of the ledger's transport is of another kind"),
        ({"outbox": "o", "on_full": "drop"}, "on_full is 'drop'"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_in_one_sentence(params: dict[str, object], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        LedgerConfig.from_dict(dict(params))


def test_an_embedded_ledger_that_is_not_there_is_missed_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        LedgerTransport(LedgerConfig({"ledger": f"sqlite:///{tmp_path}/none.db"}))


def test_settings_of_the_client_can_be_configured(tmp_path: Path) -> None:
    config = LedgerConfig({"type": TYPE, "outbox": "o", "limit_bytes": 5, "on_full": "block", "exit_seconds": 2})

    assert config.settings == Settings(limit_bytes=5, on_full="block", exit_seconds=2)
