"""Questions of lineage: at which cut they are asked, and which names the asker may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.log import Ledger
from lineage.chronicle.asked import asked
from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.vertex import STATES, Vertex, owner, printed
from proofs import limits
from proofs.errors import RefusedError
from proofs.streams import qualified
from server import query
from server.auth import Principal
from server.table import Parameter

TEXT_BYTES: Final = 4_096
AS_OF: Final = Parameter(
    "asOf",
    "query",
    {"type": "string", "minLength": 1, "maxLength": 64},
    "As it was, by the producers' clocks: a day or YYYY-MM-DDThh:mm:ssZ.",
    "2026-11-20T09:00:00Z",
)
KNOWN_AT: Final = Parameter(
    "knownAt",
    "query",
    {"type": "integer", "minimum": 0, "maximum": limits.MAX_INTEGER},
    "As the log knew it at this entry.",
    41,
)
STATE: Final = Parameter(
    "state", "query", {"type": "string", "enum": list(STATES)}, "The least that an edge must be.", "committed"
)


def cut_of(given: Mapping[str, str]) -> Cut:
    """Return the cut that the parameters `asOf`, `knownAt` and `state` name.

    Raises:
        RefusedError: One of them is none.
    """
    state = given.get("state", STATES[0])
    if state not in STATES:
        raise RefusedError(f"parameter 'state' is none of {', '.join(STATES)}")
    known_at = query.integer(given, "knownAt", most=limits.MAX_INTEGER) if "knownAt" in given else None
    return asked(given.get("asOf"), known_at, state)


def told(cut: Cut, log: Ledger) -> dict[str, Any]:
    """Return the cut as an answer tells it, with how many entries the log has."""
    return {
        "asOf": None if cut.as_of == NOW.as_of else printed(cut.as_of),
        "knownAt": None if cut.known_at == NOW.known_at else cut.known_at,
        "size": log.size,
    }


def sees(principal: Principal) -> Callable[[Vertex], bool]:
    """Return what tells whether a name is within somebody's namespaces; of a column, that of its dataset."""

    def within(vertex: Vertex) -> bool:
        kind, namespace, name, _ = owner(vertex)
        return principal.sees((f"{kind}:{qualified(namespace, name)}",))

    return within
