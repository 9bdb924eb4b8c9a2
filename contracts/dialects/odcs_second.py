"""The second edition of ODCS (2.2) in the words of the third: what was renamed is renamed, line by line.

Source: the standard's CHANGELOG, "v3.0.0".
"""

from __future__ import annotations

from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place

_ROOT: Final = {
    "uuid": "id",
    "quantumName": "dataProduct",
    "datasetDomain": "domain",
    "stakeholders": "team",
    "slaDefaultColumn": "slaDefaultElement",
}
_TABLE: Final = {"table": "name", "dataGranularity": "dataGranularityDescription"}
_COLUMN: Final = {
    "column": "name",
    "isUnique": "unique",
    "isPrimaryKey": "primaryKey",
    "isPrimary": "primaryKey",
    "encryptedColumnName": "encryptedName",
    "partitionStatus": "partitioned",
    "sampleValues": "examples",
    "criticalDataElementStatus": "criticalDataElement",
    "transformSourceTables": "transformSourceObjects",
}
_TRUTHS: Final = {"true": True, "false": False, "yes": True, "no": False}


def third(parsed: yamlsafe.Parsed, *, name: str) -> yamlsafe.Parsed:
    """Return a valid document of the second edition with the keys of the third; what has no heir keeps its name."""
    root = Place.root(parsed, name=name)
    draft = Draft(root)
    for member in root.members():
        if member.value is None:
            continue
        if member.key == "dataset":
            draft.put(("schema",), [], member)
            for table in member.items():
                _table(draft, draft.add(("schema",), {}, table), table)
        elif member.key == "slaProperties":
            draft.put(("slaProperties",), [], member)
            for sla in member.items():
                path = draft.add(("slaProperties",), {}, sla)
                _rename(draft, path, sla, {"column": "element"})
        else:
            draft.copy((_ROOT.get(member.key, member.key),), member)
    if (team := root.get("productDl")) is not None:
        draft.put(("team",), {"name": team.text(), "members": draft.value.get("team", [])}, team)
    return draft.parsed()


def _table(draft: Draft, path: yamlsafe.Path, table: Place) -> None:
    for member in table.members():
        if member.value is None:
            continue
        if member.key == "columns":
            draft.put((*path, "properties"), [], member)
            for column in member.items():
                _column(draft, draft.add((*path, "properties"), {}, column), column)
        elif member.key == "quality":
            draft.copy((*path, "unmeasured"), member)
        elif member.key == "description":
            draft.put((*path, "description"), "\n".join(member.texts()), member)
        else:
            draft.copy((*path, _TABLE.get(member.key, member.key)), member)


def _column(draft: Draft, path: yamlsafe.Path, column: Place) -> None:
    """A rule of the second edition belongs to the tool that it names, so that it is kept and measured by nobody."""
    _rename(draft, path, column, _COLUMN, frozenset(("isNullable", "isPrimaryKey", "quality")))
    if (nullable := column.get("isNullable")) is not None:
        draft.put((*path, "required"), not nullable.boolean(), nullable)
    if (key := column.get("isPrimaryKey")) is not None:
        value: Any = key.word(_TRUTHS) if isinstance(key.value, str) else key.boolean()
        draft.put((*path, "primaryKey"), value, key)
    if (quality := column.get("quality")) is not None:
        draft.copy((*path, "unmeasured"), quality)


def _rename(
    draft: Draft, path: yamlsafe.Path, place: Place, names: dict[str, str], but: frozenset[str] = frozenset()
) -> None:
    for member in place.members():
        if member.value is not None and member.key not in but:
            draft.copy((*path, names.get(member.key, member.key)), member)
