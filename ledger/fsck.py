"""`tally verify`: the whole ledger again, from the bytes that are stored, and every difference by its name and place.

    file          what the driver finds wrong with its own files, indexes and guards
    entries       grammar, chain, time, filing, commitments, tiles, roots          ledger.walk, ledger.scrutiny
    streams       counters, every census and what the last one left                ledger.recount
    identities    one row for each entry, and none besides, of what was received   ledger.identity
    checkpoints   roots, signatures, handovers, and the head beside the key        ledger.countersign
    parts         opened, and those that are gone held to what was erased          ledger.parts
    tip           what was acknowledged is there                                   ledger.tip
    projections   replayed, and compared row by row (I19)                          ledger.replay

Where the log begins as the one that its keyring is of, and ends before what was signed or acknowledged, what it lacks for that
has the code `older`: an older copy and a log whose end was cut off look alike.

All of it reads one snapshot through a handle of its own, while others go on writing, in memory that does not grow with the
log but for two bits an entry. Damage never raises: it is what a report is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial

from ledger.countersign import Heads, check_checkpoints, check_heads, read_note
from ledger.finding import Finding, Findings, Report
from ledger.identity import Identities
from ledger.keyring import Keyring
from ledger.projection import Projection
from ledger.recognition import SECRET
from ledger.recount import Recount
from ledger.replay import check_projection
from ledger.scrutiny import Scrutiny
from ledger.store import FILE, Store
from ledger.tip import NAME as TIP
from ledger.tip import Tip, check_tip, leaf_at
from ledger.vaultreader import VaultReader
from ledger.walk import Progress, Walk
from proofs.errors import BusyError, RefusedError, TallyError
from proofs.keys import CREATED, KEY_ADDED, KEY_RETIRED, KeyRing, read_ring

__all__ = ["Finding", "Progress", "Report", "fsck"]


def fsck(
    store: Store,
    *,
    keyring: Keyring | None = None,
    projections: Iterable[Projection] = (),
    progress: Progress | None = None,
) -> Report:
    """Return what is wrong with `store`, and how much was checked.

    Args:
        keyring: Holds the head that the store must contain; without it, an older copy that is whole looks sound.
        projections: Those whose output is replayed and compared.
        progress: Called with (entries done, entries in all), over the entries and over the replay of each projection.

    Raises:
        BusyError: A lock was not to be had, or the server went away; nothing is said about the ledger.
    """
    findings = Findings()
    before = _head(keyring)
    tip = _tip(keyring, findings)
    with ExitStack() as stack:
        # Before the snapshot: what an erasure had destroyed by now is gone there.
        vault = stack.enter_context(closing(_vault(keyring, findings)))
        try:
            reader = stack.enter_context(closing(store.reader()))
        except BusyError:
            raise
        except TallyError as error:
            findings.add("file", FILE, error.what)
            return findings.report()
        with findings.at("damaged", FILE), reader.reading():
            size = reader.size()
            is_known = keyring is not None and keyring.exists
            is_stored = partial(_is_stored, store, keyring)
            heads = Heads(before, _head(keyring), is_known=is_known, is_stored=is_stored)
            if not _is_readable(reader, findings):
                return findings.report()
            heads = replace(heads, is_older=_is_older(reader, keyring, before, tip))
            _check(reader, size, heads, vault, findings, progress)
            is_short = heads.is_older and tip is not None and size < tip.size
            with findings.at("older" if is_short else "restored", TIP):
                if tip is not None:
                    check_tip(reader, tip)
            for projection in projections:
                with findings.at("projection", f"projection {projection.name}"):
                    check_projection(reader, projection, size, findings, progress=progress)
    return findings.report()


def _is_readable(store: Store, findings: Findings) -> bool:
    """False when the file is so damaged that what is read from it may be of any type, or nobody's."""
    with findings.at("file", FILE):
        for where, what in store.audit.damage():
            findings.add("file", where, what)
    if any(finding.where == FILE for finding in findings.found):
        findings.add("damaged", FILE, "nothing else was checked, for what is read from a damaged file says nothing")
        return False
    return True


def _head(keyring: Keyring | None) -> bytes | None:
    return keyring.head() if keyring is not None and keyring.exists else None


def _tip(keyring: Keyring | None, findings: Findings) -> Tip | None:
    """The tip beside the key, read before the store's snapshot; that it is torn, missing or unreadable is a finding."""
    with findings.at("tip", TIP):
        return None if keyring is None or keyring.first() is None else keyring.tip.read()
    return None


def _is_older(store: Store, keyring: Keyring | None, head: bytes | None, tip: Tip | None) -> bool:
    """True when the store begins as the log that these keys are of, and ends before what was signed or acknowledged."""
    first = None
    with suppress(TallyError):  # that it cannot be read is a finding of the tip's
        first = None if keyring is None else keyring.first()
    ends = [*_size_of(head, store.meta()["origin"]), *([] if tip is None else [tip.size])]
    return first is not None and leaf_at(store, 0) == first and store.size() < max(ends, default=0)


def _vault(keyring: Keyring | None, findings: Findings) -> VaultReader:
    """The vault beside the keys; that it cannot be read is a finding."""
    with findings.at("vault", "vault"):
        return VaultReader(keyring)
    return VaultReader(None)


def _is_stored(store: Store, keyring: Keyring | None, head: bytes) -> bool:
    """True when the head's checkpoint is stored now: another process may have been between signing and storing it."""
    with ExitStack() as stack:
        # Whoever signs holds the keyring until it is stored. Where we may not wait for them, the second look must do.
        with suppress(OSError, RefusedError):
            if keyring is not None:
                stack.enter_context(keyring.locked())
        reader = stack.enter_context(closing(store.reader()))
        with reader.reading():
            return any(note == head for _, note in reader.checkpoints.all())


def _check(
    store: Store, size: int, heads: Heads, vault: VaultReader, findings: Findings, progress: Progress | None
) -> None:
    origin = store.meta()["origin"]
    stored: Sequence[tuple[int, bytes]] = ()
    with findings.at("checkpoint", "checkpoints"):
        stored = store.checkpoints.all()
    recount = Recount()
    identities = None
    with findings.at("damaged", "identities"):
        identities = Identities(store, size, findings, key=vault.secret(SECRET))
    walk = Walk(store, findings, recount, origin=origin, vault=vault, identities=identities)
    wanted = frozenset((*(at for at, _ in stored), *_size_of(heads.before, origin)))
    try:
        if size == 0:
            findings.add("created", "entry 0", "the ledger has no first entry: its creation was never finished")
        with findings.at("damaged", "entries"):
            walk.run(size, sizes=wanted, progress=progress)
            walk.check_tiles(size)
        with findings.at("damaged", "rows"):
            for kind, seq in store.audit.strays(size):
                findings.add("stray", f"{kind} {seq}", f"there is such a row, and the log holds {size} entries")
        with findings.at("damaged", "streams"):
            recount.compare(store, findings)
        with findings.at("damaged", "identities"):
            if identities is not None:
                identities.compare(walk.received)
    finally:
        recount.close()
    if vault.why_shut:
        findings.add("vault", "vault", vault.why_shut)
    ring = _ring(walk.scrutiny, origin, findings)
    check_checkpoints(stored, walk.roots, size, ring, findings, origin=origin)
    check_heads(heads, stored, walk.roots, size, findings, origin=origin)


def _size_of(head: bytes | None, origin: str) -> Sequence[int]:
    """The size that the head speaks of; nothing where it cannot be read, which `check_heads` reports."""
    if head is None:
        return ()
    try:
        return (read_note(head, origin=origin)[1].size,)
    except TallyError:
        return ()


def _ring(scrutiny: Scrutiny, origin: str, findings: Findings) -> KeyRing | None:
    """The log's keys as its own entries tell them; None where they do not."""
    bodies = scrutiny.key_bodies
    if not bodies[CREATED]:
        return None
    with findings.at("keys", "key entries"):
        return read_ring(origin, bodies[CREATED][0], bodies[KEY_ADDED], bodies[KEY_RETIRED])
    return None
