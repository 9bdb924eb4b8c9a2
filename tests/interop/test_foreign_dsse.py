"""A DSSE envelope of ours, accepted by securesystemslib, and one of theirs by us."""

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope as ForeignEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

from proofs.dsse import PAYLOAD_TYPE, Envelope, pae
from proofs.errors import TamperedError

STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"urn:tallystick:evidence:v1"}'


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def key_id(key: Ed25519PrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def test_securesystemslib_accepts_an_envelope_of_ours(key: Ed25519PrivateKey, key_id: str) -> None:
    ours = Envelope(STATEMENT, key_id, key.sign(pae(PAYLOAD_TYPE, STATEMENT)))
    known = SSlibKey.from_crypto(key.public_key(), keyid=key_id)

    foreign = ForeignEnvelope.from_dict(json.loads(ours.to_bytes()))

    assert list(foreign.verify([known], threshold=1)) == [key_id]
    assert foreign.payload == ours.verify(key.public_key().public_bytes_raw()) == STATEMENT


def test_both_refuse_another_statement(key: Ed25519PrivateKey, key_id: str) -> None:
    forged = Envelope(STATEMENT + b" ", key_id, key.sign(pae(PAYLOAD_TYPE, STATEMENT)))
    known = SSlibKey.from_crypto(key.public_key(), keyid=key_id)

    with pytest.raises(VerificationError):
        ForeignEnvelope.from_dict(json.loads(forged.to_bytes())).verify([known], threshold=1)
    with pytest.raises(TamperedError, match="Ed25519 signature does not match the key and the message"):
        forged.verify(key.public_key().public_bytes_raw())


def test_we_accept_what_securesystemslib_signed(key: Ed25519PrivateKey, key_id: str) -> None:
    known = SSlibKey.from_crypto(key.public_key(), keyid=key_id)
    foreign = ForeignEnvelope(STATEMENT, PAYLOAD_TYPE, {})
    signature = foreign.sign(CryptoSigner(key, known))

    ours = Envelope(foreign.payload, signature.keyid, bytes.fromhex(signature.signature))

    assert ours.verify(key.public_key().public_bytes_raw()) == STATEMENT
    assert json.loads(ours.to_bytes()) == foreign.to_dict()
