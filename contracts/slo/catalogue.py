"""The service levels of all contracts that are in force: objective, owner, who is on call, and the way out of trouble."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from contracts.agreement import Slo
from contracts.document import Document, parse
from contracts.facts import ContractName, DatasetName
from contracts.history import InForce, ProjectingLog, all_versions
from contracts.model import Contract
from contracts.record import contract_name, dataset_name
from contracts.registry.semver import Version
from contracts.rules import millionths
from contracts.slo.facts import Indicator
from contracts.terms import MILLION
from proofs.errors import MissingError, RefusedError

BY_TIME: Final = ("freshness", "delivery")
DAY_SECONDS: Final = 86_400
Known = MutableMapping[str, Document]
"""Contracts that were read before, by the hash of their text: who asks again and again keeps one of these."""


@dataclass(frozen=True, slots=True)
class Level:
    """One service level of the version that binds now.

    Attributes:
        since: The seq of the entry by which a version of the contract first had it: nothing is counted before.
    """

    contract: ContractName
    dataset: DatasetName
    slo: Slo
    owner: str | None
    on_call: str | None
    runbook: str | None
    since: int

    @property
    def name(self) -> str:
        """What a command calls it: contract and level."""
        return f"{self.contract.name}/{self.slo.name}"

    @property
    def key(self) -> tuple[str, str]:
        """Under what it is counted, as `contracts.slo.store.Key`."""
        return self.contract.name, f"{self.slo.name}:{self.indicator}"

    @property
    def indicator(self) -> Indicator:
        """What is measured."""
        return self.slo.indicator

    @property
    def is_by_time(self) -> bool:
        """True where seconds are counted; else batches or probes are."""
        return self.indicator in BY_TIME

    @property
    def objective(self) -> int:
        """The part that must be good, in millionths. That of availability is its target, where that is a least share."""
        target = self.slo.target
        least = target.min if target.min is not None else target.above
        if self.indicator == "availability" and isinstance(least, int | Decimal):
            return max(0, min(MILLION, int(least * MILLION)))
        return millionths(self.slo.objective)

    @property
    def window_seconds(self) -> int:
        """Over how long."""
        return self.slo.window_days * DAY_SECONDS

    @property
    def limit_seconds(self) -> int | None:
        """The greatest age, for what is counted by time; None where the target states none."""
        return limit_of(self.slo) if self.is_by_time else None


def limit_of(slo: Slo) -> int | None:
    """Return the greatest age that a level states, in seconds; None where it states none, so that nobody can measure it."""
    most = slo.target.max if slo.target.max is not None else slo.target.below
    if slo.target.negated or most is None or isinstance(most, str) or most < 0:
        return None
    return int(most)


def is_measurable(slo: Slo) -> bool:
    """True where the target says what is good: of time a greatest age, of batches bounds that are numbers."""
    if slo.indicator in BY_TIME:
        return limit_of(slo) is not None
    bounds = (slo.target.min, slo.target.above, slo.target.max, slo.target.below)
    return slo.indicator == "availability" or not any(isinstance(bound, str) for bound in bounds)


def catalogue(log: ProjectingLog, known: Known | None = None) -> tuple[Level, ...]:
    """Return the service levels of the highest version of each contract that is not retired, by contract, as it lists them."""
    known = {} if known is None else known
    by_name: dict[str, list[InForce]] = {}
    for version in all_versions(log):
        by_name.setdefault(version.name, []).append(version)
    return tuple(level for versions in by_name.values() for level in _levels(versions, known))


def levels_of(versions: Sequence[InForce], known: Known) -> tuple[Level, ...]:
    """Return the service levels of one contract, from all its versions in the order in which they came into force."""
    return tuple(_levels(versions, known))


def find(levels: tuple[Level, ...], name: str) -> Level:
    """Return the level of a name: `contract/level`, or a contract's that has one alone.

    Raises:
        MissingError: There is none.
        RefusedError: The contract has several.
    """
    found = [level for level in levels if name in (level.name, level.contract.name)]
    exact = [level for level in found if level.name == name]
    if len(exact or found) > 1:
        raise RefusedError(f"contract {name[:128]} has {len(found)} service levels", hint=f"one is {found[0].name}")
    if not found:
        raise MissingError(f"there is no service level {name[:256]!r}", hint="`tally slo list`")
    return (exact or found)[0]


def _levels(versions: Sequence[InForce], known: Known) -> list[Level]:
    alive = [version for version in versions if version.state != "retired"]
    if not alive:
        return []
    binding = max(alive, key=lambda version: Version.parse(version.version))
    document = _document(binding, known)
    contract = document.contract
    return [
        Level(
            contract=contract_name(document),
            dataset=dataset_name(contract.dataset),
            slo=slo,
            owner=slo.owner or contract.owner,
            on_call=slo.on_call or (contract.responsible.on_call if contract.responsible else None),
            runbook=slo.runbook or (contract.responsible.runbook if contract.responsible else None),
            since=min(version.seq for version in versions if _has(_document(version, known).contract, slo)),
        )
        for slo in contract.slos
    ]


def _document(version: InForce, known: Known) -> Document:
    if version.sha256 not in known:
        known[version.sha256] = parse(version.definition.encode(), name=f"entry {version.seq}")
    return known[version.sha256]


def _has(contract: Contract, slo: Slo) -> bool:
    return any((each.name, each.indicator) == (slo.name, slo.indicator) for each in contract.slos)
