"""The commands of a bundle's README.txt, run as they stand there: unzip, openssl and sha256sum are the second opinion."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from proofs import readme

ROOT = Path(__file__).parents[2]
SIGNED = "Signature Verified Successfully"


def commands(number: int) -> str:
    """The commands of one numbered paragraph."""
    paragraph = re.split(r"^(?=\d\. )", readme.TEXT, flags=re.MULTILINE)[number + 1]
    return "".join(line.removeprefix("    ") for line in paragraph.splitlines(keepends=True) if line.startswith("    "))


def shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def handed_over(issuer: ModuleType, tmp_path: Path) -> tuple[Path, Any]:
    """A folder with a bundle, unpacked by paragraph 0, and the evidence key beside it."""
    ledger, question = issuer.churn()
    (tmp_path / "bundle.zip").write_bytes(issuer.issue(ledger, question))
    (tmp_path / "trust.txt").write_bytes(ledger.trust())
    (tmp_path / "evidence.pem").write_bytes(issuer.Key(ledger.evidence_key).pem())
    unpacked = shell(tmp_path, f"set -e\n{commands(0).replace('BUNDLE', 'bundle')}pwd")
    assert unpacked.returncode == 0, unpacked.stderr
    return tmp_path / "bundle", issuer.Key(ledger.evidence_key)


def test_paragraphs_are_numbered_from_0_to_7() -> None:
    assert re.findall(r"^(\d)\. ", readme.TEXT, flags=re.MULTILINE) == list("01234567")
    assert readme.TEXT.isascii()
    assert max(map(len, readme.TEXT.splitlines())) <= 120


def test_the_key_is_the_one_that_the_ledger_names(handed_over: tuple[Path, Any]) -> None:
    folder, key = handed_over

    assert shell(folder, commands(1)).stdout.splitlines() == [key.id, key.id]


@pytest.mark.parametrize("number", [2, 5])
def test_openssl_verifies_seal_and_statement(number: int, handed_over: tuple[Path, Any]) -> None:
    result = shell(handed_over[0], commands(number))

    assert (result.stdout.strip(), result.returncode) == (SIGNED, 0), result.stderr


@pytest.mark.parametrize("number", [2, 5])
def test_openssl_refuses_another_key(number: int, handed_over: tuple[Path, Any], issuer: ModuleType) -> None:
    (handed_over[0].parent / "evidence.pem").write_bytes(issuer.Key("stranger").pem())

    result = shell(handed_over[0], commands(number))

    assert SIGNED not in result.stdout
    assert result.returncode != 0


def test_sha256sum_finds_every_file_as_it_was_sealed(handed_over: tuple[Path, Any]) -> None:
    result = shell(handed_over[0], commands(3))

    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 20
    assert all(line.endswith(": OK") for line in result.stdout.splitlines())


@pytest.mark.parametrize("path", ["data/entries.jsonl", "data/README.txt", "bag-info.txt"])
def test_sha256sum_sees_an_altered_file(path: str, handed_over: tuple[Path, Any]) -> None:
    with (handed_over[0] / path).open("ab") as file:
        file.write(b"\n")

    assert f"{path}: FAILED" in shell(handed_over[0], commands(3)).stdout


def test_find_sees_nothing_besides(handed_over: tuple[Path, Any]) -> None:
    result = shell(handed_over[0], commands(4))

    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    "path", ["fetch.txt", "data/extra.txt", "signatures/extra.sig", "data/deeper/extra.txt", ".hidden"]
)
def test_find_sees_a_file_too_many(path: str, handed_over: tuple[Path, Any]) -> None:
    extra = handed_over[0] / path
    extra.parent.mkdir(exist_ok=True)
    extra.touch()

    assert f"< {path}" in shell(handed_over[0], commands(4)).stdout.splitlines()


@pytest.mark.parametrize("number", [6, 7])
def test_a_link_and_a_body_can_be_hashed_by_hand(number: int, handed_over: tuple[Path, Any]) -> None:
    lines = shell(handed_over[0], commands(number)).stdout.splitlines()

    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert re.fullmatch("[0-9a-f]{64}", lines[0])


def test_every_body_can_be_hashed_by_hand(handed_over: tuple[Path, Any]) -> None:
    for number in range(1, 10):
        found, committed = shell(handed_over[0], commands(7).replace("1p", f"{number}p")).stdout.split()
        assert found == committed


def test_the_verifier_in_one_file_does_the_whole_check(handed_over: tuple[Path, Any]) -> None:
    folder = handed_over[0].parent
    shutil.copytree(ROOT / "proofs", folder / "proofs", ignore=shutil.ignore_patterns("__pycache__"))
    pack = [sys.executable, str(ROOT / "tools" / "pack_verifier.py"), "verify.pyz"]
    subprocess.run(pack, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=True)
    (command,) = (line.strip() for line in readme.TEXT.splitlines() if line.startswith("    python3 "))

    result = shell(folder, command.replace("python3", sys.executable).replace("BUNDLE", "bundle"))

    assert result.returncode == 0, result.stdout
    assert "VERIFIED: every check passed" in result.stdout
