"""Ask for the use of a source, agree to its terms, grant it, take it back, and end what is over: each an event.

What may follow what is `contracts.catalog.access`'s to say, before an event is written and again as it is read: of two who act at
once the first in the log counts, and the other is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from contracts.catalog.access import Access, Demand, State, Step, after
from contracts.catalog.declaration import Declaration
from contracts.catalog.facts import (
    ACCESS_AGREED,
    ACCESS_EXPIRED,
    ACCESS_GRANTED,
    ACCESS_REQUESTED,
    ACCESS_REVOKED,
    AccessAgreed,
    AccessExpired,
    AccessGranted,
    AccessRequested,
    AccessRevoked,
    OfAccess,
)
from contracts.catalog.store import Known, access_of, accesses, event_about, find, of_source, open_source
from contracts.facts import Decided
from contracts.history import ReadableLog
from ledger.clock import parse_at, print_at
from proofs.errors import ConflictError, MissingError, RefusedError, StaleError

_NOWHERE = Decided(seq=0, leaf="0" * 64)


def request(log: ReadableLog, source: str, who: str, *, by: str, purpose: str) -> Access:
    """Record that `who` wants to use a source, and return the access.

    Raises:
        MissingError: There is no such source.
        ConflictError: It is retired, or such an access is open.
        RefusedError: It declares no terms, or a word is none that an entry may hold.
    """
    known = open_source(log, source)
    return _record(log, known, ACCESS_REQUESTED, of_source(known, AccessRequested, who=who, by=by, purpose=purpose))


def agree(log: ReadableLog, source: str, who: str, *, by: str, terms_sha256: str | None = None) -> Access:
    """Record that the terms are agreed to for `who`, and return the access.

    Args:
        terms_sha256: The hash, or its beginning, of the terms that were read; those of now unless stated.

    Raises:
        StaleError: The terms are others by now.
        TallyError: As `request`, or nobody asked.
    """
    known = open_source(log, source)
    now = _terms(known)
    if terms_sha256 is not None and len(terms_sha256) < 8:
        raise RefusedError("the hash of the terms is cut to fewer than 8 digits")
    if terms_sha256 is not None and not now.startswith(terms_sha256.lower()):
        raise StaleError(f"the terms of {source} are others by now", hint="`tally sources show NAME`")
    asked = _asked(log, source, who).requested
    fact = of_source(known, AccessAgreed, who=who, by=by, requested=asked, terms_sha256=now)
    return _record(log, known, ACCESS_AGREED, fact)


def grant(log: ReadableLog, source: str, who: str, *, by: str, until: datetime) -> Access:
    """Record that `who` may use a source until a moment, and return the access.

    Raises:
        RefusedError: The terms were not agreed to, four eyes are wanted, or the end is too far.
        TallyError: As `agree`.
    """
    known = open_source(log, source)
    fact = of_source(
        known,
        AccessGranted,
        who=who,
        by=by,
        requested=_asked(log, source, who).requested,
        terms_sha256=_terms(known),
        until=print_at(until),
    )
    return _record(log, known, ACCESS_GRANTED, fact)


def revoke(log: ReadableLog, source: str, who: str, *, by: str, reason: str) -> Access:
    """Record that a request is turned down, or a grant taken back, and return the access; also of a retired source.

    Raises:
        ConflictError: It has ended.
        TallyError: As `agree`.
    """
    known = find(log, source)
    asked = _asked(log, source, who).requested
    return _record(
        log, known, ACCESS_REVOKED, of_source(known, AccessRevoked, who=who, by=by, requested=asked, reason=reason)
    )


def expire(log: ReadableLog, now: datetime) -> Iterator[Access]:
    """Record the end of every grant whose time is over, each once however many do this at once, and yield them."""
    for access, _ in accesses(log):
        if access.state is not State.GRANTED or access.granted is None or access.until is None:
            continue
        if parse_at(access.until) > now:
            continue
        known = find(log, access.source)
        fact = of_source(known, AccessExpired, who=access.who, requested=access.requested, granted=access.granted)
        # By the declaration of the grant and with its hash as the id, the event is the same whoever makes it: the log knows it
        # again, and answers with the first.
        fact = fact.model_copy(update={"registered": access.registered})
        log.append(event_about(log, ACCESS_EXPIRED, fact, access.source, id=f"expired/{access.granted.leaf}"))
        ended = access_of(log, access.source, access.who)
        if ended is not None and ended.state is State.EXPIRED:
            yield ended


def _record(log: ReadableLog, known: Known, type: str, fact: OfAccess) -> Access:
    demand = None if known.retired else demand_of(known.document.declaration)
    after(access_of(log, known.name, fact.who), Step(fact, _NOWHERE, print_at(log.clock()), demand))
    receipt = log.append(event_about(log, type, fact, known.name))
    entry = Decided(seq=receipt.seq, leaf=receipt.leaf.hex())
    for access, _ in accesses(log, source=known.name):
        if access.who == fact.who and _counts(access, fact, entry):
            return access
    raise ConflictError(f"the access of {fact.who} to {known.name} was changed at the same time")


def _counts(access: Access, fact: OfAccess, entry: Decided) -> bool:
    match fact:
        case AccessRequested():
            return access.requested == entry
        case AccessGranted():
            return access.granted == entry
        case AccessAgreed():
            return access.terms_sha256 == fact.terms_sha256
    return access.state is State.REVOKED


def demand_of(declaration: Declaration) -> Demand | None:
    """Return what a declaration demands of an access; None where it gives none."""
    terms = declaration.access
    return None if terms is None else Demand(terms.sha256, terms.four_eyes, terms.days)


def _terms(known: Known) -> str:
    terms = known.document.declaration.access
    if terms is None:
        raise RefusedError(f"source {known.name} declares no terms of access", hint="`access: {terms: …}` in its file")
    return terms.sha256


def _asked(log: ReadableLog, source: str, who: str) -> Access:
    found = access_of(log, source, who)
    if found is None:
        raise MissingError(f"nobody asked that {who[:128]} may use {source}", hint="`tally sources access request`")
    return found
