"""The shipper: a daemon thread in each process, of which one at a time works on an outbox.

Who works is decided by an advisory lock on `<outbox>.lock` (flock), which the kernel takes back when its holder dies, however it
dies. The others look again now and then. The thread holds nothing that may be lost: kill it anywhere, and the next one sends
what still waits, again if need be, under the ids that it had.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

from ledger.client.backlog import Backlog
from ledger.client.courier import Courier
from ledger.client.delivery import Delivery, Outcome
from ledger.client.outbox import Outbox
from ledger.client.patience import backoff, retry_after
from proofs.errors import RefusedError, TallyError

LOG: Final = logging.getLogger("ledger.client")
_TIDY_EVERY: Final = 100
_BREATH_SECONDS: Final = 0.000_05


class ShippingLock:
    """Held by whoever ships; `flock` belongs to the open file, so a forked child must let go of its copy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> bool:
        """Return whether this process ships now.

        Raises:
            RefusedError: The lock's file cannot be opened.
        """
        if self._fd is not None:
            return True
        try:
            fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RefusedError(f"lock {self._path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Let another one ship. In a forked child this closes the child's copy and leaves the parent's lock alone."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class Shipper:
    """One thread for one outbox.

    Attributes:
        is_well: The last request was answered as it should be, or none was made yet.
    """

    def __init__(self, outbox: Outbox, courier: Courier, *, source: str) -> None:
        self._outbox = outbox
        self._settings = outbox.settings
        self._courier = courier
        self._source = source
        self._lock = ShippingLock(outbox.file.path.with_name(f"{outbox.file.path.name}.lock"))
        self.backlog = Backlog(outbox)
        self._delivery = Delivery(self.backlog, courier, breathe=lambda: time.sleep(_BREATH_SECONDS))
        self.changed = threading.Condition()  # something was settled, or came to a halt
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._emits = 0  # since the file was tidied up last
        self._failures = 0
        self._not_before = 0.0  # a server asked for patience until then
        self._held: set[str] = set()  # sources of which something stayed, left alone until `_held_until`
        self._held_until = 0.0
        self._held_rounds = 0
        self._noted: str | None = ""  # what stands in the outbox as trouble; "" when nobody has looked yet

    @property
    def is_well(self) -> bool:
        """True while nothing has gone wrong since something last went right."""
        return self._failures == 0

    def start(self) -> None:
        """Make sure that the thread runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="tally-shipper", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._emits += 1  # a lost count costs nothing
        self._wake.set()

    def hurry(self) -> None:
        """Do not wait out a backoff; what a server asked for with Retry-After is waited out all the same."""
        self._hurry.set()
        self._wake.set()

    def stop(self, timeout_seconds: float) -> bool:
        """End the thread; False when it is still busy after the time that was given."""
        self._stop.set()
        self._wake.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        self._courier.drop()
        thread.join(max(timeout_seconds, 0))
        return not thread.is_alive()

    def forget_parent(self) -> None:
        """In a forked child: let go of what belongs to the parent. No thread came along."""
        self._lock.release()
        self._courier.abandon()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wait(self._round())
        finally:
            self._lock.release()
            self._courier.drop()
            with self.changed:
                self.changed.notify_all()

    def _round(self) -> float:
        """Do what there is to do and return how many seconds nothing will be."""
        poll = self._settings.poll_seconds
        is_hurried = self._hurry.is_set()
        self._hurry.clear()  # before, not after: whoever hurries during this round means the next one
        try:
            self._outbox.beat(self._source)
            if not self._lock.take() or not self.backlog.left():
                self._tidy()
                return poll
            now = time.monotonic()
            if now < self._not_before:
                return self._not_before - now
            alone = self._held if now < self._held_until and not is_hurried else set()
            outcome = self._delivery.deliver(without=alone)
            self._tidy()
            if not self._stop.is_set() and (outcome.trouble or not alone):  # else it may be we who hung up
                self._note(outcome.trouble or None)
            with self.changed:
                self.changed.notify_all()
        except TallyError as error:  # the outbox itself cannot be read or written now
            outcome, alone = Outcome(trouble=str(error), is_halted=True), set()
            LOG.warning("outbox: %s", error)
        if not outcome.is_halted:
            self._failures = 0
            if outcome.held != alone or not alone:
                self._hold(outcome.held)
            return 0.0 if outcome.done or outcome.dead else poll
        self._failures = 0 if outcome.done else self._failures
        self._failures += 1
        asked = retry_after(outcome.retry_after, self._outbox.clock(), self._settings)
        wait = backoff(self._failures, self._settings)
        if asked is not None:
            wait += asked
            self._not_before = time.monotonic() + asked
        return max(wait, _BREATH_SECONDS)

    def _hold(self, sources: set[str]) -> None:
        """Leave `sources` alone for a while that doubles; none means that all is well."""
        self._held = sources
        self._held_rounds = self._held_rounds + 1 if sources else 0
        self._held_until = time.monotonic() + backoff(max(self._held_rounds, 1), self._settings)

    def _wait(self, seconds: float) -> None:
        """Wait for something to send, or, after a failure, for the time to try again; keep tidy meanwhile."""
        if self.is_well:
            if seconds and self._wake.wait(seconds):
                self._stop.wait(self._settings.linger_seconds)
            self._wake.clear()
            return
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set() and not self._hurry.is_set():
            if self._wake.wait(min(left, self._settings.poll_seconds)):
                self._wake.clear()
                self._stop.wait(min(left, self._settings.linger_seconds))
                self._tidy()

    def _tidy(self) -> None:
        """Move the write-ahead log into the file before an emit has to; each time costs two fsyncs, so not for every event."""
        if self._emits < _TIDY_EVERY:
            return
        self._emits = 0
        try:
            self._outbox.file.tidy()
        except TallyError as error:
            LOG.debug("outbox: %s", error)

    def _note(self, trouble: str | None) -> None:
        if trouble == self._noted:
            return
        if trouble is not None:
            LOG.warning("nothing is lost, and not everything is delivered: %s", trouble)
        elif self._noted:
            LOG.warning("events are delivered again")
        self.backlog.note_trouble(trouble)
        self._noted = trouble
