"""The life of a log and of a person's rights on the command line: holds, the vault's epochs, the end, the successor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

EVENT = json.dumps({"specversion": "1.0", "id": "1", "source": "urn:shop", "type": "com.acme.order.v1", "data": 1})


@pytest.fixture
def shop(ledger: Tally) -> Tally:
    """Run `tally` on a ledger with one event."""
    assert ledger("emit", given=EVENT).returncode == 0
    return ledger


def test_a_log_is_closed_exported_and_continued(shop: Tally, tmp_path: Path) -> None:
    closed = shop(
        "close", "--reason", "superseded", "--successor", "ledger.example.org/shop2", "--out", "last", "--json"
    ).document()
    refused = shop("emit", "--json", given=EVENT.replace('"id": "1"', '"id": "2"'))
    again = shop("emit", "--json", given=EVENT).document()
    sealed = shop("evidence", "export", "--everything", "--json").document()
    shown = shop("evidence", "export", "--everything", "--out", "again")
    assert shop("evidence", "trust").returncode == 0
    verdict = shop(
        "evidence", "verify", sealed["path"], "--trust", "trust.txt", "--expect-head", "last", "--json"
    ).document()
    next_ledger = {"TALLY_LEDGER": "sqlite:///next.db"}
    made = shop("init", "--origin", "ledger.example.org/shop2", "--predecessor", "last", "--json", **next_ledger)

    assert (closed["closed_by_entry"], closed["size"]) == (3, 5)
    assert (tmp_path / "last").read_text() == closed["note"]
    assert refused.refusal() == (9, "closed")
    assert [receipt["seq"] for receipt in again] == [2]
    assert sealed["seq"] is None
    assert "the log is closed and does not record it" in shown.stdout
    assert verdict["verdict"] == "verified"
    assert made.document()["entries"] == 2
    before, after = (shop("status", "--json", **where).document() for where in ({}, next_ledger))
    assert (before["closed_by_entry"], before["predecessor"], before["unsigned_entries"]) == (3, None, 0)
    assert (after["closed_by_entry"], after["predecessor"]) == (None, "ledger.example.org/shop")
    assert shop("verify").returncode == shop("verify", **next_ledger).returncode == 0


def test_a_log_is_closed_once_and_nothing_is_lost_when_it_is_asked_twice(shop: Tally, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    taken = shop("close", "--reason", "ended", "--out", "there", "--json")
    open_still = shop("status", "--json").document()["closed_by_entry"]
    first = shop("close", "--reason", "ended")
    again = shop("close", "--reason", "ended", "--json").document()
    other = shop("close", "--reason", "compromised", "--json")

    assert taken.refusal() == (11, "conflict")
    assert open_still is None
    assert first.returncode == 0
    assert again["note"] in f"{first.stdout}\n"
    assert other.refusal() == (9, "closed")
    assert shop("close", "--reason", "because").returncode == 2


@pytest.mark.parametrize(("content", "status"), [("", 4), ("nonsense", 4), (None, 8)])
def test_a_predecessor_that_is_no_checkpoint_creates_nothing(
    shop: Tally, tmp_path: Path, content: str | None, status: int
) -> None:
    if content is not None:
        (tmp_path / "last").write_text(content)

    ended = shop("init", "--origin", "x.example/y", "--predecessor", "last", TALLY_LEDGER="sqlite:///next.db")

    assert ended.returncode == status
    assert not (tmp_path / "next.db").exists()


def test_a_predecessor_that_is_none_is_named_with_what_would_be_one(shop: Tally, tmp_path: Path) -> None:
    (tmp_path / "last").write_text("nonsense")
    hint = "it is the file of `tally close --out`, or the file `head` in the folder of the log's keys"

    told = [
        shop("init", "--origin", "x.example/y", "--predecessor", name, TALLY_LEDGER="sqlite:///next.db").stderr
        for name in ("last", "nofile")
    ]

    assert told == [
        f"tally: last: note has no blank line between text and signatures\n  hint: {hint}\n",
        f"tally: nofile: checkpoint cannot be read: No such file or directory\n  hint: {hint}\n",
    ]


def test_the_head_beside_the_keys_of_a_log_is_a_predecessor(shop: Tally, tmp_path: Path) -> None:
    assert shop("checkpoint").returncode == 0
    (head,) = (tmp_path / "home").glob("*/head")

    made = shop("init", "--origin", "x.example/y", "--predecessor", str(head), TALLY_LEDGER="sqlite:///next.db")

    assert made.returncode == 0, made.stderr


def test_what_is_written_into_a_file_is_said(shop: Tally) -> None:
    assert shop("close", "--reason", "ended", "--out", "last").stdout.splitlines()[-1] == "✓ last"


def test_a_hold_that_stood_already_is_told_so(shop: Tally) -> None:
    first, again = (shop("hold", "place", "case-1", "--identity", "customer=7").stdout for _ in range(2))

    assert (first.splitlines()[0], again.splitlines()[0]) == ("The hold stands.", "The hold stood already.")


def test_a_hold_is_placed_listed_and_released(shop: Tally) -> None:
    asked = shop("delete", "request", "--identity", "customer=7", "--dataset", "shop|orders", "--json")
    request = asked.document()["request"]
    placed = shop("hold", "place", request, "--json").document()
    again = shop("hold", "place", request, "--json").document()
    onto = shop("hold", "place", "docket-5", "--identity", "customer=7", "--json").document()
    released = shop("hold", "release", placed["hold"], "--by", "counsel", "--reason", "expired", "--json").document()
    listed = shop("hold", "list", "--json").document()

    assert placed == again
    assert released == {"hold": placed["hold"], "reason": "expired", "by": "counsel"}
    assert [(row["hold"], row["on_a_person"], row["stands"], row["by"]) for row in listed] == [
        (placed["hold"], False, False, "counsel"),
        (onto["hold"], True, True, None),
    ]
    assert "counsel" in shop("hold", "list").stdout
    assert shop("verify").returncode == 0


def test_what_cannot_be_held_or_released_is_refused_in_one_sentence(shop: Tally) -> None:
    assert shop("hold", "place", "nope", "--json").refusal() == (8, "missing")
    assert shop("hold", "place", "R1", "--person", "nobody", "--json").refusal() == (8, "missing")
    assert shop("hold", "place", "R1", "--identity", "no type=x", "--json").refusal() == (9, "refused")
    assert shop("hold", "place", "R1", "--identity", "a=1", "--person", "ada", "--json").refusal() == (9, "refused")
    assert shop("hold", "place", "two words", "--json").refusal() == (9, "refused")
    assert shop("hold", "place", "R1", "--person", "", "--json").refusal() == (9, "refused")
    missing = shop("hold", "release", "none", "--by", "counsel", "--reason", "expired", "--json")
    assert missing.refusal() == (8, "missing")
    assert shop("hold", "release", "none", "--by", "counsel", "--reason", "I say so").returncode == 2
    assert shop("status", "--json").document()["entries"] == 3


def test_the_epoch_of_the_vault_is_rotated(shop: Tally, tmp_path: Path) -> None:
    assert shop("keys", "rotate-epoch", "--json").document() == {"epoch": 2}
    assert shop("keys", "rotate-epoch").stdout.splitlines()[0] == "Key-encryption key rotated."

    assert [path.name for path in tmp_path.glob("home/*/kek-*")] == ["kek-3"]
    assert shop("keys", "rotate-epoch", TALLY_HOME=str(tmp_path / "nowhere")).returncode == 8
