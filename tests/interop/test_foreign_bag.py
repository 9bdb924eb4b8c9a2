"""A bag of ours, validated by the Library of Congress's tool and by sha256sum."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bagit  # type: ignore[import-untyped]
import pytest

from proofs import bag

PAYLOAD = {"data/a.json": b"{}", "data/certificates/7.json": b"[]", "data/checkpoint": bytes(range(256))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole bag on disk, with a seal that is no signature: none of these tools looks at it."""
    info = bag.BagInfo("evidence-1", "2026-11-20", 260, 3, "example.com/log")
    tags = {
        "bagit.txt": bag.DECLARATION,
        "bag-info.txt": info.to_bytes(),
        "signatures/statement.dsse.json": b"{}\n",
    }
    files = {**PAYLOAD, **tags, **bag.seal_manifests(PAYLOAD, tags), bag.SEAL_PATH: bytes(64)}
    assert bag.check(files) == info
    for path, content in files.items():
        place = tmp_path / "evidence-1" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return tmp_path / "evidence-1"


def sha256sum(folder: Path, manifest: str) -> subprocess.CompletedProcess[str]:
    command = ["sha256sum", "--check", "--strict", "--quiet", manifest]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_bagit_validates_a_bag_of_ours(folder: Path) -> None:
    found = bagit.Bag(str(folder))

    assert found.validate()
    assert found.info == {
        "External-Identifier": "evidence-1",
        "Bagging-Date": "2026-11-20",
        "Payload-Oxum": "260.3",
        "Source-Organization": "example.com/log",
        "Bag-Software-Agent": "tallystick",
    }
    assert (found.version_info, found.algorithms) == ((1, 0), ["sha256"])


@pytest.mark.parametrize("path", ["data/a.json", "bag-info.txt", "manifest-sha256.txt"])
def test_bagit_agrees_that_a_changed_bag_is_none(path: str, folder: Path) -> None:
    place = folder / path
    place.write_bytes(place.read_bytes().replace(b"a", b"b") + b"\n")

    with pytest.raises(bagit.BagError):
        bagit.Bag(str(folder)).validate()


@pytest.mark.parametrize("manifest", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_checks_a_manifest_of_ours(manifest: str, folder: Path) -> None:
    whole = sha256sum(folder, manifest)
    assert (whole.returncode, whole.stdout, whole.stderr) == (0, "", "")

    place = folder / ("data/a.json" if manifest == "manifest-sha256.txt" else "bagit.txt")
    place.write_bytes(b"")
    changed = sha256sum(folder, manifest)
    assert changed.returncode == 1
    assert changed.stdout == f"{place.relative_to(folder)}: FAILED\n"
