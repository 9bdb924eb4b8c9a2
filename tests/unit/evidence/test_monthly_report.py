"""The report of a month: the numbers of its entries, the same in JSON and on a page that runs and loads nothing."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts.decision import Decision
from contracts.document import parse
from contracts.enforce import check
from contracts.overrides import Word, override
from contracts.publish import publish
from contracts.record import TOOK, Context
from contracts.scan.beside import Given
from contracts.source import CsvFile
from evidence.barchart import bars
from evidence.monthly import monthly
from evidence.monthly_page import duration, page, share
from evidence.numbers import Month, Monthly, Spread
from ledger.clock import parse_at
from ledger.openlineage import event_from_openlineage
from proofs.errors import RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

RUN = "01931111-1111-7111-8111-111111111111"
HOSTILE = "<script>alert(1)</script>\u202eevil"
CONTRACT = """name: orders
version: 1.0.0
owner: data-platform
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, unique: true}
  - {name: at, type: timestamp}
checks: [{kind: freshness, column: at, max_age_seconds: 3600}]
responsible: {on_call: data:1}
"""


class Took:
    """A clock for durations that moves on by two seconds with every look."""

    seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 2
        return self.seconds


def ran(log: Ledger, kind: str, time: str, *, output: str = "orders") -> None:
    event = {
        "eventTime": time, "eventType": kind, "producer": "urn:etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN}, "job": {"namespace": "etl", "name": "load"},
        "inputs": [{"namespace": "shop", "name": HOSTILE}], "outputs": [{"namespace": "shop", "name": output}],
    }  # fmt: skip
    log.append(event_from_openlineage(json.dumps(event).encode()))


def checked(log: Ledger, folder: Path, rows: str, run: str | None = None) -> int:
    path = folder / "orders.csv"
    path.write_text(f"id,at\n{rows}")
    context = Context(source="urn:shop", run=run, elapsed=Took())
    return check(
        log, parse(CONTRACT.encode()), CsvFile(path), context=context, given=Given(clock=log.clock)
    ).decided.seq


@pytest.fixture
def log(ledgers: Ledgers, tmp_path: Path) -> Ledger:
    """September: one good batch. October: a good one, and two bad ones, of which one was overruled in November."""
    ledgers.now = parse_at("2026-09-30T23:00:00.000000Z")
    log = ledgers.create()
    publish(log, parse(CONTRACT.encode()), clock=log.clock)
    checked(log, tmp_path, "1,2026-09-30T22:59:00Z\n")
    ledgers.now = parse_at("2026-10-01T00:00:00.000000Z")
    checked(log, tmp_path, "1,2026-10-01T00:00:00Z\n")
    ledgers.now = parse_at("2026-10-09T10:00:30.000000Z")
    ran(log, "START", "2026-10-09T09:00:00Z")
    ran(log, "COMPLETE", "2026-10-09T12:00:00+02:00")
    wrong = checked(log, tmp_path, "1,2026-10-09T10:00:00Z\n1,2026-10-09T10:00:00Z\n", RUN)
    checked(log, tmp_path, "1,2026-10-01T10:00:00Z\nx,2026-10-01T10:00:00Z\n")
    ledgers.now = parse_at("2026-11-02T00:00:00.000000Z")
    override(log, wrong, Word(Decision.ALLOW, "ops:7", "known-late-feed", log.clock() + timedelta(days=1)))
    return log


@pytest.fixture
def october(log: Ledger) -> Monthly:
    return monthly(log, Month.parse("2026-10"))


def test_the_numbers_are_those_of_the_entries_of_the_month(october: Monthly) -> None:
    assert (october.decisions, october.stopped, october.overruled) == (3, 2, 1)
    assert [(each.dataset, each.decisions) for each in october.by_dataset] == [
        ("shop|orders", {"ALLOW": 1, "BLOCK_AND_ROLLBACK": 2})
    ]
    assert [(each.day, each.decisions) for each in october.by_day] == [
        (1, {"ALLOW": 1}),
        (9, {"BLOCK_AND_ROLLBACK": 2}),
    ]
    assert [(each.rule, each.batches, each.rows) for each in october.failing] == [
        ("type:id", 1, 1),
        ("unique:id", 1, 1),
        ("freshness:at", 1, 0),
    ]


def test_how_soon_and_at_what_cost_is_told_by_runs_and_data(october: Monthly) -> None:
    assert october.after_run == Spread(1, 30, 30, 30)
    assert october.age is not None
    assert (october.age.count, october.age.longest) == (2, 691_230)
    assert (october.share.runs, october.share.checks_ms, october.share.runs_ms) == (1, 2_000, 3_600_000)
    assert october.share.basis_points == 5


def test_what_lineage_knows_is_covered_by_a_contract_with_an_owner_and_somebody_on_call_or_named(
    october: Monthly,
) -> None:
    covered = october.coverage

    assert (covered.datasets, covered.with_contract, covered.with_owner, covered.with_on_call) == (2, 1, 1, 1)
    assert covered.bare == (f"shop|{HOSTILE}",)


def test_a_duration_stands_in_the_header_and_a_replay_gives_the_same_body(log: Ledger) -> None:
    decided = [record for record in log.read() if record.type.endswith("decided.v1")]

    assert [record.entry.ext for record in decided] == [{TOOK: 2_000}] * 4
    assert not any(b"2000" in (record.body or b"") and TOOK.encode() in (record.body or b"") for record in decided)


def test_equal_ledgers_give_equal_pages_and_a_month_of_nothing_is_one_too(log: Ledger, ledgers: Ledgers) -> None:
    first = page(monthly(log, Month.parse("2026-10")))

    assert page(monthly(ledgers.open(read_only=True), Month.parse("2026-10"))) == first
    assert b"Nothing was decided." in page(monthly(log, Month.parse("2027-02")))


def test_the_page_runs_nothing_loads_nothing_and_escapes_what_strangers_call_things(october: Monthly) -> None:
    text = page(october).decode()
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick", "style"}

    Reader().feed(text)

    assert "script" not in tags
    assert {"svg", "title", "desc", "table"} <= set(tags)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text.replace("<wbr>", "")
    assert "\u202e" not in text
    assert "default-src 'none'" in text
    assert "color-scheme: light dark" in text
    assert "@media print" in text


def test_the_page_has_the_numbers_of_the_json(october: Monthly) -> None:
    text = page(october).decode()
    said = october.as_json()

    assert json.loads(json.dumps(said)) == json.loads(json.dumps(october.as_json()))
    assert "<b>3</b><span>batches decided</span>" in text
    assert "<b>50.0 %</b><span>of these overruled (1): false positives</span>" in text
    assert said["share"]["basis_points"] == 5


def test_the_picture_is_whole_numbers_and_every_batch_is_seen() -> None:
    drawn = bars({1: {"ALLOW": 1_000_000}, 2: {"BLOCK_AND_ROLLBACK": 1}}, 31, "two days")

    assert re.findall(r'class="blocked" x="(\d+)" y="(\d+)" width="18" height="(\d+)"', drawn) == [("71", "171", "1")]
    assert re.findall(r'"[0-9]+\.[0-9]+"', drawn) == []
    assert bars({}, 31, "none") == ""


@pytest.mark.parametrize(
    "text", ["2026", "2026-13", "2026-00", "26-10", "2026-10-01", "0000-01", "9999-12", "x" * 100, ""]
)
def test_a_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="is no month written YYYY-MM"):
        Month.parse(text)


def test_parts_and_durations_are_cut_and_not_rounded_up() -> None:
    assert [share(1, 3), share(2, 3), share(0, 5), share(1, 0)] == ["33.3 %", "66.6 %", "0.0 %", "–"]
    assert [duration(n) for n in (0, 59, 61, 3_600, 90_061)] == ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]


def test_what_cannot_be_read_is_counted_and_said(log: Ledger, ledgers: Ledgers) -> None:
    from ledger.event import Event

    log.append(Event(type="tallystick.validation.decided.v1", source="urn:x", id="1", data=b'{"risk":1}'))

    found = monthly(log, Month.parse("2026-11"))

    assert (found.unread, found.decisions) == (1, 0)
    assert "1 entries of the month cannot be read" in page(found).decode()
