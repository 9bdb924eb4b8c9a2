"""One more failed row, one more rule, a greater weight: none of them ever lowers a risk or softens a decision."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.agreement import Handling
from contracts.decision import decide
from contracts.metric import Metric
from contracts.model import Policy
from contracts.risk import score
from contracts.rules import Rule
from contracts.terms import BASIS, MILLION, Kind, Severity

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
thresholds = st.integers(1, BASIS).map(lambda points: Decimal(points) / BASIS)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    alert_at, quarantine_at, block_at = sorted((draw(thresholds), draw(thresholds), draw(thresholds)))
    gate = st.sampled_from(["info", "warning", "critical", "never"])
    gates = {f"{name}_on": draw(gate) for name in ("alert", "quarantine", "block")}
    between = draw(st.sampled_from([None, quarantine_at]))
    return Policy.model_validate({"alert_at": alert_at, "quarantine_at": between, "block_at": block_at, **gates})


handled = st.sampled_from([None, "alert", "quarantine", "block"])
handlings = st.builds(
    lambda of_schema, quality: Handling.model_validate({"schema": of_schema, "quality": quality}), handled, handled
)


def hardness(batch: list[Metric], policy: Policy, handling: Handling) -> int:
    return decide(batch, score(batch), policy, handling).decision.rank


@given(batches, st.data(), policies(), handlings)
def test_one_more_failed_row_never_lowers_the_risk(
    batch: list[Metric], data: st.DataObject, policy: Policy, handling: Handling
) -> None:
    place = data.draw(st.integers(0, len(batch) - 1))
    assume(batch[place].failed < batch[place].total)
    worse = [*batch]
    worse[place] = replace(batch[place], failed=batch[place].failed + 1)

    assert score(worse).basis_points >= score(batch).basis_points
    assert hardness(worse, policy, handling) >= hardness(batch, policy, handling)


@given(batches, metrics(), policies(), handlings)
def test_one_more_rule_never_lowers_the_risk(
    batch: list[Metric], another: Metric, policy: Policy, handling: Handling
) -> None:
    assert score([*batch, another]).basis_points >= score(batch).basis_points
    assert hardness([*batch, another], policy, handling) >= hardness(batch, policy, handling)


@given(batches, st.data())
def test_what_cannot_be_measured_is_no_better_than_what_fails(batch: list[Metric], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(batch) - 1))
    unknown = [*batch]
    unknown[place] = replace(batch[place], failed=0, total=0, unmeasured=True)

    assert score(unknown).basis_points >= score(batch).basis_points


@given(batches.flatmap(lambda batch: st.tuples(st.just(batch), st.permutations(batch))))
def test_the_order_of_rules_does_not_matter(orders: tuple[list[Metric], list[Metric]]) -> None:
    one, other = orders

    assert score(one).basis_points == score(other).basis_points


@given(batches)
def test_a_risk_can_be_computed_again_from_what_is_recorded(batch: list[Metric]) -> None:
    kept = Fraction(1)
    for metric in batch:
        critical = metric.rule.severity is Severity.CRITICAL and metric.structural
        share = Fraction(metric.rule.weight * metric.failed, MILLION * metric.total) if metric.total else Fraction(0)
        if not metric.passed:
            kept *= 0 if critical else 1 - min(Fraction(1), share)

    risk = score(batch).basis_points

    assert risk <= (1 - kept) * BASIS < risk + 1
    assert 0 <= risk <= BASIS
