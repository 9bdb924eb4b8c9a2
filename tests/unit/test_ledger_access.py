"""Credentials as facts of the log: granted, found by their token alone, revoked, and over at their end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger import access
from ledger.clock import print_at
from ledger.event import Event
from proofs.digest import sha256
from proofs.errors import MissingError, RefusedError


@pytest.fixture
def log(ledgers: Any) -> Any:
    return ledgers.create()


def test_a_token_is_found_and_stands_nowhere_in_the_ledger(log: Any, ledgers: Any) -> None:
    token, receipt = access.grant(log, ["reader", "emitter"], sources=["urn:b", "urn:a"], namespaces=["crm"])

    found = access.find(access.read_grants(log), token, print_at(ledgers.now))

    assert found is not None
    assert (found.roles, found.sources, found.namespaces) == (("emitter", "reader"), ("urn:a", "urn:b"), ("crm",))
    assert found.digest == sha256(token.encode())
    log.close()
    files = b"".join(path.read_bytes() for path in ledgers.folder.rglob("*") if path.is_file())
    assert token.encode() not in files
    assert token.split("_", 2)[2].encode() not in files
    assert receipt.seq == 2


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-1], lambda t: t + "A", lambda t: t.upper(), lambda t: t.replace("tally_", "tally-"), lambda _: ""],
)
def test_any_other_token_is_nobody(log: Any, ledgers: Any, change: Any) -> None:
    token, _ = access.grant(log, ["admin"])

    assert access.find(access.read_grants(log), change(token), print_at(ledgers.now)) is None


def test_a_token_of_a_known_id_with_another_secret_is_nobody(log: Any, ledgers: Any) -> None:
    token, _ = access.grant(log, ["admin"])
    forged = token[:23] + ("A" * 43)

    assert forged[:23] == token[:23]
    assert access.find(access.read_grants(log), forged, print_at(ledgers.now)) is None


def test_a_token_ends_at_its_end_and_not_before(log: Any, ledgers: Any) -> None:
    end = ledgers.now + timedelta(hours=1)
    token, _ = access.grant(log, ["reader"], expires=end)
    grants = access.read_grants(log)

    assert access.find(grants, token, print_at(end - timedelta(microseconds=1))) is not None
    assert access.find(grants, token, print_at(end)) is None


def test_a_revoked_token_is_nobody_and_is_revoked_once(log: Any, ledgers: Any) -> None:
    token, _ = access.grant(log, ["reader"])
    id = token.split("_")[1]
    access.revoke(log, id)

    assert access.find(access.read_grants(log), token, print_at(ledgers.now)) is None
    with pytest.raises(MissingError, match="no credential"):
        access.revoke(log, id)
    with pytest.raises(MissingError, match="no credential"):
        access.revoke(log, "0" * 16)


def test_what_changed_is_found_without_an_index_and_gives_the_same(log: Any) -> None:
    before = access.read_grants(log)
    edition, size = access.edition(log.store), log.size
    first, _ = access.grant(log, ["reader"])
    log.append([Event(type="org.example.v1", source="urn:a", id=str(n)) for n in range(50)])
    access.revoke(log, first.split("_")[1])
    access.grant(log, ["admin"])

    followed = access.fold(before, access.changes(log.store, size, log.size), origin=log.origin)

    assert access.edition(log.store) != edition
    assert followed == access.read_grants(log)


@pytest.mark.parametrize("type", [access.GRANTED, access.REVOKED])
def test_I9_nobody_but_the_ledger_says_who_may_speak(log: Any, type: str) -> None:
    with pytest.raises(RefusedError, match="written by the ledger alone"):
        log.append(Event(type=type, source="urn:a", data=b"{}"))


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"", b"{", b'{"id":7}', b'{"id":"x","namespaces":[],"roles":[1],"sha256":"00","sources":[]}']
)
def test_a_grant_that_cannot_be_read_grants_nothing(log: Any, body: bytes) -> None:
    log.record([Event(type=access.GRANTED, source=log.origin, id="x", datacontenttype="text/plain", data=body)])
    log.record([Event(type=access.REVOKED, source=log.origin, id="y", datacontenttype="text/plain", data=body)])

    assert access.read_grants(log) == {}


@pytest.mark.parametrize(
    ("roles", "options", "says"),
    [
        ([], {}, "roles none"),
        (["root"], {}, "roles root"),
        (["reader"], {"sources": [""]}, "source is empty"),
        (["reader"], {"namespaces": ["a\n"]}, "U.000A"),
        (["reader"], {"namespaces": [str(n) for n in range(65)]}, "65 namespaces"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(log: Any, roles: list[str], options: Any, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        access.grant(log, roles, **options)
    assert log.size == 2


def test_a_grant_that_would_be_over_already_is_refused(log: Any, ledgers: Any) -> None:
    with pytest.raises(RefusedError, match="which is past"):
        access.grant(log, ["reader"], expires=ledgers.now)
