"""JSON Web Tokens: what a good one grants, and each way in which one is not good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proofs.errors import RefusedError, UnverifiableError
from server.errors import OverloadedError, UnauthenticatedError
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
        {"nbf": time.time() + 86_400}, {"tally_namespaces": []}, {"tally_sources": {"a": 1}}, {"tally_namespaces": [7]},
        {"tally_namespaces": ""}, {"exp": time.time() + 2 * 86_400}, {"exp": 10**30}, {"exp": "1e400"},
        {"exp": str(10**30)}, {"exp": float("inf")},
        {"tally_namespaces": None, "tally_roles": 7},
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


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the server's own clock pass; tokens end by the wall's, which stands."""
    now = [time.monotonic()]
    monkeypatch.setattr("server.oidc.time.monotonic", lambda: now[0])

    def pass_on(seconds: float) -> None:
        now[0] += seconds

    return pass_on


@pytest.fixture
def keys(tmp_path: Path, passing: Callable[[float], None]) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(KEY, kid="1")]}))
    return path


def verifier_of(keys: Path) -> Verifier:
    return Verifier(Oidc(issuer="https://idp.example", audience="tally", jwks=str(keys)))


def test_a_key_that_the_issuer_took_back_lets_nobody_in_ten_minutes_later(
    keys: Path, passing: Callable[[float], None]
) -> None:
    verifier, leaked = verifier_of(keys), token()
    assert verifier.verify(leaked).roles == {"reader"}
    keys.write_text(json.dumps({"keys": [jwk(OTHER, kid="2")]}))
    assert verifier.remembered(leaked) is not None

    passing(601)

    assert verifier.remembered(leaked) is None
    with pytest.raises(UnauthenticatedError, match="names no key of the issuer"):
        verifier.verify(leaked)
    assert verifier.verify(token(OTHER, kid="2")).roles == {"reader"}
    assert verifier.remembered(leaked) is None


def test_a_token_is_forgotten_as_soon_as_other_keys_are_known(keys: Path, passing: Callable[[float], None]) -> None:
    verifier, leaked = verifier_of(keys), token()
    verifier.verify(leaked)
    keys.write_text(json.dumps({"keys": [jwk(OTHER, kid="2")]}))

    passing(61)
    verifier.verify(token(OTHER, kid="2"))  # an unknown key id: the keys are read again

    assert verifier.remembered(leaked) is None


def test_an_issuer_that_is_away_is_borne_for_an_hour_and_then_nobody_is_let_in(
    keys: Path, passing: Callable[[float], None]
) -> None:
    verifier = verifier_of(keys)
    there = keys.read_text()
    keys.unlink()

    passing(3_500)
    assert verifier.verify(token()).roles == {"reader"}
    passing(101)
    with pytest.raises(OverloadedError, match="could not be read for 60 minutes"):
        verifier.verify(token())
    keys.write_text(there)
    passing(61)
    assert verifier.verify(token()).roles == {"reader"}


def test_keys_over_plain_http_are_refused() -> None:
    with pytest.raises(RefusedError, match="whoever changes the keys in transit is let in"):
        Settings.of(ledger="sqlite:///a.db", oidc={"issuer": "i", "audience": "a", "jwks": "http://idp.example/keys"})
