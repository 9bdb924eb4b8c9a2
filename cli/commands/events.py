"""emit, log, show: events in, and out again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import click

from cli.output import say
from cli.session import Session, named, pass_session, read_input, with_json
from evidence.question import as_filed
from ledger.append import LoserError, Receipt
from ledger.cloudevents import read_cloudevent
from ledger.event import Event, first_fault
from ledger.intake import Intake
from ledger.log import Ledger
from ledger.record import Record
from proofs import jsonstrict
from proofs.digest import commitment
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError, TamperedError
from proofs.report import visible

_BATCH = 1000
_MOST_DIGITS = 16  # of 2^53 - 1, the largest number that a header holds


@click.command()
@click.argument("file", required=False)
@click.option("--openlineage", is_flag=True, help="FILE holds OpenLineage events, one a line.")
@click.option("--type", "type_", metavar="TYPE", help="One event of this type; FILE is its data.")
@click.option("--source", metavar="URI", help="Who says so.")
@click.option("--id", "id_", metavar="ID", help="Makes a second emit of the same event harmless.")
@click.option("--content-type", metavar="TYPE", help="Of the data; JSON unless named.")
@with_json
@pass_session
def emit(
    session: Session,
    file: str | None,
    *,
    openlineage: bool,
    type_: str | None,
    source: str | None,
    id_: str | None,
    content_type: str | None,
) -> None:
    """Append events: CloudEvents as JSON, one a line.

    From FILE or standard input (-), in batches of 1,000, each of which is appended whole or not at all.

    Example: tally emit events.jsonl
    """
    file = file or "-"
    lines: list[int] = []
    if (type_ is None) != (source is None) or (type_ is None and (id_ or content_type)):
        raise click.UsageError("--type and --source go together, and --id and --content-type with them")
    if type_ is not None and openlineage:
        raise click.UsageError("--openlineage reads events that have a type, --type makes one")
    data = read_input(file, "input", or_pipe=True)
    if type_ is not None:
        try:
            events = [Event(type=type_, source=source or "", id=id_, data=data, datacontenttype=content_type)]
        except ValueError as error:
            raise RefusedError(f"event is not acceptable: {first_fault(error)}") from error
    else:
        with named(file):
            numbered = list(_lines(data, openlineage=openlineage))
        lines, events = [number for number, _ in numbered], [event for _, event in numbered]
    with session.open() as log:
        receipts = _append(session, log, events, _Origin(file, lines))
    if session.output.as_json:
        session.output.document([_receipt(receipt) for receipt in receipts])
    else:
        say(f"✓ {_told(receipts)}")


def _told(receipts: list[Receipt]) -> str:
    """What was appended, and what was there already."""
    fresh = [receipt.seq for receipt in receipts if not receipt.is_replay]
    known = [receipt.seq for receipt in receipts if receipt.is_replay]
    if not fresh:
        return f"nothing appended: {'it was' if len(known) == 1 else f'all {len(known):,} were'} there already ({_span(known)})"
    there = f", {len(known):,} {'was' if len(known) == 1 else 'were'} there already ({_span(known)})" if known else ""
    return f"{len(fresh):,} appended ({_span(fresh)}){there}"


def _span(seqs: list[int]) -> str:
    first, last = min(seqs), max(seqs)
    if first == last:
        return f"entry {first}"
    # Others may have written in between, and an event in very many streams has more than one entry.
    return f"entries {first} to {last}" if last - first < len(seqs) else f"among the entries {first} to {last}"


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the events that are appended stood.

    Attributes:
        file: Its name; "-" for standard input.
        lines: The line of each event, from 1; none where the file is the data of one event.
    """

    file: str
    lines: list[int]

    def where(self, at: int) -> str:
        """The place of the event with the index `at`."""
        return f"{'' if self.file == '-' else f'{self.file} '}line {self.lines[at]}"

    def left(self, start: int, stop: int) -> str:
        """What stands when the events from `start` to `stop` were refused."""
        if stop - start == len(self.lines):
            return "nothing of the input was appended"
        before = f"; the {start:,} events before them were" if start else ""
        return f"nothing of the batch of lines {self.lines[start]} to {self.lines[stop - 1]} was appended{before}"


def _lines(data: bytes, *, openlineage: bool) -> Iterator[tuple[int, Event]]:
    from ledger.openlineage import event_from_openlineage

    count = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        count += 1
        try:
            yield number, event_from_openlineage(line, source=None) if openlineage else read_cloudevent(line)
        except TallyError as error:
            error.where = f"line {number}" + (f", {error.where}" if error.where else "")
            if not openlineage and _is_openlineage(line):
                error.hint = "this is an OpenLineage event: `tally import openlineage`, or `tally emit --openlineage`"
            error.hint = "; ".join(filter(None, (error.hint, "nothing of the input was appended")))
            raise
    if not count:
        raise RefusedError("the input holds no event")


def _is_openlineage(line: bytes) -> bool:
    """True of a document that has what every OpenLineage event has, and no CloudEvent."""
    try:
        value = jsonstrict.loads_foreign(line)
    except MalformedError:
        return False
    return isinstance(value, dict) and {"eventTime", "producer", "schemaURL"} <= value.keys()


def _append(session: Session, log: Ledger, events: list[Event], origin: _Origin) -> list[Receipt]:
    receipts: list[Receipt] = []
    with session.output.progress("appending") as advance:
        for start in range(0, len(events), _BATCH):
            batch = events[start : start + _BATCH]
            try:
                receipts += log.append(batch)
            except (RefusedError, BusyError) as error:
                if origin.lines:
                    at = _refused(log, batch, error)
                    error.where = error.where if at is None else origin.where(start + at)
                    error.hint = "; ".join(filter(None, (error.hint, origin.left(start, start + len(batch)))))
                raise
            advance(len(receipts), len(events))
    return receipts


def _refused(log: Ledger, batch: list[Event], error: RefusedError | BusyError) -> int | None:
    """Index of the event that a refusal speaks of; None where it speaks of the log."""
    if isinstance(error, LoserError):
        return error.loser
    intake = Intake(
        origin=log.origin, clock=log.clock, vault=None
    )  # seals nothing, and says the same of what it refuses
    for at, event in enumerate(batch):
        try:
            intake.prepare(event)
        except RefusedError as found:
            if found.what == error.what:
                return at
    return None


def _receipt(receipt: Receipt) -> dict[str, object]:
    return {
        "seq": receipt.seq,
        "leaf": receipt.leaf.hex(),
        "entry": receipt.entry.decode(),
        "salt": receipt.salt and receipt.salt.hex(),
        "is_replay": receipt.is_replay,
    }


@click.command()
@click.option("--stream", metavar="NAME", help='Only this stream, for example "dataset:crm|orders" or "type:…".')
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest last.")
@click.option("--after", type=click.IntRange(-1), metavar="SEQ", help="Begin behind this entry instead of at the end.")
@with_json
@pass_session
def log(session: Session, stream: str | None, limit: int, after: int | None) -> None:
    """List entries, the last ones unless told where to begin.

    Example: tally log --stream 'dataset:warehouse|orders' --limit 5
    """
    filed = None if stream is None else as_filed(stream)
    with session.open(read_only=True) as opened:
        records, before, after_them = _listed(opened, filed, limit, after)
    rows = [_row(record) for record in records]
    following = records[-1].seq if records and after_them else None
    if session.output.as_json:
        session.output.document({"before": before, "entries": rows, "after": after_them, "next": following})
        return
    rows = [{**row, "streams": _short(row["streams"])} for row in rows]
    session.output.rows(rows, ("seq", "at", "type", "source", "streams"), empty="no entries")
    if following is not None:
        say(f"… {after_them:,} more, --after {following}", err=True)
    elif after is None and before:
        say(f"… {before:,} more before these, from the first: --after -1", err=True)


def _short(names: object) -> str:
    """The first stream, and how many more there are: an event may be in hundreds."""
    assert isinstance(names, list)
    return "" if not names else names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")


def _listed(opened: Ledger, stream: str | None, limit: int, after: int | None) -> tuple[list[Record], int, int]:
    """The entries to show, and how many come before and after them."""
    if stream is None:
        total = opened.size
        start = max(0, total - limit) if after is None else min(after + 1, total)
        shown = list(opened.read(start, start + limit, bodies=False))
    else:
        found = opened.positions(stream)
        total = len(found)
        start = max(0, total - limit)
        if after is not None:
            start = next((position for position, seq, _ in found if seq > after), total)
        shown = list(opened.stream(stream, start, start + limit))
    return shown, start, total - start - len(shown)


def _row(record: Record) -> dict[str, object]:
    others = [name for name in record.streams if not name.startswith(("type:", "source:"))]
    return {"seq": record.seq, "at": record.at, "type": record.type, "source": record.source, "streams": others}


class Seq(click.ParamType[int]):
    """An entry's number."""

    name = "seq"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            self.fail(f"{text[:80]!r} is no entry's number: they count from 0", param, ctx)
        return int(text)


@click.command()
@click.argument("seq", type=Seq())
@with_json
@pass_session
def show(session: Session, seq: int) -> None:
    """Show one entry with its body.

    Example: tally show 17
    """
    with session.open(read_only=True) as opened:
        record = opened.entry(seq)
        stored = opened.store.bodies([seq]).get(seq)
    if stored is not None and commitment("body", stored.salt, stored.data) != record.entry.body:
        raise TamperedError(
            "the body is not the one that the entry commits to", where=f"entry {seq}", hint="run `tally verify`"
        )
    header = json.loads(record.header)
    body = _readable(record)
    if session.output.as_json:
        session.output.document({"header": header, "leaf": record.leaf.hex(), "body": body})
        return
    say(json.dumps(header, indent=2, ensure_ascii=False))
    say(f"\nleaf {record.leaf.hex()}\n")
    if record.body is None:
        raise MissingError(f"the body of entry {seq} was destroyed")
    say(visible(body) if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False))


def _readable(record: Record) -> object:
    """The body as JSON where it is an acceptable document whose numbers survive, else as text."""
    if record.body is None:
        return None
    try:
        jsonstrict.loads_foreign(record.body)
        value = json.loads(record.body, parse_float=str, parse_constant=str)
    except (MalformedError, ValueError):
        return record.body.decode(errors="backslashreplace")
    return value
