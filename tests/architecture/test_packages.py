"""`make packages`: a command that is there is left alone; a missing one is installed where allowed, else named."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

LIST = "# a comment\nnodejs node\n\nopenssl openssl\n"


class Machine:
    """A folder of commands that stands for a whole machine: nothing else is on the PATH."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.script = root / "tools" / "install-packages.sh"
        self.commands = folder / "bin"
        self.commands.mkdir()
        self.calls = folder / "calls"
        self.list = folder / "packages.txt"
        self.list.write_text(LIST)
        self.add("rm", 'exec /bin/rm "$@"')
        self.add("cat", 'exec /bin/cat "$@"')
        self.add("env", 'exec /usr/bin/env "$@"')

    def add(self, name: str, body: str = "exit 0") -> None:
        command = self.commands / name
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)

    def add_apt(self, *, brings: str) -> None:
        """An apt-get that notes its arguments, and installs the command `brings`."""
        new = self.commands / brings
        make = f'printf "#!/bin/sh\\n" > {new}; /bin/chmod 755 {new}'
        self.add("apt-get", f'echo "$@" >> {self.calls}; case "$1" in install) {make} ;; esac')

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(self.script), str(self.list)],
            env={"PATH": str(self.commands), "TMPDIR": str(self.list.parent)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    return Machine(root, tmp_path)


def test_a_command_that_is_there_is_left_alone(machine: Machine) -> None:
    machine.add("node")
    machine.add("openssl")
    machine.add_apt(brings="node")

    result = machine.run()

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not machine.calls.exists()


def test_root_installs_only_what_is_missing(machine: Machine) -> None:
    machine.add("openssl")
    machine.add("id", "echo 0")
    machine.add_apt(brings="node")

    result = machine.run()

    assert (result.returncode, result.stdout) == (0, "installing Debian packages: nodejs\n")
    assert machine.calls.read_text().splitlines() == ["update", "install -y --no-install-recommends nodejs"]


def test_passwordless_sudo_is_enough(machine: Machine) -> None:
    machine.add("openssl")
    machine.add("id", "echo 1000")
    machine.add("sudo", 'shift; exec "$@"')
    machine.add("true")
    machine.add_apt(brings="node")

    assert machine.run().returncode == 0
    assert machine.calls.read_text().splitlines()[-1] == "install -y --no-install-recommends nodejs"


def test_without_root_one_sentence_names_what_is_missing(machine: Machine) -> None:
    machine.add("id", "echo 1000")
    machine.add("sudo", "exit 1")
    machine.add_apt(brings="node")

    result = machine.run()

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "the tests need these Debian packages, and installing them takes root: nodejs openssl\n"
    assert not machine.calls.exists()


def test_without_apt_one_sentence_names_what_is_missing(machine: Machine) -> None:
    machine.add("openssl")

    result = machine.run()

    assert result.returncode == 1
    assert result.stderr == "the tests need these Debian packages or their like, and there is no apt-get here: nodejs\n"


def test_a_failed_installation_shows_what_apt_said(machine: Machine) -> None:
    machine.add("openssl")
    machine.add("id", "echo 0")
    machine.add("apt-get", "echo 'no such package'; exit 100")

    result = machine.run()

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "no such package",
        "apt-get could not install these Debian packages: nodejs",
    ]


def test_an_installation_that_brings_no_command_fails(machine: Machine) -> None:
    machine.add("openssl")
    machine.add("id", "echo 0")
    machine.add_apt(brings="something-else")

    result = machine.run()

    assert result.returncode == 1
    assert result.stderr == "these Debian packages are installed, and their commands are still not there: nodejs\n"


def test_every_line_of_packages_txt_is_a_package_and_its_command(root: Path) -> None:
    lines = (root / "packages.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split() for line in lines if not line.startswith("#")]

    assert all(len(entry) == 2 for entry in entries)
    assert entries == sorted(entries)


def test_every_listed_command_is_one_that_a_test_needs(root: Path, files: tuple[str, ...]) -> None:
    # tests/hammer/test_soak.py runs benchmarks/soak.py.
    tests = [path for path in files if path.startswith(("tests/", "benchmarks/")) and "/architecture/" not in path]
    words = {word for path in tests for word in re.findall(rb"[\w-]+(?:\.[\w-]+)*", (root / path).read_bytes())}
    lines = (root / "packages.txt").read_text(encoding="utf-8").splitlines()

    listed = [line.split()[1] for line in lines if line and not line.startswith("#")]
    assert [command for command in listed if command.encode() not in words] == []
