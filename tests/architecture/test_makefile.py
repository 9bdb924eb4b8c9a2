"""One word a job: every target says what it does, and CI runs the same words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = sorted(
    [
        "bench",
        "bench-checks",
        "clean",
        "demo",
        "demo-server",
        "engines",
        "env",
        "faults",
        "format",
        "help",
        "lint",
        "lock",
        "packages",
        "peers",
        "producers",
        "soak",
        "test",
        "transcript",
        "types",
        "verifier",
    ]
)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # `make test` may be what runs us: a make inside must not take over its flags and its level.
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(
        command, cwd=folder, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """A folder with what `make env` needs, and nothing made yet."""
    for path in ("Makefile", "requirements.lock", "tools/tally", ".ci/run"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(root / path, tmp_path / path)
    return tmp_path


def test_help_tells_every_target_and_what_it_does(root: Path) -> None:
    result = run(root, "make")

    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert sorted(words[1] for words in lines) == TARGETS
    assert all(words[0] == "make" and len(words[2]) > 10 for words in lines)


def test_every_target_is_phony(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")

    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert sorted(phony.split()) == TARGETS


def test_a_made_environment_is_not_made_again(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".locked").touch()

    result = run(clone, "make", "env")

    assert "Nothing to be done" in result.stdout
    assert [path.name for path in (clone / ".venv").iterdir()] == [".locked"]


def test_an_old_python_is_refused_in_one_sentence(clone: Path) -> None:
    old = clone / "python3.10"
    # Runs what it is given, and pretends to be of another version.
    pretend = "import sys; sys.version_info = (3, 10, 4); sys.version = '3.10.4 (main)'; exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$2"\n')
    old.chmod(0o755)

    result = run(clone, "make", "env", f"PYTHON={old}")

    assert result.returncode == 2
    assert result.stderr.splitlines()[0] == f"Tallystick needs Python 3.11 or newer, {old} is 3.10.4"
    assert not (clone / ".venv").exists()


def test_the_command_runs_from_the_tree_wherever_one_stands(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commands = clone / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "python").write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\n')
    (commands / "python").chmod(0o755)
    (commands / "tally").symlink_to("../../tools/tally")

    result = run(tmp_path_factory.mktemp("elsewhere"), str(commands / "tally"), "log", "--json")

    assert result.stdout == f"{clone.resolve()} -m cli log --json\n"


def test_the_interpreter_finds_the_tree_from_wherever_a_script_stands(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (clone / "of_the_tree.py").write_text("print('found')\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "snip.py").write_text("import of_the_tree\n")

    made = run(clone, "make", "env", f"PYTHON={sys.executable}", "PIP=:")
    result = run(elsewhere, str(clone / ".venv" / "bin" / "python"), "snip.py")

    assert made.returncode == 0, made.stderr
    assert result.stdout == "found\n"


def test_ci_runs_lint_types_and_tests_and_stops_at_the_first_failure(clone: Path) -> None:
    (clone / "Makefile").write_text("lint types:\n\t@echo $@ ran\ntest:\n\t@exit 5\n")

    result = run(clone.parent, "bash", str(clone / ".ci" / "run"))

    assert result.returncode == 2
    assert [line for line in result.stdout.splitlines() if line] == [
        "== make lint",
        "lint ran",
        "== make types",
        "types ran",
        "== make test",
    ]
