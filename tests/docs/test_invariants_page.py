"""docs/invariants.md is what the tree says: every invariant, the modules that see to it, and the tests that name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import invariants

ROOT = Path(__file__).parents[2]


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| I")]


def test_the_page_is_what_its_writer_writes() -> None:
    assert rows(invariants.PAGE.read_text()) == rows(invariants.page()), "run `.venv/bin/python tools/invariants.py`"
    assert invariants.PAGE.read_text() == invariants.page()


@pytest.mark.parametrize("number", range(1, 21))
def test_an_invariant_has_modules_that_exist_and_tests_that_name_it(number: int) -> None:
    invariant = invariants.INVARIANTS[number - 1]

    assert [path for path in invariant.modules if not (ROOT / path).is_file()] == []
    assert list(invariants.naming(number)), f"no test is called test_I{number}_…"


def test_there_are_twenty_invariants_and_none_besides() -> None:
    assert len(invariants.INVARIANTS) == 20
    assert list(invariants.naming(21)) == []


@pytest.mark.parametrize("page", ["docs/formats/README.md", "CONTRIBUTING.md"])
def test_whoever_changes_bytes_or_code_is_led_to_the_invariants(page: str) -> None:
    assert "invariants.md)" in (ROOT / page).read_text()
