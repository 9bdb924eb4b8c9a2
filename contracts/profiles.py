"""The projection of distributions: for every dataset and column that of the first batch, and of the last that was allowed.

A drift is measured against what stands here, so that no old data is needed. Replayed from the log alone (I19).
"""

from __future__ import annotations

import json
from typing import Final

import sqlite_utils

from contracts.decision import Decision
from contracts.facts import VALIDATION_DECIDED, ProfileFact, ValidationDecided
from contracts.history import ContractHistory, ProjectingLog, ReadableLog
from contracts.model import Contract, Dataset
from contracts.profile import Profile
from ledger.projection import BodyFold
from ledger.record import Record

_LET_THROUGH: Final = frozenset((Decision.ALLOW, Decision.ALLOW_WITH_ALERT))
_TABLES: Final = (
    """CREATE TABLE profiles_reference (dataset_namespace TEXT NOT NULL, dataset_name TEXT NOT NULL, reference TEXT NOT NULL,
    column_name TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, halved INTEGER NOT NULL, strange INTEGER NOT NULL,
    bins TEXT NOT NULL, PRIMARY KEY (dataset_namespace, dataset_name, reference, column_name)) STRICT""",
)
_INSERT: Final = (
    "INSERT OR {} INTO profiles_reference VALUES"
    " (:namespace, :name, :reference, :column, :seq, :kind, :halved, :strange, :bins)"
)


class ProfileFold(BodyFold):
    """Folds the distributions of decided batches into `profiles_reference`, as "first" and "last"."""

    name = "profiles"
    version = 1
    types: frozenset[str] = frozenset((VALIDATION_DECIDED,))
    tables = _TABLES
    keeps_unread = True

    def fold(self, db: sqlite_utils.Database, record: Record, body: bytes) -> str | None:
        """Write the distributions of one decision."""
        fact = ValidationDecided.parse(body)
        for profile in fact.profile or ():
            row = _row(fact, profile, record.seq)
            db.execute(_INSERT.format("IGNORE"), {**row, "reference": "first"})
            if fact.decision in _LET_THROUGH:
                db.execute(_INSERT.format("REPLACE"), {**row, "reference": "last"})
        return None


def _row(fact: ValidationDecided, profile: ProfileFact, seq: int) -> dict[str, str | int]:
    return {
        "namespace": fact.dataset.namespace,
        "name": fact.dataset.name,
        "column": profile.column,
        "seq": seq,
        "kind": profile.kind,
        "halved": profile.halved,
        "strange": profile.strange,
        "bins": json.dumps(profile.bins),
    }


def references(log: ProjectingLog, dataset: Dataset) -> dict[tuple[str, str], Profile]:
    """Return the distributions to compare a batch with, by reference ("last", "first") and column.

    Where no batch was allowed yet, the first one stands for the last: else a drift that blocks would block for ever.
    """
    select = (
        "SELECT reference, column_name, kind, halved, strange, bins FROM profiles_reference"
        " WHERE dataset_namespace = ? AND dataset_name = ?"
    )
    with log.viewing(ProfileFold()) as db:
        rows = db.execute(select, [dataset.namespace, dataset.name]).fetchall()
    found = {
        (reference, column): Profile(
            column, kind, halved, tuple((place, count) for place, count in json.loads(bins)), strange
        )
        for reference, column, kind, halved, strange, bins in rows
    }
    return {("last", column): profile for (_, column), profile in found.items()} | found


def references_before(log: ReadableLog, dataset: Dataset, seq: int) -> dict[tuple[str, str], Profile]:
    """Return what `references` returned when the decision of an entry was made: from the decisions before it alone."""
    select = (
        "SELECT seq, decision FROM contracts_decision WHERE dataset_namespace = ? AND dataset_name = ? AND seq < ?"
        " ORDER BY seq"
    )
    with log.viewing(ContractHistory()) as db:
        earlier = db.execute(select, [dataset.namespace, dataset.name, seq]).fetchall()
    found: dict[tuple[str, str], Profile] = {}
    for number, decision in earlier:
        body = log.entry(number).body
        for each in (ValidationDecided.parse(body).profile or ()) if body is not None else ():
            profile = Profile(each.column, each.kind, each.halved, each.bins, each.strange)
            found.setdefault(("first", each.column), profile)
            if Decision(decision) in _LET_THROUGH:
                found["last", each.column] = profile
    return {("last", column): profile for (which, column), profile in found.items() if which == "first"} | found


def is_wanted(contract: Contract) -> bool:
    """True where a check of `contract` is held to an earlier batch."""
    return any(check.kind == "drift" for check in contract.checks)
