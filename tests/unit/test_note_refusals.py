"""What notes, keys, cosignatures and trust files refuse beside the published vectors, and with which words."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from proofs import b64strict, cosignature, note, tlogproof, witness
from proofs.checkpoint import Checkpoint
from proofs.cosignature import Cosignature
from proofs.errors import MalformedError, TamperedError, UnverifiableError
from proofs.note import KeyType, Note, Signature, VerifierKey, signature_line, vkey_for
from proofs.policy import Group, Log, Policy, Quorum, Witness

MLDSA = "cryptography.hazmat.primitives.asymmetric.mldsa"
ORIGIN = "example.com/log"
TEXT = f"{ORIGIN}\n7\n{b64strict.encode(bytes(range(32)))}\n"
LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
QUANTUM = MLDSA44PrivateKey.from_seed_bytes(b"q" * 32)
LOG_KEY = vkey_for(ORIGIN, LOG.public_key().public_bytes_raw(), KeyType.ED25519)
WITNESS_KEY = vkey_for("wit", WITNESS.public_key().public_bytes_raw(), KeyType.COSIGNATURE)
QUANTUM_KEY = vkey_for("qwit", QUANTUM.public_key().public_bytes_raw(), KeyType.MLDSA_COSIGNATURE)


def log_line() -> str:
    return signature_line(ORIGIN, LOG_KEY.key_id, LOG.sign(TEXT.encode()))


def witness_line(timestamp: int = 5) -> str:
    signed = WITNESS.sign(cosignature.message(TEXT, timestamp))
    return signature_line("wit", WITNESS_KEY.key_id, Cosignature(timestamp, signed).to_bytes())


def quantum_line(timestamp: int = 6) -> str:
    signed = QUANTUM.sign(cosignature.subtree_message("qwit", timestamp, ORIGIN, 0, 7, bytes(range(32))))
    return signature_line("qwit", QUANTUM_KEY.key_id, Cosignature(timestamp, signed).to_bytes())


def policy(quorum: str = "both") -> Policy:
    return Policy(
        (
            Log(LOG_KEY),
            Witness("w", WITNESS_KEY),
            Witness("q", QUANTUM_KEY),
            Group("both", "all", ("w", "q")),
            Quorum(quorum),
        )
    )


@pytest.fixture
def no_mldsa(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which `cryptography`, or a version with ML-DSA, is not installed."""
    monkeypatch.setitem(sys.modules, MLDSA, None)


@pytest.fixture
def unsupported_mldsa(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose OpenSSL has no ML-DSA."""

    class Key:
        @staticmethod
        def from_public_bytes(data: bytes) -> Key:
            raise UnsupportedAlgorithm("no ML-DSA")

    module: Any = ModuleType(MLDSA)
    module.MLDSA44PublicKey = Key
    monkeypatch.setitem(sys.modules, MLDSA, module)


def test_the_message_of_an_ed25519_cosignature_is_text() -> None:
    assert cosignature.message("example.com/behind-the-sofa\n1\nx\n", 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n1\nx\n"
    )


def test_the_message_of_an_mldsa_cosignature_is_the_specified_structure() -> None:
    message = cosignature.subtree_message("wit", 258, "log", 0, 7, b"\xaa" * 32)

    assert message.hex() == (
        "737562747265652f76310a00"  # subtree/v1
        "03776974"
        "0000000000000102"
        "036c6f67"
        "0000000000000000"
        "0000000000000007"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    )


def test_a_part_of_the_tree_claims_no_time() -> None:
    assert len(cosignature.subtree_message("w", 0, "o", 8, 13, bytes(32))) == 12 + 2 + 8 + 2 + 16 + 32

    with pytest.raises(MalformedError, match="subtree cosignature from 8 claims the time 1, expected 0"):
        cosignature.subtree_message("w", 1, "o", 8, 13, bytes(32))


@pytest.mark.parametrize(
    ("cosigner", "origin", "found"),
    [
        ("", "o", "cosigner name has 0 bytes"),
        ("c" * 256, "o", "cosigner name has 256 bytes"),
        ("c", "", "origin name has 0 bytes"),
        ("c", "o" * 256, "origin name has 256 bytes"),
    ],
)
def test_an_mldsa_cosignature_has_room_for_names_of_1_to_255_bytes(cosigner: str, origin: str, found: str) -> None:
    assert cosignature.subtree_message("c" * 255, 0, "o" * 255, 0, 1, bytes(32))

    with pytest.raises(MalformedError) as caught:
        cosignature.subtree_message(cosigner, 0, origin, 0, 1, bytes(32))
    assert str(caught.value) == f"{found}, an ML-DSA-44 cosignature has room for 1 to 255"


def test_a_cosignature_is_a_timestamp_and_the_rest() -> None:
    assert Cosignature.parse(bytes(7) + b"\x09") == Cosignature(9, b"")
    assert Cosignature.parse(bytes(7) + b"\x09ab") == Cosignature(9, b"ab")


@pytest.mark.parametrize("timestamp", [-1, 2**63])
def test_a_timestamp_has_63_bits(timestamp: int) -> None:
    assert Cosignature(2**63 - 1, b"").to_bytes().hex() == "7fffffffffffffff"

    with pytest.raises(MalformedError, match=rf"cosignature time {timestamp} is outside 0 to 9223372036854775807"):
        Cosignature(timestamp, b"")


def test_a_log_key_makes_no_cosignatures() -> None:
    with pytest.raises(ValueError, match="of type 0x01 makes no cosignatures"):
        cosignature.verify(LOG_KEY, TEXT, bytes(72))


def test_both_kinds_of_witness_are_counted() -> None:
    found = witness.verify_checkpoint(f"{TEXT}\n{log_line()}{witness_line()}{quantum_line()}", policy())

    assert found.checkpoint == Checkpoint(ORIGIN, 7, bytes(range(32)))
    assert found.signed.keys == (LOG_KEY,)
    assert dict(found.witnessed) == {"w": 5, "q": 6}
    assert (found.unchecked, found.witnesses) == ((), 2)


@pytest.mark.parametrize("machine", ["no_mldsa", "unsupported_mldsa"])
def test_I18_an_mldsa_cosignature_that_nobody_checked_counts_for_nothing(
    machine: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(machine)
    signed = f"{TEXT}\n{log_line()}{witness_line()}{quantum_line()}"

    found = witness.verify_checkpoint(signed, policy("w"))
    assert dict(found.witnessed) == {"w": 5}
    assert (found.unchecked, found.witnesses) == (("q",), 2)

    with pytest.raises(UnverifiableError) as caught:
        witness.verify_checkpoint(signed, policy())
    assert str(caught.value) == "checkpoint is witnessed by 1 of 2, and the quorum 'both' is not met"
    assert caught.value.hint == "nothing here can check the cosignature of 'q'"


def test_a_note_that_nobody_here_can_check_is_unverifiable(no_mldsa: None) -> None:
    signed = f"{TEXT}\n{quantum_line()}"

    with pytest.raises(UnverifiableError, match="nothing here can check the signature of qwit") as caught:
        note.verify(signed, [QUANTUM_KEY])
    assert "cryptography, 48 or newer" in caught.value.hint

    found = note.verify(f"{TEXT}\n{log_line()}{quantum_line()}", [LOG_KEY, QUANTUM_KEY])
    assert (found.keys, found.unchecked) == ((LOG_KEY,), (QUANTUM_KEY,))


def test_two_lines_of_a_witness_are_refused_also_when_nobody_can_check_them(no_mldsa: None) -> None:
    twice = Note.parse(f"{TEXT}\n{quantum_line()}{quantum_line(7)}")

    with pytest.raises(MalformedError, match="note has two cosignatures of qwit"):
        witness.cosignatures(twice, [QUANTUM_KEY])
    with pytest.raises(MalformedError, match="note has two signatures of qwit"):
        note.verify(twice, [QUANTUM_KEY])


def test_two_lines_of_a_witness_are_refused() -> None:
    twice = Note.parse(f"{TEXT}\n{witness_line()}{witness_line(7)}")

    with pytest.raises(MalformedError, match=f"note has two cosignatures of {WITNESS_KEY.label.replace('+', '[+]')}"):
        witness.cosignatures(twice, [WITNESS_KEY])


def test_a_false_cosignature_names_its_witness() -> None:
    false = Note.parse(f"{TEXT}\n{witness_line()}").to_text().replace("\n7\n", "\n8\n")

    with pytest.raises(TamperedError) as caught:
        witness.cosignatures(Note.parse(false), [WITNESS_KEY])
    assert str(caught.value) == (
        f"cosignature of {WITNESS_KEY.label} does not verify: Ed25519 signature does not match the key and the message"
    )


def test_a_false_signature_names_its_key() -> None:
    with pytest.raises(TamperedError) as caught:
        note.verify(f"{TEXT}\n{log_line()}".replace("\n7\n", "\n8\n"), [LOG_KEY.to_text()])

    assert str(caught.value) == (
        f"signature of {LOG_KEY.label} does not verify: Ed25519 signature does not match the key and the message"
    )


def test_a_witness_under_the_logs_own_name_is_passed_over() -> None:
    own = vkey_for(ORIGIN, WITNESS.public_key().public_bytes_raw(), KeyType.COSIGNATURE)
    signed = Cosignature(5, WITNESS.sign(cosignature.message(TEXT, 5)))
    line = signature_line(ORIGIN, own.key_id, signed.to_bytes())

    found = witness.cosignatures(Note.parse(f"{TEXT}\n{line}"), [own])

    assert (found.times, found.unchecked) == ({}, ())


def test_extension_lines_are_read_only_where_the_caller_says_so() -> None:
    text = f"{TEXT}extension\n"
    line = signature_line(ORIGIN, LOG_KEY.key_id, LOG.sign(text.encode()))
    foreign = Policy((Log(LOG_KEY), Quorum("none")))

    assert Checkpoint.parse(text, foreign=True).extensions == ("extension",)
    assert witness.verify_checkpoint(f"{text}\n{line}", foreign, foreign=True).checkpoint.size == 7
    with pytest.raises(MalformedError, match="checkpoint has 4 whole lines, expected origin, size and root"):
        Checkpoint.parse(text)
    with pytest.raises(MalformedError, match="checkpoint has 4 whole lines, expected origin, size and root"):
        witness.verify_checkpoint(f"{text}\n{line}", foreign)
    proof = f"c2sp.org/tlog-proof@v1\nindex 0\n\n{text}\n{line}"
    with pytest.raises(MalformedError, match="checkpoint has 4 whole lines, expected origin, size and root"):
        tlogproof.verify(proof, b"", foreign)
    with pytest.raises(MalformedError, match="checkpoint has 4 whole lines, expected origin, size and root"):
        tlogproof.verify_leaf(proof, bytes(32), foreign)


def test_a_number_is_named_where_it_is_none() -> None:
    with pytest.raises(MalformedError, match=r"^checkpoint size '007' is not a decimal number from 0 to "):
        Checkpoint.parse(TEXT.replace("\n7\n", "\n007\n"))


def test_an_unknown_log_is_unverifiable_and_says_what_to_do() -> None:
    with pytest.raises(UnverifiableError) as caught:
        witness.verify_checkpoint(f"{TEXT}\n{log_line()}", Policy((Quorum("none"),)))

    assert str(caught.value) == f"trust file names no log '{ORIGIN}'"
    assert caught.value.hint == "add a log line with the verifier key of the log"


def test_a_quorum_that_is_not_met_says_how_far_it_is() -> None:
    with pytest.raises(UnverifiableError) as caught:
        witness.verify_checkpoint(Note.parse(f"{TEXT}\n{log_line()}"), policy())

    assert str(caught.value) == "checkpoint is witnessed by 0 of 2, and the quorum 'both' is not met"
    assert caught.value.hint == "ask for more cosignatures"


@pytest.mark.parametrize("vkeys", [LOG_KEY, LOG_KEY.to_text(), b"x"])
def test_one_key_in_place_of_a_sequence_is_a_wrong_call(vkeys: Any) -> None:
    with pytest.raises(TypeError, match="vkeys is one key, expected a sequence of them"):
        note.verify(f"{TEXT}\n{log_line()}", vkeys)


def test_no_known_key_is_unverifiable_and_says_what_to_do() -> None:
    with pytest.raises(UnverifiableError) as caught:
        note.verify(f"{TEXT}\n{log_line()}", [WITNESS_KEY])

    assert str(caught.value) == "none of the 1 known keys signed the note"
    assert caught.value.hint == "name the signing key in the trust file"


def test_two_keys_of_one_name_and_id_are_ambiguous() -> None:
    with pytest.raises(MalformedError) as caught:
        note.verify(f"{TEXT}\n{log_line()}", [LOG_KEY, LOG_KEY.to_text()])

    assert str(caught.value) == f"2 known keys are called {LOG_KEY.label}"


def test_a_note_has_a_million_bytes_at_most() -> None:
    line = log_line()
    rest = len(f"\n\n{line}".encode())

    assert Note.parse("x" * (1_000_000 - rest) + f"\n\n{line}").signatures
    with pytest.raises(MalformedError, match="note has 1000001 bytes, at most 1000000 are allowed"):
        Note.parse("x" * (1_000_001 - rest) + f"\n\n{line}")


@pytest.mark.parametrize("text", ["\ud800\n\n— a YWJjZGU=\n", b"\xed\xa0\x80\n\n"])
def test_a_note_is_utf_8(text: str | bytes) -> None:
    with pytest.raises(MalformedError, match="note is not UTF-8"):
        Note.parse(text)


@pytest.mark.parametrize(("text", "found"), [("a\tb\n", "U+0009"), ("\ud800\n", "U+D800"), ("\x1f\n", "U+001F")])
def test_a_note_is_made_of_text_alone(text: str, found: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Note(text, (Signature("a", b"1234", b"5"),))

    assert str(caught.value) == f"note text holds the character {found}, which no note may hold"


def test_a_note_that_could_not_be_read_back_cannot_be_made() -> None:
    line = Signature("a", b"1234", b"5")

    assert Note.parse(Note("\n", (line,) * 64).to_text()) == Note("\n", (line,) * 64)
    with pytest.raises(MalformedError, match="note text does not end in a newline"):
        Note("", (line,))
    with pytest.raises(MalformedError, match="note has 0 signatures, expected 1 to 64"):
        Note("\n", ())
    with pytest.raises(MalformedError, match="note has 65 signatures, expected 1 to 64"):
        Note("\n", (line,) * 65)


@pytest.mark.parametrize("line", ["", "— ", "— a", "— a ", "—  YWJjZGU=", "-- a YWJjZGU=", "—a YWJjZGU="])
def test_a_line_that_is_no_signature_is_quoted(line: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Signature.parse(line)

    assert str(caught.value) == f"signature line {line!r} is not a dash, a name and base64"


@pytest.mark.parametrize(("key_id", "signature", "size"), [(b"123", b"4", 4), (b"12345", b"6", 6), (b"1234", b"", 4)])
def test_a_signature_has_four_bytes_of_key_id_and_more(key_id: bytes, signature: bytes, size: int) -> None:
    with pytest.raises(MalformedError) as caught:
        signature_line("a", key_id, signature)

    assert str(caught.value) == f"signature of 'a' has {size} bytes, expected 4 of key id and more"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\u0085b", "\u3000", "a\nb", "\ud800"])
def test_a_key_name_has_no_space_and_no_plus(name: str) -> None:
    with pytest.raises(MalformedError, match="key name"):
        signature_line(name, b"1234", b"5")
    with pytest.raises(MalformedError, match="key name"):
        vkey_for(name, bytes(32), KeyType.ED25519)


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [
        ("n" * 256, 32, KeyType.ED25519),
        ("n" * 255, 1_312, KeyType.MLDSA_COSIGNATURE),
        ("n", 1, KeyType.ECDSA),
        ("n", 2_048, KeyType.TREE_HEAD),
    ],
)
def test_a_key_at_the_edge_of_its_bounds_is_read_and_printed(name: str, size: int, kind: KeyType) -> None:
    key = vkey_for(name, bytes(size), kind)

    assert VerifierKey.parse(key.to_text()) == key


def test_a_key_whose_id_was_not_computed_cannot_be_made() -> None:
    with pytest.raises(MalformedError, match="key 'a' has the id 00000000, computed"):
        VerifierKey("a", bytes(4), KeyType.ED25519, bytes(32))


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions", "message"),
    [
        ("", 1, bytes(32), (), "checkpoint origin '' is not one non-empty line of text"),
        ("a\nb", 1, bytes(32), (), r"checkpoint origin 'a\nb' is not one non-empty line of text"),
        ("\ud800", 1, bytes(32), (), r"checkpoint origin '\ud800' is not one non-empty line of text"),
        ("a", -1, bytes(32), (), "checkpoint size -1 is outside 0 to 9223372036854775807"),
        ("a", 2**63, bytes(32), (), "checkpoint size 9223372036854775808 is outside 0 to 9223372036854775807"),
        ("a", 1, bytes(33), (), "checkpoint root has 33 bytes, expected 32"),
        ("a", 1, bytes(32), ("x", ""), "checkpoint extension '' is not one non-empty line of text"),
    ],
)
def test_a_checkpoint_that_could_not_be_read_back_cannot_be_made(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...], message: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        Checkpoint(origin, size, root, extensions)

    assert str(caught.value) == message
