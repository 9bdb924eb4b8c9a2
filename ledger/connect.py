"""From a URL to an open ledger: the only place that knows the drivers.

sqlite:///relative.db    sqlite:////absolute/path.db    memory://
postgresql://user@host/database?origin=ledger.example.org/churn
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ledger import closing, keys, restored
from ledger.clock import Clock, Deviation, system_clock
from ledger.keyring import Keyring
from ledger.log import Ledger
from ledger.signer import Passphrase, environment_passphrase
from ledger.store import Store
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres_address import SCHEMES
from ledger.stores.sqlite import SqliteStore, existing, put_in_place, remove
from proofs.errors import MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.stores.postgres import PostgresStore

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
        url: `sqlite:///path`, or `postgresql://user@host/database?origin=NAME`; without `origin` the database's only log.
        home: Where keyrings stand; `TALLY_HOME` or the user's data folder unless named.
        passphrase: Asked for when a key is first needed.

    Raises:
        MissingError: There is no ledger at `url`; or its keyring, without which nothing is written, is not in `home`.
        RefusedError: The URL is of no known kind.
        ForkError: The ledger is not the one that was last signed: a restored backup, or another history.
        RestoredError: It does not hold all that was acknowledged (a ForkError, too). Where it is only read, nothing is
            raised: `Ledger.warnings` says so.
    """
    store = open_store(url, read_only=read_only, home=home)
    try:
        keyring = Keyring(store.meta()["origin"], home, passphrase)
        if not read_only:
            _check_beside(store, keyring)
        return Ledger(store, keyring=keyring, clock=clock, deviation=deviation)
    except BaseException:
        store.close()
        raise


def accept_restored(
    url: str,
    *,
    home: Path | None = None,
    passphrase: Passphrase = environment_passphrase,
    clock: Clock = system_clock,
    deviation: Deviation | None = None,
    confirm_clock: bool = False,
) -> Ledger:
    """Open a restored backup and go on from it, without what was acknowledged after it was made.

    `tallystick.ledger.restored.v1` says so in the log, and erasures that the backup does not know are done again.

    Args:
        confirm_clock: The clock is right, also where it jumped since the backup was made; then that is recorded with it.

    Raises:
        RefusedError: Nothing is lost: the ledger holds all that was acknowledged.
        ClockError: The clock jumped, and was not confirmed; nothing was written.
        ForkError: More was signed than the backup holds, or it is of another log: only a new log can succeed this one.
        MissingError: As `open_ledger`.
    """
    store = open_store(url, read_only=False, home=home)
    try:
        keyring = Keyring(store.meta()["origin"], home, passphrase)
        _check_beside(store, keyring)
        with keyring.locked():
            return Ledger(
                store, keyring=keyring, clock=clock, deviation=deviation, accepting=True, confirming=confirm_clock
            )
    except BaseException:
        store.close()
        raise


def _check_beside(store: Store, keyring: Keyring) -> None:
    """Accept the keyring of a ledger that is to be written: without it nobody would notice a restored backup or a retry."""
    if not keyring.exists:
        raise MissingError(
            f"no keyring for {keyring.origin} at {keyring.folder}, and without it nothing is written",
            hint="set TALLY_HOME to the folder that holds the keyrings, or open the ledger for reading",
        )
    if keyring.first() is None:
        restored.adopt(store, keyring)


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
        ConflictError: A ledger exists at `url`, or a log of this origin was created with this keyring before.
    """
    if not 0 < len(origin) <= MAX_ORIGIN_BYTES or not set(origin) <= _ORIGIN_ALPHABET or "//" in origin:
        raise RefusedError(f"origin {origin[:80]!r} is not 1 to {MAX_ORIGIN_BYTES} of A-Z a-z 0-9 . _ / -")
    if predecessor is not None:
        closing.check_predecessor(origin, predecessor)
    if not _is_postgres(url):
        _path(url)
    keyring = Keyring(origin, home, passphrase)
    with keyring.beginning():
        return _create(url, keyring, clock=clock, predecessor=predecessor)


def _create(url: str, keyring: Keyring, *, clock: Clock, predecessor: tuple[str, int, bytes] | None) -> Ledger:
    path = None if _is_postgres(url) else _path(url)
    with keyring.trying():
        if path is not None:
            _create_file(path, keyring, clock=clock, predecessor=predecessor)
        else:
            log = _begin(create_store(url, keyring), keyring, clock=clock, predecessor=predecessor)
    if path is None:
        if not _is_postgres(url):
            return log  # gone with its process: nothing of it can be put back, or stands in the way of another
        log.close()
    store = open_store(url, read_only=False, home=keyring.folder.parent, origin=keyring.origin)
    try:
        restored.begin(store, keyring)
        return Ledger(store, keyring=keyring, clock=clock)
    except BaseException:
        store.close()
        raise


def _create_file(path: str, keyring: Keyring, *, clock: Clock, predecessor: tuple[str, int, bytes] | None) -> None:
    """Make a ledger under another name, so that what stands at `path` is one with its first entry, or is not there."""
    if Path(path).exists():
        raise existing(path)
    if not Path(path).parent.is_dir():
        raise RefusedError(f"{path} cannot be created: there is no folder {Path(path).parent}", hint="make it first")
    fresh = f"{path}.{secrets.token_hex(8)}.new"
    try:
        store = SqliteStore.create(fresh, origin=keyring.origin)
        with _begin(store, keyring, clock=clock, predecessor=predecessor) as log:
            log.store.scrub()  # everything is in the file now, and nothing in its write-ahead log
        put_in_place(fresh, path)
    finally:
        remove(fresh)


def _begin(store: Store, keyring: Keyring, *, clock: Clock, predecessor: tuple[str, int, bytes] | None) -> Ledger:
    """Draw the keys of a log and record its first entries in an empty store."""
    try:
        log_key = keyring.generate("log").public_key
        evidence_key = keyring.generate("evidence").public_key
        log = Ledger(store, keyring=keyring, clock=clock)
        log.record(
            [
                keys.created_event(keyring.origin, log_key, predecessor=predecessor),
                keys.added_event(keyring.origin, "evidence", evidence_key),
            ]
        )
    except BaseException:
        store.close()
        raise
    return log


def open_store(url: str, *, read_only: bool, home: Path | None = None, origin: str | None = None) -> Store:
    """Open the rows of an existing ledger; raises as `open_ledger`.

    Args:
        origin: Which log is meant where a URL names none and several may be there.
    """
    if _is_postgres(url):
        return _postgres()(url, origin=origin, read_only=read_only, views=lambda name: _views(Keyring(name, home)))
    path = _path(url)
    if path is None:
        raise RefusedError("a memory ledger is created, never opened: it is gone with its process")
    return SqliteStore(path, read_only=read_only)


def create_store(url: str, keyring: Keyring) -> Store:
    """Create the empty rows of a ledger; raises as `create_ledger`."""
    if _is_postgres(url):
        return _postgres().create(url, origin=keyring.origin, views=lambda _: _views(keyring))
    path = _path(url)
    return MemoryStore(origin=keyring.origin) if path is None else SqliteStore.create(path, origin=keyring.origin)


def discard_store(store: Store) -> None:
    """Take back a store that `create_store` made and in which nothing is; it is closed already.

    An empty log in a database is left: whoever creates it again takes it over.
    """
    if isinstance(store, SqliteStore):
        remove(store.path)


def migrate(url: str, *, writers: Sequence[str] = (), readers: Sequence[str] = ()) -> tuple[int, int]:
    """Bring the tables of a PostgreSQL database forward, as their owner; returns their versions before and now.

    Args:
        writers: Roles that may read and add from now on.
        readers: Roles that may read.

    Raises:
        RefusedError: The URL is of a driver whose tables come with the log, the role may not, or one that is named is not there.
    """
    if not _is_postgres(url):
        raise RefusedError("only the tables of a PostgreSQL database are brought forward by hand")
    _postgres()
    from ledger.stores import postgres_schema
    from ledger.stores.postgres_address import parse_address
    from ledger.stores.postgres_link import connect

    with connect(parse_address(url)) as conn:
        versions = postgres_schema.migrate(conn)
        for role in writers:
            postgres_schema.grant(conn, role)
        for role in readers:
            postgres_schema.grant(conn, role, read_only=True)
    return versions


def _views(keyring: Keyring) -> Path | None:
    """Where the views of a log stand whose database is elsewhere: beside its keys, for whoever may write."""
    return keyring.folder / "views.db" if keyring.exists else None


def _is_postgres(url: str) -> bool:
    return url.startswith(SCHEMES)


def _postgres() -> type[PostgresStore]:
    try:
        from ledger.stores.postgres import PostgresStore
    except ImportError as error:
        raise RefusedError(
            "PostgreSQL's client library psycopg is not installed", hint="pip install 'tallystick[postgres]'"
        ) from error
    return PostgresStore


def _path(url: str) -> str | None:
    """The file that a URL names; None for memory."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _unknown(url) from None
    if parts.scheme == "memory" and not parts.netloc and not parts.path.strip("/"):
        return None
    is_plain = not (parts.netloc or parts.query or parts.fragment)
    if not url.startswith("sqlite:///") or not is_plain or len(parts.path) < 2:
        raise _unknown(url)
    path = unquote(parts.path[1:])
    if "\0" in path:
        raise RefusedError("the ledger's path holds a NUL")
    return path


def _unknown(url: str) -> RefusedError:
    # Whatever stands before an @ may be a password.
    quoted = "…" if "@" in url else repr(url[:120])
    return RefusedError(
        f"ledger URL {quoted} is not sqlite:///path and not postgresql://user@host/database",
        hint="sqlite:///audit.db, or sqlite:////tmp/audit.db",
    )
