"""Bounds of the archive and of the bag, and calls that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from proofs import archive, bag, limits
from proofs.dsse import Envelope
from proofs.errors import MalformedError


class Lazy(Mapping[str, bytes]):
    """Files that are read when they are asked for, and say how often."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths
        self.asked: list[str] = []

    def __getitem__(self, path: str) -> bytes:
        self.asked.append(path)
        return path.encode()

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def test_each_file_is_asked_for_once_and_no_sooner_than_it_is_written() -> None:
    files = Lazy("b", "a")
    pieces = archive.chunks(files)

    assert files.asked == []
    next(pieces)
    assert files.asked == ["a"]
    rest = b"".join(pieces)
    assert files.asked == ["a", "b"]
    assert archive.write({"a": b"a", "b": b"b"}).endswith(rest)


def test_an_archive_is_as_long_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive.write({"a": bytes(100)})
    monkeypatch.setattr(limits, "ZIP_BYTES", len(data))

    assert archive.read(archive.write({"a": bytes(100)})) == {"a": bytes(100)}
    with pytest.raises(MalformedError, match=f"archive would have more than {len(data)} bytes"):
        archive.write({"a": bytes(101)})
    with pytest.raises(MalformedError, match=f"archive has {len(data) + 1} bytes, at most {len(data)} are allowed"):
        archive.read(data + b"\0")


def test_content_that_does_not_fit_is_refused_before_it_is_hashed_or_written() -> None:
    class Huge(bytes):
        """A file of 4 GiB, as far as its length goes."""

        def __len__(self) -> int:
            return 2**32

    with pytest.raises(MalformedError, match="archive would have more than 4294967295 bytes"):
        next(archive.chunks({"a": Huge()}))


def test_an_archive_has_as_many_members_as_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ZIP_MEMBERS", 2)

    assert archive.read(archive.write({"a": b"", "b": b""})) == {"a": b"", "b": b""}
    with pytest.raises(MalformedError, match="archive has 3 members, at most 2 are allowed"):
        archive.write({"a": b"", "b": b"", "c": b""})


def test_a_path_is_as_long_as_it_may_be() -> None:
    assert archive.read(archive.write({"a" * 240: b""})) == {"a" * 240: b""}

    with pytest.raises(MalformedError, match="has 241 bytes, at most 240 are allowed"):
        archive.write({"a" * 241: b""})


@pytest.mark.parametrize("path", ["", ".", "..", "/a", "a/", "a//b", "a/./b", "../a", "a\n", "a\0", "é", "a b", "a:b"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(MalformedError, match="is not made of names of"):
        archive.write({path: b""})


@pytest.mark.parametrize("path", ["...", ".a", "a.", "a..b", "-", "_", "..a/b.."])
def test_dots_in_a_name_are_let_pass(path: str) -> None:
    assert archive.read(archive.write({path: b"x"})) == {path: b"x"}


@pytest.mark.parametrize("files", [{"data": b"", "data/x": b""}, {"a/b": b"", "a/b/c/d": b""}, {"A": b"", "a/b": b""}])
def test_no_file_is_the_folder_of_another(files: dict[str, bytes]) -> None:
    with pytest.raises(MalformedError, match="is a file and the folder of"):
        archive.write(files)


@pytest.mark.parametrize(
    ("payload", "tags", "message"),
    [
        ({"x": b""}, {}, "'x' is not below data/"),
        ({}, {"bagit.txt": b"", "bag-info.txt": b"", "x": b""}, "'x' is no file of the tag manifest"),
        ({}, {"bagit.txt": b"", "bag-info.txt": b"", "data/x": b""}, "'data/x' is no file of the tag manifest"),
        (
            {},
            {"bagit.txt": b"", "bag-info.txt": b"", "signatures/tagmanifest.ed25519.sig": b""},
            "'signatures/tagmanifest.ed25519.sig' is no file of the tag manifest",
        ),
        ({}, {"bag-info.txt": b""}, "tag file 'bagit.txt' is missing"),
        ({}, {"bagit.txt": b""}, "tag file 'bag-info.txt' is missing"),
    ],
)
def test_a_file_in_the_wrong_place_is_a_wrong_call(
    payload: dict[str, bytes], tags: dict[str, bytes], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bag.seal_manifests(payload, tags)


def test_a_manifest_lists_no_path_that_leads_elsewhere() -> None:
    with pytest.raises(MalformedError, match="is not made of names of"):
        bag.print_manifest({"data/../x": b""})


def test_a_payload_may_be_as_large_as_a_number() -> None:
    info = bag.BagInfo("b", "2026-11-20", 2**53 - 1, 2**53 - 1, "o")

    assert bag.BagInfo.parse(info.to_bytes()) == info


def test_a_bag_without_payload_is_whole() -> None:
    tags = {"bagit.txt": bag.DECLARATION, "bag-info.txt": bag.BagInfo("b", "2026-11-20", 0, 0, "o").to_bytes()}
    files = {**tags, **bag.seal_manifests({}, tags), bag.SEAL_PATH: b""}

    assert bag.check(files).payload_oxum == "0.0"
    assert files["manifest-sha256.txt"] == b""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"external_identifier": ".b"}, "External-Identifier '.b' is not a bundle's name"),
        ({"bagging_date": "2026-02-29"}, "Bagging-Date '2026-02-29' is not a date"),
        ({"payload_bytes": -1}, "Payload-Oxum '-1.0' is not a size and a number of files"),
        ({"payload_files": 2**53}, "Payload-Oxum '0.9007199254740992' is not a size and a number of files"),
        ({"source_organization": "a b"}, "Source-Organization 'a b' is not an origin"),
    ],
)
def test_bag_info_that_could_not_be_read_back_cannot_be_made(changed: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {
        "external_identifier": "b",
        "bagging_date": "2026-11-20",
        "payload_bytes": 0,
        "payload_files": 0,
        "source_organization": "o",
    }
    with pytest.raises(MalformedError) as caught:
        bag.BagInfo(**fields | changed)

    assert (caught.value.what, caught.value.where) == (message, "bag-info.txt")


@pytest.mark.parametrize(
    ("key_id", "signature", "message"),
    [
        ("AB" * 32, bytes(64), "is not 64 hex digits"),
        ("ab" * 31, bytes(64), "is not 64 hex digits"),
        ("ab" * 32, bytes(63), "envelope signature has 63 bytes, expected 64"),
    ],
)
def test_an_envelope_that_could_not_be_read_back_cannot_be_made(key_id: str, signature: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        Envelope(b"", key_id, signature)
