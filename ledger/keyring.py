"""What stands beside the ledger and never in it: signing keys, the head guard, the vault. One folder per origin.

    <home>/<origin, made a file name>/   log-<id>.pem  evidence-<id>.pem  head  vault.db  kek-<epoch>

The home is `TALLY_HOME`, or `~/.local/share/tallystick`. It must not be backed up together with the ledger: a restored backup
that brought its own head along could fork the log without anybody seeing it (I14).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_UN, flock
from pathlib import Path
from typing import Final

from ledger.signer import FileSigner, Passphrase, Purpose, Signer, environment_passphrase, key_id
from proofs.digest import sha256
from proofs.errors import MissingError, RefusedError

HOME: Final = "TALLY_HOME"


def default_home() -> Path:
    """Return the folder of all keyrings: `TALLY_HOME`, or the user's data folder."""
    named = os.environ.get(HOME)
    return Path(named) if named else Path.home() / ".local" / "share" / "tallystick"


class Keyring:
    """One origin's folder of keys."""

    def __init__(self, origin: str, home: Path | None = None, passphrase: Passphrase = environment_passphrase) -> None:
        """Name the folder; nothing is read or made yet."""
        self.origin = origin
        name = f"{origin.replace('/', '_')[:80]}-{sha256(origin.encode()).hex()[:8]}"
        self.folder = (default_home() if home is None else home) / name
        self.passphrase = passphrase
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
        """Draw a new key for `purpose` and keep it in the folder."""
        self.create()
        fresh = self.folder / f"{purpose}-new.pem"
        fresh.unlink(missing_ok=True)  # left by a crash before the rename below: it never signed anything
        signer = FileSigner.generate(fresh, self.passphrase)
        fresh.rename(self.folder / f"{purpose}-{key_id(signer.public_key)[:16]}.pem")
        sync_folder(self.folder)
        return self.signer(purpose, key_id(signer.public_key))

    def signer(self, purpose: Purpose, id: str) -> Signer:
        """Return the signer of the key `id`.

        Raises:
            MissingError: The folder has no such key.
        """
        path = self.folder / f"{purpose}-{id[:16]}.pem"
        if not path.is_file():
            raise MissingError(
                f"no {purpose} key {id[:16]} for {self.origin} in {self.folder}",
                hint=f"set {HOME} to the folder that holds the keys",
            )
        return FileSigner(path, self.passphrase)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the keyring against other processes and threads: one signs, or rotates, at a time. MAY nest."""
        with self._lock:
            if self._is_locked:
                yield
                return
            self.create()
            with (self.folder / "lock").open("w") as file:
                flock(file, LOCK_EX)
                self._is_locked = True
                try:
                    yield
                finally:
                    self._is_locked = False
                    flock(file, LOCK_UN)

    def head(self) -> bytes | None:
        """Return the last checkpoint that was signed here, or None."""
        path = self.folder / "head"
        return path.read_bytes() if path.is_file() else None

    def keep_head(self, note: bytes) -> None:
        """Make `note` the head, durably, or leave the one before."""
        replace_durably(self.folder / "head", note)


def replace_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path` so that after a crash either the old bytes or the new are there, and on return the new."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
