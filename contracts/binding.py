"""Which contracts bind which dataset: of each the highest version in force, as of a moment, as known at an entry."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.document import Document, parse
from contracts.history import ContractHistory, ProjectingLog
from contracts.model import Contract
from contracts.registry.semver import Version

Named = tuple[str, str]  # a dataset: its namespace and its name

_IN_FORCE: Final = """SELECT v.name, v.version, v.sha256, v.dataset_namespace, v.dataset_name, v.seq, v.at
    FROM contracts_version v WHERE v.seq <= :known_at AND v.at <= :as_of AND NOT EXISTS (SELECT 1 FROM contracts_ended e
    WHERE e.name = v.name AND e.version = v.version AND e.state = 'retired' AND e.seq <= :known_at AND e.at <= :as_of)
    ORDER BY v.seq"""
_TEXTS: Final = "SELECT seq, definition FROM contracts_version WHERE seq IN (SELECT value FROM json_each(?))"
_LAST: Final = "9999-12-31T23:59:59.999999Z"


@dataclass(frozen=True, slots=True)
class Binding:
    """One version of a contract that binds a dataset.

    Attributes:
        seq, at: The entry that put it in force, and its time.
        document: What it says.
    """

    name: str
    version: str
    sha256: str
    dataset: Named
    seq: int
    at: str
    document: Document = field(repr=False)

    @property
    def contract(self) -> Contract:
        """What it says."""
        return self.document.contract

    @property
    def owner(self) -> str | None:
        """Who answers for the data; None where nobody is named."""
        return self.contract.owner

    @property
    def on_call(self) -> str | None:
        """Who is called when it breaks; None where nobody is named."""
        return self.contract.responsible.on_call if self.contract.responsible else None

    @property
    def runbook(self) -> str | None:
        """Where the way out of trouble is written down; None where it is not."""
        return self.contract.responsible.runbook if self.contract.responsible else None


def bindings(
    log: ProjectingLog,
    datasets: Collection[Named] | None = None,
    *,
    as_of: str | None = None,
    known_at: int | None = None,
) -> Mapping[Named, tuple[Binding, ...]]:
    """Return the contracts that bind each dataset, by name; only those of `datasets` are read where these are given.

    Args:
        as_of: As an entry prints a time; a contract is as old as its entry. None: now.
        known_at: The last entry that counts. None: all do.
    """
    bounds = {"as_of": as_of or _LAST, "known_at": 2**62 if known_at is None else known_at}
    with log.viewing(ContractHistory()) as db:
        highest: dict[str, Any] = {}
        for row in db.execute(_IN_FORCE, bounds).fetchall():
            known = highest.get(row[0])
            if known is None or Version.parse(known[1]) < Version.parse(row[1]):
                highest[row[0]] = row
        wanted = [row for row in highest.values() if datasets is None or (row[3], row[4]) in datasets]
        texts = dict(db.execute(_TEXTS, (json.dumps([row[5] for row in wanted]),)).fetchall())
    found = defaultdict[Named, list[Binding]](list)
    for name, version, sha256, namespace, dataset, seq, at in sorted(wanted):
        document = parse(texts[seq].encode(), name=f"entry {seq}")
        found[namespace, dataset].append(Binding(name, version, sha256, (namespace, dataset), seq, at, document))
    return {dataset: tuple(each) for dataset, each in found.items()}
