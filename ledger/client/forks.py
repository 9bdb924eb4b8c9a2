"""What crosses a fork safely: one hook of the process, over what is alive when it forks.

A hook can never be taken back (`os.register_at_fork`), so that one for each outbox and each client would outlive them all.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final, Protocol


class Crossing(Protocol):
    """What has something to do when its process forks; it MUST be hashable by identity."""

    def before_fork(self) -> None:
        """Get ready: take the locks that neither side may find held by nobody."""

    def after_fork(self, *, in_child: bool) -> None:
        """Go on: give back the locks, or, in the child, begin with new ones."""


class _Crossings:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alive: weakref.WeakSet[Crossing] = weakref.WeakSet()
        self._ready: list[Crossing] = []

    def add(self, crossing: Crossing) -> None:
        with self._lock:
            self._alive.add(crossing)

    def before(self) -> None:
        self._lock.acquire()
        for each in self._alive:
            self._ready.append(each)
            each.before_fork()

    def after(self, *, in_child: bool) -> None:
        while self._ready:
            self._ready.pop().after_fork(in_child=in_child)
        self._lock.release()


_CROSSINGS: Final = _Crossings()


def watch(crossing: Crossing) -> None:
    """Tell `crossing` of every fork, for as long as somebody else keeps it."""
    _CROSSINGS.add(crossing)


os.register_at_fork(
    before=_CROSSINGS.before,
    after_in_parent=lambda: _CROSSINGS.after(in_child=False),
    after_in_child=lambda: _CROSSINGS.after(in_child=True),
)
