"""The contracts that bind datasets at one size of the log, from the entries alone: what a deletion's plan may stand on.

The first publication of a version is the one that counts, as in `contracts.history`, and the newest version of a name binds.
Anybody who may emit may publish: so what cannot be read is named and stops nothing, a contract that says whose a row is
outweighs another one of the same dataset that does not, and a version that no longer says it is told from one that never did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import sqlite_utils

from contracts import document
from contracts.facts import CONTRACT_PUBLISHED, ContractPublished
from contracts.model import Contract, Dataset
from ledger.projection import BodyFold
from ledger.record import Record
from ledger.replay import replayed
from ledger.store import Store
from proofs.statement import Node

_TABLES: Final = (
    """CREATE TABLE publication_version (name TEXT NOT NULL, version TEXT NOT NULL, definition TEXT NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (name, version)) STRICT""",
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the contracts of a log say of its datasets.

    Attributes:
        contracts: Dataset → the contract that binds it.
        dropped: Dataset → the subject column that an earlier version of its contract named, where the newest names none.
        unread: Seqs of publications that could not be read, or that gave a version another text; nothing of them counts.
    """

    contracts: Mapping[Node, Contract]
    dropped: Mapping[Node, str]
    unread: tuple[int, ...]

    def propagated(self, node: Node) -> frozenset[Node]:
        """Return the datasets that a dataset's contract names in `deletion_propagation`."""
        contract = self.contracts.get(node)
        if contract is None or contract.privacy is None:
            return frozenset()
        return frozenset(_node(target) for target in contract.privacy.deletion_propagation)


class _Publications(BodyFold):
    name = "publication"
    version = 1
    types: frozenset[str] = frozenset((CONTRACT_PUBLISHED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        fact = ContractPublished.parse(body)
        contract = document.parse(fact.definition.encode(), name=f"entry {record.seq}").contract
        row = [contract.name, contract.version]
        found = db.execute("SELECT definition FROM publication_version WHERE name = ? AND version = ?", row).fetchone()
        if found is not None:
            return None if found[0] == fact.definition else "repeated"
        db.execute("INSERT INTO publication_version VALUES (?, ?, ?, ?)", [*row, fact.definition, record.seq])
        return None


def in_force(store: Store, size: int) -> Bound:
    """Return what the contracts said when the log had `size` entries."""
    with replayed(store, _Publications(), size) as db:
        rows = db.execute("SELECT definition FROM publication_version ORDER BY seq").fetchall()
        unread = db.execute("SELECT seq FROM publication_unread ORDER BY seq").fetchall()
    published = [document.parse(definition.encode()).contract for (definition,) in rows]
    newest: dict[str, Contract] = {}
    for contract in published:
        newest.pop(contract.name, None)  # in the order in which they were published last
        newest[contract.name] = contract
    contracts: dict[Node, Contract] = {}
    for contract in newest.values():
        node = _node(contract.dataset)
        if contract.privacy is not None or node not in contracts or contracts[node].privacy is None:
            contracts[node] = contract
    dropped = {
        node: column for node, column in _subjects(published) if node in contracts and contracts[node].privacy is None
    }
    return Bound(contracts, dropped, tuple(seq for (seq,) in unread))


def _subjects(published: Iterable[Contract]) -> Iterator[tuple[Node, str]]:
    for contract in published:
        if contract.privacy is not None:
            yield _node(contract.dataset), contract.privacy.subject_key


def _node(dataset: Dataset) -> Node:
    return Node("dataset", dataset.namespace, dataset.name)
