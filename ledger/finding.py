"""What `ledger.fsck` found: each difference with its kind and its place, as many as a person can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ledger.sqlitefile import ERRORS
from proofs.errors import BusyError, TallyError

LIMIT: Final = 100  # findings of one code


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what is stored and what it must be.

    Attributes:
        code: Its kind, a stable word: file, damaged, missing, malformed, seq, chain, time, created, closed, source, position,
            filing, body, part, stray, tile, counter, census, identity, keys, checkpoint, fork, head, tip,
            restored, older, vault, projection.
        where: The place, as a reader can find it ("entry 41").
        what: One sentence.
    """

    code: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, and what was found.

    Attributes:
        entries: Entries that were read; `bodies` and `parts`, those that are sealed, likewise.
        missing_bodies: Bodies that are not there; each is a finding, for nothing destroys a body.
        erased_parts: Parts that are not there because an erasure destroyed them, as the vault knows.
        missing_parts: Parts that are not there otherwise: each is a finding, but without a vault nobody can tell.
        streams: Streams that were counted again; `tiles`, `censuses`, `checkpoints` and `projections` likewise.
        unlisted: Findings beyond the first 100 of a code, which are only counted.
    """

    entries: int
    bodies: int
    missing_bodies: int
    parts: int
    erased_parts: int
    missing_parts: int
    streams: int
    tiles: int
    censuses: int
    checkpoints: int
    projections: int
    findings: tuple[Finding, ...]
    unlisted: int

    @property
    def ok(self) -> bool:
        """True when everything is as it must be."""
        return not self.findings

    @property
    def is_older(self) -> bool:
        """True when all that is wrong is that the log ends before what was signed or acknowledged."""
        return bool(self.findings) and all(finding.code == "older" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a document."""
        return {**asdict(self), "findings": [asdict(finding) for finding in self.findings], "ok": self.ok}


@dataclass(slots=True)
class Findings:
    """Collects findings and counts while a check runs.

    Attributes:
        counts: Name of a count of `Report` → what was counted.
        codes: Code → how many findings it has.
    """

    found: list[Finding] = field(default_factory=list)
    unlisted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, where: str, what: str) -> None:
        """Note one finding."""
        self.codes[code] += 1
        if self.codes[code] <= LIMIT:
            self.found.append(Finding(code, where, what))
        else:
            self.unlisted += 1

    @contextmanager
    def at(self, code: str, where: str) -> Iterator[None]:
        """Turn an error that leaves the block into a finding; what comes after the block goes on.

        Raises:
            BusyError: A lock, or a server that went away, is no damage: what was not read says nothing.
        """
        try:
            yield
        except BusyError:
            raise
        except TallyError as error:
            self.add(code, error.where or where, error.what)
        except ERRORS as error:
            self.add(code, where, f"it cannot be read: {error}")

    def report(self) -> Report:
        """Return what was found so far."""
        names: Mapping[str, int] = {name: self.counts[name] for name in _COUNTS}
        return Report(**names, findings=tuple(self.found), unlisted=self.unlisted)


_COUNTS: Final = (
    "entries",
    "bodies",
    "missing_bodies",
    "parts",
    "erased_parts",
    "missing_parts",
    "streams",
    "tiles",
    "censuses",
    "checkpoints",
    "projections",
)
