"""Forgetting a person's parts while every proof survives (I10).

    1  the vault writes down which parts go         from here on a crash is resumed
    2  `subject.erasure-started`
    3  data keys and their mapping destroyed, the vault's files scrubbed
    4  sealed parts and retry hashes destroyed, the ledger's files scrubbed
    5  `subject.erased`
    6  the vault marks it done

Each step may run again. After a restore, what was erased is destroyed again before anything is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.clock import uuid7
from ledger.docket import Erasing, StandingHoldError
from ledger.event import PERSON_BYTES, Event
from ledger.store import Store
from ledger.vault import Vault
from proofs import jsonstrict
from proofs.digest import sha256
from proofs.entry import check_text
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger

STARTED = "tallystick.subject.erasure-started.v1"
ERASED = "tallystick.subject.erased.v1"
HELD = "tallystick.subject.held.v1"
_LATEST = 100
_REQUEST = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is done.

    Attributes:
        id: Its UUID, which both of its events bear.
        parts: How many parts were destroyed.
    """

    id: str
    parts: int


def erase_person(log: Ledger, person: str, request: str | None = None) -> Erasure:
    """Destroy all parts of `person` and the keys that sealed them; payload and key are gone when it returns.

    Args:
        request: Id of the deletion request that asks for it.

    Raises:
        HeldError: A legal hold stands on the person or the request; nothing was destroyed, and the log says so.
        RefusedError: The person or the request is no text that could be named.
        MissingError: The ledger was opened without its vault.
        BusyError: A reader holds an old snapshot of a file. The keys are destroyed; the rest is done when the ledger is
            next opened.
    """
    vault = _vault(log)
    _check(person, limit_bytes=PERSON_BYTES, name="person")
    if request is not None:
        _check_request(request)
    id = uuid7(log.clock())
    try:
        erasing = vault.docket.begin(
            id, vault.lookup(person), request=request, stored=lambda commitments: len(log.store.parts.find(commitments))
        )
    except StandingHoldError as error:
        log.record([_held(error.hold, request or error.request, origin=log.origin)])
        raise
    resume(log.store, vault, log.record, origin=log.origin)
    return Erasure(id, erasing.parts)


def _check_request(request: str) -> None:
    # It names a stream, so it stands in headers for ever: a token, never a person and never a sentence (I6).
    if not _REQUEST.match(request):
        raise RefusedError("a request's id is 1 to 128 characters of A-Z a-z 0-9 . _ : -")


def hold(log: Ledger, request: str, *, person: str | None = None) -> str:
    """Place a legal hold and return its id: from now on erasures for `request` are refused.

    Args:
        person: Whoever is named here is not erased for any other request either.

    Raises:
        MissingError: The ledger was opened without its vault.
        RefusedError: As `erase_person`.
    """
    vault = _vault(log)
    _check_request(request)
    if person is not None:
        _check(person, limit_bytes=PERSON_BYTES, name="person")
    lookup = None if person is None else vault.lookup(person)
    id = vault.docket.hold(uuid7(log.clock()), request, lookup)
    log.record([_held(id, request, origin=log.origin)])
    return id


def resume(store: Store, vault: Vault, record: Callable[[Sequence[Event]], Any], *, origin: str) -> None:
    """Bring every erasure that was begun to its end."""
    for erasing in vault.docket.unfinished():
        record([_event(STARTED, erasing, origin=origin)])
        vault.destroy_keys(erasing.commitments)
        destroy_parts(store, erasing.commitments)
        record([_event(ERASED, erasing, origin=origin)])
        vault.docket.finish(erasing.id)


def reopen(store: Store, vault: Vault, *, origin: str) -> None:
    """Begin again the finished erasures that a restored ledger does not know of: `resume` then does them again.

    A ledger loses its end, never its middle, so the erasures that ended last are those whose last event can be missing. A part
    can come back with any of them, or can have been on its way while its person was erased.
    """
    destroyed = vault.docket.destroyed()
    returned = {destroyed[commitment] for commitment, _ in store.parts.find(destroyed)}
    unknown = {
        id for id in vault.docket.finished(limit=_LATEST) if store.identities.find(_id(ERASED, id), origin) is None
    }
    for id in returned | unknown:
        vault.docket.reopen(id)


def destroy_parts(store: Store, commitments: Sequence[bytes]) -> None:
    """Destroy sealed parts and the retry hashes of their events, and scrub the store's files."""
    seqs = {seq for _, seq in store.parts.find(commitments)}
    with store.writing():
        store.forget(parts=commitments, seqs=seqs)
    store.scrub()


def _check(text: str, *, limit_bytes: int, name: str) -> None:
    try:
        check_text(text, limit_bytes=limit_bytes, name=name)
    except ValueError as error:
        raise RefusedError(str(error)) from error


def _event(type: str, erasing: Erasing, *, origin: str) -> Event:
    body: dict[str, Any] = {"erasure": erasing.id, "parts": erasing.parts}
    if erasing.request is not None:
        body["request"] = erasing.request
    # The id makes a resumed step the same event again, not a second one (I4).
    return Event(type=type, source=origin, id=_id(type, erasing.id), data=jsonstrict.dumps(body))


def _id(type: str, erasure: str) -> str:
    return f"{erasure}/{type.split('.')[2]}"


def _held(hold: str, request: str, *, origin: str) -> Event:
    id = f"{hold}/held/{sha256(request.encode()).hex()[:16]}"  # once for each request that the hold refused
    return Event(type=HELD, source=origin, id=id, data=jsonstrict.dumps({"hold": hold, "request": request}))


def _vault(log: Ledger) -> Vault:
    if log.vault is None:
        raise MissingError("nothing personal can be reached without the vault", hint="open the ledger with its keyring")
    return log.vault
