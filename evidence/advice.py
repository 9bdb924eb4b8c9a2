"""What an operator can do about a target that will not go, or did not go, as it should.

    foreseen     after a plan: nobody said how, no such identity, it cannot be looked at
    next_step    after a run: why a target is still left

Pure: from plan, history and contracts to a code and a sentence. Nothing here is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from evidence.dispositions import IMPERSONAL, Known, place_of
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
PLACE_CHANGED: Final = "place-changed"
SUBJECT_THERE: Final = "subject-column-there"
STATED_IMPERSONAL: Final = "stated-impersonal"

_DECIDE: Final = "decide it with --subject-key, --retain or --not-applicable"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be known of one target; `what` is one sentence that says what to do."""

    target: str
    code: str
    what: str


def foreseen(planned: Planned, known: Known) -> Iterator[Remark]:
    """Yield what a run of this plan will meet."""
    for target in planned.targets:
        node, before = target.dataset.node, known.place_before(target.dataset.node, target.place)
        if target.action == "not_applicable" and target.reason == IMPERSONAL:
            names = " and ".join(f"{each.name} {each.version}" for each in known.bound.contracts.get(node, ()))
            yield Remark(
                target.id, STATED_IMPERSONAL, f"contract {names} states that no row of {node.text} is about a person"
            )
        elif target.action == "unresolved":
            yield _unresolved(target, known)
        elif target.place is None:
            continue
        elif before is not None:
            yield Remark(target.id, PLACE_CHANGED, _moved(node, before, target.place))
        elif target.place.identity not in known.identities:
            yield Remark(target.id, NO_IDENTITY, _unidentified(target, target.place.identity))
        elif target.before is None:
            what = f"{node.text} could not be looked at: see that its table is there with the column {target.place.column!r}"
            yield Remark(target.id, NOT_COUNTED, what)


def _unresolved(target: Target, known: Known) -> Remark:
    node = target.dataset.node
    keys, telling = known.bound.subject_keys(node), known.telling_columns(node)
    place = place_of(node, keys[0]) if len(keys) == 1 else None
    before = known.place_before(node, place)
    code, what = NO_DISPOSITION, _undecided(node, known)
    if known.bound.is_dropped(node):
        code, what = SUBJECT_DROPPED, _dropped(node, keys)
    elif len(keys) > 1:
        code, what = KEYS_DIFFER, _differing(node, keys)
    elif keys and place is None:
        code, what = NOT_ADDRESSABLE, _unaddressable(node, keys[0])
    elif before is not None:
        code, what = PLACE_CHANGED, f"{_moved(node, before, place)}: {_DECIDE}"
    elif known.bound.is_impersonal(node) and telling:
        code, what = SUBJECT_THERE, _contradicted(node, telling)
    return Remark(target.id, code, what)


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


def _undecided(node: Node, known: Known) -> str:
    if known.bound.subject_keys(node):
        return f"nobody said where {node.text} is: plan again with --duckdb {node.namespace}=FILE"
    if node in known.bound.contracts:
        return (
            f"the contract of {node.text} does not say whose a row is: publish one with `privacy.subject_key`, or with "
            f"`privacy: {{pii: none}}` where no row is about a person; or {_DECIDE}"
        )
    return (
        f"{node.text} needs a contract with `privacy.subject_key`, the column that says whose a row is: "
        "publish one with `tally check`, and plan again"
    )


def _moved(node: Node, before: Place, now: Place | None) -> str:
    columns = f"{before.column!r}, and now it is {now.column!r}" if now else f"{before.column!r}"
    return f"an earlier plan of this request looked for the person in {node.text} by {columns}"


def _contradicted(node: Node, columns: Sequence[str]) -> str:
    return (
        f"the contract of {node.text} states that no row is about a person, and there is a column "
        f"{' and '.join(map(repr, columns))}, as in the request: publish one with `privacy.subject_key`, or {_DECIDE}"
    )


def _dropped(node: Node, columns: Sequence[str]) -> str:
    return (
        f"the contract of {node.text} once told people apart by {' or '.join(map(repr, columns))} and does no longer: "
        f"publish one with `privacy.subject_key`, and plan again; or {_DECIDE}"
    )


def _differing(node: Node, columns: Sequence[str]) -> str:
    return (
        f"the contracts of {node.text} differ about whose a row is, {' or '.join(map(repr, columns))}, also by version: "
        f"nobody can tell from here which of them finds all rows; {_DECIDE}"
    )


def _unaddressable(node: Node, column: str) -> str:
    return (
        f'{node.text} with the column {column!r} cannot be addressed as a table: a DuckDB table is named "schema.name", '
        "and a subject column by letters, digits and . _ : / -"
    )


def _unidentified(target: Target, column: str) -> str:
    return (
        f"people in {target.dataset.node.text} are told apart by {column!r}, and the request names no such identity, "
        f"so that `tally delete run` fails there: request again with --identity {column}=-"
    )
