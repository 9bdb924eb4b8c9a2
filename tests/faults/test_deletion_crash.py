"""A deletion that is killed at any of its steps is resumed by reading the log, and ends in the same certificate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

import ledger
from ledger.event import Event
from ledger.log import Ledger
from ledger.record import Record
from lineage.deletion import certificate, run, verify
from lineage.deletion.certificate import Certificate
from lineage.deletion.facts import Place
from lineage.deletion.history import Receipt, read_history
from lineage.deletion.plan import Delete, Lineage, make_plan
from lineage.deletion.request import Subject, new_request, read_subject
from lineage.deletion.stores import Deleted
from lineage.deletion.targets.duckdb import DuckDBExecutor, DuckDBVerifier
from proofs.errors import UnknownOutcomeError
from proofs.statement import Node

TABLES = ("households", "features")
SUBJECT: Subject = read_subject(b'{"identities":[{"type":"household","value":"7700123"}]}')
PLANNED = "2026-11-20T10:00:00.000000Z"
# planned, then executed and verified for each table, then certified
APPENDS = 1 + 2 + 2 + 1


class Crash(BaseException):
    """The process ends here."""


class Killer:
    """A log that kills at its n-th append, before or after the entry is durable."""

    def __init__(self, log: Ledger, *, at: int, after: bool, death: type[BaseException] = Crash) -> None:
        self.log = log
        self.origin = log.origin
        self.left = at
        self.after = after
        self.death = death

    def append(self, event: Event, /) -> Receipt:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise self.death("before")
        receipt = self.log.append(event)
        if self.left == 0:
            raise self.death("after")
        return receipt

    def stream(self, name: str, /) -> Iterator[Record]:
        return self.log.stream(name)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    home = tmp_path_factory.mktemp("home")
    with ledger.create("memory://", origin="example.org/crash", home=home, passphrase=lambda: b"pass") as opened:
        yield opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table} AS SELECT 7700100 + i % 50 AS id, i AS n FROM range(150) r(i)")
    return path


@pytest.fixture
def warehouse(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "w.duckdb"))


@pytest.fixture
def request_id(log: Ledger) -> str:
    id = str(uuid4())
    request = new_request(
        [("household", "7700123")], regulation="gdpr", received="2026-11-20T09:15:00.000000Z", request=id
    )
    log.append(request.event(person=f"person:{id}", source="urn:example:desk"))
    return id


def clock() -> datetime:
    return datetime(2026, 11, 20, 12, tzinfo=UTC)


def whole_way(log: Ledger | Killer, request: str, executor: DuckDBExecutor, verifier: DuckDBVerifier) -> Certificate:
    """Everything that a command does, from its beginning, as whoever resumes does it."""
    nodes = [Node("dataset", "duckdb", table) for table in TABLES]
    places = {node: Delete(Place(store="w", table=(node.name,), column="id", identity="household")) for node in nodes}
    lineage = Lineage(size=1, root="0" * 64, closure={node: n for n, node in enumerate(nodes)}, findings={})
    draft = make_plan(request, lineage, seeds=nodes[:1], declared=nodes[1:], dispositions=places, at=PLANNED)
    run.record_plan(log, run.survey(draft, {"w": verifier}, SUBJECT))
    run.execute(log, request, {"w": executor}, SUBJECT, clock=clock)
    verify.verify(log, request, {"w": verifier}, SUBJECT, clock=clock)
    return certificate.issue(log, request, clock=clock)


def check_whole(log: Ledger, request: str, warehouse: Path, issued: Certificate) -> None:
    assert issued.outcome == "complete_with_residuals"
    assert [(target.outcome, target.matched_before, target.matched_after) for target in issued.targets] == [
        ("erased", 3, 0)
    ] * 2
    assert len(read_history(log, request).plans) == 1
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table in TABLES:
            found = connection.execute(f"SELECT count(*), count(*) FILTER (id = 7700123) FROM {table}").fetchall()
            assert found == [(147, 0)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, APPENDS + 1))
def test_a_death_at_any_append_is_resumed(
    log: Ledger, request_id: str, warehouse: Path, at: int, *, after: bool
) -> None:
    executor, verifier = DuckDBExecutor(warehouse), DuckDBVerifier(warehouse)
    with pytest.raises(Crash):
        whole_way(Killer(log, at=at, after=after), request_id, executor, verifier)

    issued = whole_way(log, request_id, executor, verifier)

    check_whole(log, request_id, warehouse, issued)


@pytest.mark.parametrize("table", TABLES)
def test_a_death_between_a_deletion_and_its_event_keeps_the_count_of_before(
    log: Ledger, request_id: str, warehouse: Path, table: str
) -> None:
    class Dying(DuckDBExecutor):
        def delete(self, place: Place, values: Sequence[str]) -> Deleted:
            deleted = super().delete(place, values)
            if place.table == (table,):
                raise Crash
            return deleted

    verifier = DuckDBVerifier(warehouse)
    with pytest.raises(Crash):
        whole_way(log, request_id, Dying(warehouse), verifier)

    issued = whole_way(log, request_id, DuckDBExecutor(warehouse), verifier)

    check_whole(log, request_id, warehouse, issued)
    deleted = {target.dataset.name: target.deleted for target in issued.targets}
    assert deleted == dict.fromkeys(TABLES, 3) | {table: 0}


class DyingValues(list[str]):
    """Values that can be looked through once; the second time, death comes after the first of them."""

    passes = 0

    def __iter__(self) -> Iterator[str]:
        self.passes += 1
        for value in super().__iter__():
            yield value
            if self.passes == 2:
                raise Crash


def test_a_death_in_the_middle_of_a_deletion_leaves_the_table_as_it_was(warehouse: Path) -> None:
    place = Place(store="w", table=("households",), column="id", identity="household")

    with pytest.raises(Crash):
        DuckDBExecutor(warehouse).delete(place, DyingValues(["7700123", "7700124"]))

    assert DuckDBVerifier(warehouse).probe(place, ["7700123", "7700124"]).matched == 6


def test_an_append_of_unknown_outcome_is_resumed_too(log: Ledger, request_id: str, warehouse: Path) -> None:
    executor, verifier = DuckDBExecutor(warehouse), DuckDBVerifier(warehouse)
    with pytest.raises(UnknownOutcomeError):
        whole_way(Killer(log, at=3, after=True, death=UnknownOutcomeError), request_id, executor, verifier)

    check_whole(log, request_id, warehouse, whole_way(log, request_id, executor, verifier))
