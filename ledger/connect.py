"""From a URL to an open ledger: the only place that knows the drivers.

sqlite:///relative.db    sqlite:////absolute/path.db    memory://
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ledger import closing, keys
from ledger.clock import Clock, Deviation, system_clock
from ledger.keyring import Keyring
from ledger.log import Ledger
from ledger.signer import Passphrase, environment_passphrase
from ledger.store import Store
from ledger.stores.memory import MemoryStore
from ledger.stores.sqlite import SqliteStore, remove
from proofs.errors import ConflictError, MissingError, RefusedError

_ORIGIN_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-")
MAX_ORIGIN_BYTES = 200


def open_ledger(
    url: str,
    *,
    read_only: bool = False,
    home: Path | None = None,
    passphrase: Passphrase = environment_passphrase,
    clock: Clock = system_clock,
    deviation: Deviation | None = None,
) -> Ledger:
    """Open an existing ledger.

    Args:
        url: `sqlite:///path`.
        home: Where keyrings stand; `TALLY_HOME` or the user's data folder unless named.
        passphrase: Asked for when a key is first needed.

    Raises:
        MissingError: There is no ledger at `url`; or its keyring, without which nothing is written, is not in `home`.
        RefusedError: The URL is of no known kind.
        ForkError: The ledger is not the one that was last signed: a restored backup, or another history.
    """
    store = _open_store(url, read_only=read_only)
    try:
        keyring = Keyring(store.meta()["origin"], home, passphrase)
        if not read_only and not keyring.exists:
            # Without it nobody would notice a restored backup, a conflict or a retry.
            raise MissingError(
                f"no keyring for {keyring.origin} at {keyring.folder}, and without it nothing is written",
                hint="set TALLY_HOME to the folder that holds the keyrings, or open the ledger for reading",
            )
        return Ledger(store, keyring=keyring, clock=clock, deviation=deviation)
    except BaseException:
        store.close()
        raise


def create_ledger(
    url: str,
    *,
    origin: str,
    home: Path | None = None,
    passphrase: Passphrase = environment_passphrase,
    clock: Clock = system_clock,
    predecessor: tuple[str, int, bytes] | None = None,
) -> Ledger:
    """Create a ledger with its log key and evidence key, and open it.

    Args:
        origin: The log's name, `[A-Za-z0-9._/-]`, for example "ledger.example.org/churn".
        predecessor: (origin, size, root) of the log that this one continues.

    Raises:
        RefusedError: The origin or the predecessor is not acceptable.
        ConflictError: A ledger exists at `url`, or a log of this origin was signed with this keyring before.
    """
    if not 0 < len(origin) <= MAX_ORIGIN_BYTES or not set(origin) <= _ORIGIN_ALPHABET or "//" in origin:
        raise RefusedError(f"origin {origin[:80]!r} is not 1 to {MAX_ORIGIN_BYTES} of A-Z a-z 0-9 . _ / -")
    if predecessor is not None:
        closing.check_predecessor(origin, predecessor)
    keyring = Keyring(origin, home, passphrase)
    if keyring.head() is not None:
        raise ConflictError(
            f"checkpoints of {origin} were signed with the keys in {keyring.folder}",
            hint="choose another origin: a second log under one name would be a fork",
        )
    keyring.create()
    with keyring.locked():
        return _create(url, keyring, clock=clock, predecessor=predecessor)


def _create(url: str, keyring: Keyring, *, clock: Clock, predecessor: tuple[str, int, bytes] | None) -> Ledger:
    origin = keyring.origin
    store = _create_store(url, origin=origin)
    try:
        log_key = keyring.generate("log").public_key
        evidence_key = keyring.generate("evidence").public_key
        log = Ledger(store, keyring=keyring, clock=clock)
        log.record(
            [
                keys.created_event(origin, log_key, predecessor=predecessor),
                keys.added_event(origin, "evidence", evidence_key),
            ]
        )
    except BaseException:
        # Without its first entry it is no ledger, and would stand in the way of the next attempt.
        store.close()
        if isinstance(store, SqliteStore):
            remove(store.path)
        raise
    return log


def _open_store(url: str, *, read_only: bool) -> Store:
    kind, path = _parse(url)
    if kind == "memory":
        raise RefusedError("a memory ledger is created, never opened: it is gone with its process")
    return SqliteStore(path, read_only=read_only)


def _create_store(url: str, *, origin: str) -> Store:
    kind, path = _parse(url)
    return MemoryStore(origin=origin) if kind == "memory" else SqliteStore.create(path, origin=origin)


def _parse(url: str) -> Sequence[str]:
    parts = urlsplit(url)
    if parts.scheme == "memory" and not parts.netloc and not parts.path.strip("/"):
        return "memory", ""
    is_plain = not (parts.netloc or parts.query or parts.fragment)
    if not url.startswith("sqlite:///") or not is_plain or len(parts.path) < 2:
        raise RefusedError(
            f"ledger URL {url[:120]!r} is not sqlite:///path", hint="sqlite:///audit.db, or sqlite:////tmp/audit.db"
        )
    path = unquote(parts.path[1:])
    if "\0" in path:
        raise RefusedError("the ledger's path holds a NUL")
    return "sqlite", path
