"""dbt: `target/run_results.json`, schemas v4 to v6 and whatever status a later dbt adds.

    {"metadata": {"dbt_version"}, "results": [{"unique_id": "test.shop.unique_orders_id.1360ecc70e", "status", "failures"}]}

Tests are checks. A model, seed or snapshot that was built is none; one that was not is an error. `failures` counts rows, or
groups of rows where a test groups, of a total that dbt does not tell.
"""

from __future__ import annotations

from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed, own_id
from contracts.terms import Severity

_OUTCOMES: Final = {"pass": Outcome.PASS, "warn": Outcome.WARN, "fail": Outcome.FAIL}
_TESTS: Final = ("test", "unit_test")
_BUILT: Final = ("success", "reused", "no-op")


def read(data: bytes) -> Foreign:
    """Return what dbt found.

    Raises:
        MalformedError: This is no such result, or it holds no test.
    """
    root = document(data)
    checks = (check for result in root.needed("results") if (check := _check(result)) is not None)
    return foreign("dbt", root.at("metadata", "dbt_version").text(), checks)


def _check(result: Node) -> ForeignCheck | None:
    id = result.member("unique_id").text()
    kind, status = word((id or "").partition(".")[0]), result.member("status").word()
    if kind not in _TESTS and status in _BUILT:
        return None
    # Of a source's freshness and of nodes that were not built no status but an error says more.
    outcome = _OUTCOMES.get(status, Outcome.ERROR)
    return ForeignCheck(
        id=own_id(id) or hashed("node", result.path),
        kind=kind,
        columns=(),
        outcome=outcome,
        severity=Severity.WARNING if outcome is Outcome.WARN else Severity.CRITICAL,
        failed=result.member("failures").count(),
    )
