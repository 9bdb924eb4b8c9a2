"""Questions of the console: their parameters, checked before anything is looked at, and where the answer is worked out.

Pages are read at the desk, which shares no handle with the writer: a page that takes long delays the next page, and no event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from starlette.datastructures import QueryParams

from evidence.console.page import Page
from ledger.log import Ledger
from lineage.names import parse_dataset
from proofs import limits
from proofs.errors import RefusedError
from proofs.moment import as_at
from server import query
from server.table import Call, Parameter

_Result = TypeVar("_Result")
MOST_ROWS: Final = 200
_ROWS: Final = 50
TEXT_BYTES: Final = 2_048
_MOST_PARAMETERS: Final = 16

LIMIT: Final = Parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, "How many at most; 50 unless stated.", 50
)
AFTER: Final = Parameter(
    "after",
    "query",
    {"type": "integer", "minimum": 0, "maximum": limits.MAX_INTEGER},
    "Cursor: `next` of the page before.",
    41,
)
DATASET: Final = Parameter(
    "dataset",
    "query",
    {"type": "string", "minLength": 1, "maxLength": 512},
    "Of this dataset alone: <namespace>|<name>, `%` and `|` of the namespace as %25 and %7C.",
    "shop|orders",
)


def text_parameter(name: str, says: str, example: str) -> Parameter:
    """Return a parameter of the query that is text."""
    return Parameter(name, "query", {"type": "string", "minLength": 1, "maxLength": 256}, says, example)


def word_parameter(name: str, words: tuple[str, ...], says: str) -> Parameter:
    """Return a parameter of the query that is one of a few words."""
    return Parameter(name, "query", {"type": "string", "enum": list(words)}, says, words[0])


def given(call: Call, parameters: tuple[Parameter, ...]) -> QueryParams:
    """Return what stands in the query.

    Raises:
        RefusedError: Something does that none of `parameters` is, or one does twice.
    """
    values = call.request.query_params
    known = {parameter.name for parameter in parameters}
    items = values.multi_items()
    if len(items) > _MOST_PARAMETERS:
        raise RefusedError(f"the query has {len(items)} parameters, at most {_MOST_PARAMETERS} are known")
    seen: set[str] = set()
    for name, _ in items:
        if name not in known:
            raise RefusedError(
                f"parameter {name[:64]!r} is not known here", hint=f"known are {', '.join(sorted(known))}"
            )
        if name in seen:
            raise RefusedError(f"parameter {name!r} is given twice")
        seen.add(name)
    return values


def page_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the cursor and the length of a page."""
    after = query.integer(values, "after", most=limits.MAX_INTEGER) if "after" in values else None
    return {"after": after, "limit": limit_of(values)}


def limit_of(values: Mapping[str, str]) -> int:
    """Return how many rows a page has at most."""
    return query.integer(values, "limit", default=_ROWS, least=1, most=MOST_ROWS)


def text_of(values: Mapping[str, str], name: str) -> str | None:
    """Return a parameter that is text."""
    return query.text(values, name, most_bytes=TEXT_BYTES)


def word_of(values: Mapping[str, str], name: str, words: tuple[str, ...]) -> str | None:
    """Return a parameter that is one of `words`.

    Raises:
        RefusedError: It is another one.
    """
    value = values.get(name)
    if value is not None and value not in words:
        raise RefusedError(f"parameter {name!r} is none of {', '.join(words)}")
    return value


def moment_of(values: Mapping[str, str], name: str) -> str | None:
    """Return a parameter that is a moment, as an entry prints it.

    Raises:
        RefusedError: It is none.
    """
    value = text_of(values, name)
    try:
        return None if value is None else as_at(value)
    except ValueError as error:
        raise RefusedError(f"parameter {name!r}: {error}") from error


def dataset_of(values: Mapping[str, str]) -> dict[str, str]:
    """Return namespace and name of the parameter `dataset`; empty where it is not given.

    Raises:
        RefusedError: It is not <namespace>|<name>.
    """
    value = text_of(values, "dataset")
    if value is None:
        return {}
    node = parse_dataset(value)
    return {"namespace": node.namespace, "name": node.name}


def page_json(page: Page, name: str) -> dict[str, Any]:
    """Return a page as it is answered."""
    return {name: list(page.rows), "next": page.next}


async def looked_up(call: Call, work: Callable[[Ledger], _Result]) -> _Result:
    """Return what `work` finds in the log and its views."""
    return await call.service.at_desk(work)
