"""Contracts for the console: a page of them by name, and one with its rules, versions, consumers and service levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.consumers.register import ConsumerRegister, consumers
from contracts.document import Document, parse
from contracts.history import ContractHistory, InForce, ReadableLog, versions
from contracts.registry.semver import Version
from contracts.rules import Rule, rules_of
from contracts.slo.account import account
from contracts.slo.catalogue import Known, levels_of
from contracts.slo.standing import standings
from contracts.slo.stretches import seconds_of
from contracts.terms import MILLION
from evidence.console.page import Row, Sees, filed
from ledger.clock import print_at
from proofs.errors import MissingError

STATES: Final = ("active", "deprecated", "retired")
_VERSIONS: Final = """SELECT name, version, sha256, dataset_namespace, dataset_name, seq, at, coalesce((SELECT max(state)
FROM contracts_ended e WHERE e.name = v.name AND e.version = v.version), 'active') AS state FROM contracts_version v
ORDER BY seq"""
_DECIDED: Final = "SELECT seq, at, decision FROM contracts_decision WHERE contract = ? ORDER BY seq DESC LIMIT 1"
_TEXT: Final = "SELECT definition FROM contracts_version WHERE seq = ?"
_ENDED: Final = "SELECT version, state, by, reason, seq, at FROM contracts_ended WHERE name = ? ORDER BY seq"
_PLACED: Final = "SELECT version, seq, at, previous FROM contracts_version WHERE name = ? ORDER BY seq"
_ANNOUNCED: Final = (
    "SELECT version, sha256, notice_days, seq, at FROM contracts_announced WHERE name = ? ORDER BY seq DESC"
)
_TOLD: Final = """SELECT t.change AS seq, t.at FROM consumers_told t JOIN consumers_change c ON c.seq = t.change
WHERE t.consumer = ? AND c.contract = ? ORDER BY t.change DESC LIMIT 20"""
_RELYING: Final = "SELECT count(*) FROM consumers_registered WHERE contract = ? AND until IS NULL"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contracts: those in whose name, or whose dataset's, a text stands; of which state the version that binds is."""

    text: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Contracts:
    """A page by name; `next` is the name behind which the next one begins, None at the end; `total`: all that match."""

    rows: tuple[Row, ...]
    next: str | None
    total: int


def contracts(
    log: ReadableLog, wanted: Wanted, sees: Sees, *, known: Known, after: str | None = None, limit: int
) -> Contracts:
    """Return a page of contracts, each as the version says that binds now; of one whose versions all ended, the highest.

    Args:
        known: Contracts that were read before.
    """
    with log.viewing(ContractHistory()) as db:
        matching = [each for each in _binding(db.query(_VERSIONS)) if _matches(each, wanted) and _may(each, sees)]
        chosen = [each for each in matching if after is None or each["name"] > after]
        texts = {
            each["seq"]: db.execute(_TEXT, [each["seq"]]).fetchone()[0]
            for each in chosen[:limit]
            if _is_new(each, known)
        }
        decided = {each["name"]: db.execute(_DECIDED, [each["name"]]).fetchone() for each in chosen[:limit]}
    rows = [_row(each, texts, decided[each["name"]], known) for each in chosen[:limit]]
    with log.viewing(ConsumerRegister()) as db:
        for row in rows:
            row["consumers"] = db.execute(_RELYING, [row["name"]]).fetchone()[0]
    return Contracts(tuple(rows), rows[-1]["name"] if len(chosen) > limit else None, len(matching))


def _binding(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each contract the version that binds, by name, with how many there are."""
    found: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        name = row["name"]
        counts[name] = counts.get(name, 0) + 1
        if name not in found or _weight(found[name]) < _weight(row):
            found[name] = row
    return [{**found[name], "versions": counts[name]} for name in sorted(found)]


def _weight(row: dict[str, Any]) -> tuple[bool, Version]:
    return row["state"] != "retired", Version.parse(row["version"])


def _matches(row: Row, wanted: Wanted) -> bool:
    text = (wanted.text or "").casefold()
    names = (row["name"], row["dataset_namespace"], row["dataset_name"])
    return wanted.state in (None, row["state"]) and any(text in name.casefold() for name in names)


def _may(row: Row, sees: Sees) -> bool:
    return sees(filed(dataset=(row["dataset_namespace"], row["dataset_name"]), contract=row["name"]))


def _is_new(found: Row, known: Known) -> bool:
    return found["sha256"] not in known


def _row(found: Row, texts: Mapping[int, str], last: tuple[Any, ...] | None, known: Known) -> dict[str, Any]:
    if _is_new(found, known):
        known[found["sha256"]] = parse(texts[found["seq"]].encode(), name=f"entry {found['seq']}")
    contract = known[found["sha256"]].contract
    return {
        **{name: found[name] for name in ("name", "version", "state", "sha256", "seq", "at", "versions")},
        "dataset": {"namespace": found["dataset_namespace"], "name": found["dataset_name"]},
        "owner": contract.owner,
        "on_call": contract.responsible.on_call if contract.responsible else None,
        "rules": len(rules_of(contract)),
        "levels": len(contract.slos),
        "last_decision": _last(last),
    }


def _last(row: tuple[Any, ...] | None) -> dict[str, Any] | None:
    return None if row is None else dict(zip(("seq", "at", "decision"), row, strict=True))


def contract(log: ReadableLog, name: str, *, version: str | None, known: Known) -> dict[str, Any]:
    """Return one contract in a version, by default the one that binds: what it says, and what the log knows of it.

    Raises:
        MissingError: There is none of that name, or no such version of it.
    """
    every = versions(log, name)
    chosen = _chosen(every, name, version)
    if chosen.sha256 not in known:
        known[chosen.sha256] = parse(chosen.definition.encode(), name=f"entry {chosen.seq}")
    document = known[chosen.sha256]
    with log.viewing(ContractHistory()) as db:
        ends = list(db.query(_ENDED, [name]))
        placed = {row["seq"]: row for row in db.query(_PLACED, [name])}
        announced = list(db.query(_ANNOUNCED, [name]))
        last = db.execute(_DECIDED, [name]).fetchone()
    in_force = {each.version for each in every}
    found = standings(log, levels_of(every, known), seconds_of(print_at(log.clock())))
    return {
        "name": name,
        "version": chosen.version,
        "state": chosen.state,
        "sha256": chosen.sha256,
        "seq": chosen.seq,
        "dialect": document.dialect,
        **_said(document),
        "rules": [_rule(rule, document) for rule in rules_of(document.contract)],
        "versions": [_version(each, placed[each.seq], ends) for each in reversed(every)],
        "announced": [{**row, "in_force": row["version"] in in_force} for row in announced],
        "consumers": _consumers(log, name),
        "levels": [account(each) for each in found],
        "last_decision": _last(last),
        "definition": chosen.definition,
    }


def names_of(log: ReadableLog, name: str) -> tuple[str, ...]:
    """Return the streams in which a contract's versions are filed, by which is told who may see it; none where there is none."""
    every = "SELECT DISTINCT dataset_namespace, dataset_name FROM contracts_version WHERE name = ?"
    with log.viewing(ContractHistory()) as db:
        rows = db.execute(every, [name]).fetchall()
    return tuple(dict.fromkeys(stream for row in rows for stream in filed(dataset=(row[0], row[1]), contract=name)))


def _chosen(every: Sequence[InForce], name: str, version: str | None) -> InForce:
    if not every:
        raise MissingError(f"there is no contract {name[:128]!r}", hint="`tally contract list`")
    if version is None:
        return max(every, key=lambda each: (each.state != "retired", Version.parse(each.version)))
    for each in every:
        if each.version == version:
            return each
    raise MissingError(f"contract {name[:128]} has no version {version[:64]!r}")


def _said(document: Document) -> dict[str, Any]:
    """What the text says beyond its rules."""
    contract = document.contract
    told: dict[str, Any] = contract.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        include={"policy", "handling", "privacy", "change_policy", "notification", "quarantine"},
    )
    return {
        "dataset": {"namespace": contract.dataset.namespace, "name": contract.dataset.name},
        "owner": contract.owner,
        "on_call": contract.responsible.on_call if contract.responsible else None,
        "runbook": contract.responsible.runbook if contract.responsible else None,
        "description": contract.description,
        "enforcement": contract.enforcement,
        "status": contract.status,
        "classification": contract.classification,
        "tags": list(contract.tags),
        "fields": [{"name": each.name, "type": str(each.type)} for each in contract.fields],
        "terms": told,
    }


def _rule(rule: Rule, document: Document) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "kind": rule.kind.value,
        "columns": list(rule.columns),
        "severity": rule.severity.value,
        "weight": f"{rule.weight // MILLION}.{rule.weight % MILLION:06d}",
        "tolerance": f"{rule.tolerance // MILLION}.{rule.tolerance % MILLION:06d}",
        "line": document.line(rule.place) if rule.place else None,
    }


def _version(each: InForce, placed: Row, ends: Sequence[Row]) -> dict[str, Any]:
    return {
        **{name: getattr(each, name) for name in ("version", "state", "sha256", "seq")},
        "at": placed["at"],
        "previous": placed["previous"],
        "ends": [
            {name: end[name] for name in ("state", "by", "reason", "seq", "at")}
            for end in ends
            if end["version"] == each.version
        ],
    }


def _consumers(log: ReadableLog, contract: str) -> list[dict[str, Any]]:
    """Who relies on a contract, and of which of its changes they were told, the newest first."""
    relying = consumers(log, contract)
    with log.viewing(ConsumerRegister()) as db:
        return [
            {
                "consumer": each.name,
                "version": each.version,
                "channel": each.channel,
                "seq": each.seq,
                "told": list(db.query(_TOLD, [each.name, contract])),
            }
            for each in relying
        ]
