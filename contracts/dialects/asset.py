"""The file of an asset beside dialect (d): its columns, how its contract is enforced, and checks of its own.

asset:
  name: customer_accounts
  schema: [{name: account_id, type: string, nullable: false}]
  data_contract: {enabled: true, contract_path: contracts/accounts.yaml, enforcement_mode: strict,
                  inline_checks: [{type: null_check, column: account_id}]}
"""

from __future__ import annotations

from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import head, source
from contracts.dialects.columns import SEVERITIES, check_id
from contracts.dialects.draft import Draft
from contracts.dialects.place import Place
from contracts.dialects.sentence import meant, shown

KEYS: Final = frozenset(("name", "schema", "data_contract", "version", "owner", "description", "namespace"))
_CONTRACT_KEYS: Final = frozenset(("enabled", "contract_path", "enforcement_mode", "inline_checks"))
MODES: Final = {"strict": "strict", "warn": "warn", "disabled": "disabled"}
INLINE: Final = {"null_check": "required", "unique_check": "unique", "range_check": "range"}


def described(parsed: yamlsafe.Parsed, *, name: str) -> Place:
    """Return the place of the asset that a file describes.

    Raises:
        MalformedError: There is none, or a contract stands beside it, which nobody would be held to.
    """
    root = Place.root(parsed, name=name)
    if (contract := root.get("data_contract")) is not None:
        raise contract.error(
            "stands beside an asset", hint="asset: {data_contract: …} says how a contract in another file is enforced"
        )
    return root.need("asset")


def contract_path(asset: Place) -> Place | None:
    """Return where the path of the asset's contract stands; None when it names none."""
    contract = asset.get("data_contract")
    return None if contract is None else contract.get("contract_path")


def read(parsed: yamlsafe.Parsed, *, name: str, namespace: str | None = None) -> yamlsafe.Parsed:
    """Return an asset's file that names no contract in our own form: its columns and inline checks are one.

    Raises:
        MalformedError: Something in it cannot be read; with its line.
    """
    asset = described(parsed, name=name)
    draft = Draft(asset)
    title = asset.need("name")
    head.put_name(draft, title)
    head.put_version(draft, asset, title)
    head.put_dataset(draft, title, asset.get("namespace") or namespace)
    for key in ("owner", "description"):
        if (found := asset.get(key)) is not None:
            draft.put((key,), found.text(), found)
    put(draft, asset)
    for stranger in Place.root(parsed, name=name).strangers(frozenset(("asset",))):
        draft.keep(stranger)
    return draft.parsed()


def put(draft: Draft, asset: Place) -> None:
    """Put down what an asset's file adds to a contract.

    The lines are those of the asset's file: who speaks of them asks `draft` for its places in that file.
    """
    schema = asset.get("schema")
    if not draft.has("schema"):
        draft.put(("schema",), [], schema or asset)
    for item in schema.items() if schema is not None else ():
        source.put_column(draft, item, item.need("name").text())
    contract = asset.get("data_contract")
    if contract is not None:
        put_enforced(draft, contract)
        for stranger in contract.strangers(_CONTRACT_KEYS):
            draft.keep(stranger, "asset", "data_contract", stranger.key)
    for stranger in asset.strangers(KEYS):
        draft.keep(stranger, "asset", stranger.key)


def put_enforced(draft: Draft, contract: Place) -> None:
    """Put down what `data_contract:` of an asset says: how the contract is enforced, and checks beside it."""
    if (mode := contract.get("enforcement_mode")) is not None:
        draft.put(("enforcement",), mode.word(MODES), mode)
    if (enabled := contract.get("enabled")) is not None and not enabled.boolean():
        draft.put(("enforcement",), "disabled", enabled)
    inline = contract.get("inline_checks")
    for item in inline.items() if inline is not None else ():
        _put_inline(draft, item)


def _put_inline(draft: Draft, item: Place) -> None:
    type = item.get("type") or item.get("check") or item.need("type")
    if (kind := INLINE.get(type.text().lower())) is None:
        raise type.error(f"{shown(type.value)} is not a check that is known here", hint=meant(type.value, INLINE))
    listed = item.get("columns")
    columns = [item.need("column").text()] if listed is None else listed.texts()
    settings: dict[str, Any] = {}
    if (severity := item.get("severity")) is not None:
        settings["severity"] = severity.word(SEVERITIES)
    if (title := item.get("name")) is not None:
        settings["id" if check_id(title.text()) else "description"] = title.text()
    if kind == "unique":
        draft.add(("checks",), {"kind": kind, "columns": columns, **settings}, item)
        return
    if kind == "range":
        bounds = {key: found.value for key in ("min", "max") if (found := item.get(key)) is not None}
        if not bounds:
            raise item.error("states neither min nor max")
        settings["bounds"] = bounds
    for column in columns:
        draft.add(("checks",), {"kind": kind, "column": column, **settings}, item)
