"""Asking other engines about their own checks, on the very rows that were measured here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from contracts.compile import fields_of
from contracts.engines.second import asked
from contracts.metric import Metric, Told
from contracts.model import Contract, FieldSpec
from contracts.rules import rules_of
from contracts.scan.apart import write_apart
from contracts.scan.beside import Given
from contracts.scan.query import UnfitError
from contracts.source import Opened, reason
from contracts.structure import Structure
from proofs.errors import RefusedError


def ask_others(
    contract: Contract,
    known: dict[str, Metric],
    batch: Opened,
    shape: Structure,
    given: Given,
    clock: datetime,
) -> tuple[Told, ...]:
    """Ask other engines about their own checks; in `known` stands afterwards what all of them say."""
    fields = fields_of(rules_of(contract))
    found = []
    for each in given.engines:
        answered = asked(each, contract, known, partial(_export, batch, shape, fields), clock)
        known.update(answered.metrics)
        found += [answered.told] if answered.told is not None else []
    return tuple(found)


def _export(batch: Opened, shape: Structure, fields: Mapping[str, FieldSpec], path: Path) -> None:
    import duckdb

    try:
        write_apart(batch, shape, fields, path)
    except UnfitError as error:
        raise RefusedError(f"another engine cannot be asked: {error}") from error
    except duckdb.Error as error:
        raise RefusedError(f"another engine cannot be asked: {reason(error)}") from None  # it quotes rows
