"""The DSSE protocol's example, and envelopes with one spelling."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from proofs import dsse
from proofs.errors import TallyError

LOADED = json.loads((Path(__file__).parent / "dsse.json").read_text())


def vectors(member: str) -> list[Any]:
    chosen = [pytest.param(each, id=each["description"]) for each in LOADED if member in each]
    assert chosen
    return chosen


@pytest.mark.parametrize("vector", vectors("pae"))
def test_the_bytes_that_are_signed_are_the_protocols(vector: Any) -> None:
    assert dsse.pae(vector["type"], bytes.fromhex(vector["payload"])) == vector["pae"].encode()


@pytest.mark.parametrize("vector", vectors("p256"))
def test_the_protocols_own_signature_is_over_these_bytes(vector: Any) -> None:
    raw = b64decode(vector["p256"]["signature"])
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    numbers = ec.EllipticCurvePublicNumbers(int(vector["p256"]["x"]), int(vector["p256"]["y"]), ec.SECP256R1())
    signed = dsse.pae(vector["type"], bytes.fromhex(vector["payload"]))

    numbers.public_key().verify(signature, signed, ec.ECDSA(SHA256()))  # raises InvalidSignature


@pytest.mark.parametrize("vector", [each for each in vectors("envelope") if "error" not in each.values[0]])
def test_I15_an_envelope_is_read_verified_and_printed(vector: Any) -> None:
    envelope = dsse.Envelope.parse(vector["envelope"].encode())

    assert envelope.verify(bytes.fromhex(vector["public_key"])) == bytes.fromhex(vector["payload"])
    assert envelope.key_id == vector["key_id"]
    assert envelope.to_bytes() == vector["envelope"].encode()


@pytest.mark.parametrize("vector", vectors("error"))
def test_an_envelope_is_refused_for_its_reason(vector: Any) -> None:
    with pytest.raises(TallyError) as caught:
        dsse.Envelope.parse(vector["envelope"].encode()).verify(bytes.fromhex(vector["public_key"]))

    assert (caught.value.code, str(caught.value)) == (vector["code"], vector["error"])
