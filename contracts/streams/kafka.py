"""A Kafka topic as a stream: all partitions, assigned by hand, from where the log says that the last window ended.

There is no group that shares a topic out: whoever decides is one process, and the log holds its place. What is committed to the
broker, after each decision, is for those who watch the lag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from contracts.streams.feed import WAIT_SECONDS, Stopping
from contracts.streams.line import CaughtUp, Line
from proofs.errors import BusyError, ConflictError, IncompleteError, MalformedError, MissingError, RefusedError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

ANSWER_SECONDS: Final = 10.0
MESSAGES: Final = 500  # taken from the library at once
QUEUED_KILOBYTES: Final = 16_384  # what it fetches ahead; there the broker is made to wait

# What says how a cluster is reached. Others would load code, name files to be written, or undo what stands in `_OURS`.
_ALLOWED: Final = (
    "bootstrap.servers", "client.id", "group.id", "security.protocol", "broker.address.family", "socket.timeout.ms",
    "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "ssl.ca.location", "ssl.ca.pem",
    "ssl.certificate.location", "ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "ssl.key.password",
    "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification", "isolation.level",
)  # fmt: skip
_OURS: Final[dict[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": QUEUED_KILOBYTES,
    "log_level": 0,
}


def read_settings(text: str, *, where: str) -> dict[str, str]:
    """Return the settings of a file of "key=value" lines, "#" before a comment.

    Raises:
        MalformedError: A line is not one; the value is not quoted.
        RefusedError: A key is not among those that say how a cluster is reached.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or key in found:
            raise MalformedError("a line is not key=value, or its key stands twice", where=f"{where} line {number}")
        if key not in _ALLOWED:
            raise RefusedError(f"the setting {key[:64]!r} cannot be given here", where=f"{where} line {number}")
        found[key] = value
    return found


@dataclass(slots=True)
class KafkaFeed:
    """A topic.

    Attributes:
        follow: Wait for more; else it ends where every partition does when it is reached.
        accepts_loss: Go on where the topic begins now, where what is to be read is gone.
    """

    topic: str
    name: str
    consumer: Consumer
    partitions: frozenset[int]
    follow: bool = False
    accepts_loss: bool = False
    _caught: set[int] = field(default_factory=set)

    def read(self, start: Mapping[int, int], stopping: Stopping) -> Iterator[Line | CaughtUp | None]:
        """Yield the messages of all partitions, in the order in which they come."""
        self.consumer.assign([self._place(one, start.get(one)) for one in sorted(self.partitions)])
        while not stopping() and (self.follow or self._caught != self.partitions):
            messages = self.consumer.consume(MESSAGES, WAIT_SECONDS)
            for message in messages:
                found = self._found(message)
                if found is not None:
                    yield found
                if stopping():
                    return
            if not messages:
                yield None

    def _place(self, partition: int, wanted: int | None) -> TopicPartition:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            first, _ = self.consumer.get_watermark_offsets(TopicPartition(self.topic, partition), ANSWER_SECONDS)
        except KafkaException as error:
            raise _away(error.args[0]) from None
        place = first if wanted is None else wanted
        if place < first and not self.accepts_loss:
            raise IncompleteError(
                f"offsets {place} to {first} of partition {partition} were deleted before they were read",
                hint="--accept-loss goes on where the partition begins now",
            )
        return TopicPartition(self.topic, partition, max(place, first))

    def _found(self, message: Message) -> Line | CaughtUp | None:
        from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError

        partition = message.partition()
        if (error := message.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF and partition is not None:
                self._caught.add(partition)
                return CaughtUp(partition)
            if error.retriable() or error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
                return None  # the library goes on trying by itself
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise ConflictError(
                    f"partition {partition} ends before the place up to which it was read: it is another topic of that name",
                    hint="give it a name of its own with --stream",
                )
            raise _away(error)
        offset = message.offset()
        assert partition is not None and offset is not None, "a message without an error has a place"  # noqa: PT018
        self._caught.discard(partition)
        kind, milliseconds = message.timestamp()
        moment = None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds * 1000
        return Line(partition, offset, offset + 1, _bytes(message.value()), moment)

    def tail(self) -> None:
        """Return None: an offset of a topic never means another message."""

    def commit(self, marks: Mapping[int, int]) -> None:
        """Commit how far is decided; a broker that is away just now hears of it the next time."""
        from confluent_kafka import KafkaException, TopicPartition

        places = [TopicPartition(self.topic, partition, offset) for partition, offset in marks.items()]
        try:
            self.consumer.commit(offsets=places, asynchronous=False)
        except KafkaException:
            return  # the log has the place, and nothing is read by what is committed

    def close(self) -> None:
        """Leave the cluster."""
        self.consumer.close()


def open_feed(
    topic: str,
    settings: Mapping[str, str],
    *,
    group: str,
    named: str | None = None,
    follow: bool = False,
    accepts_loss: bool = False,
) -> KafkaFeed:
    """Return a topic as a stream.

    Args:
        settings: How its cluster is reached, of `read_settings`.
        group: In whose name offsets are committed, unless the settings say so.

    Raises:
        RefusedError: The library is not installed, or refuses a setting.
        MissingError: There is no such topic.
        BusyError: No broker answers.
    """
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError as error:
        hint = "pip install 'tallystick[kafka]'"
        raise RefusedError("Kafka needs a library that is not installed", hint=hint) from error
    if not settings.get("bootstrap.servers"):
        raise RefusedError("no broker is named", hint="give --brokers host:9092, or set TALLY_KAFKA_BROKERS")
    wanted: dict[str, Any] = {"group.id": group, **settings, **_OURS, "error_cb": _heard}
    try:
        consumer = Consumer(wanted)
    except (KafkaException, ValueError, TypeError) as error:
        raise RefusedError("the settings of the cluster are not acceptable to the library") from error
    try:
        listed = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics.get(topic)
    except KafkaException as error:
        consumer.close()
        raise _away(error.args[0]) from None
    if listed is None or listed.error is not None or not listed.partitions:
        consumer.close()
        raise MissingError(f"there is no topic {topic[:200]!r}")
    return KafkaFeed(topic, f"kafka:{named or topic}", consumer, frozenset(listed.partitions), follow, accepts_loss)


def _heard(_: KafkaError) -> None:
    """Errors of the library's own threads: what matters comes with the messages too."""


def _away(error: KafkaError) -> BusyError:
    return BusyError(f"the topic cannot be read just now: {error.name()}")  # its other words name hosts


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
