"""base64 with one spelling for every value: RFC 4648 section 4, padded, on one line.

A lenient decoder gives one value many texts (stray bits, line breaks, missing padding), and a signed text could then be
altered without anybody noticing. Here a text is what `encode` prints, or it is malformed.
"""

from __future__ import annotations

import base64
import binascii

from proofs.errors import MalformedError


def encode(data: bytes) -> str:
    """Return `data` in base64."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str, what: str) -> bytes:
    """Return the bytes of which `text` is the base64.

    Args:
        text: What `encode` printed.
        what: Whose base64 it is, for the message: "root hash".

    Raises:
        MalformedError: `encode` prints no value like this.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{what} is not base64") from error
    if encode(data) != text:
        raise MalformedError(f"{what} is base64 in another spelling than the encoder's")
    return data
