"""What holds for every test: none is skipped, none is expected to fail, and no deadline depends on the machine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself into a failure."""
    report = yield
    if report.skipped:
        report.longrepr = f"a module may not skip itself here: {_reason(report.longrepr)}"
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip, and a failure that was expected, into a failure: a test that did not run showed nothing."""
    report = yield
    if report.skipped:
        report.longrepr = f"a test may not be skipped or expected to fail here: {_reason(report.longrepr)}"
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


@pytest.fixture(scope="session")
def issuer() -> ModuleType:
    """The independent issuer of bundles, tests/issuer.py; loaded by its path, since test files do not import each other."""
    spec = importlib.util.spec_from_file_location("tallystick_issuer", Path(__file__).with_name("issuer.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
