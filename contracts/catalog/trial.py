"""Try a source: say what a connection would need, make it, and record what was found, without a secret and without a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from contracts.catalog import database, files, objects, service
from contracts.catalog.declaration import S3, Declaration, File, Http, Postgres
from contracts.catalog.facts import TESTED, LimitFact, Tested
from contracts.catalog.seen import Bounds, Limits, Seen
from contracts.catalog.store import Known, event_about, of_source, tests_of
from contracts.document import parse
from contracts.history import ReadableLog, versions
from contracts.record import Receipt
from ledger.clock import print_at
from proofs.errors import TallyError

_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True, slots=True)
class Plan:
    """What trying a source would do.

    Attributes:
        target: Where it would connect to; variables stand in it by their names.
        reads: What it would ask there.
        variables: Environment variables that it needs.
        unset: Those of them that are not set.
        usual: Variables that the kind's own library reads, where it finds them.
    """

    kind: str
    target: str
    reads: tuple[str, ...]
    variables: tuple[str, ...]
    unset: tuple[str, ...]
    usual: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What trying a source came to: what was seen, or the error; `latency_ms` from before to after."""

    clock: datetime
    latency_ms: int
    seen: Seen | None = None
    error: TallyError | None = None
    lacking: tuple[str, ...] = ()


def plan(declaration: Declaration, bounds: Bounds) -> Plan:
    """Return what trying a source would do; nothing is connected to, looked up or read for it."""
    connection = declaration.connection
    usual: tuple[str, ...] = ()
    match connection:
        case Postgres():
            target = f"postgresql://{connection.host}:{connection.port}/{connection.database}#{declaration.object}"
            reads: tuple[str, ...] = ("columns", "count of rows", "connections left")
        case File():
            target, reads = f"{connection.folder}/{declaration.object}", ("columns", "count of rows", "time of change")
        case Http():
            target = f"{connection.url.rstrip('/')}/{declaration.object.lstrip('/')}"
            reads = ("one page of rows", "rate limits", "Last-Modified")
            host = urlsplit(connection.url).hostname or ""
            reads = (*reads, f"the certificate of {host}") if connection.url.startswith("https:") else reads
        case S3():
            target = f"s3://{connection.bucket}/{declaration.object}"
            reads = ("list of objects", f"objects of up to {bounds.size_bytes} bytes in all")
            usual = () if connection.access_key else _KEYS
    if declaration.refresh and declaration.refresh.column:
        reads = (*reads, f"greatest {declaration.refresh.column}")
    needed = declaration.variables
    return Plan(
        connection.kind,
        target,
        reads,
        needed,
        tuple(name for name in needed if not bounds.environment.get(name)),
        usual,
    )


def look(declaration: Declaration, bounds: Bounds) -> Seen:
    """Return what a connection shows; raises as the look of its kind does."""
    match declaration.connection:
        case Postgres() as connection:
            return database.look(declaration, connection, bounds)
        case File() as connection:
            return files.look(declaration, connection, bounds)
        case Http() as connection:
            return service.look(declaration, connection, bounds)
        case S3() as connection:
            return objects.look(declaration, connection, bounds)


def attempt(declaration: Declaration, bounds: Bounds, clock: datetime, wanted: frozenset[str] = frozenset()) -> Outcome:
    """Return what trying a source came to, an error included.

    Args:
        clock: The moment that is recorded.
        wanted: Fields that it should have, beside its key fields.
    """
    begun = bounds.elapsed()
    try:
        seen = look(declaration, bounds)
    except TallyError as error:
        return Outcome(clock, _milliseconds(bounds, begun), error=error)
    names = {name for name, _ in seen.columns}
    lacking = tuple(sorted((wanted | set(declaration.key_fields)) - names))
    return Outcome(clock, _milliseconds(bounds, begun), seen, lacking=lacking)


def _milliseconds(bounds: Bounds, begun: float) -> int:
    return max(0, round((bounds.elapsed() - begun) * 1000))


def wanted_fields(log: ReadableLog, declaration: Declaration) -> frozenset[str]:
    """Return the fields that the last active version of the source's contract has; none where there is no such contract."""
    if declaration.contract is None:
        return frozenset()
    active = [each for each in versions(log, declaration.contract) if each.state == "active"]
    if not active:
        return frozenset()
    return frozenset(field.name for field in parse(active[-1].definition.encode()).contract.fields)


def record(log: ReadableLog, known: Known, outcome: Outcome) -> Receipt:
    """Record what trying a source came to, and return where."""
    seen = outcome.seen
    fact = of_source(
        known,
        Tested,
        clock=print_at(outcome.clock),
        latency_ms=outcome.latency_ms,
        outcome="failed" if seen is None else "reached",
        error=outcome.error.code if outcome.error else None,
        columns=None if seen is None else len(seen.columns),
        schema_sha256=None if seen is None else seen.schema_sha256,
        rows=None if seen is None else seen.rows,
        rows_are=None if seen is None else seen.rows_are,
        lacking=None if seen is None else len(outcome.lacking),
        updated=None if seen is None or seen.updated is None else print_at(seen.updated),
        limits=None if seen is None else _limit_fact(seen.limits),
    )
    return log.append(event_about(log, TESTED, fact, known.name))


def _limit_fact(limits: Limits | None) -> LimitFact | None:
    if limits is None:
        return None
    return LimitFact(limit=limits.limit, remaining=limits.remaining, reset_seconds=limits.reset_seconds)


def schema_number(log: ReadableLog, known: Known) -> int:
    """Return the how-manieth schema of a source the last one is, by its tests: 1 for the first; 0 where it was never reached."""
    number, last = 0, None
    for _, fact in reversed(tests_of(log, known.name)):
        if fact.schema_sha256 is not None and fact.schema_sha256 != last:
            number, last = number + 1, fact.schema_sha256
    return number
