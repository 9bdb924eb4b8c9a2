"""Great Expectations: an `ExpectationSuiteValidationResult` of 1.x or 0.18 as JSON, or a checkpoint's result that holds several.

    {"success", "results": [{"success", "expectation_config": {"type" | "expectation_type", "kwargs", "severity"},
                             "result": {"element_count", "unexpected_count", …}, "exception_info"}], "meta", …}

A check is known by its type and its kwargs: the id of an expectation is drawn anew where the context is made anew. One that
raised was not measured. Total is `element_count`, all rows; of two equal values both are unexpected there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contracts.engines.foreign import Foreign, ForeignCheck, Outcome, foreign, word
from contracts.engines.reading import Node, document, hashed
from contracts.terms import Severity

_COLUMNS: Final = ("column", "column_A", "column_B", "column_list", "column_set")
_SEVERITIES: Final = {each.value: each for each in Severity}


def read(data: bytes) -> Foreign:
    """Return what Great Expectations found.

    Raises:
        MalformedError: This is no such result, or it holds no expectation.
    """
    root = document(data)
    suites = list(_suites(root))
    checks = (_check(result) for suite in suites for result in suite.needed("results"))
    version = suites[0].at("meta", "great_expectations_version").text() if suites else None
    return foreign("great_expectations", version, checks, is_whole_well=root.member("success").is_true())


def _suites(root: Node) -> Iterator[Node]:
    if not root.member("run_results"):
        yield root
        return
    for run in root.member("run_results").values():
        within = run.member("validation_result")
        yield within or run


def _check(result: Node) -> ForeignCheck:
    config, counts = result.member("expectation_config"), result.member("result")
    kind = config.member("type").text() or config.member("expectation_type").text()
    kwargs = config.member("kwargs")
    told = dict(kwargs.value or {}) if isinstance(kwargs.value, dict) else {}
    told.pop("batch_id", None)
    return ForeignCheck(
        id=hashed(kind, told),
        kind=word(kind),
        columns=tuple(name for key in _COLUMNS for name in kwargs.member(key).texts()),
        outcome=_outcome(result),
        severity=_SEVERITIES.get(config.member("severity").word(), Severity.CRITICAL),
        failed=counts.member("unexpected_count").count(),
        total=counts.member("element_count").count(),
    )


def _outcome(result: Node) -> Outcome:
    success, info = result.member("success").value, result.member("exception_info")
    # In 1.x there may be one such object for each metric that was needed.
    within = info.values() if info and info.member("raised_exception").value is None else iter((info,))
    if any(each.member("raised_exception").value not in (None, False) for each in within):
        return Outcome.ERROR
    if success is True:
        return Outcome.PASS
    return Outcome.FAIL if success is False else Outcome.ERROR
