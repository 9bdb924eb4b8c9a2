"""The transport to name in `openlineage.yml`: what a stock OpenLineage producer emits goes into the ledger.

    transport:
      type: ledger.client.openlineage.LedgerTransport
      url: https://ledger.example.org              through the outbox, to a server; never blocks, never loses
      outbox: /var/lib/pipeline/outbox.db
      token_file: /etc/tallystick/token
      source: urn:acme:warehouse

or, in place of url and outbox, `ledger: sqlite:////var/lib/audit.db`: straight into an embedded ledger. The bytes that the
OpenLineage client printed are the bytes that the ledger keeps; what it makes of values that JSON cannot hold (a placeholder)
happens before this file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from openlineage.client.serde import Serde
from openlineage.client.transport import Config, Transport

from ledger.client.client import Client
from ledger.client.settings import Settings
from ledger.event import Event
from ledger.openlineage import event_from_openlineage
from proofs.errors import RefusedError

if TYPE_CHECKING:
    from openlineage.client.client import Event as OpenLineageEvent

    from ledger.log import Ledger

_TEXTS: Final = ("url", "outbox", "token", "token_file", "source", "ledger", "home")
_SETTINGS: Final[Mapping[str, str]] = {each.name: str(each.type) for each in fields(Settings)}

T_co = TypeVar("T_co", covariant=True)


class Takes(Protocol[T_co]):
    """The one thing that is asked of an open ledger or a client here."""

    def append(self, event: Event, /) -> T_co:
        """Make `event` durable and return what is known of it."""


class LedgerConfig(Config):
    """What may stand in the configuration; the names of `Settings` may, too.

    Attributes:
        url: The server. None: events only gather in the outbox, and `tally outbox flush` delivers them.
        outbox: Path of the outbox; a file of this machine, never of a network.
        token, token_file: The bearer token, or the file that holds it.
        source: Who is recorded as the source of every event; it belongs to this outbox alone. None: the outbox
            itself, `urn:tallystick:outbox:<uuid>`; in an embedded ledger, each event's own `producer`.
        ledger: URL of an embedded ledger, instead of url and outbox. The passphrase of its keys is read from
            TALLY_KEY_PASSPHRASE.
        home: Where that ledger's keyring stands.
        settings: As `Client` takes them.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Read the configuration.

        Raises:
            RefusedError: A name or a value in it is not known or not possible; the message quotes no value.
        """
        unknown = sorted(set(params) - {"type", *_TEXTS, *_SETTINGS})
        if unknown:
            raise RefusedError(f"the ledger's transport knows no {unknown[0]!r}", hint=f"it knows {', '.join(_TEXTS)}")
        for name in _TEXTS:
            if not isinstance(params.get(name), str | None):
                raise RefusedError(f"{name!r} of the ledger's transport is no text")
        self.url: str | None = params.get("url")
        self.outbox: str | None = params.get("outbox")
        self.token: str | None = params.get("token")
        self.token_file: str | None = params.get("token_file")
        self.source: str | None = params.get("source")
        self.ledger: str | None = params.get("ledger")
        self.home: str | None = params.get("home")
        if (self.ledger is None) == (self.outbox is None):
            given = "neither is" if self.ledger is None else "both are"
            raise RefusedError(
                f"the ledger's transport needs either an outbox or a ledger, and {given} given",
                hint="outbox: /path/outbox.db",
            )
        if self.ledger is not None and (self.url or self.token or self.token_file):
            raise RefusedError("an embedded ledger has no url and no token")
        if self.token is not None and self.token_file is not None:
            raise RefusedError("the ledger's transport takes a token or a token_file, not both")
        self.settings = _settings({name: value for name, value in params.items() if name in _SETTINGS})

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> Self:
        """Read the configuration; raises as the constructor."""
        return cls(params)


def _settings(given: Mapping[str, Any]) -> Settings:
    for name, value in given.items():
        wanted: tuple[type, ...] = (str,) if "str" in _SETTINGS[name] or name == "on_full" else (int, float)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise RefusedError(f"{name!r} of the ledger's transport is of another kind")
    try:
        return Settings(**given)
    except ValueError as error:
        raise RefusedError(f"the ledger's transport is not acceptable: {error}") from error


class LedgerTransport(Transport, Generic[T_co]):
    """Emits into an outbox or an embedded ledger, in the caller's thread; what it took is durable.

    A server that is down, slow or mad is no business of `emit`. What cannot be made durable (the disk is full, the outbox
    has reached its bound), or cannot be identified, is raised: the caller has to know.

    Attributes:
        receipt: Of the event emitted last, since the OpenLineage client does not hand it back: a ledger's `Receipt`, or
            the `Emission` of an outbox.
    """

    kind = "tallystick"
    config_class = LedgerConfig

    def __init__(self, config: LedgerConfig) -> None:
        """Open what the configuration names.

        Raises:
            TallyError: It cannot be opened, or the outbox made.
        """
        self.receipt: Any = None
        self._source = config.source
        self._taker: _Opened | None = _opened(config)
        self._takes: Takes[Any] = self._taker
        if self._source is None and isinstance(self._taker, _ThroughOutbox):
            self._source = self._taker.client.source

    @classmethod
    def into(cls, log: Takes[T_co], *, source: str | None = None) -> Self:
        """Return a transport into an open ledger or client; closing that stays with whoever opened it."""
        transport = cls.__new__(cls)
        transport.receipt = None
        transport._source = source
        transport._taker = None
        transport._takes = log
        return transport

    def emit(self, event: OpenLineageEvent | dict[str, Any]) -> T_co:
        """Take one event and return what is known of it.

        Raises:
            RefusedError: The event cannot be identified, or there is no room for it; nothing was written.
        """
        data = Serde.to_json(event).encode()
        taken: T_co = self._takes.append(event_from_openlineage(data, source=self._source))
        self.receipt = taken
        return taken

    def close(self, timeout: float = -1) -> bool:
        """Stop, and return whether everything is delivered; what is not stays in the outbox and is delivered later.

        Args:
            timeout: In seconds. Negative, which for OpenLineage means "as long as it takes", waits no longer than the end
                of the interpreter would. A server that is seen to be down is not waited for either way, `dbt-ol` would hold
                its caller for 30 s: nothing is lost by not waiting.
        """
        return True if self._taker is None else self._taker.close(timeout)


class _Opened(Protocol):
    def append(self, event: Event, /) -> Any:
        """As `Takes`."""

    def close(self, timeout: float) -> bool:
        """As `Transport.close`."""


def _opened(config: LedgerConfig) -> _Opened:
    return _Embedded(config) if config.ledger is not None else _ThroughOutbox(config)


class _ThroughOutbox:
    def __init__(self, config: LedgerConfig) -> None:
        assert config.outbox is not None
        self._settings = config.settings
        self.client = Client(
            config.url,
            outbox=config.outbox,
            source=config.source,
            token=config.token if config.token_file is None else Path(config.token_file),
            settings=config.settings,
        )

    def append(self, event: Event, /) -> Any:
        return self.client.emit(event)

    def close(self, timeout: float) -> bool:
        timeout = self._settings.exit_seconds if timeout < 0 else timeout
        return self.client.close(timeout, patient=False) == 0


class _Embedded:
    """An embedded ledger, opened once in each process: an open database must not cross a fork."""

    def __init__(self, config: LedgerConfig) -> None:
        self._url = str(config.ledger)
        self._home = None if config.home is None else Path(config.home)
        self._logs: dict[int, Ledger] = {}  # by process; a parent's stays untouched in its child
        self._log()

    def _log(self) -> Ledger:
        log = self._logs.get(os.getpid())
        if log is None:
            import ledger

            log = self._logs[os.getpid()] = ledger.open(self._url, home=self._home)
        return log

    def append(self, event: Event, /) -> Any:
        return self._log().append(event)

    def close(self, timeout: float) -> bool:  # noqa: ARG002 - everything is in the ledger already
        log = self._logs.pop(os.getpid(), None)
        if log is not None:
            log.close()
        return True
