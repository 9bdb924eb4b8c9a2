"""docs/formats/archive.md is enough to write an archive: its tables alone, applied to its example, give our bytes."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from proofs import archive

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "archive.md").read_text(encoding="utf-8")
FILES = {"b/a.txt": b"tally\n", "b/z": b""}
ROW = re.compile(r"\| (\d+) \| (\d+) \| ([a-z ]+) \| (.*) \|\n")


def table(title: str) -> list[tuple[int, int, str, str]]:
    section = PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]
    return [(int(offset), int(size), name, value) for offset, size, name, value in ROW.findall(section)]


def record(title: str, values: dict[str, int]) -> bytes:
    """Return a record as its table says: fixed bytes where it gives them, else the value."""
    written = b""
    for offset, size, name, value in table(title):
        assert offset == len(written)
        fixed = re.match(r"`((?:[0-9a-f]{2} ?)+)`", value)
        field = bytes.fromhex(fixed[1]) if fixed else values[name].to_bytes(size, "little")
        assert len(field) == size
        written += field
    return written


def by_the_page(files: dict[str, bytes]) -> bytes:
    local = central = b""
    for path in sorted(files):
        content = files[path]
        values = {
            "checksum": zlib.crc32(content),
            "compressed size": len(content),
            "uncompressed size": len(content),
            "path length": len(path),
            "offset": len(local),
        }
        central += record("Central header", values) + path.encode()
        local += record("Local header", values) + path.encode() + content
    count = {"members on this disk": len(files), "members": len(files)}
    return local + central + record("End record", count | {"central size": len(central), "central offset": len(local)})


@pytest.mark.parametrize(("title", "size"), [("Local header", 30), ("Central header", 46), ("End record", 22)])
def test_a_table_is_as_long_as_its_record(title: str, size: int) -> None:
    assert sum(row[1] for row in table(title)) == size
    assert f"## {title}, {size} bytes" in PAGE


def test_the_tables_make_our_archive() -> None:
    assert by_the_page(FILES) == archive.write(FILES)
    assert by_the_page({}) == archive.write({})


def test_the_example_is_our_archive() -> None:
    lines = PAGE.partition("`b/z` is empty:\n\n")[2].partition("\n\n")[0].splitlines()
    shown = "".join(re.split(" {3,}", line.strip())[0] for line in lines)

    assert bytes.fromhex(shown) == archive.write(FILES)
