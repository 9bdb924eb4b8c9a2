"""Whether a ledger is the log that its keyring is of, and all of it: a restored backup cannot be continued in silence.

    first    entry 0 is that of the log that was created with these keys
    head     what was signed is there (I14)              else nobody goes on: only a new log can succeed this one
    tip      what was acknowledged is there               else nobody goes on, before somebody accepted what is lost

Whoever only reads is warned. Accepting a loss records it: `tallystick.ledger.restored.v1` is the first entry of what follows,
so that auditors see it, and senders can show with their receipts what was lost.

Source: docs/adr/0010-a-restored-backup-says-so.md; docs/formats/events.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ledger import checkpoint, keys
from ledger.event import Event
from ledger.finding import Finding
from ledger.keyring import HOME, Keyring
from ledger.record import read_seqs
from ledger.store import Store
from ledger.tip import Guard, RestoredError, Tip, check_tip, leaf_at
from proofs import jsonstrict
from proofs.errors import ForkError, MalformedError, MissingError, TallyError

if TYPE_CHECKING:
    from ledger.log import Ledger

RESTORED: Final = "tallystick.ledger.restored.v1"


class OtherLogError(ForkError):
    """The ledger begins with another entry 0 than the log that its keyring is of: two logs under one name."""

    code = "other-log"


def check_first(store: Store, keyring: Keyring) -> None:
    """Accept a store that begins as the log that these keys are of, or that holds nothing.

    Raises:
        OtherLogError: It begins otherwise.
        MalformedError: What the keyring says of it cannot be read.
    """
    first = keyring.first()
    if first is None or store.size() == 0:
        return
    found = leaf_at(store, 0)
    if found != first:
        raise OtherLogError(
            f"entry 0 has the leaf hash {(found or b'').hex()}, and the log of {keyring.origin} began with {first.hex()}",
            where="entry 0",
            hint=f"this is another log of the same name; set {HOME} to the folder that holds its own keyring",
        )


def adopt(store: Store, keyring: Keyring) -> None:
    """Write down of which log a keyring is, where a crash at its creation, or an older version, left that out.

    Raises:
        MissingError: The keyring does not hold the first key of this log, so it is not this log's.
        ForkError: The store does not hold what was signed.
    """
    with keyring.locked():
        if keyring.first() is not None or store.size() == 0:
            return
        named = keys.read_keys(read_seqs(store, [0]), origin=keyring.origin)[0].id
        if not keyring.holds("log", named):
            raise MissingError(
                f"the keyring {keyring.folder} does not hold the log key {named[:16]} of entry 0",
                hint=f"set {HOME} to the folder that holds the keyrings",
            )
        _check_head(store, keyring)
        begin(store, keyring)


def begin(store: Store, keyring: Keyring) -> None:
    """Write down of which log a keyring is, and where that log stands. Only inside `locked`."""
    size = store.size()
    first, last = leaf_at(store, 0), leaf_at(store, size - 1)
    if first is None or last is None:
        raise MalformedError("the ledger's first or last entry cannot be read")
    # The tip first: from the moment that the log is named, a missing tip is a loss that is said.
    keyring.tip.put(Tip(size, last))
    keyring.keep_first(first)


def doubts(store: Store, keyring: Keyring) -> tuple[Finding, ...]:
    """Return why what is read from this store may not be the log that was signed and acknowledged; never raises."""
    found: list[Finding] = []

    def ask(where: str, check: Callable[[], object]) -> None:
        try:
            check()
        except TallyError as error:
            found.append(Finding(error.code, error.where or where, error.what))

    tips: list[Tip] = []
    # Read before the store is looked at: what is acknowledged in between is no difference.
    ask("tip", lambda: tips.extend(_tips(keyring)))
    ask("entry 0", lambda: check_first(store, keyring))
    ask("head", lambda: _check_head_size(store, keyring))
    for tip in tips:
        ask("tip", partial(check_tip, store, tip))
    return tuple(found)


def _tips(keyring: Keyring) -> Sequence[Tip]:
    return () if keyring.first() is None else (keyring.tip.read(),)


def _check_head_size(store: Store, keyring: Keyring) -> None:
    """The quick half of `checkpoint.check_head`, for those who only read: what it leaves out, `fsck` and every proof see."""
    note = keyring.head()
    if note is None:
        return
    size = checkpoint.read_checkpoint(note, origin=keyring.origin).checkpoint.size
    if (stored := store.size()) < size:
        raise ForkError(f"the ledger holds {stored} entries, but a checkpoint of {size} was signed", where="head")


def _check_head(store: Store, keyring: Keyring) -> None:
    note = keyring.head()
    if note is not None:
        checkpoint.check_head(store, checkpoint.read_checkpoint(note, origin=keyring.origin).checkpoint)


def check_whole(store: Store, keyring: Keyring) -> tuple[Finding, ...]:
    """Accept a store that may be written, and return what is wrong beside it: a tip that says nothing, for one.

    Raises:
        OtherLogError: It is another log.
        ForkError: It does not hold what was signed.
        RestoredError: It does not hold what was acknowledged.
        MalformedError: What the keyring holds cannot be read, but for the tip.
    """
    _check_head(store, keyring)
    check_first(store, keyring)
    try:
        tips = _tips(keyring)
    except (MissingError, MalformedError) as error:
        return (Finding(error.code, error.where, error.what),)
    for tip in tips:
        check_tip(store, tip)
    return ()


def accept(
    store: Store, guard: Guard, record: Callable[[Sequence[Event]], Any], *, lost: RestoredError, origin: str
) -> None:
    """Record that the log goes on without what `lost` says, and move the tip back to its end, for good.

    A crash before the tip is moved leaves a ledger that is refused as before; accepting it again ends what was begun.
    """
    tip = lost.tip
    id = f"restored/{tip.size}/{tip.leaf.hex()}"  # a tip is lost once: accepting it again is the same event (I4)
    if store.identities.find(id, origin) is None:
        body = {"acknowledged": {"leaf": tip.leaf.hex(), "size": tip.size}, "continued_from": lost.size}
        guard.accepted = tip
        record([Event(type=RESTORED, source=origin, id=id, data=jsonstrict.dumps(body))])
        return
    size = store.size()
    if (last := leaf_at(store, size - 1)) is not None:
        guard.file.put(Tip(size, last))


def last_restored(log: Ledger) -> dict[str, Any]:
    """Return what the log says of its last restore: what had been acknowledged, and from where it went on.

    Raises:
        MissingError: It never was restored.
    """
    said = list(log.stream(f"type:{RESTORED}"))
    if not said:
        raise MissingError(f"no restore is recorded in the {log.size} entries of the ledger")
    body = said[-1].json()
    before = body["acknowledged"]
    return {
        "acknowledged_size": before["size"],
        "acknowledged_leaf": before["leaf"],
        "continued_from": body["continued_from"],
        "entry": said[-1].seq,
        "entries": log.size,
    }
