"""Versions of a dataset side by side, and a link by which consumers read one of them.

    versions/2026-11-28/…          allowed
    versions/2026-11-29/…          the batch
    current -> versions/2026-11-28

    release    the batch is read back and hashed; its files are synced; a new link is made beside the old one
               ═ commit point: the new link takes the old one's name ═   and the folder is synced
    withhold   where consumers read the batch, the link goes back the same way to the last version that the log allows

Whoever opens the link's name sees one version or the other at every moment, also after a crash at any point. A link that a
crash left beside is swept away by the next one.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import ClassVar, Final

from contracts.allowed import Allowed, allowed_versions
from contracts.facts import Decided
from contracts.history import ReadableLog
from contracts.record import Action, Evaluated
from contracts.source import fingerprint
from contracts.sources.files import folder_source
from ledger import durable
from proofs.errors import BusyError, MissingError, RefusedError, TallyError, UnknownOutcomeError

MAX_VERSIONS: Final = 10_000
_LEFT: Final = re.compile(r"\.(.+)\.[0-9a-f]{16}\.new")


def real_version(path: Path) -> Path:
    """Return where a version lies, whatever links lead to it: a link may lead elsewhere while it is measured.

    Raises:
        MissingError: There is neither a file nor a folder.
    """
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingError("there is no such version", where=str(path)) from error
    if not real.is_dir() and not real.is_file():
        raise MissingError("a version is a file or a folder", where=str(path))
    return real


@dataclass(slots=True)
class SwapLink:
    """Leads consumers to a batch that is allowed, and away from one that is not.

    Attributes:
        version: Where the batch lies, beside the dataset's other versions, with all links followed.
        link: What consumers read.
        before: Where it led when this was made; None where there was none.

    Raises:
        RefusedError: Something that is no symbolic link stands at `link`, or it would stand in the batch itself.
        MissingError: The folder of `link` is not there.
    """

    log: ReadableLog
    evaluated: Evaluated
    version: Path
    link: Path
    before: str | None = field(init=False)
    on_release: ClassVar[Action] = "promoted"
    on_withhold: ClassVar[Action] = "rolled-back"

    def __post_init__(self) -> None:
        self.before, self.version = check_link(self.link), real_version(self.version)
        if self.link.parent.resolve().is_relative_to(self.version):
            raise RefusedError("the link would stand in the version that it leads to", where=str(self.link))

    def release(self) -> None:
        """Lead consumers to the batch, durably.

        Raises:
            BusyError: Somebody else leads them elsewhere meanwhile.
            RefusedError: The batch is not any more what was measured, or the link cannot be made.
            UnknownOutcomeError: They are led there, and may not be after a crash.
        """
        with _alone(self.link):
            if check_link(self.link) != self.before:
                raise BusyError("somebody else changed the link meanwhile; nothing was promoted")
            measured = self._sha256()
            if measured is None or _sha256(self.version) != measured:
                raise RefusedError("the batch is not any more what was measured", where=str(self.version))
            _sync(self.version)
            _lead(self.link, self.version)

    def withhold(self) -> Decided | None:
        """Lead consumers who read the batch back to the last allowed version, or to none where there is none here.

        Returns the decision by which that version was allowed; None where no version is there, or consumers never read the batch.

        Raises:
            BusyError, RefusedError, UnknownOutcomeError: As `release`.
        """
        with _alone(self.link):
            check_link(self.link)
            if not self._is_read():
                return None
            found = self._last_allowed()
            if found is None:
                _remove(self.link)
                return None
            path, allowed = found
            _lead(self.link, path)
            return allowed.decided

    def _is_read(self) -> bool:
        """Whether the link leads to the batch."""
        try:
            return self.link.resolve(strict=True) == self.version
        except (OSError, RuntimeError):  # it leads nowhere
            return False

    def _last_allowed(self) -> tuple[Path, Allowed] | None:
        """The last allowed version whose bytes lie beside the batch, and where."""
        known: dict[Path, str | None] = {}
        others = _beside(self.version)
        for allowed in allowed_versions(self.log, self.evaluated.document.contract.dataset):
            for path in others if allowed.sha256 else ():
                if path not in known:
                    known[path] = _sha256(path)
                if known[path] == allowed.sha256:
                    return path, allowed
        return None

    def _sha256(self) -> str | None:
        found = self.evaluated.measurement.file
        return None if found is None else found.sha256


def check_link(link: Path) -> str | None:
    """Return where a link leads, as it says; None where there is none.

    Raises:
        RefusedError: Something else stands there, or it cannot be looked at.
        MissingError: Its folder is not there.
    """
    try:
        return str(link.readlink())
    except FileNotFoundError:
        if not link.parent.is_dir():
            raise MissingError("the folder of the link is not there", where=str(link.parent)) from None
        return None
    except (OSError, ValueError) as error:
        what = "what consumers read is no symbolic link, so that it cannot be swapped"
        hint = "move it beside its versions, and put a link in its place: ln -s versions/1 current"
        raise RefusedError(what, where=str(link), hint=hint) from error


@contextmanager
def _alone(link: Path) -> Iterator[None]:
    """Hold the link's folder, with what a crash left of earlier swaps swept away."""
    try:
        folder = os.open(link.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(f"the link's folder cannot be opened: {error.strerror}", where=str(link.parent)) from error
    try:
        try:
            flock(folder, LOCK_EX | LOCK_NB)
        except OSError as error:
            raise BusyError("somebody else swaps versions in this folder", where=str(link.parent)) from error
        _sweep(link)
        yield
    finally:
        os.close(folder)  # and with it the lock


def _sweep(link: Path) -> None:
    with suppress(OSError):  # what cannot be taken away is in nobody's way
        for path in list(link.parent.iterdir()):
            if (named := _LEFT.fullmatch(path.name)) and named[1] == link.name and path.is_symlink():
                path.unlink(missing_ok=True)


def _lead(link: Path, version: Path) -> None:
    """Make the link lead to a version."""
    fresh = link.with_name(f".{link.name}.{secrets.token_hex(8)}.new")
    try:
        fresh.symlink_to(os.path.relpath(version, link.parent.resolve()))
        fresh.replace(link)  # the commit point: whoever opens the name from here on reads this version
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise RefusedError(f"the link cannot be made: {error.strerror}", where=str(link)) from error
    durable.sync_folder(link.parent)


def _remove(link: Path) -> None:
    try:
        link.unlink()
    except OSError as error:
        raise RefusedError(f"the link cannot be taken away: {error.strerror}", where=str(link)) from error
    durable.sync_folder(link.parent)


def _beside(version: Path) -> list[Path]:
    """The other versions, the newest first."""
    try:
        found = [
            path
            for path in version.parent.iterdir()
            if path != version
            and not path.name.startswith((".", "_"))
            and not path.is_symlink()
            and (path.is_dir() if version.is_dir() else path.is_file())
        ]
        found.sort(key=lambda path: (path.lstat().st_mtime_ns, path.name), reverse=True)
    except OSError as error:
        what = f"the versions beside the batch cannot be listed: {error.strerror}"
        raise RefusedError(what, where=str(version.parent)) from error
    if len(found) > MAX_VERSIONS:
        raise RefusedError(f"there are {len(found)} versions, at most {MAX_VERSIONS} are looked at")
    return found


def _sha256(version: Path) -> str | None:
    """The fingerprint of a version, as a decision records it; None where it is none that can be read."""
    try:
        return (folder_source(version).hashed() if version.is_dir() else fingerprint(version)).sha256
    except TallyError:
        return None


def _sync(version: Path) -> None:
    """Make the bytes of a version durable, and their names: a link must not outlive what it leads to."""
    try:
        for folder, _, names in os.walk(version) if version.is_dir() else [(str(version.parent), [], [version.name])]:
            for path in (Path(folder, name) for name in names):
                if path.is_file():
                    _sync_file(path)
            durable.sync_folder(Path(folder))
        if version.is_dir():
            durable.sync_folder(version.parent)
    except OSError as error:
        raise RefusedError(f"the batch cannot be made durable: {error.strerror}", where=str(version)) from error
    except UnknownOutcomeError as error:
        raise RefusedError("the batch cannot be made durable", where=str(version)) from error


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
