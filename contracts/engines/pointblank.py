"""Pointblank: the array of `Validate.get_json_report()`, one object for each step.

    {"i", "assertion_type", "column", "values", "all_passed", "n", "n_failed", "warning", "error", "critical", "eval_error"}

The three flags say which threshold was exceeded; null is a threshold that is not set. Where none is set, one failed unit fails
the step. A step that was switched off, or could not be evaluated, has no outcome.
"""

from __future__ import annotations

from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed
from contracts.terms import Severity

_THRESHOLDS: Final = ("warning", "error", "critical")


def read(data: bytes) -> Foreign:
    """Return what Pointblank found.

    Raises:
        MalformedError: This is no such report, or it holds no step.
    """
    return foreign("pointblank", None, (_check(step) for step in document(data).items()))


def _check(step: Node) -> ForeignCheck:
    kind, outcome = step.member("assertion_type").text(), _outcome(step)
    told = [step.member(name).value for name in ("column", "values", "na_pass", "pre", "segments")]
    return ForeignCheck(
        id=hashed(kind, *told),
        kind=word(kind),
        columns=step.member("column").texts(),
        outcome=outcome,
        severity=Severity.WARNING if outcome is Outcome.WARN else Severity.CRITICAL,
        failed=step.member("n_failed").count(),
        total=step.member("n").count(),
    )


def _outcome(step: Node) -> Outcome:
    passed = step.member("all_passed").value
    if step.member("eval_error").value not in (None, False) or not isinstance(passed, bool):
        return Outcome.ERROR
    if passed:
        return Outcome.PASS
    warning, *graver = (step.member(name).value for name in _THRESHOLDS)
    if True in graver:
        return Outcome.FAIL
    if warning is True:
        return Outcome.WARN
    return Outcome.PASS if False in (warning, *graver) else Outcome.FAIL
