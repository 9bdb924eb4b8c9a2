"""What is covered: of the datasets that lineage knows, which have a contract in force, an owner, and somebody on call.

A dataset counts once, however many names it has, and a contract that binds any of them binds it. One that events name only as
the source of a column is not counted: often it is the alias of a query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from contracts.binding import Binding, bindings
from contracts.history import ReadableLog
from evidence.moment import bounds_of
from lineage.chronicle.cut import NOW, Cut
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.things import Thing, things
from lineage.chronicle.vertex import Vertex

Lack = Literal["contract", "owner", "on-call"]
LACKS: Final[tuple[Lack, ...]] = ("contract", "owner", "on-call")
MOST_NAMED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many datasets, and how many of them have a contract in force, one with an owner, one with somebody on call."""

    datasets: int
    with_contract: int
    with_owner: int
    with_on_call: int


@dataclass(frozen=True, slots=True)
class Lacking:
    """A dataset that lacks something.

    Attributes:
        dataset: The name under which it is shown.
        contracts: Those that bind it, by name.
        lacks: In the order of LACKS.
    """

    dataset: Vertex
    contracts: tuple[Binding, ...]
    owner: str | None
    on_call: str | None
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class LineageCoverage:
    """What is covered in all, in each namespace, and what is not.

    Attributes:
        lacking: Sorted by name, at most so many as were asked for; `truncated`: there are more.
    """

    total: Count
    namespaces: dict[str, Count]
    lacking: tuple[Lacking, ...]
    truncated: bool


def coverage(
    log: ReadableLog,
    cut: Cut = NOW,
    *,
    namespace: str | None = None,
    limit: int = MOST_NAMED,
    sees: Callable[[Vertex], bool] = lambda _: True,
) -> LineageCoverage:
    """Return what is covered of the datasets of a cut.

    Args:
        namespace: Only the datasets that are shown in it.
        limit: The most that are listed; all are counted.
        sees: Whether the asker may see a name: a dataset is shown by names that they see, or not at all.
    """
    with log.viewing(ChronicleProjection()) as db:
        found = [seen for thing in things(db, cut) if (seen := _seen(thing, sees)) is not None]
    known = bindings(log, **bounds_of(cut))
    counts = Counter[tuple[str, str]]()
    lacking: list[Lacking] = []
    for thing in found:
        own = thing.shown[1]
        if namespace is not None and own != namespace:
            continue
        one = _look(thing, tuple(each for name in thing.names for each in known.get((name[1], name[2]), ())))
        counts.update((own, word) for word in ("datasets", *LACKS) if word not in one.lacks)
        if one.lacks:
            lacking.append(one)
    namespaces = {name: _count(counts, name) for name in sorted({name for name, _ in counts})}
    total = Count(*(sum(getattr(each, word) for each in namespaces.values()) for word in Count.__slots__))
    return LineageCoverage(total, namespaces, tuple(lacking[:limit]), truncated=len(lacking) > limit)


def coverage_json(found: LineageCoverage) -> dict[str, Any]:
    """Return it as the command line and the service print it."""
    return {
        **_counted(found.total),
        "namespaces": [{"namespace": name, **_counted(count)} for name, count in found.namespaces.items()],
        "lacking": [
            {
                "namespace": each.dataset[1],
                "name": each.dataset[2],
                "contracts": [
                    {"name": one.name, "version": one.version, "sha256": one.sha256, "seq": one.seq}
                    for one in each.contracts
                ],
                "owner": each.owner,
                "on_call": each.on_call,
                "lacks": list(each.lacks),
            }
            for each in found.lacking
        ],
        "truncated": found.truncated,
    }


def _counted(count: Count) -> dict[str, int]:
    return {word: getattr(count, word) for word in Count.__slots__}


def _seen(thing: Thing, sees: Callable[[Vertex], bool]) -> Thing | None:
    names = tuple(name for name in thing.names if sees(name))
    if not names:
        return None
    return Thing(thing.shown if thing.shown in names else names[0], names)


def _look(thing: Thing, binding: tuple[Binding, ...]) -> Lacking:
    owner = next((each.owner for each in binding if each.owner is not None), None)
    on_call = next((each.on_call for each in binding if each.on_call is not None), None)
    stated = zip(LACKS, (binding or None, owner, on_call), strict=True)
    return Lacking(thing.shown, binding, owner, on_call, tuple(word for word, value in stated if value is None))


def _count(counts: Counter[tuple[str, str]], namespace: str) -> Count:
    return Count(*(counts[namespace, word] for word in ("datasets", *LACKS)))
