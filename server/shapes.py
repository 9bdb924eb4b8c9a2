"""Shapes of the answers about what lineage and contracts say together."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class CutShape(BaseModel):
    """At which moment and as known at which entry it was asked; null: open. `size`: how many entries the log had."""

    asOf: str | None  # noqa: N815 - as it is printed
    knownAt: int | None  # noqa: N815
    size: int


class CountShape(BaseModel):
    """How many datasets, and how many of them have a contract in force, one with an owner, one with somebody on call."""

    datasets: int
    with_contract: int
    with_owner: int
    with_on_call: int


class NamespaceCountShape(CountShape):
    """The same of one namespace."""

    namespace: str


class ContractShape(BaseModel):
    """A contract in one version: the SHA-256 of its text, and the entry that put it in force."""

    name: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    seq: int


class LackingShape(BaseModel):
    """A dataset that lacks something, and what is known of it."""

    namespace: str
    name: str
    contracts: list[ContractShape]
    owner: str | None
    on_call: str | None
    lacks: list[Literal["contract", "owner", "on-call"]]


class CoverageShape(CountShape):
    """What is covered in all, by namespace, and what is not; `truncated`: more is not than is listed."""

    cut: CutShape
    namespaces: list[NamespaceCountShape]
    lacking: list[LackingShape]
    truncated: bool
