"""What `tally` says of a copy that ends before the log does: whether it is older, or no copy of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Ended, Tally

COPY = {"TALLY_LEDGER": "sqlite:///copy.db"}


def event(id: int) -> str:
    return json.dumps({"specversion": "1.0", "id": str(id), "source": "urn:shop", "type": "com.acme.t.v1", "data": 1})


def grow(tally: Tally, start: int, stop: int, *, signed: bool) -> None:
    """Append some events, and sign them where that is wanted."""
    assert tally("emit", given="\n".join(map(event, range(start, stop)))).returncode == 0
    if signed:
        assert tally("checkpoint").returncode == 0


@pytest.fixture
def copy(ledger: Tally, tmp_path: Path) -> Path:
    """A backup of 5 entries, all of them signed, of a log that went on to 8."""
    grow(ledger, 0, 3, signed=True)
    with sqlite3.connect(tmp_path / "audit.db") as db:
        db.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    grow(ledger, 3, 6, signed=True)
    return tmp_path / "copy.db"


def edited(path: Path, edit: str) -> None:
    """Change a ledger's file past its guards, and put them back."""
    with sqlite3.connect(path) as db:
        guards = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(edit)
        for _, sql in guards:
            db.execute(sql)


def refusal(ended: Ended) -> tuple[int, str, str]:
    """Exit status, code and sentence of a refusal that was printed as JSON; a warning may stand before it."""
    error = json.loads(ended.stderr.splitlines()[-1])["error"]
    assert error["status"] == ended.returncode
    return ended.returncode, error["code"], error["message"]


def test_a_good_older_copy_is_told_from_a_tampered_one(ledger: Tally, copy: Path) -> None:
    told = ledger("verify", **COPY)
    report = ledger("verify", "--json", **COPY)

    assert (told.returncode, told.stdout) == (7, "")
    assert told.stderr.splitlines()[-2:] == [
        "tally: 5 entries are sound, but not all of the log: this is an older copy, or its end was cut off",
        "  hint: a backup ends so; where this is the ledger itself, look for the newest copy before anything else",
    ]
    assert refusal(report)[:2] == (7, "stale")
    said = json.loads(report.stdout)
    assert said["ok"] is False
    assert [(each["code"], each["where"]) for each in said["findings"]] == [("older", "head"), ("older", "tip")]
    assert ledger("verify").returncode == 0


def test_an_older_copy_says_what_in_it_is_under_no_checkpoint(ledger: Tally, tmp_path: Path) -> None:
    grow(ledger, 0, 3, signed=False)
    shutil.copy(tmp_path / "audit.db", tmp_path / "copy.db")
    grow(ledger, 3, 6, signed=False)

    _, _, bare = refusal(ledger("verify", "--json", **COPY))

    assert bare.endswith("or its end was cut off; no checkpoint in it covers the last 5 entries")


def test_a_copy_from_before_its_end_was_signed_is_older_too(ledger: Tally, tmp_path: Path) -> None:
    grow(ledger, 0, 3, signed=False)
    shutil.copy(tmp_path / "audit.db", tmp_path / "copy.db")
    assert ledger("checkpoint").returncode == 0
    grow(ledger, 3, 6, signed=False)

    status, code, _ = refusal(ledger("verify", "--json", **COPY))

    assert (status, code) == (7, "stale")


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE entry SET header = CAST(replace(CAST(header AS TEXT), 'urn:shop', 'urn:shof') AS BLOB) WHERE seq = 3",
        "DELETE FROM body WHERE seq = 3",
        "UPDATE stream SET count = count + 1 WHERE name = 'source:urn:shop'",
        "DELETE FROM entry WHERE seq = 4",
    ],
    ids=["an entry", "a body", "a counter", "the last entry alone"],
)
def test_an_older_copy_in_which_something_was_changed_is_tampered_with(ledger: Tally, copy: Path, edit: str) -> None:
    edited(copy, edit)

    status, code, _ = refusal(ledger("verify", "--json", **COPY))

    assert (status, code) == (3, "tampered")


def test_another_log_that_is_shorter_is_no_older_copy(ledger: Tally, tmp_path: Path) -> None:
    """Whole in itself, under the same name and signed by its own keys: only the beginning tells."""
    elsewhere = {"TALLY_HOME": str(tmp_path / "elsewhere"), **COPY}
    assert ledger("init", "--origin", "ledger.example.org/shop", **elsewhere).returncode == 0
    assert ledger("checkpoint", **elsewhere).returncode == 0
    grow(ledger, 0, 3, signed=True)

    status, code, _ = refusal(ledger("verify", "--json", **COPY))

    assert (status, code) == (3, "tampered")


def test_the_last_checkpoint_taken_out_of_the_newest_copy_is_no_older_copy(ledger: Tally, tmp_path: Path) -> None:
    grow(ledger, 0, 3, signed=True)
    edited(tmp_path / "audit.db", "DELETE FROM checkpoint")

    status, code, _ = refusal(ledger("verify", "--json"))

    assert (status, code) == (3, "tampered")


def test_the_status_of_an_older_copy_says_that_it_is_one(ledger: Tally, copy: Path) -> None:
    told = ledger("status", **COPY)
    said = ledger("status", "--json", **COPY).document()

    assert told.stdout.splitlines()[0] == (
        "This is an older copy, or its end was cut off: it ends after 5 entries, and 8 were signed or acknowledged."
    )
    assert (said["entries"], said["signed_up_to"], said["unsigned_entries"]) == (5, 8, 0)
    assert "older copy" not in ledger("status").stdout
