"""Every bit of a small bundle flipped: as it arrives, with the archive written again, and with the seal made again.

The last is what an issuer can do who owns the evidence key but not the log's past: what passes then must be the issuer's
own word, and nothing else.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from proofs import archive
from proofs.report import Verdict
from proofs.view import verify_bundle

# The issuer answers for these with the evidence key alone, and the verifier says so.
RENDERINGS = {"data/lineage.svg", "data/prov.json", "data/report.html"}


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def told(verdict: Verdict) -> bool:
    """True when the verdict refuses, says why, and names a place."""
    failure = verdict.failure
    return failure is not None and bool(failure.where and failure.detail) and verdict.status != 0


def test_I16_every_flipped_bit_of_the_archive_is_refused_with_its_place(issuer: ModuleType) -> None:
    ledger, question = issuer.small()
    data, trust = issuer.issue(ledger, question), ledger.trust()
    assert verify_bundle(data, trust=trust).word == "verified"

    wrong = [
        (at, bit)
        for at in range(len(data))
        for bit in range(8)
        if not told(verify_bundle(flipped(data, at, bit), trust=trust))
    ]

    assert wrong == []


def test_I16_a_flipped_bit_is_refused_where_the_archive_was_written_again(issuer: ModuleType) -> None:
    """What no manifest covers (the seal, the tag manifest) in every byte, the rest, which SHA-256 covers, here and there."""
    ledger, question = issuer.small()
    files, trust = issuer.issue_files(ledger, question), ledger.trust()
    uncovered = ("tagmanifest-sha256.txt", "signatures/tagmanifest.ed25519.sig")

    wrong = []
    for path, content in files.items():
        for at in range(0, len(content), 1 if path in uncovered else 16):
            damaged = {f"bundle/{name}": held for name, held in files.items()}
            damaged[f"bundle/{path}"] = flipped(content, at, at % 8)
            verdict = verify_bundle(archive.write(damaged), trust=trust)
            if not told(verdict) or verdict.word not in ("tampered", "malformed", "incomplete"):
                wrong.append((path, at))

    assert wrong == []


def test_I16_a_flipped_bit_is_refused_where_the_seal_was_made_again_unless_it_is_the_issuers_own_word(
    issuer: ModuleType,
) -> None:
    ledger, question = issuer.small()
    files, trust = issuer.issue_files(ledger, question), ledger.trust()
    payload = sorted(path for path in files if path.startswith("data/") and path != "data/statement.json")

    for path in payload:
        content = files[path]
        # A census proof is mostly hashes, one as good as another; README.txt is compared as a whole.
        step = {"data/census.json": 7, "data/README.txt": 101}.get(path, 1)
        for at in range(0, len(content), step):
            damaged = flipped(content, at, (at // step) % 8)
            lies = issuer.Lies(files=lambda files, path=path, damaged=damaged: files.update({path: damaged}))
            verdict = verify_bundle(issuer.issue(ledger, question, lies), trust=trust)
            assert told(verdict) != is_own_word(path, content, damaged), (path, at)


def is_own_word(path: str, before: bytes, after: bytes) -> bool:
    """True for renderings, and for who asked and when, as long as that is well formed."""
    if path in RENDERINGS:
        return True
    if path != "data/scope.json":
        return False
    try:
        scope: Any = json.loads(after)
        asked = scope.pop("asked")
        original = json.loads(before)
        by, at = asked["by"], asked["at"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    legal = by.isascii() and all(character.isalnum() or character in "._:-" for character in by)
    digits = [character.isdigit() for character in at] == [character.isdigit() for character in original["asked"]["at"]]
    original.pop("asked")
    same = json.dumps(scope) == json.dumps(original) and set(asked) == {"at", "by"}
    return same and legal and digits and is_time(at)


def is_time(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).second <= 59
    except ValueError:
        return False
