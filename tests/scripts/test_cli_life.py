"""The life of a log and of a person's rights on the command line: holds, the vault's epochs, the end, the successor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EVENT = json.dumps({"specversion": "1.0", "id": "1", "source": "urn:shop", "type": "com.acme.order.v1", "data": 1})
Tally = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    """Run `tally` in an empty folder, on a ledger with one event."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(tmp_path / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }

    def run(*arguments: str, given: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=tmp_path, env={**environment, **changes}, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert run("init", "--origin", "ledger.example.org/shop").returncode == 0
    assert run("emit", given=EVENT).returncode == 0
    return run


def document(ended: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document that a command printed."""
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


def refusal(ended: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """The exit status and the code of a refusal that was printed as JSON."""
    assert ended.stdout == ""
    error = json.loads(ended.stderr)["error"]
    assert error["status"] == ended.returncode
    return ended.returncode, error["code"]


def test_a_log_is_closed_exported_and_continued(tally: Tally, tmp_path: Path) -> None:
    closed = document(
        tally("close", "--reason", "superseded", "--successor", "ledger.example.org/shop2", "--out", "last", "--json")
    )
    refused = tally("emit", "--json", given=EVENT.replace('"id": "1"', '"id": "2"'))
    again = document(tally("emit", "--json", given=EVENT))
    sealed = document(tally("evidence", "export", "--everything", "--json"))
    shown = tally("evidence", "export", "--everything", "--out", "again")
    assert tally("evidence", "trust").returncode == 0
    verdict = document(
        tally("evidence", "verify", sealed["path"], "--trust", "trust.txt", "--expect-head", "last", "--json")
    )
    next_ledger = {"TALLY_LEDGER": "sqlite:///next.db"}
    made = tally("init", "--origin", "ledger.example.org/shop2", "--predecessor", "last", "--json", **next_ledger)

    assert (closed["closed_by_entry"], closed["size"]) == (3, 5)
    assert (tmp_path / "last").read_text() == closed["note"]
    assert refusal(refused) == (9, "closed")
    assert [receipt["seq"] for receipt in again] == [2]
    assert sealed["seq"] is None
    assert "the log is closed and does not record it" in shown.stdout
    assert verdict["verdict"] == "verified"
    assert document(made)["entries"] == 2
    before, after = (document(tally("status", "--json", **where)) for where in ({}, next_ledger))
    assert (before["closed_by_entry"], before["predecessor"], before["unsigned_entries"]) == (3, None, 0)
    assert (after["closed_by_entry"], after["predecessor"]) == (None, "ledger.example.org/shop")
    assert tally("verify").returncode == tally("verify", **next_ledger).returncode == 0


def test_a_log_is_closed_once_and_nothing_is_lost_when_it_is_asked_twice(tally: Tally, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    taken = tally("close", "--reason", "ended", "--out", "there", "--json")
    open_still = document(tally("status", "--json"))["closed_by_entry"]
    first = tally("close", "--reason", "ended")
    again = document(tally("close", "--reason", "ended", "--json"))
    other = tally("close", "--reason", "compromised", "--json")

    assert refusal(taken) == (9, "refused")
    assert open_still is None
    assert first.returncode == 0
    assert again["note"] in f"{first.stdout}\n"
    assert refusal(other) == (9, "closed")
    assert tally("close", "--reason", "because").returncode == 2


@pytest.mark.parametrize(("content", "status"), [("", 4), ("nonsense", 4), (None, 8)])
def test_a_predecessor_that_is_no_checkpoint_creates_nothing(
    tally: Tally, tmp_path: Path, content: str | None, status: int
) -> None:
    if content is not None:
        (tmp_path / "last").write_text(content)

    ended = tally("init", "--origin", "x.example/y", "--predecessor", "last", TALLY_LEDGER="sqlite:///next.db")

    assert ended.returncode == status
    assert not (tmp_path / "next.db").exists()


def test_a_hold_is_placed_listed_and_released(tally: Tally) -> None:
    asked = tally("delete", "request", "--identity", "customer=7", "--dataset", "shop|orders", "--json")
    request = document(asked)["request"]
    placed = document(tally("hold", "place", request, "--json"))
    again = document(tally("hold", "place", request, "--json"))
    onto = document(tally("hold", "place", "docket-5", "--identity", "customer=7", "--json"))
    released = document(tally("hold", "release", placed["hold"], "--by", "counsel", "--reason", "expired", "--json"))
    listed = document(tally("hold", "list", "--json"))

    assert placed == again
    assert released == {"hold": placed["hold"], "reason": "expired", "by": "counsel"}
    assert [(row["hold"], row["on_a_person"], row["stands"], row["by"]) for row in listed] == [
        (placed["hold"], False, False, "counsel"),
        (onto["hold"], True, True, None),
    ]
    assert "counsel" in tally("hold", "list").stdout
    assert tally("verify").returncode == 0


def test_what_cannot_be_held_or_released_is_refused_in_one_sentence(tally: Tally) -> None:
    assert refusal(tally("hold", "place", "nope", "--json")) == (8, "missing")
    assert refusal(tally("hold", "place", "R1", "--person", "nobody", "--json")) == (8, "missing")
    assert refusal(tally("hold", "place", "R1", "--identity", "no type=x", "--json")) == (9, "refused")
    assert refusal(tally("hold", "place", "R1", "--identity", "a=1", "--person", "ada", "--json")) == (9, "refused")
    assert refusal(tally("hold", "place", "two words", "--json")) == (9, "refused")
    assert refusal(tally("hold", "place", "R1", "--person", "", "--json")) == (9, "refused")
    missing = tally("hold", "release", "none", "--by", "counsel", "--reason", "expired", "--json")
    assert refusal(missing) == (8, "missing")
    assert tally("hold", "release", "none", "--by", "counsel", "--reason", "I say so").returncode == 2
    assert document(tally("status", "--json"))["entries"] == 3


def test_the_epoch_of_the_vault_is_rotated(tally: Tally, tmp_path: Path) -> None:
    assert document(tally("keys", "rotate-epoch", "--json")) == {"epoch": 2}
    assert tally("keys", "rotate-epoch").stdout.splitlines()[0] == "Key-encryption key rotated."

    assert [path.name for path in tmp_path.glob("home/*/kek-*")] == ["kek-3"]
    assert tally("keys", "rotate-epoch", TALLY_HOME=str(tmp_path / "nowhere")).returncode == 8
