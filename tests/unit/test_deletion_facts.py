"""The bodies of deletion events: read as strictly as they are written, and silent about persons."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lineage.deletion.deadline import certificate_due, statutory_due
from lineage.deletion.facts import Executed, Planned, Target
from lineage.deletion.request import DeletionRequest, new_request, read_request, read_subject
from proofs.errors import MalformedError, RefusedError, TallyError
from proofs.statement import Node

REQUEST = "0b9d0c5e-0000-4000-8000-000000000001"
AT = "2026-11-20T09:15:00.000000Z"
SECRET = "7700123"


def request_of(*identities: Any, **changes: Any) -> DeletionRequest:
    given: dict[str, Any] = {"regulation": "gdpr", "received": AT, "request": REQUEST} | changes
    return new_request(identities or [("household", SECRET)], **given)


def executed(**changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "request": REQUEST,
        "plan": 7,
        "target": "t1",
        "dataset": {"namespace": "db", "name": "a"},
        "attempt": 1,
        "executor": {"name": "duckdb-executor", "version": "2.0.0"},
        "started": AT,
        "finished": AT,
        "outcome": "done",
        "rows": 3,
        "residuals": [{"where": "backup:weekly", "reason": "rotation", "expires": "2026-12-20"}],
    } | changes


def printed(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_request_seals_its_subject_and_nothing_else() -> None:
    request = request_of(datasets=[Node("dataset", "db", "households")])

    event = request.event(person="person:00", source="urn:example:desk")

    assert event.type == "tallystick.deletion.requested.v1"
    assert (event.parts, event.person, event.id) == (("/subject",), "person:00", f"{REQUEST}/requested")
    assert json.loads(event.data) == {
        "channel": "api",
        "datasets": [{"name": "households", "namespace": "db"}],
        "received": AT,
        "regulation": "gdpr",
        "request": REQUEST,
        "subject": {"identities": [{"type": "household", "value": SECRET}]},
        "v": 1,
    }


def test_a_stored_request_is_read_back_without_its_subject() -> None:
    request = request_of()
    body = json.loads(request.event(person="p", source="s").data) | {"subject": None}

    assert read_request(printed(body)) == request.model_copy(update={"subject": None})


def test_an_opened_part_is_the_person_again() -> None:
    part = b'{"identities":[{"type":"email","value":"a@b"},{"type":"household","value":"1"},{"type":"email","value":"a@b"}]}'

    assert read_subject(part).values("email") == ("a@b",)
    assert read_subject(part).values("phone") == ()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: request_of(regulation="dsgvo"), "regulation is none of gdpr, ccpa, other"),
        (lambda: request_of(received="today"), "deletion request is not acceptable at received"),
        (lambda: request_of(received="2026-02-30T09:15:00.000000Z"), "deletion request is not acceptable at received"),
        (lambda: request_of(request=REQUEST.upper()), "deletion request is not acceptable at request"),
        (lambda: request_of(channel=f"of {SECRET}"), "deletion request is not acceptable at channel"),
        (lambda: request_of(("household", "")), "deletion request is not acceptable at subject.identities.0.value"),
        (
            lambda: request_of(("household", SECRET * 200)),
            "deletion request is not acceptable at subject.identities.0.value",
        ),
        (
            lambda: request_of(("household", SECRET), (SECRET + " ", "x")),
            "deletion request is not acceptable at subject.identities.1.type",
        ),
        (lambda: request_of(*[("a", SECRET)] * 65), "deletion request is not acceptable at subject.identities"),
        (
            lambda: request_of().event(person="p", source=SECRET * 100),
            "source of 700 characters is not acceptable to an entry",
        ),
        (lambda: read_subject(b"null"), "the opened part is not a subject, at its top"),
        (
            lambda: read_subject(b'{"identities":[{"type":"a","value":7700123}]}'),
            "the opened part is not a subject, at identities.0.value",
        ),
        (
            lambda: read_subject(b'{"identities":[{"type":"a","value":"x","7700123":"x"}]}'),
            "the opened part is not a subject, at identities.0.…",
        ),
        (lambda: read_subject(b'{"7700123":1,"7700123":1}'), "the opened part is not a subject, at its top"),
        (
            lambda: read_request(b'{"request":"7700123"}'),
            "body of tallystick.deletion.requested.v1 is wrong at request",
        ),
        (
            lambda: request_of().model_copy(update={"subject": None}).event(person="p", source="s"),
            f"request {REQUEST} names no subject",
        ),
    ],
)
def test_no_error_tells_what_is_personal(work: Callable[[], object], message: str) -> None:
    with pytest.raises(TallyError) as caught:
        work()

    assert str(caught.value) == message
    # A cause or a context would be printed, too, and pydantic's quotes what it could not read.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_no_repr_tells_what_is_personal() -> None:
    request = request_of()

    shown = repr(request) + repr(request.subject) + str(request) + repr(request.event(person="p", source="s"))

    assert SECRET not in shown


def test_a_fact_is_read_back_as_it_was_printed() -> None:
    body = printed(executed())

    fact = Executed.read(body)

    assert fact.body() == body
    assert (fact.rows, fact.residuals[0].expires) == (3, "2026-12-20")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"v": 2}, "v"),
        ({"rows": -1}, "rows"),
        ({"rows": "3"}, "rows"),
        ({"rows": True}, "rows"),
        ({"outcome": "erased"}, "outcome"),
        ({"target": "t 1"}, "target"),
        ({"target": ""}, "target"),
        ({"code": "a sentence about somebody"}, "code"),
        ({"started": "2026-11-20"}, "started"),
        ({"request": "1"}, "request"),
        ({"dataset": {"namespace": "db", "name": ""}}, "dataset.name"),
        ({"residuals": [{"where": "a", "reason": "b", "expires": "20261220"}]}, "residuals.0.expires"),
        ({"more": 1}, "…"),
    ],
)
def test_a_body_that_is_not_exactly_a_fact_is_malformed(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Executed.read(printed(executed(**changes)))

    assert str(caught.value) == f"body of tallystick.deletion.executed.v1 is wrong at {place}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"v":1, "request":1}',
        printed(executed()) + b"\n",
        printed(executed()).replace(b'"rows":3', b'"rows":3,"rows":3'),
        # A default that is written out, and an empty list that is left away, are other spellings of one fact.
        printed({name: value for name, value in executed().items() if name != "rows"}),
        printed({name: value for name, value in executed().items() if name != "residuals"}),
    ],
)
def test_a_second_spelling_of_a_fact_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        Executed.read(body)


PLACE = {"store": "warehouse", "table": ["t"], "column": "id", "identity": "household"}


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "delete", "place": None},
        {"action": "delete", "reason": "aggregate"},
        {"action": "retain", "reason": "art17.3.b"},
        {"action": "retain", "place": None},
        {"action": "unresolved", "place": None, "reason": None},
    ],
)
def test_a_target_is_deleted_at_a_place_or_has_a_reason(changes: dict[str, Any]) -> None:
    target = {"id": "t1", "dataset": {"namespace": "db", "name": "a"}, "place": PLACE} | changes

    with pytest.raises(ValueError, match="a target that is deleted has a place, any other a reason"):
        Target.model_validate_json(printed(target))


def test_each_kind_of_fact_has_its_own_source() -> None:
    assert Planned.role != Executed.role


@pytest.mark.parametrize(
    ("received", "certificate"),
    [
        ("2026-11-20T09:15:00.000000Z", "2026-11-23T09:15:00.000000Z"),
        ("2028-02-27T12:00:00.000001Z", "2028-03-01T12:00:00.000001Z"),
    ],
)
def test_a_certificate_is_due_after_72_hours(received: str, certificate: str) -> None:
    assert certificate_due(received) == certificate


@pytest.mark.parametrize(
    ("regulation", "received", "due"),
    [
        ("gdpr", "2026-11-20T09:15:00.000000Z", "2026-12-20T09:15:00.000000Z"),
        ("gdpr", "2027-01-31T00:00:00.000000Z", "2027-02-28T00:00:00.000000Z"),
        ("gdpr", "2026-12-31T00:00:00.000000Z", "2027-01-31T00:00:00.000000Z"),
        ("ccpa", "2026-11-20T09:15:00.000000Z", "2027-01-04T09:15:00.000000Z"),
        ("other", "2026-11-20T09:15:00.000000Z", None),
    ],
)
def test_the_law_of_the_request_says_by_when(regulation: str, received: str, due: str | None) -> None:
    assert statutory_due(regulation, received) == due


def test_a_request_without_identities_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"at subject\.identities"):
        new_request([], regulation="gdpr", received=AT)
