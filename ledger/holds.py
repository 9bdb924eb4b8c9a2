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
from ledger.docket import Hold
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


def hold(log: Ledger, request: str, *, person: str | None = None) -> str:
    """Place a legal hold and return its id: from now on erasures for `request` are refused.

    Args:
        person: Whoever is named here is not erased for any other request either.

    Raises:
        MissingError: The ledger was opened without its vault.
        RefusedError: The person or the request is no text that could be named.
    """
    vault = vault_beside(log)
    check_token(request, "a request's id")
    if person is not None:
        check_person(person)
    lookup = None if person is None else vault.lookup(person)
    id = vault.docket.hold(uuid7(log.clock()), request, lookup)
    unless_closed(log.record, held_event(id, request, origin=log.origin))
    return id


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
        released = store.identities.find(_released_id(each.id), origin)
        if each.actor is not None and each.reason is not None:
            if released is None:
                unless_closed(record, _released_event(each, each.actor, each.reason, origin=origin))
        elif released is not None:
            said = next(read_seqs(store, [released[0]])).json()
            by, reason = (said.get("by"), said.get("reason")) if isinstance(said, dict) else (None, None)
            vault.docket.release(each.id, str(by), str(reason))


def adopt(log: Ledger, vault: Vault, request: str) -> None:
    """Make the vault know the holds that the log tells for `request`: it may be an older copy, put back."""
    known = {each.id for each in vault.docket.holds()}
    for record in log.stream(f"request:{request}"):
        said = record.json() if record.type == HELD else None
        id = str(said.get("hold")) if isinstance(said, dict) else ""
        if id and id not in known and log.store.identities.find(_released_id(id), log.origin) is None:
            vault.docket.hold(id, request, None)


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
