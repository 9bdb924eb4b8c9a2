"""What a window says of itself, as two rules beside those of its contract: lines that cannot be read, and rows that came late.

    window:unreadable   of all lines of the window, those that cannot be read
    window:late         of all rows, those that came after their window was closed, and were measured nowhere

Neither is ever passed over in silence: one such line breaks its rule, which has the weight of a warning unless a policy says
otherwise (by the kinds `unreadable` and `late`).
"""

from __future__ import annotations

from dataclasses import replace

from contracts.metric import NO_ENGINE, Measurement, Metric
from contracts.model import Contract
from contracts.rules import DEFAULT_WEIGHT, Rule, millionths, rules_of
from contracts.source import Readable
from contracts.terms import Kind, Severity
from contracts.window import Window
from ledger.clock import Clock


def in_window(measurement: Measurement, contract: Contract, window: Window | None) -> Measurement:
    """Return the measurement of a window's rows as that of the window; of no window, as it is."""
    if window is None or contract.is_disabled:
        return replace(measurement, window=window)
    metrics = (
        _metric(Kind.UNREADABLE, window.unreadable, measurement.rows),
        _metric(Kind.LATE, window.late, measurement.rows),
    )
    return replace(measurement, window=window, metrics=(*measurement.metrics, *metrics))


def unmeasured(contract: Contract, source: Readable, rows: int, clock: Clock) -> Measurement:
    """Return the measurement of rows that the engine cannot read together: no rule was measured, so that none passed."""
    metrics = tuple(
        Metric(rule, 0, 0, structural=True, unmeasured=True, why="the window cannot be read")
        for rule in rules_of(contract)
    )
    return Measurement(source.kind, rows, metrics, (), source.hashed(), NO_ENGINE, clock())


def _metric(kind: Kind, failed: int, rows: int) -> Metric:
    severity = Severity.WARNING
    rule = Rule(f"window:{kind}", kind, (), severity, millionths(DEFAULT_WEIGHT[severity]))
    return Metric(rule, failed, failed + rows)
