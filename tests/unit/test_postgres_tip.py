"""What was acknowledged is held beside the key for PostgreSQL as well: an older copy is not written (ADR 0010)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import ledger
from ledger.copying import copy_ledger
from ledger.event import Event
from ledger.fsck import fsck
from ledger.restored import RESTORED
from ledger.tip import RestoredError, Tip
from proofs.errors import ConflictError
from proofs.merkle import leaf_hash

if TYPE_CHECKING:
    from tests.conftest import Ledgers


def things(start: int, stop: int) -> list[Event]:
    return [Event.of("com.example.thing.v1", "urn:things", {"n": n}, id=str(n)) for n in range(start, stop)]


def test_of_two_copies_of_a_log_only_the_newer_is_written(postgres_ledgers: Ledgers) -> None:
    log = postgres_ledgers.create()
    log.append(things(2, 20))
    older = f"sqlite:///{postgres_ledgers.folder}/older.db"
    copy_ledger(postgres_ledgers.url(), older, home=postgres_ledgers.home)
    log.append(things(20, 30))
    postgres_ledgers.close()

    assert postgres_ledgers.open().append(things(30, 31))[0].seq == 30

    with pytest.raises(RestoredError, match="the ledger holds 20 entries, but 31 were acknowledged"):
        ledger.open(older, home=postgres_ledgers.home)


def test_the_loss_of_an_older_copy_in_postgresql_is_accepted_in_so_many_words(postgres_ledgers: Ledgers) -> None:
    log = postgres_ledgers.create()
    assert log.keyring is not None
    tip, lost = log.keyring.tip, Tip(7, bytes(32))
    assert tip.read() == Tip(2, leaf_hash(log.entry(1).header))
    postgres_ledgers.close()
    tip.put(lost)  # as it stands when the database was put back to before the entries 2 to 6

    assert [each.code for each in postgres_ledgers.open(read_only=True).warnings] == ["restored"]
    with pytest.raises(RestoredError):
        postgres_ledgers.open()
    log = postgres_ledgers.accept_restored()

    said = log.entry(2)
    assert said.type == RESTORED
    assert said.json() == {"acknowledged": {"leaf": bytes(32).hex(), "size": 7}, "continued_from": 2}
    assert tip.read() == Tip(3, leaf_hash(said.header))
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_I3_a_second_log_of_one_origin_is_not_created_in_postgresql_either(postgres_ledgers: Ledgers) -> None:
    postgres_ledgers.create()

    with pytest.raises(ConflictError, match=r"a log of ledger\.example/test was created with the keys in"):
        postgres_ledgers.create()


def test_what_a_caller_may_still_roll_back_does_not_move_the_tip(postgres_ledgers: Ledgers, postgres_url: str) -> None:
    log = postgres_ledgers.create()
    assert log.keyring is not None
    before = log.keyring.tip.read()
    with psycopg.connect(postgres_url) as business:
        with log.joined(business) as joined:
            joined.append(things(2, 5))
        business.rollback()
        assert log.keyring.tip.read() == before
        with log.joined(business) as joined:
            joined.append(things(5, 9))
        business.commit()
    assert log.keyring.tip.read() == before

    receipt = log.append(things(9, 10))[0]

    assert (receipt.seq, log.keyring.tip.read()) == (6, Tip(7, receipt.leaf))


def test_an_older_copy_is_not_written_inside_a_callers_transaction_either(
    postgres_ledgers: Ledgers, postgres_url: str
) -> None:
    log = postgres_ledgers.create()
    assert log.keyring is not None
    log.keyring.tip.put(Tip(7, bytes(32)))

    with psycopg.connect(postgres_url) as business:
        with pytest.raises(RestoredError), log.joined(business) as joined:
            joined.append(things(2, 3))
        business.rollback()

    assert log.size == 2
