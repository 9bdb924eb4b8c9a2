"""What stands beside the ledger and never in it: signing keys, the guards, the vault. One folder per origin.

    <home>/<origin, made a file name>/   log-<id>.pem  evidence-<id>.pem  first  head  tip  vault.db  kek-<epoch>

    first   "tallystick/first/v1 " || leaf hash of entry 0, hex || "\\n": which log these keys are of; written once
    head    the last checkpoint that was signed (I14)
    tip     the end of the log as it was last acknowledged (ledger/tip.py)

The home is `TALLY_HOME`, or `~/.local/share/tallystick`. It must not be backed up together with the ledger: a restored backup
that brought its own head along could fork the log without anybody seeing it (I14).
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import IO, Final

from ledger import durable
from ledger.signer import FileSigner, Passphrase, Purpose, Signer, environment_passphrase, key_id
from ledger.tip import Tip, TipFile
from proofs.digest import sha256
from proofs.errors import (
    ConflictError,
    MalformedError,
    MissingError,
    RefusedError,
    TallyError,
    UnknownOutcomeError,
    UnverifiableError,
)

HOME: Final = "TALLY_HOME"
_FIRST: Final = re.compile(rb"tallystick/first/v1 ([0-9a-f]{64})\n\Z")


def default_home() -> Path:
    """Return the folder of all keyrings: `TALLY_HOME`, or the user's data folder."""
    named = os.environ.get(HOME)
    return Path(named) if named else Path.home() / ".local" / "share" / "tallystick"


class Keyring:
    """One origin's folder of keys.

    Attributes:
        tip: The end of the log as it was last acknowledged.
    """

    def __init__(self, origin: str, home: Path | None = None, passphrase: Passphrase = environment_passphrase) -> None:
        """Name the folder; nothing is read or made yet."""
        self.origin = origin
        name = f"{origin.replace('/', '_')[:80]}-{sha256(origin.encode()).hex()[:8]}"
        self.folder = (default_home() if home is None else home) / name
        self.passphrase = passphrase
        self.tip = TipFile(self.folder)
        self._lock = threading.RLock()
        self._is_locked = False

    @property
    def exists(self) -> bool:
        """True when the folder is there."""
        return self.folder.is_dir()

    def create(self) -> None:
        """Make the folder, for its owner alone.

        Raises:
            RefusedError: It cannot be made.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise RefusedError(f"the keyring {self.folder} cannot be made: {error.strerror}") from error

    def generate(self, purpose: Purpose) -> Signer:
        """Draw a new key for `purpose` and keep it in the folder.

        Raises:
            RefusedError: It cannot be written, or the passphrase is empty.
        """
        with self.locked():
            for left in self.folder.glob("*.pem.*new"):  # by a crash before the rename below: it never signed anything
                left.unlink()
            fresh = self.folder / f"{purpose}-{secrets.token_hex(8)}.pem.new"
            signer = FileSigner.generate(fresh, self.passphrase)
            durable.rename(fresh, self._path(purpose, key_id(signer.public_key)))
        return self.signer(purpose, key_id(signer.public_key))

    def holds(self, purpose: Purpose, id: str) -> bool:
        """True when the key `id` is in the folder."""
        return self._path(purpose, id).is_file()

    def _path(self, purpose: Purpose, id: str) -> Path:
        return self.folder / f"{purpose}-{id[:16]}.pem"

    def signer(self, purpose: Purpose, id: str) -> Signer:
        """Return the signer of the key `id`.

        Raises:
            MissingError: The folder has no such key.
        """
        if not self.holds(purpose, id):
            raise MissingError(
                f"no {purpose} key {id[:16]} for {self.origin} in {self.folder}",
                hint=f"set {HOME} to the folder that holds the keys",
            )
        return FileSigner(self._path(purpose, id), self.passphrase)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the keyring against other processes and threads: one signs, or rotates, at a time. MAY nest.

        Raises:
            RefusedError: It cannot be locked.
        """
        with self._lock:
            if self._is_locked:
                yield
                return
            with self._lock_file():
                self._is_locked = True
                try:
                    yield
                finally:
                    self._is_locked = False

    def _lock_file(self) -> IO[str]:
        """The lock's file, locked; closing it gives the lock back."""
        path = self.folder / "lock"
        while True:
            self.create()
            try:
                with ExitStack() as undo:
                    file = undo.enter_context(path.open("w"))
                    flock(file, LOCK_EX)
                    if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                        undo.pop_all()
                        return file
            except FileNotFoundError:
                continue  # a creation that failed takes its folder back: a lock on a file that is gone holds nobody
            except OSError as error:
                raise RefusedError(f"the keyring {self.folder} cannot be locked: {error.strerror}") from error

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Hold the keyring while a log begins.

        What a kill leaves, keys that signed nothing and an empty vault, does not stand in the way of the next attempt.

        Raises:
            ConflictError: A log of this origin has begun with it before.
        """
        with self.locked():
            if self.head() is not None or self.first() is not None:
                raise ConflictError(
                    f"a log of {self.origin} was created with the keys in {self.folder}",
                    hint="open that one, or choose another origin: a second log under one name would be a fork",
                )
            yield

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Take back what was made in the folder when the log whose keys these are did not come to be. Only inside `beginning`."""
        before = {path.name for path in self.folder.iterdir()} - {"lock"}
        try:
            yield
        except UnknownOutcomeError:
            raise  # it may have come to be, and nobody could ever sign it
        except (TallyError, OSError, RuntimeError):  # RuntimeError: whoever was asked for a passphrase went away
            self._take_back(before)
            raise

    def _take_back(self, before: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.name not in {*before, "lock"}:
                path.unlink()
        if not before:
            (self.folder / "lock").unlink()
            self.folder.rmdir()

    def first(self) -> bytes | None:
        """Return the leaf hash of the log's entry 0; None when nobody wrote it down yet.

        Raises:
            MalformedError: What stands there is none.
        """
        data = self._read("first")
        if data is None:
            return None
        match = _FIRST.match(data)
        if match is None:
            raise MalformedError(
                f"the {len(data)} bytes of {self.folder / 'first'} do not name the first entry of a log"
            )
        return bytes.fromhex(match[1].decode())

    def keep_first(self, leaf: bytes) -> None:
        """Write down, durably, of which log these keys are. Only inside `locked`. Raises as `ledger.durable.replace`."""
        durable.replace(self.folder / "first", b"tallystick/first/v1 %s\n" % leaf.hex().encode())

    def acknowledged(self) -> Tip | None:
        """Return the tip that the log must hold; None where nothing that could be read says one.

        Raises:
            UnverifiableError: It is there, and not for us to read.
        """
        with suppress(MissingError, MalformedError):
            return None if self.first() is None else self.tip.read()
        return None

    def head(self) -> bytes | None:
        """Return the last checkpoint that was signed here, or None."""
        return self._read("head")

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnverifiableError(f"{self.folder / name} cannot be read: {error.strerror}") from error

    def keep_head(self, note: bytes) -> None:
        """Make `note` the head, durably, or leave the one before. Raises as `ledger.durable.replace`."""
        durable.replace(self.folder / "head", note)
