"""The courier: one kept connection to the server, and a deadline that no server can outlast.

A timeout of the socket starts anew with every byte that trickles in; so each wait is given only what is left of the whole
request's time. Answers are read up to a bound and not a byte further. Redirects are not followed: a token goes where it was
meant to go, or nowhere.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ledger.client.settings import Settings
from proofs.errors import BusyError, MissingError, RefusedError

_TOKEN_BYTES: Final = 8_192
_TOKEN: Final = re.compile(r"[!-~]+")
_PIECE: Final = 1 << 16


class UnreachableError(BusyError):
    """No whole answer came: whether the server took the request is not known, and sending it again is harmless."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        headers: Names in lower case.
        body: At most as long as was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `limit_bytes` bounds the answer's body."""

    method: str
    path: str
    limit_bytes: int
    body: bytes | None = None
    headers: Mapping[str, str] | None = None


class Courier:
    """Speaks with one server, one request at a time."""

    def __init__(self, url: str, *, token: str | Path | None, settings: Settings) -> None:
        """Remember where to go; nothing is connected yet.

        Args:
            url: `https://host[:port][/path]`, or `http://`; the API stands below it.
            token: A bearer token; a path is read before each connection, so that a token can be renewed.

        Raises:
            RefusedError: The URL is not one, or the token.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:  # the URL may hold a password: it is not quoted
            raise RefusedError("server URL has a bracket that is not closed, or a port that is none") from None
        plain = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain or not url.isascii():
            raise RefusedError(
                "server URL is not http:// or https:// with a host and without a user", hint="https://host"
            )
        if isinstance(token, str):
            _check_token(token)
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, port or (443 if self._is_tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._settings = settings
        self._conn: _Connection | None = None
        self._lock = threading.Lock()

    def ask(self, request: Request) -> Answer:
        """Send a request and return the whole answer.

        Raises:
            UnreachableError: There is no whole answer within the time or the size that is allowed.
            MissingError: The token's file cannot be read.
            RefusedError: The token is none.
        """
        deadline = time.monotonic() + self._settings.total_seconds
        headers = {"Host": self._authority(), "User-Agent": "tallystick", **(request.headers or {})}
        if (token := self._read_token()) is not None:
            headers["Authorization"] = f"Bearer {token}"
        with self._lock:
            try:
                return self._exchange(request, headers, deadline)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.drop()
                raise UnreachableError(f"no answer from {self._authority()}: {_named(error)}") from error
            except BaseException:
                self.drop()
                raise

    def _exchange(self, request: Request, headers: Mapping[str, str], deadline: float) -> Answer:
        path = self._prefix + request.path
        conn = self._conn
        if conn is not None and conn.is_stale():
            self.drop()
            conn = None
        if conn is None:
            conn = self._conn = self._connect()
        conn.deadline = deadline
        conn.request(request.method, path, body=request.body, headers=dict(headers))
        response = conn.getresponse()
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise http.client.HTTPException("the answer is encoded")
        body = _read_bounded(response, request.limit_bytes)
        if response.will_close:
            self.drop()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, body)

    def _connect(self) -> _Connection:
        context = None
        if self._is_tls:
            context = ssl.create_default_context(cafile=self._settings.ca_file)
        return _Connection(self._host, self._port, self._settings, context)

    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def _read_token(self) -> str | None:
        token = self._token
        if token is None:
            return None
        if isinstance(token, Path):
            try:
                with token.open("rb") as file:
                    token = file.read(_TOKEN_BYTES).decode("latin-1").strip()
            except OSError as error:
                raise MissingError(f"the file with the token cannot be read: {error.strerror}") from error
        return _check_token(token)

    def abandon(self) -> None:
        """In a forked child: let go of the connection, which is the parent's."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.abandon()

    def drop(self) -> None:
        """Close the connection; whoever waits on it is woken. May be called from any thread."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.hang_up()


def _check_token(token: str) -> str:
    if not _TOKEN.fullmatch(token):  # http.client would quote it in its own refusal
        raise RefusedError("the token is empty, or holds what no header may hold")
    return token


class _Connection(http.client.HTTPConnection):
    """A connection whose every wait ends at `deadline`."""

    def __init__(self, host: str, port: int, settings: Settings, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=settings.connect_seconds)
        self.deadline = 0.0
        self._settings = settings
        self._context = context
        self._plain: socket.socket | None = None

    def connect(self) -> None:
        sock = socket.create_connection((self.host, self.port), self._left(self._settings.connect_seconds))
        self._plain = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            sock.settimeout(self._left(self._settings.connect_seconds))
            sock = self._plain = self._context.wrap_socket(sock, server_hostname=self.host)
        # http.client asks a socket for these three things alone.
        self.sock = _Timed(self, sock)

    def _left(self, most_seconds: float) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for one request is over")
        return min(left, most_seconds)

    def wait_seconds(self) -> float:
        """How long the next wait for bytes may be."""
        return self._left(self._settings.read_seconds)

    def is_stale(self) -> bool:
        """Whether the other side has closed it, or said something that nobody asked for."""
        if self._plain is None:
            return False
        try:
            self._plain.settimeout(0)
            self._plain.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def hang_up(self) -> None:
        """Close the socket, also under somebody who waits for it."""
        sock, self._plain = self._plain, None
        if sock is not None:
            with suppress(OSError):  # where the other side has closed it already
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def abandon(self) -> None:
        """Close this process's copy of a socket that belongs to another one; the connection itself goes on."""
        sock, self._plain = self._plain, None
        if sock is not None:
            sock.close()


class _Timed:
    """A socket as http.client uses it, with a deadline before each wait."""

    def __init__(self, conn: _Connection, sock: socket.socket) -> None:
        self._conn = conn
        self._sock = sock

    def sendall(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            self._sock.settimeout(self._conn.wait_seconds())
            self._sock.sendall(data[at : at + _PIECE])

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - http.client's shape
        return io.BufferedReader(_Reader(self._conn, self._sock), _PIECE)

    def close(self) -> None:
        pass  # the answer is still read from it; `hang_up` closes


class _Reader(io.RawIOBase):
    def __init__(self, conn: _Connection, sock: socket.socket) -> None:
        self._conn = conn
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        self._sock.settimeout(self._conn.wait_seconds())
        return self._sock.recv_into(buffer)


def _read_bounded(response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := response.read(min(_PIECE, limit_bytes + 1 - size)):
        size += len(piece)
        if size > limit_bytes:
            raise http.client.HTTPException(f"the answer is longer than {limit_bytes} bytes")
        pieces.append(piece)
    if response.length:  # http.client is silent about an answer that ends too early when read by pieces
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(pieces)


def _named(error: Exception) -> str:
    """What went wrong, in words of ours: an answer's own could be anything."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error) is http.client.HTTPException:
        return str(error)
    return type(error).__name__
