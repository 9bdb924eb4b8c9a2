"""What a bundle derives from disclosed bodies, derived again: the lineage graph and the deletion certificates.

Source: docs/formats/lineage.md; docs/formats/bundle.md, lineage.json and certificates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from proofs import edges, jsonstrict
from proofs.bundle import LINEAGE, Bundle, Listed
from proofs.disclosure import Body
from proofs.entry import Entry
from proofs.errors import IncompleteError, MalformedError, TamperedError
from proofs.record import document, place
from proofs.streams import OPENLINEAGE_TYPES, claims_json

CERTIFIED: Final = "tallystick.deletion.certified.v1"


def lineage(entries: Iterable[Entry], bodies: Mapping[int, Body]) -> bytes:
    """Return lineage.json: the fold over the disclosed OpenLineage bodies of these entries."""
    observed = (
        (entry.seq, structure(entry, bodies[entry.seq].data))
        for entry in entries
        if entry.type in OPENLINEAGE_TYPES and bodies[entry.seq].state == "disclosed"
    )
    return edges.to_json(edges.fold(observed))


def structure(entry: Entry, body: bytes) -> Any:
    """Return the parsed body; None when it does not claim to be JSON, or is no acceptable document (docs/formats/json.md)."""
    return read_structure(entry.datacontenttype, body)


def read_structure(datacontenttype: str | None, body: bytes) -> Any:
    """Return what `structure` does, of an entry with this datacontenttype."""
    if not body or not claims_json(datacontenttype):
        return None
    try:
        return jsonstrict.loads_foreign(body)
    except MalformedError:
        return None


def check_lineage(bundle: Bundle, entries: Iterable[Listed], bodies: Mapping[int, Body]) -> None:
    """Accept the graph that the disclosed bodies give.

    Raises:
        MalformedError: The file is not canonical JSON.
        TamperedError: It is another graph.
    """
    found = bundle.files[LINEAGE]
    if found != lineage((listed.entry for listed in entries), bodies):
        with place(LINEAGE):
            document(found)
            raise TamperedError("graph is not the one that the disclosed bodies give")


def check_certificates(bundle: Bundle, entries: Iterable[Listed], bodies: Mapping[int, Body]) -> None:
    """Accept exactly the deletion certificates that are disclosed, each with the bytes of its body.

    Raises:
        IncompleteError: One is missing.
        TamperedError: One is not that of the log, or not disclosed there.
    """
    certified = {
        listed.entry.seq: bodies[listed.entry.seq].data
        for listed in entries
        if listed.entry.type == CERTIFIED and bodies[listed.entry.seq].state == "disclosed"
    }
    given = bundle.certificates()
    for seq in certified:
        if seq not in given:
            raise IncompleteError("file is not there", where=f"data/certificates/{seq}.json")
    for seq, path in sorted(given.items()):
        if seq not in certified:
            raise TamperedError(f"no listed entry {seq} discloses a certificate", where=path)
        if bundle.files[path] != certified[seq]:
            raise TamperedError(f"certificate is not the body of entry {seq}", where=path)
