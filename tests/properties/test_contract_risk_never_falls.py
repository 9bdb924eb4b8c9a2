"""One more failed row, one more rule, a greater weight: none of them ever lowers a risk or softens a decision."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.decision import Decision, decide
from contracts.metric import Metric
from contracts.model import Policy
from contracts.risk import score
from contracts.rules import Rule
from contracts.terms import MILLION, Kind, Severity

HARDNESS = {Decision.ALLOW: 0, Decision.ALLOW_WITH_ALERT: 1, Decision.BLOCK_AND_ROLLBACK: 2}

rules = st.builds(
    Rule,
    id=st.uuids().map(str),
    kind=st.just(Kind.RANGE),
    columns=st.just(("a",)),
    severity=st.sampled_from(Severity),
    weight=st.integers(0, 3 * MILLION),
    tolerance=st.sampled_from([0, 0, 100_000, 500_000]),
)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    total = draw(st.integers(0, 50))
    return Metric(draw(rules), draw(st.integers(0, total)), total, structural=draw(st.booleans()))


batches = st.lists(metrics(), min_size=1, max_size=6)
fractions = st.integers(1, MILLION).map(lambda millionths: Decimal(millionths) / MILLION)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    alert_at, block_at = sorted((draw(fractions), draw(fractions)))
    gate = st.sampled_from(["info", "warning", "critical", "never"])
    return Policy.model_validate(
        {"alert_at": alert_at, "block_at": block_at, "alert_on": draw(gate), "block_on": draw(gate)}
    )


def hardness(batch: list[Metric], policy: Policy) -> int:
    return HARDNESS[decide(batch, score(batch), policy).decision]


@given(batches, st.data(), policies())
def test_one_more_failed_row_never_lowers_the_risk(batch: list[Metric], data: st.DataObject, policy: Policy) -> None:
    place = data.draw(st.integers(0, len(batch) - 1))
    assume(batch[place].failed < batch[place].total)
    worse = [*batch]
    worse[place] = replace(batch[place], failed=batch[place].failed + 1)

    assert score(worse).millionths >= score(batch).millionths
    assert hardness(worse, policy) >= hardness(batch, policy)


@given(batches, metrics(), policies())
def test_one_more_rule_never_lowers_the_risk(batch: list[Metric], another: Metric, policy: Policy) -> None:
    assert score([*batch, another]).millionths >= score(batch).millionths
    assert hardness([*batch, another], policy) >= hardness(batch, policy)


@given(batches, st.data())
def test_what_cannot_be_measured_is_no_better_than_what_fails(batch: list[Metric], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(batch) - 1))
    unknown = [*batch]
    unknown[place] = replace(batch[place], failed=0, total=0, unmeasured=True)

    assert score(unknown).millionths >= score(batch).millionths


@given(batches.flatmap(lambda batch: st.tuples(st.just(batch), st.permutations(batch))))
def test_the_order_of_rules_does_not_matter(orders: tuple[list[Metric], list[Metric]]) -> None:
    one, other = orders

    assert score(one).millionths == score(other).millionths


@given(batches)
def test_a_risk_can_be_computed_again_from_what_is_recorded(batch: list[Metric]) -> None:
    kept = Fraction(1)
    for metric in batch:
        critical = metric.rule.severity is Severity.CRITICAL and metric.structural
        share = Fraction(metric.rule.weight * metric.failed, MILLION * metric.total) if metric.total else Fraction(0)
        if not metric.passed:
            kept *= 0 if critical else 1 - min(Fraction(1), share)

    risk = score(batch).millionths

    assert risk - 1 < (1 - kept) * MILLION <= risk
    assert 0 <= risk <= MILLION
