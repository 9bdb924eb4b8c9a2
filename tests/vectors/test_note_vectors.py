"""Published notes, verifier keys, checkpoints and cosignatures, good and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import cosignature, note
from proofs.checkpoint import Checkpoint
from proofs.errors import MalformedError, TallyError
from proofs.vkey import VerifierKey


def vectors(name: str, *, bad: bool) -> list[Any]:
    """Return the vectors of a file that must be accepted, or those that must be refused."""
    loaded = json.loads((Path(__file__).parent / name).read_text())
    chosen = [each for each in loaded if ("error" in each or each.get("result", "verified") != "verified") is bad]
    assert chosen
    return [pytest.param(each, id=each["description"]) for each in chosen]


def given(vector: Any) -> str | bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else str(vector["note"])


@pytest.mark.parametrize("vector", vectors("note.json", bad=False))
def test_a_published_note_is_verified_with_the_keys_that_signed(vector: Any) -> None:
    verified = note.verify(vector["note"], vector["vkeys"])

    assert [key.label for key in verified.keys] == vector["signers"]
    assert [key.label for key in verified.unchecked] == vector["unchecked"]
    assert verified.text == vector["note"].rpartition("\n\n")[0] + "\n"


@pytest.mark.parametrize("vector", vectors("note.json", bad=True))
def test_a_note_is_refused_for_its_reason(vector: Any) -> None:
    with pytest.raises(TallyError) as caught:
        note.verify(given(vector), vector["vkeys"])

    assert (caught.value.code, str(caught.value)) == (vector["result"], vector["error"])


@pytest.mark.parametrize("vector", vectors("note.json", bad=False))
def test_I15_a_published_note_prints_as_it_was_read(vector: Any) -> None:
    text = vector["note"]

    assert note.Note.parse(text).to_text() == text
    assert note.Note.parse(text.encode()) == note.Note.parse(text)


@pytest.mark.parametrize("vector", vectors("vkey.json", bad=False))
def test_I15_a_published_verifier_key_is_read_and_printed(vector: Any) -> None:
    key = VerifierKey.parse(vector["vkey"])

    assert (key.name, key.key_id.hex(), key.type, key.public_key.hex()) == (
        vector["name"],
        vector["key_id"],
        vector["type"],
        vector["public_key"],
    )
    assert key.to_text() == vector["vkey"]
    assert note.vkey_for(key.name, key.public_key, key.type) == key


@pytest.mark.parametrize("vector", vectors("vkey.json", bad=True))
def test_a_verifier_key_that_is_none_is_refused(vector: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        VerifierKey.parse(vector["vkey"])

    assert str(caught.value) == vector["error"]


@pytest.mark.parametrize("vector", vectors("checkpoint.json", bad=False))
def test_I15_a_published_checkpoint_is_read_and_printed(vector: Any) -> None:
    checkpoint = Checkpoint.parse(vector["text"], foreign=vector["foreign"])

    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex(), list(checkpoint.extensions)) == (
        vector["origin"],
        vector["size"],
        vector["root"],
        vector["extensions"],
    )
    assert checkpoint.to_text() == vector["text"]


@pytest.mark.parametrize("vector", vectors("checkpoint.json", bad=True))
def test_a_checkpoint_that_is_none_is_refused(vector: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        Checkpoint.parse(vector["text"], foreign=vector["foreign"])

    assert str(caught.value) == vector["error"]


@pytest.mark.parametrize("vector", vectors("cosignature.json", bad=False))
def test_a_published_cosignature_is_verified_with_its_time(vector: Any) -> None:
    raw = bytes.fromhex(vector["signature"])

    verified = cosignature.verify(VerifierKey.parse(vector["vkey"]), vector["text"], raw)

    assert verified.timestamp == vector["timestamp"]
    assert verified.to_bytes() == raw


@pytest.mark.parametrize("vector", vectors("cosignature.json", bad=True))
def test_a_cosignature_is_refused_for_its_reason(vector: Any) -> None:
    with pytest.raises(TallyError) as caught:
        cosignature.verify(VerifierKey.parse(vector["vkey"]), vector["text"], bytes.fromhex(vector["signature"]))

    assert (caught.value.code, str(caught.value)) == (vector["result"], vector["error"])
