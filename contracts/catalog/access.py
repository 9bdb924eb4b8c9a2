"""Who may use a source: what becomes of a request, step by step. Pure: the history alone says in which state it is.

    requested ── agreed ── granted ── expired
        └──────────┴──────────┴────── revoked

A grant may be renewed while it holds; after its end a new request begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.catalog.facts import (
    AccessAgreed,
    AccessExpired,
    AccessGranted,
    AccessRequested,
    AccessRevoked,
    OfAccess,
)
from contracts.facts import Decided
from ledger.clock import parse_at
from proofs.errors import ConflictError, MissingError, RefusedError, StaleError


class State(StrEnum):
    """Where an access stands."""

    REQUESTED = "requested"
    AGREED = "agreed"
    GRANTED = "granted"
    REVOKED = "revoked"
    EXPIRED = "expired"

    @property
    def is_over(self) -> bool:
        """True when only a new request goes on from here."""
        return self in (State.REVOKED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a declaration demands of an access: the hash of its terms, other eyes, and how many days it lasts at most."""

    terms_sha256: str
    four_eyes: bool
    days: int


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an access, where it stands, and what its source demanded then; None where it gave no access at all."""

    fact: OfAccess
    entry: Decided
    at: str
    demand: Demand | None


@dataclass(frozen=True, slots=True)
class Access:
    """One access as it stands.

    Attributes:
        requested: The entry that began it.
        requested_by: Who asked.
        terms_sha256: The terms that were agreed to last; None before.
        granted: The entry of the grant that holds or held, with its end.
        registered: The declaration by which it was requested, then by which it was granted.
    """

    source: str
    who: str
    state: State
    since: str
    requested: Decided
    requested_by: str
    registered: Decided
    terms_sha256: str | None = None
    granted: Decided | None = None
    until: str | None = None

    def holds(self, moment: datetime) -> bool:
        """True when the source may be used at a moment, by what is known of the access."""
        return self.state is State.GRANTED and self.until is not None and parse_at(self.until) > moment


def standing(steps: Iterable[Step]) -> Access | None:
    """Return where the steps of one access have led; None where nobody asked.

    Raises:
        RefusedError: One cannot follow those before it (`after`).
    """
    access: Access | None = None
    for step in steps:
        access = after(access, step)
    return access


def after(access: Access | None, step: Step) -> Access:
    """Return an access after one more step.

    Raises:
        MissingError: Nobody asked for it.
        ConflictError: It is in a state from which that step does not lead on.
        StaleError: The terms that were agreed to are not those of now.
        RefusedError: The source gives no access, or four eyes are wanted.
    """
    fact = step.fact
    if isinstance(fact, AccessRequested):
        return _requested(access, fact, step)
    if access is None:
        raise MissingError(f"nobody asked that {fact.who} may use {fact.source}", hint="`tally sources access request`")
    match fact:
        case AccessAgreed() | AccessGranted() | AccessRevoked() | AccessExpired() if fact.requested != access.requested:
            raise ConflictError(f"the step is of another request than that of {fact.who} for {fact.source}")
        case AccessAgreed():
            return _agreed(access, fact, step)
        case AccessGranted():
            return _granted(access, fact, step)
        case AccessRevoked():
            _check_open(access)
            return replace(access, state=State.REVOKED, since=step.at)
        case AccessExpired():
            return _expired(access, fact, step)
    raise TypeError(f"{type(fact).__name__} is no step of an access")


def _demand(step: Step) -> Demand:
    if step.demand is None:
        raise RefusedError(f"source {step.fact.source} is given to nobody: it declares no terms, or is retired")
    return step.demand


def _requested(access: Access | None, fact: AccessRequested, step: Step) -> Access:
    _demand(step)
    if (
        access is not None
        and not access.state.is_over
        and not (access.until and parse_at(access.until) <= parse_at(step.at))
    ):
        raise ConflictError(f"the access of {fact.who} to {fact.source} is {access.state} already")
    return Access(fact.source, fact.who, State.REQUESTED, step.at, step.entry, fact.by, fact.registered)


def _agreed(access: Access, fact: AccessAgreed, step: Step) -> Access:
    _check_open(access)
    if fact.terms_sha256 != _demand(step).terms_sha256:
        raise StaleError(f"the terms of {fact.source} are others by now", hint="`tally sources show NAME`")
    if fact.terms_sha256 == access.terms_sha256:
        raise ConflictError(f"the terms of {fact.source} were agreed to for {fact.who} already")
    state = access.state if access.state is State.GRANTED else State.AGREED
    return replace(access, state=state, since=step.at, terms_sha256=fact.terms_sha256)


def _granted(access: Access, fact: AccessGranted, step: Step) -> Access:
    _check_open(access)
    demand, at, until = _demand(step), parse_at(step.at), parse_at(fact.until)
    if access.terms_sha256 is None:
        raise RefusedError(
            f"the terms of {fact.source} were not agreed to for {fact.who}", hint="`tally sources access agree`"
        )
    if not access.terms_sha256 == demand.terms_sha256 == fact.terms_sha256:
        raise StaleError(
            f"the terms of {fact.source} changed since they were agreed to for {fact.who}",
            hint="`tally sources access agree`",
        )
    if demand.four_eyes and fact.by.casefold() in (access.who.casefold(), access.requested_by.casefold()):
        raise RefusedError(f"source {fact.source} wants four eyes: {fact.by} asked, or is to use it")
    if not at < until <= at + timedelta(days=demand.days):
        raise RefusedError(f"an access to {fact.source} ends after now, and within {demand.days} days")
    return replace(
        access, state=State.GRANTED, since=step.at, registered=fact.registered, granted=step.entry, until=fact.until
    )


def _expired(access: Access, fact: AccessExpired, step: Step) -> Access:
    if access.state is not State.GRANTED or access.granted != fact.granted or access.until is None:
        raise ConflictError(f"no such grant of {fact.who} to {fact.source} is open")
    if parse_at(access.until) > parse_at(step.at):
        raise ConflictError(f"the access of {fact.who} to {fact.source} is not over yet")
    return replace(access, state=State.EXPIRED, since=step.at)


def _check_open(access: Access) -> None:
    if access.state.is_over:
        raise ConflictError(f"the access of {access.who} to {access.source} is {access.state}")
