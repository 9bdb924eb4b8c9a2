"""Files beside the ledger: whole or not at all, and every failure of the disk a word of ours."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger import durable
from ledger.keyring import Keyring
from proofs.errors import ConflictError, RefusedError, StorageError, UnknownOutcomeError

Write = Callable[[Path, bytes], None]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows any more; Python ignores the signal, and a write fails with its errno."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("write", [durable.replace, durable.create])
def test_what_is_written_is_there_for_its_owner_alone_and_nothing_beside_it(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "head", b"new")

    assert (tmp_path / "head").read_bytes() == b"new"
    assert (tmp_path / "head").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["head"]


def test_what_is_replaced_is_gone(tmp_path: Path) -> None:
    durable.replace(tmp_path / "head", b"old")
    durable.replace(tmp_path / "head", b"new")

    assert (tmp_path / "head").read_bytes() == b"new"


def test_what_stands_there_is_never_created_over(tmp_path: Path) -> None:
    durable.create(tmp_path / "key", b"old")

    with pytest.raises(ConflictError, match="key exists already"):
        durable.create(tmp_path / "key", b"new")

    assert (tmp_path / "key").read_bytes() == b"old"
    assert names(tmp_path) == ["key"]


def test_a_full_disk_refuses_and_leaves_what_stood_there(tmp_path: Path) -> None:
    durable.replace(tmp_path / "head", b"old")

    with full_disk(), pytest.raises(StorageError, match="head cannot be written: File too large"):
        durable.replace(tmp_path / "head", b"new")

    assert (tmp_path / "head").read_bytes() == b"old"
    assert names(tmp_path) == ["head"]


@pytest.mark.parametrize("write", [durable.replace, durable.create])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(RefusedError, match="head cannot be written: No such file or directory"):
        write(tmp_path / "none" / "head", b"new")


def test_a_name_that_cannot_be_given_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()

    with pytest.raises(RefusedError, match="head cannot be written: Is a directory"):
        durable.replace(tmp_path / "head", b"new")

    assert names(tmp_path) == ["head"]


def test_what_fails_before_the_name_is_given_leaves_nothing(tmp_path: Path) -> None:
    def fail(written: Path) -> None:
        assert written.read_bytes() == b"data"
        raise KeyError

    with pytest.raises(KeyError), durable.fresh(tmp_path / "bundle.zip", b"data") as written:
        fail(written)

    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_synced_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownOutcomeError, match="may be gone after a crash: No such file or directory"):
        durable.sync_folder(tmp_path / "none")


def keyring_of(tmp_path: Path) -> Keyring:
    return Keyring("ledger.example/test", tmp_path, lambda: b"correct horse")


def test_a_key_that_a_full_disk_does_not_take_is_refused_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    keyring = keyring_of(tmp_path)

    with full_disk(), pytest.raises(StorageError, match="cannot be written: File too large"):
        keyring.generate("log")

    assert names(keyring.folder) == ["lock"]


def test_a_keyring_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    keyring = keyring_of(tmp_path)
    (keyring.folder / "lock").mkdir(parents=True)

    with pytest.raises(RefusedError, match="cannot be locked: Is a directory"), keyring.locked():
        pass


def test_I14_a_head_that_a_full_disk_does_not_take_leaves_the_one_before(tmp_path: Path) -> None:
    keyring = keyring_of(tmp_path)
    keyring.create()
    keyring.keep_head(b"signed before")

    with full_disk(), pytest.raises(StorageError, match="head cannot be written: File too large"):
        keyring.keep_head(b"signed now")

    assert keyring.head() == b"signed before"
    assert names(keyring.folder) == ["head"]
