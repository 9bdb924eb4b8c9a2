"""What a pipeline makes of the command that it asks, whatever that answers."""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from typing import Any

import pytest

from contracts.pipelines.command import Question, ask
from proofs.errors import BlockedError, BusyError, MissingError, RefusedError, TallyError, UnknownOutcomeError


def answering(status: int, out: str = "", err: str = "") -> str:
    """A command that says so, whatever it is asked."""
    code = f"import sys; sys.stdout.write({out!r}); sys.stderr.write({err!r}); sys.exit({status})"
    return shlex.join([sys.executable, "-c", code])


def error(code: str, message: str = "because") -> str:
    return json.dumps({"error": {"code": code, "hint": "h", "message": message, "status": 0, "where": "entry 4"}})


DECIDED = json.dumps({"decision": "ALLOW", "seq": 4}) + "\n"


def test_a_decision_comes_with_what_was_found() -> None:
    answer = ask(Question("c.yaml", "d.csv", command=answering(0, DECIDED, "a warning\n")))

    assert (answer.decision, answer.document["seq"], answer.refusal) == ("ALLOW", 4, None)


def test_a_blocked_batch_comes_with_why() -> None:
    answer = ask(Question("c.yaml", "d.csv", command=answering(10, DECIDED, error("blocked"))))

    assert isinstance(answer.refusal, BlockedError)
    assert str(answer.refusal) == "entry 4: because"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (answering(13, "", error("busy")), BusyError),
        (answering(13, DECIDED, error("busy")), BusyError),
        (answering(10, "", error("blocked")), BlockedError),
        (answering(0), UnknownOutcomeError),
        (answering(0, "[]"), UnknownOutcomeError),
        (answering(0, "[" * 100_000), UnknownOutcomeError),
        (answering(1, DECIDED), UnknownOutcomeError),
        (answering(10, DECIDED, error("no such code")), UnknownOutcomeError),
        (answering(10, DECIDED, '{"error": 7}'), UnknownOutcomeError),
        ("no-such-command-anywhere", MissingError),
    ],
)
def test_whatever_else_it_says_is_never_a_pass(command: str, kind: type[TallyError]) -> None:
    with pytest.raises(TallyError) as told:
        ask(Question("c.yaml", "d.csv", command=command))

    assert type(told.value) is kind


@pytest.mark.parametrize("question", [Question("c", "d", command="tally 'x"), Question("c\x00", "d", command="true")])
def test_words_that_are_none_are_refused(question: Question) -> None:
    with pytest.raises(RefusedError, match="the command line cannot be read"):
        ask(question)


def test_a_command_that_does_not_answer_is_of_unknown_outcome() -> None:
    command = shlex.join([sys.executable, "-c", "import signal; signal.pause()"])

    with pytest.raises(UnknownOutcomeError, match="did not answer within"):
        ask(Question("c.yaml", "d.csv", command=command, seconds=0.1))


@pytest.mark.parametrize(
    ("name", "library"), [("airflow", "apache-airflow"), ("dagster", "dagster"), ("dbt", "dbt-duckdb")]
)
def test_where_the_pipelines_own_library_is_not_there_the_import_says_what_brings_it(name: str, library: str) -> None:
    with pytest.raises(ImportError, match=f"is not installed here: pip install {library}$"):
        importlib.import_module(f"contracts.pipelines.{name}")


def test_no_name_is_taken_for_an_option(monkeypatch: Any) -> None:
    monkeypatch.setenv("TALLY", "/opt/tally/bin/tally --ledger 'sqlite:///a b.db'")

    words = Question("--policy", "-x", options=("--hive",), run="r").words

    assert words == [
        *("/opt/tally/bin/tally", "--ledger", "sqlite:///a b.db", "check", "--json", "--run", "r", "--hive", "--"),
        *("--policy", "-x"),
    ]
