"""I15 and I16, exhaustively on small samples: what prints is read back, and nothing else is read.

Every text is tried with each of its bits flipped, at each of its lengths, and with each of its bytes doubled. A reader must
refuse it, or print exactly the bytes that it was given. A verifier must refuse it.
"""

from __future__ import annotations

import contextlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import archive, bag, note, tlogproof
from proofs.checkpoint import Checkpoint
from proofs.cosignature import Cosignature
from proofs.dsse import Envelope
from proofs.errors import MalformedError, TallyError
from proofs.note import Note
from proofs.policy import Policy
from proofs.tlogproof import TlogProof
from proofs.vkey import VerifierKey

VECTORS = Path(__file__).parents[1] / "vectors"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
ROOT = b64encode(bytes(32)).decode()
CHECKPOINT = f"example.com/log\n17\n{ROOT}\nextension\n"
PROOF = f"c2sp.org/tlog-proof@v1\nextra AAE=\nindex 17\n{ROOT}\n{ROOT}\n\nexample.com/log\n"
POLICY = f"log {PETER} https://example.com/\nwitness w {REMORA}\ngroup g 1 w\nquorum g\n"
FILES = {"b/a.txt": b"abc", "b/data/x": b"", "b/z": b"\0\xff"}
INFO = bag.BagInfo("evidence-1", "2026-11-20", 5, 2, "example.com/log")
ENVELOPE = Envelope(b"{}", "ab" * 32, bytes(range(64)))


def vector(name: str, description: str) -> Any:
    loaded = json.loads((VECTORS / name).read_text())
    (found,) = (
        each
        for each in (loaded["verify"] if isinstance(loaded, dict) else loaded)
        if each["description"] == description
    )
    return found


NOTE = vector("note.json", "a blank line within the text")["note"]


def print_note(data: bytes) -> bytes:
    return Note.parse(data).to_text().encode()


def print_vkey(data: bytes) -> bytes:
    return VerifierKey.parse(data.decode("utf-8", "surrogateescape")).to_text().encode()


def print_checkpoint(data: bytes) -> bytes:
    return Checkpoint.parse(data.decode("utf-8", "surrogateescape"), foreign=True).to_text().encode()


def print_cosignature(data: bytes) -> bytes:
    return Cosignature.parse(data).to_bytes()


def print_proof(data: bytes) -> bytes:
    return TlogProof.parse(data).to_text().encode()


def print_policy(data: bytes) -> bytes:
    # A trust file has layout, and its last newline is part of that.
    printed = Policy.parse(data).to_text().encode("utf-8", "surrogateescape")
    return printed if data.endswith(b"\n") else printed.removesuffix(b"\n")


def print_archive(data: bytes) -> bytes:
    return archive.write(archive.read(data))


def print_info(data: bytes) -> bytes:
    return bag.BagInfo.parse(data).to_bytes()


def print_listing(data: bytes) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in bag.parse_manifest(data, "m").items()).encode()


def print_envelope(data: bytes) -> bytes:
    return Envelope.parse(data).to_bytes()


SAMPLES: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "note": (NOTE.encode(), print_note),
    "vkey": (PETER.encode(), print_vkey),
    "checkpoint": (CHECKPOINT.encode(), print_checkpoint),
    "cosignature": (bytes(72), print_cosignature),
    "proof": (PROOF.encode(), print_proof),
    "policy": (POLICY.encode(), print_policy),
    "archive": (archive.write(FILES), print_archive),
    "bag-info": (INFO.to_bytes(), print_info),
    "manifest": (bag.print_manifest(FILES), print_listing),
    "envelope": (ENVELOPE.to_bytes(), print_envelope),
}


def flipped(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def damaged(data: bytes) -> Iterator[bytes]:
    """Yield `data` with every bit flipped, at every shorter length, without and with twice each byte, and longer."""
    yield from flipped(data)
    for place in range(len(data)):
        yield data[:place]
        yield data[place + 1 :]
        yield data[:place] + data[place + 1 :]
        yield data[:place] + data[place : place + 1] + data[place:]
    for more in (b"\0", b"\n", b" ", b"\r\n", data):
        yield data + more
        yield more + data


@pytest.mark.parametrize("kind", SAMPLES)
def test_I15_a_sample_is_read_and_printed(kind: str) -> None:
    data, reprint = SAMPLES[kind]

    assert reprint(data) == data


def tried(data: bytes, reprint: Callable[[bytes], bytes]) -> bytes | None:
    try:
        return reprint(data)
    except MalformedError:
        return None


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if kind != "policy"])
def test_I15_whatever_is_read_prints_as_it_was(kind: str) -> None:
    data, reprint = SAMPLES[kind]

    wrong = [other for other in damaged(data) if tried(other, reprint) not in (None, other)]
    assert wrong == []


def test_I15_a_trust_file_may_be_laid_out_and_no_more() -> None:
    """What is read and prints otherwise differs in blanks, and in nothing that the policy says."""
    data, reprint = SAMPLES["policy"]

    others = [(other, printed) for other in damaged(data) if (printed := tried(other, reprint)) not in (None, other)]
    assert others
    assert [other for other, printed in others if meaning(other) != meaning(printed or b"")] == []


def meaning(trust_file: bytes) -> list[list[bytes]]:
    """Return the items of each line that is neither blank nor comment, by the words of the specification."""
    lines = [[item for item in re.split(rb"[ \t]+", line) if item] for line in trust_file.split(b"\n")]
    return [items for items in lines if items and not items[0].startswith(b"#")]


@pytest.mark.parametrize("kind", ["archive", "vkey", "manifest", "bag-info", "envelope"])
def test_I15_no_part_of_a_whole_is_a_whole(kind: str) -> None:
    """Every cut from either end is refused: nothing that was lost goes unnoticed."""
    data, reprint = SAMPLES[kind]
    cuts = [data[:stop] for stop in range(len(data))] + [data[start:] for start in range(1, len(data) + 1)]

    whole = [cut for cut in cuts if tried(cut, reprint) is not None]
    # A manifest cut between two lines is one with fewer files; which files there must be, `check` knows.
    assert all(kind == "manifest" and (cut == b"" or cut.endswith(b"\n")) for cut in whole)


def test_I15_no_substring_and_no_incremented_byte_of_a_verifier_key_is_one() -> None:
    """Go's test of its own parser, on ours."""
    parts = [PETER[i:j] for i in range(len(PETER)) for j in range(i + 1, len(PETER) + 1) if j - i < len(PETER)]
    bumped = [PETER[:i] + chr(ord(PETER[i]) + 1) + PETER[i + 1 :] for i in range(len(PETER))]

    read = [text for text in parts + bumped if tried(text.encode(), print_vkey) is not None]
    assert read == []


def survivors(others: Iterable[bytes], verify: Callable[[bytes], object]) -> list[bytes]:
    """Return those that `verify` does not refuse."""
    found = []
    for other in others:
        try:
            verify(other)
        except TallyError:
            continue
        found.append(other)
    return found


def test_no_damaged_note_is_verified() -> None:
    assert note.verify(NOTE, [PETER]).keys

    assert survivors(damaged(NOTE.encode()), lambda other: note.verify(other, [PETER])) == []


def test_no_note_is_verified_under_a_damaged_key() -> None:
    others = damaged(PETER.encode())

    assert survivors(others, lambda other: note.verify(NOTE, [other.decode("utf-8", "surrogateescape")])) == []


def test_I16_no_damaged_proof_proves_its_entry() -> None:
    seven = vector("tlogproof.json", "the seventh of fifteen entries")
    policy = Policy.parse(seven["policy"])
    assert tlogproof.verify(seven["proof"], b"seven", policy).index == 6

    others = damaged(seven["proof"].encode())
    assert survivors(others, lambda other: tlogproof.verify(other, b"seven", policy)) == []


def test_I16_every_flipped_bit_of_an_archive_is_refused_with_its_place() -> None:
    data = archive.write(FILES)
    # A flipped bit of a path, or of its length, makes it another path, which is then what the member is called.
    renamed = {other.decode("latin-1") for path in FILES for other in flipped(path.encode())}

    for other in flipped(data):
        with pytest.raises(MalformedError) as caught:
            archive.read(other)
        place = caught.value.where
        assert place in {*renamed, "archive header"} or (any(path.startswith(place) for path in FILES) and place)


def test_I16_every_flipped_bit_of_a_bag_is_refused_with_its_place() -> None:
    listed = vector("bag.json", "a whole bag")["files"]
    whole = {path: text.encode("latin-1") for path, text in listed.items()}
    bag.check(whole)

    for path in whole.keys() - {bag.SEAL_PATH}:  # the seal signs all the others; who made it is asked elsewhere
        for other in flipped(whole[path]):
            with pytest.raises(TallyError) as caught:
                bag.check({**whole, path: other})
            assert caught.value.where


NAMES = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"], exclude_characters="+"), min_size=1)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"))
SIGNATURES = st.builds(note.Signature, NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=99))
NOTES = st.builds(Note, LINES.map(lambda text: f"{text}\n"), st.lists(SIGNATURES, min_size=1, max_size=64).map(tuple))
SEGMENTS = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,9}", fullmatch=True)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


@given(NOTES)
def test_I15_every_note_is_read_as_it_was_printed(written: Note) -> None:
    assert Note.parse(written.to_text()) == written


@given(st.binary() | st.text().map(str.encode))
def test_whatever_comes_is_read_or_malformed(data: bytes) -> None:
    for _, reprint in SAMPLES.values():
        if reprint is not print_policy:
            assert tried(data, reprint) in (None, data)


@given(st.text(st.characters(codec=None)))
def test_text_with_any_character_is_read_or_malformed(text: str) -> None:
    readers: list[Callable[[str], object]] = [
        Note.parse,
        VerifierKey.parse,
        Checkpoint.parse,
        TlogProof.parse,
        Policy.parse,
    ]

    for read in readers:
        with contextlib.suppress(MalformedError):
            read(text)


@given(st.dictionaries(PATHS, st.binary(max_size=99)))
def test_I15_every_archive_is_read_as_it_was_written_also_by_zipfile(files: dict[str, bytes]) -> None:
    try:
        data = archive.write(files)
    except MalformedError:
        folded = [path.lower() for path in files]
        folders = {other for path in folded for other in parents(path)}
        assert len(set(folded)) < len(folded) or folders & set(folded)
        return

    assert archive.read(data) == files
    with ZipFile(BytesIO(data)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == files


def parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
