"""The text that stands in every bundle is on its page, byte for byte."""

from __future__ import annotations

from pathlib import Path

from proofs import readme

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "bundle-readme.txt"


def test_the_page_holds_the_text_of_every_bundle() -> None:
    assert PAGE.read_text() == readme.TEXT
