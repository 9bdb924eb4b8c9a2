"""What an expression says prints as the one spelling that reads back, and nothing else reads."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.dialects import quantity
from contracts.dialects import words as words_of
from contracts.dialects.expression import (
    Between,
    Comparison,
    Listed,
    Present,
    RuleExpression,
    TypeExpression,
    read_rule,
    read_type,
)
from contracts.dialects.quantity import (
    Duration,
    Moment,
    Notice,
    Percentage,
    Template,
    Threshold,
    read_duration,
    read_moment,
    read_notice,
    read_template,
    read_threshold,
)
from contracts.dialects.words import ExpressionError

numbers = st.integers(-(10**20), 10**20) | st.decimals(-1000, 1000, places=3).filter(lambda number: number != 0)
amounts = st.integers(0, 10**6) | st.decimals(0, 1000, places=2).filter(lambda number: not number.is_signed())
plain = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
dates = st.dates().map(str)
comparisons = st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers) | st.builds(
    Comparison, st.sampled_from(["==", "!="]), texts
)
betweens = st.lists(numbers, min_size=2, max_size=2).map(lambda pair: Between(*sorted(pair))) | st.lists(
    dates, min_size=2, max_size=2
).map(lambda pair: Between(*sorted(pair)))
listed = st.builds(
    Listed,
    st.lists(numbers | texts | dates, min_size=1, max_size=5, unique_by=lambda v: (type(v), v)).map(tuple),
    st.booleans(),
)
conditions = st.lists(comparisons | betweens | listed | st.just(Present()), min_size=1, max_size=3).map(tuple)
reserved = {"and", "or", "not", "in", "between", "is", "null", "enum"}
words = plain.filter(lambda word: word.lower() not in reserved)
forms = st.from_regex(r"[A-Z][A-Za-z0-9:/,. -]{0,10}[A-Z0-9]", fullmatch=True).map(lambda text: " ".join(text.split()))
types = (
    st.builds(TypeExpression, words, st.none() | forms, conditions)
    | st.builds(TypeExpression, words, st.none() | forms)
    | listed.filter(lambda value: not value.is_excluded).map(lambda value: TypeExpression("enum", conditions=(value,)))
)
rules = st.builds(RuleExpression, words | texts.filter(bool), conditions)
durations = st.builds(Duration, amounts, st.sampled_from(["second", "minute", "hour", "day", "week", "month", "year"]))
thresholds = st.builds(
    Threshold, st.sampled_from([None, "<", "<=", ">", ">=", "==", "!="]), numbers | amounts.map(Percentage) | durations
)
moments = (
    st.builds(Moment, fixed=dates)
    | st.just(Moment())
    | st.builds(
        Moment,
        offset=st.builds(
            Duration, st.integers(0, 10_000), st.sampled_from(["second", "minute", "hour", "day", "week"])
        ),
        is_past=st.booleans(),
    )
)


@given(types)
def test_a_type_reads_back(value: TypeExpression) -> None:
    assert read_type(str(value)) == value


@given(rules)
def test_a_rule_reads_back(value: RuleExpression) -> None:
    assert read_rule(str(value)) == value


@given(thresholds)
def test_a_threshold_reads_back(value: Threshold) -> None:
    assert read_threshold(str(value)) == value


@given(durations)
def test_a_duration_reads_back(value: Duration) -> None:
    assert read_duration(str(value)) == value


@given(moments)
def test_a_moment_reads_back(value: Moment) -> None:
    assert read_moment(str(value)) == value


@given(texts | st.text("${}:-AB", max_size=20))
def test_a_template_prints_as_it_stood(text: str) -> None:
    try:
        value = read_template(text)
    except ExpressionError:
        assert "${" in text
    else:
        assert str(value) == text


scrawls = st.text("abflot_ >=<!0123456789.,%[]()'\"-andiusorEnmY", max_size=30)
pieces = st.sampled_from(["", "x", "[", "]", "(", "'", '"', "9", ".", "%", "=", " or ", "\x00"])


@given(scrawls | types.map(str) | rules.map(str) | thresholds.map(str))
def test_whatever_reads_prints_as_what_reads_the_same(text: str) -> None:
    for read in (read_type, read_rule, read_threshold, read_notice, read_moment):
        try:
            value = read(text)
        except ExpressionError:
            continue
        assert read(str(value)) == value


@given(types.map(str) | rules.map(str), st.data())
def test_a_letter_less_or_more_is_another_thing_or_an_error(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(pieces) + text[at:]
    assume(changed != text)
    for read in (read_type, read_rule):
        try:
            value = read(changed)
        except ExpressionError:
            continue
        assert read(str(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("float >= 0", TypeExpression("float", None, (Comparison(">=", 0),))),
        ("enum[view, add_to_cart]", TypeExpression("enum", None, (Listed(("view", "add_to_cart")),))),
        (
            'enum ["Month-to-Month", "One Year"]',
            TypeExpression("enum", None, (Listed(("Month-to-Month", "One Year")),)),
        ),
        ("string (UUID)", TypeExpression("string", "UUID")),
        ("timestamp (YYYY-MM-DDThh:mm:ssZ)", TypeExpression("timestamp", "YYYY-MM-DDThh:mm:ssZ")),
        ("number between 0.5 and 1", TypeExpression("number", None, (Between(Decimal("0.5"), 1),))),
        ("date >= 2020-01-31", TypeExpression("date", None, (Comparison(">=", "2020-01-31"),))),
    ],
)
def test_the_types_of_the_dialects_are_read(text: str, value: TypeExpression) -> None:
    assert read_type(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with a type"),
        (">= 0", "does not begin with a type"),
        ("float >=", "a number is expected at the end"),
        ("float > a", "a number is expected where 'a' stands"),
        ("float > 1 or < 0", "'or' is not read here"),
        ("float 0", "'in' is expected where '0' stands"),
        ("float >= 007", "cannot be read from"),
        ("float >= 1e3", "cannot be read from"),
        ("float > 'a'", "a text is compared with == and !="),
        ("enum[]", "a value is expected where ']' stands"),
        ("enum[a, a]", "a list names a value twice"),
        ("enum[a", "']' is expected at the end"),
        ("enum[yes, no]", "yes may be a word or something else; quote it"),
        ("string ()", "the parentheses are empty"),
        ("int between 2 and 1", "between 2 and 1 lies nothing"),
        ("date >= 2020-02-30", "'2020-02-30' is not in the calendar"),
        ("x" * 10_001, "an expression has at most 10000 characters"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_type(text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("> 20", Threshold(">", 20)),
        (">= 99.5%", Threshold(">=", Percentage(Decimal("99.5")))),
        ("99.9%", Threshold(None, Percentage(Decimal("99.9")))),
        ("<= 5 minutes", Threshold("<=", Duration(5, "minute"))),
        ("5min", Threshold(None, Duration(5, "minute"))),
    ],
)
def test_thresholds_are_read(text: str, value: Threshold) -> None:
    assert read_threshold(text) == value


def test_words_behind_a_notice_are_kept() -> None:
    assert read_notice("30 days advance notice") == Notice(Duration(30, "day"), "advance notice")
    with pytest.raises(ExpressionError, match="stands behind the duration"):
        read_duration("30 days advance notice")


@pytest.mark.parametrize(
    "text", ["real-time", "5 m", "-5 days", "5", "days", "2 fortnights", "1 month ago", "tomorrow", "2 hours"]
)
def test_no_moment_is_guessed(text: str) -> None:
    with pytest.raises(ExpressionError):
        read_moment(text)


def test_a_moment_is_read_against_a_clock() -> None:
    now = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)

    assert read_moment("2 hours ago").at(now) == dt.datetime(2026, 11, 28, 10, tzinfo=dt.UTC)
    assert read_moment("1 day from now").at(now) == dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
    assert read_moment("now").at(now) == now
    assert read_moment("2026-11-28").at(now) == dt.datetime(2026, 11, 28, tzinfo=dt.UTC)


def test_a_template_is_filled_and_never_with_nothing() -> None:
    template = read_template("s3://b/${ENVIRONMENT}/${DAY:-today}/x")

    assert template == Template(("s3://b/", ("ENVIRONMENT", None), "/", ("DAY", "today"), "/x"))
    assert template.fill({"ENVIRONMENT": "prod"}) == "s3://b/prod/today/x"
    with pytest.raises(ExpressionError, match="the variable ENVIRONMENT is not set"):
        template.fill({"ENVIRONMENT": ""})


def test_a_month_has_no_length() -> None:
    with pytest.raises(ExpressionError, match="a month has no one length"):
        _ = Duration(1, "month").seconds
    assert Duration(2, "hour").seconds == 7_200
    assert words_of.spell("no") == '"no"'
    assert quantity.Percentage(50).fraction == Decimal("0.5")
