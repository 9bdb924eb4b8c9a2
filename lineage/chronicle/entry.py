"""An entry of the log as the graph takes it: words of a course, a rule, or nothing.

Source: docs/formats/chronicle.md, "Which course".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger.document import parse_document
from ledger.record import Record
from lineage.chronicle.course import Key, Told, stage_of
from lineage.chronicle.rules import ALIAS_DECLARED, EDGE_RETRACTED, AliasDeclared, EdgeRetracted
from lineage.chronicle.saying import Parents, Saying, members, read_parents, read_saying
from lineage.chronicle.vertex import ALWAYS, Vertex, moment, of_node
from proofs.digest import sha256
from proofs.errors import MalformedError
from proofs.statement import is_name, node_of
from proofs.streams import OPENLINEAGE_TYPES, claims_json

CONTRACT_PUBLISHED: Final = "tallystick.contract.published.v1"
CONTRACT_RETIRED: Final = "tallystick.contract.retired.v1"
TYPES: Final = OPENLINEAGE_TYPES | {ALIAS_DECLARED, EDGE_RETRACTED, CONTRACT_PUBLISHED, CONTRACT_RETIRED}

_WORDS: Final = frozenset(("START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER"))
_MAX_KNOWN: Final = 20_000


@dataclass(frozen=True, slots=True)
class Words:
    """One event, the course that it belongs to, the runs above it, and what is odd about it."""

    key: Key
    told: Told
    parents: Parents = ()
    findings: tuple[str, ...] = ()


Taken = Words | AliasDeclared | EdgeRetracted


class Reader:
    """Reads entries; what many events say alike is read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Saying] = {}

    def take(self, record: Record) -> Taken | None:
        """Return what an entry says to the graph; None where it says nothing, as when its body is gone."""
        if record.body is None or record.type not in TYPES:
            return None
        if record.type in OPENLINEAGE_TYPES:
            return self._observed(_structure(record, record.body), record.body)
        try:
            if record.type == ALIAS_DECLARED:
                return AliasDeclared.parse(record.body)
            if record.type == EDGE_RETRACTED:
                return EdgeRetracted.parse(record.body)
        except MalformedError:
            return None
        return _contract(record, members(_structure(record, record.body)))

    def _observed(self, body: Any, data: bytes) -> Words | None:
        if not isinstance(body, dict):
            return None
        owner = None
        if body.get("run") is not None or body.get("job") is not None:
            node = node_of(body.get("job"), "job")
            owner = None if node is None else of_node(node)
        word = body.get("eventType") if body.get("run") is not None else None
        time = moment(body.get("eventTime"))
        digest = sha256(data)
        event_type = word if isinstance(word, str) and word in _WORDS else ""
        parents = read_parents(members(members(body.get("run")).get("facets")).get("parent"))
        said = self._saying(body, owner, parents)
        told = Told(ALWAYS if time is None else time, stage_of(event_type), digest, event_type, said)
        findings = () if time is not None else ("bad-event-time",)
        return Words(_key(body, owner, digest), told, parents, findings)

    def _saying(self, body: Mapping[str, Any], owner: Vertex | None, parents: Parents) -> Saying:
        looked_at = [owner, *map(body.get, ("inputs", "outputs", "dataset")), members(body.get("job")).get("facets")]
        try:
            text = orjson.dumps([*looked_at, [each[:2] for each in parents]])
        except orjson.JSONEncodeError:  # numbers that only the strict reader takes
            return read_saying(body, owner)
        key = sha256(text)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[key] = read_saying(body, owner)
        return found


def take(record: Record) -> Taken | None:
    """Return what one entry says to the graph; None where it says nothing."""
    return Reader().take(record)


def _structure(record: Record, body: bytes) -> Any:
    """What `proofs.derived.read_structure` returns of it, sooner where that can be."""
    if not body or not claims_json(record.datacontenttype):
        return None
    try:
        return parse_document(body)
    except MalformedError:
        return None


def _key(body: Mapping[str, Any], owner: Vertex | None, digest: bytes) -> Key:
    if body.get("run") is not None:
        run = members(body["run"]).get("runId")
        if owner is not None and is_name(run):
            return Key("run", str(run), owner)
        return Key("alone", f"run:{digest.hex()}", owner)
    if owner is not None:
        return Key("job", "", owner)
    node = node_of(body.get("dataset"), "dataset")
    return Key("alone", digest.hex(), None) if node is None else Key("dataset", "", of_node(node))


def _contract(record: Record, body: Mapping[str, Any]) -> Words | None:
    """What a contract declares to follow its dataset's deletions: it holds from the ledger's own moment, in its own order."""
    name = members(body.get("contract")).get("name")
    source = node_of(body.get("dataset"), "dataset")
    if not is_name(name) or source is None:
        return None
    stated = members(body.get("privacy")).get("deletion_propagation")
    published = record.type == CONTRACT_PUBLISHED
    nodes = [node_of(item, "dataset") for item in (stated if published and isinstance(stated, list) else [])]
    targets = tuple(sorted({of_node(node) for node in nodes if node is not None}))
    named = tuple(sorted({of_node(source), *targets}))
    said = Saying(inputs=(of_node(source),) if published else (), outputs=targets, named=named)
    time = moment(record.at)
    at = (ALWAYS if time is None else time, 1, record.seq.to_bytes(8, "big"))
    return Words(Key("contract", str(name), None), Told(*at, "", said))
