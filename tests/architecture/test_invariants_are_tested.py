"""Each invariant of docs/formats has a test that names it: I1 … I20, as in `test_I7_a_second_spelling_is_refused`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

NAMED = re.compile(r"(?<![A-Za-z0-9])I([1-9][0-9]?)(?=_)")


def named_invariants(source: str) -> set[int]:
    """Return the numbers that the names of the tests in `source` carry."""
    definitions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    tests = [node.name for node in definitions if node.name.startswith("test_")]
    return {int(number) for name in tests for number in NAMED.findall(name.replace("_", "__"))}


@pytest.fixture(scope="module")
def tested(root: Path, files: tuple[str, ...]) -> set[int]:
    modules = [path for path in files if path.startswith("tests/") and path.rpartition("/")[2].startswith("test_")]
    return set().union(
        *(named_invariants((root / path).read_text(encoding="utf-8")) for path in modules if path.endswith(".py"))
    )


@pytest.mark.parametrize("number", range(1, 21))
def test_an_invariant_has_a_test_that_names_it(tested: set[int], number: int) -> None:
    assert number in tested, f"no test is called test_I{number}_…"


def test_a_number_counts_only_in_the_name_of_a_test() -> None:
    tests = "def test_I7_x(): pass\ndef test_I12_and_I13_y(): pass\ndef test_HI5_w(): pass"
    others = "def helper_I1_z(): pass\nI6_ = 1"

    assert named_invariants(f"{tests}\n{others}") == {7, 12, 13}
