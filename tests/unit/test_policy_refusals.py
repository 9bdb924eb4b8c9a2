"""What a trust file, made or read, refuses beside the published vectors."""

from __future__ import annotations

import pytest

from proofs.errors import MalformedError
from proofs.note import KeyType, vkey_for
from proofs.policy import Definition, Group, Log, Policy, Quorum, Witness
from proofs.tlogproof import TlogProof

LOG = vkey_for("example.com/log", b"l" * 32, KeyType.ED25519)
WITNESS = vkey_for("wit", b"w" * 32, KeyType.COSIGNATURE)


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ((Log(LOG, "a b"), Quorum("none")), "URL 'a b' holds a space or control character"),
        ((Witness("w", WITNESS, "\n"), Quorum("none")), r"URL '\n' holds a space or control character"),
        ((Witness("a b", WITNESS), Quorum("none")), "name 'a b' is empty or holds a space or control character"),
        ((Witness("", WITNESS), Quorum("none")), "name '' is empty or holds a space or control character"),
        ((Witness("a\x7f", WITNESS), Quorum("none")), r"name 'a\x7f' is empty or holds a space or control character"),
        ((Witness("\ud800", WITNESS), Quorum("none")), r"name '\ud800' is empty or holds a space or control character"),
        ((Group("g", "all", ()), Quorum("none")), "group 'g' has no members"),
        ((Witness("w", WITNESS),), "trust file has 0 quorum lines, expected 1"),
        ((Quorum("none"), Quorum("none")), "trust file has a second quorum line"),
        ((Quorum("w"), Witness("w", WITNESS)), "quorum 'w' is not defined above"),
    ],
)
def test_a_policy_that_could_not_be_read_back_cannot_be_made(definitions: tuple[Definition, ...], message: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Policy(definitions)

    assert str(caught.value) == message


def test_a_log_is_known_by_the_name_of_its_key() -> None:
    other = vkey_for("example.com/log", b"m" * 32, KeyType.ED25519)
    stranger = vkey_for("example.org/log", b"n" * 32, KeyType.ED25519)
    policy = Policy((Log(LOG), Log(stranger), Log(other), Quorum("none")))

    assert policy.log_keys("example.com/log") == (LOG, other)
    assert policy.log_keys("example.net/log") == ()


def test_three_thousand_groups_one_in_another_are_evaluated() -> None:
    chain = [Group("g0", "all", ("w",)), *(Group(f"g{n}", "any", (f"g{n - 1}",)) for n in range(1, 3_000))]
    policy = Policy((Witness("w", WITNESS), *chain, Quorum("g2999")))

    assert policy.quorum_met({"w"})
    assert not policy.quorum_met(())
    assert not policy.quorum_met(["g2998"])


def test_a_line_is_named_where_it_stands() -> None:
    text = f"# the log\nlog {LOG.to_text()}\n\nquorum nobody\n"

    with pytest.raises(MalformedError) as caught:
        Policy.parse(text)

    assert str(caught.value) == "trust file line 4: quorum 'nobody' is not defined above"


def test_a_trust_file_has_a_million_bytes_at_most() -> None:
    quorum = "quorum none\n"

    assert Policy.parse(quorum + "#" * (1_000_000 - len(quorum))).quorum == "none"
    with pytest.raises(MalformedError, match="trust file has 1000001 bytes, at most 1000000 are allowed"):
        Policy.parse(quorum + "#" * (1_000_001 - len(quorum)))


def test_a_trust_file_is_made_of_octets() -> None:
    with pytest.raises(MalformedError, match="trust file holds a character that stands for no octet"):
        Policy.parse("# \ud800\nquorum none\n")


@pytest.mark.parametrize(
    ("index", "path", "checkpoint", "message"),
    [
        (-1, (), "c", "proof index -1 is outside 0 to 9223372036854775807"),
        (2**63, (), "c", "proof index 9223372036854775808 is outside 0 to 9223372036854775807"),
        (0, (bytes(32), bytes(31)), "c", "proof hash 2 has 31 bytes, expected 32"),
        (0, (bytes(32),) * 64, "c", "proof has 64 hashes, at most 63 are possible"),
        (0, (), "", "proof has no checkpoint"),
    ],
)
def test_a_proof_that_could_not_be_read_back_cannot_be_made(
    index: int, path: tuple[bytes, ...], checkpoint: str, message: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        TlogProof(index, path, checkpoint)

    assert str(caught.value) == message


def test_a_proof_has_63_hashes_at_most() -> None:
    longest = TlogProof(0, (bytes(32),) * 63, "c")

    assert TlogProof.parse(longest.to_text()) == longest


def test_a_proof_has_a_million_bytes_at_most() -> None:
    head = "c2sp.org/tlog-proof@v1\nindex 0\n\n"

    assert TlogProof.parse(head + "c" * (1_000_000 - len(head))).index == 0
    with pytest.raises(MalformedError, match="proof has 1000001 bytes, at most 1000000 are allowed"):
        TlogProof.parse(head + "c" * (1_000_001 - len(head)))


@pytest.mark.parametrize("proof", ["\ud800", b"\xff"])
def test_a_proof_is_utf_8(proof: str | bytes) -> None:
    with pytest.raises(MalformedError, match="proof is not UTF-8"):
        TlogProof.parse(proof)
