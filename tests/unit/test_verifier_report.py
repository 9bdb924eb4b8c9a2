"""The report: every error has its word, and no text from a bundle can move the cursor or hide what stands there."""

from __future__ import annotations

from typing import Any

import pytest

from proofs import errors
from proofs.grade import (
    CONTRADICTED,
    FORGOTTEN,
    NO_CERTIFICATE,
    NOT_PROVEN,
    RECOMPUTED,
    REFUSED,
    TOO_LARGE,
    Graded,
    Unnamed,
)
from proofs.report import STATUS, STEPS, Failure, Step, Verdict, counted, refused, to_json, to_text, visible, word_of


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (errors.TamperedError, "tampered"),
        (errors.ProofError, "tampered"),
        (errors.ForkError, "tampered"),
        (errors.MalformedError, "malformed"),
        (errors.IncompleteError, "incomplete"),
        (errors.UnverifiableError, "unverifiable"),
        (errors.StaleError, "stale"),
        (errors.MissingError, "missing"),
    ],
)
def test_I18_an_error_of_judgement_has_its_word(error: type[errors.TallyError], word: str) -> None:
    assert word_of(error("x")) == word


@pytest.mark.parametrize(
    "error", [errors.TallyError, errors.RefusedError, errors.BusyError, errors.UnknownOutcomeError]
)
def test_no_verdict_ends_in_another_error(error: type[errors.TallyError]) -> None:
    with pytest.raises(ValueError, match="no verdict ends in"):
        word_of(error("x"))


def test_I18_the_words_have_different_statuses() -> None:
    assert STATUS == {
        "verified": 0,
        "tampered": 3,
        "malformed": 4,
        "incomplete": 5,
        "unverifiable": 6,
        "stale": 7,
        "missing": 8,
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text ✓", "plain – text ✓"),
        ("\x1b[2J\x1b[32mVERIFIED", "\\x1b[2J\\x1b[32mVERIFIED"),
        ("one\ntwo\rthree\tfour", "one\\ntwo\\rthree\\tfour"),
        ("right\u202eleft", "right\\u202eleft"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_does_not_print_as_itself_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def hostile() -> Verdict:
    failure = Failure(
        "tampered", "census", "data/\x1b[8m", "tampered", "stream '\u202e' \udc80\n\nVERIFIED: every check passed"
    )
    steps = tuple(Step(step, "passed", "fine\r") for step in STEPS)
    return Verdict("tampered", steps, failure, {"bundle": "b\x07"})


def test_a_hostile_text_stays_on_its_line() -> None:
    text = to_text(hostile())

    assert "TAMPERED: it contradicts a commitment or a signature\n" in text
    assert "\nVERIFIED" not in text
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)


def test_a_text_that_is_no_text_can_still_be_printed_as_json() -> None:
    assert b"\\\\udc80" in to_json(hostile())


def test_a_file_that_could_not_be_read_has_reached_no_step() -> None:
    verdict = refused(errors.MissingError("trust file cannot be read", where="trust.txt"))

    assert (verdict.word, verdict.status) == ("missing", 8)
    assert {step.outcome for step in verdict.steps} == {"not reached"}


@pytest.mark.parametrize(("number", "said"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")])
def test_things_are_counted_as_people_do(number: int, said: str) -> None:
    assert counted(number, "entry", "entries") == said


def told_of(*certificates: Graded) -> str:
    steps = tuple(Step(step, "passed") for step in STEPS)
    return to_text(
        Verdict("verified", steps, None, {}, not_proven=("data/certificates/9.json",), certificates=certificates)
    )


KNOWN: dict[str, Any] = {"request": "r-1", "plan": 6, "lineage": 5, "targets": 2}
GRADED = {
    "recomputed": (
        Graded(7, RECOMPUTED.format(5), **KNOWN, derived=2),
        """\
✓ deletion certificate 7: closure recomputed, relative to the lineage in the first 5 entries
  request  r-1
  plan     entry 6, from the lineage in the first 5 entries
  closure  2 datasets: its seeds and all that derives from them; 2 targets
""",
    ),
    "forgotten": (
        Graded(7, FORGOTTEN, **KNOWN, derived=3, forgotten=("dataset:db|a",), differs=("closure", "plan")),
        """\
✗ deletion certificate 7: A TARGET WAS FORGOTTEN
  request  r-1
  plan     entry 6, from the lineage in the first 5 entries
  closure  3 datasets: its seeds and all that derives from them; 2 targets
  forgot   dataset:db|a
  against  the recorded lineage gives another closure, the entry that it names is no such plan
""",
    ),
    "contradicted": (
        Graded(7, CONTRADICTED, **KNOWN, derived=1, differs=("order", "request")),
        """\
✗ deletion certificate 7: CLOSURE CONTRADICTED
  request  r-1
  plan     entry 6, from the lineage in the first 5 entries
  closure  1 dataset: its seeds and all that derives from them; 2 targets
  against  request, lineage, plan and certificate do not follow one another, the entry that it names is no such request
""",
    ),
    "not proven": (
        Graded(7, NOT_PROVEN, **KNOWN, derived=2, streams=("run:x",), bodies=(3, 4)),
        """\
· deletion certificate 7: closure not proven
  request  r-1
  plan     entry 6, from the lineage in the first 5 entries
  closure  2 datasets: its seeds and all that derives from them; 2 targets
  lacks    run:x, the body of entry 3, the body of entry 4
""",
    ),
    "not walked": (
        Graded(7, NOT_PROVEN, **KNOWN, reason=TOO_LARGE),
        """\
· deletion certificate 7: closure not proven
  request  r-1
  plan     entry 6, from the lineage in the first 5 entries
  why      the certificates of this bundle take more steps to walk than a verifier takes
""",
    ),
    "withheld": (
        Graded(7, NOT_PROVEN, bodies=(7,)),
        "· deletion certificate 7: closure not proven\n  lacks    the body of entry 7\n",
    ),
    "refused": (
        Graded(7, REFUSED, request="r-1", targets=0),
        "✓ deletion certificate 7: refused, without a plan\n  request  r-1\n",
    ),
    "junk": (Graded(7, NO_CERTIFICATE), "✗ deletion certificate 7: NO CERTIFICATE\n"),
}


@pytest.mark.parametrize("name", GRADED)
def test_I18_a_certificate_is_told_of_between_verdict_and_streams(name: str) -> None:
    graded, told = GRADED[name]

    _, _, certificate = told_of(graded).split("\n\n")

    assert certificate == told


@pytest.mark.parametrize(
    ("names", "headline"),
    [
        ([], "VERIFIED: every check passed"),
        (["recomputed", "not proven", "withheld", "refused", "junk"], "VERIFIED: every check passed"),
        (["recomputed", "forgotten"], "VERIFIED: every check passed; BUT THE RECORD ITSELF CONTRADICTS CERTIFICATE 7"),
        (
            ["contradicted", "forgotten"],
            "VERIFIED: every check passed; BUT THE RECORD ITSELF CONTRADICTS CERTIFICATES 7, 7",
        ),
        (
            ["forgotten"] * 9,
            "VERIFIED: every check passed; BUT THE RECORD ITSELF CONTRADICTS CERTIFICATES 7, 7, 7, 7, 7, 7, 7, 7 …",
        ),
    ],
)
def test_I18_the_headline_does_not_hide_a_certificate_that_is_wrong(names: list[str], headline: str) -> None:
    text = told_of(*(GRADED[name][0] for name in names))

    assert text.split("\n\n")[1].splitlines()[0] == headline


def test_of_many_forgotten_datasets_a_person_reads_eight_and_a_program_those_that_are_named_and_how_many() -> None:
    forgotten = tuple(f"dataset:db|{n}" for n in range(100))
    graded = Graded(7, FORGOTTEN, **KNOWN, derived=32, forgotten=forgotten, unnamed=Unnamed(forgotten=20))

    assert "dataset:db|7 and 112 more\n" in told_of(graded)
    assert graded.json()["forgotten"] == list(forgotten)
    assert graded.json()["counts"] == {"bodies": 0, "forgotten": 120, "streams": 0}


def test_a_hostile_name_of_a_forgotten_dataset_stays_on_its_line() -> None:
    graded = Graded(7, FORGOTTEN, request="\x1b[2J", forgotten=("dataset:db|\u202ea\nVERIFIED: every check passed",))

    text = told_of(graded)

    assert "  request  \\x1b[2J\n" in text
    assert "  forgot   dataset:db|\\u202ea\\nVERIFIED: every check passed\n" in text


def test_a_certificate_that_is_not_proven_is_no_rendering_of_the_issuers() -> None:
    assert "issuer's rendering" not in told_of(GRADED["not proven"][0])
