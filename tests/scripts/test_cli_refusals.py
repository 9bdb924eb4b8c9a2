"""What the command line says of a wrong call and of a file that it cannot use: one sentence, one status, in either form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from cli.main import main as tally_main
from cli.main import tally as root_command

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally


ROOT = Path(__file__).parents[2]


def leaves(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, *path, name)


EVERY = sorted(leaves(root_command))


def refused(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one error object that a command printed."""
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    found = json.loads(line)["error"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize(
    "wrong", [("--json", "--no-such-option"), ("--no-such-option", "x", "--json")], ids=["json first", "json last"]
)
def test_a_wrong_call_with_json_is_one_error_object_and_status_2(
    words: tuple[str, ...], wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tally_main([*words, *wrong]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert json.loads(line) == {
        "error": {
            "code": "usage",
            "hint": f"see `tally {' '.join(words)} --help`",
            "message": "no such option '--no-such-option'",
            "status": 2,
            "where": "",
        }
    }


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--json"], "missing command", "see `tally --help`"),
        (["--json", "nonsense"], "no such command 'nonsense'", "see `tally --help`"),
        (["--json", "show"], "missing argument 'SEQ'", "see `tally show --help`"),
        (["--json", "keys"], "missing command", "see `tally keys --help`"),
        (["log", "--limit", "0", "--json"], "invalid value for '--limit': 0 is not in the range x>=1", "see `tally log --help`"),
        (["evidence", "export", "--json"], "name one of --dataset, --stream, --deletion and --everything",
         "see `tally evidence export --help`"),
        (["emit", "x", "--id", "1", "--json"], "--type and --source go together, and --id and --content-type with them",
         "see `tally emit --help`"),
    ],
)  # fmt: skip
def test_the_error_object_of_a_wrong_call_says_what_and_where_to_look(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLY_LEDGER", raising=False)

    assert tally_main(arguments) == 2

    found = json.loads(capsys.readouterr().err)["error"]
    assert (found["code"], found["message"], found["hint"]) == ("usage", message, hint)


def test_a_wrong_call_without_json_is_told_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert tally_main(["show"]) == 2

    assert capsys.readouterr().err.startswith("Usage: tally show [OPTIONS] SEQ\n")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of a fresh ledger, for calls within this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLY_LEDGER", "sqlite:///audit.db")
    monkeypatch.setenv("TALLY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "correct horse")
    assert tally_main(["init", "--origin", "ledger.example.org/shop"]) == 0
    capsys.readouterr()
    return tmp_path


FILES = [
    (["schema", "publish", "orders", "1.0.0", "{}"], "schema"),
    (["check", "{}", "data.csv"], "contract"),
    (["check", "orders.yaml", "{}"], "data file"),
    (["import", "openlineage", "{}"], "events"),
    (["delete", "plan", "0b8f", "--duckdb", "shop={}"], "DuckDB file"),
    (["evidence", "export", "--everything", "--since", "{}"], "checkpoint"),
]
NAMED = [*FILES, (["emit", "{}"], "input"), (["--passphrase-file", "{}", "checkpoint"], "passphrase file")]


@pytest.mark.parametrize(("arguments", "what"), NAMED, ids=[what for _, what in NAMED])
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent.csv", "cannot be read: No such file or directory"),
        ("folder.csv", "is not a file"),
        ("orders.yaml/absent.csv", "cannot be read: Not a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_missing_in_one_sentence_whatever_the_command(
    here: Path, arguments: list[str], what: str, path: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "folder.csv").mkdir()
    (here / "orders.yaml").write_text(
        "name: o\nversion: 1.0.0\ndataset: {namespace: s, name: o}\nschema: [{name: a, type: any}]\n"
    )

    assert tally_main([*(argument.format(path) for argument in arguments), "--json"]) == 8

    found = json.loads(capsys.readouterr().err)["error"]
    said = f"{what} {reason}"
    if (what, path) == ("data file", "folder.csv"):
        said = "there is no file of a kind that can be read"  # data may be a folder of files
    assert (found["code"], found["message"], found["where"]) == ("missing", said, path)


@pytest.mark.parametrize(("arguments", "what"), FILES, ids=[what for _, what in FILES])
def test_a_pipe_that_nobody_writes_to_is_refused_where_a_file_is_meant(
    here: Path, arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(here / "pipe")
    (here / "orders.yaml").write_text(
        "name: o\nversion: 1.0.0\ndataset: {namespace: s, name: o}\nschema: [{name: a, type: any}]\n"
    )

    assert tally_main([*(argument.format("pipe") for argument in arguments), "--json"]) == 8

    found = json.loads(capsys.readouterr().err)["error"]
    assert (found["code"], found["message"], found["where"]) == ("missing", f"{what} is not a file", "pipe")


def test_events_can_come_through_a_pipe_that_has_a_name(ledger: Tally) -> None:
    (receipt,) = ledger(
        "emit", "/dev/stdin", "--type", "com.example.x.v1", "--source", "urn:x", "--json", given="1"
    ).document()

    assert receipt["seq"] == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["import", "openlineage"], "events"), (["emit"], "input"), (["check"], "contract")],
    ids=["import", "emit", "check"],
)
def test_a_file_that_fails_while_it_is_read_is_missing(ledger: Tally, arguments: list[str], what: str) -> None:
    more = ["data.csv"] if arguments == ["check"] else []

    found = ledger(*arguments, "/proc/self/mem", *more, "--json")  # a regular file, of which no first page is readable

    assert found.refusal() == (8, "missing")
    assert found.error()["message"] == f"{what} cannot be read: Input/output error"


@pytest.mark.parametrize("arguments", [("import", "openlineage", "-"), ("emit", "-")], ids=["import", "emit"])
def test_standard_input_that_fails_while_it_is_read_is_missing(here: Path, arguments: tuple[str, ...]) -> None:
    with Path("/proc/self/mem").open("rb") as unreadable:
        ended = subprocess.run(
            [sys.executable, "-m", "cli", *arguments, "--json"],
            cwd=here, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=unreadable, capture_output=True, check=False,
        )  # fmt: skip

    found = json.loads(ended.stderr)["error"]
    assert (ended.returncode, found["message"]) == (8, "standard input cannot be read: Input/output error")


def test_what_is_wrong_inside_a_named_file_is_said_with_its_name(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"type": 7}')
    (tmp_path / "events.jsonl").write_text("nonsense\n")
    (tmp_path / "orders.yaml").write_text(
        "name: orders\nversoin: 1.0.0\ndataset: {namespace: s, name: o}\nschema: [{name: a, type: any}]\n"
    )
    (tmp_path / "secret").write_text("\n")

    published = refused(ledger("schema", "publish", "orders", "1.0.0", "one.json", "--json"))
    emitted = refused(ledger("emit", "events.jsonl", "--json"))
    checked = refused(ledger("check", "orders.yaml", "x.csv", "--json"))
    signed = refused(ledger("--passphrase-file", "secret", "checkpoint", "--json"))

    assert published["where"] == "one.json, /type"
    assert emitted["where"] == "events.jsonl line 1"
    assert (checked["where"], checked["hint"]) == ("orders.yaml line 2", "did you mean 'version'?")
    assert (signed["code"], signed["where"]) == ("refused", "secret")


def test_an_event_of_a_type_that_cannot_be_is_refused_without_the_words_of_a_library(ledger: Tally) -> None:
    ended = ledger("emit", "--type", "", "--source", "urn:shop", given="{}")

    assert (ended.returncode, ended.stderr) == (9, "tally: event is not acceptable: type: type is empty\n")


def both(
    folder: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[bytes], subprocess.CompletedProcess[bytes]]:
    """What the verifier and the command say to the same words."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    alone, command = ([sys.executable, "-m", "proofs"], [sys.executable, "-m", "cli", "evidence", "verify"])
    first, second = (
        subprocess.run([*words, *arguments], cwd=folder, env=environment, capture_output=True, check=False)
        for words in (alone, command)
    )
    return first, second


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["."], 8, b"bundle is not a file"),
        (["absent.zip"], 8, b"bundle cannot be read: No such file or directory"),
        (["-"], 8, b"bundle cannot be read: No such file or directory"),
        (["/proc/self/mem"], 8, b"bundle cannot be read: Input/output error"),
        (["pipe"], 8, b"bundle is not a file"),
        (["empty.zip"], 4, b"MALFORMED"),
        (["empty.zip", "--trust", "absent.txt"], 8, b"trust file cannot be read: No such file or directory"),
        (["empty.zip", "--expect-head", "."], 8, b"expected head is not a file"),
        (["absent.zip", "--not-before", "2026-11-20T09:00:00Z"], 8, b"bundle cannot be read"),
        (["absent.zip", "--not-before", "2026-11-20T09:00:00.5Z", "--json"], 8, b'"verdict":"missing"'),
    ],
)  # fmt: skip
def test_I18_the_verifier_and_the_command_say_the_same_of_the_same_files(
    arguments: list[str], status: int, words: bytes, tmp_path: Path
) -> None:
    (tmp_path / "empty.zip").touch()
    os.mkfifo(tmp_path / "pipe")

    alone, command = both(tmp_path, *arguments)

    assert (alone.returncode, command.returncode) == (status, status)
    assert (alone.stdout, alone.stderr) == (command.stdout, command.stderr)
    assert words in alone.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.zip", "b.zip"], b"one bundle is verified at a time, 2 were named"),
        (["a.zip", "b.zip", "c.zip"], b"one bundle is verified at a time, 3 were named"),
        (["a.zip", "--not-before", "noon"], b"time 'noon' is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ"),
        (["a.zip", "--not-before", "2026-02-30"], b"time '2026-02-30' is not a real one in UTC"),
    ],
)
def test_the_verifier_and_the_command_call_the_same_a_wrong_call(
    arguments: list[str], words: bytes, tmp_path: Path
) -> None:
    alone, command = both(tmp_path, *arguments)

    assert (alone.returncode, command.returncode) == (2, 2)
    assert words in alone.stderr
    assert words in command.stderr


def test_an_unknown_regulation_is_answered_with_those_that_are_known(ledger: Tally) -> None:
    ended = ledger("delete", "request", "--identity", "a=1", "--dataset", "s|o", "--regulation", "bogus", "--json")

    assert ended.returncode == 2
    assert "is not one of 'gdpr', 'ccpa', 'other'" in refused(ended)["message"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("orders", "'orders' is not <namespace>|<name>"),
        ("100%|orders", "namespace '100%' holds a % that is neither %25 nor %7C"),
        ("job:etl|load", "'job:etl|load' names a job, not a dataset"),
    ],
)
@pytest.mark.parametrize("command", [["lineage", "upstream"], ["delete", "request", "--identity", "a=1", "--dataset"]])
def test_a_dataset_is_named_in_one_way_whatever_the_command(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str, message: str
) -> None:
    assert tally_main([*command, name, "--json"]) == 9

    assert json.loads(capsys.readouterr().err)["error"]["message"] == message


def test_a_proof_is_kept_under_a_name_that_tools_know(ledger: Tally, tmp_path: Path) -> None:
    ledger("checkpoint")

    other = ledger("prove", "1", "--out", "proof.txt")
    folder = ledger("prove", "1", "--out", ".")
    named = ledger("prove", "1", "--out", "mine.tlog-proof", "--json")

    assert other.returncode == 2
    assert "'proof.txt' does not end in .tlog-proof" in other.stderr
    assert not (tmp_path / "proof.txt").exists()
    assert folder.stdout == "✓ 1.tlog-proof\n"
    assert json.loads(named.stdout)["file"] == "mine.tlog-proof"
    assert (tmp_path / "1.tlog-proof").read_bytes() == (tmp_path / "mine.tlog-proof").read_bytes()


def test_the_listing_says_that_there_is_more_and_how_to_see_it(ledger: Tally) -> None:
    lines = "".join(
        json.dumps({"specversion": "1.0", "id": str(n), "source": "s", "type": "com.acme.t.v1"}) + "\n"
        for n in range(5)
    )
    ledger("emit", given=lines)
    stream = ("--stream", "type:com.acme.t.v1")

    last = ledger("log", "--limit", "2")
    first = ledger("log", "--limit", "2", "--after", "-1")
    page = json.loads(ledger("log", "--limit", "2", "--after", "1", *stream, "--json").stdout)
    rest = json.loads(ledger("log", "--limit", "9", "--after", str(page["next"]), *stream, "--json").stdout)
    beyond = json.loads(ledger("log", "--after", "99", "--json").stdout)

    assert last.stderr == "… 5 more before these, from the first: --after -1\n"
    assert first.stderr == "… 5 more, --after 1\n"
    assert ([row["seq"] for row in page["entries"]], page["before"], page["after"], page["next"]) == ([2, 3], 0, 3, 3)
    assert ([row["seq"] for row in rest["entries"]], rest["before"], rest["after"], rest["next"]) == (
        [4, 5, 6],
        2,
        0,
        None,
    )
    assert beyond == {"before": 7, "entries": [], "after": 0, "next": None}


def test_whose_data_it_is_can_come_through_a_pipe_and_a_dataset_that_no_lineage_knows_is_told(ledger: Tally) -> None:
    request = ("delete", "request", "--dataset", "shop|orders")

    piped = ledger(
        *request,
        "--identity",
        "email=-",
        "--identity",
        "customer=-",
        given="a@b.example\r\n7\n",
    )
    told = ledger(*request, "--identity", "customer=-", "--json", given="7")
    empty = ledger(*request, "--identity", "customer=-", given="")
    blank = ledger(*request, "--identity", "customer=-", given="\n7\n")
    binary = ledger(*request, "--identity", "customer=-", given="7" * 70_000)

    assert piped.returncode == 0
    assert piped.stderr == "! no lineage knows shop|orders yet: until it does, nothing downstream of it is planned\n"
    assert json.loads(told.stdout)["unknown_datasets"] == ["shop|orders"]
    assert (told.stderr, told.returncode) == ("", 0)
    for refusal in (empty, blank):
        assert (refusal.returncode, refusal.stderr) == (
            9, "tally: standard input has no line with the value of 'customer'\n",
        )  # fmt: skip
    assert (binary.returncode, "65536 bytes" in binary.stderr) == (9, True)
    assert len(json.loads(ledger("delete", "list", "--json").stdout)) == 2
