"""The verifier in one file: the same bytes from every checkout, run by Python without site-packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proofs import archive

ROOT = Path(__file__).parents[2]


def pack(top: Path, out: Path) -> bytes:
    """Run the tool of the checkout `top` from another folder, and return what it wrote."""
    environment = {**os.environ, "PYTHONPATH": str(top)}
    command = [sys.executable, str(top / "tools" / "pack_verifier.py"), str(out)]
    subprocess.run(command, cwd=out.parent, env=environment, check=True)
    return out.read_bytes()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, younger than they are."""
    for package in ("proofs", "tools"):
        shutil.copytree(ROOT / package, tmp_path / "checkout" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "checkout"


def test_two_checkouts_give_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    ours = pack(ROOT, tmp_path / "ours.pyz")
    for path in (checkout / "proofs").rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.chmod(0o755)
        os.utime(path, (1, 1))

    assert pack(checkout, tmp_path / "theirs.pyz") == ours


def test_the_file_is_a_canonical_archive_of_the_sources_and_a_start(tmp_path: Path) -> None:
    files = archive.read(pack(ROOT, tmp_path / "verify.pyz"))

    start = files.pop("__main__.py")
    assert b"from proofs.__main__ import main" in start
    assert files.keys() >= {"proofs/__init__.py", "proofs/errors.py", "proofs/archive.py"}
    assert files == {path: (ROOT / path).read_bytes() for path in files}


def test_it_runs_as_a_program_and_its_exit_status_is_the_programs(checkout: Path, tmp_path: Path) -> None:
    program = 'import sys\n\n\ndef main() -> int:\n    sys.stdout.write(" ".join(sys.argv[1:]))\n    return 7\n'
    (checkout / "proofs" / "__main__.py").write_text(program)
    pack(checkout, tmp_path / "verify.pyz")

    command = [sys.executable, "-I", "-S", str(tmp_path / "verify.pyz"), "--trust", "a", "b"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (7, "--trust a b", "")


def test_what_is_packed_verifies_without_site_packages(tmp_path: Path) -> None:
    """A note, a proof and an archive go through the packed modules, by pure Python."""
    pack(ROOT, tmp_path / "verify.pyz")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from proofs import archive, note\n"
        "print(note.verify(sys.argv[2], [sys.argv[3]]).keys[0].label, 'cryptography' in sys.modules)\n"
        "print(archive.read(archive.write({'a': b'b'})), archive.__file__ == sys.argv[1] + '/proofs/archive.py')\n"
    )
    signed = (
        "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZX"
        "sYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

    command = [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "verify.pyz"), signed, vkey]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.stderr == ""
    assert result.stdout == "example.com/foo+530d903a False\n{'a': b'b'} True\n"


def test_a_wrong_call_says_how(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "pack_verifier.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (2, "usage: pack_verifier.py FILE\n")
