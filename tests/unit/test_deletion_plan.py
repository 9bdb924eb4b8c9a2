"""The plan: every dataset that lineage or a contract knows is a target, and what only one side knows is a finding."""

from __future__ import annotations

from typing import Any

import pytest

from lineage.deletion.facts import Place, Planned, Residual
from lineage.deletion.plan import Delete, Disposition, Lineage, NotApplicable, Retain, make_plan
from proofs.edges import closure_hash
from proofs.errors import RefusedError
from proofs.statement import Node

REQUEST = "0b9d0c5e-0000-4000-8000-000000000001"
AT = "2026-11-20T09:15:00.000000Z"
A, B, C, D = (Node("dataset", "db", name) for name in "abcd")
JOB = Node("job", "n", "j")
PLACE = Place(store="warehouse", table=("t",), column="id", identity="household")


def plan(**changes: Any) -> Planned:
    given: dict[str, Any] = {
        "seeds": [A],
        "declared": [B, C],
        "dispositions": {A: Delete(PLACE), B: Delete(PLACE), C: Delete(PLACE)},
        "at": AT,
    }
    closure = changes.pop("closure", {A: 0, JOB: 0, B: 1, C: 2})
    lineage = Lineage(size=9, root="0" * 64, closure=closure, findings=changes.pop("findings", {}))
    return make_plan(REQUEST, lineage, **given | changes)


def test_targets_stand_upstream_first_and_jobs_are_none() -> None:
    planned = plan()

    assert [(target.id, target.dataset.name, target.action) for target in planned.targets] == [
        ("t1", "a", "delete"),
        ("t2", "b", "delete"),
        ("t3", "c", "delete"),
    ]


def test_a_plan_says_up_to_where_lineage_was_read_and_what_it_reached() -> None:
    planned = plan()

    assert (planned.lineage.size, planned.lineage.root) == (9, "0" * 64)
    assert (planned.closure.count, planned.closure.hash) == (3, closure_hash([A, B, C]))
    assert [seed.name for seed in planned.seeds] == ["a"]


def test_what_only_a_contract_knows_is_a_target_and_a_finding() -> None:
    planned = plan(declared=[B, C, D])

    assert [dataset.name for dataset in planned.only_in_contract] == ["d"]
    assert [target.dataset.name for target in planned.targets] == ["a", "b", "c", "d"]


def test_what_only_lineage_knows_is_a_target_and_a_finding() -> None:
    planned = plan(declared=[B])

    assert [dataset.name for dataset in planned.only_in_lineage] == ["c"]
    assert [target.dataset.name for target in planned.targets] == ["a", "b", "c"]


def test_both_sides_in_agreement_leave_no_finding() -> None:
    planned = plan()

    assert (planned.only_in_contract, planned.only_in_lineage) == ((), ())


@pytest.mark.parametrize(
    ("disposition", "action", "reason"),
    [
        (Retain("art17.3.b"), "retain", "art17.3.b"),
        (NotApplicable("aggregate"), "not_applicable", "aggregate"),
        (None, "unresolved", "no-disposition"),
    ],
)
def test_a_target_that_is_not_deleted_says_why(disposition: Disposition | None, action: str, reason: str) -> None:
    known: dict[Node, Disposition] = {A: Delete(PLACE), B: Delete(PLACE)}
    planned = plan(dispositions=known | ({C: disposition} if disposition else {}))

    assert (planned.targets[2].action, planned.targets[2].reason, planned.targets[2].place) == (action, reason, None)


def test_residuals_that_are_known_beforehand_stand_in_the_plan() -> None:
    backup = Residual(where="backup:weekly", reason="rotation", expires="2026-12-20")

    assert plan(dispositions={A: Delete(PLACE, (backup,))}).targets[0].residuals == (backup,)


def test_dirt_in_the_lineage_is_said() -> None:
    planned = plan(findings={"bad-facet": 2, "bad-dataset": 1})

    assert [(finding.code, finding.events) for finding in planned.findings] == [("bad-dataset", 1), ("bad-facet", 2)]


def test_a_seed_that_nobody_recorded_is_still_a_target() -> None:
    planned = plan(closure={A: 0}, declared=[])

    assert [target.dataset.name for target in planned.targets] == ["a"]


def test_the_order_of_what_comes_in_does_not_matter() -> None:
    assert plan(closure={C: 2, B: 1, A: 0, JOB: 0}, declared=[C, B]) == plan()


def test_a_plan_is_read_back_as_it_was_printed() -> None:
    planned = plan(declared=[D])

    assert Planned.read(planned.body()) == planned


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, f"plan for request {REQUEST} has no dataset to begin with"),
        ({"seeds": [JOB]}, f"plan for request {REQUEST} names a job, expected datasets"),
        ({"declared": [JOB]}, f"plan for request {REQUEST} names a job, expected datasets"),
        ({"seeds": [A, D]}, "the closure does not begin at dataset:db|d"),
        ({"seeds": [B]}, "the closure does not begin at dataset:db|b"),
        ({"dispositions": {A: Retain("because she asked")}}, "plan for a deletion is not acceptable at reason"),
        ({"at": "now"}, "plan for a deletion is not acceptable at at"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        plan(**changes)

    assert str(caught.value) == message
