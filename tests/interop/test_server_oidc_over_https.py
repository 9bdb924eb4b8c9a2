"""The keys of an issuer fetched over https, as in the field: a real TLS server, a real service, a real token."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from proofs.errors import UnverifiableError
from server.oidc import Verifier
from server.settings import Oidc

KEY = ec.generate_private_key(ec.SECP256R1())
Certified = Callable[[Path], tuple[Path, Path]]


class Issuer(BaseHTTPRequestHandler):
    """Its keys stand at /keys; /moved leads there by way of plain http."""

    def do_GET(self) -> None:
        body = b""
        if self.path == "/keys":
            known = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())), "alg": "ES256", "kid": "1"}
            body = json.dumps({"keys": [known]}).encode()
        self.send_response(200 if self.path == "/keys" else 302)
        self.send_header("Location", "http://localhost:9/keys")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def issuer_url(tmp_path: Path, certified: Certified, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    cert, key = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), Issuer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def token(**claims: Any) -> str:
    said = {"iss": "https://idp.example", "aud": "tally", "sub": "ada", "exp": time.time() + 600, **claims}
    return jwt.encode(said, KEY, "ES256", headers={"kid": "1"})


def test_a_token_lets_in_whose_key_the_issuer_serves_over_https(issuer_url: str, serve: Any) -> None:
    running = serve(
        *("--oidc-issuer", "https://idp.example", "--oidc-audience", "tally", "--oidc-jwks", f"{issuer_url}/keys"),
        open=False,
    )

    assert running.get("/api/v1/log/entries", token(tally_roles=["reader"])).status == 200
    assert running.get("/api/v1/log/entries", token(tally_roles=["emitter"])).status == 403
    assert running.get("/api/v1/log/entries", token(tally_roles=["reader"], aud="another")).status == 401
    assert running.get("/api/v1/log/entries").status == 401


def test_a_redirection_is_not_followed(issuer_url: str) -> None:
    with pytest.raises(UnverifiableError, match="the issuer's keys cannot be read: HTTPError"):
        Verifier(Oidc(issuer="i", audience="a", jwks=f"{issuer_url}/moved"))


def test_an_issuer_that_no_authority_vouches_for_is_not_believed(
    issuer_url: str, tmp_path: Path, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other, _ = certified(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))

    with pytest.raises(UnverifiableError, match="the issuer's keys cannot be read: URLError"):
        Verifier(Oidc(issuer="i", audience="a", jwks=f"{issuer_url}/keys"))
