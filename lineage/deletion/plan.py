"""What a deletion will touch: the downstream closure of its seeds, compared with what the contracts declare.

Pure: lineage, declarations and dispositions come in as values, and a body for `deletion.planned` comes out. It is
appended before the first destructive call, so that nobody can delete first and choose afterwards what the deletion was
about. What only one side knows is a target all the same, and a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from lineage.deletion.facts import (
    LEFT_OUT,
    ClosureSummary,
    Dataset,
    Finding,
    Place,
    Planned,
    Position,
    Residual,
    Target,
    where_wrong,
)
from proofs import edges, jsonstrict
from proofs.errors import RefusedError
from proofs.statement import Node

NO_DISPOSITION: Final = "no-disposition"

# What the targets of one plan may take together, as its certificate will print them, which is the larger of the two bodies.
TARGETS_BYTES: Final = 12 * 1024 * 1024
_STEPS_BYTES: Final = 800  # of a target that is deleted: who did it, who looked, how, and where it is recorded
_REST_BYTES: Final = 150


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the person's rows at `place`; `residuals` are those that are known beforehand, such as backups."""

    place: Place
    residuals: tuple[Residual, ...] = ()


@dataclass(frozen=True, slots=True)
class Retain:
    """Keep the rows: `basis` is the ground on which ("art17.3.b")."""

    basis: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Nothing there is about one person: `reason` says why ("aggregate", "dbt-test")."""

    reason: str


Disposition = Delete | Retain | NotApplicable
_RANK: Final[Mapping[type, int]] = {Delete: 0, Retain: 1, NotApplicable: 1, type(None): 2}


@dataclass(frozen=True, slots=True)
class Lineage:
    """The recorded lineage at one position.

    Attributes:
        size, root: Of the checkpoint up to which it was read; root as 64 hex digits.
        closure: Node → distance from a seed, the seeds at 0 among them (`lineage.query.closure`, with what was
            taken back).
        findings: Code → events with a piece that could not be read (`lineage.query.findings`).
    """

    size: int
    root: str
    closure: Mapping[Node, int]
    findings: Mapping[str, int]


def make_plan(
    request: str,
    lineage: Lineage,
    *,
    seeds: Iterable[Node],
    declared: Iterable[Node],
    dispositions: Mapping[Node, Disposition],
    at: str,
) -> Planned:
    """Return the plan: a target for every dataset that lineage or a contract knows, upstream first.

    A dataset without a disposition is a target with the action `unresolved`, and no certificate calls that complete. Where
    all of them are more than a plan holds, those of which nobody said anything are left out first, and the finding
    `targets-left-out` counts them: somebody's thousands of names stop no deletion, and make none complete.

    Args:
        declared: Datasets that the contracts of all these name in `deletion_propagation`, and what derives from them.
        dispositions: What is known of each dataset; of others than the targets nothing is taken.
        at: The ledger's clock, as an entry prints it.

    Raises:
        RefusedError: There is no seed, a seed is no dataset, the closure was taken from other seeds, or a word is not
            one (a basis, a reason: tokens, not sentences).
    """
    begun, named = set(seeds), set(declared)
    if not begun:
        raise RefusedError(f"plan for request {request} has no dataset to begin with")
    if strangers := sorted(node.kind for node in begun | named if node.kind != "dataset"):
        raise RefusedError(f"plan for request {request} names a {strangers[0]}, expected datasets")
    distance = {node: far for node, far in lineage.closure.items() if node.kind == "dataset"}
    if missing := sorted(node.id for node in begun if distance.get(node) != 0):
        raise RefusedError(f"the closure does not begin at {missing[0]}")
    beyond = max(distance.values()) + 1  # what only a contract names comes last
    ordered = sorted(distance.keys() | named, key=lambda node: (distance.get(node, beyond), node.id))
    derived = distance.keys() - begun
    kept = _fitting(ordered, begun, dispositions)
    findings = dict(lineage.findings)
    if len(kept) < len(ordered):
        findings[LEFT_OUT] = len(ordered) - len(kept)
    listed = [node for node in ordered if node in kept]
    try:
        return Planned(
            request=request,
            at=at,
            lineage=Position(size=lineage.size, root=lineage.root),
            seeds=_datasets(begun),
            closure=ClosureSummary(count=len(distance), hash=edges.closure_hash(distance)),
            targets=tuple(_target(f"t{n}", node, dispositions.get(node)) for n, node in enumerate(listed, 1)),
            only_in_contract=_datasets((named - distance.keys()) & kept),
            only_in_lineage=_datasets((derived - named) & kept),
            findings=tuple(Finding(code=code, events=count) for code, count in sorted(findings.items())),
        )
    except ValidationError as error:
        raise RefusedError(f"plan for a deletion is not acceptable at {where_wrong(error)}") from error


def _fitting(ordered: Sequence[Node], seeds: Set[Node], dispositions: Mapping[Node, Disposition]) -> set[Node]:
    """The datasets that one plan holds: the seeds, what is to be deleted, what is known otherwise, the rest."""
    kept, left = set[Node](), TARGETS_BYTES
    for node in sorted(ordered, key=lambda node: (node not in seeds, _RANK[type(dispositions.get(node))])):
        left -= _printed_bytes(node, dispositions.get(node))
        if left < 0 and node not in seeds:
            break
        kept.add(node)
    return kept


def _printed_bytes(node: Node, disposition: Disposition | None) -> int:
    """No less than a target takes in a certificate: its dataset is named three times there, at most."""
    name = len(jsonstrict.dumps([node.namespace, node.name]))
    return 3 * name + (_STEPS_BYTES if isinstance(disposition, Delete) else _REST_BYTES)


def _target(id: str, node: Node, disposition: Disposition | None) -> Target:
    dataset = Dataset.of(node)
    match disposition:
        case Delete(place, residuals):
            return Target(id=id, dataset=dataset, action="delete", place=place, residuals=residuals)
        case Retain(basis):
            return Target(id=id, dataset=dataset, action="retain", reason=basis)
        case NotApplicable(reason):
            return Target(id=id, dataset=dataset, action="not_applicable", reason=reason)
        case None:
            return Target(id=id, dataset=dataset, action="unresolved", reason=NO_DISPOSITION)


def _datasets(nodes: Iterable[Node]) -> tuple[Dataset, ...]:
    return tuple(Dataset.of(node) for node in sorted(nodes, key=lambda node: node.id))
