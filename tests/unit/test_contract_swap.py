"""Versions in folders side by side, read through one link: only allowed ones are, and the log says which was the last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

import ledger
from contracts.allowed import Row, allowed_versions, last_first
from contracts.document import Document, parse
from contracts.facts import ActionTaken
from contracts.gate import Acts, Batch, Passed, let_through
from contracts.model import Dataset
from contracts.policies import evaluate_for
from contracts.sources.named import named_source
from contracts.swap import SwapLink, real_version
from ledger.event import Event
from ledger.log import Ledger
from proofs.errors import BusyError, MissingError, RefusedError, TallyError

CONTRACT = parse(b"""\
name: scores
version: 1.0.0
dataset: {namespace: demo, name: scores}
schema: [{name: id, type: integer, unique: true}]
""")
STRICTER = parse(CONTRACT.text.encode().replace(b"1.0.0", b"2.0.0") + b"row_count: {max: 1, severity: critical}\n")


@dataclass
class Shop:
    folder: Path
    log: Ledger

    @property
    def current(self) -> Path:
        return self.folder / "current"

    def version(self, name: str, rows: str) -> Path:
        path = self.folder / "versions" / name
        path.mkdir(parents=True)
        (path / "part.csv").write_text("id\n" + rows)
        return path

    def load(self, path: Path, document: Document = CONTRACT) -> Passed:
        real = real_version(path)
        batch = Batch(document, named_source(str(real)), real)
        return let_through(self.log, batch, Acts(current=self.current))

    def seen(self) -> str:
        return (self.current / "part.csv").read_text().removeprefix("id\n").replace("\n", " ").strip()

    def actions(self) -> list[tuple[str, str, int | None]]:
        facts = [ActionTaken.parse(r.body or b"") for r in self.log.read() if r.type.endswith("action-taken.v1")]
        return [(fact.action, fact.result, fact.restored.seq if fact.restored else None) for fact in facts]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ledger.create("memory://", origin="test/swap", home=tmp_path / "home", passphrase=lambda: b"secret") as log:
        yield Shop(tmp_path, log)


def test_an_allowed_version_is_what_consumers_read(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))
    shop.load(shop.version("2", "1\n2\n"))

    assert shop.seen() == "1 2"
    assert shop.current.readlink() == Path("versions/2")
    assert shop.actions() == [("promoted", "done", None), ("promoted", "done", None)]


def test_a_blocked_version_never_becomes_what_consumers_read(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))

    passed = shop.load(shop.version("2", "1\n1\n"))

    assert passed.error() is not None
    assert shop.seen() == "1"
    assert shop.actions() == [("promoted", "done", None), ("rolled-back", "done", None)]


def test_a_version_that_consumers_read_already_gives_way_to_the_last_allowed_one(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))
    shop.load(shop.version("2", "2\n"))
    again = shop.load(shop.folder / "versions" / "1")  # promoted again, so it is the last
    shop.current.unlink()
    shop.current.symlink_to(shop.version("3", "3\n3\n"))

    shop.load(shop.current)

    assert shop.seen() == "1"
    assert shop.actions()[-1] == ("rolled-back", "done", again.outcome.decided.seq)


def test_a_version_that_was_changed_since_it_was_allowed_is_not_gone_back_to(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))
    shop.load(shop.version("2", "2\n"))
    (shop.folder / "versions" / "2" / "part.csv").write_text("id\n7\n7\n")
    shop.version("3", "3\n")

    shop.load(shop.current)

    assert shop.seen() == "1"


def test_where_no_version_is_allowed_consumers_read_none(shop: Shop) -> None:
    shop.version("0", "1\n")
    shop.current.symlink_to("versions/1")

    shop.load(shop.version("1", "1\n1\n"))

    assert not os.path.lexists(shop.current)
    assert shop.actions() == [("rolled-back", "done", None)]


def test_what_was_read_before_the_ledger_knew_of_it_is_not_taken_away_for_a_blocked_one(shop: Shop) -> None:
    shop.version("0", "0\n")
    shop.current.symlink_to("versions/0")

    shop.load(shop.version("1", "1\n1\n"))

    assert shop.seen() == "0"


def test_a_stricter_contract_takes_an_allowed_version_out(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))
    shop.load(shop.version("2", "1\n2\n"))

    shop.load(shop.current, STRICTER)

    assert shop.seen() == "1"
    assert [each.sha256 for each in allowed_versions(shop.log, CONTRACT.contract.dataset)] == [
        named_source(str(shop.folder / "versions" / "1")).hashed().sha256  # type: ignore[union-attr]
    ]


def test_a_single_file_is_a_version_too(shop: Shop) -> None:
    (shop.folder / "a.csv").write_text("id\n1\n")
    (shop.folder / "b.csv").write_text("id\n1\n1\n")
    shop.load(shop.folder / "a.csv")
    shop.current.unlink()
    shop.current.symlink_to("b.csv")

    shop.load(shop.current)

    assert shop.current.read_text() == "id\n1\n"


def test_a_link_that_somebody_changes_meanwhile_is_theirs(shop: Shop) -> None:
    path = shop.version("1", "1\n")
    swap = _swap(shop, path)
    shop.current.symlink_to("versions/other")

    with pytest.raises(BusyError, match="somebody else changed the link meanwhile"):
        swap.release()

    assert shop.current.readlink() == Path("versions/other")


def test_a_version_that_changes_after_it_was_measured_is_not_promoted(shop: Shop) -> None:
    path = shop.version("1", "1\n")
    swap = _swap(shop, path)
    (path / "more.csv").write_text("id\n1\n")

    with pytest.raises(RefusedError, match="not any more what was measured"):
        swap.release()

    assert not os.path.lexists(shop.current)


def test_two_do_not_swap_at_once(shop: Shop) -> None:
    path = shop.version("1", "1\n")
    held = os.open(shop.folder, os.O_RDONLY)
    flock(held, LOCK_EX)

    with pytest.raises(BusyError, match="somebody else swaps"):
        shop.load(path)

    os.close(held)
    assert shop.actions() == [("promoted", "failed", None)]


@pytest.mark.parametrize("make", ["folder", "file"])
def test_what_is_no_link_is_left_alone_and_nothing_is_recorded(shop: Shop, make: str) -> None:
    path = shop.version("1", "1\n")
    shop.current.mkdir() if make == "folder" else shop.current.write_text("id\n")
    before = shop.log.size

    with pytest.raises(RefusedError, match="no symbolic link"):
        shop.load(path)

    assert shop.log.size == before
    assert not shop.current.is_symlink()


def test_a_link_stands_in_a_folder_that_is_there_and_in_no_version(shop: Shop) -> None:
    path = shop.version("1", "1\n")
    batch = Batch(CONTRACT, named_source(str(path)), path)

    with pytest.raises(MissingError, match="folder of the link is not there"):
        let_through(shop.log, batch, Acts(current=shop.folder / "none" / "current"))
    with pytest.raises(RefusedError, match="would stand in the version"):
        let_through(shop.log, batch, Acts(current=path / "current"))

    assert shop.actions() == []


@pytest.mark.parametrize("name", ["nothing", "loop", "x\x00y"])
def test_a_version_that_is_not_there_is_missing(shop: Shop, name: str) -> None:
    (shop.folder / "loop").symlink_to("loop")

    with pytest.raises(MissingError, match="no such version"):
        real_version(shop.folder / name)


def test_of_several_acts_one_is_chosen(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="one of them"):
        Acts(current=shop.current, move_blocked=tmp_path)
    with pytest.raises(TallyError, match="lies in one place"):
        let_through(shop.log, Batch(CONTRACT, None), Acts(current=shop.current))


def test_the_last_allowed_version_is_the_one_promoted_last_and_held_back_by_no_contract() -> None:
    def row(seq: int, sha256: str | None, decision: str = "ALLOW", contract: str = "a", promoted: int = 0) -> Row:
        return Row(seq, "00" * 32, contract, decision, sha256, None, bool(promoted))

    rows = [
        row(1, "one", promoted=1),
        row(2, "two", "ALLOW_WITH_ALERT"),
        row(3, "one"),  # looked at again
        row(4, "three", "QUARANTINE"),
        row(5, "four", contract="b", decision="BLOCK_AND_ROLLBACK"),
        row(6, "four"),
        row(7, None),
        row(8, "one", promoted=1),
    ]

    assert [(each.decided.seq, each.sha256) for each in last_first(rows[:7])] == [(7, None), (2, "two"), (1, "one")]
    assert [each.decided.seq for each in last_first(rows)] == [8, 7, 2]


def test_a_dataset_without_decisions_has_no_allowed_version(shop: Shop) -> None:
    assert allowed_versions(shop.log, Dataset(namespace="demo", name="other")) == ()


def _swap(shop: Shop, path: Path) -> SwapLink:
    evaluated = evaluate_for(shop.log, CONTRACT, named_source(str(path)))
    return SwapLink(shop.log, evaluated, path, shop.current)


def test_what_a_producer_says_was_allowed_leads_nobody_back(shop: Shop) -> None:
    shop.load(shop.version("1", "1\n"))
    shop.load(shop.version("2", "2\n2\n"))
    blocked = [record for record in shop.log.read() if record.type == "tallystick.validation.decided.v1"][-1]
    said = json.loads(blocked.body or b"") | {"decision": "ALLOW", "reasons": []}
    forged = Event(type=blocked.type, source="urn:app", id="1", data=json.dumps(said).encode())
    shop.log.append(forged)

    allowed = allowed_versions(shop.log, Dataset(namespace="demo", name="scores"))

    assert [version.decided.seq for version in allowed] == [
        next(record.seq for record in shop.log.read() if record.type == "tallystick.validation.decided.v1")
    ]
