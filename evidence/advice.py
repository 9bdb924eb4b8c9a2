"""What an operator can do about a target that will not go, or did not go, as it should.

    foreseen     after a plan: nobody said how, no such identity, it cannot be looked at
    next_step    after a run: why a target is still left

Pure: from plan, history and contracts to a code and a sentence. Nothing here is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from lineage.deletion.facts import Place, Planned, Target
from lineage.deletion.history import History
from lineage.deletion.plan import NO_DISPOSITION
from lineage.deletion.run import NO_ADAPTER, NO_IDENTITY
from proofs.statement import Node

NOT_COUNTED: Final = "not-counted"
NO_CONTROL: Final = "no-control"
SUBJECT_DROPPED: Final = "subject-dropped"
KEYS_DIFFER: Final = "subject-keys-differ"
NOT_ADDRESSABLE: Final = "not-addressable"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be known of one target; `what` is one sentence that says what to do."""

    target: str
    code: str
    what: str


def place_of(node: Node, column: str) -> Place | None:
    """Return the table and column of a dataset; None where its name, or the column's, is none that a store is asked for."""
    try:
        return Place(store=node.namespace, table=tuple(node.name.split(".")), column=column, identity=column)
    except ValidationError:
        return None


def foreseen(
    planned: Planned,
    *,
    identities: Collection[str],
    keys: Mapping[Node, Sequence[str]],
    dropped: Mapping[Node, Sequence[str]],
) -> Iterator[Remark]:
    """Yield what a run of this plan will meet.

    Args:
        identities: The types that the request names.
        keys: Dataset with a contract → the subject columns that its contracts name.
        dropped: Dataset → the subject columns that earlier versions named, where its contracts name none now.
    """
    for target in planned.targets:
        node = target.dataset.node
        if target.action == "unresolved" and node in dropped:
            yield Remark(target.id, SUBJECT_DROPPED, _dropped(node, dropped[node]))
        elif target.action == "unresolved" and len(keys.get(node, ())) > 1:
            yield Remark(target.id, KEYS_DIFFER, _differing(node, keys[node]))
        elif target.action == "unresolved" and keys.get(node) and place_of(node, keys[node][0]) is None:
            yield Remark(target.id, NOT_ADDRESSABLE, _unaddressable(node, keys[node][0]))
        elif target.action == "unresolved":
            yield Remark(target.id, NO_DISPOSITION, _undecided(node, has_contract=node in keys))
        elif target.place is not None and target.place.identity not in identities:
            yield Remark(target.id, NO_IDENTITY, _unidentified(target, target.place.identity))
        elif target.place is not None and target.before is None:
            what = f"{node.text} could not be looked at: see that its table is there with the column {target.place.column!r}"
            yield Remark(target.id, NOT_COUNTED, what)


def next_step(history: History, target: Target) -> Remark:
    """Return what to do about a target of the standing plan that is left."""
    node, code = target.dataset.node, _code(history, target)
    if target.place is None:
        return Remark(target.id, NO_DISPOSITION, f"see `tally delete plan` for what {node.text} wants")
    column = target.place.column
    known = {
        "": f"run again: {node.text} was not seen empty",
        NO_ADAPTER: f"run again with --duckdb {node.namespace}=FILE",
        NO_IDENTITY: _unidentified(target, column),
        NO_CONTROL: f"nobody was found in {node.text}, and nothing shows that they would have been: see how its column "
        f"{column!r} writes an identity and request again in that form, or certify with --even-if-partial",
    }
    return Remark(target.id, code, known.get(code, f"{node.text} answered {code!r}: mend that, and run again"))


def _code(history: History, target: Target) -> str:
    executions, seen = history.executions(target), history.verifications(target)
    if executions and executions[-1].fact.code:
        return executions[-1].fact.code
    if not seen:
        return ""
    last = seen[-1].fact
    return last.code or (NO_CONTROL if last.result == "inconclusive" else "")


def _undecided(node: Node, *, has_contract: bool) -> str:
    if has_contract:
        return f"nobody said where {node.text} is: plan again with --duckdb {node.namespace}=FILE"
    return (
        f"{node.text} needs a contract with `privacy.subject_key`, the column that says whose a row is: "
        "publish one with `tally check`, and plan again"
    )


def _dropped(node: Node, columns: Sequence[str]) -> str:
    return (
        f"the contract of {node.text} once told people apart by {' or '.join(map(repr, columns))} and does no longer: "
        "publish one with `privacy.subject_key`, and plan again"
    )


def _differing(node: Node, columns: Sequence[str]) -> str:
    return (
        f"the contracts of {node.text} differ about whose a row is, {' or '.join(map(repr, columns))}, also by version: "
        "nobody can tell which of them finds all rows; delete there by hand, and certify with --even-if-partial"
    )


def _unaddressable(node: Node, column: str) -> str:
    return (
        f'{node.text} with the column {column!r} cannot be addressed as a table: a DuckDB table is named "schema.name", '
        "and a subject column by letters, digits and . _ : / -"
    )


def _unidentified(target: Target, column: str) -> str:
    return (
        f"the contract of {target.dataset.node.text} tells people apart by {column!r}, and the request names no such identity, "
        f"so that `tally delete run` fails there: request again with --identity {column}=-"
    )
