"""What `contracts.enforce` does with a batch that is to be quarantined: its bad rows are kept apart, the good ones beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from contracts.quarantine.split import Split
from contracts.quarantine.store import keep_apart
from contracts.record import Action, Evaluated
from contracts.source import Source


@dataclass(slots=True)
class KeepApart:
    """Parts the rows of a batch below `folder`.

    Attributes:
        origin: The log that tells of it.
        made: The quarantine's id and what became of the rows; None as long as nothing did.
    """

    evaluated: Evaluated
    source: Source
    folder: Path
    origin: str = ""
    made: tuple[str, Split] | None = None
    on_release: ClassVar[None] = None
    on_withhold: ClassVar[Action] = "quarantined"

    def release(self) -> None:
        """Leave the batch as it is."""

    def withhold(self) -> None:
        """Part the rows; raises as `keep_apart`."""
        self.made = keep_apart(self.evaluated, self.source, self.folder, origin=self.origin)
