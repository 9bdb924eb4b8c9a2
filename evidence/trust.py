"""What a reader must have from elsewhere than a bundle: the trust file that names the log's key, and the evidence key.

trust.txt        C2SP tlog-policy: one log line with the log's verifier key, no witnesses, quorum none
evidence.pem     the key that seals bundles, for openssl
"""

from __future__ import annotations

from ledger.keys import Key, current, log_vkey
from ledger.log import Ledger
from ledger.signer import public_pem
from proofs.policy import Log, Policy, Quorum


def trust_text(log: Ledger, *, size: int | None = None) -> str:
    """Return trust.txt: with it a reader believes the log key that is in use now, and those to which it hands over.

    Args:
        size: The key that was in use in a tree of this size, for bundles of then; None for now.

    Raises:
        MissingError: No key is in use.
    """
    return trust_in(log, current(log.keys(), "log", size=log.size if size is None else size))


def trust_in(log: Ledger, key: Key) -> str:
    """Return the trust file that names one log key."""
    policy = Policy((Log(log_vkey(log.origin, key.public_key)), Quorum("none")))
    head = (
        f"# Trust in the ledger {log.origin}\n"
        f"# log key {key.id} (SHA-256 of its SubjectPublicKeyInfo)\n"
        "# Add witness, group and quorum lines when independent witnesses cosign (C2SP tlog-policy).\n"
    )
    return head + policy.to_text()


def evidence_pem(log: Ledger, *, size: int | None = None) -> str:
    """Return evidence.pem: the key that seals bundles now, or sealed those of a tree of `size`.

    Raises:
        MissingError: No key is in use.
    """
    return public_pem(current(log.keys(), "evidence", size=log.size if size is None else size).public_key)
