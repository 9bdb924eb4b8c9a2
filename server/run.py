"""Starting and stopping: one process, or several that share one listening socket, under uvicorn.

The one line on the standard output, `tallystick serves <origin> on <url>`, is printed when requests are answered. SIGTERM
stops: no new connection is taken, what was accepted is written and answered, then the ledger is closed.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import signal
import socket
import ssl
import sys
from typing import Final

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

import ledger
from ledger.keys import current
from ledger.log import Ledger
from proofs.errors import MissingError, RefusedError, UnverifiableError
from server.journal import to_stderr
from server.protocol import BoundedProtocol
from server.settings import Settings

_STARTING_SECONDS: Final = 60.0
_STOPPING_SECONDS: Final = 30
_KEEP_ALIVE_SECONDS: Final = 75
_BACKLOG: Final = 4_096
_OPEN_FILES: Final = 65_536


class JournalHandler(logging.Handler):
    """Writes what libraries log as lines of the journal: their template, never what was put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        to_stderr("library", logger=record.name, level=record.levelname, detail=str(record.msg))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(self._ready)


class _Servers(Multiprocess):
    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], ready: str) -> None:
        super().__init__(config, sockets)
        self._ready = ready

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(_STARTING_SECONDS) for process in self.processes):
            _say(self._ready)


def run(settings: Settings) -> None:
    """Serve until a signal stops it.

    Raises:
        TallyError: The ledger cannot be opened, or its log key cannot, which it would be signed with; nothing was started.
        RefusedError: The address cannot be bound, or certificate and key are none.
    """
    _check_tls(settings)
    # Looked at before anything listens, so that the reason reaches whoever started this and not a worker's journal.
    with ledger.open(settings.ledger, home=settings.home, passphrase=settings.passphrase) as log:
        origin = log.origin
        if settings.checkpoint_every:
            _check_key(log)
    settings.to_environment()
    _allow_connections()
    logging.getLogger().handlers[:] = [JournalHandler(logging.WARNING)]
    listening = _bind(settings.host, settings.port)
    config = _config(settings)
    ready = _ready_line(settings, origin, listening.getsockname()[1])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises again what it caught: stopping on demand is no failure
    if settings.workers == 1:
        server = _Server(config, ready)
        server.run([listening])
        if not server.started:
            raise RefusedError("the server did not start; the journal on the error stream says why")
        return
    from server.metrics import FOLDER, share_between_processes

    folder = None if os.environ.get(FOLDER) else share_between_processes(os.environ)
    try:
        _Servers(config, [listening], ready).run()
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        "server.app:create",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOPPING_SECONDS,
        timeout_worker_healthcheck=30,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def _check_key(log: Ledger) -> None:
    """Accept a ledger that can be signed now, and one that nothing is signed in any more, or without a keyring.

    Else the server would answer as if all were well, and never sign.
    """
    if log.keyring is None or log.closed_by is not None:
        return
    key = current(log.keys(), "log", size=log.size)
    try:
        _ = log.keyring.signer("log", key.id).public_key
    except UnverifiableError as error:
        raise UnverifiableError(
            f"no checkpoint could be signed: {error.what}",
            hint=f"{error.hint or 'give the right passphrase'}; --checkpoint-every 0 serves without signing",
        ) from error


def _check_tls(settings: Settings) -> None:
    if settings.tls_cert is None:
        return
    try:
        # An encrypted key is refused, and asks nobody at a terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=lambda: b""
        )
    except FileNotFoundError as error:
        raise MissingError("there is no file that --tls-cert or --tls-key names") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"--tls-cert and --tls-key cannot be used: {type(error).__name__}") from error


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise RefusedError(f"{host} port {port} cannot be bound: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening


def _ready_line(settings: Settings, origin: str, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"
    if settings.as_json:
        said = {"url": url, "origin": origin, "pid": os.getpid(), "open": settings.open_on_loopback}
        return json.dumps(said, separators=(",", ":"))
    whoever = "; whoever reaches this address is an admin" if settings.open_on_loopback else ""
    return f"tallystick serves {origin} on {url}{whoever}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _allow_connections() -> None:
    """Raise the bound on open files as far as it may be: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
