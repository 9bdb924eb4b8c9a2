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
from ledger.event import Event
from ledger.intake import documents_of
from proofs.entry import LEDGER_PREFIX
from proofs.streams import filed_document
from server.errors import ForbiddenError, UnauthenticatedError

EMITTER, READER, AUDITOR, COMPLIANCE, ADMIN = ROLES
EVERYBODY: Final = frozenset(ROLES)
READERS: Final = frozenset((READER, AUDITOR, COMPLIANCE, ADMIN))
_STEPS: Final = frozenset("/:.#|-_@")  # what ends a step of a name; a scope may end in one itself
_ENDS: Final = frozenset("/:.#|@")
# What changes what a person may claim, or what the log says of itself, is no emitter's to say.
_GUARDED: Final = (
    "tallystick.deletion.",
    "tallystick.subject.",
    "tallystick.contract.policy-",  # by which every batch is decided
    "tallystick.validation.overridden.",
    "tallystick.quarantine.",
    "tallystick.slo.breached.",
    "tallystick.slo.recovered.",
    "tallystick.source.",  # by which somebody may use it
    "tallystick.contract.consumer-",  # who is told before it changes
    "tallystick.lineage.alias-",  # which names mean one thing, and which edge nobody is shown
    "tallystick.lineage.edge-",
    LEDGER_PREFIX,
)
_OF_ALL_DATA: Final = "tallystick.contract.policy-"  # one that names no dataset rules every one
_GUARDED_SOURCE: Final = (
    "urn:tallystick:deletion:",
    "urn:tallystick:slo:",
    "tallystick/contracts",  # and whose word leads consumers to what was allowed
)  # who takes the ids of their steps stops them
_DECIDED: Final = "tallystick.validation.decided.v1"
_BY_JOB: Final = frozenset(("tallystick.lineage.run-observed.v1", "tallystick.lineage.job-observed.v1"))
_OF_ALL: Final = frozenset(("type", "source", "run"))  # kinds of stream that nobody owns
_NAMED: Final = frozenset(("contract", "schema", "request"))  # and those that are granted by their own name


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks.

    Attributes:
        id: Its name in the log and in logs: `token:<id>`, `oidc:<hash of issuer and subject>`, `loopback`.
        roles: What it may do at all.
        sources: Prefixes of what it may write as; empty: any.
        namespaces: Prefixes of the namespaces, or of `contract:`, `schema:` and `request:` streams, that it may write to and
            read of; empty: any.
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
        return not self.namespaces or any(_is_own(stream, self.namespaces) for stream in streams)


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


def check_write(principal: Principal, event: Event, *, origin: str = "") -> None:
    """Hold an event to what its sender may write as, and about (I9).

    Args:
        origin: The log's; what its own programs write under names below it is guarded.

    Raises:
        ForbiddenError: Its source, its type, or a stream that it would be filed in is outside the credential's scope.
        RefusedError: Its data or its parts cannot be read, so that nothing can be said of its streams.
    """
    is_guarded = event.type.startswith(_GUARDED) or event.source.startswith(_GUARDED_SOURCE)
    if is_guarded or (origin and event.source.startswith(f"{origin}/")) or _is_of_version(event):
        check_role(principal, frozenset((COMPLIANCE,)))
    if event.type.startswith(_OF_ALL_DATA) and not principal.sees_everything:
        raise ForbiddenError("a policy is put in force by whoever sees every namespace")
    if principal.sources and not is_within(event.source, principal.sources):
        raise ForbiddenError("the event's source is outside the scope of the credential")
    if principal.namespaces:
        for value in documents_of(event):
            about = _streams_about(event, value)
            if not about or not all(principal.sees((stream,)) for stream in about):
                raise ForbiddenError("the event is about no namespace in the scope of the credential, or another too")


def _is_of_version(event: Event) -> bool:
    """True for a decision about a window of a stream or a version of a table: where readers go on, and tables go back to."""
    if event.type != _DECIDED:
        return False
    batches = [value.get("batch") for value in documents_of(event) if isinstance(value, dict)]
    return any(isinstance(batch, dict) and not batch.keys().isdisjoint(("window", "table")) for batch in batches)


def _streams_about(event: Event, value: Any) -> list[str]:
    """The streams that an event speaks for: all that name a dataset, a job, or something that has no namespace.

    Who may say that a job ran, or what a job is, is decided by the job's own namespace; what it reads and writes may be others'.
    """
    streams = filed_document(event.type, event.source, value)
    if event.type in _BY_JOB:
        # Of such an event `dataset` has no meaning, but it would be filed.
        beside = {"dataset": value.get("dataset")} if isinstance(value, dict) else None
        streams = [name for name in streams if not name.startswith("dataset:")]
        streams += filed_document(event.type, event.source, beside)
    return [name for name in streams if name.partition(":")[0] not in _OF_ALL]


def is_within(name: str, scopes: Iterable[str]) -> bool:
    """True when `name` is one of `scopes` or stands below one."""
    return any(
        name.startswith(scope) and (len(name) == len(scope) or scope[-1] in _STEPS or name[len(scope)] in _ENDS)
        for scope in scopes
    )


def _is_own(stream: str, scopes: Iterable[str]) -> bool:
    """True when a stream's namespace is within `scopes`, or one of them names the stream, as `contract:crm` does."""
    kind, _, name = stream.partition(":")
    if kind in ("dataset", "job"):
        namespace, bar, _ = name.partition("|")  # a hashed name has no bar: whose it is cannot be told
        return bool(bar) and is_within(namespace.replace("%7C", "|").replace("%25", "%"), scopes)
    return kind in _NAMED and is_within(stream, [scope for scope in scopes if scope.startswith(f"{kind}:")])
