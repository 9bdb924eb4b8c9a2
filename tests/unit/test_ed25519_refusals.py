"""The sentences of a refusal, and the choice between the library and pure Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import ed25519
from proofs.errors import TamperedError

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = SIGNER.public_key().public_bytes_raw()
MESSAGE = b"message"
SIGNATURE = SIGNER.sign(MESSAGE)
R, S = SIGNATURE[:32], SIGNATURE[32:]

TOP = str(Path(__file__).parents[2])

implementations = pytest.mark.parametrize("verify", [ed25519.verify, ed25519.verify_fast, ed25519.verify_pure])


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


@implementations
@pytest.mark.parametrize(
    ("key", "signature", "sentence"),
    [
        (KEY[:31], SIGNATURE, "Ed25519 public key has 31 bytes, expected 32"),
        (KEY, SIGNATURE[:63], "Ed25519 signature has 63 bytes, expected 64"),
        (KEY, SIGNATURE + b"\0", "Ed25519 signature has 65 bytes, expected 64"),
        (number(PRIME), SIGNATURE, "Ed25519 public key is not encoded canonically"),
        (number(PRIME | 1 << 255), SIGNATURE, "Ed25519 public key is not encoded canonically"),
        (number(2**255 - 1), SIGNATURE, "Ed25519 public key is not encoded canonically"),
        (number(PRIME - 1), SIGNATURE, "Ed25519 public key is a point of small order"),
        (number(1 | 1 << 255), SIGNATURE, "Ed25519 public key is a point of small order"),
        (number(0), SIGNATURE, "Ed25519 public key is a point of small order"),
        (KEY, number(PRIME + 3) + S, "Ed25519 signature's R is not encoded canonically"),
        (KEY, number(1) + S, "Ed25519 signature's R is a point of small order"),
        (KEY, R + number(ORDER), "Ed25519 signature's S is not below the order of the base point"),
        (KEY, R + number(ORDER - 1), "Ed25519 signature does not match the key and the message"),
        (KEY, S + R, "Ed25519 signature's S is not below the order of the base point"),
    ],
)
def test_a_refusal_says_what_is_wrong(verify: Any, key: bytes, signature: bytes, sentence: str) -> None:
    with pytest.raises(TamperedError) as caught:
        verify(key, MESSAGE, signature)

    assert str(caught.value) == sentence


def test_a_key_beside_the_curve_is_named_in_pure_python() -> None:
    with pytest.raises(TamperedError, match=r"^Ed25519 public key is not a point on the curve$"):
        ed25519.verify_pure(number(2), MESSAGE, SIGNATURE)


@implementations
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("value", [None, "text", 7, bytearray(SIGNATURE), memoryview(SIGNATURE), [1]], ids=repr)
def test_what_is_not_bytes_is_a_wrong_call(verify: Any, place: int, value: Any) -> None:
    arguments: list[Any] = [KEY, MESSAGE, SIGNATURE]
    arguments[place] = value

    with pytest.raises(TypeError, match=r"^Ed25519 (public key|message|signature) is of type \w+, not bytes$"):
        verify(*arguments)


ALONE = """
import sys
sys.path.append(sys.argv[1])
from proofs import ed25519
from proofs.errors import TamperedError
key, message, signature = (bytes.fromhex(text) for text in sys.argv[2:])
ed25519.verify(key, message, signature)
try:
    ed25519.verify(key, message + b"!", signature)
except TamperedError:
    print("refused")
try:
    ed25519.verify_fast(key, message, signature)
except ImportError as error:
    print(error)
"""


def test_I17_a_signature_is_verified_with_the_standard_library_alone() -> None:
    arguments = [TOP, *(part.hex() for part in (KEY, MESSAGE, SIGNATURE))]
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, *arguments], capture_output=True, text=True, check=False
    )

    assert result.stderr == ""
    assert result.stdout.splitlines() == ["refused", "cryptography with Ed25519 cannot be imported"]


LATE = """
import sys
sys.path.append(sys.argv[1])
from proofs import ed25519
print("cryptography" in sys.modules)
ed25519.verify(*(bytes.fromhex(text) for text in sys.argv[2:]))
print("cryptography" in sys.modules)
"""


def test_the_library_is_used_where_it_is_and_loaded_only_then() -> None:
    arguments = [TOP, *(part.hex() for part in (KEY, MESSAGE, SIGNATURE))]
    result = subprocess.run([sys.executable, "-c", LATE, *arguments], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines() == ["False", "True"]


@pytest.fixture
def library_without_ed25519(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`cryptography` as it is where OpenSSL was built without the curve."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519 as library

    class Unsupported:
        @classmethod
        def from_public_bytes(cls, data: bytes) -> None:
            raise UnsupportedAlgorithm("not here")

    monkeypatch.setattr(library, "Ed25519PublicKey", Unsupported)
    ed25519._library_key.cache_clear()
    yield
    ed25519._library_key.cache_clear()


@pytest.mark.usefixtures("library_without_ed25519")
def test_a_library_without_the_curve_is_no_library() -> None:
    ed25519.verify(KEY, MESSAGE, SIGNATURE)

    with pytest.raises(ImportError, match=r"^cryptography with Ed25519 cannot be imported$"):
        ed25519.verify_fast(KEY, MESSAGE, SIGNATURE)
