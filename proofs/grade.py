"""What a deletion certificate is worth, in the words of the page and as the verdict prints it.

Source: docs/formats/deletion-certificate.md, "Checking one"; docs/formats/verification.md, "Verdict".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

RECOMPUTED: Final = "closure recomputed, relative to the lineage in the first {} entries"
NOT_PROVEN: Final = "closure not proven"
CONTRADICTED: Final = "closure contradicted"
FORGOTTEN: Final = "a target was forgotten"
REFUSED: Final = "refused, without a plan"
TOO_LARGE: Final = "the certificates of this bundle take more steps to walk than a verifier takes"
NO_CERTIFICATE: Final = "no certificate"
DISPROVEN: Final = frozenset((CONTRADICTED, FORGOTTEN))


class Unnamed(NamedTuple):
    """How many more a grade only counts, for anybody may file what makes them many, and certify it many times."""

    bodies: int = 0
    forgotten: int = 0
    streams: int = 0


@dataclass(frozen=True, slots=True)
class Graded:
    """One entry that says it is a deletion certificate, and what it is worth.

    Attributes:
        seq: Of the entry.
        grade: One of this module's.
        request: The request's id; empty when the certificate could not be read.
        plan: Seq of its plan; None when it has none.
        lineage: How many entries of the log the plan's lineage was read from.
        targets: How many it has.
        derived: How many datasets derive from the seeds, they included, as far as that is proven.
        forgotten: Ids of datasets that derive and are no targets, sorted; the first 100, like `streams` and `bodies`.
        differs: What in the log contradicts it, sorted: "closure", "order", "outcome", "plan", "request".
        streams: Streams that the bundle lacks to compute the closure, sorted.
        bodies: Entries whose bodies it lacks for that, ascending.
        unnamed: How many more there are of those three.
        reason: Why the closure was not walked, where the bundle does not lack what it would be walked in.
    """

    seq: int
    grade: str
    request: str = ""
    plan: int | None = None
    lineage: int | None = None
    targets: int | None = None
    derived: int | None = None
    forgotten: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    bodies: tuple[int, ...] = ()
    unnamed: Unnamed = Unnamed()  # noqa: RUF009 - a NamedTuple does not change
    reason: str = ""

    @property
    def is_proven(self) -> bool:
        """True when nothing is left to prove: the closure was computed and is right, or there was none."""
        return self.grade not in (NOT_PROVEN, CONTRADICTED, FORGOTTEN, NO_CERTIFICATE)

    @property
    def counts(self) -> dict[str, int]:
        """How many bodies, forgotten datasets and streams there are, with those that are not named."""
        return {
            "bodies": len(self.bodies) + self.unnamed.bodies,
            "forgotten": len(self.forgotten) + self.unnamed.forgotten,
            "streams": len(self.streams) + self.unnamed.streams,
        }

    def json(self) -> dict[str, object]:
        """Return the member of the verdict's `certificates`; what is not known is absent."""
        known = {"plan": self.plan, "lineage": self.lineage, "targets": self.targets, "derived": self.derived}
        return {
            "bodies": list(self.bodies),
            "counts": self.counts,
            "differs": list(self.differs),
            "forgotten": list(self.forgotten),
            "grade": self.grade,
            "seq": self.seq,
            "streams": list(self.streams),
            **({"reason": self.reason} if self.reason else {}),
            **({"request": self.request} if self.request else {}),
            **{name: value for name, value in known.items() if value is not None},
        }
