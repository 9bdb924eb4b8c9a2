"""What an operator does with an outbox: look at it, prove it whole, read and replay its dead letters, forget a person."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.client.backlog import KEPT_RECEIPTS, forget_secrets, part_bytes
from ledger.client.outbox import Outbox, State, link, read_content
from ledger.client.record import Record, chain_hash, check_chain, is_stub, stub_of
from proofs.errors import MalformedError, MissingError, RefusedError, TamperedError


@dataclass(frozen=True, slots=True)
class Status:
    """Where an outbox stands.

    Attributes:
        id: Its UUID.
        destination: The server that it delivers to; None before one was named.
        waiting: Events that are not delivered yet; `waiting_bytes` of them.
        oldest: When the one that waits longest was emitted ("2026-11-20T…Z", the producer's clock); None when none waits.
        dead: Dead letters; `dead_bytes` of them.
        records: Records that it ever held; those from `start` on are still in the chain.
        head: Hash of the last record, 32 bytes.
        trouble: (when, what) went wrong last, while nothing went right since; None when all is well.
    """

    id: str
    destination: str | None
    waiting: int
    waiting_bytes: int
    oldest: str | None
    dead: int
    dead_bytes: int
    records: int
    start: int
    head: bytes
    trouble: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that the ledger will not take.

    Attributes:
        n: Its record's position in the outbox.
        at: When it was given up.
        code: A word for why: the server's ("conflict", "refused"), or "tampered" when the outbox itself was changed.
        why: The server's sentence.
    """

    n: int
    id: str
    source: str
    type: str
    at: str
    code: str
    why: str


def status(outbox: Outbox) -> Status:
    """Return where the outbox stands."""
    with outbox.file.reading() as conn:
        state = State.read(conn)
        meta = dict(conn.execute("SELECT name, value FROM meta"))
        first = conn.execute("SELECT line FROM record JOIN waiting USING (n) ORDER BY n LIMIT 1").fetchone()
    trouble = json.loads(meta["trouble"]) if "trouble" in meta else None
    return Status(
        id=outbox.id,
        destination=meta.get("destination"),
        waiting=state.waiting,
        waiting_bytes=state.waiting_bytes,
        oldest=None if first is None else _time(first[0]),
        dead=state.dead,
        dead_bytes=state.dead_bytes,
        records=state.size,
        start=state.start,
        head=state.head,
        trouble=None if trouble is None else (trouble["at"], trouble["what"]),
    )


def _time(line: bytes) -> str | None:
    try:
        return Record.parse(line).event.time
    except MalformedError:
        return None


def verify(outbox: Outbox) -> None:
    """Hold every record to the chain, what is stored beside it to its commitments, and the counters to the rows.

    Raises:
        TamperedError: Something was changed, taken away or put in; `where` names the record.
        MalformedError: A record is not well formed.
    """
    with outbox.file.reading() as conn:
        state = State.read(conn)
        lines = dict(conn.execute("SELECT n, line FROM record").fetchall())
        check_chain(state.start, state.anchor, lines, state.size, state.head)
        _check_accounted_for(conn, state)
        for n, salt, body in conn.execute("SELECT n, salt, body FROM waiting ORDER BY n"):
            if n not in lines or is_stub(lines[n]):
                raise TamperedError("it waits, and the chain does not know it", where=f"record {n}")
            _check(conn, lines[n], salt, body)
        for n, salt, body, line, digest in conn.execute("SELECT n, salt, body, line, hash FROM dead ORDER BY n"):
            if chain_hash(line) != digest or stub_of(lines.get(n, line)) != digest:
                raise TamperedError("the dead letter is not the record that was given up", where=f"record {n}")
            _check(conn, line, salt, body)
        _check_bytes(conn, state)


def _check_bytes(conn: sqlite3.Connection, state: State) -> None:
    """What the bound of the outbox is held to are the bytes that are there."""
    waiting = conn.execute("SELECT coalesce(sum(size), 0) FROM record JOIN waiting USING (n)").fetchone()[0]
    dead = conn.execute("SELECT coalesce(sum(length(line) + length(body)), 0) FROM dead").fetchone()[0]
    dead += conn.execute("SELECT coalesce(sum(length(value)), 0) FROM part JOIN dead USING (n)").fetchone()[0]
    if (waiting, dead) != (state.waiting_bytes, state.dead_bytes):
        raise TamperedError(
            f"{waiting} bytes wait and {dead} are dead, the outbox counts {state.waiting_bytes} and {state.dead_bytes}"
        )


def _check_accounted_for(conn: sqlite3.Connection, state: State) -> None:
    """Every record is on its way, dead, or through with a trace; traces are kept for the last ones alone."""
    counted = (state.waiting, state.dead)
    found = tuple(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("waiting", "dead"))  # noqa: S608
    if found != counted:
        raise TamperedError(
            f"{found[0]} records wait and {found[1]} are dead, the outbox counts {counted[0]} and {counted[1]}"
        )
    known = {n for (n,) in conn.execute("SELECT n FROM waiting UNION SELECT n FROM dead UNION SELECT n FROM receipt")}
    for n in range(max(state.start, state.size - KEPT_RECEIPTS), state.size):
        if n not in known:
            raise TamperedError("it is neither waiting, nor dead, nor was it delivered", where=f"record {n}")


def _check(conn: sqlite3.Connection, line: bytes, salt: bytes, body: bytes) -> None:
    record = Record.parse(line)
    record.check(read_content(conn, record, salt, body))


def dead_letters(outbox: Outbox) -> list[DeadLetter]:
    """Return the dead letters, the oldest first."""
    return [
        DeadLetter(n, id, *_named(line), at, code, why)
        for n, id, line, at, code, why in outbox.file.rows("SELECT n, id, line, at, code, why FROM dead ORDER BY n")
    ]


def _named(line: bytes) -> tuple[str, str]:
    try:
        event = Record.parse(line).event
    except MalformedError:
        return "", ""
    return event.source, event.type


def replay(outbox: Outbox, numbers: Collection[int] | None = None) -> int:
    """Put dead letters back into the backlog, behind what waits there, and return how many.

    Each keeps its id, its sequence and its time, so that the ledger sees the event that was meant; only its record is new.

    Args:
        numbers: Which; None means all whose record is whole.

    Raises:
        MissingError: There is no such dead letter; nothing was changed.
        TamperedError: A dead letter that was named was changed; nothing was changed.
    """
    count = 0
    with outbox.file.writing("writer") as conn:
        state = State.read(conn)
        for n, salt, body, line in _chosen(conn, numbers):
            try:
                record = Record.parse(line)
                content = read_content(conn, record, salt, body)
                record.check(content)
            except (MalformedError, TamperedError):
                if numbers is not None:
                    raise
                continue
            _remove(conn, state, n, len(line) + len(body))
            again = link(conn, state, record.event, content)
            conn.execute("UPDATE chosen SET n = ? WHERE n = ?", (again, n))
            count += 1
        state.write(conn)
    return count


def discard(outbox: Outbox, numbers: Collection[int]) -> int:
    """Throw dead letters away for good and return how many: their sequence stays a gap in the source's stream.

    Raises:
        MissingError: There is no such dead letter; nothing was changed.
    """
    with outbox.file.writing("writer") as conn:
        state = State.read(conn)
        rows = list(_chosen(conn, numbers))
        for n, _, body, line in rows:
            _remove(conn, state, n, len(line) + len(body))
        state.write(conn)
    return len(rows)


def _chosen(conn: sqlite3.Connection, numbers: Collection[int] | None) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    rows: dict[int, Any] = {
        row[0]: row for row in conn.execute("SELECT n, salt, body, line FROM dead ORDER BY n").fetchall()
    }
    for n in numbers if numbers is not None else list(rows):
        if n not in rows:
            raise MissingError(f"no dead letter {n}")
        yield rows[n]


def _remove(conn: sqlite3.Connection, state: State, n: int, own_bytes: int) -> None:
    """Take a dead letter away; its record and its body take `own_bytes`, and its parts are as many as are left."""
    state.dead_bytes -= own_bytes + part_bytes(conn, n)
    conn.execute("INSERT OR REPLACE INTO receipt SELECT n, id, zeroblob(0) FROM dead WHERE n = ?", (n,))
    conn.execute("DELETE FROM dead WHERE n = ?", (n,))
    forget_secrets(conn, n)
    state.dead -= 1


def forget(outbox: Outbox, person: str) -> int:
    """Destroy the personal parts that wait or lie dead under `person`, and return how many events had any (I10).

    The events themselves stay in their place with `null` where the parts were, as the ledger would show them after an erasure:
    so the chain holds, and no sequence is missing. What was delivered is for the ledger to erase. A request that is on its
    way at this moment arrives. The file is rewritten: what was delivered before goes with it for good, whoever it spoke of, and
    an emit waits as long as that takes.

    Raises:
        BusyError: Another process reads the file; no query finds the parts, but call again so that no byte of them is left.
        RefusedError: There is no room to rewrite the file; likewise.
    """
    with outbox.file.writing("writer") as conn:
        found = conn.execute("SELECT n FROM person WHERE name = ?", (person.encode(),)).fetchall()
        state = State.read(conn)
        for (n,) in found:
            freed = part_bytes(conn, n)
            if conn.execute("SELECT 1 FROM dead WHERE n = ?", (n,)).fetchone():
                state.dead_bytes -= freed
            else:
                state.waiting_bytes -= freed
                conn.execute("UPDATE record SET size = size - ? WHERE n = ?", (freed, n))
            forget_secrets(conn, n)
        state.write(conn)
    outbox.file.scrub()
    return len(found)


def rebind(outbox: Outbox, url: str) -> None:
    """Let the outbox deliver to another server from now on."""
    if not url:
        raise RefusedError("a destination is a URL, and this is empty")
    with outbox.file.writing("writer") as conn:
        conn.execute("INSERT OR REPLACE INTO meta VALUES ('destination', ?)", (url,))
