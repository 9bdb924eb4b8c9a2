"""Lies that are told to a verifier, and programs that die where they are told to.

A lie is a function of a test module, marked with what a verifier says of it: `@pytest.mark.lie(word, step, where)`. From the
issuer it builds a ledger, a question and how the bundle lies. A test that takes `lie` runs once for each in its module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest


@dataclass(frozen=True)
class Lie:
    """What tells a lie, and where a verifier fails at it.

    Attributes:
        build: Makes a ledger, a question, and for `issue` how the bundle lies.
        word: Of the verdict.
        step: The one that fails.
        where: The place that it names.
    """

    build: Callable[[Any], tuple[Any, ...]]
    word: str
    step: str
    where: str


def lies_of(module: ModuleType) -> dict[str, Lie]:
    return {
        name: Lie(build, *mark.args)
        for name, build in vars(module).items()
        for mark in getattr(build, "pytestmark", ())
        if mark.name == "lie"
    }


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers", "lie(word, step, where): builds a bundle with one lie, and what a verifier says of it"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `lie` once for each of its module."""
    if "lie" in metafunc.fixturenames:
        lies = lies_of(metafunc.module)
        metafunc.parametrize("lie", lies.values(), ids=lies)


@pytest.fixture(scope="module")
def lies(request: pytest.FixtureRequest) -> Mapping[str, Lie]:
    """All lies of a test's module."""
    return lies_of(request.module)


DYING = """
import os, sys

step, calls = int(sys.argv[3]), 0

def dying(owner, name):
    genuine = getattr(owner, name)
    def call(*args, **kwargs):
        global calls
        result = genuine(*args, **kwargs)
        calls += 1
        if calls == step:
            os._exit(9)
        return result
    setattr(owner, name, call)
"""


@pytest.fixture(scope="session")
def dying() -> str:
    """How a program for `Ledgers.run` begins that dies, as if killed, behind the step that is its first own argument.

    The steps are the calls of what the program names with `dying(owner, name)`; it finds them counted in `calls`.
    """
    return DYING
