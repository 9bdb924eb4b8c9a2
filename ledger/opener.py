"""What a vault sealed, opened again: the part's data key, the key-encryption key around it, and the bytes.

    sealed = nonce || AES-256-GCM(data key, salt || bytes)        wrapped = nonce || AES-256-GCM(kek of its epoch, data key)

Reads alone, so that whoever may only look at a vault opens what it sealed in the same way. Source: docs/formats/bodies.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proofs.errors import MalformedError, MissingError, TamperedError

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32


class DestroyedError(MissingError):
    """The vault holds no key of a part: it was destroyed, or never was in this vault."""


class Opener:
    """Opens parts.

    Attributes:
        folder: Holds the key-encryption keys.
    """

    def __init__(self, folder: Path, rows: Callable[..., list[Any]], *, origin: str) -> None:
        """Open what the log `origin` sealed.

        Args:
            rows: Gives the rows of a query of `vault.db`, with values for its marks.
        """
        self.folder = folder
        self._rows = rows
        self._origin = origin.encode()
        self._keks: dict[int, AESGCM] = {}

    def open(self, commitment: bytes, sealed: bytes) -> bytes:
        """Return salt || bytes of a sealed part.

        Raises:
            DestroyedError: The key was destroyed, or never was here.
            MissingError, MalformedError: The key-encryption key cannot be read.
            TamperedError: The sealed bytes are not what was sealed.
        """
        rows = self._rows("SELECT key FROM part WHERE commitment = ?", commitment)
        if not rows:
            raise DestroyedError("the key of this part was destroyed, or is in another vault")
        return _opened(self._data_key(rows[0][0]), sealed, self._seal_context(commitment), what="a sealed part")

    def _data_key(self, id: int) -> AESGCM:
        tried = None
        while rows := self._rows("SELECT epoch, wrapped FROM data_key WHERE id = ?", id):
            epoch, wrapped = rows[0]
            try:
                return AESGCM(self._unwrap(epoch, wrapped))
            except MissingError:
                # Another process may have rotated between the row and the file: the row then tells a later epoch.
                if epoch == tried:
                    raise
                tried = epoch
        raise DestroyedError("the key of this part was destroyed")

    def _unwrap(self, epoch: int, wrapped: bytes) -> bytes:
        return _opened(self._kek(epoch), wrapped, self._wrap_context(epoch), what="a data key")

    def _kek(self, epoch: int) -> AESGCM:
        if epoch not in self._keks:
            path = self.folder / f"kek-{epoch}"
            try:
                key = path.read_bytes()
            except OSError as error:
                what = f"the key-encryption key of epoch {epoch} cannot be read in {self.folder}: {error.strerror}"
                raise MissingError(what) from error
            if len(key) != KEY_BYTES:
                raise MalformedError(f"{path} has {len(key)} bytes, expected {KEY_BYTES}")
            self._keks[epoch] = AESGCM(key)
        return self._keks[epoch]

    def _seal_context(self, commitment: bytes) -> bytes:
        return b"tallystick/seal/v1\0" + self._origin + b"\0" + commitment

    def _wrap_context(self, epoch: int) -> bytes:
        return b"tallystick/wrap/v1\0" + self._origin + b"\0%d" % epoch


def _opened(cipher: AESGCM, sealed: bytes, context: bytes, *, what: str) -> bytes:
    """What was sealed under `cipher` in this context.

    Raises:
        TamperedError: The bytes are others, or come from another place.
    """
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
        raise TamperedError(f"{what} does not open under its key") from error
