"""A checkpoint is signed over what is durable and was read back, once for each size, and by the keys that are due (I14)."""

from __future__ import annotations

import shutil
import sqlite3
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ledger.checkpoint import SignedCheckpoint
from ledger.event import Event
from ledger.fsck import fsck
from ledger.keyring import Keyring
from ledger.keys import created_event, current, log_vkey
from ledger.log import Ledger
from ledger.rotation import add, rotate
from ledger.stores.memory import MemoryStore
from proofs.errors import ConflictError, ForkError, MissingError, RefusedError, TamperedError, UnverifiableError
from proofs.merkle import leaf_hash, root_of_leaves, verify_consistency
from proofs.note import verify

if TYPE_CHECKING:
    from tests.conftest import Ledgers

TYPE = "com.example.thing.v1"


def things(start: int, stop: int) -> list[Event]:
    return [Event.of(TYPE, "urn:things", {"n": n}, id=f"thing-{n}") for n in range(start, stop)]


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, ledgers: Ledgers) -> Ledger:
    return ledgers.create(memory=request.param == "memory")


def signers_of(log: Ledger, note: bytes) -> list[int]:
    """The entries that brought the keys into use that signed."""
    keys = log.keys()
    by_vkey = {log_vkey(log.origin, key.public_key): key for key in keys if key.purpose == "log"}
    return [by_vkey[vkey].added for vkey in verify(note, by_vkey).keys]


def signers(log: Ledger, signed: SignedCheckpoint) -> list[int]:
    return signers_of(log, signed.note)


def test_I14_a_checkpoint_says_size_and_root_of_the_stored_entries(log: Ledger) -> None:
    log.append(things(0, 300))

    signed = log.checkpoint()

    assert (signed.checkpoint.origin, signed.checkpoint.size) == ("ledger.example/test", 302)
    assert signed.checkpoint.root == root_of_leaves([leaf_hash(record.header) for record in log.read()])
    assert signers(log, signed) == [0]


def test_I14_the_head_is_kept_beside_the_key_and_the_note_in_the_store(ledgers: Ledgers) -> None:
    log = ledgers.create()

    signed = log.checkpoint()

    assert log.keyring is not None
    assert (log.keyring.folder / "head").read_bytes() == signed.note
    assert log.store.checkpoints.all() == [(2, signed.note)]
    assert ledgers.home in log.keyring.folder.parents


def test_I14_nothing_new_is_nothing_to_sign(log: Ledger) -> None:
    assert log.checkpoint() == log.checkpoint()
    assert len(log.store.checkpoints.all()) == 1


def test_each_checkpoint_grows_out_of_the_one_before(log: Ledger) -> None:
    checkpoints = []
    for stop in (1, 254, 255, 700):
        log.append(things(stop - 1, stop))
        checkpoints.append(log.checkpoint().checkpoint)

    for one, other in pairwise(checkpoints):
        verify_consistency(one.size, other.size, one.root, other.root, log.tree.consistency(one.size, other.size))


def test_an_empty_log_has_nothing_to_sign(ledgers: Ledgers) -> None:
    keyring = Keyring("ledger.example/test", ledgers.home)
    keyring.create()
    log = Ledger(MemoryStore(origin="ledger.example/test"), keyring=keyring)

    with pytest.raises(RefusedError, match="there is nothing to sign: the log is empty"):
        log.checkpoint()

    log.close()


def edit(ledgers: Ledgers, *statements: str) -> None:
    db = sqlite3.connect(ledgers.path(), isolation_level=None)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert db.execute(statement).rowcount == 1
    db.close()


def changed(seq: int) -> str:
    return (
        f"UPDATE entry SET header = CAST(replace(CAST(header AS TEXT), 'thing-', 'thong-') AS BLOB) WHERE seq = {seq}"
    )


def test_I14_without_a_tip_this_process_still_knows_what_it_acknowledged(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(things(2, 402))
    edit(ledgers, changed(401))
    assert log.keyring is not None
    log.keyring.tip.path.unlink()

    with pytest.raises(TamperedError, match="entry 401 is not the one that was acknowledged"):
        log.checkpoint()


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ((changed(100),), "entry 101 does not follow entry 100"),
        ((changed(310),), "entry 311 does not follow entry 310"),
        ((changed(401),), "entry 401 was acknowledged with the leaf hash [0-9a-f]{64}, but it is [0-9a-f]{64}"),
        (
            ("UPDATE tile SET root = zeroblob(32)",),
            "the stored tree of 402 entries is not the tree of the stored entries",
        ),
        (("DELETE FROM tile",), "the stored tree of 402 entries is not the tree of the stored entries"),
        (("DELETE FROM entry WHERE seq = 200",), "entry 200 does not follow entry 199"),
        (("UPDATE entry SET header = x'' WHERE seq = 200",), "entry 200 does not follow entry 199"),
    ],
)
def test_I14_what_does_not_read_back_as_it_was_written_is_not_signed(
    ledgers: Ledgers, statements: tuple[str, ...], message: str
) -> None:
    log = ledgers.create()
    log.append(things(2, 402))
    edit(ledgers, *statements)

    with pytest.raises(TamperedError, match=message):
        log.checkpoint()

    assert log.keyring is not None
    assert log.keyring.head() is None
    assert log.store.checkpoints.all() == []


def test_I14_an_entry_before_the_head_is_held_to_the_head(ledgers: Ledgers) -> None:
    log = ledgers.create()
    log.append(things(2, 100))
    log.checkpoint()
    log.append(things(100, 110))
    edit(ledgers, changed(50))

    with pytest.raises(ForkError, match="the first 100 entries are not those that were signed"):
        log.checkpoint()


def test_I14_the_head_is_durable_before_the_note_is_handed_out(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    assert log.keyring is not None
    monkeypatch.setattr(log.keyring, "keep_head", lambda note: (_ for _ in ()).throw(RefusedError("the disk is full")))

    with pytest.raises(RefusedError, match="the disk is full"):
        log.checkpoint()

    assert log.store.checkpoints.all() == []


def test_I14_a_head_that_a_crash_kept_from_the_store_is_stored_by_the_next_call(ledgers: Ledgers) -> None:
    log = ledgers.create()
    first = log.checkpoint()
    edit(ledgers, "DELETE FROM checkpoint")
    log.append(things(2, 9))

    second = log.checkpoint()

    assert log.store.checkpoints.all() == [(2, first.note), (9, second.note)]


def test_I14_a_signer_that_signs_something_else_is_found_out(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.signer import FileSigner

    log = ledgers.create()
    genuine = FileSigner.sign
    monkeypatch.setattr(FileSigner, "sign", lambda self, message: genuine(self, message + b"!"))

    with pytest.raises(TamperedError, match="does not verify"):
        log.checkpoint()

    assert log.keyring is not None
    assert log.keyring.head() is None


def test_a_wrong_passphrase_signs_nothing(ledgers: Ledgers) -> None:
    ledgers.create().close()
    log = ledgers.open(passphrase=lambda: b"wrong")

    with pytest.raises(UnverifiableError, match="does not open with this passphrase"):
        log.checkpoint()


def test_without_the_keyring_nothing_is_signed(ledgers: Ledgers) -> None:
    ledgers.create().close()

    with pytest.raises(MissingError, match="no keyring for ledger"):
        ledgers.open_without_keyring().checkpoint()


def test_a_rotated_log_key_hands_over_with_both_signatures(log: Ledger) -> None:
    log.append(things(2, 5))

    key = rotate(log, "log")

    assert [signers_of(log, note) for _, note in log.store.checkpoints.all()] == [[0], [0, 5]]
    assert (key.added, current(log.keys(), "log", size=log.size)) == (5, key)
    log.append(things(5, 6))
    assert signers(log, log.checkpoint()) == [5]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_two_rotations_hand_over_key_by_key(log: Ledger) -> None:
    rotate(log, "log")
    rotate(log, "log")

    assert [(size, signers_of(log, note)) for size, note in log.store.checkpoints.all()] == [
        (2, [0]),
        (4, [0, 2]),
        (6, [2, 4]),
    ]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def crash_before_the_handover(log: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotate the log key up to the second checkpoint, the one that both keys sign."""
    genuine, calls = Ledger.checkpoint, iter((True, False))
    monkeypatch.setattr(
        Ledger, "checkpoint", lambda self: genuine(self) if next(calls) else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        rotate(log, "log")
    monkeypatch.undo()


def test_a_crash_before_the_handover_is_healed_by_the_next_checkpoint(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    log.checkpoint()
    crash_before_the_handover(log, monkeypatch)
    ledgers.close()

    log = ledgers.open()
    log.append(things(4, 9))

    assert signers(log, log.checkpoint()) == [0, 2]
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_crash_before_the_handover_is_healed_by_the_next_rotation(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = ledgers.create()
    crash_before_the_handover(log, monkeypatch)

    rotate(log, "log")

    assert [(size, signers_of(log, note)) for size, note in log.store.checkpoints.all()] == [
        (2, [0]),
        (4, [0, 2]),
        (6, [2, 4]),
    ]


def test_a_rotated_evidence_key_needs_no_handover(log: Ledger) -> None:
    before = log.signer("evidence").public_key

    rotate(log, "evidence", "compromised")

    assert log.signer("evidence").public_key != before
    assert log.store.checkpoints.all() == []
    assert b'"reason":"compromised"' in (log.entry(3).body or b"")


def test_a_further_evidence_key_comes_into_use_beside_the_first(log: Ledger) -> None:
    key = add(log, "evidence")

    keys = log.keys()
    assert [(each.purpose, each.added, each.retired) for each in keys] == [
        ("log", 0, None),
        ("evidence", 1, None),
        ("evidence", 2, None),
    ]
    assert log.signer("evidence").public_key == key.public_key


def test_a_compromised_log_key_is_not_replaced_within_its_log(log: Ledger) -> None:
    with pytest.raises(RefusedError, match="a compromised log key cannot be replaced within its log"):
        rotate(log, "log", "compromised")

    assert log.size == 2


@pytest.mark.parametrize("reason", ["", "lost", "Rotated", "rotated "])
def test_a_reason_is_one_of_two_words(log: Ledger, reason: str) -> None:
    with pytest.raises(RefusedError, match="is neither 'rotated' nor 'compromised'"):
        rotate(log, "evidence", reason)

    assert log.size == 2


def test_a_log_key_is_never_added_beside_another(log: Ledger) -> None:
    with pytest.raises(RefusedError, match="a log key is not added beside another"):
        add(log, "log")  # type: ignore[arg-type]


def test_a_key_left_by_a_crash_before_it_came_into_use_is_nobodys(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert log.keyring is not None
    log.keyring.generate("log")
    (log.keyring.folder / "log-new.pem").write_bytes(b"half a key")

    rotate(log, "log")

    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_keys_open_to_others_are_refused(ledgers: Ledgers) -> None:
    log = ledgers.create()
    assert log.keyring is not None
    for path in log.keyring.folder.glob("log-*.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)

    with pytest.raises(RefusedError, match="is open to others"):
        log.checkpoint()


def test_two_logs_of_one_origin_and_keyring_cannot_both_sign(ledgers: Ledgers) -> None:
    """Where somebody goes past the creation, which refuses it."""
    keyring = Keyring("ledger.example/test", ledgers.home, lambda: b"correct horse")
    key = keyring.generate("log").public_key
    one, other = (Ledger(MemoryStore(origin=keyring.origin), keyring=keyring) for _ in range(2))
    for log in (one, other):
        log.record([created_event(keyring.origin, key)])
    one.checkpoint()

    with pytest.raises(ForkError, match="the first 1 entries are not those that were signed"):
        other.checkpoint()
    with pytest.raises(ConflictError, match=r"a log of ledger\.example/test was created with the keys in"):
        ledgers.create("third")

    one.close()
    other.close()


def test_the_head_of_another_origin_is_no_head(ledgers: Ledgers) -> None:
    other = ledgers.create("other", origin="ledger.example/other")
    other.checkpoint()
    log = ledgers.create()
    assert log.keyring is not None
    assert other.keyring is not None
    shutil.copy(other.keyring.folder / "head", log.keyring.folder / "head")

    with pytest.raises(TamperedError, match=r"a checkpoint of 'ledger\.example/other' stands where"):
        log.checkpoint()


def test_I14_a_checkpoint_that_a_crash_left_signed_and_not_stored_is_stored_at_the_next_opening(
    ledgers: Ledgers,
) -> None:
    signed = ledgers.create().checkpoint()
    ledgers.close()
    with sqlite3.connect(ledgers.path()) as file:  # as if the process had died between the two
        file.execute("DROP TRIGGER checkpoint_no_delete")
        file.execute("DELETE FROM checkpoint")
    file.close()

    log = ledgers.open()

    assert log.store.checkpoints.find(signed.checkpoint.size) == signed.note
    assert log.store.checkpoints.find(signed.checkpoint.size + 1) is None
