"""Put a contract in force: a version is published once, and versions only go up."""

from __future__ import annotations

from contracts import record
from contracts.document import Document
from contracts.history import InForce, ProjectingLog, versions
from contracts.record import Context
from contracts.registry.semver import Version
from proofs.errors import ConflictError, RefusedError


def publish(log: ProjectingLog, document: Document, context: Context | None = None) -> InForce:
    """Record that `document` is in force, and return where; the same text a second time is not recorded again.

    Raises:
        ConflictError: This version of the contract is in force with another text.
        RefusedError: A version that is not smaller is in force.
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
    previous = highest.version if highest else None
    receipt = log.append(record.contract_published(document, context or Context(), previous=previous))
    # Somebody else may have been first: the log's order decides, and the fold is the only one to apply it.
    in_force = {version.version: version for version in versions(log, contract.name)}[contract.version]
    if in_force.seq != receipt.seq:
        return _same(in_force, document)
    return in_force


def _same(version: InForce, document: Document) -> InForce:
    if version.sha256 != document.sha256:
        raise ConflictError(
            f"version {version.version} of contract {version.name} is in force with the text {version.sha256[:16]}…, "
            f"this one is {document.sha256[:16]}…",
            where=f"entry {version.seq}",
            hint="a published version never changes; publish the change as a new version",
        )
    return version
