"""What is to happen at each dataset of a deletion: what an operator decides, else what its contracts and earlier plans say.

    an operator decided                                  that
    no contract, and earlier plans had one place         that place
    the contracts and every version agree on a column    that column, unless an earlier plan looked at another
    every contract states that no row is about a         not applicable
    person, no earlier plan looked for one, and neither
    schema nor table has a column of the request's kind
    anything else                                        nobody decides: the target is `unresolved`

Pure. A contract that is silent about people says nothing: silence would make a deletion smaller than it is. An operator decides
what contracts leave open, and not what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from contracts.inforce import Bound
from lineage.deletion.facts import Place, Token
from lineage.deletion.plan import Delete, Disposition, NotApplicable, Retain
from proofs.errors import MissingError, RefusedError
from proofs.statement import Node

IMPERSONAL: Final = "pii-none"
_TOKEN: Final[TypeAdapter[str]] = TypeAdapter(Token)


@dataclass(frozen=True, slots=True)
class Decided:
    """What an operator decides on their own responsibility: dataset → column, ground, reason (tokens).

    Attributes:
        subject_keys: The column that says whose a row is.
        retained: The ground on which the rows are kept ("art17.3.b").
        not_applicable: Why nothing there is about one person ("aggregate").
    """

    subject_keys: Mapping[Node, str] = field(default_factory=dict)
    retained: Mapping[Node, str] = field(default_factory=dict)
    not_applicable: Mapping[Node, str] = field(default_factory=dict)

    def check(self, targets: Collection[Node], known: Known) -> None:
        """Accept decisions that can be carried out, of what contracts leave open.

        Raises:
            MissingError: One is about a dataset that is no target, or whose store nobody named.
            RefusedError: Two are about one dataset, a table cannot be addressed, or contracts say otherwise.
        """
        self._check_words(targets)
        for node in self.not_applicable:
            if known.bound.subject_keys(node) or known.places.get(node):
                raise RefusedError(
                    f"{node.text[:200]} has rows about people, as its contracts or an earlier plan say",
                    hint="what is kept all the same has a ground: --retain",
                )
        for node, column in self.subject_keys.items():
            _check_column(node, column, known)

    def _check_words(self, targets: Collection[Node]) -> None:
        every = [*self.subject_keys, *self.retained, *self.not_applicable]
        for node in every:
            if node not in targets:
                raise MissingError(f"{node.text[:200]} is no target of this plan, so that nothing can be decided there")
            if every.count(node) > 1:
                raise RefusedError(f"two things are decided of {node.text[:200]}")
        for node, word in (*self.retained.items(), *self.not_applicable.items()):
            if not _is_token(word):
                raise RefusedError(
                    f"the ground for {node.text[:200]} is no code",
                    hint="for example art17.3.b, or aggregate: it stands for ever",
                )

    def of(self, node: Node) -> Disposition | None:
        """Return what is decided of a dataset; None where nothing is."""
        if node in self.retained:
            return Retain(self.retained[node])
        if node in self.not_applicable:
            return NotApplicable(self.not_applicable[node])
        place = place_of(node, self.subject_keys[node]) if node in self.subject_keys else None
        return None if place is None else Delete(place)


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan stands on.

    Attributes:
        bound: What the contracts say.
        stores: The namespaces whose tables can be reached.
        identities: The types of identity that the request names.
        places: Dataset → every place where a plan of this request looked for the person there.
        has_column: Tells whether the table of a dataset, where it can be reached, has a column.
    """

    bound: Bound
    stores: Collection[str]
    identities: Collection[str]
    places: Mapping[Node, frozenset[Place]]
    has_column: Callable[[Node, str], bool] = lambda _node, _column: False

    def place_before(self, node: Node, now: Place | None) -> Place | None:
        """Return another place than `now` where an earlier plan looked for the person; None where none did."""
        others = self.places.get(node, frozenset()) - {now}
        return min(others, key=lambda place: place.column, default=None)

    def telling_columns(self, node: Node) -> tuple[str, ...]:
        """Return the columns by which a schema tells people apart, as far as the request's own words show it."""
        wanted = {identity.casefold() for identity in self.identities}
        fields = (each for contract in self.bound.contracts.get(node, ()) for each in contract.fields)
        there = {identity for identity in self.identities if self.has_column(node, identity)}
        return tuple(sorted({each.name for each in fields if each.name.casefold() in wanted} | there))


def place_of(node: Node, column: str) -> Place | None:
    """Return the table and column of a dataset; None where its name, or the column's, is none that a store is asked for."""
    try:
        return Place(store=node.namespace, table=tuple(node.name.split(".")), column=column, identity=column)
    except ValidationError:
        return None


def _check_column(node: Node, column: str, known: Known) -> None:
    keys = known.bound.subject_keys(node)
    if keys and column not in keys:
        raise RefusedError(
            f"{column[:80]!r} is no column by which a contract of {node.text[:200]} tells people apart",
            hint=f"one of {', '.join(keys)[:200]}",
        )
    if node.namespace not in known.stores:
        raise MissingError(f"nobody said where {node.text[:200]} is", hint=f"add --duckdb {node.namespace[:80]}=FILE")
    if place_of(node, column) is None:
        raise RefusedError(f"{node.text[:200]} with the column {column[:80]!r} cannot be addressed as a table")


def _is_token(word: str) -> bool:
    try:
        _TOKEN.validate_python(word)
    except ValidationError:
        return False
    return True


def dispositions(datasets: Iterable[Node], known: Known, decided: Decided) -> dict[Node, Disposition]:
    """Return what is to happen at each of `datasets`; those of which nobody can say it are left out."""
    said = ((node, decided.of(node) or _known_of(node, known)) for node in datasets)
    return {node: disposition for node, disposition in said if disposition is not None}


def _known_of(node: Node, known: Known) -> Disposition | None:
    before, keys = known.places.get(node, frozenset()), known.bound.subject_keys(node)
    if node not in known.bound.contracts:
        return Delete(next(iter(before))) if len(before) == 1 else None
    if known.bound.is_impersonal(node):
        return None if before or known.telling_columns(node) else NotApplicable(IMPERSONAL)
    if node.namespace not in known.stores or known.bound.is_dropped(node) or len(keys) != 1:
        return None
    place = place_of(node, keys[0])
    # An earlier plan looked for the person elsewhere: neither place alone is known to be all of it.
    return Delete(place) if place is not None and before <= {place} else None
