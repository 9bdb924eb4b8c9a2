"""Any document in our own form: its dialect is told, its reader called, and the file beside it looked for where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts import yamlsafe
from contracts.dialects import asset, features, full, odcs, source, table
from contracts.dialects.place import Place
from contracts.dialects.sentence import shown
from contracts.dialects.sniff import Dialect, sniff
from proofs.errors import MalformedError, MissingError

Beside = Callable[[str], tuple[bytes, str] | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller chooses of a document.

    Attributes:
        object_name: Which object of an ODCS document; None where there is one.
        namespace: That of the dataset, where the document names none (in ODCS: instead of its domain).
        is_checked: An ODCS document is known to be valid.
        beside: Returns the bytes of a file named in a document, and what messages call it; None when there is no such file.
    """

    object_name: str | None = None
    namespace: str | None = None
    beside: Beside | None = None
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Native:
    """A document in our own form.

    Attributes:
        is_whole: The document alone, read without any choice, says the same.
    """

    dialect: Dialect
    parsed: yamlsafe.Parsed
    is_whole: bool


def read(parsed: yamlsafe.Parsed, *, name: str, wanted: Wanted) -> Native:
    """Return a document in our own form.

    Raises:
        MalformedError: It follows no dialect, or something in it cannot be read; with its file and line.
        MissingError: A file that it names is not there.
    """
    dialect = sniff(parsed, name=name)
    if wanted.object_name is not None and dialect is not Dialect.ODCS:
        raise MalformedError("an object is chosen of an ODCS document, and this is none", where=name)
    if dialect is Dialect.NATIVE:
        return Native(dialect, parsed, is_whole=True)
    if dialect is Dialect.RISK:
        raise MalformedError("a policy file is no contract", where=name, hint="it stands beside one")
    if dialect is Dialect.ODCS:
        found = odcs.read(
            parsed, name=name, namespace=wanted.namespace, object_name=wanted.object_name, is_checked=wanted.is_checked
        )
        return Native(dialect, found, wanted.namespace is None and len(odcs.objects(parsed)) == 1)
    if dialect in (Dialect.FULL, Dialect.ASSET):
        return _pair(dialect, parsed, name, wanted)
    reader = {Dialect.TABLE: table.read, Dialect.SOURCE: source.read, Dialect.FEATURES: features.read}[dialect]
    return Native(dialect, reader(parsed, name=name, namespace=wanted.namespace), wanted.namespace is None)


def _pair(dialect: Dialect, parsed: yamlsafe.Parsed, name: str, wanted: Wanted) -> Native:
    """A contract of dialect (d) and the file of its asset, from whichever of both was named."""
    if dialect is Dialect.ASSET and _is_with_contract(parsed):
        both = Place.root(parsed, name=name).need("asset")
        if (path := asset.contract_path(both)) is not None:
            raise path.error("names a contract, and one stands in this file", hint="leave one of them")
        found = full.read(parsed, name=name, namespace=wanted.namespace, described=both)
        return Native(Dialect.FULL, found, wanted.namespace is None)
    if dialect is Dialect.ASSET:
        described = asset.described(parsed, name=name)
        path = asset.contract_path(described)
        if path is None:
            return Native(dialect, asset.read(parsed, name=name, namespace=wanted.namespace), wanted.namespace is None)
        other, other_name = _beside(path, wanted)
        if sniff(other, name=other_name) is not Dialect.FULL:
            raise path.error(f"{shown(path.value)} is no file with a data_contract:")
        return Native(
            Dialect.FULL,
            full.read(other, name=other_name, namespace=wanted.namespace, described=described),
            is_whole=False,
        )
    reference = Place.root(parsed, name=name).need("data_contract").get("asset_ref")
    found_asset = None if reference is None or wanted.beside is None else _asset(reference, wanted.beside)
    found = full.read(parsed, name=name, namespace=wanted.namespace, described=found_asset)
    return Native(dialect, found, wanted.namespace is None and found_asset is None)


def _is_with_contract(parsed: yamlsafe.Parsed) -> bool:
    """Whether an asset's file holds a contract of dialect (d), too, which has a name."""
    contract = parsed.value.get("data_contract")
    return isinstance(contract, dict) and "name" in contract


def _asset(reference: Place, beside: Beside) -> Place | None:
    """The asset of a contract: in the file that is named; or, for a name, in the file `<name>.yaml` that describes it."""
    if reference.text().endswith((".yaml", ".yml")):
        other, other_name = _beside(reference, Wanted(beside=beside))
        return asset.described(other, name=other_name)
    for ending in (".yaml", ".yml", ".asset.yaml"):
        if (found := beside(f"{reference.text()}{ending}")) is None:
            continue
        parsed = yamlsafe.parse(found[0], name=found[1])
        if isinstance(parsed.value, dict) and "asset" in parsed.value:
            return asset.described(parsed, name=found[1])
    return None


def _beside(path: Place, wanted: Wanted) -> tuple[yamlsafe.Parsed, str]:
    found = None if wanted.beside is None else wanted.beside(path.text())
    if found is None:
        what = f"{shown(path.value)} is not there"
        raise MissingError(what, where=f"{path.name} line {path.line}", hint="the path is relative to this file")
    data, name = found
    return yamlsafe.parse(data, name=name), name
