"""Who may use a source: asked, agreed, granted, taken back, over; the history alone says who might, at any moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog import granting, store
from contracts.catalog.access import State
from contracts.catalog.declaration import parse_source
from contracts.catalog.facts import ACCESS_EXPIRED, ACCESS_GRANTED, AccessGranted
from contracts.catalog.store import SourceCatalog, event_about, of_source
from contracts.facts import Decided
from ledger.clock import parse_at, print_at
from ledger.event import Event
from proofs.errors import ConflictError, MissingError, RefusedError, StaleError, TallyError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

TEXT = """source: orders
owner: data-platform
on_call: data:1
dataset: {namespace: shop, name: orders}
connection: {kind: file}
object: orders.csv
access: {terms: "Not for marketing.", four_eyes: true, days: 90}
"""
TERMS = "ed2a83fa62c2ae2bd9b94dbf40e3634f9b023361a3f9d8a0c810599171a29600"


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    log = ledgers.create()
    store.register(log, parse_source(TEXT.encode()))
    return log


def asked(log: Ledger, who: str = "team:growth") -> None:
    granting.request(log, "orders", who, by="lead:7", purpose="churn")


def agreed(log: Ledger, who: str = "team:growth") -> None:
    asked(log, who)
    granting.agree(log, "orders", who, by="lead:7", terms_sha256=TERMS[:12])


def granted(log: Ledger, who: str = "team:growth") -> None:
    agreed(log, who)
    granting.grant(log, "orders", who, by="owner:2", until=log.clock() + timedelta(days=10))


def may_use(log: Ledger, at: str) -> list[str]:
    moment = parse_at(at)
    return [
        found.who for found, ended in store.accesses(log, as_of=print_at(moment)) if found.holds(moment) and not ended
    ]


def test_who_might_use_a_source_is_known_for_every_moment(ledgers: Ledgers, log: Ledger) -> None:
    granted(log)
    ledgers.now = parse_at("2026-11-25T00:00:00.000000Z")
    granting.revoke(log, "orders", "team:growth", by="owner:2", reason="project over")

    assert may_use(log, "2026-11-19T00:00:00.000000Z") == []
    assert may_use(log, "2026-11-21T00:00:00.000000Z") == ["team:growth"]
    assert may_use(log, "2026-11-26T00:00:00.000000Z") == []


def test_a_grant_ends_at_its_time_before_anybody_records_it(log: Ledger) -> None:
    granted(log)

    assert may_use(log, "2026-11-29T23:00:00.000000Z") == ["team:growth"]
    assert may_use(log, "2026-11-30T23:00:00.000000Z") == []


def test_an_event_of_a_source_stands_in_the_stream_of_its_dataset(log: Ledger) -> None:
    granted(log)

    types = [record.type.rpartition("source.")[2] for record in log.stream("dataset:shop|orders")]

    assert types == ["registered.v1", "access-requested.v1", "access-agreed.v1", "access-granted.v1"]


@pytest.mark.parametrize(
    ("by", "days", "kind", "why"),
    [
        ("lead:7", 10, RefusedError, "wants four eyes: lead:7 asked"),
        ("Lead:7", 10, RefusedError, "wants four eyes"),
        ("team:growth", 10, RefusedError, "wants four eyes"),
        ("owner:2", 91, RefusedError, "ends after now, and within 90 days"),
        ("owner:2", 0, RefusedError, "ends after now"),
        ("Anna Schmidt <a@b.c>", 10, RefusedError, "by is not acceptable"),
    ],
)
def test_a_grant_that_the_source_does_not_allow_is_refused_and_writes_nothing(
    log: Ledger, by: str, days: int, kind: type[TallyError], why: str
) -> None:
    agreed(log)
    size = log.size

    with pytest.raises(kind, match=why):
        granting.grant(log, "orders", "team:growth", by=by, until=log.clock() + timedelta(days=days))

    assert log.size == size


def test_without_an_agreement_nothing_is_granted(log: Ledger) -> None:
    until = log.clock() + timedelta(days=1)
    with pytest.raises(MissingError, match="nobody asked"):
        granting.grant(log, "orders", "team:growth", by="owner:2", until=until)
    asked(log)
    with pytest.raises(RefusedError, match="terms of orders were not agreed to"):
        granting.grant(log, "orders", "team:growth", by="owner:2", until=until)


def test_terms_that_changed_are_agreed_to_anew(log: Ledger) -> None:
    agreed(log)
    store.register(log, parse_source(TEXT.replace("marketing", "research").encode()))

    with pytest.raises(StaleError, match="changed since"):
        granting.grant(log, "orders", "team:growth", by="owner:2", until=log.clock() + timedelta(days=1))
    with pytest.raises(StaleError, match="others by now"):
        granting.agree(log, "orders", "team:growth", by="lead:7", terms_sha256=TERMS)
    granting.agree(log, "orders", "team:growth", by="lead:7")
    found = granting.grant(log, "orders", "team:growth", by="owner:2", until=log.clock() + timedelta(days=1))
    assert found.state is State.GRANTED


def test_an_open_access_is_not_asked_for_again_and_one_that_ended_is(log: Ledger) -> None:
    granted(log)
    with pytest.raises(ConflictError, match="is granted already"):
        asked(log)
    granting.revoke(log, "orders", "team:growth", by="owner:2", reason="over")
    with pytest.raises(ConflictError, match="is revoked"):
        granting.revoke(log, "orders", "team:growth", by="owner:2", reason="over")
    asked(log)

    assert [found.state for found, _ in store.accesses(log)] == [State.REQUESTED]


def test_an_end_is_recorded_once_however_many_record_it(ledgers: Ledgers, log: Ledger) -> None:
    granted(log)
    granted(log, who="team:risk")
    assert list(granting.expire(log, log.clock())) == []
    ledgers.now += timedelta(days=11)
    one, other = granting.expire(log, log.clock()), granting.expire(ledgers.open(), log.clock())

    ended = [next(one).who]  # who reads both ends, and records the first
    ended += [found.who for found in other]  # meanwhile another records the second
    ended += [found.who for found in one]  # and so does the first

    assert ended == ["team:growth", "team:risk", "team:risk"]
    assert list(granting.expire(log, log.clock())) == []
    types = [record.type for record in log.read()]
    assert (types.count(ACCESS_EXPIRED), types.count("tallystick.intake.conflicted.v1")) == (2, 0)


def test_a_retired_source_is_used_by_nobody_and_never_comes_back(log: Ledger) -> None:
    granted(log)
    store.retire(log, "orders", by="owner:2", reason="moved")

    assert may_use(log, print_at(log.clock())) == []
    assert may_use(log, log.entry(5).at) == ["team:growth"]
    for act in (asked, lambda log: store.register(log, parse_source(TEXT.replace("data-platform", "x").encode()))):
        with pytest.raises(ConflictError, match="was retired 2026-11-20"):
            act(log)


def test_a_source_without_terms_is_given_to_nobody(log: Ledger) -> None:
    text = TEXT.partition("access:")[0].replace("source: orders", "source: free")
    store.register(log, parse_source(text.encode()))

    with pytest.raises(RefusedError, match="declares no terms"):
        granting.request(log, "free", "team:growth", by="lead:7", purpose="churn")


def test_a_source_keeps_its_dataset(log: Ledger) -> None:
    with pytest.raises(ConflictError, match=r"feeds shop\|orders"):
        store.register(log, parse_source(TEXT.replace("name: orders", "name: others").encode()))


def test_a_forged_grant_without_an_agreement_counts_for_nothing(log: Ledger) -> None:
    asked(log)
    known, found = store.find(log, "orders"), store.access_of(log, "orders", "team:growth")
    assert found is not None
    until = print_at(log.clock() + timedelta(days=1))
    fact = of_source(
        known,
        AccessGranted,
        who="team:growth",
        by="owner:2",
        requested=found.requested,
        terms_sha256=TERMS,
        until=until,
    )
    log.append(event_about(log, ACCESS_GRANTED, fact, "orders"))

    assert [each.state for each, _ in store.accesses(log)] == [State.REQUESTED]
    with log.viewing(SourceCatalog()) as db:
        assert db.execute("SELECT type, reason FROM source_unread").fetchall() == [(ACCESS_GRANTED, "refused")]


def test_a_declaration_that_says_otherwise_than_its_text_counts_for_nothing(log: Ledger) -> None:
    fact = store.registered_fact(parse_source(TEXT.replace("source: orders", "source: new").encode()), previous=None)
    log.append(event_about(log, "tallystick.source.registered.v1", fact.model_copy(update={"owner": "mallory"}), "new"))

    assert [known.name for known in store.sources(log)] == ["orders"]
    with log.viewing(SourceCatalog()) as db:
        assert [row[0] for row in db.execute("SELECT reason FROM source_unread").fetchall()] == ["contradictory"]


ACTS = ("request", "agree", "grant", "revoke", "expire", "later")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=12))
def test_whatever_is_tried_in_which_order_nobody_may_use_it_without_an_agreement_before(
    ledgers: Ledgers, acts: list[str]
) -> None:
    log: Any = ledgers.create(memory=True)
    store.register(log, parse_source(TEXT.encode()))
    agreed, done = False, []
    for act in acts:
        try:
            match act:
                case "request":
                    asked(log)
                    agreed = False
                case "agree":
                    granting.agree(log, "orders", "team:growth", by="lead:7")
                    agreed = True
                case "grant":
                    until = log.clock() + timedelta(days=2)
                    granting.grant(log, "orders", "team:growth", by="owner:2", until=until)
                    assert agreed
                case "revoke":
                    granting.revoke(log, "orders", "team:growth", by="owner:2", reason="over")
                case "expire":
                    list(granting.expire(log, log.clock()))
                case "later":
                    ledgers.now += timedelta(days=1)
            done.append(act)
        except (RefusedError, MissingError):
            pass
        holding = [found for found, _ in store.accesses(log) if found.holds(log.clock())]
        assert not holding or ("grant" in done and agreed)
    with log.viewing(SourceCatalog()) as db:
        assert db.execute("SELECT count(*) FROM source_unread").fetchone() == (0,)


def test_a_grant_names_the_entry_that_grants_it(log: Ledger) -> None:
    granted(log)
    found = store.access_of(log, "orders", "team:growth")

    assert found is not None
    assert found.granted == Decided(seq=5, leaf=log.entry(5).leaf.hex())


def dump(log: Ledger) -> list[str]:
    with log.viewing(SourceCatalog()) as db:
        return [line for line in db.conn.iterdump() if "source_" in line]


def test_I19_replaying_the_log_gives_the_same_catalog(ledgers: Ledgers, log: Ledger) -> None:
    granted(log)
    agreed(log, "team:risk")
    ledgers.now += timedelta(days=11)
    list(granting.expire(log, log.clock()))
    log.append(Event(type=ACCESS_GRANTED, source="urn:stranger", data=b"{}"))
    store.retire(log, "orders", by="owner:2", reason="moved")
    before = dump(log)

    log.views.drop("source")

    assert dump(log) == before
    assert sum("INSERT" in line for line in before) == 9
