r"""The DSSE envelope: a statement and one signature over exactly its bytes, in the form that supply-chain tools read.

    {"payload":"<base64>","payloadType":"application/vnd.in-toto+json",
     "signatures":[{"keyid":"<64 hex>","sig":"<base64>"}]}\n                         (one line, no space between tokens)

What is signed is not the payload but its pre-authentication encoding, which says where the type ends:

    "DSSEv1" SP <bytes of type> SP type SP <bytes of payload> SP payload

Foreign verifiers take any spelling of this JSON; this reader takes one.

Source: DSSE v1.0.2, protocol.md and envelope.md; docs/formats/bundle.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from proofs import b64strict, ed25519
from proofs.errors import MalformedError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
SIGNATURE_BYTES: Final = 64
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}\Z")
_ENVELOPE: Final = re.compile(
    r'\{"payload":"([A-Za-z0-9+/=]*)","payloadType":"' + re.escape(PAYLOAD_TYPE) + r'",'
    r'"signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/=]*)"\}\]\}\n\Z'
)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding (PAE): the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An in-toto statement with one Ed25519 signature; nothing is verified yet.

    Attributes:
        payload: The statement's bytes; whoever uses them uses these, never a second printing.
        key_id: Id of the key that claims to have signed, 64 hex digits; a hint, which nobody signed.
        signature: 64 bytes.

    Raises:
        MalformedError: An attribute is outside its form.
    """

    payload: bytes
    key_id: str
    signature: bytes

    def __post_init__(self) -> None:
        if not _KEY_ID.match(self.key_id):
            raise MalformedError(f"envelope key id {self.key_id[:80]!r} is not 64 hex digits")
        if len(self.signature) != SIGNATURE_BYTES:
            raise MalformedError(f"envelope signature has {len(self.signature)} bytes, expected {SIGNATURE_BYTES}")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Accept exactly the envelopes that `to_bytes` writes.

        Raises:
            MalformedError: The bytes are anything else.
        """
        try:
            matched = _ENVELOPE.match(data.decode("ascii"))
        except UnicodeDecodeError as error:
            raise MalformedError(f"envelope has a byte at {error.start} that is not ASCII") from error
        if not matched:
            raise MalformedError(f"envelope is not the one line of {PAYLOAD_TYPE} with one signature")
        payload, key_id, signature = matched.groups()
        return cls(
            b64strict.decode(payload, "envelope payload"), key_id, b64strict.decode(signature, "envelope signature")
        )

    def to_bytes(self) -> bytes:
        """Return the envelope as one line of JSON with its newline."""
        return (
            f'{{"payload":"{b64strict.encode(self.payload)}","payloadType":"{PAYLOAD_TYPE}",'
            f'"signatures":[{{"keyid":"{self.key_id}","sig":"{b64strict.encode(self.signature)}"}}]}}\n'
        ).encode("ascii")

    def verify(self, public_key: bytes) -> bytes:
        """Return the payload after verifying that the key signed it as an in-toto statement.

        Args:
            public_key: 32 bytes of Ed25519, from somewhere that the reader trusts; not by the key id in here.

        Raises:
            TamperedError: The key did not sign this.
        """
        ed25519.verify(public_key, pae(PAYLOAD_TYPE, self.payload), self.signature)
        return self.payload
