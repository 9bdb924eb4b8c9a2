"""What another engine says of a batch, in our words: each of its checks with an outcome, and counts where it told them.

No value of the data is in it: samples, lists of unexpected values, observed values and messages are never taken over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from contracts.terms import Severity
from proofs.errors import MalformedError

MAX_CHECKS: Final = 10_000
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!-]{0,39}")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


class Outcome(StrEnum):
    """How a check came out there; whatever is not one of the first three is an error."""

    PASS = "pass"  # noqa: S105 - an outcome
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ForeignCheck:
    """One check of another engine.

    Attributes:
        id: The engine's own where it has a stable one, else a hash of what the check is; 1 to 128 letters, digits, . _ : # / -.
        kind: As the engine calls that kind of check; empty where it does not say so in one word.
        columns: The columns it speaks of, as told.
        failed: Rows that break it; None where the engine does not count rows.
        total: Rows that it looked at; None where the engine does not tell.
        severity: How bad it is that it does not pass.
    """

    id: str
    kind: str
    columns: tuple[str, ...]
    outcome: Outcome
    severity: Severity = Severity.CRITICAL
    failed: int | None = None
    total: int | None = None

    def __post_init__(self) -> None:
        if self.failed is not None and self.total is not None and self.failed > self.total:
            raise MalformedError(f"a check counts {self.failed} failed rows of {self.total}")


@dataclass(frozen=True, slots=True)
class Foreign:
    """The result of one run of another engine.

    Attributes:
        engine: Its name, with which the ids of its rules begin.
        version: As told; None where the result does not say.
        checks: At least one.
    """

    engine: str
    version: str | None
    checks: tuple[ForeignCheck, ...]

    @property
    def name(self) -> str:
        """Name and version: "soda 3.5.6"."""
        return f"{self.engine} {self.version}" if self.version else self.engine


def foreign(
    engine: str, version: str | None, checks: Iterable[ForeignCheck], *, is_whole_well: bool | None = None
) -> Foreign:
    """Return the result of a run.

    Args:
        version: What the result says; a version that is not written like one is not taken over.
        is_whole_well: What the engine says of the run as a whole. Where that is not well and every check passes, something
            was not told, and the run itself counts as a check that could not be measured; None where it says nothing.

    Raises:
        MalformedError: There is no check, or more than 10,000.
    """
    found = list(islice(checks, MAX_CHECKS + 1))
    if is_whole_well is False and all(check.outcome is Outcome.PASS for check in found):
        found.append(ForeignCheck("run", "run", (), Outcome.ERROR))
    if not found:
        raise MalformedError(f"the result of {engine} holds no check", hint="a run that checked nothing allows nothing")
    if len(found) > MAX_CHECKS:
        raise MalformedError(f"the result of {engine} holds more than {MAX_CHECKS} checks")
    known = version if version is not None and _VERSION.fullmatch(version) else None
    return Foreign(engine, known, tuple(found))


def word(text: str | None) -> str:
    """Return the word with which a text begins, as the kind of a check; empty where it begins with none."""
    found = _WORD.match(text or "")
    return found[0] if found else ""
