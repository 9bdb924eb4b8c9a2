"""A log copied between stores is the same log: every row, every proof, every bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from evidence.question import about_dataset, everything
from evidence.seal import build, take_counted_checkpoint
from evidence.terms import Terms
from ledger.census import prove_counts
from ledger.connect import open_store
from ledger.copying import copy_ledger, copy_log
from ledger.erasure import erase_person
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.rotation import rotate
from ledger.store import Store
from ledger.stores.memory import MemoryStore
from proofs.errors import ConflictError, ForkError, MissingError, RefusedError, TamperedError

if TYPE_CHECKING:
    from tests.conftest import Ledgers

ASKED = Terms("auditor:7", "2026-11-20T12:00:00.000000Z")
SIZE = 2_221


class StopError(Exception):
    """Raised by a test in the middle of a copy."""


def fill(log: Ledger) -> bytes:
    """Put something in every table, and return a checkpoint that ends with a census."""
    log.append([measured(n) for n in range(2_000)])
    log.take_census()
    log.append(Event.of("com.example.person.v1", "urn:crm", {"who": "Ada"}, id="a", parts=("/who",), person="ada"))
    log.append(Event.of("com.example.person.v1", "urn:crm", {"who": "Eve"}, id="e", parts=("/who",), person="eve"))
    log.append(Event.of("com.example.nameless.v1", "urn:crm", {"n": 1}))
    log.append(
        Event.of(
            "tallystick.slo.measured.v1",
            "urn:slo",
            {"datasets": [{"namespace": "w", "name": f"tablé {n}"} for n in range(200)]},
            id="wide",
        )
    )
    rotate(log, "log")
    erase_person(log, "ada")
    note = take_counted_checkpoint(log)
    log.append([measured(n) for n in range(2_000, 2_000 + SIZE - log.size)])
    assert log.size == SIZE
    return note


def measured(n: int) -> Event:
    body = {"dataset": {"namespace": "warehouse", "name": f"table {n % 5}"}, "n": n}
    return Event.of("tallystick.slo.measured.v1", "urn:slo", body, id=f"m{n}")


def rows(store: Store) -> dict[str, Any]:
    """Everything that stands in a store."""
    size = store.size()
    with store.reading():
        return {
            "meta": dict(store.meta()),
            "entries": store.headers(0, size),
            "bodies": store.bodies(range(size)),
            "parts": store.parts.among(range(size)),
            "streams": list(store.streams.walk()),
            "dirty": sorted(store.census.dirty()),
            "tiles": [
                (*at, store.tiles.full(*at), store.tiles.roots(at[0], at[1], at[1] + 1)) for at in store.audit.tiles()
            ],
            "census": [(*at, store.census.tile(*at)) for at in store.audit.census_tiles()],
            "identities": sorted(store.identities.walk(), key=lambda row: row[:3]),
            "retries": sorted(store.identities.walk_retries()),
            "checkpoints": [tuple(row) for row in store.checkpoints.all()],
        }


@pytest.fixture
def copies(ledgers: Ledgers, postgres_url: str) -> tuple[list[str], bytes]:
    """The URLs of one log in SQLite, copied into PostgreSQL, and back into SQLite; and its counted checkpoint."""
    note = fill(ledgers.create())
    ledgers.close()
    urls = [ledgers.url(), postgres_url, ledgers.url("back")]
    for from_url, to_url in ((urls[0], urls[1]), (urls[1], urls[2])):
        copied = copy_ledger(from_url, to_url, home=ledgers.home)
        assert (copied.origin, copied.entries, copied.bodies, copied.parts) == ("ledger.example/test", SIZE, SIZE, 1)
        assert copied.checkpoints == 3
    return urls, note


def test_I1_there_and_back_again_every_row_is_the_same(copies: tuple[list[str], bytes], ledgers: Ledgers) -> None:
    urls, _ = copies
    found = []
    for url in urls:
        store = open_store(url, read_only=True, home=ledgers.home)
        found.append(rows(store))
        store.close()

    assert {name: len(held) for name, held in found[0].items() if name != "streams"} == {
        "meta": 2,
        "entries": SIZE,
        "bodies": SIZE,
        "parts": 1,
        "dirty": 9,
        "tiles": 8,
        "census": 153,
        "identities": SIZE,
        "retries": 7,
        "checkpoints": 3,
    }
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_I16_proofs_and_bundles_of_each_are_the_same_bytes(copies: tuple[list[str], bytes], ledgers: Ledgers) -> None:
    urls, note = copies
    answers = []
    for url in urls:
        ledgers.database = url
        log = ledgers.open()
        assert fsck(log.store, keyring=log.keyring).findings == ()
        census = [seq for _, seq, _ in log.positions("type:tallystick.ledger.census-taken.v1")]
        answers.append(
            (
                [log.tree.inclusion(seq, SIZE) for seq in range(0, SIZE, 97)],
                log.tree.consistency(1_000, SIZE),
                [prove_counts(log, ["source:urn:slo", "nothing"], census_seq=seq) for seq in census],
                build(log, about_dataset("warehouse", "table 3"), ASKED, note=note),
                build(log, everything(), ASKED, note=note),
            )
        )
        log.close()

    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_a_copy_goes_on_where_the_log_ended(copies: tuple[list[str], bytes], ledgers: Ledgers) -> None:
    urls, _ = copies
    ledgers.database = urls[1]
    log = ledgers.open()

    assert log.append(measured(7)).is_replay  # known by its keyed hash
    assert log.append(Event.of("com.example.nameless.v1", "urn:crm", {"n": 1})).is_replay
    with pytest.raises(ConflictError):
        log.append(Event.of("tallystick.slo.measured.v1", "urn:slo", {"n": "other"}, id="m7"))
    assert log.append(measured(9_999)).seq == SIZE + 1
    log.take_census()
    log.checkpoint()
    assert fsck(log.store, keyring=log.keyring).findings == ()
    log.close()

    ledgers.database = urls[0]
    with pytest.raises(ForkError, match="but a checkpoint of"):
        ledgers.open()  # what was left behind cannot be taken up again
    with pytest.raises(ForkError, match="but a checkpoint of"):
        copy_ledger(urls[0], ledgers.url("third"), home=ledgers.home)


def stopping(at: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= at:
            raise StopError

    return progress


def test_I5_a_copy_that_is_stopped_leaves_nothing_and_can_be_made_again(ledgers: Ledgers, postgres_url: str) -> None:
    fill(ledgers.create())
    ledgers.close()
    for from_url, to_url in ((ledgers.url(), postgres_url), (postgres_url, ledgers.url("back"))):
        with pytest.raises(StopError):
            copy_ledger(from_url, to_url, home=ledgers.home, progress=stopping(SIZE))
        assert not ledgers.path("back").exists()

        assert copy_ledger(from_url, to_url, home=ledgers.home).entries == SIZE


def test_a_file_that_a_killed_copy_left_empty_is_taken(ledgers: Ledgers, postgres_url: str) -> None:
    from ledger.stores.sqlite import SqliteStore

    ledgers.database = postgres_url
    ledgers.create()
    ledgers.close()
    SqliteStore.create(str(ledgers.path()), origin="ledger.example/test").close()

    assert copy_ledger(postgres_url, f"sqlite:///{ledgers.path()}", home=ledgers.home).entries == 2


def test_a_target_that_is_not_empty_is_left_as_it_was(ledgers: Ledgers, postgres_url: str) -> None:
    ledgers.create()
    ledgers.create("other", origin="ledger.example/other")
    ledgers.close()
    copy_ledger(ledgers.url(), postgres_url, home=ledgers.home)

    for to_url in (postgres_url, ledgers.url()):
        with pytest.raises(ConflictError, match="the target holds 2 entries already"):
            copy_ledger(ledgers.url(), to_url, home=ledgers.home)
    with pytest.raises(
        ConflictError, match=r"the log ledger.example/test is copied, and the target is ledger.example/o"
    ):
        copy_ledger(ledgers.url(), ledgers.url("other"), home=ledgers.home)
    with pytest.raises(
        ConflictError, match=r"the log ledger.example/test is copied, and the target is ledger.example/o"
    ):
        copy_log(open_store(ledgers.url(), read_only=True), MemoryStore(origin="ledger.example/o"))


def test_a_database_takes_several_logs_in(ledgers: Ledgers, postgres_url: str) -> None:
    for name in ("a", "b"):
        ledgers.create(name, origin=f"ledger.example/{name}")
    ledgers.close()

    for name in ("a", "b"):
        copy_ledger(ledgers.url(name), postgres_url, home=ledgers.home)

    store = open_store(f"{postgres_url}&origin=ledger.example/b", read_only=True)
    assert (store.size(), store.meta()["origin"]) == (2, "ledger.example/b")
    store.close()


def test_what_is_not_there_is_not_copied(ledgers: Ledgers, postgres_url: str, tmp_path: Path) -> None:
    for from_url in (ledgers.url(), postgres_url):
        with pytest.raises(MissingError):
            copy_ledger(from_url, f"sqlite:///{tmp_path}/new.db", home=ledgers.home)
    with pytest.raises(RefusedError):
        copy_ledger("memory:", f"sqlite:///{tmp_path}/new.db", home=ledgers.home)
    assert not (tmp_path / "new.db").exists()


def test_a_log_with_a_hole_is_not_copied(ledgers: Ledgers, postgres_url: str) -> None:
    log = ledgers.create()
    log.append([measured(n) for n in range(5)])
    with log.store.projecting() as db:
        db.execute("DROP TRIGGER entry_no_delete")
        db.execute("DELETE FROM entry WHERE seq = 3")

    with pytest.raises(TamperedError, match="holds 6 of the entries 0 to 6"):
        copy_ledger(ledgers.url(), postgres_url, home=ledgers.home)


def test_the_command_says_what_it_brought_over_and_no_password(
    ledgers: Ledgers, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledgers.create()
    ledgers.close()
    secret = postgres_url.replace("postgres@", "postgres:s3cret@")

    assert main(["--home", str(ledgers.home), "ledger", "copy", ledgers.url(), secret, "--json"]) == 0
    printed = capsys.readouterr().out
    said = json.loads(printed)
    assert (said["origin"], said["entries"], said["to"]) == ("ledger.example/test", 2, postgres_url)
    assert len(said["root"]) == 64
    assert main(["--home", str(ledgers.home), "ledger", "copy", ledgers.url(), secret]) == 11
    told = capsys.readouterr()
    assert "the target holds 2 entries already" in told.err
    assert "s3cret" not in printed + told.out + told.err


def test_the_tables_are_brought_forward_by_a_command(
    postgres_url: str, ledgers: Ledgers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--ledger", postgres_url, "ledger", "migrate", "--grant-read", "pg_monitor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ledger": postgres_url,
        "version_before": 1,
        "version": 1,
        "granted": [],
        "granted_to_read": ["pg_monitor"],
    }
    assert main(["--ledger", postgres_url, "ledger", "migrate"]) == 0
    assert "The tables are of this version already." in capsys.readouterr().out
    assert main(["--ledger", ledgers.url(), "ledger", "migrate"]) == 9
    assert "only the tables of a PostgreSQL database" in capsys.readouterr().err
