"""Dialect (d): `data_contract:` with checks of several engines and the handling of violations, beside a file of the asset.

    data_contract:
      name: customer_accounts
      asset_ref: assets/customer_accounts.yaml
      sla: {freshness: {max_age_hours: 2}, completeness: {min_records_per_day: 1000}, availability: {uptime_percentage: 99.9}}
      schema_contract: {strict_mode: true}
      quality_checks: {soda: {checks: […]}, great_expectations: {checks: […]}, custom: […]}
      violation_handling: {on_schema_violation: block, quarantine: {s3_bucket: b, s3_prefix: "q/${ENVIRONMENT}"}}

The columns stand in the asset's file, or under `asset:` beside it. Without one, a column that a check names is promised, of
any type.
"""

from __future__ import annotations

from typing import Any, Final

from contracts import yamlsafe
from contracts.dialects import asset, head, service
from contracts.dialects.columns import SEVERITIES, check_id
from contracts.dialects.draft import Draft
from contracts.dialects.engines import age, expectation, soda
from contracts.dialects.place import Place
from contracts.dialects.quantity import read_template
from contracts.dialects.sentence import shown
from contracts.dialects.table import timestamps

KEYS: Final = head.COPIED | {
    *("name", "version", "status", "asset_ref", "namespace", "sla", "schema_contract", "quality_checks"),
    *("violation_handling", "notification", "quarantine", "privacy", "change_policy"),
}
HANDLED: Final = {"block": "block", "quarantine": "quarantine", "warn": "alert", "alert": "alert"}
ON: Final = {"on_schema_violation": "schema", "on_quality_violation": "quality", "on_sla_violation": "sla"}
_SETTINGS: Final = ("severity", "description", "name", "enabled")


def read(
    parsed: yamlsafe.Parsed, *, name: str, namespace: str | None = None, described: Place | None = None
) -> yamlsafe.Parsed:
    """Return a document of dialect (d) in our own form.

    Args:
        described: The asset that its file describes, where that is at hand.

    Raises:
        MalformedError: Something in it cannot be read; with its line.
    """
    root = Place.root(parsed, name=name)
    contract = root.need("data_contract")
    draft = Draft(contract)
    title = contract.need("name")
    head.put_name(draft, title)
    head.put_version(draft, contract, title)
    head.put_dataset(draft, title, contract.get("namespace") or namespace)
    head.put_common(draft, contract)
    draft.put(("schema",), [], contract)
    if described is not None:
        asset.put(draft, described)
    if (checks := contract.get("quality_checks")) is not None:
        _put_checks(draft, checks)
    _promise_named_columns(draft, contract)
    for key, put in (
        ("sla", _put_sla),
        ("schema_contract", _put_schema_contract),
        ("violation_handling", _put_handling),
    ):
        if (found := contract.get(key)) is not None:
            put(draft, found)
    _put_handling(draft, contract)
    for key in ("privacy", "change_policy"):
        if (found := contract.get(key)) is not None:
            draft.copy((key,), found)
    draft.keep(contract.get("asset_ref"), "asset_ref")
    for stranger in [*contract.strangers(KEYS), *root.strangers(frozenset(("data_contract", "asset")))]:
        draft.keep(stranger)
    if not draft.value["schema"]:
        what = "names no column, and no asset beside it does"
        raise contract.error(what, hint="asset_ref: names the asset's file, relative to this one")
    return draft.parsed()


def put_check(draft: Draft, place: Place, said: dict[str, Any], engine: str) -> None:
    """Put down a check, with its severity, name and how its engine words it."""
    check = dict(said)
    if (enabled := place.get("enabled")) is not None and not enabled.boolean():
        draft.keep(place, "disabled_checks", engine, place.key)
        return
    if (severity := place.get("severity")) is not None:
        check["severity"] = severity.word(SEVERITIES)
    if (title := place.get("name")) is not None and check_id(f"{engine}:{title.text()}"):
        check["id"] = f"{engine}:{title.text()}"
    elif title is not None:
        check["description"] = title.text()
    if (text := place.get("description")) is not None:
        check["description"] = text.text()
    if "id" not in check:
        number = sum(1 for other in draft.value.get("checks", ()) if str(other.get("id", "")).startswith(f"{engine}:"))
        check["id"] = f"{engine}:{number + 1}"
    if any(other.get("id") == check["id"] for other in draft.value.get("checks", ())):
        raise place.error(f"{shown(check['id'])} is the name of two checks")
    draft.add(("checks",), check, place)
    draft.keep(place, "worded", check["id"])


def _put_checks(draft: Draft, checks: Place) -> None:
    for member in checks.members():
        if member.value is None:
            continue
        if member.key == "soda":
            for item in _listed(draft, member):
                put_check(draft, item, soda(item), "soda")
        elif member.key == "great_expectations":
            for item in _listed(draft, member):
                put_check(draft, item, _expectation(item), "gx")
        elif member.key == "custom":
            for item in member.items():
                put_check(draft, item, _custom(item), "custom")
        else:
            draft.keep(member, "unmeasured", member.key)


def _listed(draft: Draft, engine: Place) -> list[Place]:
    """The checks of an engine; what else is said of it is kept."""
    for member in engine.members():
        if member.key != "checks":
            draft.keep(member)
    found = engine.get("checks")
    return [] if found is None else list(found.items())


def _expectation(item: Place) -> dict[str, Any]:
    """`{type: expect_…, kwargs: {…}}`, `{expectation_type: expect_…, column: …}`, or `{expect_…: {…}}`."""
    for key in ("type", "expectation_type", "expectation"):
        if (kind := item.get(key)) is not None:
            return expectation(kind.text(), item.get("kwargs") or item)
    named = [member for member in item.members() if member.key not in _SETTINGS]
    if len(named) == 1 and named[0].key.startswith("expect_"):
        return expectation(named[0].key, named[0])
    raise item.error("names no expectation", hint="write {type: expect_…, kwargs: {column: …}}")


def _custom(item: Place) -> dict[str, Any]:
    function = item.need("function")
    text = function.text()
    if ":" not in text:
        module, _, called = text.rpartition(".")
        if not module:
            raise function.error(f"{shown(text)} names no module", hint="write package.module:function")
        text = f"{module}:{called}"
    said: dict[str, Any] = {"kind": "custom", "function": text}
    for key in ("arguments", "columns"):
        if (found := item.get(key)) is not None:
            said[key] = found.value
    return said


def _promise_named_columns(draft: Draft, contract: Place) -> None:
    known = {field["name"] for field in draft.value["schema"]}
    if known:
        return
    for number, check in enumerate(draft.value.get("checks", ())):
        named = check.get("columns") or [check.get("column")]
        for column in named if isinstance(named, list) else ():
            if isinstance(column, str) and column not in known:
                known.add(column)
                path = draft.add(("schema",), {"name": column, "type": "any"}, contract)
                draft.lines[path] = draft.lines[("checks", number)]


def _put_sla(draft: Draft, sla: Place) -> None:
    for member in sla.members():
        if member.key == "freshness" and isinstance(member.value, dict):
            seconds = age(member)["max_age_seconds"]
            column = member.get("column") or member.get("timestamp_column")
            columns = timestamps(draft) if column is None else [column.text()]
            named = {"column": columns[0]} if len(columns) == 1 else {}
            draft.add(("slos",), {"name": "freshness", "indicator": "freshness", "target": {"max": seconds}}, member)
            draft.add(("checks",), {"kind": "freshness", **named, "max_age_seconds": seconds}, member)
        elif member.key == "completeness" and isinstance(member.value, dict):
            _put_completeness(draft, member)
        elif member.key == "availability" and isinstance(member.value, dict) and member.get("uptime_percentage"):
            place = member.need("uptime_percentage")
            service.put_level(draft, place, "availability", "percent", columns=[])
        else:
            draft.keep(member)


def _put_completeness(draft: Draft, place: Place) -> None:
    """A batch is held to what a day must have; a share of values is a check of its own."""
    for member in place.members():
        if member.key == "min_records_per_day":
            draft.put(("row_count", "min"), member.whole(), member)
        elif (found := service.indicator_of(f"completeness_{member.key.rpartition('_')[2]}")) is not None:
            service.put_level(draft, member, *found, columns=[])
        else:
            draft.keep(member)


def _put_schema_contract(draft: Draft, place: Place) -> None:
    strict = place.get("strict_mode")
    if strict is not None:
        severity = "critical" if strict.boolean() else "info"
        draft.put(("extra_columns", "severity"), severity, strict)
    for member in place.members():
        if member.key != "strict_mode":
            draft.keep(member)


def _put_handling(draft: Draft, place: Place) -> None:
    """What violations lead to; notification and quarantine stand inside, or beside it."""
    for key, ours in ON.items():
        if (found := place.get(key)) is not None:
            draft.put(("handling", ours), found.word(HANDLED), found)
    if (found := place.get("notification")) is not None:
        for member in found.members():
            if member.key in ("channels", "recipients") and member.value is not None:
                draft.put(("notification", member.key), member.texts(), member)
            else:
                draft.keep(member)
    if (found := place.get("quarantine")) is not None:
        _put_quarantine(draft, found)
    if place.key == "violation_handling":
        for stranger in place.strangers(frozenset((*ON, "notification", "quarantine"))):
            draft.keep(stranger)


def _put_quarantine(draft: Draft, place: Place) -> None:
    bucket, prefix = place.get("s3_bucket"), place.get("s3_prefix")
    if (enabled := place.get("enabled")) is not None:
        draft.put(("quarantine", "enabled"), enabled.boolean(), enabled)
    if (days := place.get("retention_days")) is not None:
        draft.put(("quarantine", "retention_days"), days.whole(), days)
    if prefix is not None and bucket is None:
        raise prefix.error("has no s3_bucket beside it")
    if bucket is not None:
        inside = "" if prefix is None else "/" + str(prefix.read(read_template)).strip("/")
        draft.put(("quarantine", "target"), f"s3://{bucket.read(read_template)}{inside}", bucket)
    if (target := place.get("target")) is not None:
        draft.put(("quarantine", "target"), str(target.read(read_template)), target)
    if not draft.has("quarantine"):
        draft.put(("quarantine",), {}, place)
    for stranger in place.strangers(frozenset(("enabled", "s3_bucket", "s3_prefix", "retention_days", "target"))):
        draft.keep(stranger)
