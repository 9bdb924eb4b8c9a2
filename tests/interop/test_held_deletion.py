"""While a legal hold stands, nothing of a person is deleted: not in the warehouse, not in the ledger, by no later request."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from contracts import publish
from contracts.document import parse
from contracts.record import Context
from evidence import deletion, holding
from evidence.deletion import Warehouse
from ledger import holds
from ledger.erasure import erase_person
from ledger.holds import HELD
from ledger.log import Ledger
from proofs.errors import HeldError, MissingError, RefusedError
from proofs.statement import Node

if TYPE_CHECKING:
    from tests.conftest import Ledgers

CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: customer, type: string, required: true}
privacy: {subject_key: customer}
"""
ORDERS = [Node("dataset", "shop", "orders")]


@pytest.fixture
def shop(ledgers: Ledgers) -> list[Warehouse]:
    path = ledgers.folder / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'c' || range % 10 AS customer FROM range(100)")
    return [Warehouse("shop", path)]


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    made = ledgers.create()
    publish.publish(made, parse(CONTRACT, name="orders.yaml"), Context(source="urn:shop"))
    return made


def rows(shop: list[Warehouse]) -> int:
    with duckdb.connect(str(shop[0].path), read_only=True) as connection:
        return len(connection.execute("SELECT 1 FROM orders").fetchall())


def asked(log: Ledger, customer: str = "c7") -> str:
    return deletion.request(log, [("customer", customer)], regulation="gdpr", datasets=ORDERS).request


def planned(log: Ledger, shop: list[Warehouse], customer: str = "c7") -> str:
    request = asked(log, customer)
    deletion.make(log, request, shop, reader="op")
    return request


def refused(log: Ledger, shop: list[Warehouse], request: str) -> None:
    """Each step that destroys is refused, and leaves the rows and no step in the log."""
    with pytest.raises(HeldError):
        deletion.carry_out(log, request, shop, reader="op")
    with pytest.raises(HeldError):
        deletion.certify(log, request, even_if_partial=True)
    with pytest.raises(HeldError):
        erase_person(log, f"request:{request}", request)
    types = {record.type for record in log.stream(f"request:{request}")}
    assert rows(shop) == 100
    assert types & {"tallystick.deletion.executed.v1", "tallystick.subject.erasure-started.v1"} == set()


def test_a_held_request_deletes_nothing_in_the_warehouse_until_the_hold_ends(
    log: Ledger, shop: list[Warehouse]
) -> None:
    request = planned(log, shop)
    id = holding.place(log, request)

    refused(log, shop, request)

    holds.release(log, id, by="counsel", reason="expired")
    deletion.carry_out(log, request, shop, reader="op")
    assert rows(shop) == 90
    assert deletion.certify(log, request).outcome == "complete_with_residuals"


def test_a_plan_tells_of_the_hold_with_which_its_run_would_be_refused(log: Ledger, shop: list[Warehouse]) -> None:
    request = asked(log)
    assert deletion.make(log, request, shop, reader="op").held is None

    id = holding.place(log, request)

    assert deletion.make(log, request, shop, reader="op").held == id


def test_a_hold_on_an_identity_refuses_the_requests_before_and_after_it(log: Ledger, shop: list[Warehouse]) -> None:
    before = planned(log, shop)
    id = holding.place(log, "docket-5", identity=("customer", "c7"))
    after = planned(log, shop)

    refused(log, shop, before)
    refused(log, shop, after)

    bodies = [json.loads(record.body or b"") for record in log.stream(f"type:{HELD}")]
    assert bodies == [{"hold": id, "request": name} for name in ("docket-5", before, after)]


def test_a_hold_on_an_identity_stands_in_nobody_elses_way(log: Ledger, shop: list[Warehouse]) -> None:
    holding.place(log, "docket-5", identity=("customer", "c7"))
    holding.place(log, "docket-6", identity=("mail", "c8"))

    deletion.carry_out(log, planned(log, shop, "c8"), shop, reader="op")

    assert rows(shop) == 90


def test_a_held_identity_stands_in_no_file_in_clear(log: Ledger, ledgers: Ledgers) -> None:
    holding.place(log, "docket-5", identity=("customer", "77001234567"))
    deletion.request(log, [("customer", "77001234567")], regulation="gdpr", datasets=ORDERS)
    ledgers.close()

    files = [path for path in ledgers.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"77001234567" in path.read_bytes()] == []


def test_the_vault_forgets_whom_a_request_was_about_with_the_person(log: Ledger, shop: list[Warehouse]) -> None:
    request = planned(log, shop)
    assert log.vault is not None
    person = log.vault.lookup(f"request:{request}")
    known = log.vault.lookup_identity("customer", "c7")
    assert log.vault.docket.is_identified(person)
    deletion.carry_out(log, request, shop, reader="op")

    deletion.certify(log, request)

    assert not log.vault.docket.is_identified(person)
    assert known not in b"".join(path.read_bytes() for path in log.vault.folder.glob("vault.db*"))


def test_a_vault_that_was_put_back_to_before_the_request_still_refuses_for_the_identity(
    ledgers: Ledgers, log: Ledger, shop: list[Warehouse]
) -> None:
    holding.place(log, "docket-5", identity=("customer", "c7"))
    assert log.vault is not None
    request = planned(log, shop)
    with log.vault._file.writing() as connection:
        connection.execute("DELETE FROM identity")  # as a vault of before this table was kept

    with pytest.raises(HeldError):
        deletion.certify(log, request, even_if_partial=True)
    with log.vault._file.writing() as connection:
        connection.execute("DELETE FROM identity")

    refused(log, shop, request)


def test_a_bare_case_that_is_no_request_is_missing_and_holds_nothing(log: Ledger) -> None:
    size = log.size

    with pytest.raises(MissingError, match="the log has no request nope"):
        holding.place(log, "nope")
    with pytest.raises(MissingError, match="nothing in this log is sealed for that person"):
        holding.place(log, "docket-5", person="c7")
    for kind, value in (("", "c7"), ("two words", "c7"), ("customer", ""), ("customer", "x" * 1_025)):
        with pytest.raises(RefusedError, match="no request can name that identity"):
            holding.place(log, "docket-5", identity=(kind, value))

    assert log.size == size
    assert holds.vault_beside(log).docket.holds() == []


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_vault_learns_every_hold_from_the_log_when_the_ledger_is_opened(ledgers: Ledgers, *, is_lost: bool) -> None:
    log = ledgers.create()
    assert log.vault is not None
    folder, copy = log.vault.folder, ledgers.folder / "older"
    ledgers.close()
    shutil.copytree(folder, copy)
    log = ledgers.open()
    request = asked(log)
    standing, over = holding.place(log, request), holding.place(log, "docket-5", identity=("customer", "c7"))
    holds.release(log, over, by="counsel", reason="mistaken")
    ledgers.close()
    for path in folder.glob("vault.db*"):
        path.unlink()
    for path in [] if is_lost else copy.glob("vault.db*"):
        shutil.copy(path, folder / path.name)

    log = ledgers.open()

    listed = holds.vault_beside(log).docket.holds()
    assert [(each.id, each.request, each.stands, each.reason) for each in listed] == [
        (standing, request, True, None),
        (over, "docket-5", False, "mistaken"),
    ]
    size = log.size
    ledgers.close()
    assert ledgers.open().size == size
