"""JSON Web Tokens: what a good one grants, and each way in which one is not good."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proofs.errors import RefusedError, UnverifiableError
from server.errors import UnauthenticatedError
from server.oidc import Verifier
from server.settings import Oidc, Settings

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {"iss": "https://idp.example", "aud": "tally", "sub": "ada@example.org", "tally_roles": ["reader", "root"]}


def jwk(key: Any, **more: str) -> dict[str, Any]:
    return {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "alg": "ES256", "use": "sig", **more}


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk(KEY, kid="1"), jwk(OTHER, kid="2")]}))
    return Verifier(Oidc(issuer="https://idp.example", audience="tally", jwks=str(tmp_path / "jwks.json")))


def token(key: Any = KEY, algorithm: str = "ES256", kid: str | None = "1", **claims: Any) -> str:
    said = {**CLAIMS, "exp": time.time() + 600, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers={"kid": kid} if kid else {})


def test_a_good_token_grants_its_roles_and_names_nobody(verifier: Verifier) -> None:
    good = token(tally_namespaces=["crm"], tally_sources="urn:a urn:b")

    principal = verifier.verify(good)

    assert principal.roles == {"reader"}
    assert (principal.namespaces, principal.sources) == (("crm",), ("urn:a", "urn:b"))
    assert principal.id.startswith("oidc:")
    assert "ada" not in principal.id
    assert verifier.remembered(good) == principal
    assert verifier.remembered(good + "x") is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"aud": "other"}, {"exp": 1}, {"exp": None}, {"sub": None}, {"aud": None},
        {"nbf": time.time() + 600}, {"tally_namespaces": []}, {"tally_sources": {"a": 1}}, {"tally_namespaces": [7]},
        {"tally_namespaces": ""}, {"tally_namespaces": None, "tally_roles": 7},
    ],
)  # fmt: skip
def test_a_token_of_others_or_out_of_time_or_without_a_clear_scope_is_refused(verifier: Verifier, claims: Any) -> None:
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token(**claims))


def test_a_signature_of_another_key_is_refused(verifier: Verifier) -> None:
    for bad in (
        token(OTHER),
        token(kid="2"),
        token(kid="3"),
        token(kid=None),
        token(ec.generate_private_key(ec.SECP256R1())),
    ):
        with pytest.raises(UnauthenticatedError):
            verifier.verify(bad)


def test_an_algorithm_that_the_token_chooses_is_refused(verifier: Verifier) -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"1"}')
    said = jwt.utils.base64url_encode(json.dumps({**CLAIMS, "exp": time.time() + 600}).encode())
    mac = jwt.utils.base64url_encode(__import__("hmac").digest(public, header + b"." + said, "sha256"))
    none = jwt.utils.base64url_encode(b'{"alg":"none","kid":"1"}')
    rsa_token = token(rsa.generate_private_key(65537, 2048), "RS256")

    for bad in (
        b".".join((header, said, mac)),
        none + b"." + said + b".",
        rsa_token.encode(),
        b"",
        b".",
        b"a.b.c",
        b"x" * 20_000,
    ):
        with pytest.raises(UnauthenticatedError):
            verifier.verify(bad.decode())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AA"}]}', '{"keys":7}'])
def test_keys_that_cannot_be_read_let_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "jwks.json").write_text(content)
    settings = Oidc(issuer="i", audience="a", jwks=str(tmp_path / "jwks.json"))

    with pytest.raises((UnverifiableError, UnauthenticatedError)):
        Verifier(settings).verify(token(iss="i", aud="a"))


def test_keys_over_plain_http_are_refused() -> None:
    with pytest.raises(RefusedError, match="whoever changes the keys in transit is let in"):
        Settings.of(ledger="sqlite:///a.db", oidc={"issuer": "i", "audience": "a", "jwks": "http://idp.example/keys"})
