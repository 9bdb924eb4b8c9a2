"""Put a contract in force: a version is published once, versions only go up, by a step as large as what they break for readers.

A version that breaks what the last release promised, where that promises notice, was announced so many days before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from contracts import record
from contracts.consumers.register import untold
from contracts.diff import compare, needed_bump
from contracts.document import Document, parse
from contracts.history import InForce, ProjectingLog, announced_at, versions
from contracts.model import Contract
from contracts.record import Context
from contracts.registry.change import Change
from contracts.registry.semver import Version, enough
from ledger.clock import Clock, parse_at, system_clock
from proofs.errors import ConflictError, RefusedError

_NAMED: Final = 20  # of those who were not told, in a message


def publish(
    log: ProjectingLog, document: Document, context: Context | None = None, *, clock: Clock = system_clock
) -> InForce:
    """Record that `document` is in force, and return where; the same text a second time is not recorded again.

    Raises:
        ConflictError: This version of the contract is in force with another text.
        RefusedError: A version that is not smaller is in force; the step is too small for what changes; or what breaks was not
            announced as long before as the contract promises.
    """
    contract = document.contract
    known = versions(log, contract.name)
    for version in known:
        if version.version == contract.version:
            return _same(version, document)
    highest = max(known, key=lambda version: Version.parse(version.version), default=None)
    if highest and Version.parse(contract.version) <= Version.parse(highest.version):
        raise RefusedError(
            f"version {contract.version} of contract {contract.name} does not come after {highest.version}",
            hint="raise the version in the contract's file",
        )
    if (release := last_release(known)) is not None:
        _check_step(log, release, document, clock)
    previous = highest.version if highest else None
    receipt = log.append(record.contract_published(document, context or Context(), previous=previous))
    # Somebody else may have been first: the log's order decides, and the fold is the only one to apply it.
    in_force = {version.version: version for version in versions(log, contract.name)}[contract.version]
    if in_force.seq != receipt.seq:
        return _same(in_force, document)
    return in_force


def last_release(known: tuple[InForce, ...]) -> Contract | None:
    """Return the highest version without a pre-release part; None where there is none."""
    releases = [version for version in known if Version.parse(version.version).is_release]
    highest = max(releases, key=lambda version: Version.parse(version.version), default=None)
    return None if highest is None else parse(highest.definition.encode(), name=f"entry {highest.seq}").contract


def _check_step(log: ProjectingLog, release: Contract, document: Document, clock: Clock) -> None:
    contract = document.contract
    changes = compare(release, contract)
    needed = needed_bump(changes)
    older, newer = Version.parse(release.version), Version.parse(contract.version)
    if not enough(older, newer, needed):
        first = _first(changes)
        raise RefusedError(
            f"version {contract.version} of contract {contract.name} is too small a step from {release.version}: "
            f"{first.path} is {first.kind}, which needs a {needed.word} one",
            hint="`tally contract diff` lists every change",
        )
    days = release.change_policy.notice_days if release.change_policy else 0
    if days and any(change.breaking for change in changes):
        said = announced_at(log, contract.name, contract.version, document.sha256)
        if said is None or parse_at(said) + timedelta(days=days) > clock():
            since = "was not announced" if said is None else f"was announced {said[:10]}"
            others = _untold(log, document)
            raise RefusedError(
                f"version {contract.version} of contract {contract.name} breaks what {release.version} promises, "
                f"which {since}, and {days} days' notice is promised{others}",
                hint="`tally contract announce FILE`, and publish when the notice is over",
            )


def not_told(log: ProjectingLog, document: Document) -> list[str]:
    """Return who relies on a contract and was not told that this version is to come, by name."""
    contract = document.contract
    dataset = record.dataset_name(contract.dataset)
    return untold(log, contract.name, dataset, version=contract.version, sha256=document.sha256)


def _untold(log: ProjectingLog, document: Document) -> str:
    names = not_told(log, document)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; not told yet: {', '.join(names[:_NAMED])}{more}" if names else ""


def _first(changes: tuple[Change, ...]) -> Change:
    return min(changes, key=lambda change: (not change.breaking, change.direction == "none"))


def _same(version: InForce, document: Document) -> InForce:
    if version.sha256 != document.sha256:
        raise ConflictError(
            f"version {version.version} of contract {version.name} is in force with the text {version.sha256[:16]}…, "
            f"this one is {document.sha256[:16]}…",
            where=f"entry {version.seq}",
            hint="a published version never changes; publish the change as a new version",
        )
    return version
