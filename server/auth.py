"""Who asks, and what they may: denied unless a credential says otherwise.

    Authorization: Bearer tally_<id>_<secret>     a grant in the log (ledger.access)
    Authorization: Bearer <JWT>                   an issuer that the settings name (server.oidc)

Everything here is a pure function of the credential and the question. A scope is a prefix that ends where a name's step
ends: "urn:team-a" holds "urn:team-a" and "urn:team-a:jobs", and not "urn:team-abc".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.access import ROLES, Grant
from ledger.document import read_document
from ledger.event import Event
from proofs.streams import OPENLINEAGE_TYPES
from server.errors import ForbiddenError, UnauthenticatedError

EMITTER, READER, AUDITOR, COMPLIANCE, ADMIN = ROLES
EVERYBODY: Final = frozenset(ROLES)
READERS: Final = frozenset((READER, AUDITOR, COMPLIANCE, ADMIN))
_STEPS: Final = frozenset("/:.#|-_@")  # what ends a step of a name; a scope may end in one itself
_ENDS: Final = frozenset("/:.#|@")


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks.

    Attributes:
        id: Its name in the log and in logs: `token:<id>`, `oidc:<hash of issuer and subject>`, `loopback`.
        roles: What it may do at all.
        sources: Prefixes of what it may write as; empty: any.
        namespaces: Prefixes of the namespaces that it may write to and read of; empty: any.
    """

    id: str
    roles: frozenset[str]
    sources: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    @property
    def sees_everything(self) -> bool:
        """True when no namespace bounds what it reads."""
        return not self.namespaces

    def sees(self, streams: Iterable[str]) -> bool:
        """True when an entry in these streams is within its namespaces."""
        return not self.namespaces or any(
            is_within(namespace, self.namespaces) for namespace in map(_namespace_of, streams) if namespace
        )


NOBODY: Final = Principal("", frozenset())
LOOPBACK: Final = Principal("loopback", frozenset((ADMIN, *ROLES)))


def of_grant(grant: Grant) -> Principal:
    """Return who holds a token."""
    return Principal(f"token:{grant.id}", frozenset(grant.roles), grant.sources, grant.namespaces)


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the bearer token of a request, or None without an Authorization header.

    Raises:
        UnauthenticatedError: There is one of another scheme, or none in it.
    """
    header = headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("the Authorization header is not 'Bearer <token>'")
    return token.strip()


def check_role(principal: Principal, roles: frozenset[str]) -> None:
    """Let pass who has one of `roles`; an admin has each.

    Raises:
        ForbiddenError: It has none.
    """
    if ADMIN not in principal.roles and principal.roles.isdisjoint(roles):
        raise ForbiddenError(f"this needs the role {' or '.join(sorted(roles))}")


def check_write(principal: Principal, event: Event) -> None:
    """Hold an event to what its sender may write as, and about (I9).

    Raises:
        ForbiddenError: Its source, or a namespace that it is about, is outside the credential's scope.
    """
    if principal.sources and not is_within(event.source, principal.sources):
        raise ForbiddenError("the event's source is outside the scope of the credential")
    if principal.namespaces:
        about = namespaces_of(event)
        if not about or not all(is_within(namespace, principal.namespaces) for namespace in about):
            raise ForbiddenError("the event is about no namespace in the scope of the credential, or another too")


def is_within(name: str, scopes: Iterable[str]) -> bool:
    """True when `name` is one of `scopes` or stands below one."""
    return any(
        name.startswith(scope) and (len(name) == len(scope) or scope[-1] in _STEPS or name[len(scope)] in _ENDS)
        for scope in scopes
    )


def namespaces_of(event: Event) -> set[str]:
    """Return the namespaces that an event speaks for: of its job, or of the datasets that it is about.

    What a run reads and writes may lie in namespaces of others; who may say that a job ran is decided by the job's own.
    """
    if not event.is_json or not event.data:
        return set()
    body = read_document(event.data)
    if not isinstance(body, dict):
        return set()
    if event.type in OPENLINEAGE_TYPES:
        subject = body.get("job") if body.get("run") is not None or body.get("job") is not None else body.get("dataset")
        return _named([subject])
    targets = [target.get("dataset") for target in _array(body.get("targets")) if isinstance(target, dict)]
    return _named([body.get("dataset"), body.get("job"), *_array(body.get("datasets")), *targets])


def _named(values: Iterable[Any]) -> set[str]:
    return {
        value["namespace"] for value in values if isinstance(value, dict) and isinstance(value.get("namespace"), str)
    }


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _namespace_of(stream: str) -> str | None:
    kind, _, name = stream.partition(":")
    namespace, bar, _ = name.partition("|")
    return namespace.replace("%7C", "|").replace("%25", "%") if kind in ("dataset", "job") and bar else None
