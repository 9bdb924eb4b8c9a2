"""A course at hand between its events, and the steps that courses of one job take alike.

A daily job says the same in each of its runs. What a step did once, it does again: where no span has ended since, nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from lineage.chronicle.course import Key, Told, Unrolled
from lineage.chronicle.vertex import ALWAYS

MAX_STEPS: Final = 8


class Step(NamedTuple):
    """What one more event did to a course of these words: nothing, where it comes as late and no span has ended since."""

    time: int
    epoch: int
    is_final: bool
    is_conflict: bool

    def holds(self, time: int, epoch: int) -> bool:
        """True when the same step at `time` claims nothing that does not stand."""
        return self.is_final and time >= self.time and epoch == self.epoch


@dataclass(slots=True)
class Live:
    """A course at hand.

    Attributes:
        said: The (eventType, saying) of its events, where each was of a moment of its own and they are few; else None.
        unrolled: As far as it was needed.
    """

    last: int = ALWAYS - 1
    said: tuple[tuple[str, int], ...] | None = ()
    unrolled: Unrolled | None = None

    def is_before(self, told: Told) -> bool:
        """True when `told` is of a later moment than all events so far."""
        return told.time > self.last

    def step(self, key: Key, told: Told, saying: int) -> tuple[object, ...] | None:
        """What stands for the step from what was said to what is said now, in any run of the job."""
        if key.kind != "run" or self.said is None or not self.is_before(told):
            return None
        return (key.vertex, self.said, told.word, saying)

    def note(self, time: int, word: str, saying: int, *, is_next: bool = True) -> None:
        """Note one more event; `is_next` where it is later than all before."""
        is_plain = is_next and time > self.last and self.said is not None and len(self.said) < MAX_STEPS
        self.said = (*self.said, (word, saying)) if is_plain and self.said is not None else None
        self.last = max(self.last, time)

    def skip(self, told: Told, saying: int) -> None:
        """Go on without unrolling anything."""
        self.note(told.time, told.word, saying)
        self.unrolled = None
