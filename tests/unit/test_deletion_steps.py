"""Execute, verify, certify: what each outcome of a store becomes, with stores and a log of the test's own making."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlite_utils

from ledger import record as ledger_record
from ledger.event import Event
from lineage.deletion import certificate, run, verify
from lineage.deletion.certificate import Certificate
from lineage.deletion.facts import Component, Place, Planned, Residual, Verified
from lineage.deletion.history import History, read_history
from lineage.deletion.plan import Delete, Disposition, Lineage, NotApplicable, Retain, make_plan
from lineage.deletion.request import new_request, read_subject
from lineage.deletion.state import DeletionProjection, overdue, standings
from lineage.deletion.stores import Deleted, Probe
from proofs.errors import BusyError, ConflictError, MissingError, RefusedError, TallyError
from proofs.statement import Node

REQUEST = "0b9d0c5e-0000-4000-8000-000000000001"
RECEIVED = "2026-11-20T09:15:00.000000Z"
SECRET = "7700123"
NODES = [Node("dataset", "db", name) for name in "abc"]
QUERY = "c" * 64
FREED = Residual(where="store:file", reason="freed-blocks")


@dataclass(frozen=True)
class Receipt:
    seq: int
    leaf: bytes


@dataclass
class FakeLog:
    """A log in a list that keeps I4: the same (source, id) again is a replay or a conflict."""

    origin: str = "example.org/log"
    records: list[ledger_record.Record] = field(default_factory=list)

    def append(self, event: Event, /) -> Receipt:
        body = event.data
        for pointer in event.parts:
            assert pointer == "/subject"
            body = body[: body.index(b'"subject":') + 10] + b"null" + body[body.index(b',"v":1}') :]
        for known in self.records:
            if (known.source, known.id) == (event.source, event.id):
                if known.body != body:
                    raise ConflictError("another content")
                return Receipt(known.seq, b"")
        assert event.id is not None
        seq = len(self.records)
        at = f"2026-11-20T10:00:{seq:02}.000000Z"
        self.records.append(
            ledger_record.Record(
                seq=seq, at=at, id=event.id, source=event.source, type=event.type, streams={}, header=b"", body=body
            )
        )
        return Receipt(seq, b"")

    def stream(self, name: str, /) -> Iterator[ledger_record.Record]:
        assert name == f"request:{REQUEST}"
        return iter(self.records)


@dataclass
class FakeStore:
    """One store: the person's rows per table, other people's values, and ways in which it can let one down."""

    rows: dict[str, int]
    others: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fails: dict[str, TallyError] = field(default_factory=dict)
    keeps: set[str] = field(default_factory=set)
    residuals: tuple[Residual, ...] = (FREED,)
    blind: bool = False
    component = Component(name="fake-executor", version="1")

    def delete(self, place: Place, values: Sequence[str]) -> Deleted:
        table = place.table[0]
        assert values == (SECRET,)
        if table in self.fails:
            raise self.fails[table]
        if table in self.keeps:
            return Deleted(rows=0, method="delete", residuals=self.residuals)
        return Deleted(rows=self.rows.pop(table, 0), method="delete", residuals=self.residuals)


@dataclass
class FakeVerifier:
    store: FakeStore
    component: Component = field(default_factory=lambda: Component(name="fake-verifier", version="1"))

    def probe(self, place: Place, values: Sequence[str]) -> Probe:
        if self.store.blind:
            raise BusyError("cannot look")
        table = place.table[0]
        others = self.store.others.get(table, ())
        return Probe(matched=self.store.rows.get(table, 0), others=others, query=QUERY, level="L2")

    def knows(self, place: Place, values: Sequence[str]) -> bool:
        return not set(values).isdisjoint(self.store.others.get(place.table[0], ()))


def clock() -> datetime:
    return datetime(2026, 11, 20, 12, tzinfo=UTC)


REQUESTED = new_request([("household", SECRET)], regulation="gdpr", received=RECEIVED, request=REQUEST)
SUBJECT = read_subject(b'{"identities":[{"type":"household","value":"7700123"}]}')


def place(table: str, identity: str = "household") -> Place:
    return Place(store="warehouse", table=(table,), column="id", identity=identity)


def draft(**dispositions: Disposition | None) -> Planned:
    known: dict[Node, Disposition | None] = {node: Delete(place(node.name)) for node in NODES}
    known |= {Node("dataset", "db", name): disposition for name, disposition in dispositions.items()}
    lineage = Lineage(size=9, root="0" * 64, closure={node: n for n, node in enumerate(NODES)}, findings={})
    settled = {node: disposition for node, disposition in known.items() if disposition is not None}
    return make_plan(REQUEST, lineage, seeds=[NODES[0]], declared=NODES[1:], dispositions=settled, at=RECEIVED)


def requested() -> FakeLog:
    log = FakeLog()
    log.append(REQUESTED.event(person="person:00", source="urn:desk"))
    return log


def erase_own_part(log: FakeLog) -> None:
    body = f'{{"erasure":"x","parts":1,"request":"{REQUEST}"}}'.encode()
    log.append(Event(type="tallystick.subject.erased.v1", source=log.origin, id="x/erased", data=body))


def certified(log: FakeLog, store: FakeStore, planned: Planned | None = None) -> Certificate:
    """The whole way, from survey to certificate."""
    verifiers = {"warehouse": FakeVerifier(store)}
    run.record_plan(log, run.survey(planned or draft(), verifiers, SUBJECT))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock)
    return certificate.issue(log, REQUEST, clock=clock)


def store_with(**rows: int) -> FakeStore:
    return FakeStore(rows=dict(rows), others=dict.fromkeys("abc", ("7700124", "7700125")))


def outcomes(issued: Certificate) -> dict[str, tuple[str, str | None]]:
    return {target.dataset.name: (target.outcome, target.level) for target in issued.targets}


def test_everything_erased_without_residuals_is_complete() -> None:
    log, store = requested(), replace(store_with(a=3, b=1, c=2), residuals=())
    erase_own_part(log)

    issued = certified(log, store)

    assert (issued.outcome, issued.level, issued.residuals, issued.erased) == ("complete", "L2", (), 1)
    assert outcomes(issued) == {"a": ("erased", "L2"), "b": ("erased", "L2"), "c": ("erased", "L2")}


def test_a_residual_of_a_store_makes_it_complete_with_residuals() -> None:
    log = requested()
    erase_own_part(log)

    issued = certified(log, store_with(a=3, b=1, c=2))

    assert (issued.outcome, issued.level) == ("complete_with_residuals", "L2")
    assert issued.targets[0].residuals == (FREED,)


def test_the_ledgers_own_sealed_part_is_a_residual_until_it_is_erased() -> None:
    log = requested()

    issued = certified(log, replace(store_with(a=3, b=1, c=2), residuals=()))

    assert (issued.outcome, issued.erased) == ("complete_with_residuals", None)
    assert [(left.where, left.reason) for left in issued.residuals] == [("ledger", "sealed-subject-not-erased-yet")]


def test_an_erasure_that_somebody_else_claims_counts_for_nothing() -> None:
    log = requested()
    body = f'{{"erasure":"x","parts":1,"request":"{REQUEST}"}}'.encode()
    log.append(Event(type="tallystick.subject.erased.v1", source="urn:impostor", id="x", data=body))

    assert certified(log, store_with(a=1, b=1, c=1)).erased is None


def test_counts_and_seqs_stand_beside_each_target() -> None:
    log = requested()

    first = certified(log, store_with(a=3, b=1, c=2)).targets[0]

    assert (first.matched_before, first.deleted, first.matched_after) == (3, 3, 0)
    assert (first.control, first.query, first.seqs) == ("before_count", QUERY, (2, 5))
    assert [log.records[seq].type for seq in first.seqs] == [
        "tallystick.deletion.executed.v1",
        "tallystick.deletion.verified.v1",
    ]


def test_the_plan_is_an_event_before_the_first_deletion() -> None:
    log = requested()

    certified(log, store_with(a=3, b=1, c=2))

    assert [record.type.split(".")[2] for record in log.records] == [
        "requested",
        "planned",
        *["executed"] * 3,
        *["verified"] * 3,
        "certified",
    ]


def test_nothing_is_deleted_without_a_plan() -> None:
    store = store_with(a=3)

    with pytest.raises(MissingError, match=f"request {REQUEST} has no plan"):
        run.execute(requested(), REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    assert store.rows == {"a": 3}


def test_a_plan_needs_a_request() -> None:
    with pytest.raises(MissingError, match=f"the log has no request {REQUEST}"):
        run.record_plan(FakeLog(), draft())


def test_a_table_without_the_person_is_not_found_where_a_canary_is_known() -> None:
    issued = certified(requested(), store_with(a=3, b=0, c=0))

    assert outcomes(issued) == {"a": ("erased", "L2"), "b": ("not_found", "L2"), "c": ("not_found", "L2")}
    assert issued.targets[1].control == "canary"
    assert issued.outcome == "complete_with_residuals"


def test_rows_that_were_deleted_were_there_although_nobody_could_count_them_before() -> None:
    log, store = requested(), store_with(a=3, b=1, c=0)
    verifiers = {"warehouse": FakeVerifier(store)}
    first, *others = run.survey(draft(), verifiers, SUBJECT).targets
    uncounted = first.model_copy(update={"before": None})  # its table was locked
    run.record_plan(log, draft().model_copy(update={"targets": (uncounted, *others)}))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock)

    issued = certificate.issue(log, REQUEST, clock=clock)

    assert (issued.targets[0].outcome, issued.targets[0].deleted, issued.targets[0].control) == ("erased", 3, "canary")


@pytest.mark.parametrize(
    "others",
    [
        (),
        # Somebody is found, but is written otherwise than where the person was: so would the person have been.
        ("7700124.0", "7700125.0"),
    ],
)
def test_a_check_without_a_positive_control_is_inconclusive_and_the_certificate_partial(
    others: tuple[str, ...],
) -> None:
    store = store_with(a=3, b=0, c=0)
    store.others["b"] = others

    issued = certified(requested(), store)

    assert outcomes(issued)["b"] == ("inconclusive", "L1")
    assert (issued.targets[1].control, issued.targets[1].matched_after) == ("none", 0)
    assert (issued.outcome, issued.level) == ("partial", "L1")


def test_rows_that_are_still_there_are_present_whatever_the_executor_said() -> None:
    store = replace(store_with(a=3, b=1, c=2), keeps={"b"})

    issued = certified(requested(), store)

    assert outcomes(issued)["b"] == ("present", "L1")
    assert issued.targets[1].matched_after == 1
    assert issued.outcome == "partial"


def test_a_store_that_fails_does_not_stop_the_others_and_is_said() -> None:
    store = replace(store_with(a=3, b=1, c=2), fails={"a": RefusedError("no")})

    issued = certified(requested(), store)

    assert outcomes(issued) == {"a": ("failed", "L0"), "b": ("erased", "L2"), "c": ("erased", "L2")}
    assert issued.targets[0].code == "refused"
    assert (issued.outcome, issued.level) == ("partial", "L0")


def test_a_target_that_failed_is_tried_again_and_superseded() -> None:
    log, store = requested(), replace(store_with(a=3, b=1, c=2), fails={"a": RefusedError("no")})
    first = certified(log, store)
    store.fails.clear()

    second = certified(log, store)

    assert (first.outcome, second.outcome) == ("partial", "complete_with_residuals")
    assert (second.supersedes, first.supersedes) == (first.certificate, None)
    assert [target.seqs for target in second.targets] == [(2, 5, 9, 10), (3, 6), (4, 7)]
    assert second.targets[0].matched_before == 3


def test_a_certificate_stands_until_the_log_says_something_else() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    unissued = certificate.standing(read_history(log, REQUEST))
    first = certified(log, store)
    before = certificate.standing(read_history(log, REQUEST))

    erase_own_part(log)
    after = certificate.standing(read_history(log, REQUEST))
    addendum = certificate.issue(log, REQUEST, clock=clock)
    settled = certificate.standing(read_history(log, REQUEST))

    assert (unissued, before, after) == (None, first, None)
    assert (addendum.supersedes, settled) == (first.certificate, addendum)


def test_a_refusal_does_not_stand_once_there_is_a_plan() -> None:
    log = requested()
    refused = certificate.issue_refusal(log, REQUEST, "art17.3.e", clock=clock)

    run.record_plan(log, run.survey(draft(), {"warehouse": FakeVerifier(store_with(a=3))}, SUBJECT))

    assert certificate.standing(read_history(log, REQUEST)) is None
    assert certificate.issue(log, REQUEST, clock=clock).supersedes == refused.certificate


def test_a_dataset_that_nobody_knows_how_to_delete_from_makes_it_partial() -> None:
    issued = certified(requested(), store_with(a=3, b=1), draft(c=None))

    assert outcomes(issued)["c"] == ("unresolved", "L0")
    assert (issued.outcome, issued.level) == ("partial", "L0")


def test_what_is_retained_makes_it_partial_and_lowers_no_level() -> None:
    issued = certified(requested(), store_with(a=3, b=1), draft(c=Retain("art17.3.b")))

    assert outcomes(issued)["c"] == ("retained", None)
    assert issued.targets[2].reason == "art17.3.b"
    assert (issued.outcome, issued.level) == ("partial", "L2")


def test_what_is_not_about_persons_is_not_in_the_way() -> None:
    issued = certified(requested(), store_with(a=3, b=1), draft(c=NotApplicable("aggregate")))

    assert (issued.outcome, issued.level) == ("complete_with_residuals", "L2")


def test_a_plan_that_deletes_nowhere_is_no_complete_deletion() -> None:
    nowhere = NotApplicable("aggregate")

    issued = certified(requested(), store_with(), draft(a=nowhere, b=nowhere, c=nowhere))

    assert (issued.outcome, issued.level, issued.remarks) == ("partial", None, ("subject-not-found-anywhere",))


def test_a_person_who_was_found_nowhere_is_no_complete_deletion() -> None:
    # An identity that is written otherwise in every table looks the same.
    issued = certified(requested(), store_with())

    assert {outcome for outcome, _ in outcomes(issued).values()} == {"inconclusive"}
    assert (issued.outcome, issued.remarks) == ("partial", ("subject-not-found-anywhere",))


def test_what_was_deleted_and_not_looked_at_is_unverified() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, draft())
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    issued = certificate.issue(log, REQUEST, clock=clock)

    assert set(outcomes(issued).values()) == {("unverified", "L1")}
    assert issued.outcome == "partial"


def test_a_look_at_an_earlier_attempt_says_nothing_about_the_last() -> None:
    log, store = requested(), replace(store_with(a=3, b=1, c=2), fails={"a": RefusedError("no")})
    certified(log, store)
    store.fails.clear()
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    issued = certificate.issue(log, REQUEST, clock=clock)

    assert outcomes(issued)["a"] == ("unverified", "L1")
    assert (issued.targets[0].verifier, issued.targets[0].matched_after) == (None, None)


@pytest.mark.parametrize("fails", [False, True])
def test_residuals_that_were_known_beforehand_stay(*, fails: bool) -> None:
    backup = Residual(where="backup:weekly", reason="rotation", expires="2026-12-20")
    store = replace(store_with(a=3, b=1, c=2), fails={"a": RefusedError("no")} if fails else {})

    issued = certified(requested(), store, draft(a=Delete(place("a"), (backup,))))

    assert issued.targets[0].residuals == ((backup,) if fails else (backup, FREED))


def test_what_was_planned_and_not_done_is_pending() -> None:
    log = requested()
    run.record_plan(log, draft())

    issued = certificate.issue(log, REQUEST, clock=clock)

    assert set(outcomes(issued).values()) == {("pending", "L0")}
    assert issued.outcome == "partial"


@pytest.mark.parametrize(
    ("executors", "planned", "code"),
    [
        (False, draft(), "no-adapter"),
        (True, draft(a=Delete(place("a", "email"))), "no-identity"),
    ],
)
def test_a_place_that_cannot_be_reached_fails(planned: Planned, code: str, *, executors: bool) -> None:
    log, store = requested(), store_with(a=3)
    run.record_plan(log, planned)

    facts = run.execute(log, REQUEST, {"warehouse": store} if executors else {}, SUBJECT, clock=clock)

    assert (facts[0].outcome, facts[0].code) == ("failed", code)
    assert verify.verify(log, REQUEST, {}, SUBJECT, clock=clock)[0].code == "no-adapter"


def test_a_verifier_that_cannot_look_is_inconclusive() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, draft())
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    store.blind = True

    facts = verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, SUBJECT, clock=clock)

    assert [(fact.result, fact.code, fact.query) for fact in facts] == [("inconclusive", "busy", None)] * 3


def test_whoever_deleted_may_not_verify() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, draft())
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    before = len(log.records)

    with pytest.raises(RefusedError, match="fake-executor deleted at target t1 and may not verify it"):
        verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store, store.component)}, SUBJECT, clock=clock)

    assert len(log.records) == before


def test_a_count_by_another_query_is_no_control() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    store.others.clear()
    surveyed = run.survey(draft(), {"warehouse": FakeVerifier(store)}, SUBJECT)
    other = [
        target.model_copy(update={"before": target.before.model_copy(update={"query": "d" * 64})})
        for target in surveyed.targets
        if target.before
    ]
    run.record_plan(log, surveyed.model_copy(update={"targets": tuple(other)}))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    facts = verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, SUBJECT, clock=clock)

    assert {(fact.control, fact.result) for fact in facts} == {("none", "inconclusive")}


def test_the_same_plan_again_is_the_plan_that_stands() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    verifiers = {"warehouse": FakeVerifier(store)}
    first = run.record_plan(log, run.survey(draft(), verifiers, SUBJECT))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    again = run.record_plan(log, run.survey(draft(), verifiers, SUBJECT))

    assert (again.seq, again.fact.targets[0].before) == (first.seq, first.fact.targets[0].before)
    assert run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock) == []


def test_a_new_plan_keeps_what_an_earlier_one_counted() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    store.others.clear()
    certified(log, store, draft(c=NotApplicable("aggregate")))

    issued = certified(log, store)

    assert outcomes(issued) == {"a": ("erased", "L2"), "b": ("erased", "L2"), "c": ("erased", "L2")}
    assert [target.matched_before for target in issued.targets] == [3, 1, 2]
    history = read_history(log, REQUEST)
    assert len(history.plans) == 2
    # A new plan is executed and looked at from its beginning.
    assert [len(history.executions(target)) for target in history.plan.fact.targets] == [1, 1, 1]
    assert [len(history.verifications(target)) for target in history.plan.fact.targets] == [1, 1, 1]
    assert (len(history.executed), len(history.verified)) == (5, 5)


def test_a_certificate_counts_what_every_plan_deleted_and_names_every_step() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    first = certified(log, store, draft(c=None))  # seqs 1 to 6: plan, two executions, two looks, certificate

    issued = certified(log, store)  # 7 to 14: plan, three executions, three looks, certificate

    assert [(target.outcome, target.deleted, target.seqs) for target in first.targets] == [
        ("erased", 3, (2, 4)),
        ("erased", 1, (3, 5)),
        ("unresolved", None, ()),
    ]
    assert [(target.outcome, target.deleted, target.seqs) for target in issued.targets] == [
        ("erased", 3, (2, 4, 8, 11)),
        ("erased", 1, (3, 5, 9, 12)),
        ("erased", 2, (10, 13)),
    ]


def test_what_an_earlier_plan_deleted_is_counted_where_the_standing_one_was_not_executed() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    certified(log, store)
    run.record_plan(log, draft(a=Retain("art17.3.b"), c=None))

    issued = certificate.issue(log, REQUEST, clock=clock)

    assert [(target.outcome, target.deleted, target.seqs) for target in issued.targets] == [
        ("retained", 3, (2, 5)),
        ("pending", 1, (3, 6)),
        ("unresolved", 2, (4, 7)),
    ]


def test_what_nobody_could_see_is_looked_at_again_and_what_was_seen_is_not() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    verifiers = {"warehouse": FakeVerifier(store)}
    run.record_plan(log, run.survey(draft(), verifiers, SUBJECT))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    store.blind = True
    verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock)
    store.blind = False

    again = verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock)

    assert [(fact.attempt, fact.result) for fact in again] == [(2, "absent")] * 3
    assert verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock) == []
    assert certificate.issue(log, REQUEST, clock=clock).outcome == "complete_with_residuals"


def test_only_what_is_absent_has_a_level() -> None:
    log, store = requested(), replace(store_with(a=3, b=0, c=2), keeps={"c"})
    store.others["b"] = ()
    run.record_plan(log, run.survey(draft(), {"warehouse": FakeVerifier(store)}, SUBJECT))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    facts = verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, SUBJECT, clock=clock)

    assert [(fact.result, fact.level) for fact in facts] == [
        ("absent", "L2"),
        ("inconclusive", None),
        ("present", None),
    ]


def test_a_canary_is_known_by_the_same_type_of_identity() -> None:
    # At a the person was found by another identity: how that is written says nothing about this one.
    both = read_subject(b'{"identities":[{"type":"household","value":"7700123"},{"type":"email","value":"7700123"}]}')
    log, store = requested(), store_with(a=3)
    planned = draft(a=Delete(place("a", "email")), c=NotApplicable("x"))
    run.record_plan(log, run.survey(planned, {"warehouse": FakeVerifier(store)}, both))
    run.execute(log, REQUEST, {"warehouse": store}, both, clock=clock)

    facts = verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, both, clock=clock)

    assert [(fact.control, fact.result) for fact in facts] == [("before_count", "absent"), ("none", "inconclusive")]


def test_a_canary_is_known_at_another_place() -> None:
    log, store = requested(), store_with(a=3)
    planned = run.survey(draft(b=NotApplicable("x"), c=NotApplicable("x")), {"warehouse": FakeVerifier(store)}, SUBJECT)
    (first, *others) = planned.targets
    assert first.before is not None
    other_query = first.model_copy(update={"before": first.before.model_copy(update={"query": "d" * 64})})
    run.record_plan(log, planned.model_copy(update={"targets": (other_query, *others)}))
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)

    (fact,) = verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, SUBJECT, clock=clock)

    assert (fact.control, fact.result) == ("none", "inconclusive")


def test_a_refusal_is_a_certificate_too() -> None:
    log = requested()

    issued = certificate.issue_refusal(log, REQUEST, "art17.3.e", clock=clock)

    assert (issued.outcome, issued.basis, issued.plan, issued.targets) == ("refused", "art17.3.e", None, ())


def test_a_refusal_in_sentences_is_refused() -> None:
    with pytest.raises(RefusedError, match="basis of 18 characters is not a token"):
        certificate.issue_refusal(requested(), REQUEST, "we like their data", clock=clock)


def test_the_body_of_a_certificate_is_a_file() -> None:
    log = requested()

    issued = certified(log, store_with(a=3, b=1, c=2))

    body = log.records[-1].body
    assert body is not None
    assert body == issued.body()
    assert body.endswith(b'"v":1}\n')
    assert Certificate.read(body) == issued


@pytest.mark.parametrize(("hours", "on_time"), [(71, True), (72, True), (73, False)])
def test_a_certificate_says_whether_it_is_on_time(hours: int, *, on_time: bool) -> None:
    log = requested()
    run.record_plan(log, draft())
    moment = datetime(2026, 11, 20, 9, 15, tzinfo=UTC) + timedelta(hours=hours)

    issued = certificate.issue(log, REQUEST, clock=lambda: moment)

    assert issued.on_time is on_time
    assert issued.deadlines.certificate == "2026-11-23T09:15:00.000000Z"
    assert issued.deadlines.statutory == "2026-12-20T09:15:00.000000Z"


def test_an_addendum_is_not_late_for_coming_later() -> None:
    log = requested()
    run.record_plan(log, draft())
    certificate.issue(log, REQUEST, clock=clock)
    erase_own_part(log)

    assert certificate.issue(log, REQUEST, clock=lambda: clock() + timedelta(days=30)).on_time is True


def test_a_certificate_that_would_say_the_same_again_is_not_issued_again() -> None:
    log = requested()
    run.record_plan(log, draft())
    first = certificate.issue(log, REQUEST, clock=clock)

    assert certificate.issue(log, REQUEST, clock=lambda: clock() + timedelta(days=30)) == first
    assert len(read_history(log, REQUEST).certificates) == 1


def test_nothing_personal_stands_in_any_event() -> None:
    log, store = requested(), replace(store_with(a=3, b=1, c=2), fails={"b": RefusedError(f"no {SECRET}")})

    certified(log, store)

    assert [record.type for record in log.records if SECRET.encode() in (record.body or b"")] == []


def test_what_strangers_write_into_the_stream_is_no_step() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, draft())
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    executed = [record for record in log.records if record.type == "tallystick.deletion.executed.v1"]
    body = executed[0].body
    assert body is not None
    other = body.replace(REQUEST.encode(), b"0b9d0c5e-0000-4000-8000-000000000002")
    for n, (source, data) in enumerate(
        [
            ("urn:stranger", body),
            ("urn:tallystick:deletion:executor", b"{}"),
            ("urn:tallystick:deletion:executor", other),
        ]
    ):
        log.append(Event(type="tallystick.deletion.executed.v1", source=source, id=f"{n}", data=data))

    assert len(read_history(log, REQUEST).executed) == 3


def test_two_runs_at_once_record_one_attempt() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, draft(b=NotApplicable("x"), c=NotApplicable("x")))

    class Slow(FakeStore):
        """Deletes, and then loses the race to a second run that started after it."""

        def delete(self, place: Place, values: Sequence[str]) -> Deleted:
            deleted = super().delete(place, values)
            assert len(run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)) == 1
            return deleted

    facts = run.execute(log, REQUEST, {"warehouse": Slow(rows={"a": 9})}, SUBJECT, clock=clock)

    assert facts == []
    assert [step.fact.rows for step in read_history(log, REQUEST).executed] == [3]


def test_an_id_that_something_else_has_taken_is_a_conflict() -> None:
    log = requested()
    run.record_plan(log, draft())
    taken = f"{REQUEST}/executor/1/t1/1"
    log.append(Event(type="a.b.v1", source="urn:tallystick:deletion:executor", id=taken, data=b"{}"))

    with pytest.raises(ConflictError):
        run.execute(log, REQUEST, {"warehouse": store_with(a=1)}, SUBJECT, clock=clock)


def project(log: FakeLog, count: int | None = None) -> sqlite_utils.Database:
    db = sqlite_utils.Database(memory=True)
    projection = DeletionProjection()
    projection.create(db)
    for record in log.records[:count]:
        if record.type in projection.types:
            projection.apply(db, record)
    return db


def test_a_request_walks_through_its_states() -> None:
    log = requested()
    certified(log, store_with(a=3, b=1, c=2))

    walked = [standings(project(log, count))[0].state for count in range(1, len(log.records) + 1)]

    assert walked == [
        "requested",
        "planned",
        "executing",
        "executing",
        "executed",
        "verifying",
        "verifying",
        "verified",
        "certified",
    ]


def test_a_standing_counts_and_names_the_last_outcome() -> None:
    log = requested()
    certified(log, replace(store_with(a=3, b=1, c=2), keeps={"b"}))

    standing = standings(project(log))[0]

    assert (standing.targets, standing.done, standing.absent) == (3, 3, 2)
    assert (standing.outcome, standing.level, standing.due) == ("partial", "L1", "2026-11-23T09:15:00.000000Z")


def test_an_attempt_that_nobody_looked_at_yet_unsettles_a_standing() -> None:
    log, store = requested(), replace(store_with(a=3, b=1, c=2), fails={"a": RefusedError("no")})
    certified(log, store)
    store.fails.clear()
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    before = standings(project(log))[0]
    verifiers = {"warehouse": FakeVerifier(store)}

    verify.verify(log, REQUEST, verifiers, SUBJECT, clock=clock)

    after = standings(project(log))[0]
    assert [(standing.done, standing.absent) for standing in (before, after)] == [(3, 2), (3, 3)]


def test_a_late_word_about_an_earlier_attempt_settles_nothing() -> None:
    log, store = requested(), store_with(a=3, b=1, c=2)
    run.record_plan(log, run.survey(draft(), {"warehouse": FakeVerifier(store)}, SUBJECT))
    failing = replace(store, fails={"a": RefusedError("no")})
    run.execute(log, REQUEST, {"warehouse": failing}, SUBJECT, clock=clock)
    first = read_history(log, REQUEST).executed[0]
    run.execute(log, REQUEST, {"warehouse": store}, SUBJECT, clock=clock)
    said = Verified(
        request=REQUEST,
        plan=first.fact.plan,
        target="t1",
        dataset=first.fact.dataset,
        attempt=9,
        executed=first.seq,
        verifier=Component(name="late", version="1"),
        at=RECEIVED,
        control="before_count",
        result="absent",
    )

    log.append(said.event("verifier/late"))

    assert standings(project(log))[0].absent == 0
    assert verify.verify(log, REQUEST, {"warehouse": FakeVerifier(store)}, SUBJECT, clock=clock) != []


def test_a_standing_keeps_the_time_of_the_first_certificate_and_the_words_of_the_last() -> None:
    log = requested()
    moments = iter([clock(), clock() + timedelta(days=1), clock() + timedelta(days=2)])
    issued = []
    for planned in (draft(), draft(b=None), draft(c=None)):
        run.record_plan(log, planned)
        issued.append(certificate.issue(log, REQUEST, clock=lambda: next(moments)))

    standing = standings(project(log))[0]

    assert standing.issued == "2026-11-20T12:00:00.000000Z"
    assert [one.supersedes for one in issued] == [None, issued[0].certificate, issued[1].certificate]


def test_a_refused_request_stands_as_refused() -> None:
    log = requested()
    certificate.issue_refusal(log, REQUEST, "art17.3.e", clock=clock)

    assert standings(project(log))[0].state == "refused"


def test_overdue_is_derived_from_the_readers_clock() -> None:
    log = requested()
    late = datetime(2026, 11, 23, 9, 15, 0, 1, tzinfo=UTC)

    assert [standing.request for standing in overdue(project(log), clock=lambda: late)] == [REQUEST]
    assert overdue(project(log), clock=lambda: late - timedelta(microseconds=1)) == []


def test_whoever_has_a_certificate_is_never_overdue() -> None:
    log = requested()
    certificate.issue_refusal(log, REQUEST, "art17.3.e", clock=clock)

    assert overdue(project(log), clock=lambda: clock() + timedelta(days=99)) == []


def test_I19_a_replay_of_the_deletions_gives_the_same_bytes() -> None:
    log = requested()
    certified(log, store_with(a=3, b=1, c=2))

    assert list(project(log).iterdump()) == list(project(log).iterdump())


@pytest.mark.parametrize("body", [None, b"", b"null", b"{}", b'{"request":5}', b"\xff"])
def test_a_body_that_is_gone_or_broken_moves_nothing(body: bytes | None) -> None:
    log = requested()
    log.records += [
        ledger_record.Record(
            seq=99,
            at="",
            id=type,
            source=f"urn:tallystick:deletion:{role}",
            type=type,
            streams={},
            header=b"",
            body=body,
        )
        for type, role in [
            ("tallystick.deletion.requested.v1", "x"),
            ("tallystick.deletion.planned.v1", "planner"),
            ("tallystick.deletion.executed.v1", "executor"),
            ("tallystick.deletion.verified.v1", "verifier"),
            ("tallystick.deletion.certified.v1", "certifier"),
        ]
    ]

    history: History = read_history(log, REQUEST)

    assert [standing.state for standing in standings(project(log))] == ["requested"]
    assert (history.plans, history.executed, history.verified) == ((), (), ())
    assert certificate.read_certificates(history) == []


def test_a_request_beyond_the_calendar_stops_no_projection() -> None:
    log = FakeLog()
    asked = REQUESTED.model_copy(update={"received": "9999-12-31T23:59:59.999999Z"})
    log.append(asked.event(person="person:00", source="urn:desk"))

    assert standings(project(log)) == []


def test_a_request_of_another_type_of_body_is_no_request() -> None:
    log: Any = FakeLog()
    log.append(Event(type="tallystick.deletion.requested.v1", source="s", id="1", data=b'{"v":1}'))

    with pytest.raises(MissingError):
        _ = read_history(log, REQUEST).opening
