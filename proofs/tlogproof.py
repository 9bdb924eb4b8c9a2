"""The proof that one entry is in a log, as one text file: `.tlog-proof`.

    c2sp.org/tlog-proof@v1
    [extra <base64>]              opaque; nobody signed it
    index <decimal>
    <base64 of 32 bytes>          the leaf's sibling first, the root's child last; no line when the tree has one entry
    …
    (one blank line)
    the signed checkpoint, as the log and the witnesses signed it

Source: c2sp.org/tlog-proof (development version of 2026-05-22).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from proofs import b64strict, limits, merkle
from proofs.checkpoint import MAX_SIZE, parse_decimal
from proofs.digest import HASH_BYTES
from proofs.errors import MalformedError
from proofs.policy import Policy
from proofs.witness import WitnessedCheckpoint, verify_checkpoint

HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof with the checkpoint that it leads to; nothing is verified yet.

    Attributes:
        index: Zero-based position of the entry, 0 to 2^63−1.
        path: Sibling hashes from the leaf upwards, 32 bytes each, at most 63.
        checkpoint: The signed note, verbatim.
        extra: Opaque bytes that no signature covers; empty when there are none.

    Raises:
        MalformedError: An attribute is outside its range.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise MalformedError(f"proof index {self.index} is outside 0 to {MAX_SIZE}")
        if len(self.path) > limits.PROOF_HASHES:
            raise MalformedError(f"proof has {len(self.path)} hashes, at most {limits.PROOF_HASHES} are possible")
        for number, node in enumerate(self.path, 1):
            if len(node) != HASH_BYTES:
                raise MalformedError(f"proof hash {number} has {len(node)} bytes, expected {HASH_BYTES}")
        if not self.checkpoint:
            raise MalformedError("proof has no checkpoint")

    @classmethod
    def parse(cls, proof: str | bytes) -> Self:
        """Accept exactly the texts that `to_text` writes.

        Raises:
            MalformedError: The text is anything else, or longer than 1,000,000 bytes.
        """
        text = _decode(proof)
        head, blank, checkpoint = text.partition("\n\n")
        if not blank:
            raise MalformedError("proof has no blank line before its checkpoint")
        header, *lines = head.split("\n")
        if header != HEADER:
            raise MalformedError(f"proof begins with {header[:80]!r}, expected {HEADER!r}")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = b64strict.decode(lines.pop(0).removeprefix("extra "), "extra data")
            if not extra:
                raise MalformedError("proof has an extra line without data")
        if not lines or not lines[0].startswith("index "):
            raise MalformedError("proof has no index line")
        index = parse_decimal(lines.pop(0).removeprefix("index "), "proof index")
        path = tuple(b64strict.decode(line, f"proof hash {number}") for number, line in enumerate(lines, 1))
        return cls(index, path, checkpoint, extra)

    def to_text(self) -> str:
        """Return the proof file."""
        lines = [HEADER]
        if self.extra:
            lines.append(f"extra {b64strict.encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(b64strict.encode(node) for node in self.path)
        return "\n".join(lines) + "\n\n" + self.checkpoint


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that is proven to be in a log which the reader trusts.

    Attributes:
        index: Its zero-based position.
        head: The checkpoint whose tree holds it, and who vouches for that.
        extra: Opaque bytes of the proof, which nobody signed.
    """

    index: int
    head: WitnessedCheckpoint
    extra: bytes


def verify(proof: str | bytes, entry: bytes, policy: Policy, *, foreign: bool = False) -> ProvenEntry:
    """Return where `entry` stands in a log, after verifying the log, the quorum and the inclusion.

    Args:
        proof: The `.tlog-proof` file.
        entry: The entry's bytes; their RFC 6962 leaf hash is what is proven.
        policy: The reader's trust file.
        foreign: Accept extension lines in the checkpoint, which our own logs never write.

    Raises:
        MalformedError: Proof, note or checkpoint is not well formed.
        TamperedError: A signature does not verify, or the proof does not lead from this entry to the root
            (ProofError).
        UnverifiableError: The trust file does not know the log, the log did not sign, or the quorum is not met.
    """
    return verify_leaf(proof, merkle.leaf_hash(entry), policy, foreign=foreign)


def verify_leaf(proof: str | bytes, leaf_hash: bytes, policy: Policy, *, foreign: bool = False) -> ProvenEntry:
    """Return the same as `verify` for an entry of which only the leaf hash (32 bytes) is at hand."""
    parsed = TlogProof.parse(proof)
    head = verify_checkpoint(parsed.checkpoint, policy, foreign=foreign)
    # The size is the signed one: a proof's own word for it would let a forger choose the shape of the tree.
    merkle.verify_inclusion(parsed.index, head.checkpoint.size, leaf_hash, parsed.path, head.checkpoint.root)
    return ProvenEntry(parsed.index, head, parsed.extra)


def _decode(proof: str | bytes) -> str:
    try:
        raw = proof.encode() if isinstance(proof, str) else bytes(proof)
        if len(raw) > limits.NOTE_BYTES:
            raise MalformedError(f"proof has {len(raw)} bytes, at most {limits.NOTE_BYTES} are allowed")
        return raw.decode()
    except UnicodeError as error:
        raise MalformedError("proof is not UTF-8") from error
