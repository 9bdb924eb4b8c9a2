"""The canonical ZIP, opened by tools that nobody here made."""

from __future__ import annotations

import stat
import subprocess
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from proofs import archive

FILES = {
    "b/bagit.txt": b"BagIt-Version: 1.0\n",
    "b/data/empty": b"",
    "b/data/x.bin": bytes(range(256)) * 300,
    "z": b"z",
}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "b.zip"
    path.write_bytes(archive.write(FILES))
    return path


def unpacked(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    "command",
    [["unzip", "-q", "{zip}", "-d", "{folder}"], ["bsdtar", "-x", "-f", "{zip}", "-C", "{folder}"]],
    ids=["unzip", "bsdtar"],
)
def test_another_tool_unpacks_the_same_files(command: list[str], packed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    result = subprocess.run(
        [part.format(zip=packed, folder=folder) for part in command], capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert unpacked(folder) == FILES
    modes = {stat.filemode(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {"-rw-r--r--"}


def test_unzip_finds_no_fault(packed: Path) -> None:
    result = subprocess.run(["unzip", "-tq", str(packed)], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (0, f"No errors detected in compressed data of {packed}.\n")


def test_pythons_zipfile_reads_the_same_files_and_attributes() -> None:
    with ZipFile(BytesIO(archive.write(FILES))) as opened:
        members = opened.infolist()

        assert opened.testzip() is None
        assert {member.filename: opened.read(member) for member in members} == FILES
        assert [member.filename for member in members] == ["b/bagit.txt", "b/data/empty", "b/data/x.bin", "z"]
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.compress_type for member in members} == {ZIP_STORED}
    assert {stat.filemode(member.external_attr >> 16) for member in members} == {"-rw-r--r--"}
    assert {(member.create_system, member.flag_bits, member.extra, member.comment) for member in members} == {
        (3, 0, b"", b"")
    }
