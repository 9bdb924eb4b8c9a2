"""check on a stream: lines cut into windows, each decided by itself, until the stream ends or a signal comes."""

from __future__ import annotations

import re
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import click

from cli.output import say, tell
from cli.session import Session, read_input
from cli.streaming import StreamOptions
from contracts import publish
from contracts.decision import Decision
from contracts.document import Document
from contracts.lifecycle import check_usable
from contracts.policies import publish_policy
from contracts.policyfile import PolicyDocument
from contracts.record import Context
from contracts.scan.beside import Given
from contracts.streams import kafka, ndjson
from contracts.streams.cut import Shape
from contracts.streams.decide import Decided, WindowJudge
from contracts.streams.feed import Feed
from contracts.streams.follow import Pace, follow
from contracts.streams.line import of_arrival, of_column
from contracts.streams.store import last_window
from ledger.clock import Clock, seconds
from proofs.errors import BlockedError, RefusedError

_SIZE: Final = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MARK: Final = {"ALLOW": "✓", "ALLOW_WITH_ALERT": "!", "QUARANTINE": "!", "BLOCK_AND_ROLLBACK": "✗"}
MAX_LATENESS: Final = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Checked:
    """What a stream is held to, and where its bad rows are kept."""

    document: Document
    given: Given
    policy: PolicyDocument | None
    quarantine: Path | None
    run: str | None


def check_stream(session: Session, data: str, options: StreamOptions, checked: Checked) -> None:
    """Decide the windows of a stream, one after the other, and print each; raises BlockedError where one was not let through."""
    shape, idle = _shape(options), None if options.idle is None else _length(options.idle, "--idle")
    document, bad, windows = checked.document, 0, 0
    with session.open() as log, _stopping() as stopping:
        if (remark := check_usable(log, document)) is not None:
            session.output.remark([remark])
        given = Given(others=checked.given.others, allowed=checked.given.allowed, clock=log.clock)
        with closing(_feed(data, options, document, log.clock)) as feed:
            publish.publish(log, document, Context(source=f"{log.origin}/stream"), clock=log.clock)
            if checked.policy is not None:
                publish_policy(log, checked.policy, Context(source=f"{log.origin}/policy"))
            before = last_window(log, document.contract, feed.name)
            if isinstance(feed, ndjson.NdjsonFeed) and before is not None and before.tail is not None:
                feed.expected = (before.tail, before.read[0].offset if before.read else 0)
            judge = WindowJudge(log, document, given, checked.policy, checked.quarantine, before, checked.run)
            for decided in follow(feed, shape, judge, Pace(stopping, seconds, idle)):
                windows += 1
                bad += _is_bad(decided)
                _show(session, document, decided)
    if bad:
        raise BlockedError(f"{bad} of {windows} windows were not let through")
    if not windows:
        session.output.remark(["nothing came that is not decided yet"])


def _is_bad(decided: Decided) -> bool:
    is_kept = decided.outcome.verdict.decision is Decision.QUARANTINE and bool(decided.kept)
    return decided.outcome.blocked and not is_kept


def _shape(options: StreamOptions) -> Shape:
    found = _SIZE.fullmatch(options.window or "")
    if found is None:
        raise click.UsageError(
            "A stream is decided by window: give --window 10000 (rows), or --window 5m (s, m, h, d)."
        )
    if found[2] is None:
        if options.event_time is not None or options.lateness is not None:
            raise click.UsageError("--event-time and --lateness go with a window of time, as --window 5m.")
        if int(found[1]) > options.max_rows:
            raise RefusedError(f"a window of {found[1]} rows is larger than --max-rows, {options.max_rows}")
        return Shape("rows", int(found[1]), max_rows=options.max_rows, max_bytes=options.max_bytes)
    lateness = 0 if options.lateness is None else _length(options.lateness, "--lateness")
    read = of_arrival if options.event_time is None else of_column(options.event_time)
    size = _length(options.window or "", "--window")
    return Shape("seconds", size, lateness, read, options.max_rows, options.max_bytes)


def _length(text: str, option: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None or found[2] is None or int(found[1]) * _SECONDS[found[2]] > MAX_LATENESS:
        raise click.UsageError(f"{option} is a time of at most a year, as 30s, 5m, 2h or 1d.")
    return int(found[1]) * _SECONDS[found[2]]


def _feed(data: str, options: StreamOptions, document: Document, clock: Clock) -> Feed:
    kind, _, place = data.partition(":")
    if options.stream is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", options.stream):
        raise RefusedError("the name of a stream is 1 to 128 letters, digits, '.', '_' and '-'")
    if kind == "ndjson":
        return ndjson.open_feed(
            place, clock=clock, new_name=uuid.uuid4().hex, named=options.stream, follow=options.follow
        )
    settings: dict[str, str] = {}
    if options.kafka_settings is not None:
        text = read_input(options.kafka_settings, "settings").decode("utf-8", "replace")
        settings = kafka.read_settings(text, where=options.kafka_settings)
    if options.brokers is not None:
        settings["bootstrap.servers"] = options.brokers
    return kafka.open_feed(
        place,
        settings,
        group=f"tallystick-{document.contract.name}",
        named=options.stream,
        follow=options.follow,
        accepts_loss=options.accept_loss,
    )


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Hand over what says whether a signal asked for an end; the window that is open is then decided first."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(session: Session, document: Document, decided: Decided) -> None:
    window, outcome = decided.window, decided.outcome
    measurement, verdict = outcome.measurement, outcome.verdict
    broken = [metric.rule.id for metric in measurement.metrics if not metric.passed]
    if session.output.as_json:
        session.output.document(
            {
                "contract": document.contract.name,
                "decision": verdict.decision.value,
                "risk_basis_points": verdict.risk.basis_points,
                "rows": measurement.rows,
                "broken": broken,
                "window": window.model_dump(mode="json", exclude_none=True),
                "quarantines": list(decided.kept),
                "seq": outcome.decided.seq,
            }
        )
        return
    of = f" {window.start[:19]} to {window.stop[:19]}" if window.start and window.stop else ""
    apart = "".join(
        f", {count:,} {what}" for count, what in ((window.unreadable, "unreadable"), (window.late, "late")) if count
    )
    tell(
        f"{_MARK[verdict.decision.value]} {document.contract.name}: {verdict.decision.value}, "
        f"risk {verdict.risk.points} of 100,{of} {measurement.rows:,} rows{apart} ({window.ended}, entry {outcome.decided.seq})"
    )
    if broken:
        tell(f"  broken: {', '.join(broken[:20])}")
    for id in decided.kept:
        say(f"  kept apart: {id}")
