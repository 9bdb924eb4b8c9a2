"""The rule of tests/conftest.py, tried on test files that would break it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPING = """
import pytest

@pytest.fixture
def tool():
    pytest.skip("no tool")

@pytest.mark.skip(reason="no time")
def test_marked(): pass

@pytest.mark.skipif(True, reason="no system")
def test_marked_on_a_condition(): pass

def test_that_gives_up(): pytest.skip("no mood")

def test_with_a_fixture_that_gives_up(tool): pass

@pytest.mark.xfail(reason="no fix")
def test_that_is_expected_to_fail(): assert False
"""


def run(folder: Path, **sources: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder)
    for name, source in sources.items():
        (folder / f"test_{name}.py").write_text(source)
    # A configuration file of its own, so that pytest does not take the project's.
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."]
    environment = {**os.environ, "PYTHONPATH": str(CONFTEST.parents[1])}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_whatever_does_not_run_fails_and_says_why(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        skipping=SKIPPING,
        module="import pytest\npytest.skip('no module', allow_module_level=True)",
        library="import pytest\npytest.importorskip('no_such_library')",
    )

    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("2 failed, 5 errors")
    for reason in ("no tool", "no time", "no system", "no mood", "no fix", "no module", "no_such_library"):
        assert reason in result.stdout


def test_a_run_without_any_test_fails(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 5


def test_a_test_that_passes_still_passes(tmp_path: Path) -> None:
    result = run(tmp_path, passing="def test_it(): pass")

    assert result.returncode == 0
    assert result.stdout.splitlines()[-1].startswith("1 passed")
