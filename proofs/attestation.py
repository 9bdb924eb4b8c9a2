"""The attestation: the evidence key's signature over the tag manifest, and over an in-toto statement of every file.

    {"_type":"https://in-toto.io/Statement/v1","predicate":{"census":…,"origin":"…","root":"…","size":…},
     "predicateType":"urn:tallystick:evidence:v1","subject":[{"digest":{"sha256":"…"},"name":"data/…"},…]}

Source: docs/formats/bundle.md; in-toto Statement v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from proofs import ed25519, jsonstrict
from proofs.bag import PAYLOAD_FOLDER, SEAL_PATH, TAGMANIFEST_PATH
from proofs.bundle import ENVELOPE, STATEMENT
from proofs.checkpoint import Checkpoint
from proofs.dsse import Envelope
from proofs.errors import MalformedError, TamperedError
from proofs.keys import Key
from proofs.record import document, place, record

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:tallystick:evidence:v1"


def print_statement(payload: Mapping[str, bytes], checkpoint: Checkpoint) -> bytes:
    """Return data/statement.json over the files below data/, itself passed over.

    Args:
        payload: Path → content; what is not below data/ is passed over.
        checkpoint: The bundle's, whose last entry is the census.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "predicate": {
            "census": checkpoint.size - 1,
            "origin": checkpoint.origin,
            "root": checkpoint.root.hex(),
            "size": checkpoint.size,
        },
        "predicateType": PREDICATE_TYPE,
        "subject": [
            {"digest": {"sha256": sha256(payload[path]).hexdigest()}, "name": path}
            for path in sorted(payload)
            if path.startswith(PAYLOAD_FOLDER) and path != STATEMENT
        ],
    }
    return jsonstrict.dumps(statement) + b"\n"


def check_seal(files: Mapping[str, bytes], key: Key, checkpoint: Checkpoint) -> None:
    """Accept a bundle that the evidence key sealed, whose statement is of exactly these files and this tree.

    Args:
        files: Path → content, everything below the bundle's folder.
        key: The evidence key that is current at the checkpoint's size.

    Raises:
        MalformedError: Seal, envelope or statement is not written as its page says.
        TamperedError: Another key sealed it, or it says something else.
    """
    with place(SEAL_PATH):
        if len(files[SEAL_PATH]) != ed25519.SIGNATURE_BYTES:
            raise MalformedError(
                f"seal has {len(files[SEAL_PATH])} bytes, an Ed25519 signature {ed25519.SIGNATURE_BYTES}"
            )
        try:
            ed25519.verify(key.public_key, files[TAGMANIFEST_PATH], files[SEAL_PATH])
        except TamperedError as error:
            raise TamperedError(
                f"{TAGMANIFEST_PATH} is not signed by the evidence key {key.id}: {error.what}"
            ) from error
    with place(ENVELOPE):
        envelope = Envelope.parse(files[ENVELOPE])
        if envelope.key_id != key.id:
            raise TamperedError(f"envelope names the key {envelope.key_id}, the current evidence key is {key.id}")
        try:
            payload = envelope.verify(key.public_key)
        except TamperedError as error:
            raise TamperedError(f"envelope is not signed by the evidence key {key.id}: {error.what}") from error
        if payload != files[STATEMENT]:
            raise TamperedError(f"payload is not {STATEMENT}")
    with place(STATEMENT):
        if payload != (expected := print_statement(files, checkpoint)):
            raise _difference(payload, expected)


def _difference(found: bytes, expected: bytes) -> MalformedError | TamperedError:
    """Return what is wrong with a statement: not of its form, or of other files."""
    said = record(document(found), "_type predicate predicateType subject")
    said.constant("_type", STATEMENT_TYPE)
    said.constant("predicateType", PREDICATE_TYPE)
    predicate = said.record("predicate", "census origin root size")
    for member in ("census", "size"):
        predicate.integer(member)
    predicate.text("origin")
    predicate.digest("root")
    for subject in said.records("subject", "digest name"):
        subject.text("name")
        subject.record("digest", "sha256").digest("sha256")
    right = record(document(expected), "_type predicate predicateType subject").members
    differing = next(member for member in ("predicate", "subject") if said.members[member] != right[member])
    return TamperedError(f"{differing} is not that of this bundle's files and checkpoint")
