"""report.html: for people, and a dead page: nothing in it runs, loads, or reads as something that it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from evidence import wording
from evidence.markup import Html, badge, code, element, html, pairs, section, table
from evidence.question import about_dataset, about_deletion, about_stream, everything

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]
REQUEST = "5f0c5f6e-8a53-4a6e-9b0e-2f1d0a6f9c11"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;</svg></style>"
VOID = {"meta", "br", "wbr", "hr", "link", "img", "input", "base"}
DEAD = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div", "span", "p", "b", "h1",
    "h2", "h3", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "a", "code", "pre", "time", "wbr", "svg",
    "defs", "marker", "path", "g", "rect", "text",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would find on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.goes_on = False  # a place where a line may break stands between two halves of one word
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.goes_on = tag == "wbr"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.goes_on = False
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.goes_on:
            self.words[-1] += data
        else:
            self.words.append(data)
        self.goes_on = False

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page(files: Files) -> Callable[[Any], Page]:
    return lambda sealed: Page(files(sealed.path)["data/report.html"].decode())


def test_the_page_of_a_deletion_tells_request_certificate_decisions_lineage_and_every_entry(
    shared_house: House, page: Callable[[Any], Page]
) -> None:
    text = page(shared_house.export(about_deletion(shared_house.log, REQUEST))).text

    assert f"Deletion request {REQUEST}" in text
    assert "Asked by auditor:7 on 2026-11-20 12:00:00 UTC" in text
    assert "1 personal part withheld" in text
    assert "t1 crm|features delete erased L2 not retrievable" in text
    assert "BLOCK_AND_ROLLBACK" in text
    assert "99.99 %" in text
    assert "RULE_BLOCKS spend_not_null" in text
    assert "START churn.features: households, visits → features" in text
    assert "deletion requested under gdpr by api" in text
    assert "openssl pkeyutl -verify" in text


def test_the_page_is_dead(shared_house: House, page: Callable[[Any], Page]) -> None:
    found = page(shared_house.export(everything()))

    assert found.tags <= DEAD
    assert found.open == []
    assert [
        name for _, name, _ in found.attributes if name.startswith("on") or name in ("src", "action", "style")
    ] == []
    assert all(value.startswith("#") for _, name, value in found.attributes if name in ("href", "xlink:href"))
    policy = [value for tag, name, value in found.attributes if tag == "meta" and name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy


def test_the_style_of_the_page_loads_nothing(shared_house: House, files: Files) -> None:
    text = files(shared_house.export(everything()).path)["data/report.html"].decode()

    assert "url(" not in text.replace("url(#tip)", "")
    assert "@import" not in text
    assert re.findall(r"https?:", text.replace("http://www.w3.org/2000/svg", "")) == []


def test_every_reference_on_the_page_leads_to_an_entry_on_it(shared_house: House, page: Callable[[Any], Page]) -> None:
    found = page(shared_house.export(everything()))

    anchors = [value for _, name, value in found.attributes if name == "id"]
    assert len(anchors) == len(set(anchors))
    assert {value[1:] for _, name, value in found.attributes if name == "href"} <= set(anchors)


def test_an_edge_shows_its_first_entries_and_that_there_are_more(
    empty_house: House, page: Callable[[Any], Page]
) -> None:
    sides = {side: [{"namespace": "a", "name": side}] for side in ("inputs", "outputs")}
    body = sides | {"job": {"namespace": "a", "name": "j"}, "run": {"runId": "r"}}
    for number in range(17):
        empty_house.append(f"run{number}", "tallystick.lineage.run-observed.v1", body)

    text = page(empty_house.export(everything())).text

    assert f"a|j open {' , '.join(map(str, range(2, 18)))} , …" in text


def test_what_strangers_wrote_is_shown_and_never_obeyed(empty_house: House, page: Callable[[Any], Page]) -> None:
    dataset = {"namespace": HOSTILE, "name": HOSTILE}
    contract = {"name": HOSTILE, "version": HOSTILE}
    empty_house.append(
        "decided",
        "tallystick.validation.decided.v1",
        {
            "contract": contract,
            "dataset": dataset,
            "decision": HOSTILE,
            "reasons": [{"cause": HOSTILE}],
            "risk": HOSTILE,
        },
    )
    body = {
        "eventType": HOSTILE,
        "inputs": [dataset],
        "outputs": [{"namespace": "a", "name": "b"}],
        "job": dataset,
        "run": {"runId": HOSTILE},
    }
    empty_house.append("run", "tallystick.lineage.run-observed.v1", body)
    empty_house.append("typed", f"org.{HOSTILE}.v1", {"text": HOSTILE}, subject=HOSTILE)
    certificate = {
        "outcome": HOSTILE,
        "level": HOSTILE,
        "request": HOSTILE,
        "targets": [{"id": HOSTILE, "dataset": dataset}],
    }
    empty_house.append("certified", "tallystick.deletion.certified.v1", certificate)

    found = page(empty_house.export(everything()))

    assert found.tags <= DEAD
    assert [name for _, name, _ in found.attributes if name.startswith("on") or name == "src"] == []
    assert "<script>alert(1)</script>" in found.text


@pytest.mark.parametrize(
    "body",
    [
        [],
        7,
        {"targets": 1, "residuals": {}, "plan": {"closure": [], "only_in_contract": 5, "only_in_lineage": [1]}},
        {"targets": [1, None, {"residuals": [None]}], "remarks": [1], "level": {}, "outcome": []},
        {"outcome": True, "level": 1.5},
    ],
)
def test_a_certificate_that_says_little_is_shown_as_far_as_it_goes(
    empty_house: House, page: Callable[[Any], Page], body: Any
) -> None:
    empty_house.append("certified", "tallystick.deletion.certified.v1", body)

    assert page(empty_house.export(everything())).open == []


def test_a_long_answer_shows_its_first_and_last_entries_and_says_so(
    empty_house: House, page: Callable[[Any], Page]
) -> None:
    from ledger.event import Event

    empty_house.log.append([Event.of("org.example.other.v1", "urn:x", n, id=str(n)) for n in range(1_200)])

    found = page(empty_house.export(about_stream("type:org.example.other.v1")))

    shown = [value for _, name, value in found.attributes if name == "id" and re.fullmatch(r"e\d+", value)]
    assert len(shown) == 1_000
    assert "1,000 of 1,203 entries, the first and the last; all of them stand in entries.jsonl." in found.text


def test_a_stream_without_entries_is_told_to_be_proven_empty(shared_house: House, page: Callable[[Any], Page]) -> None:
    assert "proven to be empty" in page(shared_house.export(about_dataset("crm", "nowhere"))).text


def test_text_of_strangers_is_escaped_cut_and_kept_from_turning_around() -> None:
    assert html("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#x27;"
    assert html("x" * 500) == "x" * 399 + "…"
    assert html("abc\u202edef\u200b\x00\x1b[2J\ud800\ufeff") == "abc\ufffddef\ufffd\ufffd\ufffd[2J\ufffd\ufffd"
    assert html(Html("<b>")) == "<b>"
    assert html(7) == "7"


def test_markup_is_made_of_escaped_pieces() -> None:
    assert element("p", "<", class_="a<b") == '<p class="a&lt;b">&lt;</p>'
    assert code("<") == "<code>&lt;</code>"
    assert badge("<", "good") == '<span class="badge good">&lt;</span>'
    assert pairs([("a<", "b<"), ("c", "")]) == "<dl>\n<dt>a&lt;</dt><dd>b&lt;</dd>\n</dl>"
    assert section("id", "Title", Html("")) == ""
    assert table(("<",), []) == ""
    assert "<td>&lt;</td>" in table(("head",), [("<",)])


@pytest.mark.parametrize(
    ("type", "body", "told"),
    [
        ("tallystick.ledger.census-taken.v1", b'{"root":"00","streams":12}', "census, streams: 12"),
        (
            "tallystick.validation.decided.v1",
            (
                b'{"batch":{"rows":9},"contract":{"name":"c","version":"1.0.0"},"dataset":{"name":"d","namespace":"n"},'
                b'"decision":"ALLOW","risk":5}'
            ),
            "ALLOW: n|d, risk 0.05 %, rows: 9, contract c 1.0.0",
        ),
        (
            "tallystick.deletion.planned.v1",
            b'{"targets":[1,2],"seeds":[]}',
            "plan, targets: 2, derived datasets: —, seeds: 0",
        ),
        ("tallystick.deletion.planned.v1", b"[1]", "[1]"),
        ("tallystick.deletion.planned.v1", b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        (
            "tallystick.lineage.run-observed.v1",
            b'{"run":{"runId":"r"},"job":{"namespace":"n","name":"j"}}',
            "declared j",
        ),
        ("tallystick.lineage.run-observed.v1", b"\xff", "declared"),
        (
            "tallystick.validation.action-taken.v1",
            b'{"action":"promoted","result":"done","decision":"ALLOW","dataset":{"namespace":"wh","name":"orders"}}',
            "wh|orders: batch promoted (done), as ALLOW says",
        ),
        (
            "tallystick.deletion.executed.v1",
            b'{"dataset":{"namespace":"wh","name":"orders"},"outcome":"erased","rows":1444421,"attempt":1}',
            "wh|orders: erased, rows: 1,444,421, attempt 1",
        ),
        ("org.example.v1", b"\xffplain", "\ufffdplain"),
        ("org.example.v1", b"", ""),
        ("org.example.v1", b"x" * 10_000, "x" * 239 + "…"),
    ],
)
def test_an_entry_is_told_in_one_line(type: str, body: bytes, told: str) -> None:
    assert wording.line(type, body) == told


@pytest.mark.parametrize(
    ("basis_points", "told"),
    [
        ("0", "0.00 %"),
        ("120", "1.20 %"),
        ("10000", "100.00 %"),
        ("9999", "99.99 %"),
        ("", ""),
        ("1e3", ""),
        ("-1", ""),
    ],
)
def test_a_risk_in_basis_points_is_told_as_a_percentage(basis_points: str, told: str) -> None:
    assert wording.percent(basis_points) == told


def test_numbers_stand_to_the_right_with_their_digits_grouped_and_so_does_the_title_of_their_column() -> None:
    shown = table(("Stream", "In all", "After"), [("a", 1_444_421, 0), ("b", 7, "unknown")])

    assert '<td>a</td><td class="number">1,444,421</td><td class="number">0</td>' in shown
    assert '<td>b</td><td class="number">7</td><td>unknown</td>' in shown
    assert '<th scope="col">Stream</th><th scope="col" class="number">In all</th><th scope="col">After</th>' in shown


@pytest.mark.parametrize(
    ("text", "number"), [("1444421", 1_444_421), ("0", 0), ("", ""), ("07", "07"), ("-1", "-1"), ("1e3", "1e3")]
)
def test_a_count_is_a_number_where_it_is_written_as_one(text: str, number: int | str) -> None:
    assert wording.count(text) == number
