"""The contracts that bind datasets at one size of the log, from the entries alone: what a deletion's plan may stand on.

The first publication of a version is the one that counts, as in `contracts.history`, and the newest version of a name binds, by
semantic versioning and not by when it came. Anybody who may emit may publish: so what cannot be read, or says of itself something
else than its text (by which it was filed, and let in), is named and counts for nothing. What any version said of people is not
unsaid by a later one: its targets are followed, and where versions or contracts differ about whose a row is, nobody chooses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlite_utils

from contracts.document import parse
from contracts.facts import CONTRACT_PUBLISHED, ContractPublished
from contracts.model import Contract, Dataset
from contracts.record import published_fact
from contracts.registry.semver import Version
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
        contracts: Dataset → the contracts that bind it: the newest version of each name.
        named: Dataset → the subject columns that any version named for it.
        personal: The datasets of which any version said that rows are about people.
        targets: Dataset → the datasets that any version named in `deletion_propagation` for it.
        unread: Seqs of publications that could not be read, or that gave a version another text; nothing of them counts.
    """

    contracts: Mapping[Node, tuple[Contract, ...]]
    named: Mapping[Node, frozenset[str]]
    personal: frozenset[Node]
    targets: Mapping[Node, frozenset[Node]]
    unread: tuple[int, ...]

    def subject_keys(self, node: Node) -> tuple[str, ...]:
        """Return the columns that tell whose a row of a dataset is, sorted; more than one where versions or contracts differ."""
        return tuple(sorted(self.named.get(node, ())))

    def is_dropped(self, node: Node) -> bool:
        """True where a subject column was named once, and no contract that binds the dataset names any."""
        binding = (each.privacy for each in self.contracts.get(node, ()))
        return node in self.named and not any(privacy and privacy.subject_key for privacy in binding)

    def is_impersonal(self, node: Node) -> bool:
        """True where all contracts that bind the dataset state that no row is about a person, and none ever said otherwise."""
        binding = [each.privacy for each in self.contracts.get(node, ())]
        return node not in self.personal and bool(binding) and all(each and each.pii == "none" for each in binding)

    def propagated(self, node: Node) -> frozenset[Node]:
        """Return the datasets that a dataset's contracts name in `deletion_propagation`, or ever did."""
        return self.targets.get(node, frozenset())


class _Publications(BodyFold):
    name = "publication"
    version = 1
    types: frozenset[str] = frozenset((CONTRACT_PUBLISHED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        fact = ContractPublished.parse(body)
        document = parse(fact.definition.encode(), name=f"entry {record.seq}")
        if published_fact(document, previous=fact.previous) != fact:
            return "contradictory"
        row = [document.contract.name, document.contract.version]
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
    published = [parse(definition.encode()).contract for (definition,) in rows]
    newest: dict[str, Contract] = {}
    for contract in published:
        known = newest.setdefault(contract.name, contract)
        if Version.parse(known.version) < Version.parse(contract.version):
            newest[contract.name] = contract
    binding = defaultdict[Node, list[Contract]](list)
    for contract in newest.values():
        binding[_node(contract.dataset)].append(contract)
    named, targets, personal = defaultdict[Node, set[str]](set), defaultdict[Node, set[Node]](set), set[Node]()
    for contract in published:
        node, privacy = _node(contract.dataset), contract.privacy
        if privacy is None or privacy.pii == "none":
            continue
        personal.add(node)
        targets[node] |= {_node(target) for target in privacy.deletion_propagation}
        if privacy.subject_key is not None:
            named[node].add(privacy.subject_key)
    return Bound(
        {node: tuple(each) for node, each in binding.items()},
        {node: frozenset(each) for node, each in named.items()},
        frozenset(personal),
        {node: frozenset(each) for node, each in targets.items()},
        tuple(seq for (seq,) in unread),
    )


def _node(dataset: Dataset) -> Node:
    return Node("dataset", dataset.namespace, dataset.name)
