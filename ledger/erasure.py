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

from collections.abc import Callable, Sequence
from typing import Any

from ledger.event import Event
from ledger.store import Store
from ledger.vault import Vault
from proofs import jsonstrict

STARTED = "tallystick.subject.erasure-started.v1"
ERASED = "tallystick.subject.erased.v1"


def erase(
    store: Store,
    vault: Vault,
    append: Callable[[Event], Any],
    *,
    person: str,
    id: str,
    request: str | None,
    origin: str,
) -> int:
    """Destroy all parts of `person`; returns how many there were."""
    count = vault.begin_erasure(id, person, request=request)
    resume(store, vault, append, origin=origin)
    return count


def resume(store: Store, vault: Vault, append: Callable[[Event], Any], *, origin: str) -> None:
    """Bring every erasure that was begun to its end."""
    for id, request, commitments in vault.erasures(finished=False):
        append(_event(STARTED, id, request, len(commitments), origin=origin))
        vault.destroy_keys(id)
        destroy_parts(store, commitments)
        append(_event(ERASED, id, request, len(commitments), origin=origin))
        vault.finish_erasure(id)


def replay(store: Store, vault: Vault) -> int:
    """Destroy again, on a restored ledger, what finished erasures destroyed; returns how many parts came back with it."""
    gone = [commitment for _, _, commitments in vault.erasures(finished=True) for commitment in commitments]
    returned = store.parts.find(gone)
    if returned:
        destroy_parts(store, [commitment for commitment, _ in returned])
    return len(returned)


def destroy_parts(store: Store, commitments: Sequence[bytes]) -> None:
    """Destroy sealed parts and the retry hashes of their events, and scrub the store's files."""
    seqs = {seq for _, seq in store.parts.find(commitments)}
    with store.writing():
        store.forget(parts=commitments, seqs=seqs)
    store.scrub()


def _event(type: str, id: str, request: str | None, parts: int, *, origin: str) -> Event:
    body: dict[str, Any] = {"erasure": id, "parts": parts}
    if request is not None:
        body["request"] = request
    # The id makes a resumed step the same event again, not a second one (I4).
    return Event(type=type, source=origin, id=f"{id}/{type.split('.')[2]}", data=jsonstrict.dumps(body))
