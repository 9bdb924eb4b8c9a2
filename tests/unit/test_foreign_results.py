"""Results of other engines, read strictly: what is not said is no pass, what is no result is one sentence, no value is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.engines.foreign import Outcome
from contracts.engines.readers import READERS, read
from contracts.terms import Severity
from proofs.errors import MalformedError, RefusedError


def result(engine: str, **changed: Any) -> Any:
    """The smallest result of an engine, of one check that passes."""
    one: dict[str, dict[str, Any]] = {
        "soda": {"identity": "a1", "outcome": "pass", "diagnostics": {}, "metrics": []},
        "soda4": {"check": {"identity": "a1", "type": "missing"}, "outcome": "PASSED", "diagnostic_metric_values": {}},
        "gx": {"success": True, "expectation_config": {"type": "expect_x", "kwargs": {}}, "result": {}},
        "datacontract": {"key": "a1", "type": "field_required", "result": "passed"},
        "dbt": {"unique_id": "test.shop.a1", "status": "pass", "failures": 0},
        "pandera": {"schema_context": "Column", "column": "id", "check": "not_nullable", "index": 1},
        "pointblank": {"i": 1, "assertion_type": "col_exists", "column": "id", "all_passed": True, "n": 1},
    }
    check = {**one[engine], **changed}
    documents: dict[str, Any] = {
        "soda": {"checks": [check], "hasErrors": False},
        "soda4": {"results": [{"status": "PASSED", "check_results": [check]}]},
        "gx": {"success": True, "results": [check]},
        "datacontract": {"result": "passed", "checks": [check]},
        "dbt": {"results": [check]},
    }
    return documents.get(engine, [check])


def outcomes(engine: str, document: Any) -> list[Outcome]:
    return [check.outcome for check in read(engine, json.dumps(document).encode()).checks]


PASSING = [engine for engine in READERS if engine != "pandera"]
SAID_BY = {"soda": "outcome", "soda4": "outcome", "gx": "success", "datacontract": "result", "dbt": "status"}
SAID = {**SAID_BY, "pointblank": "all_passed"}


@pytest.mark.parametrize("engine", PASSING)
def test_what_passed_there_passes(engine: str) -> None:
    assert outcomes(engine, result(engine)) == [Outcome.PASS]


@pytest.mark.parametrize("engine", PASSING)
@pytest.mark.parametrize("said", [None, "", "reused", "skipped", "Passed!", 1, "true", ["pass"], {"pass": True}])
def test_an_outcome_that_is_not_known_is_an_error(engine: str, said: Any) -> None:
    assert outcomes(engine, result(engine, **{SAID[engine]: said})) == [Outcome.ERROR]


@pytest.mark.parametrize("engine", PASSING)
def test_an_outcome_that_is_not_there_is_an_error(engine: str) -> None:
    document = result(engine)
    text = json.dumps(document).replace(f'"{SAID[engine]}":', '"else":', 1)
    if engine in ("gx", "datacontract"):  # the run says as much of itself, first
        text = json.dumps(document)[::-1].replace(f'"{SAID[engine]}":'[::-1], '"else":'[::-1], 1)[::-1]

    found = read(engine, text.encode()).checks

    assert Outcome.PASS not in {check.outcome for check in found} or found[-1].kind == "run"


@pytest.mark.parametrize(
    ("engine", "document"),
    [
        ("soda", {"checks": [], "hasErrors": True}),
        ("soda", {"checks": result("soda")["checks"], "hasErrors": True}),
        ("soda", {"checks": result("soda")["checks"]}),
        ("soda4", {"results": [{"status": "ERROR", "check_results": []}]}),
        ("gx", {"success": False, "results": result("gx")["results"]}),
        ("datacontract", {"result": "error", "checks": result("datacontract")["checks"]}),
    ],
)
def test_a_run_that_was_not_well_is_an_error_although_no_check_says_so(engine: str, document: Any) -> None:
    assert outcomes(engine, document)[-1] is Outcome.ERROR


@pytest.mark.parametrize(
    ("engine", "document"),
    [
        ("soda", {"checks": [], "hasErrors": False}),
        ("soda4", {"results": []}),
        ("gx", {"success": True, "results": []}),
        ("gx", {"success": True, "run_results": {"a": {"validation_result": {"results": []}}}}),
        ("datacontract", {"result": "passed", "checks": []}),
        ("dbt", {"results": [{"unique_id": "model.shop.orders", "status": "success"}]}),
        ("dbt", {"results": [{"unique_id": "model.shop.orders", "status": "reused"}]}),
        ("pandera", []),
        ("pointblank", []),
    ],
)
def test_a_result_without_a_check_is_none(engine: str, document: Any) -> None:
    with pytest.raises(MalformedError, match="holds no check"):
        read(engine, json.dumps(document).encode())


@pytest.mark.parametrize("schema", ["v4", "v5", "v6", "v7"])
def test_dbt_is_read_in_every_version_of_its_artifact(schema: str) -> None:
    metadata = {"dbt_schema_version": f"https://schemas.getdbt.com/dbt/run-results/{schema}.json", "dbt_version": "1.9"}

    found = read("dbt", json.dumps({"metadata": metadata, **result("dbt", status="warn", failures=3)}).encode())

    assert found.name == "dbt 1.9"
    assert [(check.outcome, check.severity, check.failed) for check in found.checks] == [
        (Outcome.WARN, Severity.WARNING, 3)
    ]


@pytest.mark.parametrize("status", ["error", "runtime error", "skipped", "partial success", None])
def test_what_dbt_did_not_build_is_an_error(status: str | None) -> None:
    document = {"results": [{"unique_id": "model.shop.orders", "status": status}, *result("dbt")["results"]]}

    assert outcomes("dbt", document) == [Outcome.ERROR, Outcome.PASS]


@pytest.mark.parametrize(
    ("flags", "outcome", "severity"),
    [
        ((None, None, None), Outcome.FAIL, Severity.CRITICAL),
        ((False, False, None), Outcome.PASS, Severity.CRITICAL),
        ((True, False, None), Outcome.WARN, Severity.WARNING),
        ((True, True, False), Outcome.FAIL, Severity.CRITICAL),
        ((None, None, True), Outcome.FAIL, Severity.CRITICAL),
    ],
)
def test_pointblank_fails_by_its_thresholds(flags: tuple[Any, ...], outcome: Outcome, severity: Severity) -> None:
    named = dict(zip(("warning", "error", "critical"), flags, strict=True))

    [check] = read(
        "pointblank", json.dumps(result("pointblank", all_passed=False, n=9, n_failed=2, **named)).encode()
    ).checks

    assert (check.outcome, check.severity, check.failed, check.total) == (outcome, severity, 2, 9)


def test_an_expectation_that_raised_in_one_of_its_metrics_is_an_error() -> None:
    raised = {"of one metric": {"raised_exception": False}, "of another": {"raised_exception": True}}

    assert outcomes("gx", result("gx", success=True, exception_info=raised)) == [Outcome.ERROR]
    assert outcomes("gx", result("gx", exception_info={"raised_exception": "yes"})) == [Outcome.ERROR]
    assert outcomes("gx", result("gx", exception_info={"raised_exception": False})) == [Outcome.PASS]


HOSTILE = {
    b"": "JSON",
    b"\xff\xfe{}": "UTF-8",
    b'{"checks": [NaN], "results": [NaN]}': "NaN",
    b'{"checks": [], "checks": [], "results": []}': "members",
    b"[" * 65 + b"]" * 65: "deep",
    b"[" * 1_000_000: "deep",
    b'"' + b"a" * (16 << 20) + b'"': "bytes",
    b"[1": "JSON",
    b"7": "not an",
    b'"text"': "not an",
}


@pytest.mark.parametrize("engine", READERS)
@pytest.mark.parametrize("data", HOSTILE, ids=[f"{data[:12]!r}" for data in HOSTILE])
def test_what_is_no_result_is_refused_in_a_sentence(engine: str, data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read(engine, data)

    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "changed"),
    [
        ("gx", {"result": {"unexpected_count": -1}}),
        ("gx", {"result": {"unexpected_count": 1.5}}),
        ("gx", {"result": {"unexpected_count": "7"}}),
        ("gx", {"result": {"unexpected_count": 10**400}}),
        ("gx", {"result": {"unexpected_count": 8, "element_count": 7}}),
        ("gx", {"result": []}),
        ("gx", {"expectation_config": "x"}),
        ("gx", {"expectation_config": {"type": ["x"]}}),
        ("gx", {"expectation_config": {"type": "x", "kwargs": {"column": {"a": 1}}}}),
        ("soda", {"metrics": {"a": 1}}),
        ("soda", {"diagnostics": {"blocks": [{"totalFailingRows": True}]}}),
        ("soda", {"identity": 7}),
        ("soda4", {"check": [], "outcome": "PASSED"}),
        ("datacontract", {"diagnostics": {"row_count": 2**53}}),
        ("dbt", {"failures": "3"}),
        ("dbt", {"unique_id": "x" * 1_001}),
        ("pandera", {"column": {"a": 1}}),
        ("pointblank", {"n_failed": [1]}),
        ("pointblank", {"column": 7}),
    ],
)
def test_a_member_of_another_type_is_refused(engine: str, changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        read(engine, json.dumps(result(engine, **changed)).encode())


@pytest.mark.parametrize(
    "frame",
    [
        b"column\nid\n",
        b"column,check\nid\n",
        b'column,check\n"id,not_nullable\n',
        b'column,check\nid,"a"b\n',
        b"column,check\n",
        b"column,check\n\xff,x\n",
        b'{"column": {"0": "a", "1": "b"}, "check": {"0": "x"}}',
    ],
)
def test_a_frame_that_is_none_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedError):
        read("pandera", frame)


def test_a_frame_of_columns_is_read_as_pandas_writes_it() -> None:
    columns = {
        "schema_context": {"0": "Column", "1": "Column"},
        "column": {"0": "id", "1": "id"},
        "check": {"0": "ge(0)", "1": "ge(0)"},
        "check_number": {"0": 0.0, "1": 0.0},
        "failure_case": {"0": -1, "1": -2},
        "index": {"0": 4, "1": 9},
    }

    [check] = read("pandera", json.dumps(columns).encode()).checks
    [same] = read("pandera", b"schema_context,column,check,check_number,index\nColumn,id,ge(0),0,4\n").checks

    assert (check.failed, check.kind, check.columns) == (2, "ge", ("id",))
    assert check.id == same.id


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(RefusedError, match="no engine 'deequ' is known"):
        read("deequ", b"{}")


@pytest.mark.parametrize("engine", READERS)
def test_members_that_are_not_known_are_let_pass(engine: str) -> None:
    assert outcomes(engine, result(engine, new={"deep": [None]})) == outcomes(engine, result(engine))


def test_an_id_that_is_not_written_like_one_is_hashed() -> None:
    [check] = read("dbt", json.dumps(result("dbt", unique_id="test.shop.name with\nblanks")).encode()).checks

    assert check.id == "1c34099cc9beb50c"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
MEMBERS = st.sampled_from(
    [
        "checks",
        "results",
        "check_results",
        "result",
        "success",
        "outcome",
        "status",
        "check",
        "column",
        "metrics",
        "diagnostics",
        "expectation_config",
        "kwargs",
        "identity",
        "exception_info",
        "run_results",
        "failures",
        "n",
    ]
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4)
)


@given(st.sampled_from(list(READERS)), DOCUMENTS)
def test_whatever_comes_is_a_result_or_one_sentence(engine: str, document: Any) -> None:
    try:
        checks = len(read(engine, json.dumps(document).encode()).checks)
    except MalformedError:
        checks = 1

    assert checks


@pytest.mark.parametrize(
    ("engine", "data"),
    [
        ("pandera", b"[{}]"),
        ("pandera", b"column,check\n" + b"".join(b"c%d,x\n" % number for number in range(10_001))),
        ("pandera", b"column,check\n" + b"c,x\n" * (17 << 20)),
        ("pointblank", b"[" + b",".join([b"{}"] * 200_001) + b"]"),
        ("pointblank", b"[" + b",".join([b"{}"] * 10_001) + b"]"),
        ("soda", b'{"checks":[' + b",".join([b"{}"] * 10_001) + b"]}"),
    ],
    ids=["no check", "many kinds", "long", "many items", "many steps", "many checks"],
)
def test_more_than_there_is_room_for_is_refused(engine: str, data: bytes) -> None:
    with pytest.raises(MalformedError):
        read(engine, data)
