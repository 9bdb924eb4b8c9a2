"""The entry's grammar as data: what is read is what would be printed (I7, I15)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs.digest import leaf_hash
from proofs.entry import parse_entry, print_entry
from proofs.errors import MalformedError

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("entry.json").read_bytes())
GOOD = VECTORS["good"]
BAD = VECTORS["bad"]


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["description"])
def test_I7_a_good_entry_is_read_and_printed_to_the_same_bytes(vector: dict[str, Any]) -> None:
    entry = parse_entry(vector["entry"].encode())

    assert print_entry(entry) == vector["entry"].encode()


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["description"])
def test_I2_the_leaf_hash_of_an_entry_is_pinned(vector: dict[str, Any]) -> None:
    assert leaf_hash(vector["entry"].encode()).hex() == vector["leaf"]


@pytest.mark.parametrize("vector", BAD, ids=lambda vector: vector["description"])
def test_I7_anything_else_is_malformed(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"]) if "hex" in vector else vector["entry"].encode("utf-8", "surrogatepass")

    with pytest.raises(MalformedError):
        parse_entry(data)


def test_I15_every_flipped_bit_of_an_entry_is_refused_or_another_entry_that_prints_to_these_bytes() -> None:
    data = GOOD[1]["entry"].encode()

    for at in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[at // 8] ^= 1 << at % 8
        try:
            entry = parse_entry(bytes(flipped))
        except MalformedError:
            continue
        assert print_entry(entry) == bytes(flipped)


def test_I15_every_truncation_of_an_entry_is_refused() -> None:
    data = GOOD[1]["entry"].encode()

    for length in range(len(data)):
        with pytest.raises(MalformedError):
            parse_entry(data[:length])


def test_an_entry_of_65535_bytes_is_read_and_one_more_byte_is_refused() -> None:
    names = {f"dataset:{number:03}{'x' * 240}": 2**53 - 1 for number in range(126)}
    streams = ",".join(f'"{name}":{position}' for name, position in names.items())
    first, rest = GOOD[0]["entry"].split('"streams":{')
    parts = ",".join(f'["/{number:02}{{}}","{"ab" * 32}"]' for number in range(64))
    filled = f'{first}"streams":{{{streams},{rest[:-1]},"parts":[{parts}]}}'
    exact, room = filled, 65_535 - len(filled.replace("{}", "").encode())
    for number in range(64):
        pad = min(506, max(0, room - 506 * number))  # a quotation mark is one byte of the pointer and two in print
        exact = exact.replace("{}", '\\"' * (pad // 2) + "y" * (pad % 2), 1)
    assert len(exact) == 65_535

    assert parse_entry(exact.encode()).seq == 0

    with pytest.raises(MalformedError, match="entry has 65536 bytes, at most 65535 are allowed"):
        parse_entry(exact.replace("/00", "/00z", 1).encode())
