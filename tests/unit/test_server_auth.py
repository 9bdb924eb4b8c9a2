"""Who may what: scopes, roles, settings, rates and the table from error to status, each as a pure question."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.event import Event
from proofs import errors
from proofs.errors import RefusedError, TallyError
from server import errors as http
from server.auth import Principal, bearer, check_role, check_write, is_within
from server.errors import STATUS, ForbiddenError, RateError, UnauthenticatedError, headers_of, problem, status_of
from server.ratelimit import RateLimit
from server.settings import Settings, is_loopback


@pytest.mark.parametrize(
    ("name", "scope", "within"),
    [
        ("urn:team-a", "urn:team-a", True),
        ("urn:team-a:jobs", "urn:team-a", True),
        ("urn:team-a/jobs", "urn:team-a", True),
        ("urn:team-abc", "urn:team-a", False),
        ("urn:team-abc", "urn:team-", True),
        ("urn:team", "urn:team-a", False),
        ("crm.eu", "crm", True),
        ("crmx", "crm", False),
        ("postgres://h:5432", "postgres://h", True),
        ("postgres://host", "postgres://h", False),
        ("", "a", False),
    ],
)
def test_a_scope_is_a_prefix_that_ends_where_a_step_ends(name: str, scope: str, within: bool) -> None:
    assert is_within(name, [scope]) is within


def thing(namespace: str, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": "n", **more}


RUN, JOB, DATASET = (f"tallystick.lineage.{kind}-observed.v1" for kind in ("run", "job", "dataset"))
ENTRIES = {"lineage": {"entries": [thing("x", type="DATASET", inputs=[thing("y", type="DATASET")])]}}


@pytest.mark.parametrize(
    ("type", "data", "allowed"),
    [
        (RUN, {"run": {}, "job": thing("crm"), "inputs": [thing("x")], "outputs": [thing("x")]}, True),
        (RUN, {"run": {}, "job": thing("x"), "inputs": [thing("crm")]}, False),
        (RUN, {"run": {}, "job": thing("crm"), "dataset": thing("x")}, False),
        (RUN, {"run": {}, "job": {"namespace": "crm"}}, False),
        (RUN, {"run": {}, "job": thing("crm", name='"')}, False),
        (JOB, {"job": thing("crm", facets=ENTRIES)}, True),
        (JOB, {"job": thing("crm", facets={"lineage": {"entries": [thing("x", type="JOB")]}})}, False),
        (DATASET, {"dataset": thing("crm")}, True),
        (DATASET, {"job": thing("crm"), "dataset": thing("x")}, False),
        (DATASET, {"job": thing("x"), "dataset": thing("crm")}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm")}, True),
        ("tallystick.slo.measured.v1", {"datasets": [thing("crm"), thing("x")]}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm"), "datasets": {"a": thing("x")}}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm"), "targets": {"a": {"dataset": thing("x")}}}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm"), "targets": [{"dataset": thing("x")}]}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm"), "job": thing("x")}, False),
        ("tallystick.slo.measured.v1", {"dataset": thing("crm"), "request": "of-another"}, False),
        ("tallystick.contract.retired.v1", {"dataset": thing("crm"), "contract": {"name": "of-another"}}, False),
        ("tallystick.contract.retired.v1", {"dataset": thing("crm"), "contract": {"name": "crm-rows"}}, True),
        ("tallystick.contract.retired.v1", {"contract": {"name": "crm-rows"}}, True),
        ("tallystick.schema.deleted.v1", {"dataset": thing("crm"), "schema": {"subject": "of-another"}}, False),
        ("org.example.v1", {"dataset": thing("crm")}, False),
        ("org.example.v1", 7, False),
    ],
)
def test_a_credential_of_a_namespace_writes_about_it_alone(type: str, data: Any, allowed: bool) -> None:
    principal = Principal("token:x", frozenset(["emitter"]), namespaces=("crm", "contract:crm-"))
    event = Event(type=type, source="urn:a", data=json.dumps(data).encode())

    if allowed:
        check_write(principal, event)
    else:
        with pytest.raises(ForbiddenError):
            check_write(principal, event)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"run": {}, "job": thing("crm")}, ("/job",)),  # nothing is left that it would be filed under
        ({"run": {}, "job": thing("crm")}, ("/job/name",)),
        # Filed as a job's while it is read, and as a dataset's once its type is cut out.
        ({"dataset": thing("crm", facets={"lineage": {"inputs": [thing("x", type="JOB")]}})},
         ("/dataset/facets/lineage/inputs/0/type",)),
        ({"run": {}, "job": thing("x")}, ("/job",)),
    ],
)  # fmt: skip
def test_what_is_cut_out_of_an_event_hides_nothing_from_the_check_of_its_scope(
    data: Any, parts: tuple[str, ...]
) -> None:
    principal = Principal("token:x", frozenset(["emitter"]), namespaces=("crm",))

    for type in (RUN, DATASET):
        with pytest.raises(RefusedError):  # forbidden, or not to be sealed at all
            check_write(principal, Event(type=type, source="urn:a", data=json.dumps(data).encode(), parts=parts))


def test_a_scope_that_is_called_as_a_kind_of_stream_grants_no_stream_of_it() -> None:
    event = Event(type="tallystick.contract.retired.v1", source="urn:a", data=b'{"contract":{"name":"x"}}')

    with pytest.raises(ForbiddenError):
        check_write(Principal("token:x", frozenset(["emitter"]), namespaces=("contract",)), event)
    check_write(Principal("token:x", frozenset(["emitter"]), namespaces=("contract:",)), event)


@pytest.mark.parametrize(
    "type",
    ["tallystick.deletion.requested.v1", "tallystick.deletion.certified.v1", "tallystick.subject.erased.v1",
     "tallystick.source.access-granted.v1", "tallystick.contract.consumer-told.v1",
     "tallystick.ledger.closed.v1"],
)  # fmt: skip
def test_what_is_said_of_persons_and_of_the_log_itself_needs_more_than_an_emitter(type: str) -> None:
    event = Event(type=type, source="urn:a", data=b'{"request":"r"}')

    with pytest.raises(ForbiddenError, match="needs the role compliance"):
        check_write(Principal("token:x", frozenset(["emitter"])), event)
    check_write(Principal("token:x", frozenset(["emitter", "compliance"])), event)
    check_write(Principal("token:x", frozenset(["admin"])), event)


@pytest.mark.parametrize(
    ("streams", "seen"),
    [
        (["dataset:crm|t", "source:x"], True),
        (["job:crm.eu|t"], True),
        (["dataset:x|t", "job:y|t"], False),
        (["source:crm", "type:crm"], False),
        (["dataset:crm"], False),
        (["dataset:sha256:00"], False),
        (["dataset:a%7Cb|t"], False),
        (["contract:crm-rows"], False),
        ([], False),
    ],
)
def test_a_credential_of_a_namespace_sees_its_entries_alone(streams: list[str], seen: bool) -> None:
    assert Principal("token:x", frozenset(["reader"]), namespaces=("crm",)).sees(streams) is seen
    assert Principal("token:x", frozenset(["reader"])).sees(streams)


def test_an_escaped_namespace_is_compared_as_it_was_received() -> None:
    assert Principal("token:x", frozenset(), namespaces=("a|b%",)).sees(["job:a%7Cb%25|t"])


def test_an_admin_has_every_role_and_nobody_else_another() -> None:
    check_role(Principal("a", frozenset(["admin"])), frozenset(["compliance"]))
    with pytest.raises(ForbiddenError, match="needs the role compliance"):
        check_role(Principal("a", frozenset(["reader", "emitter"])), frozenset(["compliance"]))


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer  ", "", "token"])
def test_an_authorization_of_another_kind_is_refused(header: str) -> None:
    with pytest.raises(UnauthenticatedError):
        bearer({"authorization": header})
    assert bearer({}) is None
    assert bearer({"authorization": "bearer abc"}) == "abc"


def test_a_credential_has_its_rate_and_twice_that_at_once() -> None:
    now = 0.0
    limit = RateLimit(2, clock=lambda: now)
    for _ in range(4):
        limit.take("a")
    with pytest.raises(RateError) as caught:
        limit.take("a")
    limit.take("b")
    now = 0.5
    limit.take("a")
    with pytest.raises(RateError):
        limit.take("a")

    assert headers_of(caught.value) == {"retry-after": "1"}


def test_every_error_has_a_status_and_every_status_a_problem() -> None:
    kinds = [
        kind
        for module in (errors, http)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, TallyError) and kind is not TallyError and kind.__module__ == module.__name__
    ]

    assert set(kinds) <= set(STATUS)
    for kind in kinds:
        error = kind("what", 2.5) if kind is RateError else kind("what", hint="do this")
        said = problem(error)
        assert said["status"] == status_of(error) == STATUS[kind]
        assert said["type"] == f"urn:tallystick:{kind.code}"
        assert ("retry-after" in headers_of(error)) == (STATUS[kind] in (429, 503) or kind.code == "not-yet-signed")


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("example.org", False), ("localhost.example.org", False), ("", False)],
)  # fmt: skip
def test_open_is_refused_wherever_others_can_come(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
    if answer:
        assert Settings.of(ledger="sqlite:///a.db", host=host, open_on_loopback=True).open_on_loopback
    else:
        with pytest.raises(RefusedError, match="whoever reaches it would be an admin"):
            Settings.of(ledger="sqlite:///a.db", host=host, open_on_loopback=True)


@pytest.mark.parametrize(
    "values",
    [
        {"port": 70_000},
        {"workers": 0},
        {"tls_cert": "a.pem"},
        {"rate": -1},
        {"checkpoint_every": float("nan")},
        {"nothing": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        Settings.of(ledger="sqlite:///a.db", **values)


def test_settings_reach_a_worker_whole_and_hold_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a passphrase\n")
    settings = Settings.of(ledger="sqlite:///a.db", passphrase_file=tmp_path / "secret", rate=5)
    environment: dict[str, str] = {}
    settings.to_environment(environment)

    assert Settings.from_environment(environment) == settings
    assert "a passphrase" not in environment["TALLY_SERVER"]
    assert settings.passphrase() == b"a passphrase"


def test_a_passphrase_file_that_does_not_end_is_refused() -> None:
    settings = Settings.of(ledger="sqlite:///a.db", passphrase_file=Path("/dev/zero"))

    with pytest.raises(RefusedError, match=r"^the passphrase file has more than 65536 bytes$"):
        settings.passphrase()


def test_where_credentials_cannot_be_followed_no_token_is_let_in_for_long() -> None:
    import asyncio
    from time import monotonic

    from server.metrics import Metrics
    from server.service import Service

    service = Service(Settings.of(ledger="sqlite:///a.db"), metrics=Metrics(), journal=lambda *_, **__: None)
    service._followed = monotonic() - 61

    with pytest.raises(http.OverloadedError, match="no credential could be looked up for 60 seconds"):
        asyncio.run(service.identify("tally_0123456789abcdef_" + "x" * 43))
    with pytest.raises(UnauthenticatedError, match="no credential was given"):
        asyncio.run(service.identify(None))


def test_only_compliance_speaks_as_a_component_of_deletions() -> None:
    event = Event(type="org.example.v1", source="urn:tallystick:deletion:planner", id="request/planned/1", data=b"{}")

    with pytest.raises(ForbiddenError, match="this needs the role compliance"):
        check_write(Principal("token:1", frozenset(("emitter",))), event)
    check_write(Principal("token:2", frozenset(("emitter", "compliance"))), event)


@pytest.mark.parametrize("source", ["ledger.example/o/check", "ledger.example/o/stream", "tallystick/contracts"])
def test_only_compliance_speaks_as_a_program_beside_the_log(source: str) -> None:
    event = Event(type="org.example.v1", source=source, data=b"{}")

    with pytest.raises(ForbiddenError, match="this needs the role compliance"):
        check_write(Principal("token:1", frozenset(("emitter",))), event, origin="ledger.example/o")
    check_write(Principal("token:2", frozenset(("emitter", "compliance"))), event, origin="ledger.example/o")
    beside = Event(type="org.example.v1", source="ledger.example/other", data=b"{}")
    check_write(Principal("token:1", frozenset(("emitter",))), beside, origin="ledger.example/o")


@pytest.mark.parametrize("part", ["window", "table"])
def test_only_compliance_says_where_a_stream_goes_on_and_what_a_table_may_go_back_to(part: str) -> None:
    body = json.dumps({"batch": {"rows": 1, part: {}}}).encode()
    event = Event(type="tallystick.validation.decided.v1", source="urn:a", data=body)

    with pytest.raises(ForbiddenError, match="this needs the role compliance"):
        check_write(Principal("token:1", frozenset(("emitter",))), event)
    check_write(Principal("token:2", frozenset(("emitter", "compliance"))), event)
    check_write(
        Principal("token:1", frozenset(("emitter",))), Event(type=event.type, source="urn:a", data=b'{"batch":{}}')
    )
