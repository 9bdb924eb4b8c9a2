"""Who may speak to the ledger, as facts of the log itself: a credential is granted, and it is revoked.

    tally_<id>_<secret>      id: 16 hex digits, public; secret: 256 random bits, base64url, shown once

The log keeps the SHA-256 of the whole token. That is enough, where a password would want a slow hash: nobody tries 2^256
secrets, so the hash may stand in a body that is never deleted, and every process that has the log knows every credential.

Source: docs/formats/events.md; docs/adr/0008-tokens-are-events.md.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson

from ledger.append import Receipt
from ledger.clock import print_at, uuid7
from ledger.event import Event
from ledger.log import Ledger
from ledger.record import Record, read_seqs
from ledger.store import Store
from proofs import jsonstrict, limits
from proofs.digest import sha256
from proofs.entry import check_text
from proofs.errors import MalformedError, MissingError, RefusedError
from proofs.record import record

GRANTED: Final = "tallystick.access.granted.v1"
REVOKED: Final = "tallystick.access.revoked.v1"
ROLES: Final = ("emitter", "reader", "auditor", "compliance", "admin")
MAX_SCOPES: Final = 64
_TOKEN: Final = re.compile(r"tally_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_PAGE: Final = 2_000
_STREAMS: Final = (f"type:{GRANTED}", f"type:{REVOKED}")


@dataclass(frozen=True, slots=True)
class Grant:
    """One credential.

    Attributes:
        id: Its public name, 16 hex digits.
        roles: Some of `ROLES`, sorted.
        sources: Prefixes of the sources that it may write as; empty: any.
        namespaces: Prefixes of the namespaces that it may write to and read of; empty: any.
        expires: As an entry prints a time; None: never.
        digest: SHA-256 of the token, 32 bytes.
        granted_at: When, by the ledger's clock.
        revoked_at: When it was revoked; None while it holds.
    """

    id: str
    roles: tuple[str, ...]
    sources: tuple[str, ...]
    namespaces: tuple[str, ...]
    expires: str | None
    digest: bytes
    granted_at: str
    revoked_at: str | None = None

    def holds(self, now: str) -> bool:
        """True while it was neither revoked nor has expired; `now` as an entry prints a time."""
        return self.revoked_at is None and (self.expires is None or now < self.expires)


def grant(
    log: Ledger,
    roles: Iterable[str],
    *,
    sources: Iterable[str] = (),
    namespaces: Iterable[str] = (),
    expires: datetime | None = None,
) -> tuple[str, Receipt]:
    """Record a new credential and return its token, which is shown this once, and the receipt.

    Raises:
        RefusedError: No role, an unknown one, a scope that no entry could name, or an end that is past.
    """
    chosen = sorted(set(roles))
    if not chosen or not set(chosen) <= set(ROLES):
        raise RefusedError(f"roles {', '.join(chosen) or 'none'} are not some of {', '.join(ROLES)}")
    if expires is not None and expires <= log.clock():
        raise RefusedError(f"the credential would end at {print_at(expires)}, which is past")
    id = secrets.token_hex(8)
    token = f"tally_{id}_{secrets.token_urlsafe(32)}"
    body = {
        **({} if expires is None else {"expires": print_at(expires)}),
        "id": id,
        "namespaces": _scopes(namespaces, "namespace"),
        "roles": chosen,
        "sha256": sha256(token.encode()).hex(),
        "sources": _scopes(sources, "source"),
    }
    return token, _record(log, GRANTED, body)


def revoke(log: Ledger, id: str) -> Receipt:
    """Record that the credential `id` holds no longer.

    Raises:
        MissingError: It was never granted, or was revoked before.
    """
    known = read_grants(log).get(id)
    if known is None or known.revoked_at is not None:
        raise MissingError(f"no credential {id[:32]!r} that could be revoked", hint="`tally token list` names them")
    return _record(log, REVOKED, {"id": id})


def read_grants(log: Ledger) -> dict[str, Grant]:
    """Return every credential by its id, revoked ones too, from the streams of the two facts."""
    seqs = sorted(seq for name in _STREAMS for _, seq, _ in log.positions(name))
    return fold({}, read_seqs(log.store, seqs), origin=log.origin)


def edition(store: Store) -> tuple[int, ...]:
    """Return a value that changes when a credential is granted or revoked; one quick read."""
    counts = store.streams.counts(_STREAMS)
    return tuple(counts.get(name, 0) for name in _STREAMS)


def changes(store: Store, start: int, stop: int) -> Iterator[Record]:
    """Yield the facts about credentials among the entries start ≤ seq < stop, without any index."""
    for first in range(start, stop, _PAGE):
        headers = store.headers(first, min(first + _PAGE, stop))
        seqs = [seq for seq, header in enumerate(headers, first) if b'"type":"tallystick.access.' in header]
        yield from read_seqs(store, seqs)


def fold(grants: dict[str, Grant], records: Iterable[Record], *, origin: str) -> dict[str, Grant]:
    """Return `grants` after `records`; what cannot be read grants nothing."""
    grants = dict(grants)
    for one in records:
        if one.source != origin or one.body is None:
            continue
        if one.type == GRANTED and (made := _read_grant(one.body, one.at)) is not None:
            grants.setdefault(made.id, made)
        elif one.type == REVOKED and (id := _read_id(one.body)) in grants:
            grants[id] = replace(grants[id], revoked_at=grants[id].revoked_at or one.at)
    return grants


def find(grants: dict[str, Grant], token: str, now: str) -> Grant | None:
    """Return the credential that `token` is, or None when there is none that holds at `now`."""
    match = _TOKEN.fullmatch(token)
    known = grants.get(match[1]) if match else None
    if known is None or not hmac.compare_digest(known.digest, sha256(token.encode())) or not known.holds(now):
        return None
    return known


def _scopes(values: Iterable[str], name: str) -> list[str]:
    scopes = sorted(set(values))
    if len(scopes) > MAX_SCOPES:
        raise RefusedError(f"{len(scopes)} {name}s are named, at most {MAX_SCOPES} are possible")
    try:
        return [check_text(scope, limit_bytes=limits.SOURCE_BYTES, name=name) for scope in scopes]
    except ValueError as error:
        raise RefusedError(str(error)) from error


def _record(log: Ledger, type: str, body: Mapping[str, object]) -> Receipt:
    event = Event(type=type, source=log.origin, id=uuid7(log.clock()), data=jsonstrict.dumps(body))
    return log.record([event])[0]


def _read_grant(body: bytes, at: str) -> Grant | None:
    try:
        said = record(orjson.loads(body), "id namespaces roles sha256 sources", "expires")
        return Grant(
            id=said.text("id"),
            roles=_texts(said.array("roles")),
            sources=_texts(said.array("sources")),
            namespaces=_texts(said.array("namespaces")),
            expires=said.at("expires") if "expires" in said else None,
            digest=said.digest("sha256"),
            granted_at=at,
        )
    except (MalformedError, orjson.JSONDecodeError):
        return None


def _read_id(body: bytes) -> str:
    try:
        return record(orjson.loads(body), "id").text("id")
    except (MalformedError, orjson.JSONDecodeError):
        return ""


def _texts(values: list[object]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise MalformedError("a scope is not text")
    return tuple(map(str, values))
