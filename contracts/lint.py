"""What a contract's author may not have meant: nobody answers for it, a rule that nobody measures, a key that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts import yamlsafe
from contracts.dialects import odcs, odcs_check
from contracts.dialects.read import Beside, Wanted
from contracts.dialects.sentence import spelt
from contracts.dialects.sniff import Dialect, sniff
from contracts.document import Document, of_parsed
from contracts.policyfile import parse_policy
from contracts.rules import rules_of
from contracts.slo.catalogue import BY_TIME, is_measurable
from proofs.errors import MalformedError, TallyError


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at.

    Attributes:
        is_error: The document is no contract because of it; otherwise it is one.
        where: File and line.
    """

    is_error: bool
    where: str
    what: str
    hint: str = ""


def lint(data: bytes, *, name: str, beside: Beside | None = None, demands_owner: bool = False) -> tuple[Remark, ...]:
    """Return what is wrong with a document and what is strange in it; every object of it is looked at.

    Args:
        name: What messages call it.
        beside: How a file that it names is read.
        demands_owner: That nobody answers for a contract, or is on call, is an error.
    """
    try:
        parsed = yamlsafe.parse(data, name=name)
        dialect = sniff(parsed, name=name)
        if dialect is Dialect.RISK:
            parse_policy(data, name=name)
            return ()
    except TallyError as error:
        return (_of_error(error),)
    objects: tuple[str | None, ...] = (None,)
    remarks: list[Remark] = []
    if dialect is Dialect.ODCS:
        remarks.extend(_of_standard(parsed, name))
        if any(remark.is_error for remark in remarks):
            return tuple(remarks)
        objects = odcs.objects(parsed) or (None,)
    for each in objects:
        try:
            document = of_parsed(parsed, data.decode(), name=name, wanted=Wanted(each, None, beside, is_checked=True))
        except TallyError as error:
            remarks.append(_of_error(error))
        else:
            remarks.extend(_of_owner(document, is_error=demands_owner))
            remarks.extend(_of_contract(document))
            remarks.extend(_of_levels(document))
    return tuple(dict.fromkeys(remarks))


def _of_standard(parsed: yamlsafe.Parsed, name: str) -> Iterator[Remark]:
    """Every finding of the standard's own rules, where `require` names the first."""
    version = odcs_check.declared(parsed.value)
    if version is None:
        try:
            odcs_check.require(parsed, name=name)
        except MalformedError as error:
            yield _of_error(error)
        return
    found = odcs_check.findings(parsed.value, version)
    newer = odcs_check.valid_since(parsed.value, version) if any(each.is_error for each in found) else None
    for each in found:
        hint = each.hint if newer is None else "; ".join(filter(None, (each.hint, f"valid under {newer}")))
        what = f"{spelt(each.path)}: {each.what} (ODCS {version})"
        yield Remark(each.is_error, f"{name} line {parsed.line(each.path)}", what, hint)


def _of_owner(document: Document, *, is_error: bool) -> Iterator[Remark]:
    contract = document.contract
    title = f"contract {contract.name}"
    if contract.owner is None:
        yield Remark(is_error, document.where(()), f"{title} has no owner", hint="name a team")
    if contract.responsible is None or contract.responsible.on_call is None:
        yield Remark(is_error, document.where(()), f"{title} names nobody on call", hint="responsible: {on_call: …}")


def _of_contract(document: Document) -> Iterator[Remark]:
    contract = document.contract
    title = f"contract {contract.name}"
    for number, check in enumerate(contract.checks):
        if check.kind == "foreign":
            what = f"{title}: {_named(check)} is measured by its own engine alone"
            yield Remark(is_error=False, where=document.where(("checks", number)), what=what)
    kept: list[yamlsafe.Path] = [("annotations", "unmeasured"), ("annotations", "object", "unmeasured")]
    kept.extend(("schema", number, "annotations", "unmeasured") for number in range(len(contract.fields)))
    for path in kept:
        for below in _rules(_at(contract, path), path):
            yield Remark(
                is_error=False,
                where=document.where(below),
                what=f"{title}: a rule is kept and measured by nobody",
                hint="it names no metric, column, operator or engine that is measured here",
            )


def _of_levels(document: Document) -> Iterator[Remark]:
    """Service levels that nobody can measure."""
    known = {rule.id for rule in rules_of(document.contract)}
    for number, slo in enumerate(document.contract.slos):
        title, where = f"service level {slo.name}", document.where(("slos", number))
        if not is_measurable(slo):
            what = "no greatest age" if slo.indicator in BY_TIME else "a target that is no number"
            yield Remark(is_error=False, where=where, what=f"{title} states {what}, and nobody can measure it")
        for rule in slo.rules:
            if rule not in known:
                what = f"{title} is measured by rule {rule[:200]!r}, which the contract does not have"
                yield Remark(is_error=False, where=where, what=what, hint="`tally contract show` lists its rules")


def _named(check: Any) -> str:
    kind = check.definition.get("type")
    return str(kind)[:64] if isinstance(kind, str) else f"a check of {check.engine}"


def _at(contract: Any, path: yamlsafe.Path) -> Any:
    """What annotations hold at a path; the first steps are those of a contract in our own form."""
    found: Any = contract.fields[path[1]].annotations if path[0] == "schema" else contract.annotations
    for step in path[path.index("annotations") + 1 :]:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _rules(kept: Any, path: yamlsafe.Path) -> Iterator[yamlsafe.Path]:
    """The places of kept rules: below steps that are places in the document, or in a list."""
    if isinstance(kept, list):
        for number, item in enumerate(kept):
            yield from _rules(item, (*path, number))
    elif isinstance(kept, dict) and kept and all(isinstance(item, dict) for item in kept.values()):
        for key, item in kept.items():
            yield from _rules(item, (*path, key))
    elif kept:
        yield path


def _of_error(error: TallyError) -> Remark:
    return Remark(is_error=True, where=error.where, what=error.what, hint=error.hint)
