"""The report: every error has its word, and no text from a bundle can move the cursor or hide what stands there."""

from __future__ import annotations

import pytest

from proofs import errors
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
