"""`tally check`, asked by a pipeline whose environment does not hold our dependencies: the standard library is enough.

The command runs in an environment of its own, named by `TALLY` (words as in a shell, "tally" unless set). It takes ledger, home
and passphrase from the environment, as anywhere (`TALLY_LEDGER`, `TALLY_HOME`, `TALLY_KEY_PASSPHRASE`).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proofs import errors
from proofs.errors import BlockedError, MissingError, RefusedError, TallyError, UnknownOutcomeError

SETTING: Final = "TALLY"


@dataclass(frozen=True, slots=True)
class Question:
    """What `tally check` is asked.

    Attributes:
        data: As on the command line: a path, s3://…, postgresql://…#schema.table and so on.
        options: Further options, as words: ("--current", "orders/current").
        run: The UUID of the run that made the data.
        command: In the place of the environment's `TALLY`.
        environment: Variables for the command beside those of this process.
        seconds: How long the answer is waited for; None for as long as it takes.
    """

    contract: str
    data: str
    options: tuple[str, ...] = ()
    run: str | None = None
    command: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None

    @property
    def words(self) -> list[str]:
        """The command line; nothing in a name is taken for an option."""
        run = ["--run", self.run] if self.run else []
        tally = shlex.split(self.command or os.environ.get(SETTING) or "tally")
        return [*tally, "check", "--json", *run, *self.options, "--", self.contract, self.data]


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision that is in the ledger.

    Attributes:
        document: What `tally check --json` prints: names and counts, no value of the data.
        refusal: Why the batch may not be used as it is; None where it was let through.
    """

    document: Mapping[str, Any]
    refusal: BlockedError | None = None

    @property
    def decision(self) -> str:
        """ALLOW, ALLOW_WITH_ALERT, QUARANTINE or BLOCK_AND_ROLLBACK."""
        return str(self.document.get("decision"))


def ask(question: Question) -> Answer:
    """Hold data to a contract, and return the decision.

    Raises:
        MissingError: There is no such command.
        RefusedError: A quotation in its words does not end, or a word holds a zero byte.
        UnknownOutcomeError: It did not answer in time, or not in words that are known.
        TallyError: As the command has it: nothing was decided, or what was decided could not be done.
    """
    try:
        ended = subprocess.run(  # noqa: S603 - the words are the operator's own
            question.words,
            env={**os.environ, **question.environment},
            capture_output=True,
            timeout=question.seconds,
            check=False,
        )
    except ValueError as error:
        raise RefusedError(f"the command line cannot be read: {error}") from error
    except OSError as error:
        what = f"the command {question.words[0]!r} cannot be run: {error.strerror}"
        hint = f"pip install tallystick in an environment of its own, and set {SETTING} to its bin/tally"
        raise MissingError(what, hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise UnknownOutcomeError(f"tally check did not answer within {question.seconds:g} seconds") from error
    document, failure = _document(ended.stdout), _document(ended.stderr).get("error")
    refusal = _error(failure) if isinstance(failure, dict) else None
    if document and ended.returncode == 0:
        return Answer(document)
    if document and isinstance(refusal, BlockedError):
        return Answer(document, refusal)
    raise refusal or UnknownOutcomeError(f"tally check ended with status {ended.returncode} and without an answer")


def _document(printed: bytes) -> dict[str, Any]:
    """The last line, where it is a JSON object: warnings may stand before it."""
    try:
        value = json.loads(printed.strip().rpartition(b"\n")[2])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _error(said: Mapping[str, Any]) -> TallyError:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TallyError)]
    kind = next((kind for kind in kinds if kind.code == said.get("code")), UnknownOutcomeError)
    return kind(str(said.get("message")), where=str(said.get("where") or ""), hint=str(said.get("hint") or ""))
