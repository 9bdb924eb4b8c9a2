"""Read the log on from where it was read last, keep what is to be told, and tell what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from contracts.consumers.facts import CHANGES, CONSUMER_REGISTERED, ConsumerRegistered
from contracts.consumers.register import Consumer, concerned, pending
from contracts.consumers.subscribing import record_told
from contracts.document import parse
from contracts.facts import Decided
from contracts.history import ReadableLog, versions
from contracts.notify.channels import AnyChannel, Channels
from contracts.notify.deliver import deliver
from contracts.notify.notice import TYPES, Notice, notice
from contracts.notify.queue import Made, NoticeQueue, Telling, Waiting
from ledger.record import Record
from proofs.errors import MalformedError, TallyError

PAGE: Final = 2_000


class FollowedLog(ReadableLog, Protocol):
    """A log that is read in order."""

    @property
    def size(self) -> int:
        """How many entries it has."""
        ...

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Yield entries with their bodies."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    new: int
    told: int
    failed: int


def step(
    log: FollowedLog,
    queue: NoticeQueue,
    channels: Channels,
    environment: Mapping[str, str],
    *,
    from_start: bool = False,
) -> Round:
    """Collect what the log says anew, and deliver what is due.

    Args:
        from_start: The first time, begin with the first entry and not behind the last.
    """
    new = _collect(log, queue, channels, from_start=from_start)
    by_name: dict[str, AnyChannel] = {channel.name: channel for channel in channels.channels}
    told = failed = 0
    for name, waiting in queue.take().items():
        if _delivered(queue, by_name.get(name), waiting, channels, environment):
            told += len(waiting)
        else:
            failed += len(waiting)
    return Round(new, told, failed)


def _delivered(
    queue: NoticeQueue,
    channel: AnyChannel | None,
    waiting: list[Waiting],
    channels: Channels,
    environment: Mapping[str, str],
) -> bool:
    try:
        if channel is None:
            raise MalformedError("the channel is not in the file")
        deliver(channel, waiting, channels, environment)
    except TallyError as error:
        queue.failed(waiting, error.what)
        return False
    queue.sent(waiting)
    return True


def _collect(log: FollowedLog, queue: NoticeQueue, channels: Channels, *, from_start: bool) -> int:
    position = queue.position
    if position is None:
        position = 0 if from_start else log.size
        queue.collect((), None, position, repeat_seconds=0)
    end, new = log.size, 0
    digests = {channel.name: channel.digest_seconds for channel in channels.channels}
    told_by: dict[tuple[str, str], tuple[str, ...]] = {}
    while position < end:
        stop = min(position + PAGE, end)
        made = [
            each
            for record in log.read(position, stop)
            if record.body is not None
            for each in (*_to_channels(log, record, channels, told_by), *_to_consumers(log, record, digests))
        ]
        new += queue.collect(made, position, stop, repeat_seconds=channels.repeat_seconds)
        position = stop
    return new


def _to_channels(
    log: FollowedLog, record: Record, channels: Channels, told_by: dict[tuple[str, str], tuple[str, ...]]
) -> Iterator[Made]:
    """Notices for the channels that the contract itself names."""
    if record.type not in TYPES:
        return
    digests = {channel.name: channel.digest_seconds for channel in channels.channels}
    for found in _notice(record):
        for name in channels.named(_channels_of(log, found.contract, told_by)):
            yield Made(record.seq, name, found, digests[name])


def _to_consumers(log: FollowedLog, record: Record, digests: Mapping[str, int]) -> Iterator[Made]:
    """Notices for those who rely on what changes; for one who registers, of what was announced to the others before."""
    try:
        if record.type == CONSUMER_REGISTERED:
            fact = ConsumerRegistered.parse(record.body or b"")
            for consumer in concerned(log, fact.contract.name, fact.dataset, at=record.seq + 1):
                if consumer.seq == record.seq:
                    for change in pending(log, consumer):
                        yield from _made(log.entry(change.entry.seq), consumer, digests)
        elif record.type in CHANGES:
            said = CHANGES[record.type].parse(record.body or b"")
            for consumer in concerned(log, said.contract.name, said.dataset, at=record.seq):
                yield from _made(record, consumer, digests)
    except MalformedError:
        return  # a stranger's event of our type: the projection names it


def _made(record: Record, consumer: Consumer, digests: Mapping[str, int]) -> Iterator[Made]:
    for found in _notice(record):
        said = replace(
            found,
            key=f"{found.key}:to:{consumer.name}",
            title=f"{consumer.name}: {found.title}",
            text=f"you rely on contract {consumer.contract} {consumer.version}\n{found.text}".strip(),
        )
        # A channel that the file does not have keeps it waiting and says why: nobody else is told in their place.
        telling = Telling(consumer.name, record.seq, record.leaf.hex())
        yield Made(record.seq, consumer.channel, said, digests.get(consumer.channel, 0), telling)


def record_tellings(log: ReadableLog, queue: NoticeQueue) -> int:
    """Record who was told, and return how many; also what one who died before could not.

    A telling that stands in the log already is not recorded again.
    """
    waiting = queue.unrecorded()
    for telling in waiting:
        record_told(log, telling.consumer, Decided(seq=telling.seq, leaf=telling.leaf))
        queue.recorded(telling)
    return len(waiting)


def _notice(record: Record) -> Iterator[Notice]:
    try:
        found = notice(record.type, record.body or b"")
    except MalformedError:
        return  # a stranger's event of our type: the projection names it
    if found is not None:
        yield found


def _channels_of(
    log: FollowedLog, contract: tuple[str, str], known: dict[tuple[str, str], tuple[str, ...]]
) -> tuple[str, ...]:
    """The channels that a version of a contract names, for violations and for changes."""
    if contract not in known:
        found = [each for each in versions(log, contract[0]) if each.version == contract[1]]
        names: tuple[str, ...] = ()
        if found:
            said = parse(found[0].definition.encode()).contract
            names = (said.notification.channels if said.notification else ()) + (
                said.change_policy.channels if said.change_policy else ()
            )
        known[contract] = tuple(dict.fromkeys(names))
    return known[contract]
