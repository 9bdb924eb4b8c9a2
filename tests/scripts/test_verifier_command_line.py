"""The verifier's command line: every exit status, and never a traceback, whatever it is handed (I17)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from proofs.__main__ import main
from proofs.limits import ZIP_BYTES

ROOT = Path(__file__).parents[2]
# -I -S: neither site-packages nor the user's folder nor the environment; the tree is named in the program itself.
ALONE = [
    sys.executable,
    "-I",
    "-S",
    "-c",
    f"import sys; sys.path.append({str(ROOT)!r}); from proofs.__main__ import main; sys.exit(main())",
]


@pytest.fixture
def folder(issuer: ModuleType, tmp_path: Path) -> Path:
    """A folder with an honest bundle, a trust file, a kept head, and damaged ones."""
    ledger, question = issuer.churn()
    data = issuer.issue(ledger, question)
    (tmp_path / "good.zip").write_bytes(data)
    (tmp_path / "short.zip").write_bytes(data[:-1])
    tampered = issuer.Lies(documents=lambda documents: documents.scope["control"].update(entries=8))
    (tmp_path / "tampered.zip").write_bytes(issuer.issue(ledger, question, tampered))
    incomplete = issuer.Lies(select=lambda seqs: seqs.discard(4))
    (tmp_path / "incomplete.zip").write_bytes(issuer.issue(ledger, question, incomplete))
    (tmp_path / "trust.txt").write_bytes(ledger.trust())
    (tmp_path / "head").write_bytes(ledger.checkpoint(size=3))
    (tmp_path / "late-head").write_bytes(ledger.checkpoint())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        ("--trust trust.txt good.zip", 0, "verified"),
        ("--trust trust.txt --expect-head late-head good.zip", 0, "verified"),
        ("--trust trust.txt --not-before 2026-11-20T09:00:12.000000Z good.zip", 0, "verified"),
        ("--trust trust.txt --not-before 2026-11-20T09:00:12Z good.zip", 0, "verified"),
        ("--trust trust.txt --not-before 2026-11-20 good.zip", 0, "verified"),
        ("--trust trust.txt --not-before 2026-11-20T09:00:12.1Z good.zip", 7, "stale"),
        ("--trust trust.txt tampered.zip", 3, "tampered"),
        ("--trust trust.txt short.zip", 4, "malformed"),
        ("--trust head good.zip", 4, "malformed"),
        ("--trust trust.txt incomplete.zip", 5, "incomplete"),
        ("good.zip", 6, "unverifiable"),
        ("--trust trust.txt --expect-head head good.zip", 6, "unverifiable"),
        ("--trust trust.txt --not-before 2026-11-20T09:00:12.000001Z good.zip", 7, "stale"),
        ("--trust trust.txt absent.zip", 8, "missing"),
        ("--trust absent.txt good.zip", 8, "missing"),
        ("--trust trust.txt --expect-head absent good.zip", 8, "missing"),
        ("--trust trust.txt .", 8, "missing"),
        ("--trust . good.zip", 8, "missing"),
    ],
)
def test_I18_every_verdict_has_its_exit_status(
    arguments: str,
    status: int,
    word: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(folder)

    assert main([*arguments.split(), "--json"]) == status

    printed = capsysbinary.readouterr()
    told = json.loads(printed.out)
    assert (told["verdict"], told["status"]) == (word, status)
    assert printed.out.count(b"\n") == 1
    assert printed.err == b""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "the following arguments are required: BUNDLE"),
        ("good.zip more.zip", "one bundle is verified at a time, 2 were named"),
        ("--trust", "expected one argument"),
        ("--tru trust.txt good.zip", "unrecognized arguments: --tru"),
        ("--not-before yesterday good.zip", "time 'yesterday' is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ"),
        ("--not-before 2026-02-30T00:00:00.000000Z good.zip", "time '2026-02-30T00:00:00.000000Z' is not a real one"),
    ],
)
def test_a_wrong_call_ends_with_2(
    arguments: str, complaint: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)

    with pytest.raises(SystemExit) as ended:
        main(arguments.split())

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_usage_names_one_bundle_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    usage, *rest = capsys.readouterr().out.split("\n\n")
    assert usage == "usage: verify [-h] [--trust FILE] [--expect-head FILE] [--not-before TIME] [--json] BUNDLE"
    assert set(re.findall(r"^  (--[a-z-]+)", "\n\n".join(rest), re.MULTILINE)) == set(re.findall(r"--[a-z-]+", usage))


def test_a_file_that_is_not_there_is_named_and_nothing_is_said_to_be_ok(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(folder)

    assert main(["--trust", "trust.txt", "absent.zip"]) == 8

    assert capsysbinary.readouterr().out.decode() == (
        "MISSING: there is no such file\n"
        "  where    absent.zip\n"
        "  why      bundle cannot be read: No such file or directory\n"
    )


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "", "good.zip/inside"])
def test_a_path_that_cannot_be_one_is_missing(path: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    assert main(["--trust", "trust.txt", path]) == 8


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert main(["--trust", str(folder / "trust.txt"), str(folder / "pipe")]) == 8


def test_a_file_that_is_larger_than_any_bundle_is_not_read(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with (folder / "huge.zip").open("wb") as file:
        file.truncate(ZIP_BYTES + 1)  # sparse

    assert main(["--trust", str(folder / "trust.txt"), str(folder / "huge.zip")]) == 4

    assert b"bundle has 4294967296 bytes, at most 4294967295 are allowed" in capsysbinary.readouterr().out


@pytest.mark.parametrize("option", ["--trust", "--expect-head"])
def test_a_readers_file_that_is_too_large_is_not_read(option: str, folder: Path) -> None:
    (folder / "huge.txt").write_bytes(b"#" * 1_000_001)

    assert main(["--trust", str(folder / "trust.txt"), str(folder / "good.zip"), option, str(folder / "huge.txt")]) == 4


def test_a_small_file_asks_for_no_more_memory_than_it_is_large(folder: Path) -> None:
    (folder / "tiny.zip").write_bytes(b"x")

    ended = with_memory(1 << 30, "--trust", "trust.txt", "tiny.zip", cwd=folder)

    assert (ended.returncode, ended.stderr) == (4, b"")
    assert b"MALFORMED" in ended.stdout


def test_a_file_for_which_memory_is_too_small_is_unverifiable(folder: Path) -> None:
    with (folder / "large.zip").open("wb") as file:
        file.truncate(1 << 31)  # sparse

    ended = with_memory(1 << 30, "--trust", "trust.txt", "large.zip", "--json", cwd=folder)

    assert (ended.returncode, ended.stderr) == (6, b"")
    said = json.loads(ended.stdout)
    assert (said["verdict"], said["detail"], said["where"], said["failed_step"]) == (
        "unverifiable",
        "there is not enough memory to verify it here",
        "large.zip",
        "",
    )


def with_memory(limit_bytes: int, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the verifier in a process that may have no more address space."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit_bytes}, {limit_bytes}))"
    *program, code = ALONE
    command = [*program, f"{limit}; {code}", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False)


def alone(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*ALONE, *arguments], cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize(("bundle", "status"), [("good.zip", 0), ("tampered.zip", 3), ("short.zip", 4)])
def test_I17_the_verifier_runs_with_the_standard_library_alone(bundle: str, status: int, folder: Path) -> None:
    result = alone(folder, "--trust", "trust.txt", bundle)

    assert (result.returncode, result.stderr) == (status, b"")


def test_a_terminal_that_knows_only_ascii_gets_the_same_bytes(folder: Path) -> None:
    result = alone(folder, "--trust", "trust.txt", "good.zip", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")

    assert (result.returncode, result.stderr) == (0, b"")
    assert "✓ archive".encode() in result.stdout


def test_a_reader_who_has_seen_enough_still_gets_the_status(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [*ALONE, "--trust", "trust.txt", "tampered.zip"], cwd=folder, stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)

    assert (process.returncode, process.stderr) == (3, b"")
