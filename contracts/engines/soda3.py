"""Soda 3: the dict of `Scan.get_scan_results()` as JSON.

    {"checks": [{"identity", "outcome": "pass" | "warn" | "fail" | null, "column", "table", "filter", "metrics": ["<identity>"],
                 "diagnostics": {"value", "fail", "warn", "blocks": [{"totalFailingRows"}]}}],
     "metrics": [{"identity", "metricName", "value"}], "hasErrors", "logs": [{"message"}]}

An outcome of null was not evaluated. Rows are counted by a block that says so, or by a metric that counts them; the total is the
table's own `row_count`, where the scan measured it and the check has no filter. The version stands in the first line of the log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed, own_id
from contracts.terms import Severity

_OUTCOMES: Final = {"pass": Outcome.PASS, "warn": Outcome.WARN, "fail": Outcome.FAIL}
_ROWS: Final = ("missing_count", "invalid_count", "duplicate_count", "failed rows")
_VERSION: Final = re.compile(r"Soda Core ([0-9]\S{0,39})")


def read(data: bytes) -> Foreign:
    """Return what Soda 3 found.

    Raises:
        MalformedError: This is no such result, or it holds no check.
    """
    root = document(data)
    metrics = {metric.member("identity").text() or "": metric for metric in root.member("metrics").items()}
    checks = (_check(check, metrics) for check in root.needed("checks"))
    return foreign("soda", _version(root), checks, is_whole_well=root.member("hasErrors").value is False)


def _version(root: Node) -> str | None:
    for line in root.member("logs").items()[:1]:
        message = line.member("message").value
        found = _VERSION.fullmatch(message) if isinstance(message, str) else None
        return found[1] if found else None
    return None


def _check(check: Node, metrics: Mapping[str, Node]) -> ForeignCheck:
    outcome = _OUTCOMES.get(check.member("outcome").word(), Outcome.ERROR)
    found = [metrics[name] for name in check.member("metrics").texts() if name in metrics]
    kind = found[0].member("metricName").text() if found else None
    return ForeignCheck(
        id=own_id(check.member("identity").text()) or hashed(check.member("definition").text()),
        kind=_kind(check, kind),
        columns=check.member("column").texts(),
        outcome=outcome,
        severity=_severity(check, outcome),
        **_counts(check, kind, metrics),
    )


def _kind(check: Node, metric: str | None) -> str:
    told = "failed_rows" if _lists_rows(check) else metric or check.member("type").text() or ""
    return word(told.replace(" ", "_"))


def _lists_rows(check: Node) -> bool:
    blocks = check.at("diagnostics", "blocks").items()
    return any(block.member("title").word() == "failed rows" for block in blocks)


def _severity(check: Node, outcome: Outcome) -> Severity:
    """That of what happened, or of the worst that could have."""
    diagnostics = check.member("diagnostics")
    only_warns = bool(diagnostics.member("warn")) and not diagnostics.member("fail")
    return (
        Severity.WARNING
        if outcome is Outcome.WARN or (only_warns and outcome is not Outcome.FAIL)
        else Severity.CRITICAL
    )


def _counts(check: Node, kind: str | None, metrics: Mapping[str, Node]) -> dict[str, int | None]:
    identity = f"metric-{check.member('dataSource').text()}-{check.member('table').text()}-row_count"
    rows = metrics.get(identity)
    total = rows.member("value").count() if rows is not None and not check.member("filter") else None
    return {"failed": _failed(check, kind), "total": total}


def _failed(check: Node, kind: str | None) -> int | None:
    diagnostics = check.member("diagnostics")
    for block in diagnostics.member("blocks").items():
        if (told := block.member("totalFailingRows").count()) is not None:
            return told
    return diagnostics.member("value").count() if kind in _ROWS or _lists_rows(check) else None
