"""What is to happen at each dataset of a deletion, and who may say it: contracts, earlier plans, the operator."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import duckdb
import orjson
import pytest

from contracts.document import Document, parse
from contracts.facts import CONTRACT_PUBLISHED
from evidence import deletion
from evidence.deletion import Made, Warehouse
from evidence.dispositions import Decided
from ledger.event import Event
from lineage.deletion import plan
from proofs.errors import MissingError, RefusedError
from proofs.statement import Node
from tests.unit.test_contracts_in_force import FEATURES, ORDERS, contract, published

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


@pytest.fixture
def shop(ledgers: Ledgers) -> list[Warehouse]:
    path = ledgers.folder / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'c' || range % 10 AS customer FROM range(100)")
        connection.execute("CREATE TABLE features AS SELECT DISTINCT customer FROM orders")
        connection.execute("CREATE TABLE totals AS SELECT count(*) AS total FROM orders")
    return [Warehouse("shop", path)]


def asked(log: Ledger) -> str:
    return deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request


def actions(made: Made) -> list[tuple[str, str | None]]:
    return [(target.action, target.reason) for target in made.fact.targets]


def test_a_contract_that_is_silent_about_people_decides_nothing(log: Ledger, shop: list[Warehouse]) -> None:
    published(log, contract("orders", key=None))

    made = deletion.make(log, asked(log), shop, reader="op")

    assert actions(made) == [("unresolved", "no-disposition")]
    assert [remark.code for remark in made.remarks] == ["no-disposition"]
    assert "does not say whose a row is" in made.remarks[0].what


def test_a_contract_may_state_that_no_row_is_about_a_person(log: Ledger, shop: list[Warehouse]) -> None:
    text = contract("totals", pii="none").text.replace("name: customer", "name: total")
    published(log, contract("orders", names="totals"), parse(text.encode()))

    made = deletion.make(log, asked(log), shop, reader="op")

    assert actions(made) == [("delete", None), ("not_applicable", "pii-none")]
    assert [(each.code, each.what) for each in made.remarks] == [
        ("stated-impersonal", "contract totals 1.0.0 states that no row of shop|totals is about a person")
    ]


def test_all_contracts_of_a_dataset_have_to_state_it(log: Ledger, shop: list[Warehouse]) -> None:
    text = contract("totals", pii="none").text.replace("name: customer", "name: total")
    silent = text.replace("name: totals", "name: other", 1).replace("privacy: {pii: none}\n", "")
    published(log, contract("orders", names="totals"), parse(text.encode()), parse(silent.encode()))

    assert actions(deletion.make(log, asked(log), shop, reader="op"))[1] == ("unresolved", "no-disposition")


def test_a_made_up_schema_does_not_hide_the_column_that_the_table_has(log: Ledger, shop: list[Warehouse]) -> None:
    text = contract("features", pii="none").text.replace("name: customer", "name: total")
    published(log, contract("orders", names="features"), parse(text.encode()))

    made = deletion.make(log, asked(log), shop, reader="op")

    assert actions(made)[1] == ("unresolved", "no-disposition")
    assert [remark.code for remark in made.remarks] == ["subject-column-there"]


def test_what_an_earlier_plan_looked_at_is_not_forgotten_by_planning_twice(log: Ledger, shop: list[Warehouse]) -> None:
    request = asked(log)
    deletion.make(log, request, shop, reader="op", decided=Decided(subject_keys={ORDERS: "customer"}))
    text = contract("orders", pii="none").text.replace("name: customer", "name: total")
    published(log, parse(text.encode()))

    again = [actions(deletion.make(log, request, shop, reader="op")) for _ in range(3)]

    assert again == [[("unresolved", "no-disposition")]] * 3


def test_nor_is_another_column(log: Ledger, shop: list[Warehouse]) -> None:
    request = asked(log)
    deletion.make(log, request, shop, reader="op", decided=Decided(subject_keys={ORDERS: "household"}))
    published(log, contract("orders"))

    again = [actions(deletion.make(log, request, shop, reader="op")) for _ in range(3)]

    assert again == [[("unresolved", "no-disposition")]] * 3


@pytest.mark.parametrize(
    "decided", [Decided(not_applicable={ORDERS: "aggregate"}), Decided(subject_keys={ORDERS: "household"})]
)
def test_an_operator_does_not_decide_against_what_contracts_say(
    log: Ledger, shop: list[Warehouse], decided: Decided
) -> None:
    published(log, contract("orders"))

    with pytest.raises(RefusedError, match=r"has rows about people|is no column by which a contract"):
        deletion.make(log, asked(log), shop, reader="op", decided=decided)


def test_a_deeply_nested_text_of_a_stranger_stops_no_plan(log: Ledger) -> None:
    published(log, contract("orders"))
    deep = contract("mine").text + f'checks: [{{kind: expression, expression: "{"length(" * 600}x"}}]\n'
    said = orjson.loads(log.store.bodies([log.size - 1])[log.size - 1].data) | {"definition": deep}
    said["contract"] = {"name": "mine", "version": "1.0.0", "sha256": hashlib.sha256(deep.encode()).hexdigest()}
    receipt = log.append(Event(type=CONTRACT_PUBLISHED, source="urn:any", data=orjson.dumps(said)))

    assert deletion.make(log, asked(log), [], reader="op").unread_contracts == (receipt.seq,)


def test_that_statement_does_not_stand_beside_a_column_of_the_requests_kind(log: Ledger, shop: list[Warehouse]) -> None:
    text = contract("features", pii="none").text.replace("name: customer", "name: Customer")
    published(log, contract("orders", names="features"), parse(text.encode()))

    made = deletion.make(log, asked(log), shop, reader="op")

    assert actions(made)[1] == ("unresolved", "no-disposition")
    assert [remark.code for remark in made.remarks] == ["subject-column-there"]


@pytest.mark.parametrize("before", [contract("orders"), contract("orders", pii="low")])
def test_nor_where_a_version_once_said_that_rows_are_about_people(log: Ledger, before: Document) -> None:
    text = contract("orders", version="2.0.0", pii="none").text.replace("name: customer", "name: total")

    bound = published(log, before, parse(text.encode()))

    assert not bound.is_impersonal(ORDERS)


def test_an_operator_decides_where_versions_differ_and_the_plan_says_so(log: Ledger, shop: list[Warehouse]) -> None:
    published(log, contract("orders"), contract("orders", version="2.0.0", key="household"))
    request = asked(log)
    assert actions(deletion.make(log, request, shop, reader="op")) == [("unresolved", "no-disposition")]

    made = deletion.make(log, request, shop, reader="op", decided=Decided(subject_keys={ORDERS: "customer"}))
    deletion.carry_out(log, request, shop, reader="op")
    issued = deletion.certify(log, request)

    assert made.remarks == ()
    assert issued.outcome == "complete_with_residuals"
    assert [(each.place and each.place.column, each.deleted) for each in issued.targets] == [("customer", 10)]


def test_an_operator_may_keep_rows_on_a_ground_or_say_why_there_are_none(log: Ledger, shop: list[Warehouse]) -> None:
    published(log, contract("orders", names="features, totals"))
    totals = Node("dataset", "shop", "totals")

    decided = Decided(retained={FEATURES: "art17.3.b"}, not_applicable={totals: "aggregate"})
    made = deletion.make(log, asked(log), shop, reader="op", decided=decided)

    assert actions(made) == [("delete", None), ("retain", "art17.3.b"), ("not_applicable", "aggregate")]


def test_a_plan_that_looks_elsewhere_than_the_one_before_says_so(log: Ledger, shop: list[Warehouse]) -> None:
    request = asked(log)
    decided = Decided(subject_keys={ORDERS: "household"})
    deletion.make(log, request, shop, reader="op", decided=decided)
    published(log, contract("orders"))

    made = deletion.make(log, request, shop, reader="op")

    assert actions(made) == [("unresolved", "no-disposition")]
    assert [(remark.code, remark.what) for remark in made.remarks] == [
        (
            "place-changed",
            (
                "an earlier plan of this request looked for the person in shop|orders by 'household', and now it is "
                "'customer': decide it with --subject-key, --retain or --not-applicable"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("decided", "error", "says"),
    [
        (Decided(retained={FEATURES: "art17.3.b"}), MissingError, "is no target of this plan"),
        (Decided(retained={ORDERS: "a"}, not_applicable={ORDERS: "b"}), RefusedError, "two things are decided"),
        (Decided(retained={ORDERS: "because we say so"}), RefusedError, "is no code"),
        (Decided(subject_keys={ORDERS: "cust id"}), RefusedError, "cannot be addressed as a table"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_is_written(
    log: Ledger, shop: list[Warehouse], decided: Decided, error: type[Exception], says: str
) -> None:
    request = asked(log)

    with pytest.raises(error, match=says):
        deletion.make(log, request, shop, reader="op", decided=decided)

    with pytest.raises(MissingError, match="has no plan"):
        deletion.left(log, request)


def test_a_subject_key_needs_the_store_it_is_in(log: Ledger) -> None:
    with pytest.raises(MissingError, match="nobody said where"):
        deletion.make(log, asked(log), [], reader="op", decided=Decided(subject_keys={ORDERS: "customer"}))


def test_thousands_of_names_stop_no_deletion_and_make_none_complete(
    log: Ledger, shop: list[Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "TARGETS_BYTES", 40_000)
    published(log, contract("orders"))
    with log.run("spam", inputs=["shop|orders"], outputs=[f"evil|{'x' * 1_000}{n}" for n in range(40)]):
        pass
    request = asked(log)

    made = deletion.make(log, request, shop, reader="op")
    deletion.carry_out(log, request, shop, reader="op")
    issued = deletion.certify(log, request, even_if_partial=True)

    assert made.fact.closure.count == 41
    assert made.fact.targets[0].action == "delete"
    assert len(made.fact.targets) + made.fact.left_out == 41
    assert made.fact.left_out > 20
    assert (issued.outcome, issued.targets[0].outcome) == ("partial", "erased")


def test_a_certificate_that_left_targets_out_is_partial_although_the_others_are_erased(
    log: Ledger, shop: list[Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "TARGETS_BYTES", 3_000)
    published(log, contract("orders"))
    with log.run("spam", inputs=["shop|orders"], outputs=[f"evil|{'x' * 2_000}"]):
        pass
    request = asked(log)

    made = deletion.make(log, request, shop, reader="op")
    deletion.carry_out(log, request, shop, reader="op")
    issued = deletion.certify(log, request)

    assert (made.fact.left_out, [each.outcome for each in issued.targets]) == (1, ["erased"])
    assert issued.outcome == "partial"
