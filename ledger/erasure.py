"""Forgetting a person's parts while every proof survives (I10).

    1  the vault writes down which parts go         from here on a crash is resumed
    2  `subject.erasure-started`
    3  data keys and their mapping destroyed, the vault's files scrubbed
    4  sealed parts and retry hashes destroyed, the ledger's files scrubbed
    5  `subject.erased`
    6  the vault marks it done

Each step may run again. After a restore, what was erased is destroyed again before anything is served. A closed log cannot
say 2 and 5; it forgets all the same, and the vault alone remembers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.clock import uuid7
from ledger.closing import closed_by, unless_closed
from ledger.docket import Erasing, StandingHoldError
from ledger.event import Event
from ledger.holds import adopt, check_person, check_token, held_event, vault_beside
from ledger.store import Store
from ledger.vault import Vault
from proofs import jsonstrict
from proofs.errors import MalformedError

if TYPE_CHECKING:
    from ledger.log import Ledger

STARTED = "tallystick.subject.erasure-started.v1"
ERASED = "tallystick.subject.erased.v1"
_LATEST = 100


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is done.

    Attributes:
        id: Its UUID, which both of its events bear.
        parts: How many parts were destroyed.
        is_recorded: The log says so; a closed one does not.
    """

    id: str
    parts: int
    is_recorded: bool = True


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
    vault = vault_beside(log)
    check_person(person)
    if request is not None:
        check_token(request, "a request's id")
    adopt(log, vault)
    id = uuid7(log.clock())
    try:
        erasing = vault.docket.begin(
            id, vault.lookup(person), request=request, stored=lambda commitments: len(log.store.parts.find(commitments))
        )
    except StandingHoldError as error:
        unless_closed(log.record, held_event(error.hold, request or error.request, origin=log.origin))
        raise
    resume(log.store, vault, log.record, origin=log.origin)
    return Erasure(id, erasing.parts, _is_recorded(log.store, id, origin=log.origin))


def resume(store: Store, vault: Vault, record: Callable[[Sequence[Event]], Any], *, origin: str) -> None:
    """Bring every erasure that was begun to its end, all of them together: files are scrubbed once."""
    waiting = vault.docket.unfinished()
    if not waiting:
        return
    for erasing in waiting:
        unless_closed(record, _event(STARTED, erasing, origin=origin))
    commitments = [commitment for erasing in waiting for commitment in erasing.commitments]
    vault.destroy_keys(commitments)
    destroy_parts(store, commitments)
    for erasing in waiting:
        unless_closed(record, _event(ERASED, erasing, origin=origin))
        vault.docket.finish(erasing.id)


def reopen(store: Store, vault: Vault, *, origin: str) -> None:
    """Begin again the finished erasures that a restored ledger does not know of: `resume` then does them again.

    A ledger loses its end, never its middle, so the erasures that ended last are those whose last event can be missing. A part
    can come back with any of them, or can have been on its way while its person was erased.
    """
    destroyed = vault.docket.destroyed()
    returned = {destroyed[commitment] for commitment, _ in store.parts.find(destroyed)}
    # What a closed log does not know was erased after its end, and cannot be said there.
    latest = vault.docket.finished(limit=_LATEST)
    if latest and closed_by(store) is not None:
        latest = []
    unknown = {id for id in latest if not _is_recorded(store, id, origin=origin)}
    for id in returned | unknown:
        vault.docket.reopen(id)


def is_over(store: Store, id: str, *, origin: str) -> bool:
    """True when what a finished erasure destroyed must be gone from `store`: the log says that it ended, or can say nothing more.

    Else the ledger is a copy from before the erasure, and the next opening for writing does it again.
    """
    if _is_recorded(store, id, origin=origin):
        return True
    with suppress(MalformedError):  # an end that cannot be read closes nothing
        return closed_by(store) is not None
    return False


def _is_recorded(store: Store, id: str, *, origin: str) -> bool:
    return store.identities.find(_id(ERASED, id), origin) is not None


def destroy_parts(store: Store, commitments: Sequence[bytes]) -> None:
    """Destroy sealed parts and the retry hashes of their events, and scrub the store's files."""
    with store.writing():
        seqs = {seq for _, seq in store.parts.find(commitments)}  # inside the lock: none arrives after the look
        store.forget(parts=commitments, seqs=seqs)
    store.scrub()


def _event(type: str, erasing: Erasing, *, origin: str) -> Event:
    body: dict[str, Any] = {"erasure": erasing.id, "parts": erasing.parts}
    if erasing.request is not None:
        body["request"] = erasing.request
    # The id makes a resumed step the same event again, not a second one (I4).
    return Event(type=type, source=origin, id=_id(type, erasing.id), data=jsonstrict.dumps(body))


def _id(type: str, erasure: str) -> str:
    return f"{erasure}/{type.split('.')[2]}"
