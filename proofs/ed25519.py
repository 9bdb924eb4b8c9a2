"""Ed25519, verification only, by one profile that two implementations are held to.

A signature R || S by the key A over M is accepted when

    S < L;  A and R are canonical encodings: y < p, and no sign bit where x = 0;
    neither A nor R is one of the eight points of small order;
    A is on the curve, and [S]B = R + [SHA-512(R || A || M)]A, without the cofactor.

RFC 8032 section 5.1.7 leaves the last three open, and libraries differ there. So the encodings are checked here, before
either implementation sees them; on what is left `cryptography` and the pure Python below agree (tests/vectors).
Without these rules a second signature can be made from a first (S + L), and a key of small order signs everything.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from proofs.errors import TamperedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1: Final = pow(2, (_P - 1) // 4, _P)
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_SIGN: Final = 1 << 255
_ORDER_8_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # dy⁴ + 2y² = 1
# The points of order 1, 2, 4 and 8, by y; the sign of x is free where x is not 0.
_SMALL_ORDER_Y: Final = frozenset((1, _P - 1, 0, _ORDER_8_Y, _P - _ORDER_8_Y))

# (X, Y, Z, T) stands for x = X/Z, y = Y/Z, xy = T/Z. A point to be added is kept as (Y−X, Y+X, 2Z, 2dT).
_Point: TypeAlias = tuple[int, int, int, int]
_ZERO: Final[_Point] = (0, 1, 1, 0)
_KEY_WINDOW: Final = 5  # bits; found by measuring: 8 multiples of the key for each signature,
_BASE_WINDOW: Final = 8  # and 64 of the base point, once for all


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Accept a signature, by `cryptography` where it can be imported and by pure Python where not; they agree.

    Args:
        public_key: 32 bytes.
        signature: 64 bytes, R || S.

    Raises:
        TamperedError: It is not the key's signature over the message, or one that the profile above refuses.
        TypeError: An argument is not bytes.
    """
    if _library_key() is None:
        verify_pure(public_key, message, signature)
    else:
        verify_fast(public_key, message, signature)


def verify_fast(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Accept a signature, by `cryptography`.

    Raises:
        TamperedError: As `verify`.
        ImportError: There is no `cryptography` here, or one without Ed25519.
    """
    library_key = _library_key()
    if library_key is None:
        raise ImportError("cryptography with Ed25519 cannot be imported")
    from cryptography.exceptions import InvalidSignature

    _check_encodings(public_key, message, signature)
    try:
        library_key.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:  # ValueError: a library that looks whether the key is on the curve
        raise TamperedError("Ed25519 signature does not match the key and the message") from error


def verify_pure(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Accept a signature, by the standard library alone; 2 to 4 ms.

    Raises:
        TamperedError: As `verify`.

    Source: RFC 8032 section 5.1; the formulas are those of Hisil, Wong, Carter and Dawson (2008) for a = −1, which hold
    for every pair of points.
    """
    _check_encodings(public_key, message, signature)
    key = _decompress(public_key)
    if key is None:
        raise TamperedError("Ed25519 public key is not a point on the curve")
    x, y = key
    negated: _Point = (_P - x, y, 1, (_P - x) * y % _P)
    s = int.from_bytes(signature[32:], "little")
    # Reduced before it is multiplied, as every library does: for a key with a component of small order it matters.
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _L
    # [S]B − [k]A must be R. Comparing encodings needs no point for R, and no R that is not on the curve can be equal.
    if _compress(_sum_of_multiples(s, k, negated)) != signature[:32]:
        raise TamperedError("Ed25519 signature does not match the key and the message")


@cache
def _library_key() -> type[Ed25519PublicKey] | None:
    """Return the library's class of keys; None where the library is absent or was built without Ed25519."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(_BASE_Y.to_bytes(KEY_BYTES, "little"))
    except UnsupportedAlgorithm:
        return None
    return Ed25519PublicKey


def _check_encodings(public_key: bytes, message: bytes, signature: bytes) -> None:
    for name, value in (("public key", public_key), ("message", message), ("signature", signature)):
        if not isinstance(value, bytes):
            raise TypeError(f"Ed25519 {name} is of type {type(value).__name__}, not bytes")
    if len(public_key) != KEY_BYTES:
        raise TamperedError(f"Ed25519 public key has {len(public_key)} bytes, expected {KEY_BYTES}")
    if len(signature) != SIGNATURE_BYTES:
        raise TamperedError(f"Ed25519 signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    _check_point("public key", public_key)
    _check_point("signature's R", signature[:32])
    if int.from_bytes(signature[32:], "little") >= _L:
        raise TamperedError("Ed25519 signature's S is not below the order of the base point")


def _check_point(name: str, encoded: bytes) -> None:
    y = int.from_bytes(encoded, "little") & ~_SIGN
    if y >= _P:
        raise TamperedError(f"Ed25519 {name} is not encoded canonically")
    # Also stands for "no sign bit where x = 0": x is 0 for y = ±1 alone.
    if y in _SMALL_ORDER_Y:
        raise TamperedError(f"Ed25519 {name} is a point of small order")


def _decompress(encoded: bytes) -> tuple[int, int] | None:
    """Return (x, y), or None when no point of the curve has that y. Source: RFC 8032 section 5.1.3."""
    number = int.from_bytes(encoded, "little")
    y = number & ~_SIGN
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    square = v * x * x % _P
    if square == _P - u:
        x = x * _ROOT_OF_MINUS_1 % _P
    elif square != u:
        return None
    return (_P - x if (x & 1) != number >> 255 else x), y


def _compress(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(KEY_BYTES, "little")


def _sum_of_multiples(s: int, k: int, point: _Point) -> _Point:
    """Return [s]B + [k]point. Straus: one chain of doublings for both, with the signed odd digits of each."""
    base_digits, point_digits = _digits(s, _BASE_WINDOW), _digits(k, _KEY_WINDOW)
    base, multiples = _base_multiples(), _odd_multiples(point, _KEY_WINDOW)
    total = _ZERO
    for place in range(max(max(base_digits, default=-1), max(point_digits, default=-1)), -1, -1):
        total = _double(total)
        if digit := point_digits.get(place):
            total = _add(total, multiples, digit)
        if digit := base_digits.get(place):
            total = _add(total, base, digit)
    return total


def _digits(scalar: int, window: int) -> dict[int, int]:
    """Return place → digit, odd and within ±2^(window−1), so that `scalar` is the sum of digit·2^place."""
    digits: dict[int, int] = {}
    place = 0
    while scalar:
        zeros = (scalar & -scalar).bit_length() - 1
        place += zeros
        scalar >>= zeros
        digit = scalar & (1 << window) - 1
        if digit >> window - 1:
            digit -= 1 << window
        digits[place] = digit
        scalar -= digit
    return digits


@cache
def _base_multiples() -> list[_Point]:
    base = _decompress(_BASE_Y.to_bytes(KEY_BYTES, "little"))
    assert base is not None
    x, y = base
    return _odd_multiples((x, y, 1, x * y % _P), _BASE_WINDOW)


def _odd_multiples(point: _Point, window: int) -> list[_Point]:
    """Return 1, 3, 5 … times the point, ready to be added; as many as `_digits` asks for."""
    twice = [_prepared(_double(point))]
    multiples = [point]
    while len(multiples) < 1 << window - 2:
        multiples.append(_add(multiples[-1], twice, 1))
    return [_prepared(multiple) for multiple in multiples]


def _prepared(point: _Point) -> _Point:
    x, y, z, t = point
    return (y - x) % _P, (y + x) % _P, 2 * z % _P, 2 * _D * t % _P


def _add(point: _Point, multiples: list[_Point], digit: int) -> _Point:
    """Return point + digit·(what `multiples` are the multiples of)."""
    x, y, z, t = point
    if digit > 0:
        minus, plus, twice_z, scaled_t = multiples[digit >> 1]
    else:
        plus, minus, twice_z, scaled_t = multiples[-digit >> 1]
        scaled_t = -scaled_t
    a, b = (y - x) * minus % _P, (y + x) * plus % _P
    c, d = t * scaled_t % _P, z * twice_z % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(point: _Point) -> _Point:
    x, y, z, _ = point
    a, b = x * x % _P, y * y % _P
    h = a + b
    e = h - (x + y) * (x + y) % _P
    g = a - b
    f = 2 * z * z % _P + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
