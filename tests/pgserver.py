"""A real PostgreSQL, started from Debian's binaries under an unprivileged user, on a Unix socket, in a folder of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

BINARIES = Path("/usr/lib/postgresql")
MEMORY = Path("/dev/shm")
MISSING = "these tests need PostgreSQL's server (Debian: apt-get install postgresql), and there is none in /usr/lib/postgresql"
TEMPLATE = "ledger_template"


def binaries() -> Path:
    """The newest installed version's programs, where Debian's pg_createcluster looks for them too."""
    found = sorted(BINARIES.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise RuntimeError(MISSING)
    return found[-1].parent


def account() -> str | None:
    """Whom the server runs as: it refuses to be root; None for ourselves."""
    if os.getuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """One cluster.

    Attributes:
        folder: Holds data, socket and log.
    """

    def __init__(self, *, parent: Path | None = None, **settings: str) -> None:
        """Make the folder: in memory where there is any, so that no test waits for a disk, or in `parent`."""
        self.bin = binaries()
        self.user = account()
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="tally-pg-", dir=parent or (MEMORY if MEMORY.is_dir() else None)))
        if self.user:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()

    def run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs; it ends when we do, however we end."""
        log = (self.folder / "log").open("ab")
        try:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", str(self.bin / program), *arguments],
                user=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            log.close()

    def done(self, program: str, *arguments: str) -> None:
        assert self.run(program, *arguments).wait() == 0, self.said()

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def make(self) -> Server:
        """Make an empty cluster."""
        self.done("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        return self

    def start(self) -> Server:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "60",
            "shared_buffers": "64MB",
            "max_wal_size": "256MB",
            "autovacuum": "off",
            "dynamic_shared_memory_type": "mmap",  # in the folder: what is killed leaves nothing elsewhere
            **self.settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = self.run("postgres", "-D", str(self.data), *options)
        self.wait()
        return self

    def wait(self, *, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                assert self.process is not None
                assert self.process.poll() is None, self.said()
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.02)
            else:
                return

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: SIGINT cleanly, SIGQUIT as a crash."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def kill(self) -> None:
        """kill -9 to the server and every process of it, at once."""
        assert self.process is not None
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        for pid in map(int, children):  # the next start refuses while one of them still holds the shared memory
            while Path(f"/proc/{pid}").exists():
                time.sleep(0.005)

    def url(self, database: str, **parameters: str) -> str:
        query = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"postgresql://postgres@/{database}?host={self.folder}{query}"

    def connect(self, database: str, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database), autocommit=True, **options)

    def database(self, *, template: str = "template0") -> str:
        """Make a database and return its name."""
        name = f"test_{next(self._names)}"
        with self.connect("postgres") as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def drop(self, name: str) -> None:
        with self.connect("postgres") as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def template(self) -> None:
        """Make the database that tests copy: the ledger's tables, and nothing in them."""
        from ledger.stores.postgres_schema import migrate

        with self.connect("postgres") as conn:
            conn.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0".encode())
        with self.connect(TEMPLATE) as conn:
            migrate(conn)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)


def started() -> Iterator[Server]:
    """A server with the template, for the length of a fixture."""
    server = Server()
    try:
        server.make().start().template()
        yield server
    finally:
        server.remove()
