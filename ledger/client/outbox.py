"""The outbox: where an event is safe before anybody has heard of it.

    identify     a UUIDv7 where the event has no id; the next `sequence` of its source
    link         one record behind the last one
    COMMIT       the commit point: an fsync, and from here on the event will be delivered

All of it happens inside one transaction under the file's lock, so that sequences have no gaps and no doubles, whoever else
emits. A source that is new to an outbox says `producer.restarted` first, with the sequence 0: whoever reads the source's stream
sees where an outbox was lost.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from ledger.client.outboxfile import OutboxFile
from ledger.client.record import Content, Record, Secret, chain_hash
from ledger.client.settings import Settings
from ledger.clock import Clock, print_at, system_clock, uuid7
from ledger.event import Event
from proofs import jsonstrict
from proofs.errors import ConflictError, MalformedError, RefusedError

RESTARTED: Final = "tallystick.producer.restarted.v1"
HEARTBEAT_SENT: Final = "tallystick.producer.heartbeat-sent.v1"
_LOOK_AGAIN_SECONDS: Final = 0.01
# A beat of the future is of a clock that was wrong: it must not silence the source until that time has come.
_DUE: Final = "SELECT 1 FROM source WHERE name = ? AND (beat_at <= ? OR beat_at > ?)"
_STILL_DUE: Final = f"{_DUE} AND (beat IS NULL OR beat NOT IN (SELECT n FROM waiting))"  # noqa: S608 - a constant


class OutboxFullError(RefusedError):
    """The outbox holds as much as it may; the event was not taken."""

    code = "outbox_full"


@dataclass(frozen=True, slots=True)
class Emission:
    """What `emit` returns: the event's identity, by which its receipt is asked for.

    Attributes:
        id: The event's id.
        source: Its source.
        sequence: Its number among the events of its source in this outbox, from 1; None for one that was delivered since.
        n: Its record's position in the outbox.
        is_replay: It was emitted before, and nothing was written now.
    """

    id: str
    source: str
    sequence: int | None
    n: int
    is_replay: bool = False


@dataclass(slots=True)
class State:
    """The one row that says where the chain and the backlog stand."""

    size: int
    head: bytes
    start: int
    anchor: bytes
    waiting: int
    waiting_bytes: int
    dead: int
    dead_bytes: int

    @classmethod
    def read(cls, conn: sqlite3.Connection) -> State:
        """Return it; inside a transaction."""
        return cls(
            *conn.execute(
                "SELECT size, head, start, anchor, waiting, waiting_bytes, dead, dead_bytes FROM state"
            ).fetchone()
        )

    def write(self, conn: sqlite3.Connection) -> None:
        """Store it; inside a transaction."""
        conn.execute(
            "UPDATE state SET size = ?, head = ?, start = ?, anchor = ?, waiting = ?, waiting_bytes = ?, dead = ?, "
            "dead_bytes = ?",
            (
                self.size,
                self.head,
                self.start,
                self.anchor,
                self.waiting,
                self.waiting_bytes,
                self.dead,
                self.dead_bytes,
            ),
        )


class Outbox:
    """One outbox; safe for many threads and processes at once.

    Attributes:
        file: Its file.
        id: A UUID that it got when it was made.
    """

    def __init__(
        self, path: Path | str, settings: Settings | None = None, *, create: bool = True, clock: Clock = system_clock
    ) -> None:
        """Open the outbox at `path`.

        Raises:
            MissingError: There is none, and `create` is False.
            MalformedError, RefusedError, BusyError: As `OutboxFile`.
        """
        self.file = OutboxFile(Path(path), create=create)
        self.settings = settings or Settings()
        self.clock = clock
        with self.file.writing("writer") as conn:
            conn.execute("INSERT OR IGNORE INTO meta VALUES ('outbox', ?)", (uuid7(clock()),))
            self.id = str(conn.execute("SELECT value FROM meta WHERE name = 'outbox'").fetchone()[0])

    def bind(self, url: str) -> None:
        """Say where the events of this outbox go; the same for as long as it exists.

        Raises:
            RefusedError: They go somewhere else: two clients with one outbox must not send to two servers.
        """
        with self.file.writing("keeper") as conn:
            conn.execute("INSERT OR IGNORE INTO meta VALUES ('destination', ?)", (url,))
            bound = conn.execute("SELECT value FROM meta WHERE name = 'destination'").fetchone()[0]
        if bound != url:
            raise RefusedError(
                f"outbox {self.file.path} delivers to {bound!r}, not to {url!r}",
                hint="name another outbox, or `tally outbox bind` this one to its new server",
            )

    def append(self, events: Sequence[Event]) -> list[Emission]:
        """Take all of `events`, or none; they are durable when it returns.

        Raises:
            OutboxFullError: There is no room, and `on_full` says to raise, or there was none for too long.
            RefusedError: An event cannot be taken: it has a sequence already, or is too long.
            StorageError: The disk is full or fails.
            ConflictError: An event has the source and id of one that was emitted before, and other content.
            BusyError: Another process held the outbox for too long.
            MissingError: Its file was removed or replaced under this process.
            UnknownOutcomeError: The disk failed; the events may or may not have been taken.
        """
        deadline = time.monotonic() + self.settings.block_seconds
        contents = [_content(event) for event in events]
        while True:
            try:
                return self._append(events, contents)
            except OutboxFullError:
                if self.settings.on_full == "raise" or time.monotonic() > deadline:
                    raise
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _append(self, events: Sequence[Event], contents: Sequence[Content]) -> list[Emission]:
        with self.file.writing("writer") as conn:
            state = State.read(conn)
            emissions = [
                self._take(conn, state, event, content) for event, content in zip(events, contents, strict=True)
            ]
            if emissions and not all(each.is_replay for each in emissions):
                self._check_room(state)
                state.write(conn)
        return emissions

    def _check_room(self, state: State) -> None:
        held = state.waiting_bytes + state.dead_bytes
        if held > self.settings.limit_bytes:
            raise OutboxFullError(
                f"outbox {self.file.path} would hold {held} bytes, at most {self.settings.limit_bytes} are allowed",
                hint="see `tally outbox status` for why nothing is delivered, or raise limit_bytes",
            )

    def _take(self, conn: sqlite3.Connection, state: State, event: Event, content: Content) -> Emission:
        key = b"" if event.id is None else _key(event.source, event.id)
        if key:
            found = conn.execute("SELECT n FROM chosen WHERE key = ?", (key,)).fetchone()
            if found is not None:
                return _emitted_before(conn, found[0], event, content)
        sequence = self._next_sequence(conn, state, event.source)
        now = self.clock()
        given = {"sequence": str(sequence), "id": event.id or uuid7(now), "time": event.time or print_at(now)}
        n = link(conn, state, event.model_copy(update=given), content)
        if key:
            conn.execute("INSERT INTO chosen VALUES (?, ?)", (key, n))
        return Emission(given["id"], event.source, sequence, n)

    def _next_sequence(self, conn: sqlite3.Connection, state: State, source: str) -> int:
        found = conn.execute("SELECT sequence FROM source WHERE name = ?", (source,)).fetchone()
        if found is not None:
            conn.execute("UPDATE source SET sequence = ? WHERE name = ?", (found[0] + 1, source))
            return int(found[0]) + 1
        now = self.clock()
        conn.execute("INSERT INTO source VALUES (?, 1, NULL, ?)", (source, int(now.timestamp())))
        body = Content(Secret.fresh(jsonstrict.dumps({"outbox": self.id})), {})
        restarted = Event(type=RESTARTED, source=source, id=uuid7(now), time=print_at(now), sequence="0")
        link(conn, state, restarted, body)
        return 1

    def beat(self, source: str) -> bool:
        """Let `source` say that it is alive, when it is time to; True when it did.

        A heartbeat names the head of the chain and the records so far, which the ledger then keeps: what was written into
        the outbox before it can neither be changed nor taken out unnoticed. While one waits there is no second one.
        """
        every = self.settings.heartbeat_seconds
        now = self.clock()
        bounds = (int(now.timestamp() - every), int(now.timestamp()))
        if every <= 0 or not self.file.rows(_DUE, source, *bounds):
            return False
        with self.file.writing("writer") as conn:
            still = conn.execute(_STILL_DUE, (source, *bounds)).fetchone()
            if still is None:  # another process was quicker, or the last one still waits
                return False
            state = State.read(conn)
            body = {
                "dead": state.dead,
                "head": state.head.hex(),
                "outbox": self.id,
                "records": state.size,
                "waiting": state.waiting,
            }
            event = Event(type=HEARTBEAT_SENT, source=source, data=jsonstrict.dumps(body))
            emission = self._take(conn, state, event, Content.of(event))
            conn.execute(
                "UPDATE source SET beat = ?, beat_at = ? WHERE name = ?", (emission.n, int(now.timestamp()), source)
            )
            state.write(conn)
        return True

    def close(self) -> None:
        """Give back the file; what waits in it stays."""
        self.file.close()


def link(conn: sqlite3.Connection, state: State, event: Event, content: Content) -> int:
    """Write one record behind the last one and return its position; `state` moves on, and is for the caller to store."""
    n = state.size
    line = Record.link(n, state.head, event, content).print()
    size = len(line) + content.size_bytes
    conn.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?)", (n, event.id, event.source, size, line))
    conn.execute("INSERT INTO waiting VALUES (?, ?, ?)", (n, content.body.salt, content.body.data))
    for pointer, part in content.parts.items():
        conn.execute("INSERT INTO part VALUES (?, ?, ?, ?)", (n, pointer, part.salt, part.data))
    if content.person is not None:
        conn.execute("INSERT INTO person VALUES (?, ?, ?)", (n, content.person.salt, content.person.data))
    state.size += 1
    state.head = chain_hash(line)
    state.waiting += 1
    state.waiting_bytes += size
    return n


def read_content(conn: sqlite3.Connection, record: Record, salt: bytes, body: bytes) -> Content:
    """Return what is stored beside a record; inside a transaction where others may write."""
    parts: dict[str, Secret] = {}
    person = None
    if record.parts:
        rows = conn.execute("SELECT pointer, salt, value FROM part WHERE n = ? ORDER BY pointer", (record.n,))
        parts = {pointer: Secret(own, value) for pointer, own, value in rows}
    if record.person is not None:
        found = conn.execute("SELECT salt, name FROM person WHERE n = ?", (record.n,)).fetchone()
        person = None if found is None else Secret(*found)
    return Content(Secret(salt, body), parts, person)


def _content(event: Event) -> Content:
    if event.sequence is not None:
        raise RefusedError(f"the event has the sequence {event.sequence!r}: it is the outbox that counts")
    return Content.of(event)


def _key(source: str, id: str) -> bytes:
    return blake2b(f"{source}\0{id}".encode(), digest_size=16).digest()


def _emitted_before(conn: sqlite3.Connection, n: int, event: Event, content: Content) -> Emission:
    """Return what was said of the same event before; its content is compared for as long as it is here."""
    row = conn.execute("SELECT line, salt, body FROM record JOIN waiting USING (n) WHERE n = ?", (n,)).fetchone()
    if row is None:
        return Emission(str(event.id), event.source, None, n, is_replay=True)
    try:
        record = Record.parse(row[0])
    except MalformedError as error:
        raise RefusedError(f"the event was emitted before, as record {n}, and that record is damaged") from error
    known = read_content(conn, record, *row[1:])
    same = {"sequence": record.event.sequence, "time": event.time or record.event.time}
    here = event.model_copy(update={**same, "data": b"", "parts": (), "person": None})
    if here != record.event or content.body.data != known.body.data or _values(content) != _values(known):
        raise ConflictError(f"an event with the same source and id waits as record {n}, with other content")
    return Emission(str(event.id), event.source, int(record.event.sequence or 0), n, is_replay=True)


def _values(content: Content) -> dict[str, bytes]:
    return {pointer: part.data for pointer, part in content.parts.items()}
