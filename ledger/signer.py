"""Who signs: an Ed25519 key in an encrypted file, or anything else that keeps the `Signer` protocol (a KMS, an HSM).

A key has one purpose. `log` signs checkpoints and nothing else; `evidence` signs tag manifests and DSSE statements.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import durable
from proofs.digest import sha256
from proofs.errors import MalformedError, MissingError, RefusedError, UnverifiableError

Purpose = Literal["log", "evidence"]
Passphrase = Callable[[], bytes]
"""Asked only when a key is needed: from a prompt, a file or the environment."""

ENVIRONMENT: Final = "TALLY_KEY_PASSPHRASE"
_SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: AlgorithmIdentifier id-Ed25519, BIT STRING


class Signer(Protocol):
    """Signs bytes with one Ed25519 key that the caller never sees."""

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) of `message`, 64 bytes.

        Raises:
            UnverifiableError: The key cannot be used now: wrong passphrase, no connection.
        """


def spki(public_key: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of an Ed25519 key, 44 bytes.

    Source: RFC 8410.
    """
    return _SPKI_PREFIX + public_key


def key_id(public_key: bytes) -> str:
    """Return a key's id: the hex SHA-256 of its SubjectPublicKeyInfo, as `openssl pkey -outform DER | sha256sum` shows it."""
    return sha256(spki(public_key)).hex()


def public_pem(public_key: bytes) -> str:
    """Return the key as `openssl pkeyutl -pubin -inkey` reads it."""
    return f"-----BEGIN PUBLIC KEY-----\n{b64encode(spki(public_key)).decode()}\n-----END PUBLIC KEY-----\n"


class FileSigner:
    """An Ed25519 key in a PKCS #8 file, encrypted with a passphrase, readable by its owner alone."""

    def __init__(self, path: Path, passphrase: Passphrase) -> None:
        """Use the key at `path`; the passphrase is asked for when it is first needed.

        Raises:
            MissingError: There is no such file.
            RefusedError: Others may read it.
        """
        if not path.is_file():
            raise MissingError(f"no key at {path}")
        if path.stat().st_mode & 0o077:
            raise RefusedError(f"the key {path} is open to others", hint=f"chmod 600 {path}")
        self._path = path
        self._passphrase = passphrase
        self._key: Ed25519PrivateKey | None = None

    @classmethod
    def generate(cls, path: Path, passphrase: Passphrase) -> FileSigner:
        """Draw a new key and write it to `path`, encrypted and durable.

        Raises:
            ConflictError: Something exists at `path`; it is left as it was.
            RefusedError: The passphrase is empty, or the file cannot be written.
        """
        secret = passphrase()
        if not secret:
            raise RefusedError("the passphrase of a key is empty")
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(secret)
        )
        durable.create(path, pem)
        signer = cls(path, passphrase)
        signer._key = key
        return signer

    @property
    def public_key(self) -> bytes:
        return self._private().public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        if self._key is None:
            try:
                pem = self._path.read_bytes()
            except OSError as error:
                raise UnverifiableError(f"the key {self._path} cannot be read: {error.strerror}") from error
            try:
                key = serialization.load_pem_private_key(pem, self._passphrase())
            except (ValueError, TypeError) as error:  # cryptography's words for a wrong passphrase and for no PEM
                raise UnverifiableError(f"the key {self._path} does not open with this passphrase") from error
            except UnsupportedAlgorithm as error:
                raise MalformedError(f"the key {self._path} is of a kind that this program does not know") from error
            if not isinstance(key, Ed25519PrivateKey):
                raise MalformedError(f"the key {self._path} is no Ed25519 key")
            self._key = key
        return self._key


def environment_passphrase() -> bytes:
    """Return the passphrase of `TALLY_KEY_PASSPHRASE`.

    Raises:
        UnverifiableError: It is not set.
    """
    secret = os.environ.get(ENVIRONMENT, "")
    if not secret:
        raise UnverifiableError(
            "no passphrase for the key", hint=f"set {ENVIRONMENT}, or give a file with --passphrase-file"
        )
    return secret.encode()
