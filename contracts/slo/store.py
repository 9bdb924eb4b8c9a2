"""The projection of service levels: when data came, what was measured, what was breached. Replayed from the log alone (I19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlite_utils

from contracts.decision import Decision
from contracts.facts import VALIDATION_DECIDED, Decided, ValidationDecided
from contracts.slo.burn import ENOUGH, Counts
from contracts.slo.facts import BREACHED, MEASURED, RECOVERED, Alert, Breached, Measured, OfLevel, Recovered
from contracts.slo.stretches import Arrival, seconds_of
from contracts.terms import Kind
from ledger.projection import BodyFold
from ledger.record import Record

_TABLES: Final = (
    """CREATE TABLE slo_arrival (seq INTEGER NOT NULL, contract TEXT NOT NULL, at INTEGER NOT NULL, rule TEXT NOT NULL,
    newest INTEGER NOT NULL, PRIMARY KEY (contract, seq, rule)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE slo_measured (seq INTEGER PRIMARY KEY, contract TEXT NOT NULL, slo TEXT NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL, good INTEGER NOT NULL, total INTEGER NOT NULL, decided INTEGER, value TEXT) STRICT""",
    "CREATE INDEX slo_measured_by_level ON slo_measured (contract, slo, until)",
    """CREATE UNIQUE INDEX slo_measured_by_decision ON slo_measured (contract, slo, decided)
    WHERE decided IS NOT NULL""",
    """CREATE TABLE slo_breach (contract TEXT NOT NULL, slo TEXT NOT NULL, alert TEXT NOT NULL, episode INTEGER NOT NULL,
    seq INTEGER NOT NULL, leaf TEXT NOT NULL, clock TEXT NOT NULL, recovered_seq INTEGER, recovered TEXT,
    PRIMARY KEY (contract, slo, alert, episode)) STRICT""",
)
SOURCE: Final = "urn:tallystick:slo:measure"  # as which no emitter may write: who took our ids would stop us
Key = tuple[str, str]
"""Contract, and level with its indicator: one that came to measure something else under its old name begins anew."""
ARRIVED: Final = ""  # the rule under which it stands that data came, whatever its age was


class SloFold(BodyFold):
    """Folds decisions into `slo_arrival`, measurements into `slo_measured`, and breaches into `slo_breach`.

    `slo_arrival` has each batch that was let through, and for each rule of freshness the newest moment in it. `slo_unread`
    names what could not be folded: "withheld", "malformed", "foreign" (anybody may tell of a probe, and nobody else measure
    batches and time), "early" (it speaks of what is yet to come), "repeated" (a batch, a stretch of time or an episode that
    is there already) or "unmatched" (a recovery from no breach that is open).
    """

    name = "slo"
    version = 1
    types: frozenset[str] = frozenset((VALIDATION_DECIDED, MEASURED, BREACHED, RECOVERED))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write what the record says; return why not, where it cannot be folded."""
        return _FOLDS[record.type](db, record, body)


def key_of(fact: OfLevel) -> Key:
    """Return under what an event is counted."""
    return fact.contract.name, f"{fact.slo}:{fact.indicator}"


def _arrived(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = ValidationDecided.parse(body)
    if fact.decision is Decision.BLOCK_AND_ROLLBACK:
        return None
    at, clock = seconds_of(record.at), seconds_of(fact.clock)
    rows = [(ARRIVED, at)]
    rows += [
        (metric.rule, clock - int(metric.value.partition(".")[0]))
        for metric in fact.metrics
        if metric.kind is Kind.FRESHNESS and metric.value is not None and len(metric.value) < _DIGITS
    ]
    for rule, newest in dict(rows).items():
        db.execute(
            "INSERT INTO slo_arrival VALUES (?, ?, ?, ?, ?)",
            [record.seq, fact.contract.name, at, rule, newest],
        )
    return None


def _measured(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Measured.parse(body)
    if fact.probe is None and record.source != SOURCE:
        return "foreign"
    if fact.clock > record.at:
        return "early"
    key, until = key_of(fact), seconds_of(fact.clock)
    since = until if fact.since is None else seconds_of(fact.since)
    if fact.since is not None and (since >= until or until - since != fact.total or since < measured_until(db, key)):
        return "repeated"
    written = db.execute(
        "INSERT INTO slo_measured VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            *(record.seq, *key, since, until, fact.good, fact.total),
            *(fact.decided.seq if fact.decided else None, fact.value),
        ],
    )
    return None if written.rowcount else "repeated"


def _breached(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Breached.parse(body)
    key = key_of(fact)
    known = last_episode(db, key, fact.alert)
    if (known is not None and known.recovered is None) or fact.episode != (known.number if known else 0) + 1:
        return "repeated"
    row = [*key, fact.alert, fact.episode, record.seq, record.leaf.hex(), fact.clock]
    db.execute("INSERT INTO slo_breach VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
    return None


def _recovered(db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
    fact = Recovered.parse(body)
    written = db.execute(
        "UPDATE slo_breach SET recovered_seq = ?, recovered = ? WHERE contract = ? AND slo = ? AND alert = ? "
        "AND episode = ? AND seq = ? AND leaf = ? AND recovered IS NULL",
        [
            *(record.seq, fact.clock, *key_of(fact), fact.alert),
            *(fact.episode, fact.breached.seq, fact.breached.leaf),
        ],
    )
    return None if written.rowcount else "unmatched"


_DIGITS: Final = 18  # of an age in seconds; what has more was said by no engine of ours
_FOLDS: Final = {VALIDATION_DECIDED: _arrived, MEASURED: _measured, BREACHED: _breached, RECOVERED: _recovered}


@dataclass(frozen=True, slots=True)
class Episode:
    """One breach; `recovered` is the moment at which it ended, None while it lasts."""

    alert: Alert
    number: int
    entry: Decided
    clock: str
    recovered: str | None


_EPISODES: Final = "SELECT alert, episode, seq, leaf, clock, recovered FROM slo_breach WHERE contract = ? AND slo = ?"


def _episode(row: Any) -> Episode:
    alert, number, seq, leaf, clock, recovered = row
    return Episode(alert, number, Decided(seq=seq, leaf=leaf), clock, recovered)


def last_episode(db: sqlite_utils.Database, key: Key, alert: str) -> Episode | None:
    """Return the last breach of a level by an alert; None where there was none."""
    row = db.execute(f"{_EPISODES} AND alert = ? ORDER BY episode DESC LIMIT 1", [*key, alert]).fetchone()
    return None if row is None else _episode(row)


def episodes(db: sqlite_utils.Database, key: Key, since: str) -> tuple[Episode, ...]:
    """Return the breaches of a level that lasted at `since` (as an entry prints it) or began after it, in their order."""
    rows = db.execute(f"{_EPISODES} AND (recovered IS NULL OR recovered >= ?) ORDER BY seq", [*key, since]).fetchall()
    return tuple(map(_episode, rows))


def measured_until(db: sqlite_utils.Database, key: Key) -> int:
    """Return the second up to which a level was measured; 0 where it was not."""
    row = db.execute("SELECT max(until) FROM slo_measured WHERE contract = ? AND slo = ?", [*key]).fetchone()
    return int(row[0] or 0)


def decided_until(db: sqlite_utils.Database, key: Key) -> int:
    """Return the seq of the last decision by which a level was measured; -1 where none was."""
    row = db.execute("SELECT max(decided) FROM slo_measured WHERE contract = ? AND slo = ?", [*key]).fetchone()
    return -1 if row[0] is None else int(row[0])


def last_value(db: sqlite_utils.Database, key: Key) -> str | None:
    """Return the number that was held to the target last; None where there was none."""
    select = "SELECT value FROM slo_measured WHERE contract = ? AND slo = ? AND value IS NOT NULL ORDER BY until DESC, seq DESC"
    row = db.execute(f"{select} LIMIT 1", [*key]).fetchone()
    return None if row is None else str(row[0])


def arrivals(db: sqlite_utils.Database, contract: str, rules: tuple[str, ...], start: int, stop: int) -> list[Arrival]:
    """Return what came from second `start` to `stop`, and what had come last before that.

    Args:
        rules: Of the rules of freshness, the first that a batch was held to says how old it is; where there is none, it is
            as old as its decision.
    """
    before = "SELECT seq FROM slo_arrival WHERE contract = ? AND at <= ? ORDER BY seq DESC LIMIT 1"
    first = db.execute(before, [contract, start]).fetchone()
    rows = db.execute(
        "SELECT seq, at, rule, newest FROM slo_arrival WHERE contract = ? AND seq >= ? AND at < ? ORDER BY seq, rule",
        [contract, first[0] if first else -1, stop],
    ).fetchall()
    ages: dict[int, dict[str, int]] = {}
    came: dict[int, int] = {}
    for seq, at, rule, newest in rows:
        ages.setdefault(seq, {})[rule] = newest
        came[seq] = at
    return [Arrival(at, _newest(ages[seq], rules)) for seq, at in came.items()]


def _newest(ages: dict[str, int], rules: tuple[str, ...]) -> int:
    return next((ages[rule] for rule in rules if rule in ages), ages[ARRIVED])


def counted(db: sqlite_utils.Database, key: Key, start: int, stop: int) -> Counts:
    """Return what was measured behind second `start` and up to `stop`; of a stretch of time, the part that lies within."""
    row = db.execute(
        """SELECT sum(CASE WHEN since = until THEN good WHEN good > 0 THEN min(until, :stop) - max(since, :start) ELSE 0 END),
        sum(CASE WHEN since = until THEN total ELSE min(until, :stop) - max(since, :start) END)
        FROM slo_measured WHERE contract = :contract AND slo = :slo AND until > :start
        AND (since < :stop OR since = until AND until <= :stop)""",
        {"contract": key[0], "slo": key[1], "start": start, "stop": stop},
    ).fetchone()
    return Counts(int(row[0] or 0), int(row[1] or 0))


def latest(db: sqlite_utils.Database, key: Key, start: int, stop: int, enough: int = ENOUGH) -> Counts:
    """Return the same of the last `enough` batches, or probings, alone."""
    rows = db.execute(
        "SELECT good, total FROM slo_measured WHERE contract = ? AND slo = ? AND until > ? AND until <= ? AND total > 0 "
        "ORDER BY until DESC, seq DESC LIMIT ?",
        [*key, start, stop, enough],
    ).fetchall()
    return Counts(sum(good for good, _ in rows), sum(total for _, total in rows))


def measurements(db: sqlite_utils.Database, key: Key, start: int, stop: int) -> int:
    """Return how many batches, or probings, were measured behind second `start` and up to `stop`."""
    row = db.execute(
        "SELECT count(*) FROM slo_measured WHERE contract = ? AND slo = ? AND until > ? AND until <= ? AND total > 0",
        [*key, start, stop],
    ).fetchone()
    return int(row[0])
