"""Register who relies on a contract, end that, and record that they were told: each an event."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from contracts.consumers.facts import (
    CHANGES,
    CONSUMER_REGISTERED,
    CONSUMER_REMOVED,
    CONSUMER_TOLD,
    ConsumerRegistered,
    ConsumerRemoved,
    ConsumerTold,
    OfConsumer,
)
from contracts.consumers.register import consumers
from contracts.document import parse
from contracts.facts import Decided
from contracts.history import InForce, ReadableLog, versions
from contracts.record import Context, Receipt, contract_name, dataset_name, event_of
from contracts.registry.semver import Version
from proofs.errors import ConflictError, MissingError, RefusedError


def subscribe(
    log: ReadableLog, contract: str, consumer: str, *, channel: str, by: str, version: str | None = None
) -> tuple[Receipt, InForce]:
    """Record that a consumer relies on a contract, and return where, with the version: the highest unless stated.

    Raises:
        MissingError: No such version is in force.
        RefusedError: It is retired, or a word is none that an entry may hold.
    """
    found = _version(log, contract, version)
    document = parse(found.definition.encode(), name=f"entry {found.seq}")
    said = {
        "contract": contract_name(document),
        "dataset": dataset_name(document.contract.dataset),
        "consumer": consumer,
        "channel": channel,
        "by": by,
    }
    return _append(log, CONSUMER_REGISTERED, ConsumerRegistered, said), found


def unsubscribe(log: ReadableLog, contract: str, consumer: str, *, by: str, reason: str) -> Receipt:
    """Record that a consumer does not rely on a contract any more, and return where.

    Raises:
        MissingError: It is not registered on it.
        RefusedError: A word is none that an entry may hold.
    """
    for found in consumers(log, contract):
        if found.name == consumer:
            known = _version(log, contract, found.version, is_over=True)
            document = parse(known.definition.encode(), name=f"entry {known.seq}")
            said = {
                "contract": contract_name(document),
                "dataset": dataset_name(document.contract.dataset),
                "consumer": consumer,
                "by": by,
                "reason": reason,
            }
            return _append(log, CONSUMER_REMOVED, ConsumerRemoved, said)
    raise MissingError(
        f"{consumer[:128]} is not registered on contract {contract[:128]}", hint="`tally contract consumers`"
    )


def record_told(log: ReadableLog, consumer: str, of: Decided) -> None:
    """Record that a consumer was told of an entry; however often this is done, one event stands in the log.

    Raises:
        MissingError: The entry is no change of which consumers are told.
    """
    record = log.entry(of.seq)
    if record.type not in CHANGES or record.body is None or record.leaf.hex() != of.leaf:
        raise MissingError(f"entry {of.seq} is no change of a contract")
    change = CHANGES[record.type].parse(record.body)
    fact = ConsumerTold(contract=change.contract, dataset=change.dataset, consumer=consumer, of=of)
    # The log knows an id again, and answers the same event with its first receipt (I4).
    context = Context(source=f"{log.origin}/notify", new_id=lambda: f"told/{of.leaf}/{consumer}")
    log.append(event_of(CONSUMER_TOLD, fact, context, subject=change.contract.name))


def _version(log: ReadableLog, contract: str, version: str | None, *, is_over: bool = False) -> InForce:
    known = [found for found in versions(log, contract) if is_over or version or found.state != "retired"]
    for found in sorted(known, key=lambda each: Version.parse(each.version), reverse=True):
        if version in (None, found.version):
            if found.state == "retired" and not is_over:
                raise ConflictError(f"version {found.version} of contract {contract} is retired")
            return found
    what = f"version {version[:64]} of contract" if version else "no version of contract"
    raise MissingError(f"{what} {contract[:128]} is {'not ' if version else ''}in force", hint="`tally contract list`")


def _append(log: ReadableLog, type: str, word: type[OfConsumer], said: dict[str, Any]) -> Receipt:
    try:
        fact = word(**said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))} is not acceptable: {first['msg']}") from error
    return log.append(event_of(type, fact, Context(source=f"{log.origin}/contract"), subject=fact.contract.name))
