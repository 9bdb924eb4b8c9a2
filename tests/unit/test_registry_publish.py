"""Publishing a schema on a real ledger: what is accepted, what is refused, and what the log says afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import ledger
from contracts.record import Context
from contracts.registry.facts import SCHEMA_PUBLISHED, SchemaPublished, SchemaRejected
from contracts.registry.publish import publish, review
from contracts.registry.store import SchemaRegistry, subjects, version, versions
from ledger.event import Event
from ledger.log import Ledger
from proofs.errors import ConflictError, MalformedError, MissingError, RefusedError

ID = {"type": "integer"}
TEXT = {"type": "string"}
PUBLISHED = {"bump": "initial", "changed": 0, "changes": [], "definition": "{}", "open_content": "lenient"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/registry", home=tmp_path, passphrase=lambda: b"secret") as created:
        yield created


def schema(*required: str, **properties: object) -> bytes:
    return json.dumps({"type": "object", "properties": properties, "required": list(required)}).encode()


def bodies(log: Ledger) -> list[tuple[str, bytes | None]]:
    return [(record.type, record.body) for record in log.read(2)]


def rows(log: Ledger, query: str) -> list[Any]:
    with log.viewing(SchemaRegistry()) as db:
        return db.execute(query).fetchall()


def dump(log: Ledger) -> list[str]:
    with log.viewing(SchemaRegistry()) as db:
        return list(db.conn.iterdump())


def test_a_first_schema_is_published_with_its_exact_bytes(log: Ledger) -> None:
    definition = (
        b'{ "type":"object",\n  "properties" : {"id": {"type":"integer"}}, "title": "K\\u00e4ufe \xe2\x82\xac" }\n'
    )

    published = publish(log, "orders", "1.0.0", definition)

    [(type, body)] = bodies(log)
    fact = SchemaPublished.parse(body or b"")
    assert (published.version, published.seq, type) == ("1.0.0", 2, "tallystick.schema.published.v1")
    assert fact.definition.encode() == definition
    assert (fact.bump, fact.previous, fact.changes) == ("initial", None, ())
    assert dict(log.entry(2).streams).keys() == {
        "schema:orders",
        "source:tallystick/contracts",
        "type:tallystick.schema.published.v1",
    }


def test_the_body_is_canonical_json_of_this_shape(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", b'{"type":"object"}')
    publish(log, "orders", "1.1.0", b'{"type":["object","null"]}')

    assert bodies(log)[1][1] == (
        b'{"bump":"minor","changed":1,"changes":[{"breaking":false,"direction":"loosens","kind":"type-widened",'
        b'"path":"/type"}],"definition":"{\\"type\\":[\\"object\\",\\"null\\"]}","open_content":"lenient",'
        b'"previous":"1.0.0","schema":{"format":"jsonschema",'
        b'"sha256":"5d4827562aefcfb1c3413607ff8ccbcce66217250c6ee5c6565bd52ef9eebc64","subject":"orders",'
        b'"version":"1.1.0"}}'
    )


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        ("1.0.1", schema("id", id=ID)),
        ("1.1.0", schema("id", id=ID, note=TEXT)),
        ("1.2.0", schema("id", id={"type": "number"})),
        ("2.0.0", schema("id", id=TEXT)),
        ("2.0.0-rc.1", schema("id", id=TEXT)),
        ("7.0.0", schema("id", id=ID)),
    ],
)
def test_a_version_that_its_changes_have_earned_is_accepted(log: Ledger, number: str, changed: bytes) -> None:
    publish(log, "orders", "1.0.0", schema("id", id=ID))

    publish(log, "orders", number, changed)

    assert [published.version for published in versions(log, "orders")] == ["1.0.0", number]


@pytest.mark.parametrize(
    ("number", "changed", "reason", "sentence"),
    [
        ("1.1.0", schema("id", id=TEXT), "SEMVER_BUMP_TOO_SMALL", "type-changed at /properties/id/type needs a major one"),
        ("1.1.0", schema(ident=ID), "SEMVER_BUMP_TOO_SMALL", "property-removed at /properties/id needs a major one"),
        ("1.1.0", schema("id", "x", id=ID, x=ID), "SEMVER_BUMP_TOO_SMALL", "required-added at /required/x needs a major one"),
        ("1.0.1", schema("id", id=ID, x=ID), "SEMVER_BUMP_TOO_SMALL", "property-added at /properties/x needs a minor one"),
        ("1.0.0-rc.1", schema("id", id=ID), "VERSION_NOT_INCREASING", "does not come after 1.0.0"),
        ("1.0.0+build", schema("id", id=ID), "VERSION_NOT_INCREASING", "does not come after 1.0.0"),
        ("0.9.0", schema("id", id=ID), "VERSION_NOT_INCREASING", "does not come after 1.0.0"),
    ],
)  # fmt: skip
def test_a_version_that_its_changes_have_not_earned_is_refused_and_the_refusal_recorded(
    log: Ledger, number: str, changed: bytes, reason: str, sentence: str
) -> None:
    publish(log, "orders", "1.0.0", schema("id", id=ID))

    with pytest.raises(RefusedError) as caught:
        publish(log, "orders", number, changed)

    type, body = bodies(log)[-1]
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("entry 3: ")
    assert type == "tallystick.schema.rejected.v1"
    assert SchemaRejected.parse(body or b"").reason == reason
    assert [published.version for published in versions(log, "orders")] == ["1.0.0"]
    assert rows(log, "SELECT seq, subject, version, reason FROM registry_rejection") == [(3, "orders", number, reason)]


def test_the_same_schema_again_is_recorded_once(log: Ledger) -> None:
    first = publish(log, "orders", "1.0.0", schema(id=ID))

    assert publish(log, "orders", "1.0.0", schema(id=ID)) == first
    assert len(bodies(log)) == 1


def test_another_schema_under_a_published_version_is_a_conflict(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))

    with pytest.raises(ConflictError, match=r"entry 2: version 1\.0\.0 of 'orders' is in force with other bytes"):
        publish(log, "orders", "1.0.0", schema(id=TEXT))

    assert len(bodies(log)) == 1


def test_below_version_1_a_minor_step_announces_a_break(log: Ledger) -> None:
    publish(log, "orders", "0.1.0", schema("id", id=ID))
    publish(log, "orders", "0.1.1", schema("id", id=ID, note=TEXT))

    with pytest.raises(RefusedError, match="is too small a step"):
        publish(log, "orders", "0.1.2", schema("id", id=TEXT, note=TEXT))

    assert publish(log, "orders", "0.2.0", schema("id", id=TEXT, note=TEXT)).version == "0.2.0"


def test_a_schema_is_compared_with_the_last_release_and_not_with_a_draft_of_the_next(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema("id", id=ID))
    publish(log, "orders", "2.0.0-rc.1", schema("id", id=TEXT))

    publish(log, "orders", "2.0.0-rc.2", schema("id", id={"type": "boolean"}))
    publish(log, "orders", "2.0.0", schema("id", id={"type": "boolean"}))

    assert SchemaPublished.parse(bodies(log)[-1][1] or b"").bump == "major"


def test_strangers_members_make_an_added_property_a_break_where_that_is_asked_for(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))

    with pytest.raises(RefusedError, match="property-added-to-open-object at /properties/note needs a major one"):
        publish(log, "orders", "1.1.0", schema(id=ID, note=TEXT), lenient=False)


@pytest.mark.parametrize(
    ("subject", "number", "definition", "error"),
    [
        ("orders", "1.0", b"{}", MalformedError),
        ("orders", "1.0.0", b"{", MalformedError),
        ("orders", "1.0.0", b'{"$ref":"https://example.com/"}', RefusedError),
        ("", "1.0.0", b"{}", RefusedError),
        ("or\nders", "1.0.0", b"{}", RefusedError),
        ("o" * 201, "1.0.0", b"{}", RefusedError),
    ],
)
def test_what_cannot_be_read_leaves_no_trace(
    log: Ledger, subject: str, number: str, definition: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        publish(log, subject, number, definition)

    assert bodies(log) == []


def test_a_source_that_no_entry_may_hold_is_refused(log: Ledger) -> None:
    with pytest.raises(RefusedError, match="has an attribute that no entry may hold"):
        publish(log, "orders", "1.0.0", b"{}", context=Context(source="a\nb"))


def test_of_two_publishers_at_once_the_log_takes_both_and_the_fold_the_first(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))

    class SlowLog:
        """Lets somebody else publish between the comparison and the append."""

        viewing = staticmethod(log.viewing)

        def append(self, event: Event) -> object:
            publish(log, "orders", "1.2.0", schema(id=ID, first=TEXT))
            return log.append(event)

    with pytest.raises(ConflictError, match="entry 4: somebody else published a version of 'orders' meanwhile"):
        publish(SlowLog(), "orders", "1.3.0", schema(id=ID, second=TEXT))  # type: ignore[arg-type]

    assert [published.version for published in versions(log, "orders")] == ["1.0.0", "1.2.0"]
    assert rows(log, "SELECT seq, reason FROM registry_unread") == [(4, "overtaken")]
    assert publish(log, "orders", "1.3.0", schema(id=ID, first=TEXT, second=TEXT)).seq == 5


FORGED = {"subject": "orders", "format": "jsonschema"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"schema":{"subject":"orders","version":"1.0.0"}}',
        # A definition that is not the one of the hash, and a version that is none.
        json.dumps({**PUBLISHED, "schema": {**FORGED, "version": "1.0.0", "sha256": "0" * 64}}).encode(),
        json.dumps({**PUBLISHED, "schema": {**FORGED, "version": "one", "sha256": sha256(b"{}").hexdigest()}}).encode(),
    ],
)
def test_a_strangers_event_of_our_type_puts_nothing_in_force(log: Ledger, body: bytes) -> None:
    log.append(Event(type=SCHEMA_PUBLISHED, source="stranger", data=body))

    assert versions(log, "orders") == ()
    assert rows(log, "SELECT reason FROM registry_unread") == [("malformed",)]


def test_I19_replaying_the_log_gives_the_same_registry(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))
    log.append(Event(type=SCHEMA_PUBLISHED, source="stranger", data=b"{}"))
    with pytest.raises(RefusedError):
        publish(log, "orders", "1.0.1", schema())
    publish(log, "orders", "2.0.0", schema())
    before = dump(log)

    log.views.drop("registry")

    assert dump(log) == before
    assert any("registry_rejection" in line and "INSERT" in line for line in before)


def test_subjects_and_versions_are_found_again(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))
    publish(log, "clicks", "1.0.0", schema())

    assert subjects(log) == ("clicks", "orders")
    assert version(log, "orders", "1.0.0").definition == schema(id=ID).decode()
    with pytest.raises(MissingError, match=r"schema 'orders' has no version '9\.0\.0'"):
        version(log, "orders", "9.0.0")


def test_a_review_writes_nothing(log: Ledger) -> None:
    publish(log, "orders", "1.0.0", schema(id=ID))

    reviewed = review(versions(log, "orders"), "1.0.1", schema())

    assert (reviewed.refusal, reviewed.needed and reviewed.needed.word) == ("SEMVER_BUMP_TOO_SMALL", "major")
    assert len(bodies(log)) == 1


def test_only_the_first_thousand_changes_are_listed_and_all_are_counted(log: Ledger) -> None:
    many = {f"p{number:04}": ID for number in range(1_200)}
    publish(log, "wide", "1.0.0", schema(**many))

    publish(log, "wide", "2.0.0", schema(**dict.fromkeys(many, TEXT)))

    fact = SchemaPublished.parse(bodies(log)[-1][1] or b"")
    assert (fact.changed, len(fact.changes)) == (1_200, 1_000)
