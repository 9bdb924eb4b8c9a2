"""What docs/formats/dialects.md lists is what the readers know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.dialects.columns import SEVERITIES, TYPES
from contracts.dialects.engines import EXPECTATIONS, STATISTICS
from contracts.dialects.odcs_notation import VERSIONS
from contracts.dialects.quantity import _UNITS
from contracts.dialects.sniff import Dialect
from contracts.document import parse

PAGE = (Path(__file__).parents[2] / "docs/formats/dialects.md").read_text(encoding="utf-8")


def listed(start: str, stop: str) -> set[str]:
    text = PAGE[PAGE.index(start) + len(start) :]
    return set(re.findall(r"[a-z][a-z0-9_]*", text[: text.index(stop)]))


def test_every_version_of_the_standard_is_listed() -> None:
    assert re.findall(r"v(\d\.\d\.\d)", PAGE[PAGE.index("Read are") : PAGE.index("each document under")]) == list(
        VERSIONS
    )


def test_every_type_is_listed() -> None:
    named = listed("**Types.** ", "Severities") | {"int16", "int32"}

    assert set(TYPES) - {"enum"} <= named
    assert named - {"int8", "int16", "int32", "int64"} <= set(TYPES)


def test_every_severity_is_listed() -> None:
    assert listed("Severities: ", "\n\n") >= set(SEVERITIES) - {"fail", "block", "information", "informational"}


def test_every_unit_is_listed() -> None:
    named = listed("    unit        ", "\n\n")

    assert {unit for unit in _UNITS if not unit.endswith("s") or unit == "s"} <= named


@pytest.mark.parametrize("dialect", [dialect for dialect in Dialect if dialect not in (Dialect.ASSET, Dialect.RISK)])
def test_every_dialect_is_listed(dialect: Dialect) -> None:
    assert f"| `{dialect.value}`" in PAGE


def test_every_expectation_that_we_have_a_check_for_is_one() -> None:
    for kind in [*EXPECTATIONS, *STATISTICS]:
        bounds = "min_value: 1, max_value: 2" if "equal" not in kind else "value: 2"
        arguments = f"{{column: b, {bounds}, regex: a, value_set: [1], column_list: [b], columns: [b]}}"
        expected = f"{{checks: [{{{kind}: {arguments}}}]}}"
        checks = f"{{soda: {{checks: [{{type: not_null, column: b}}]}}, great_expectations: {expected}}}"
        contract = parse(f"data_contract: {{name: a, quality_checks: {checks}}}".encode()).contract
        assert len(contract.checks) == 2, kind
