"""Signing while serving: one process signs a checkpoint, and takes a census, at an interval while the log grows.

Which process is decided by a lock on a file beside the keys; when that process ends, another one gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from fcntl import LOCK_EX, LOCK_NB, flock
from io import BufferedWriter
from typing import Any, Final, Protocol

from ledger import checkpoint
from ledger.checkpoint import SignedCheckpoint, read_checkpoint
from ledger.keys import KEY_ADDED, KEY_RETIRED, Key
from ledger.log import Ledger
from ledger.signer import Signer
from proofs.census import CENSUS_TAKEN
from proofs.entry import parse_entry
from proofs.errors import MissingError, TallyError
from server.journal import Journal
from server.metrics import Metrics
from server.settings import Settings

_KEY_STREAMS: Final = (f"type:{KEY_ADDED}", f"type:{KEY_RETIRED}")
_LOCK: Final = "server.lock"


class AtDesk(Protocol):
    """Runs work where the ledger may be written."""

    def __call__(self, work: Callable[[Ledger], Any], /) -> Awaitable[Any]:
        """Return what `work` returns."""


class Signing:
    """Signs for one process, when it is this one's turn."""

    def __init__(self, settings: Settings, metrics: Metrics, journal: Journal, at_desk: AtDesk) -> None:
        self._settings = settings
        self._metrics = metrics
        self._journal = journal
        self._at_desk = at_desk
        self._turn: BufferedWriter | None = None
        self._keys: tuple[tuple[int, ...], Sequence[Key]] = ((), ())
        self._signers: dict[str, Signer] = {}

    async def learn(self) -> None:
        """Read the log's keys while nobody writes: the first checkpoint would else wait for the index of all that came since."""
        if self._settings.checkpoint_every:
            await self._safely(lambda log: None if log.keyring is None else self._known_keys(log))

    async def run(self) -> None:
        """Sign and count at their intervals, until cancelled."""
        loops = []
        if self._settings.checkpoint_every:
            loops.append(self._every(self._settings.checkpoint_every, self._sign))
        if self._settings.census_every:
            loops.append(self._every(self._settings.census_every, self._count))
        await asyncio.gather(*loops, asyncio.Event().wait())  # with nothing to do, too, only a cancellation ends it

    async def finish(self) -> None:
        """Sign what was written last, where it is this process's turn, and give the turn away."""
        if self._settings.checkpoint_every and self._turn is not None:
            await self._safely(self._sign)
        if self._turn is not None:
            self._turn.close()

    async def _every(self, seconds: float, work: Callable[[Ledger], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._safely(work)

    async def _safely(self, work: Callable[[Ledger], object]) -> None:
        try:
            await self._at_desk(work)
        except TallyError as error:
            self._journal("signing-failed", code=error.code, detail=error.what)
        except OSError as error:  # of the folder of the keys; what the ledger's own files do comes as a TallyError
            self._journal("signing-failed", code="keyring", detail=error.strerror)

    def _is_our_turn(self, log: Ledger) -> bool:
        if self._turn is None and log.keyring is not None:
            file = (log.keyring.folder / _LOCK).open("wb")
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except OSError:
                file.close()
                return False
            self._turn = file
        return self._turn is not None

    def _sign(self, log: Ledger) -> None:
        if not self._is_our_turn(log) or log.keyring is None:
            return
        head = newest(log)
        if head is None or head.checkpoint.size < log.size:
            # Not `log.checkpoint()`: that asks the index of streams for the keys, and would bring it up to the log's end.
            head = checkpoint.publish(log.store, log.keyring, lambda: self._known_keys(log), self._signer(log))
        self._metrics.signed(head.checkpoint.size)

    def _count(self, log: Ledger) -> None:
        if self._is_our_turn(log) and not _is_counted(log):
            log.take_census()

    def _known_keys(self, log: Ledger) -> Sequence[Key]:
        counts = log.store.streams.counts(_KEY_STREAMS)
        edition = tuple(counts.get(name, 0) for name in _KEY_STREAMS)
        if self._keys[0] != edition:
            self._keys = (edition, log.keys())
        return self._keys[1]

    def _signer(self, log: Ledger) -> Callable[[Key], Signer]:
        def signer(key: Key) -> Signer:
            if log.keyring is None:
                raise MissingError(f"no keyring for {log.origin}")
            if key.id not in self._signers:
                self._signers[key.id] = log.keyring.signer(key.purpose, key.id)
            return self._signers[key.id]

        return signer


def _is_counted(log: Ledger) -> bool:
    """True when the log ends in a census: it leaves streams uncounted itself, its own, which one more would not mend."""
    last = log.store.headers(log.size - 1, log.size)
    return bool(last) and parse_entry(last[0]).type == CENSUS_TAKEN


def newest(log: Ledger) -> SignedCheckpoint | None:
    """Return the checkpoint that was signed last: the head beside the key, which is durable before the ledger's copy."""
    head = log.keyring.head() if log.keyring is not None else None
    return None if head is None else read_checkpoint(head, origin=log.origin)
