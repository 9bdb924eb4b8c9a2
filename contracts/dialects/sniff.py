"""Which of the ways of writing a contract a document follows, told by keys that only one of them has."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects.sentence import meant
from proofs.errors import MalformedError


class Dialect(StrEnum):
    """A way of writing a contract."""

    NATIVE = "tally"
    ODCS = "odcs"
    TABLE = "table"
    SOURCE = "source"
    FEATURES = "features"
    FULL = "full"
    ASSET = "asset"
    RISK = "risk"


# What is looked for, in the words of the error that finds none.
SIGNS: Final = {
    Dialect.NATIVE: "dataset: with a namespace and schema: as a list",
    Dialect.ODCS: "apiVersion: and kind: DataContract",
    Dialect.TABLE: "name: and schema: as a mapping from column to type",
    Dialect.SOURCE: "data_source:",
    Dialect.FEATURES: "features:",
    Dialect.FULL: "data_contract:",
    Dialect.ASSET: "asset:",
    Dialect.RISK: "risk: or ci: or decisions: and nothing of a contract",
}
_KEYS: Final = (
    "dataset",
    "schema",
    "apiVersion",
    "kind",
    "name",
    "data_source",
    "features",
    "data_contract",
    "asset",
    "risk",
)
_LOOKED_AT: Final = 100  # keys that are compared with those that are known
_RISK_KEYS: Final = {"risk", "ci", "decisions"}
_JOB_KEYS: Final = {"tenant", "connectors"}


def sniff(parsed: yamlsafe.Parsed, *, name: str) -> Dialect:
    """Return the dialect of a document.

    Args:
        name: What messages call the document.

    Raises:
        MalformedError: It follows none, or more than one, or one that is not read.
    """
    value = parsed.value
    if not isinstance(value, dict):
        raise MalformedError("the document is not a mapping, so no contract", where=f"{name} line {parsed.line(())}")
    _refuse_others(value, parsed, name)
    found = _signs(value)
    if len(found) == 1:
        return found[0]
    if found:
        reads = " and as ".join(f"{dialect.value} ({SIGNS[dialect]})" for dialect in found)
        raise MalformedError(
            f"the document reads as {reads}", where=f"{name} line 1", hint="leave the keys of one of them"
        )
    strange = next((key for key in list(value)[:_LOOKED_AT] if meant(key, _KEYS).startswith("did")), None)
    hint = "" if strange is None or strange in _KEYS else f"; {strange!r}: {meant(strange, _KEYS)}"
    looked = "; ".join(f"{dialect.value}: {sign}" for dialect, sign in SIGNS.items())
    raise MalformedError(
        "the document is no contract in any way of writing one that is read here",
        where=f"{name} line {parsed.line(())}",
        hint=f"looked for {looked}{hint}",
    )


def _refuse_others(value: dict[str, Any], parsed: yamlsafe.Parsed, name: str) -> None:
    if "dataContractSpecification" in value:
        raise MalformedError(
            "a contract of the Data Contract Specification is not read; its own authors have ended it",
            where=f"{name} line {parsed.line(('dataContractSpecification',))}",
            hint="convert it with: datacontract export --format odcs",
        )
    kind = value.get("kind")
    if "apiVersion" in value and isinstance(kind, str) and kind != "DataContract" and "dataset" not in value:
        raise MalformedError(
            f"a document of kind {kind[:64]!r} is no data contract",
            where=f"{name} line {parsed.line(('kind',))}",
            hint="read is kind: DataContract",
        )
    if set(value) >= _JOB_KEYS and {"asset", "assets"} & set(value):
        raise MalformedError(
            "a job file is no contract",
            where=f"{name} line {parsed.line(('tenant',))}",
            hint="tally check --job holds data to the contracts that its data_contract.contract_path names",
        )


def _signs(value: dict[str, Any]) -> list[Dialect]:
    """Every dialect of which the document has the sign; a native one needs no more than what no other has."""
    schema, dataset = value.get("schema"), value.get("dataset")
    is_odcs = "apiVersion" in value or value.get("kind") == "DataContract"
    found = {
        Dialect.ODCS: is_odcs,
        Dialect.SOURCE: "data_source" in value,
        Dialect.FEATURES: "features" in value,
        Dialect.FULL: "data_contract" in value and "asset" not in value,
        Dialect.ASSET: "asset" in value,
        Dialect.RISK: bool(_RISK_KEYS & set(value))
        and not ({"schema", "dataset", "data_contract", "asset"} & set(value)),
        Dialect.TABLE: isinstance(schema, dict)
        and not ({"dataset", "data_source", "data_contract"} & set(value) or is_odcs),
        Dialect.NATIVE: (
            isinstance(schema, list)
            or (isinstance(dataset, dict) and "namespace" in dataset and "features" not in value)
        )
        and not is_odcs,
    }
    return [dialect for dialect, is_there in found.items() if is_there]
