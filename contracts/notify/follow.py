"""Read the log on from where it was read last, keep what is to be told, and tell what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from contracts.document import parse
from contracts.history import ReadableLog, versions
from contracts.notify.channels import AnyChannel, Channels
from contracts.notify.deliver import deliver
from contracts.notify.notice import TYPES, Notice, notice
from contracts.notify.queue import Made, NoticeQueue, Waiting
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
            raise MalformedError("the channel is not in the file any more")
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
            Made(record.seq, name, found, digests[name])
            for record in log.read(position, stop)
            if record.type in TYPES and record.body is not None
            for found in _notice(record)
            for name in channels.named(_channels_of(log, found.contract, told_by))
        ]
        new += queue.collect(made, position, stop, repeat_seconds=channels.repeat_seconds)
        position = stop
    return new


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
