"""What a report says of a deletion's deadlines: when they are, and whether they were kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evidence.deletion_section import render
from evidence.markup import wrapping
from evidence.question import about_deletion, about_stream

House = Any
Files = Callable[[Path | bytes], Mapping[str, bytes]]
REQUESTED, CERTIFIED = "tallystick.deletion.requested.v1", "tallystick.deletion.certified.v1"
ASKED = {"received": "2026-11-01T10:00:00.000000Z", "regulation": "gdpr", "request": "r-1"}
CERTIFICATE = {
    **ASKED,
    "certificate": "c-1",
    "deadlines": {"certificate": "2026-11-04T10:00:00.000000Z", "statutory": "2026-12-01T10:00:00.000000Z"},
    "issued": "2026-11-03T10:00:00.000000Z",
    "outcome": "complete",
    "targets": [],
}


def told(house: House, files: Files, *facts: tuple[str, dict[str, Any]]) -> str:
    """The words of the report's section on deletions, in the report of a log with these facts."""
    for place, (type, body) in enumerate(facts):
        house.append(f"f{place}", type, body)
    page = files(house.export(about_stream("request:r-1")).path)["data/report.html"].decode()
    (section,) = re.findall(r'<section id="deletion">.*?</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", section.replace("<wbr>", "")).split())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Certificate due 2026-11-04 10:00:00 UTC kept Due by law 2026-12-01 10:00:00 UTC kept"),
        (
            {"issued": "2026-11-05T10:00:00.000000Z"},
            "Certificate due 2026-11-04 10:00:00 UTC missed Due by law 2026-12-01 10:00:00 UTC kept",
        ),
        (
            {"issued": "2026-12-01T10:00:00.000001Z"},
            "Certificate due 2026-11-04 10:00:00 UTC missed Due by law 2026-12-01 10:00:00 UTC missed",
        ),
        ({"outcome": "partial"}, "kept Due by law 2026-12-01 10:00:00 UTC open at the census"),
        ({"outcome": "refused"}, "kept Due by law 2026-12-01 10:00:00 UTC kept"),
        ({"deadlines": {"certificate": "2026-11-04T10:00:00.000000Z"}}, "Due by law the regulation named no time"),
        ({"deadlines": {"certificate": "soon", "statutory": "<b>"}, "issued": "x"}, "Certificate due soon Due by law &lt;b&gt;"),
    ],
)  # fmt: skip
def test_a_certificate_is_told_with_both_deadlines_and_whether_they_were_kept(
    empty_house: House, files: Files, changes: dict[str, Any], words: str
) -> None:
    text = told(empty_house, files, (REQUESTED, ASKED), (CERTIFIED, {**CERTIFICATE, **changes}))

    assert words in text
    assert "no certificate" not in text


def test_the_first_certificate_that_answers_is_the_one_that_kept_the_deadline(empty_house: House, files: Files) -> None:
    late = {**CERTIFICATE, "certificate": "c-2", "issued": "2027-01-01T10:00:00.000000Z", "supersedes": "c-1"}

    text = told(empty_house, files, (REQUESTED, ASKED), (CERTIFIED, CERTIFICATE), (CERTIFIED, late))

    assert text.count("UTC kept") == 4
    assert "missed" not in text


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ("2026-11-18T10:00:00.000000Z", "Due by law 2026-12-18 10:00:00 UTC open at the census"),
        ("2026-10-01T10:00:00.000000Z", "due 2026-10-04 10:00:00 UTC missed Due by law 2026-11-01 10:00:00 UTC missed"),
        ("yesterday", "Received yesterday"),
        ("9999-12-31T23:59:59.999999Z", "Received 9999-12-31 23:59:59 UTC"),
    ],
)  # fmt: skip
def test_a_request_without_a_certificate_is_told_with_what_it_waits_for(
    empty_house: House, files: Files, received: str, words: str
) -> None:
    text = told(empty_house, files, (REQUESTED, {**ASKED, "received": received}))

    assert "no certificate" in text
    assert words in text


def test_without_a_deletion_there_is_no_such_section() -> None:
    assert render([], at="2026-11-20T09:00:00.000000Z") == ""


def test_the_request_that_was_asked_about_comes_first_and_every_heading_names_its_request(
    empty_house: House, files: Files
) -> None:
    for place, request in enumerate(("r-2", "r-1", "r-3")):
        people = [{"namespace": "crm", "name": "people"}]
        empty_house.append(f"q{place}", REQUESTED, {**ASKED, "datasets": people, "request": request})

    page = files(empty_house.export(about_deletion(empty_house.log, "r-1")).path)["data/report.html"].decode()

    headings = [re.sub(r"<[^>]*>", "", heading) for heading in re.findall(r"<h3>(Request.*?)</h3>", page)]
    assert [heading.partition(" in entry")[0] for heading in headings] == [
        "Request r-1, asked",
        "Request r-2, asked",
        "Request r-3, asked",
    ]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("warehouse|staging.transactions", ["warehouse|", "staging.", "transactions"]),
        ("models.churn_score", ["models.", "churn_score"]),
        ("RULE_BLOCKS present:customer", ["RULE_BLOCKS present:customer"]),
        ("not_null:household_identifier", ["not_null:", "household_identifier"]),
        ("staging.orders 1.0.0", ["staging.", "orders 1.0.0"]),
        ("tallystick.lineage.run-observed.v1", ["tallystick.", "lineage.", "run-observed.v1"]),
        ("12.50 %", ["12.50 %"]),
        ("a<b>&c", ["a&lt;b&gt;&amp;c"]),
        ("x" * 100, ["x" * 40, "x" * 40, "x" * 20]),
        ("", []),
    ],
)
def test_a_line_breaks_between_the_words_of_a_name_and_never_within_one(text: str, pieces: list[str]) -> None:
    assert wrapping(text) == "<wbr>".join(pieces)
