"""Programs that die where they are told to, for the tests of what a crash leaves."""

from __future__ import annotations

import pytest

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
