"""A whole bag, and what a bag is not: files missing, added, changed; tag files written otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import bag
from proofs.errors import TallyError


def vectors(*, bad: bool) -> list[Any]:
    loaded = json.loads((Path(__file__).parent / "bag.json").read_text())
    chosen = [pytest.param(each, id=each["description"]) for each in loaded if ("error" in each) is bad]
    assert chosen
    return chosen


def files(vector: Any) -> dict[str, bytes]:
    return {path: content.encode("latin-1") for path, content in vector["files"].items()}


@pytest.mark.parametrize("vector", vectors(bad=False))
def test_a_whole_bag_says_what_it_holds(vector: Any) -> None:
    info = bag.check(files(vector))

    assert info == bag.BagInfo("evidence-1", "2026-11-20", 7, 2, "example.com/log")
    assert info.payload_oxum == "7.2"


@pytest.mark.parametrize("vector", vectors(bad=False))
def test_I15_manifests_and_bag_info_print_as_they_were_read(vector: Any) -> None:
    whole = files(vector)
    payload = {path: content for path, content in whole.items() if path.startswith("data/")}
    tags = {path: whole[path] for path in ("bagit.txt", "bag-info.txt", "signatures/statement.dsse.json")}

    assert bag.BagInfo.parse(whole["bag-info.txt"]).to_bytes() == whole["bag-info.txt"]
    assert bag.print_manifest(payload) == whole["manifest-sha256.txt"]
    assert bag.seal_manifests(payload, tags) == {
        "manifest-sha256.txt": whole["manifest-sha256.txt"],
        "tagmanifest-sha256.txt": whole["tagmanifest-sha256.txt"],
    }


@pytest.mark.parametrize("vector", vectors(bad=True))
def test_I16_a_bag_that_is_not_whole_is_refused_with_the_place(vector: Any) -> None:
    with pytest.raises(TallyError) as caught:
        bag.check(files(vector))

    found = caught.value
    assert (found.code, found.where, found.what) == (vector["code"], vector["where"], vector["error"])
