"""Bringing keys into use and out of it, so that a reader who trusts the old log key is led to the new one.

    1  publish what is pending        a handover is never skipped: each key is handed over from the one before it
    2  draw the new key               a crash leaves a key that never signed anything
    3  `key-added` and `key-retired`  one batch: at no size is there no current key, or two
    4  the handover                   a checkpoint signed by both; when a crash prevents it, the next checkpoint is it

Source: docs/formats/checkpoint.md, "Rotation and handover".
"""

from __future__ import annotations

from typing import Final, Literal

from ledger.closing import check_open
from ledger.keyring import Keyring
from ledger.keys import Key, added_event, current, retired_event
from ledger.log import Ledger
from ledger.signer import Purpose
from proofs.errors import MissingError, RefusedError

Reason = Literal["rotated", "compromised"]
REASONS: Final[tuple[Reason, ...]] = ("rotated", "compromised")


def rotate(log: Ledger, purpose: Purpose, reason: str = "rotated") -> Key:
    """Replace the current key of `purpose` by a fresh one and return that.

    Args:
        reason: "rotated" or "compromised".

    Raises:
        RefusedError: The reason is none of the two; or the log's key was compromised: whoever has it can hand over, too.
        ClosedError: The log is closed.
        MissingError: There is no keyring, or it lacks a key that has to sign.
    """
    if reason not in REASONS:
        raise RefusedError(f"reason {reason[:40]!r} is neither 'rotated' nor 'compromised'")
    if purpose == "log" and reason == "compromised":
        raise RefusedError(
            "a compromised log key cannot be replaced within its log",
            hint="close the log with `tally close`, and create a new one that names it as its predecessor",
        )
    keyring = _keyring(log)
    check_open(log.store)
    with keyring.locked():
        if purpose == "log":
            log.checkpoint()
        old = current(log.keys(), purpose, size=log.size)
        public_key = keyring.generate(purpose).public_key
        log.record([added_event(log.origin, purpose, public_key), retired_event(log.origin, old, reason=reason)])
        if purpose == "log":
            log.checkpoint()
        return current(log.keys(), purpose, size=log.size)


def add(log: Ledger, purpose: Literal["evidence"]) -> Key:
    """Bring a further evidence key into use beside those that are, and return it.

    Raises:
        RefusedError: The purpose is another one: a log key comes into use by `rotate` alone.
        ClosedError: The log is closed.
        MissingError: There is no keyring.
    """
    if purpose != "evidence":
        raise RefusedError(f"a {purpose} key is not added beside another", hint="rotate it")
    keyring = _keyring(log)
    check_open(log.store)
    with keyring.locked():
        log.record([added_event(log.origin, purpose, keyring.generate(purpose).public_key)])
        return current(log.keys(), purpose, size=log.size)


def _keyring(log: Ledger) -> Keyring:
    if log.keyring is None:
        raise MissingError(f"no keyring for {log.origin}", hint="set TALLY_HOME to the folder that holds the keys")
    return log.keyring
