"""The end of a version, and the notice of one that is to come: events, each with who and why."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError

from contracts.diff import compare
from contracts.document import Document, parse
from contracts.facts import (
    CHANGE_ANNOUNCED,
    CONTRACT_DEPRECATED,
    CONTRACT_RETIRED,
    ChangeAnnounced,
    ChangeFact,
    ContractEnded,
)
from contracts.history import InForce, ReadableLog, announced_at, ended_at, versions
from contracts.publish import last_release
from contracts.record import Context, Receipt, contract_name, dataset_name, event_of
from ledger.clock import Clock, parse_at
from ledger.event import Event
from proofs.errors import ConflictError, MissingError, RefusedError

MAX_CHANGES = 1_000


def announce(log: ReadableLog, document: Document) -> Receipt:
    """Record that a version is to come, with what it changes for readers, and return where.

    Raises:
        MissingError: No version of the contract is in force, so that there is nobody to be told.
        ConflictError: This text was announced before, or the version is in force.
    """
    contract = document.contract
    known = versions(log, contract.name)
    release = last_release(known)
    if any(found.version == contract.version for found in known):
        raise ConflictError(f"version {contract.version} of contract {contract.name} is in force already")
    if release is None:
        raise MissingError(
            f"no version of contract {contract.name} is in force", hint="`tally contract publish` puts one"
        )
    if (said := announced_at(log, contract.name, contract.version, document.sha256)) is not None:
        raise ConflictError(f"version {contract.version} of contract {contract.name} was announced {said[:10]} already")
    changes = compare(release, contract)
    policy = release.change_policy
    fact = ChangeAnnounced(
        contract=contract_name(document),
        dataset=dataset_name(contract.dataset),
        previous=release.version,
        notice_days=policy.notice_days if policy else 0,
        changed=len(changes),
        changes=tuple(
            ChangeFact(path=each.path, kind=each.kind, direction=each.direction.value, breaking=each.breaking)
            for each in sorted(changes, key=lambda each: (not each.breaking, each))[:MAX_CHANGES]
        ),
        channels=policy.channels if policy else (),
    )
    return log.append(event_of(CHANGE_ANNOUNCED, fact, Context(source=f"{log.origin}/contract"), subject=contract.name))


def deprecate(log: ReadableLog, name: str, version: str, *, by: str, reason: str) -> Receipt:
    """Record that a version should not be used any more, and return where.

    Raises:
        MissingError: It is not in force.
        ConflictError: It is deprecated already.
        RefusedError: `by` is no pseudonym, or the reason none that an entry may hold.
    """
    found = _known(log, name, version)
    if found.state != "active":
        raise ConflictError(f"version {version} of contract {name} is {found.state} already")
    return log.append(_ended(log, found, CONTRACT_DEPRECATED, by, reason))


def retire(log: ReadableLog, name: str, version: str, *, by: str, reason: str, clock: Clock) -> Receipt:
    """Record that nothing is checked by a version any more, and return where.

    What it said of people stays known to every deletion.

    Raises:
        MissingError: It is not in force.
        ConflictError: It is retired already.
        RefusedError: It was not deprecated, or not for as long as it promises; or as `deprecate`.
    """
    found = _known(log, name, version)
    if found.state == "retired":
        raise ConflictError(f"version {version} of contract {name} is retired already")
    since = ended_at(log, name, version, "deprecated")
    if since is None:
        raise RefusedError(f"version {version} of contract {name} is not deprecated", hint="`tally contract deprecate`")
    policy = parse(found.definition.encode()).contract.change_policy
    days = policy.deprecation_days if policy else 0
    if parse_at(since) + timedelta(days=days) > clock():
        raise RefusedError(
            f"version {version} of contract {name} was deprecated {since[:10]}, and promises to live on for {days} days"
        )
    return log.append(_ended(log, found, CONTRACT_RETIRED, by, reason))


def check_usable(log: ReadableLog, document: Document) -> str | None:
    """Return what is to be known before data is held to a contract: that it is deprecated; None where nothing is.

    Raises:
        RefusedError: It is retired.
    """
    contract = document.contract
    for found in versions(log, contract.name):
        if found.version == contract.version and found.state == "retired":
            raise RefusedError(f"version {found.version} of contract {contract.name} is retired")
        if found.version == contract.version and found.state == "deprecated":
            return f"version {found.version} of contract {contract.name} is deprecated"
    return None


def _known(log: ReadableLog, name: str, version: str) -> InForce:
    for found in versions(log, name):
        if found.version == version:
            return found
    raise MissingError(f"version {version[:64]} of contract {name[:128]} is not in force", hint="`tally contract list`")


def _ended(log: ReadableLog, found: InForce, type: str, by: str, reason: str) -> Event:
    document = parse(found.definition.encode())
    try:
        fact = ContractEnded(
            contract=contract_name(document), dataset=dataset_name(document.contract.dataset), by=by, reason=reason
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))} is not acceptable: {first['msg']}") from error
    return event_of(type, fact, Context(source=f"{log.origin}/contract"), subject=found.name)
