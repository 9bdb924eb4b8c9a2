"""The canonical ZIP: archives written out in hex, and every way to write the same files otherwise."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from proofs import archive
from proofs.errors import MalformedError


def vectors(*, bad: bool) -> list[Any]:
    loaded = json.loads((Path(__file__).parent / "archive.json").read_text())
    chosen = [pytest.param(each, id=each["description"]) for each in loaded if ("error" in each) is bad]
    assert chosen
    return chosen


@pytest.mark.parametrize("vector", vectors(bad=False))
def test_files_make_exactly_this_archive(vector: Any) -> None:
    files = {path: b64decode(content) for path, content in vector["files"].items()}
    backwards = dict(reversed(files.items()))

    assert archive.write(files).hex() == vector["archive"]
    assert archive.write(backwards).hex() == vector["archive"]
    assert b"".join(archive.chunks(files)).hex() == vector["archive"]


@pytest.mark.parametrize("vector", vectors(bad=False))
def test_I15_an_archive_is_read_back(vector: Any) -> None:
    files = {path: b64decode(content) for path, content in vector["files"].items()}

    assert archive.read(bytes.fromhex(vector["archive"])) == files


@pytest.mark.parametrize("vector", vectors(bad=True))
def test_I16_another_archive_is_refused_with_the_place(vector: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        archive.read(bytes.fromhex(vector["archive"]))

    assert (caught.value.what, caught.value.where) == (vector["error"], vector["where"])
