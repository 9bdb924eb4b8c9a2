"""Published proofs of one entry and trust files, good and bad; three come from logs that run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import tlogproof
from proofs.errors import MalformedError, TallyError
from proofs.policy import Policy
from proofs.tlogproof import ProvenEntry, TlogProof


def load(name: str) -> Any:
    return json.loads((Path(__file__).parent / name).read_text())


def named(vectors: list[Any]) -> list[Any]:
    assert vectors
    return [pytest.param(each, id=each["description"]) for each in vectors]


PROOFS = load("tlogproof.json")
POLICIES = load("policy.json")


@pytest.mark.parametrize("vector", named([each for each in PROOFS["format"] if "error" not in each]))
def test_I15_a_published_proof_is_read_and_printed(vector: Any) -> None:
    proof = TlogProof.parse(vector["proof"])

    assert proof == TlogProof(
        vector["index"],
        tuple(map(bytes.fromhex, vector["path"])),
        vector["checkpoint"],
        bytes.fromhex(vector["extra"]),
    )
    assert proof.to_text() == vector["proof"]


@pytest.mark.parametrize("vector", named([each for each in PROOFS["format"] if "error" in each]))
def test_a_proof_that_is_none_is_refused(vector: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        TlogProof.parse(vector["proof"])

    assert str(caught.value) == vector["error"]


def prove(vector: Any) -> ProvenEntry:
    policy = Policy.parse(vector["policy"])
    if "entry" in vector:
        entry = bytes.fromhex(vector["entry"])
        return tlogproof.verify(vector["proof"], entry, policy, foreign=vector["foreign"])
    leaf = bytes.fromhex(vector["leaf"])
    return tlogproof.verify_leaf(vector["proof"].encode(), leaf, policy, foreign=vector["foreign"])


@pytest.mark.parametrize("vector", named([each for each in PROOFS["verify"] if each["result"] == "proven"]))
def test_an_entry_is_proven_under_the_head_that_its_proof_carries(vector: Any) -> None:
    proven = prove(vector)

    assert (proven.index, proven.head.checkpoint.size) == (vector["index"], vector["size"])
    assert dict(proven.head.witnessed) == vector["witnessed"]
    assert proven.head.unchecked == ()
    assert proven.extra == bytes.fromhex(vector.get("extra", ""))


@pytest.mark.parametrize("vector", named([each for each in PROOFS["verify"] if each["result"] != "proven"]))
def test_an_entry_is_not_proven_for_its_reason(vector: Any) -> None:
    with pytest.raises(TallyError) as caught:
        prove(vector)

    assert caught.value.code == vector["result"]
    # What a Merkle proof fails at, the vectors of the Merkle tree hold to its words.
    assert str(caught.value) == vector.get("error", str(caught.value))


def given(vector: Any) -> str | bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else str(vector["policy"])


@pytest.mark.parametrize("vector", named([each for each in POLICIES if "error" not in each]))
def test_a_trust_file_says_which_witnesses_are_enough(vector: Any) -> None:
    policy = Policy.parse(given(vector))

    assert (len(policy.logs), len(policy.witnesses)) == (vector["logs"], vector["witnesses"])
    assert [policy.quorum_met(names) for names in vector["met"]] == [True] * len(vector["met"])
    assert [policy.quorum_met(names) for names in vector["unmet"]] == [False] * len(vector["unmet"])


@pytest.mark.parametrize("vector", named([each for each in POLICIES if "error" not in each]))
def test_I15_a_trust_file_prints_without_its_comments_and_is_read_again(vector: Any) -> None:
    policy = Policy.parse(given(vector))
    printed = policy.to_text()

    assert printed == vector.get("canonical", printed)
    assert Policy.parse(printed) == policy
    assert Policy.parse(printed.encode("utf-8", "surrogateescape")) == policy


@pytest.mark.parametrize("vector", named([each for each in POLICIES if "error" in each]))
def test_a_trust_file_that_is_none_is_refused_with_its_line(vector: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        Policy.parse(vector["policy"])

    assert (caught.value.what, caught.value.where) == (vector["error"], vector["where"])
