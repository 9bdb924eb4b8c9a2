"""datacontract-cli: the `Run` of `datacontract test` as JSON.

    {"datacontractCliVersion", "result", "checks": [{"key", "type", "field", "language", "result", "diagnostics": {"metric",
     "value", "row_count", "failed_rows"}}]}

`id` is drawn anew in each run, `key` is not. A type that it "does not support to check yet" comes as a warning without any
diagnostics: nothing was measured, and nobody promised it would be, so that it is of severity info.
"""

from __future__ import annotations

from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed, own_id
from contracts.terms import Severity

_OUTCOMES: Final = {"passed": Outcome.PASS, "warning": Outcome.WARN, "failed": Outcome.FAIL}
_SEVERITIES: Final = {each.value: each for each in Severity}
_ROWS: Final = ("missing_count", "invalid_count", "duplicate_count")


def read(data: bytes) -> Foreign:
    """Return what datacontract-cli found.

    Raises:
        MalformedError: This is no such result, or it holds no check.
    """
    root = document(data)
    checks = (_check(check) for check in root.needed("checks"))
    is_well = root.member("result").word() in ("passed", "warning")
    return foreign("datacontract", root.member("datacontractCliVersion").text(), checks, is_whole_well=is_well)


def _check(check: Node) -> ForeignCheck:
    outcome = _OUTCOMES.get(check.member("result").word(), Outcome.ERROR)
    kind, diagnostics = check.member("type").text(), check.member("diagnostics")
    said = _SEVERITIES.get(diagnostics.member("severity").word(), Severity.CRITICAL)
    severity = Severity.WARNING if outcome is Outcome.WARN else said
    if outcome is Outcome.WARN and kind == "field_type" and not diagnostics:
        outcome, severity = Outcome.ERROR, Severity.INFO
    key = check.member("key").text()
    return ForeignCheck(
        id=own_id(key) or hashed(kind, check.member("model").text(), check.member("name").text()),
        kind=word(kind),
        columns=check.member("field").texts(),
        outcome=outcome,
        severity=severity,
        failed=_failed(diagnostics),
        total=diagnostics.member("row_count").count(),
    )


def _failed(diagnostics: Node) -> int | None:
    told = diagnostics.member("failed_rows")
    if told:
        return told.count()
    is_count = diagnostics.member("metric").value in _ROWS
    return diagnostics.member("value").count() if is_count else None
