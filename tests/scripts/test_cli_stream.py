"""`tally check` on JSON lines that come in: standard input, a named pipe, a file that grows, and what stands in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.main import main

Tally = Callable[..., Any]

CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true, unique: true}
  - {name: at, type: timestamp}
  - {name: amount, type: number, range: {min: 0}}
handling: {quality: quarantine}
"""


def lines(start: int, stop: int, **more: object) -> str:
    rows = ({"id": n, "at": f"2026-11-01T00:{n:02}:00Z", "amount": n, **more} for n in range(start, stop))
    return "".join(json.dumps(row) + "\n" for row in rows)


def windows(ended: Any) -> list[Any]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_each_window_is_decided_by_itself_and_replayed_to_the_same_bytes(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    given = lines(0, 20) + lines(20, 25, amount=-1) + "{\n" + lines(26, 30)

    ended = ledger("check", "c.yaml", "ndjson:-", "--window", "10", "--json", given=given)
    replayed = ledger("decision", "replay", "4", "--json").document()

    found = windows(ended)
    assert ended.returncode == 10  # the last one, of which nothing keeps the bad rows apart
    assert [(each["decision"], each["rows"], each["broken"]) for each in found] == [
        ("ALLOW", 10, []),
        ("ALLOW", 10, []),
        ("QUARANTINE", 9, ["range:amount", "window:unreadable"]),
    ]
    assert replayed["same_bytes"] is True
    assert ledger("views", "rebuild", "--json").returncode == 0


def test_bad_rows_and_unreadable_lines_are_kept_apart_and_the_stream_goes_on(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    hostile = ['{"id": 1, "id": 2}', "[1]", "null", '{"id": NaN}', '"', "", '{"a":' * 2000, "\udcff{}", '{"id": 1e999}']
    given = "\n".join(hostile) + "\n" + lines(0, 3) + lines(3, 4, amount=-1)

    ended = ledger(
        "check", "c.yaml", "ndjson:-", "--window", "100", "--quarantine", "q", "--json",
        given=given.encode("utf-8", "surrogateescape").decode("latin-1"),
    )  # fmt: skip

    [found] = windows(ended)
    assert ended.returncode == 0, ended.stderr
    assert found["decision"] == "QUARANTINE"
    assert found["window"]["unreadable"] + found["rows"] == len(hostile) + 4
    assert len(found["quarantines"]) == 2
    listed = ledger("quarantine", "list", "--json").document()
    assert listed[0]["rows"] == found["window"]["unreadable"]


def test_a_file_that_grows_is_read_on_where_the_log_says(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    grows = tmp_path / "orders.ndjson"
    grows.write_text(lines(0, 7))
    check = ("check", "c.yaml", "ndjson:orders.ndjson", "--window", "5", "--json")

    first = windows(ledger(*check))
    grows.write_text(lines(0, 9))
    second = windows(ledger(*check))
    third = ledger(*check)
    grows.write_text(lines(0, 1) + lines(40, 50))
    another = ledger(*check)
    named = windows(ledger(*check, "--stream", "again"))

    assert [each["rows"] for each in first] == [5, 2]
    assert [each["rows"] for each in second] == [2]
    assert (third.returncode, third.stdout) == (0, "")
    assert another.refusal() == (11, "conflict")
    assert [each["rows"] for each in named] == [5, 5, 1]


def test_what_is_sent_again_under_its_name_is_decided_once(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    check = ("check", "c.yaml", "ndjson:-", "--window", "5m", "--event-time", "at", "--stream", "till", "--json")

    first = windows(ledger(*check, given=lines(0, 12)))
    again = windows(ledger(*check, given=lines(0, 15)))

    assert [(each["rows"], each["window"]["start"][11:16]) for each in first] == [
        (5, "00:00"),
        (5, "00:05"),
        (2, "00:10"),
    ]
    assert [(each["rows"], each["window"]["start"][11:16]) for each in again] == [(3, "00:10")]


def test_a_signal_ends_a_reader_of_a_pipe_that_stays_open(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    os.mkfifo(tmp_path / "pipe")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TALLY_LEDGER": f"sqlite:///{tmp_path}/audit.db",
        "TALLY_HOME": str(tmp_path / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }
    command = [sys.executable, "-m", "cli", "check", "c.yaml", "ndjson:pipe", "--window", "3", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None

    with (tmp_path / "pipe").open("w") as pipe:
        pipe.write(lines(0, 4))
        pipe.flush()
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()

    assert process.wait(60) == 0
    assert (first["rows"], [(each["rows"], each["window"]["ended"]) for each in rest]) == (3, [(1, "stopped")])


def test_a_bound_closes_what_is_open_and_drops_nothing(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)

    ended = ledger(
        "check", "c.yaml", "ndjson:-", "--window", "1h", "--event-time", "at", "--max-rows", "4", "--json",
        given=lines(0, 10),
    )  # fmt: skip

    assert [(each["rows"], each["window"]["ended"]) for each in windows(ended)] == [
        (4, "bound"),
        (4, "bound"),
        (2, "end"),
    ]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("ndjson:-",), 2),
        (("ndjson:-", "--window", "5 minutes"), 2),
        (("ndjson:-", "--window", "10", "--lateness", "5m"), 2),
        (("ndjson:-", "--window", "10", "--dry-run"), 2),
        (("ndjson:-", "--window", "5m", "--idle", "999d"), 2),
        (("d.csv", "--window", "10"), 2),
        (("ndjson:-", "--window", "20", "--max-rows", "10"), 9),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: tuple[str, ...], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    monkeypatch.chdir(tmp_path)

    assert main(["check", "c.yaml", *arguments]) == status
