"""Two implementations, one answer: on honest signatures, on damaged ones, and on those made to tell verifiers apart."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs import ed25519
from proofs.errors import TamperedError

# Textbook arithmetic, apart from the code under test: affine coordinates, one inversion for each addition.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
B = (15112221349535400772501151409588531511454012693041857206046113283949847762202, 4 * pow(5, -1, P) % P)
# A point of order 8; its multiples are all points of small order.
TORSION = (
    0x602A465FF9C6B5D716CC66CDC721B544A3E6C38FEC1A1DC7215EB9B93ABA2EA3,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
)
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def multiple(scalar: int, point: Point) -> Point:
    total: Point = (0, 1)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def encoded(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def hashed(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L


def answer(verify: Any, key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        verify(key, message, signature)
    except TamperedError:
        return False
    return True


def agreed(key: bytes, message: bytes, signature: bytes) -> bool:
    answers = {answer(verify, key, message, signature) for verify in (ed25519.verify_pure, ed25519.verify_fast)}
    assert len(answers) == 1
    return answers.pop()


def test_the_points_of_small_order_are_what_they_are_said_to_be() -> None:
    points = [multiple(count, TORSION) for count in range(8)]

    assert points[0] == multiple(8, TORSION) == multiple(L, B) == (0, 1)
    assert {point[1] for point in points} == ed25519._SMALL_ORDER_Y
    assert len(set(points)) == 8


@settings(max_examples=60)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_the_library_signs_is_accepted(seed: bytes, message: bytes) -> None:
    signer = Ed25519PrivateKey.from_private_bytes(seed)

    assert agreed(signer.public_key().public_bytes_raw(), message, signer.sign(message))


@settings(max_examples=200)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.data())
def test_one_flipped_bit_is_refused(seed: bytes, message: bytes, data: st.DataObject) -> None:
    signer = Ed25519PrivateKey.from_private_bytes(seed)
    whole = bytearray(signer.public_key().public_bytes_raw() + signer.sign(message) + message)
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit >> 3] ^= 1 << (bit & 7)

    assert not agreed(bytes(whole[:32]), bytes(whole[96:]), bytes(whole[32:96]))


EDGES = [0, 1, 2, 3, 4, P - 2, P - 1, P, P + 1, P + 2, P + 3, 2**255 - 1, L - 1, L, L + 1, TORSION[1], P - TORSION[1]]
EDGE = st.one_of(
    st.sampled_from([number | sign << 255 for number in EDGES for sign in (0, 1)]), st.integers(0, 2**256 - 1)
).map(lambda number: number.to_bytes(32, "little"))


@settings(max_examples=300)
@given(EDGE, EDGE, EDGE, st.binary(max_size=4))
def test_both_agree_on_encodings_at_the_edges(key: bytes, r: bytes, s: bytes, message: bytes) -> None:
    assert not agreed(key, message, r + s)


# Drawn as numbers they are mostly small; as hashes they have all their bits.
SCALARS = st.one_of(
    st.integers(1, L - 1), st.binary(max_size=8).map(lambda seed: int.from_bytes(hashlib.sha512(seed).digest()) % L)
)


@settings(max_examples=80)
@given(SCALARS, st.one_of(st.just(0), SCALARS), st.integers(0, 7), st.integers(0, 7), st.binary(max_size=8))
def test_torsion_is_accepted_exactly_where_the_equation_holds(
    secret: int, nonce: int, key_torsion: int, r_torsion: int, message: bytes
) -> None:
    key_point = add(multiple(secret, B), multiple(key_torsion, TORSION))
    r_point = add(multiple(nonce, B), multiple(r_torsion, TORSION))
    key, r = encoded(key_point), encoded(r_point)
    k = hashed(r, key, message)
    s = (nonce + k * secret) % L
    # [S]B = R + [k]A holds for what is left when the parts of large order cancel: the parts of small order.
    holds = (r_torsion + k * key_torsion) % 8 == 0
    is_small = r_point[1] in ed25519._SMALL_ORDER_Y

    assert agreed(key, message, r + s.to_bytes(32, "little")) is (holds and not is_small)


@settings(max_examples=30)
@given(st.integers(0, 7), SCALARS, st.binary(max_size=8))
def test_a_key_of_small_order_signs_nothing(torsion: int, nonce: int, message: bytes) -> None:
    r = encoded(multiple(nonce, B))

    assert not agreed(encoded(multiple(torsion, TORSION)), message, r + nonce.to_bytes(32, "little"))


@settings(max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=8), st.integers(1, 15))
def test_no_signature_has_a_second_spelling(seed: bytes, message: bytes, times: int) -> None:
    signer = Ed25519PrivateKey.from_private_bytes(seed)
    signature = signer.sign(message)
    s = int.from_bytes(signature[32:], "little") + times * L

    if s < 2**256:
        again = signature[:32] + s.to_bytes(32, "little")
        assert not agreed(signer.public_key().public_bytes_raw(), message, again)
