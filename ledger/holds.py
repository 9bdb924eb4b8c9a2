"""Legal holds: what must not be erased, from when, and until somebody answers for its end.

    hold      the vault, then `subject.held`          from the first step on erasures are refused
    release   `subject.released`, then the vault      until the last step they still are

Either way a crash in between leaves the stricter of the two states, and the next opening of the ledger says or does what is
missing: what the vault knows and a restored log does not is recorded again, and a release that stands in the log ends its
hold. A release is for good; who wants to hold again places another hold.

Source: docs/formats/events.md, `held` and `released`; docs/adr/0006-a-hold-can-end.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ledger.clock import uuid7
from ledger.closing import unless_closed
from ledger.docket import Hold, StandingHoldError
from ledger.event import PERSON_BYTES, Event
from ledger.record import read_seqs
from ledger.store import Store
from ledger.vault import Vault
from proofs import jsonstrict
from proofs.digest import sha256
from proofs.entry import check_text
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger

HELD: Final = "tallystick.subject.held.v1"
RELEASED: Final = "tallystick.subject.released.v1"
Reason = Literal["expired", "matter-closed", "mistaken", "order-lifted"]
REASONS: Final[tuple[Reason, ...]] = ("expired", "matter-closed", "mistaken", "order-lifted")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def hold(log: Ledger, request: str, *, person: str | None = None, identity: tuple[str, str] | None = None) -> str:
    """Place a legal hold and return its id: from now on erasures for `request` are refused.

    Args:
        request: A request's id; or, with a person or an identity, the name of the case that it is for.
        person: The `person` of events in this log: not erased for any other request either.
        identity: (type, value) as deletion requests write it: whoever bears it, now or later, is not erased either.

    Raises:
        MissingError: The ledger was opened without its vault, or nothing is sealed for the person.
        RefusedError: The person, the identity or the request is no text that could be named, or both of the first are given.
    """
    vault = vault_beside(log)
    check_token(request, "a request's id")
    lookup = _lookup(vault, person, identity)
    id = vault.docket.hold(uuid7(log.clock()), request, lookup)
    unless_closed(log.record, held_event(id, request, origin=log.origin))
    return id


def _lookup(vault: Vault, person: str | None, identity: tuple[str, str] | None) -> bytes | None:
    if person is not None and identity is not None:
        raise RefusedError("a hold names a person or an identity, not both", hint="place two holds")
    if identity is not None:
        for text in identity:
            check_person(text)
        return vault.lookup_identity(*identity)
    if person is None:
        return None
    check_person(person)
    if not vault.knows(person):  # a hold that matches nothing would only look like one
        raise MissingError(
            "nothing in this log is sealed for that person",
            hint="PERSON is the pseudonym that events were emitted with; whom a deletion request is about, an identity tells",
        )
    return vault.lookup(person)


def refusal(log: Ledger, person: str, request: str) -> StandingHoldError | None:
    """Return what an erasure of `person` for `request` would be refused with now; None where no hold stands.

    Raises:
        MissingError: The ledger was opened without its vault.
    """
    vault = vault_beside(log)
    adopt(log, vault)
    return vault.docket.refusing(vault.lookup(person), request)


def check_free(log: Ledger, person: str, request: str) -> None:
    """Accept that `person` is deleted for `request`.

    Raises:
        HeldError: A legal hold stands on one of them, and the log says that it refused this.
    """
    error = refusal(log, person, request)
    if error is not None:
        unless_closed(log.record, held_event(error.hold, request, origin=log.origin))
        raise error


def release(log: Ledger, hold: str, *, by: str, reason: str) -> None:
    """End a legal hold for good; the same release again changes nothing.

    Args:
        by: Pseudonym of whoever answers for it.
        reason: "expired", "matter-closed", "mistaken" (it should never have been placed) or "order-lifted".

    Raises:
        MissingError: There is no such hold, or the ledger was opened without its vault.
        RefusedError: It was released by somebody else or for another reason, or what was given is no pseudonym or reason.
    """
    vault = vault_beside(log)
    check_token(by, "a pseudonym")
    if reason not in REASONS:
        raise RefusedError(f"reason {reason[:40]!r} is none of {', '.join(REASONS)}")
    found = next((each for each in vault.docket.holds() if each.id == hold), None)
    if found is None:
        raise MissingError(f"there is no legal hold {hold[:64]!r}", hint="`tally hold list` shows them")
    if not found.stands:
        if (found.actor, found.reason) == (by, reason):
            return
        raise RefusedError(f"the legal hold {hold} was released before, by {found.actor} for {found.reason}")
    unless_closed(log.record, _released_event(found, by, reason, origin=log.origin))
    vault.docket.release(hold, by, reason)


def settle(store: Store, vault: Vault, record: Callable[[Sequence[Event]], Any], *, origin: str) -> None:
    """Bring vault and log to the same word on every hold: after a crash, and after the ledger was restored."""
    for each in vault.docket.holds():
        if store.identities.find(_held_id(each.id, each.request), origin) is None:
            unless_closed(record, held_event(each.id, each.request, origin=origin))
        if each.actor is None or each.reason is None:
            _end(store, vault, each.id, origin=origin)
        elif store.identities.find(_released_id(each.id), origin) is None:
            unless_closed(record, _released_event(each, each.actor, each.reason, origin=origin))


def _end(store: Store, vault: Vault, hold: str, *, origin: str) -> None:
    """End a hold in the vault where the log says that it was released."""
    released = store.identities.find(_released_id(hold), origin)
    if released is not None:
        said = next(read_seqs(store, [released[0]])).json()
        by, reason = (said.get("by"), said.get("reason")) if isinstance(said, dict) else (None, None)
        vault.docket.release(hold, str(by), str(reason))


def adopt(log: Ledger, vault: Vault) -> None:
    """Make the vault know every hold that the log tells of: it may be an older copy, put back, or a new one.

    The log tells for which requests a hold stands, and not on whom.
    """
    name = f"type:{HELD}"
    entries = log.store.streams.counts([name]).get(name, 0)
    if entries == vault.docket.adopted():
        return
    said = []
    for record in log.stream(name):
        body = record.json() if record.source == log.origin else None
        if isinstance(body, dict):
            said.append((str(body.get("hold")), str(body.get("request"))))
    known = {each.id for each in vault.docket.holds()}
    vault.docket.adopt(said, entries=entries)
    for id in {id for id, _ in said} - known:
        _end(log.store, vault, id, origin=log.origin)


def held_event(hold: str, request: str, *, origin: str) -> Event:
    """Return the event that says that a hold stands, or that it refused an erasure: once for each request."""
    body = jsonstrict.dumps({"hold": hold, "request": request})
    return Event(type=HELD, source=origin, id=_held_id(hold, request), data=body)


def _held_id(hold: str, request: str) -> str:
    return f"{hold}/held/{sha256(request.encode()).hex()[:16]}"


def _released_event(hold: Hold, by: str, reason: str, *, origin: str) -> Event:
    body = jsonstrict.dumps({"by": by, "hold": hold.id, "reason": reason, "request": hold.request})
    return Event(type=RELEASED, source=origin, id=_released_id(hold.id), data=body)


def _released_id(hold: str) -> str:
    return f"{hold}/released"


def vault_beside(log: Ledger) -> Vault:
    """Return the vault of a ledger.

    Raises:
        MissingError: It was opened without one.
    """
    if log.vault is None:
        raise MissingError("nothing personal can be reached without the vault", hint="open the ledger with its keyring")
    return log.vault


def check_person(person: str) -> None:
    """Accept a text by which the vault can find somebody.

    Raises:
        RefusedError: It is none.
    """
    try:
        check_text(person, limit_bytes=PERSON_BYTES, name="person")
    except ValueError as error:
        raise RefusedError(str(error)) from error


def check_token(text: str, what: str) -> None:
    """Accept a name that may stand in the log for ever: never a person and never a sentence (I6).

    Raises:
        RefusedError: It is anything else.
    """
    if not _TOKEN.match(text):
        raise RefusedError(f"{what} is 1 to 128 characters of A-Z a-z 0-9 . _ : -")
