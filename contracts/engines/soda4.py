"""Soda 4: the value of `verify_contract_locally(…)` as JSON, its attributes as members and its enumerations by name.

    json.dumps(result, default=lambda o: o.name if isinstance(o, Enum) else str(o) if isinstance(o, datetime) else vars(o))

    {"results" | "contract_verification_results": [{"status", "check_results": [{"outcome": "PASSED" | "FAILED" | "WARN" | …,
     "check": {"identity", "type", "column_name", "threshold": {"level"}}, "diagnostic_metric_values": {"missing_count",
     "check_rows_tested", …}}]}], "soda_core_version"}

What was not evaluated or is excluded has no outcome. Soda does not say its version; who writes the file may add it as
`soda_core_version`.
"""

from __future__ import annotations

from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed, own_id
from contracts.terms import Severity

_OUTCOMES: Final = {
    "passed": Outcome.PASS,
    "failed": Outcome.FAIL,
    "warn": Outcome.WARN,
    "warned": Outcome.WARN,
}
_COUNTED: Final = {
    "missing": "missing_count",
    "invalid": "invalid_count",
    "duplicate": "duplicate_count",
    "failed_rows": "failed_rows_count",
}


def read(data: bytes) -> Foreign:
    """Return what Soda 4 found.

    Raises:
        MalformedError: This is no such result, or it holds no check.
    """
    root = document(data)
    named = root.member("results")
    runs = (named or root.member("contract_verification_results")).items()
    checks = (_check(check) for run in runs for check in run.needed("check_results"))
    is_well = all(run.member("status").word() in ("passed", "warned") for run in runs)
    return foreign("soda", root.member("soda_core_version").text(), checks, is_whole_well=is_well)


def _check(result: Node) -> ForeignCheck:
    check, counts = result.member("check"), result.member("diagnostic_metric_values")
    outcome = _OUTCOMES.get(result.member("outcome").word(), Outcome.ERROR)
    kind = check.member("type").text()
    counted = _COUNTED.get(kind or "")
    only_warns = check.at("threshold", "level").word() == "warn" and outcome is not Outcome.FAIL
    return ForeignCheck(
        id=own_id(check.member("identity").text()) or hashed(kind, check.member("relative_path").text()),
        kind=word(kind),
        columns=check.member("column_name").texts(),
        outcome=outcome,
        severity=Severity.WARNING if only_warns or outcome is Outcome.WARN else Severity.CRITICAL,
        failed=counts.member(counted).count() if counted else None,
        total=counts.member("check_rows_tested").count(),
    )
