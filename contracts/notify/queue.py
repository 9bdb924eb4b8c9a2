"""What is to be told, kept until it is: one SQLite file that remembers how far the log was read.

    collect    new entries → notices, and the position behind them, in one transaction: none is lost, none is made twice
    take       what a channel has waiting, once any of it is due: a digest, lent to one teller for two minutes
    sent · failed    the outcome; a failure is tried again later and later, for two days

The same trouble on one channel is told once in `repeat_seconds`; what comes in between is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.notify.notice import Notice
from ledger.sqlitefile import SqliteFile, connect, make

FIRST_DELAY_SECONDS: Final = 30
LEASE_SECONDS: Final = 120
LONGEST_DELAY_SECONDS: Final = 3_600
PATIENCE_SECONDS: Final = 2 * 86_400
KEPT_SECONDS: Final = 90 * 86_400
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL")
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS notice (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, key TEXT NOT NULL, level TEXT NOT NULL,
    contract TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, seq INTEGER NOT NULL,
    count INTEGER NOT NULL, made REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL, state TEXT NOT NULL,
    taken REAL NOT NULL DEFAULT 0, told REAL, error TEXT) STRICT""",
    # Whom a notice tells of which entry, where that is recorded in the log; `recorded` once it is.
    """CREATE TABLE IF NOT EXISTS telling (notice INTEGER PRIMARY KEY, consumer TEXT NOT NULL, seq INTEGER NOT NULL,
    leaf TEXT NOT NULL, recorded INTEGER NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS notice_by_key ON notice (channel, key, id)",
    "CREATE INDEX IF NOT EXISTS notice_by_state ON notice (state, channel, due)",
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is to be told on a channel; `count`: how often it came, `seq`: where it came first."""

    id: int
    channel: str
    notice: Notice
    seq: int
    count: int


@dataclass(frozen=True, slots=True)
class Telling:
    """That somebody is told of an entry."""

    consumer: str
    seq: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Made:
    """A notice of an entry, for a channel.

    Attributes:
        digest_seconds: How long it may wait for others.
        telling: What is to be recorded once it is told; None where nothing is.
    """

    seq: int
    channel: str
    notice: Notice
    digest_seconds: int = 0
    telling: Telling | None = None


class NoticeQueue:
    """An open queue."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        """Open the file at `path`, making it, for its owner alone, when there is none.

        Args:
            now: Seconds since 1970.

        Raises:
            TallyError: It cannot be opened.
        """
        make(path, "the file of notices")
        self._file = SqliteFile(connect(path, "the file of notices", _PRAGMAS), "the file of notices")
        self._now = now
        with self._file.writing() as conn:
            for statement in _TABLES:
                conn.execute(statement)

    @property
    def position(self) -> int | None:
        """How many entries were read; None before the first time."""
        rows = self._file.rows("SELECT seq FROM position")
        return rows[0][0] if rows else None

    def collect(self, made: Iterable[Made], start: int | None, stop: int, *, repeat_seconds: int) -> int:
        """Keep what is to be told of entries `start` to `stop`, and that the log was read so far; return how many are new.

        Where somebody else read them meanwhile nothing is kept twice.
        """
        now, new = self._now(), 0
        with self._file.writing() as conn:
            known = conn.execute("SELECT seq FROM position").fetchone()
            if (None if known is None else known[0]) != start:
                return 0
            for one in made:
                found = conn.execute(
                    "SELECT id FROM notice WHERE channel = ? AND key = ? "
                    "AND (state = 'waiting' OR (state = 'told' AND told > ?)) ORDER BY id DESC LIMIT 1",
                    [one.channel, one.notice.key, now - repeat_seconds],
                ).fetchone()
                if found is not None:
                    conn.execute("UPDATE notice SET count = count + 1 WHERE id = ?", found)
                    continue
                notice = one.notice
                row = [one.channel, notice.key, notice.level, *notice.contract, notice.title, notice.text, one.seq]
                made_id = conn.execute(
                    "INSERT INTO notice (channel, key, level, contract, version, title, text, seq, count, made, due, attempts, "
                    "state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 0, 'waiting')",
                    [*row, now, now + one.digest_seconds],
                ).lastrowid
                if (telling := one.telling) is not None:
                    said = [made_id, telling.consumer, telling.seq, telling.leaf]
                    conn.execute("INSERT INTO telling VALUES (?, ?, ?, ?, 0)", said)
                new += 1
            conn.execute(
                "INSERT INTO position VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq", [stop]
            )
            conn.execute(
                "DELETE FROM notice WHERE state <> 'waiting' AND made < ? AND id NOT IN "
                "(SELECT t.notice FROM telling t WHERE t.recorded = 0 AND state = 'told')",
                [now - KEPT_SECONDS],
            )
            conn.execute("DELETE FROM telling WHERE notice NOT IN (SELECT id FROM notice)")
        return new

    def take(self) -> dict[str, list[Waiting]]:
        """Return what each channel has waiting, where any of it is due, the oldest first; nobody else is given it for a while."""
        now = self._now()
        with self._file.writing() as conn:
            rows = conn.execute(
                "SELECT id, channel, key, contract, version, level, title, text, seq, count FROM notice "
                "WHERE state = 'waiting' AND taken <= ? AND channel IN "
                "(SELECT channel FROM notice WHERE state = 'waiting' AND due <= ?) ORDER BY id",
                [now, now],
            ).fetchall()
            conn.executemany(
                "UPDATE notice SET taken = ? WHERE id = ?", [(now + LEASE_SECONDS, row[0]) for row in rows]
            )
        found: dict[str, list[Waiting]] = {}
        for id, channel, key, contract, version, level, title, text, seq, count in rows:
            notice = Notice(key, (contract, version), level, title, text)
            found.setdefault(channel, []).append(Waiting(id, channel, notice, seq, count))
        return found

    def sent(self, waiting: Iterable[Waiting]) -> None:
        """Keep that these were told."""
        with self._file.writing() as conn:
            for one in waiting:
                conn.execute(
                    "UPDATE notice SET state = 'told', told = ?, error = NULL WHERE id = ?", [self._now(), one.id]
                )

    def failed(self, waiting: Iterable[Waiting], error: str) -> None:
        """Keep that these were not told, and when it is tried again: or that it is not any more, after two days."""
        now = self._now()
        with self._file.writing() as conn:
            for one in waiting:
                attempts, made = conn.execute("SELECT attempts, made FROM notice WHERE id = ?", [one.id]).fetchone()
                delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(attempts, 20))
                state = "dead" if now - made > PATIENCE_SECONDS else "waiting"
                conn.execute(
                    "UPDATE notice SET attempts = attempts + 1, taken = 0, due = ?, state = ?, error = ? WHERE id = ?",
                    [now + delay, state, error[:300], one.id],
                )

    def unrecorded(self) -> list[Telling]:
        """Return what was told and is not known to be recorded, the oldest first."""
        rows = self._file.rows(
            "SELECT t.consumer, t.seq, t.leaf FROM telling t JOIN notice n ON n.id = t.notice "
            "WHERE n.state = 'told' AND t.recorded = 0 ORDER BY t.notice"
        )
        return [Telling(*row) for row in rows]

    def recorded(self, telling: Telling) -> None:
        """Keep that the log has it."""
        with self._file.writing() as conn:
            conn.execute(
                "UPDATE telling SET recorded = 1 WHERE consumer = ? AND seq = ? AND leaf = ?",
                [telling.consumer, telling.seq, telling.leaf],
            )

    def counts(self) -> list[dict[str, object]]:
        """Return for each channel how many notices wait, were told and were given up, and the last error."""
        rows = self._file.rows(
            "SELECT channel, sum(state = 'waiting'), sum(state = 'told'), sum(state = 'dead'), sum(count), "
            "(SELECT error FROM notice e WHERE e.channel = n.channel AND error IS NOT NULL ORDER BY id DESC LIMIT 1) "
            "FROM notice n GROUP BY channel ORDER BY channel"
        )
        names = ("channel", "waiting", "told", "dead", "occurrences", "error")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Give back the file."""
        self._file.close()
