"""From a request's body to the events in it, held to their sender's scope; and, in a process of its own, to what the log writes.

    events of a batch    each with its own answer: an event, or why it is refused

    rows of a batch      all of them prepared, as plain values that cross to another process; None where one of them is
                         refused, has personal parts or is cut into several entries: then the whole batch is read again
                         where the log is, which has the words, the vault and the right to decide

What crosses of the data is where they stand in the body, which the other side has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ledger import cloudevents
from ledger.event import Event
from ledger.intake import PART_POLICY, Intake, Prepared
from ledger.openlineage import event_and_findings
from proofs import limits
from proofs.errors import RefusedError, TallyError
from server.auth import Principal, check_write
from server.errors import TooLargeError

Row = tuple[str, str, str, list[str], bytes, int, int, bytes, bytes | None, bytes | None]
"""id, source, attributes, streams, salt, where in the body the data start and stop, commitment, content, retry."""


def check(principal: Principal, event: Event, origin: str) -> None:
    """Hold an event to its sender's scope, and to its size.

    Raises:
        ForbiddenError, TooLargeError: It is outside; nothing was written.
    """
    if len(event.data) > limits.BODY_BYTES:
        raise TooLargeError(f"the data have {len(event.data)} bytes, at most {limits.BODY_BYTES} are allowed")
    check_write(principal, event, origin=origin)


def cloudevents_of(body: bytes, principal: Principal, origin: str) -> list[Event | RefusedError]:
    """Return the events of a batch of CloudEvents, and in the place of each that may not be recorded why.

    Raises:
        RefusedError: Nothing can be said of any.
    """
    return [_checked(principal, each, origin) for each in cloudevents.read_batch(body)]


def lineage_of(body: bytes, principal: Principal, origin: str) -> list[Event | RefusedError]:
    """Return the same of an array of OpenLineage events."""
    source = source_of(principal)
    return [
        _checked(principal, _observed(element, source, value), origin)
        for element, value in cloudevents.split_array(body)
    ]


Read = Callable[[bytes, Principal, str], list[Event | RefusedError]]
_BEGINNING: Final = 48  # bytes by which the data are looked for: to look for all of them takes 20 µs
BATCHES: Final[Mapping[str, Read]] = MappingProxyType({"cloudevents": cloudevents_of, "lineage": lineage_of})


def source_of(principal: Principal) -> str | None:
    """Return the source that its OpenLineage events are recorded under; None: what each says itself."""
    return principal.sources[0] if principal.sources else None


def bounded(data: bytes) -> bytes:
    """Refuse before anything is read what could not be recorded."""
    if len(data) > limits.BODY_BYTES:
        raise TooLargeError(f"the event has {len(data)} bytes, at most {limits.BODY_BYTES} are allowed")
    return data


def _observed(element: bytes, source: str | None, value: Any) -> Event | RefusedError:
    try:
        return event_and_findings(bounded(element), source=source, value=value)[0]
    except RefusedError as error:
        return error


def _checked(principal: Principal, event: Event | RefusedError, origin: str) -> Event | RefusedError:
    try:
        if isinstance(event, Event):
            check(principal, event, origin)
    except RefusedError as error:
        return error
    return event


@dataclass(frozen=True, slots=True)
class KeyAlone:
    """What a process beside the log has of its vault: the key of the hashes by which an event is known again."""

    key: bytes

    def secret(self, name: str) -> bytes:  # noqa: ARG002 - a vault's shape
        """Return the one that was handed over."""
        return self.key

    def seal(self, parts: list[tuple[bytes, bytes]], *, person: str | None) -> list[bytes]:  # noqa: ARG002
        """Refuse: parts are sealed where the vault is."""
        raise ValueError("parts are sealed beside the log")


def rows_of(kind: str, body: bytes, principal: Principal, intake: Intake) -> list[Row] | None:
    """Return what each event of a batch becomes, or None where that has to be found out beside the log."""
    try:
        events = BATCHES[kind](body, principal, intake.origin)
        rows = []
        at = 0
        for event in events:
            if not isinstance(event, Event) or event.parts or event.type in PART_POLICY:
                return None
            # Data that came as base64, or as a text with escapes, are nowhere in the body.
            at = body.find(event.data[:_BEGINNING], at)
            if at < 0 or not body.startswith(event.data, at):
                return None
            prepared = intake.prepare(event)
            if len(prepared.groups) > 1:
                return None
            rows.append(_row(prepared, at))
            at += len(prepared.body)
    except TallyError:
        return None
    return rows


def _row(one: Prepared, at: int) -> Row:
    stop = at + len(one.body)
    return (
        one.id,
        one.source,
        one.attributes,
        one.groups[0],
        one.salt,
        at,
        stop,
        one.commitment,
        one.content,
        one.retry,
    )


def prepared_of(rows: Sequence[Row], body: bytes) -> list[Prepared]:
    """Return what `rows_of` said of `body`, as the log takes it."""
    return [
        Prepared(id, source, attributes, [names], salt, body[start:stop], commitment, (), content, retry)
        for id, source, attributes, names, salt, start, stop, commitment, content, retry in rows
    ]
