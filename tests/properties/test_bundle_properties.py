"""Whatever the log and the question: an honest answer is verified, one entry less or more is not, and nothing raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proofs.report import STATUS, to_json, to_text
from proofs.view import verify_bundle

SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

# The fact, and the requests that it is filed under; a second may hold several events.
EVENTS = st.lists(
    st.tuples(st.sampled_from(["requested", "planned"]), st.sampled_from("abc"), st.integers(0, 2)), max_size=12
)
BOUNDS = st.one_of(st.none(), st.integers(0, 26))


def log(issuer: ModuleType, events: list[tuple[str, str, int]]) -> Any:
    ledger = issuer.Ledger()
    ledger.create()
    seconds = 2
    for fact, request, pause in events:
        seconds += pause
        body = {"request": request}
        ledger.append(f"tallystick.deletion.{fact}.v1", body, f"request:{request}", at=issuer.at(seconds))
    ledger.take_census(at=issuer.at(seconds + 1))
    return ledger


def question(issuer: ModuleType, windows: dict[str, tuple[int | None, int | None]]) -> Any:
    streams = []
    for name, bounds in sorted(windows.items()):
        start, stop = (None if bound is None else issuer.at(bound) for bound in bounds)
        if start is None or stop is None or start < stop:
            streams.append((name, start, stop))
    return issuer.Question(streams or [("request:a", None, None)])


WINDOWS = st.dictionaries(
    st.sampled_from(["request:a", "request:b", "type:tallystick.deletion.planned.v1", "source:/pipelines"]),
    st.tuples(BOUNDS, BOUNDS),
    max_size=3,
)


@given(events=EVENTS, windows=WINDOWS)
@SETTINGS
def test_I13_an_honest_answer_is_complete(events: Any, windows: Any, issuer: ModuleType) -> None:
    ledger = log(issuer, events)
    asked = question(issuer, windows)

    verdict = verify_bundle(issuer.issue(ledger, asked), trust=ledger.trust())

    assert verdict.word == "verified", verdict.failure
    for (name, start, stop), stream in zip(asked.streams, verdict.streams, strict=True):
        times = [
            header["at"] for header in ledger.stream(name) if header["type"] != "tallystick.ledger.census-taken.v1"
        ]
        inside = [at for at in times if (start is None or at >= start) and (stop is None or at < stop)]
        assert (stream.name, stream.count, stream.listed) == (name, len(times), len(inside))


@given(events=EVENTS, windows=WINDOWS, data=st.data())
@SETTINGS
def test_I16_an_answer_with_one_entry_less_is_refused(events: Any, windows: Any, data: Any, issuer: ModuleType) -> None:
    ledger = log(issuer, events)
    asked = question(issuer, windows)
    dropped = data.draw(st.sampled_from(sorted(issuer.select(ledger, asked))))

    verdict = verify_bundle(
        issuer.issue(ledger, asked, issuer.Lies(select=lambda seqs: seqs.discard(dropped))), trust=ledger.trust()
    )

    assert verdict.word in ("incomplete", "tampered")


@given(events=EVENTS, windows=WINDOWS, data=st.data())
@SETTINGS
def test_I16_an_answer_with_one_entry_more_is_refused(events: Any, windows: Any, data: Any, issuer: ModuleType) -> None:
    ledger = log(issuer, events)
    asked = question(issuer, windows)
    unasked = set(range(len(ledger.entries))) - issuer.select(ledger, asked)
    added = data.draw(st.sampled_from(sorted(unasked))) if unasked else None
    lies = issuer.Lies(select=lambda seqs: seqs.add(added)) if unasked else None

    verdict = verify_bundle(issuer.issue(ledger, asked, lies), trust=ledger.trust())

    assert verdict.word == ("tampered" if unasked else "verified")


JSON = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8), st.sampled_from(["ab" * 32, "v", "seq"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, put: Callable[[Any], None]) -> list[Callable[[Any], None]]:
    """A setter for every place in a document, the whole of it included."""
    found = [put]
    if isinstance(value, dict):
        for name, inner in value.items():
            found += places(inner, lambda new, value=value, name=name: value.__setitem__(name, new))  # type: ignore[misc]
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            found += places(inner, lambda new, value=value, at=at: value.__setitem__(at, new))  # type: ignore[misc]
    return found


@pytest.mark.parametrize("name", ["scope", "consistency", "keys", "census", "proofs", "bodies", "parts"])
@given(data=st.data(), replacement=JSON)
@SETTINGS
def test_a_document_with_anything_in_any_place_is_judged_and_nothing_raises(
    name: str, data: Any, replacement: Any, issuer: ModuleType
) -> None:
    ledger, asked = issuer.churn()

    def put_somewhere(documents: Any) -> None:
        holder = {name: getattr(documents, name)}
        before = json.dumps(holder[name])
        setters = places(holder[name], lambda new: holder.__setitem__(name, new))
        data.draw(st.sampled_from(setters))(replacement)
        is_lines = name in ("bodies", "parts")
        setattr(documents, name, holder[name] if not is_lines or isinstance(holder[name], list) else [holder[name]])
        changed.append(json.dumps(holder[name]) != before)

    changed: list[bool] = []
    verdict = verify_bundle(issuer.issue(ledger, asked, issuer.Lies(documents=put_somewhere)), trust=ledger.trust())

    assert verdict.status == STATUS[verdict.word]
    assert verdict.failure is None or verdict.failure.where
    assert to_json(verdict)
    assert to_text(verdict)
    if verdict.word == "verified":
        # Nothing changed, or only who asked.
        assert name == "scope" or changed == [False]


@pytest.mark.parametrize("seq", [0, 1, 12])
@given(data=st.data(), replacement=JSON)
@SETTINGS
def test_a_body_of_the_ledger_with_anything_in_any_place_is_judged_and_nothing_raises(
    seq: int, data: Any, replacement: Any, issuer: ModuleType
) -> None:
    ledger, asked = issuer.churn()
    salt, body = ledger.bodies[seq]
    holder = {"body": json.loads(body)}
    setters = places(holder["body"], lambda new: holder.__setitem__("body", new))
    data.draw(st.sampled_from(setters))(replacement)
    ledger.bodies[seq] = (salt, issuer.dump(holder["body"]))

    verdict = verify_bundle(issuer.issue(ledger, asked), trust=ledger.trust())

    assert (verdict.word == "verified") == (ledger.bodies[seq] == (salt, body))
    assert verdict.failure is None or verdict.failure.where


HEADER = st.dictionaries(
    st.sampled_from(["seq", "prev", "at", "id", "subject", "time", "ext", "streams", "body", "parts", "more"]),
    st.one_of(
        JSON,
        st.dictionaries(st.sampled_from(["type:x", "request:r-1", "source:/x", ""]), st.integers(-1, 3), max_size=3),
    ),
    min_size=1,
    max_size=2,
)


@given(members=HEADER)
@SETTINGS
def test_a_header_with_anything_in_any_member_is_judged_and_nothing_raises(members: Any, issuer: ModuleType) -> None:
    ledger = issuer.Ledger()
    ledger.create()
    ledger.append("tallystick.deletion.planned.v1", {"request": "r-1"}, "request:r-1")
    # The census counts, and the issuer selects, by the honest header.
    changed = {**ledger.headers[2], **members}
    ledger.entries[2] = json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()
    ledger.take_census()

    verdict = verify_bundle(issuer.issue(ledger, issuer.Question([("request:r-1", None, None)])), trust=ledger.trust())

    assert verdict.failure is None or verdict.failure.where
    assert verdict.word in ("verified", "malformed", "tampered", "incomplete")


@given(data=st.binary(max_size=200), trust=st.binary(max_size=80), head=st.binary(max_size=80))
@SETTINGS
def test_any_bytes_are_judged_and_nothing_raises(data: bytes, trust: bytes, head: bytes) -> None:
    assert verify_bundle(data, trust=trust, expected_head=head).word == "malformed"


@given(trust=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)), head=st.binary(max_size=200))
@SETTINGS
def test_any_trust_file_and_any_kept_head_are_judged_and_nothing_raises(
    trust: bytes, head: bytes, issuer: ModuleType
) -> None:
    ledger, asked = issuer.small()
    data = issuer.issue(ledger, asked)

    assert verify_bundle(data, trust=trust).word in ("malformed", "unverifiable")
    assert verify_bundle(data, trust=ledger.trust(), expected_head=head).word == "malformed"
