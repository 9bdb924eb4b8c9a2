"""The backlog: what waits in the outbox, in the order in which it was emitted, and what becomes of it.

A record leaves in one of two ways: delivered, with a receipt that was checked, or dead, with the reason. Records that are
through are pruned: from the front, where the hash of the last one that went is kept as the chain's anchor, and behind a
record that still waits, where each run of them leaves the hash of its last one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.client.outbox import Outbox, State, read_content
from ledger.client.receipt import Receipt
from ledger.client.record import Record, chain_hash, stub_of
from ledger.clock import print_at
from ledger.event import Event
from proofs.errors import MalformedError, MissingError, RefusedError, TamperedError

KEPT_RECEIPTS: Final = 10_000
KEPT_IDS: Final = 100_000
# An emit waits for a transaction here; so each is short, though there are more of them.
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record on its way.

    Attributes:
        n: Its position in the outbox.
        id: Its event's id.
        event: As emitted; None when what is stored contradicts the chain.
        broken: Why there is no event.
    """

    n: int
    id: str
    event: Event | None
    broken: str = ""

    @property
    def source(self) -> str:
        """The event's source; empty when there is no event."""
        return "" if self.event is None else self.event.source


@dataclass(frozen=True, slots=True)
class Death:
    """Why an event will not be delivered."""

    code: str
    why: str


class Backlog:
    """The shipping side of one outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._file = outbox.file

    def left(self, size: int | None = None) -> int:
        """Return how many records wait; of the first `size` records where that is given."""
        if size is None:
            return int(self._file.rows("SELECT waiting FROM state")[0][0])
        return int(self._file.rows("SELECT count(*) FROM waiting WHERE n < ?", size)[0][0])

    def size(self) -> int:
        """Return how many records the outbox ever held."""
        return int(self._file.rows("SELECT size FROM state")[0][0])

    def batch(self, without: Collection[str] = ()) -> list[Waiting]:
        """Return the records that wait longest, as many as one request may carry, but those of the sources `without`."""
        settings = self._outbox.settings
        select = (
            "SELECT n, size FROM waiting JOIN record USING (n) WHERE source NOT IN (SELECT value FROM json_each(?)) "
            "ORDER BY n LIMIT ?"
        )
        numbers: list[int] = []
        total = 0
        for n, size in self._file.rows(select, json.dumps(sorted(without)), settings.batch_events):
            total += size
            if numbers and total > settings.batch_bytes:
                break
            numbers.append(n)
        found: list[Waiting] = []
        for at in range(0, len(numbers), _AT_ONCE):
            chosen = numbers[at : at + _AT_ONCE]
            found += self._read(chosen)
        return found

    def _read(self, numbers: Sequence[int]) -> list[Waiting]:
        select = (
            "SELECT n, id, line, salt, body FROM waiting JOIN record USING (n) "
            "WHERE n IN (SELECT value FROM json_each(?)) ORDER BY n"
        )
        with self._file.reading() as conn:
            return [self._waiting(conn, *row) for row in conn.execute(select, (json.dumps(numbers),)).fetchall()]

    def _waiting(self, conn: sqlite3.Connection, n: int, id: str, *stored: bytes) -> Waiting:
        line, salt, body = stored
        try:
            record = Record.parse(line)
            if record.n != n or record.event.id != id:
                raise TamperedError("the record stands in another's place", where=f"record {n}")
            return Waiting(n, id, record.restore(read_content(conn, record, salt, body)))
        except (MalformedError, TamperedError, RefusedError) as error:
            return Waiting(n, id, None, error.what)

    def settle(self, done: Sequence[tuple[Waiting, Receipt]], dead: Sequence[tuple[Waiting, Death]]) -> None:
        """Take what was delivered, and what never will be, out of the backlog."""
        for at in range(0, len(done), _AT_ONCE):
            with self._file.writing("keeper") as conn:
                state = State.read(conn)
                for waiting, receipt in done[at : at + _AT_ONCE]:
                    _deliver(conn, state, waiting, receipt)
                _prune(conn, state, [waiting.n for waiting, _ in done[at : at + _AT_ONCE]])
        for at in range(0, len(dead), _AT_ONCE):
            with self._file.writing("keeper") as conn:
                state = State.read(conn)
                for waiting, death in dead[at : at + _AT_ONCE]:
                    _bury(conn, state, waiting, death, at=print_at(self._outbox.clock()))
                _prune(conn, state, [waiting.n for waiting, _ in dead[at : at + _AT_ONCE]])

    def receipt(self, id: str) -> Receipt | None:
        """Return the receipt of an event; None while it waits.

        Raises:
            RefusedError: The event is a dead letter; the message says why.
            MissingError: The outbox knows no such event, or its receipt is not kept any more.
        """
        with self._file.reading() as conn:
            found = conn.execute("SELECT receipt FROM receipt WHERE id = ? AND length(receipt)", (id,)).fetchone()
            if found is not None:
                return Receipt.read(json.loads(found[0]))
            dead = conn.execute("SELECT code, why FROM dead WHERE id = ?", (id,)).fetchone()
            known = conn.execute("SELECT 1 FROM record JOIN waiting USING (n) WHERE id = ?", (id,)).fetchone()
        if known is not None:
            return None
        if dead is not None:
            raise RefusedError(
                f"event {id!r} is a dead letter: {dead[1]} ({dead[0]})", hint="tally outbox dead-letters"
            )
        raise MissingError(
            f"no event {id!r} waits here, and of those that were delivered {KEPT_RECEIPTS} receipts are kept"
        )

    def note_trouble(self, what: str | None) -> None:
        """Keep what went wrong last, for whoever asks from another process; None: all is well again."""
        with self._file.writing("keeper") as conn:
            if what is None:
                conn.execute("DELETE FROM meta WHERE name = 'trouble'")
            else:
                text = json.dumps({"at": print_at(self._outbox.clock()), "what": what})
                conn.execute("INSERT OR REPLACE INTO meta VALUES ('trouble', ?)", (text,))


def _deliver(conn: sqlite3.Connection, state: State, waiting: Waiting, receipt: Receipt) -> None:
    size = conn.execute("SELECT size FROM waiting JOIN record USING (n) WHERE n = ?", (waiting.n,)).fetchone()
    if size is None:
        return  # somebody else said so already
    conn.execute("DELETE FROM waiting WHERE n = ?", (waiting.n,))
    forget_secrets(conn, waiting.n)
    conn.execute("INSERT OR REPLACE INTO receipt VALUES (?, ?, ?)", (waiting.n, waiting.id, receipt.print()))
    state.waiting -= 1
    state.waiting_bytes -= size[0]


def _bury(conn: sqlite3.Connection, state: State, waiting: Waiting, death: Death, *, at: str) -> None:
    row = conn.execute(
        "SELECT salt, body, line, size FROM waiting JOIN record USING (n) WHERE n = ?", (waiting.n,)
    ).fetchone()
    if row is None:
        return
    salt, body, line, size = row
    values = (waiting.n, salt, body, waiting.id, line, chain_hash(line), at, death.code, death.why)
    conn.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    conn.execute("DELETE FROM waiting WHERE n = ?", (waiting.n,))
    state.waiting -= 1
    state.waiting_bytes -= size
    state.dead += 1
    state.dead_bytes += len(line) + len(body) + part_bytes(conn, waiting.n)


def part_bytes(conn: sqlite3.Connection, n: int) -> int:
    """Return how many bytes the parts of a record take; inside a transaction."""
    return int(conn.execute("SELECT coalesce(sum(length(value)), 0) FROM part WHERE n = ?", (n,)).fetchone()[0])


def forget_secrets(conn: sqlite3.Connection, n: int) -> None:
    """Take parts and person of a record away; inside a transaction."""
    conn.execute("DELETE FROM part WHERE n = ?", (n,))
    conn.execute("DELETE FROM person WHERE n = ?", (n,))


def _prune(conn: sqlite3.Connection, state: State, through: Sequence[int]) -> None:
    """Take records that are `through` away, and keep what the chain needs of them."""
    first = conn.execute("SELECT min(n) FROM waiting").fetchone()[0]
    start = state.size if first is None else int(first)
    if start > state.start:
        line = conn.execute("SELECT line FROM record WHERE n = ?", (start - 1,)).fetchone()
        state.anchor = state.head if start == state.size else stub_of(line[0])
        conn.execute("DELETE FROM record WHERE n < ?", (start,))
        state.start = start
    _thin(conn, sorted(n for n in through if n > start), state.size)
    conn.execute("DELETE FROM receipt WHERE n < ?", (state.size - KEPT_RECEIPTS,))
    conn.execute(
        "DELETE FROM chosen WHERE n < ? AND NOT EXISTS (SELECT 1 FROM waiting WHERE waiting.n = chosen.n)",
        (state.size - KEPT_IDS,),
    )
    state.write(conn)


def _thin(conn: sqlite3.Connection, through: Sequence[int], size: int) -> None:
    """Behind a record that waits, keep of each run of records that are through the last one's hash alone."""
    for n in through:
        found = conn.execute("SELECT line FROM record WHERE n = ?", (n,)).fetchone()
        if found is not None:  # else somebody else said so already
            conn.execute("UPDATE record SET line = ? WHERE n = ?", (stub_of(found[0]), n))
    for n in {*through, *(n - 1 for n in through)}:
        conn.execute(
            "DELETE FROM record WHERE n = ? AND n + 1 < ? AND NOT EXISTS "
            "(SELECT 1 FROM waiting WHERE waiting.n IN (record.n, record.n + 1))",
            (n, size),
        )
