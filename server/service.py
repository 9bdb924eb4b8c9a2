"""Everything that one worker process holds open while it serves: three ways to the ledger, one around it, and who may use them.

    writer    one thread that appends what producers send (server.writer)
    readers   a few threads, each with a read-only handle of its own: entries, proofs, tiles
    aside     processes that read batches, and hold no part of the log (server.aside)
    desk      one thread with a handle that may write: views, disclosures, checkpoints, the census

So a reader never waits for a writer, and no thread shares a handle with another.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, TypeVar

import ledger
from ledger import access
from ledger.append import Receipt
from ledger.clock import print_at
from ledger.event import Event
from ledger.intake import Prepared
from ledger.log import Ledger
from ledger.recognition import SECRET
from proofs.errors import BusyError, RefusedError, TallyError, UnknownOutcomeError
from server import oidc
from server.aside import Aside
from server.auth import LOOPBACK, Principal, of_grant
from server.body import Room
from server.console.remembered import Remembered
from server.errors import OverloadedError, UnauthenticatedError
from server.journal import Journal
from server.levels import Levels
from server.metrics import Metrics
from server.ratelimit import RateLimit
from server.settings import Settings
from server.signing import Signing
from server.writer import Writer

_Result = TypeVar("_Result")
READERS: Final = 4
_MOST_READS: Final = 256
_MOST_ERRANDS: Final = 64
_MOST_TOKENS: Final = 64  # whose signatures are being checked: that costs more than to be refused
_GRANTS_SECONDS: Final = 1.0  # how long a revoked token may still be let in
_STALE_SECONDS: Final = 60.0  # and where the log cannot be read, at most so long


class Service:
    """One worker's open ledger.

    Attributes:
        origin: The log's name.
        writer: Appends what producers send.
        room: What request bodies take.
    """

    def __init__(self, settings: Settings, *, metrics: Metrics, journal: Journal) -> None:
        """Open nothing yet; `start` does."""
        self.settings = settings
        self.metrics = metrics
        self.journal = journal
        self.rate = RateLimit(settings.rate, clock=monotonic)
        self.room = Room(settings.room_bytes)
        self.levels = Levels(self.at_desk, journal, monotonic)
        self.console = Remembered()
        self.origin = ""
        self.grants: dict[str, access.Grant] = {}
        self._edition: tuple[int, ...] = ()
        self._folded = 0
        self._followed = monotonic()
        self._oidc: oidc.Verifier | None = None
        self._local = threading.local()
        self._opened: list[Ledger] = []
        self._reads = self._errands = self._tokens = 0
        self._is_lost = False  # the writer's handle: what its last commit came to is unknown
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the ledger, read who may ask, and begin to write and sign.

        Raises:
            TallyError: The ledger cannot be opened, or the issuer's keys cannot be read.
        """
        if self.settings.oidc is not None:
            self._oidc = await asyncio.to_thread(oidc.Verifier, self.settings.oidc)
        self._log = await asyncio.to_thread(self._open)
        self._desk_log = await asyncio.to_thread(self._open)
        self.origin = self._log.origin
        self._desk = ThreadPoolExecutor(1, "tally-desk")
        self._readers = ThreadPoolExecutor(READERS, "tally-reader")
        self.writer = Writer(
            self._append_each,
            most_events=self.settings.queue_events,
            most_bytes=self.settings.room_bytes,
            observe=self.metrics.committed,
        )
        key = None if self._log.vault is None else self._log.vault.secret(SECRET)
        cores = len(os.sched_getaffinity(0))
        self.aside = await asyncio.to_thread(self._beside, key, self.settings.readers_of(cores))
        await self._at_desk(self._read_grants)
        self.signing = Signing(self.settings, self.metrics, self.journal, self._at_desk)
        await self.signing.learn()
        self._tasks = [asyncio.create_task(self._watch_grants()), asyncio.create_task(self.signing.run())]

    def _beside(self, key: bytes | None, count: int) -> Aside:
        return Aside(count, origin=self.origin, key=key, journal=self.journal)

    @property
    def keeps_watch(self) -> bool:
        """True while credentials are followed and checkpoints signed."""
        return not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Write what was accepted, answer it, and close the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.aside.close)
        await self.writer.close()
        await self.signing.finish()
        for pool in (self._desk, self._readers, self.room.expander):
            await asyncio.to_thread(pool.shutdown, wait=True)
        for log in (self._log, self._desk_log, *self._opened):
            log.close()

    def _open(self, *, read_only: bool = False) -> Ledger:
        settings = self.settings
        return ledger.open(settings.ledger, read_only=read_only, home=settings.home, passphrase=settings.passphrase)

    def _append_each(self, events: Sequence[Event | Prepared]) -> list[Receipt | RefusedError | BusyError]:
        if self._is_lost:
            self._reopen()
        try:
            return self._append_or_lose(events)
        except UnknownOutcomeError as unknown:
            # What to do is in the contract: reopen, and send the same events again; those that are there are known again.
            try:
                self._reopen()
            except TallyError as error:
                raise unknown from error  # nobody may be told that nothing was written; the next group tries once more
            return self._append_or_lose(events)

    def _append_or_lose(self, events: Sequence[Event | Prepared]) -> list[Receipt | RefusedError | BusyError]:
        try:
            return self._log.group.append_each(events)
        except UnknownOutcomeError:
            self._is_lost = True
            raise

    def _reopen(self) -> None:
        self._log.close()  # first, and perhaps again: it may hold the lock
        self._log = self._open()
        self._is_lost = False

    async def read(self, work: Callable[[Ledger], _Result]) -> _Result:
        """Return what `work` reads, in a thread that has a read-only ledger.

        Raises:
            OverloadedError: Too many are reading already.
        """
        if self._reads >= _MOST_READS:
            raise OverloadedError(f"{self._reads} readings are waiting already")
        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)
        finally:
            self._reads -= 1

    def _read(self, work: Callable[[Ledger], _Result]) -> _Result:
        log: Ledger | None = getattr(self._local, "log", None)
        if log is None:
            log = self._local.log = self._open(read_only=True)
            self._opened.append(log)
        return work(log)

    async def at_desk(self, work: Callable[[Ledger], _Result]) -> _Result:
        """Return what `work` does with the one ledger that views, disclosures and signing share.

        Raises:
            OverloadedError: Too many are waiting there already.
        """
        if self._errands >= _MOST_ERRANDS:
            raise OverloadedError(f"{self._errands} requests are waiting at the desk already")
        self._errands += 1
        try:
            return await self._at_desk(work)
        finally:
            self._errands -= 1

    async def _at_desk(self, work: Callable[[Ledger], _Result]) -> _Result:
        """The same for the service itself, which is never turned away."""
        return await asyncio.get_running_loop().run_in_executor(self._desk, work, self._desk_log)

    async def identify(self, token: str | None) -> Principal:
        """Return who holds `token`.

        Raises:
            UnauthenticatedError: Nobody that is known, or not any more.
            OverloadedError: Whether it was revoked cannot be told now.
        """
        if token is None:
            if self.settings.open_on_loopback:
                return LOOPBACK
            raise UnauthenticatedError("no credential was given", hint="send Authorization: Bearer <token>")
        if token.startswith("tally_"):
            if monotonic() - self._followed > _STALE_SECONDS:
                raise OverloadedError(f"no credential could be looked up for {_STALE_SECONDS:.0f} seconds")
            grant = access.find(self.grants, token, print_at(self._log.clock()))
            if grant is not None:
                return of_grant(grant)
        elif self._oidc is not None:
            known = self._oidc.remembered(token)
            return known if known is not None else await self._verified(self._oidc, token)
        raise UnauthenticatedError("the credential is unknown, revoked or past its end")

    async def _verified(self, verifier: oidc.Verifier, token: str) -> Principal:
        if self._tokens >= _MOST_TOKENS:
            raise OverloadedError(f"{self._tokens} tokens are being checked already")
        self._tokens += 1
        try:
            return await asyncio.to_thread(verifier.verify, token)
        finally:
            self._tokens -= 1

    def _read_grants(self, log: Ledger) -> None:
        with log.store.reading():  # one state of the log: a fact between two reads would be counted and never folded
            self._folded, self._edition = log.size, access.edition(log.store)
        self.grants = access.read_grants(log)  # perhaps of a later state; what is folded twice changes nothing

    def _follow_grants(self, log: Ledger) -> None:
        with log.store.reading():
            size, edition = log.size, access.edition(log.store)
            found = list(access.changes(log.store, self._folded, size)) if edition != self._edition else []
        self.grants = access.fold(self.grants, found, origin=log.origin)
        self._edition, self._folded = edition, size
        self._followed = monotonic()
        self.metrics.entries(size)

    async def _watch_grants(self) -> None:
        while True:
            await asyncio.sleep(_GRANTS_SECONDS)
            try:
                await self.read(self._follow_grants)
            except TallyError as error:
                self.journal("grants-not-read", code=error.code, detail=error.what)
