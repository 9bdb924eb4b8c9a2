"""The report of a month for people, on one page without script that loads nothing; equal numbers give equal pages."""

from __future__ import annotations

from importlib.resources import files

from evidence.barchart import WORDS, bars
from evidence.markup import Html, Value, badge, code, element, html, join, pairs, section, table
from evidence.numbers import Month, Monthly, Spread
from evidence.paper import paper

_HEAD = ("Allowed", "With an alert", "Quarantined", "Blocked")


def page(found: Monthly) -> bytes:
    """Return the page."""
    folder = files("evidence")
    style = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in ("report.css", "monthly.css"))
    title = f"Data quality in {found.month}"
    kind = element("p", f"Monthly report from the ledger {found.origin}", class_="kind")
    said = f"{found.entries:,} entries of the month, of {found.size:,} in the log. Days are UTC."
    header = element("header", kind, element("h1", title), element("p", said, class_="soft"))
    main = join(
        [
            _facts(found),
            _decisions(found),
            _failing(found),
            _coverage(found),
            _speed(found),
            _afterwards(found),
        ]
    )
    text = f"{found.origin}, {found.size:,} entries. Contracts, coverage and what is open are as the log ends."
    return paper(title, style, header, main, element("footer", element("p", text)))


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent, cut to one decimal; a dash where there is no whole."""
    if not whole:
        return "–"
    permille = part * 1_000 // whole
    return f"{permille // 10}.{permille % 10} %"


def duration(seconds: int) -> str:
    """Return seconds as people say them: the two largest units that there are."""
    parts = ((seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2]) or "0 s"


def _facts(found: Monthly) -> Html:
    cards: list[tuple[str, str]] = [
        (f"{found.decisions:,}", "batches decided"),
        (f"{found.stopped:,}", "kept back: quarantined or blocked"),
        (share(found.overruled, found.stopped), f"of these overruled ({found.overruled:,}): false positives"),
        (share(found.coverage.with_contract, found.coverage.datasets), "of the datasets have a contract"),
        (
            duration(found.after_run.median) if found.after_run else "–",
            "from a run's end to a fault found, in the middle",
        ),
        (share(found.share.checks_ms, found.share.runs_ms), "of the runs' time were checks"),
    ]
    drawn = [element("div", element("b", number), element("span", text), class_="fact") for number, text in cards]
    warning = Html("")
    if found.unread:
        text = f"{found.unread:,} entries of the month cannot be read and count for nothing here."
        warning = element("div", element("p", text), class_="notice")
    return join([element("div", *drawn, class_="facts"), warning])


def _decisions(found: Monthly) -> Html:
    days = {each.day: each.decisions for each in found.by_day}
    rows: list[tuple[Value, ...]] = [(f"{found.month}-{day:02}", *_numbers(days[day])) for day in sorted(days)]
    sentence = f"{found.decisions} decisions on {len(days)} days; the table below has the same numbers."
    names: list[tuple[Value, ...]] = [(each.dataset, *_numbers(each.decisions)) for each in found.by_dataset]
    return section(
        "decisions",
        "What was decided",
        bars(days, Month.parse(found.month).days, sentence) or element("p", "Nothing was decided.", class_="soft"),
        element("h3", "By dataset") if names else Html(""),
        table(("Dataset", *_HEAD), names),
        element("h3", "By day") if rows else Html(""),
        table(("Day", *_HEAD), rows),
    )


def _numbers(counts: dict[str, int]) -> tuple[int, ...]:
    return tuple(counts.get(decision, 0) for decision in WORDS)


def _failing(found: Monthly) -> Html:
    rows = [(each.dataset, code(each.rule), each.batches, each.unmeasured, each.rows) for each in found.failing]
    more = found.failing_in_all - len(rows)
    note = element("p", f"and {more:,} rules more that failed less often", class_="soft") if more else Html("")
    head = ("Dataset", "Rule", "Batches", "Not measured", "Rows")
    return section("failing", "What broke most often", table(head, rows), note)


def _coverage(found: Monthly) -> Html:
    covered = found.coverage
    rows: list[tuple[Value, ...]] = [
        ("a contract in force", covered.with_contract, share(covered.with_contract, covered.datasets)),
        ("one with an owner", covered.with_owner, share(covered.with_owner, covered.datasets)),
        ("one with somebody on call", covered.with_on_call, share(covered.with_on_call, covered.datasets)),
    ]
    bare = join([badge("without a contract", "warn"), html(" "), html(", ".join(covered.bare), limit=20_000)])
    left = covered.datasets - covered.with_contract - len(covered.bare)
    more = html(f" and {left:,} more") if left > 0 else Html("")
    return section(
        "coverage",
        "What is covered",
        element("p", f"Of {covered.datasets:,} datasets that lineage knows:"),
        table(("Has", "Datasets", "Part"), rows),
        element("p", bare, more) if covered.bare else Html(""),
    )


def _speed(found: Monthly) -> Html:
    spreads = (("From the run's end to the decision", found.after_run), ("Age of the data at the decision", found.age))
    rows = [(title, *_spread(spread)) for title, spread in spreads if spread is not None]
    took = pairs(
        [
            ("Runs that told when they began and ended", f"{found.share.runs:,}"),
            ("Their time", duration(found.share.runs_ms // 1_000)),
            ("Time of their checks", f"{found.share.checks_ms:,} ms"),
            ("Part", share(found.share.checks_ms, found.share.runs_ms)),
        ]
    )
    return section(
        "speed",
        "How soon, and at what cost",
        element("p", "Of decisions that found fault:", class_="soft") if rows else Html(""),
        table(("Time", "Decisions", "Median", "90 %", "Longest"), rows),
        took,
    )


def _spread(spread: Spread) -> tuple[Value, ...]:
    return spread.count, duration(spread.median), duration(spread.ninetieth), duration(spread.longest)


def _afterwards(found: Monthly) -> Html:
    kept, deleted = found.quarantines, found.deletions
    rows: list[tuple[Value, ...]] = [
        ("Quarantines opened", kept.opened),
        ("Rows in them", kept.rows),
        ("Quarantines deleted", kept.deleted),
        ("Quarantines expired", kept.expired),
        ("Quarantines open now", kept.open),
        ("Deletions due, certified in time", deleted.on_time),
        ("Deletions due, late", deleted.late),
        ("Deletions due, still open", deleted.open),
        ("Consumers told of a change", found.told),
    ]
    return section("afterwards", "What became of it", table(("", "In the month"), rows))
