"""JSON Web Tokens of one issuer: signature, issuer, audience and time are checked; no algorithm that a token chooses is.

A verified token is remembered until it ends, by its hash, so that a busy emitter costs one signature check. Keys come from a
file or a URL. They are fetched again every ten minutes, for an issuer takes back a key that leaked, and with an unknown key id,
but at most once a minute, so that nobody can make the server fetch at will. A token is remembered under the keys that it was
checked with: under others it is checked again. Keys of an hour ago let nobody in.

Source: RFC 7519, RFC 8725 (JSON Web Token Best Current Practices).
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import jwt

from ledger.access import ROLES
from proofs.digest import sha256
from proofs.errors import UnverifiableError
from server.auth import Principal
from server.errors import OverloadedError, UnauthenticatedError
from server.settings import Oidc

# Asymmetric ones alone: with HS256 whoever knows the public key could sign, and `none` asks for no signature.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_REMEMBERED: Final = 4_096
_REFETCH_SECONDS: Final = 60.0
_FRESH_SECONDS: Final = 600.0
_STALE_SECONDS: Final = 3_600.0
_LONGEST_SECONDS: Final = 86_400.0  # of a token from now: one that never ends could not be taken back
_FETCH_SECONDS: Final = 5.0
_JWKS_BYTES: Final = 1 << 20
_LEEWAY_SECONDS: Final = 30
_MAX_TOKEN: Final = 16_384


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows nothing: keys are what stands at the address that was named, and one hop over plain http could change them."""

    def redirect_request(self, *_: object) -> None:
        return None


_NO_REDIRECTION: Final = urllib.request.build_opener(_Here)


class Verifier:
    """Accepts the tokens of one issuer; MAY be called from many threads."""

    def __init__(self, settings: Oidc) -> None:
        """Read the issuer's keys.

        Raises:
            UnverifiableError: They cannot be had.
        """
        self._settings = settings
        self._lock = threading.Lock()
        self._remembered: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self._data, self._keys = self._fetch()
        self._fetched = self._tried = time.monotonic()

    def remembered(self, token: str) -> Principal | None:
        """Return who a token is that was verified with these keys before and has not ended; never waits."""
        if time.monotonic() - self._fetched > _FRESH_SECONDS:
            return None  # `verify` looks after the keys first
        known = self._remembered.get(sha256(token.encode()))
        return known[1] if known is not None and known[0] > time.time() else None

    def verify(self, token: str) -> Principal:
        """Return who a token is; may wait for the issuer.

        Raises:
            UnauthenticatedError: It is not a token of this issuer for this audience, or not now.
            OverloadedError: The issuer's keys could not be had for an hour.
        """
        if len(token) > _MAX_TOKEN:
            raise UnauthenticatedError("the token is too long")
        if (known := self._refreshed(token)) is not None:
            return known
        data = self._data
        try:
            claims = jwt.decode(
                token,
                self._key(jwt.get_unverified_header(token)),
                algorithms=list(ALGORITHMS),
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise UnauthenticatedError("the token is not acceptable") from error
        if (ends := int(claims["exp"])) > time.time() + _LONGEST_SECONDS:
            raise UnauthenticatedError(f"the token ends in more than {_LONGEST_SECONDS / 3600:.0f} hours")
        principal = self._principal(claims)
        with self._lock:
            if self._data != data:
                return principal  # good with the keys of a moment ago; not remembered among those of the new ones
            self._remembered[sha256(token.encode())] = (ends, principal)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return principal

    def _principal(self, claims: dict[str, Any]) -> Principal:
        prefix = self._settings.claim
        subject = sha256(f"{claims['iss']}\0{claims['sub']}".encode()).hex()[:32]  # no name of a person in any log
        return Principal(
            f"oidc:{subject}",
            frozenset(_texts(claims, f"{prefix}_roles")) & frozenset(ROLES),
            _texts(claims, f"{prefix}_sources"),
            _texts(claims, f"{prefix}_namespaces"),
        )

    def _refreshed(self, token: str) -> Principal | None:
        """Look after the keys where they are old; returns who a token is when it is remembered after that."""
        now = time.monotonic()
        if now - self._fetched > _FRESH_SECONDS:
            self._fetch_again()
            if now - self._fetched > _STALE_SECONDS:
                raise OverloadedError(f"the issuer's keys could not be read for {_STALE_SECONDS / 60:.0f} minutes")
        return self.remembered(token)

    def _fetch_again(self) -> None:
        """Read the keys anew, where that was not tried within a minute; where it fails, those that are known go on."""
        with self._lock:
            if time.monotonic() - self._tried <= _REFETCH_SECONDS:
                return
            self._tried = time.monotonic()
        try:
            data, keys = self._fetch()
        except UnverifiableError:
            return
        with self._lock:
            if data != self._data:
                self._remembered.clear()
            self._data, self._keys, self._fetched = data, keys, time.monotonic()

    def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        id = header.get("kid")
        found = self._find(id)
        if found is None:
            self._fetch_again()
            found = self._find(id)
        if found is None:
            raise UnauthenticatedError("the token names no key of the issuer")
        if header.get("alg") != found.algorithm_name:
            raise UnauthenticatedError("the token's algorithm is not that of its key")
        return found

    def _find(self, id: object) -> jwt.PyJWK | None:
        keys = [key for key in self._keys if key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS]
        return (
            next((key for key in keys if key.key_id == id), None)
            if id is not None
            else keys[0]
            if len(keys) == 1
            else None
        )

    def _fetch(self) -> tuple[bytes, list[jwt.PyJWK]]:
        place = self._settings.jwks
        try:
            if place.startswith("https://"):
                with _NO_REDIRECTION.open(place, timeout=_FETCH_SECONDS) as answer:
                    data = answer.read(_JWKS_BYTES)
            else:
                with Path(place).open("rb") as file:
                    data = file.read(_JWKS_BYTES)
            return data, list(jwt.PyJWKSet.from_dict(json.loads(data)).keys)
        except (OSError, ValueError, jwt.PyJWTError, AttributeError, TypeError) as error:
            raise UnverifiableError(f"the issuer's keys cannot be read: {type(error).__name__}") from error


def _texts(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    """The texts of a claim, () where there is none; what is there and says nothing is refused, for () would mean all."""
    if name not in claims:
        return ()
    value = claims[name]
    values = value.split() if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(text, str) and text for text in values):
        raise UnauthenticatedError(f"the claim {name} is not a list of texts")
    return tuple(sorted(set(values)))
