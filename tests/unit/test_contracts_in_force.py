"""Which contract binds a dataset, however many publish: what a deletion's plan takes from contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import orjson
import pytest

from contracts import publish, record
from contracts.document import Document, parse
from contracts.facts import CONTRACT_PUBLISHED
from contracts.inforce import Bound, in_force
from contracts.record import Context
from evidence import deletion
from ledger.event import Event
from proofs.errors import IncompleteError
from proofs.statement import Node

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

ORDERS, FEATURES, SCORES, AUDIENCE = (Node("dataset", "shop", name) for name in ("orders", "features", "scores", "aud"))


def contract(
    name: str, *, version: str = "1.0.0", key: str | None = "customer", names: str = "", pii: str = ""
) -> Document:
    privacy = f"privacy: {{subject_key: {key}, deletion_propagation: [{names}]}}\n" if key else ""
    privacy = f"privacy: {{pii: {pii}}}\n" if pii else privacy
    text = f"name: {name}\nversion: {version}\ndataset: {{namespace: shop, name: {name}}}\n"
    return parse(f"{text}schema:\n  - {{name: {key or 'customer'}, type: string}}\n{privacy}".encode())


def published(log: Ledger, *documents: Document) -> Bound:
    for one in documents:
        publish.publish(log, one, Context(source="urn:shop"))
    return in_force(log.store, log.size)


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    return ledgers.create()


def test_the_newest_version_of_a_name_binds(log: Ledger) -> None:
    bound = published(log, contract("orders"), contract("orders", version="1.1.0", names="features"))

    assert [each.version for each in bound.contracts[ORDERS]] == ["1.1.0"]
    assert bound.propagated(ORDERS) == {FEATURES}
    assert bound.propagated(FEATURES) == frozenset()


def test_a_version_that_no_longer_says_whose_a_row_is_is_told(log: Ledger) -> None:
    bound = published(log, contract("orders"), contract("orders", version="2.0.0", key=None))

    assert bound.is_dropped(ORDERS)
    assert bound.subject_keys(ORDERS) == ("customer",)


def test_a_contract_by_another_name_takes_no_subject_column_away(log: Ledger) -> None:
    text = contract("orders", key=None).text.replace("name: orders", "name: impostor", 1)

    bound = published(log, contract("orders"), parse(text.encode()))

    assert bound.subject_keys(ORDERS) == ("customer",)
    assert not bound.is_dropped(ORDERS)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no JSON", b"", b'{"contract":{"name":"a"}}'])
def test_a_publication_that_cannot_be_read_stops_no_plan_and_is_named(log: Ledger, body: bytes) -> None:
    media = None if body.startswith((b"{", b"[")) else "text/plain"
    published(log, contract("orders"))
    receipt = log.append(Event(type=CONTRACT_PUBLISHED, source="urn:any", data=body, datacontenttype=media))
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request

    made = deletion.make(log, request, [], reader="op")

    assert made.unread_contracts == (receipt.seq,)
    assert [target.dataset.name for target in made.fact.targets] == ["orders"]


def test_the_same_version_with_another_text_does_not_count_and_is_named(log: Ledger) -> None:
    published(log, contract("orders"))
    other = parse(f"{contract('orders').text}# and more\n".encode())
    said = orjson.loads(log.store.bodies([log.size - 1])[log.size - 1].data) | {"definition": other.text}
    said["contract"]["sha256"] = other.sha256
    receipt = log.append(Event(type=CONTRACT_PUBLISHED, source="urn:any", data=orjson.dumps(said)))

    bound = in_force(log.store, log.size)

    assert bound.unread == (receipt.seq,)


def test_an_older_version_that_comes_later_does_not_bind(log: Ledger) -> None:
    published(log, contract("orders"))
    late = contract("orders", version="0.0.1", key=None)
    log.append(record.contract_published(late, Context(source="urn:any")))

    bound = in_force(log.store, log.size)

    assert bound.subject_keys(ORDERS) == ("customer",)


def test_a_publication_that_says_something_else_than_its_text_does_not_count(log: Ledger) -> None:
    published(log, contract("orders"))
    event = record.contract_published(contract("orders", version="2.0.0", key=None), Context(source="urn:any"))
    said = orjson.loads(event.data)
    ways: tuple[dict[str, object], ...] = (
        {"dataset": {"namespace": "evil", "name": "x"}},
        {"contract": {**said["contract"], "name": "evil"}},
        {"contract": {**said["contract"], "version": "9.0.0"}},
        {"datasets": [{"namespace": "evil", "name": "x"}]},
        {"privacy": {"subject_key": "customer", "deletion_propagation": []}},
    )
    seqs = [
        log.append(event.model_copy(update={"data": orjson.dumps({**said, **way}), "id": f"w{n}"})).seq
        for n, way in enumerate(ways)
    ]

    bound = in_force(log.store, log.size)

    assert bound.unread == tuple(seqs)
    assert bound.subject_keys(ORDERS) == ("customer",)


def test_where_contracts_differ_about_whose_a_row_is_nobody_chooses(ledgers: Ledgers, log: Ledger) -> None:
    text = contract("orders", key="household").text.replace("name: orders", "name: impostor", 1)
    published(log, contract("orders"), parse(text.encode()))
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request

    made = deletion.make(log, request, [deletion.Warehouse("shop", ledgers.folder / "shop.duckdb")], reader="op")

    assert [target.action for target in made.fact.targets] == ["unresolved"]
    assert [(remark.target, remark.code) for remark in made.remarks] == [("t1", "subject-keys-differ")]


def test_a_target_of_an_earlier_plan_stays_one(ledgers: Ledgers, log: Ledger) -> None:
    published(log, contract("orders", names="features"), contract("features"))
    shop = [deletion.Warehouse("shop", ledgers.folder / "shop.duckdb")]
    with duckdb.connect(str(shop[0].path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'c' || range % 10 AS customer FROM range(100)")
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request
    deletion.make(log, request, shop, reader="op")
    deletion.carry_out(log, request, shop, reader="op")  # features is not there, so that nothing is deleted in it
    published(log, contract("orders", version="2.0.0"), contract("features", version="2.0.0", key=None))

    fact = deletion.make(log, request, shop, reader="op").fact
    deletion.carry_out(log, request, shop, reader="op")
    with pytest.raises(IncompleteError, match="1 of 2 targets are not seen empty yet"):
        deletion.certify(log, request)
    issued = deletion.certify(log, request, even_if_partial=True)

    assert [(target.dataset.name, target.action) for target in fact.targets] == [
        ("orders", "delete"),
        ("features", "unresolved"),
    ]
    assert [dataset.name for dataset in fact.only_in_contract] == ["features"]
    assert (issued.outcome, [each.outcome for each in issued.targets]) == ("partial", ["erased", "unresolved"])


def test_a_plan_follows_what_every_contract_on_the_way_names_and_what_derives_from_it(log: Ledger) -> None:
    published(log, contract("orders"), contract("features", names="scores"))
    with log.run("features", inputs=["shop|orders"], outputs=["shop|features"]):
        pass
    with log.run("audience", inputs=["shop|scores"], outputs=["shop|aud"]):
        pass
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request

    fact = deletion.make(log, request, [], reader="op").fact

    assert [target.dataset.node for target in fact.targets] == [ORDERS, FEATURES, AUDIENCE, SCORES]
    assert [dataset.node for dataset in fact.only_in_contract] == [AUDIENCE, SCORES]
    assert [dataset.node for dataset in fact.only_in_lineage] == [FEATURES]
    assert fact.closure.count == 2


def test_where_people_once_stood_nobody_decides_that_none_do(ledgers: Ledgers, log: Ledger) -> None:
    published(log, contract("orders"), contract("orders", version="2.0.0", key=None))
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request

    made = deletion.make(log, request, [deletion.Warehouse("shop", ledgers.folder / "shop.duckdb")], reader="op")

    assert [target.action for target in made.fact.targets] == ["unresolved"]
    assert [(remark.target, remark.code) for remark in made.remarks] == [("t1", "subject-dropped")]


def test_what_a_version_propagated_is_followed_although_a_later_one_is_silent(log: Ledger) -> None:
    bound = published(log, contract("orders", names="features"), contract("orders", version="2.0.0"))

    assert bound.propagated(ORDERS) == {FEATURES}


def test_a_version_that_names_another_column_leaves_the_choice_to_nobody(ledgers: Ledgers, log: Ledger) -> None:
    published(log, contract("orders"))
    shop = [deletion.Warehouse("shop", ledgers.folder / "shop.duckdb")]
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request
    assert deletion.make(log, request, shop, reader="op").fact.targets[0].action == "delete"
    published(log, contract("orders", version="2.0.0", key="household"))

    made = deletion.make(log, request, shop, reader="op")

    assert [target.action for target in made.fact.targets] == ["unresolved"]
    assert [remark.code for remark in made.remarks] == ["subject-keys-differ"]


@pytest.mark.parametrize("key", ["cust id", "kundenschlüssel"])
def test_a_column_that_no_store_is_asked_for_stops_no_plan(ledgers: Ledgers, log: Ledger, key: str) -> None:
    published(log, contract("orders", key=key))
    shop = [deletion.Warehouse("shop", ledgers.folder / "shop.duckdb")]
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=[ORDERS]).request

    made = deletion.make(log, request, shop, reader="op")

    assert [target.action for target in made.fact.targets] == ["unresolved"]
    assert [remark.code for remark in made.remarks] == ["not-addressable"]
