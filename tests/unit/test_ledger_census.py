"""A census counts every stream before it; its proofs hold, and fsck counts the same from the entries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ledger.census import Census, counts_before, prove_counts
from ledger.event import Event
from ledger.finding import Findings
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.recount import Recount
from ledger.store import Batch
from ledger.stores.memory import MemoryStore
from proofs.census import EMPTY_LEAF, bucket_bytes, bucket_index, proven_count, stream_hash
from proofs.digest import leaf_hash
from proofs.errors import ProofError
from proofs.merkle import root_of_leaves

if TYPE_CHECKING:
    from tests.conftest import Ledgers


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, ledgers: Ledgers) -> Ledger:
    return ledgers.create(memory=request.param == "memory")


def measured(n: int, table: int) -> Event:
    body = {"dataset": {"namespace": "w", "name": f"table {table}"}, "n": n}
    return Event.of("tallystick.slo.measured.v1", "urn:slo", body, id=str(n))


def root_of(counts: dict[str, int]) -> bytes:
    """As docs/formats/census.md says it, word for word."""
    buckets: dict[int, list[tuple[bytes, int]]] = {}
    for name, count in counts.items():
        buckets.setdefault(bucket_index(stream_hash(name)), []).append((stream_hash(name), count))
    return root_of_leaves(
        [leaf_hash(bucket_bytes(buckets[at])) if at in buckets else EMPTY_LEAF for at in range(65_536)]
    )


def counted(log: Ledger, seq: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in log.read(0, seq):
        for name in record.streams:
            counts[name] = counts.get(name, 0) + 1
    return counts


def test_each_census_speaks_of_all_entries_before_it(log: Ledger) -> None:
    censuses = []
    for step in range(4):
        log.append([measured(step * 10 + n, (step * n) % 7) for n in range(10)])
        censuses.append(log.take_census().seq)
    log.append(measured(99, 3))

    for seq in censuses:
        record = log.entry(seq)
        counts = counted(log, seq)
        root = root_of(counts).hex()
        assert json.loads(record.body or b"") == {"root": root, "streams": len(counts)}
        assert record.entry.ext == {"tallycensus": root}
    assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_count_is_proven_from_the_last_census_and_from_any_before(log: Ledger) -> None:
    log.append([measured(n, n % 3) for n in range(9)])
    first = log.take_census()
    log.append([measured(n, n % 5) for n in range(9, 20)])
    last = log.take_census()

    for receipt, expected in ((first, [3, 0, 9, 0]), (last, [5, 3, 20, 1])):
        root = bytes.fromhex(json.loads(log.entry(receipt.seq).body or b"")["root"])
        names = ["dataset:w|table 0", "dataset:w|table 4", "source:urn:slo", "type:tallystick.ledger.census-taken.v1"]
        proofs = prove_counts(log, names, census_seq=receipt.seq)
        assert [proof.count for proof in proofs] == expected
        assert [proven_count(proof.name, proof.bucket, proof.path, root) for proof in proofs] == expected


def test_after_further_entries_the_last_census_proves_what_it_counted(log: Ledger) -> None:
    log.append(measured(1, 1))
    census = log.take_census()
    log.append(measured(2, 1))

    (proof,) = prove_counts(log, ["dataset:w|table 1"], census_seq=census.seq)

    assert proof.count == 1


def test_a_proof_of_another_census_does_not_hold(log: Ledger) -> None:
    log.append(measured(1, 1))
    first = log.take_census()
    log.append(measured(2, 1))
    last = log.take_census()
    root = bytes.fromhex(json.loads(log.entry(last.seq).body or b"")["root"])

    (proof,) = prove_counts(log, ["dataset:w|table 1"], census_seq=first.seq)

    with pytest.raises(ProofError):
        proven_count(proof.name, proof.bucket, proof.path, root)


def test_a_census_without_news_counts_the_census_before(log: Ledger) -> None:
    first, second = log.take_census(), log.take_census()

    assert second.seq == first.seq + 1
    assert counts_before(log.store, second.seq)["type:tallystick.ledger.census-taken.v1"] == 1
    assert fsck(log.store).findings == ()


def test_a_census_that_fails_leaves_what_the_last_one_counted(log: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(measured(1, 1))
    census = log.take_census()
    log.append(measured(2, 1))
    monkeypatch.setattr(log._appender, "write", lambda events: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        log.take_census()
    monkeypatch.undo()

    assert prove_counts(log, ["dataset:w|table 1"], census_seq=census.seq)[0].count == 1
    assert fsck(log.store).findings == ()


def test_a_census_built_from_counts_is_the_one_that_was_kept(log: Ledger) -> None:
    log.append([measured(n, n) for n in range(300)])
    census = log.take_census()

    built = Census(counts_before(log.store, census.seq))

    assert built.root.hex() == json.loads(log.entry(census.seq).body or b"")["root"]
    assert built.prove("dataset:w|table 7") == prove_counts(log, ["dataset:w|table 7"], census_seq=census.seq)[0]


@pytest.mark.parametrize("hot_names", [0, 1, 7, 10_000])
def test_a_recount_gives_the_same_however_few_names_it_holds(hot_names: int) -> None:
    """Pages of entries, with censuses between them, against plain dicts."""
    recount, counts = Recount(hot_names=hot_names), dict[str, int]()
    last: dict[str, int] = {}
    for page in range(12):
        names = [f"stream {(page * entry) % 40}" for entry in range(25)]
        if not recount.is_whole:
            recount.fetch(names)
        for number, name in enumerate(names):
            assert recount.counts.get(name, 0) == counts.get(name, 0)
            counts[name] = recount.counts[name] = counts.get(name, 0) + 1
            recount.touched.append((name,))
            if number == 11 and page % 3 == 1:
                root, body = recount.census()
                last = dict(counts)
                assert root == root_of(counts)
                assert json.loads(body)["streams"] == len(counts)
        recount.settle()

    store = MemoryStore(origin="ledger.example/recount")
    with store.writing():
        store.write(Batch(counters=last))
        store.census.mark_counted()
        store.write(Batch(counters=counts))
    findings = Findings()
    recount.compare(store, findings)
    recount.close()
    store.close()
    assert {finding.code for finding in findings.found} == {"census"}  # this store has no tiles
    assert findings.counts["streams"] == len(counts)
