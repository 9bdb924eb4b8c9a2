"""What holds for every test: none is skipped, none is expected to fail, and no deadline depends on the machine."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import ledger

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.counterpart import Counterpart
    from tests.editor import PostgresCopy, SqliteCopy
    from tests.operated import Operated
    from tests.pgserver import Server

hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Let temporary folders stand in memory where there is enough: a durable write then waits for no disk."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself into a failure."""
    report = yield
    if report.skipped:
        report.longrepr = f"a module may not skip itself here: {_reason(report.longrepr)}"
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip, and a failure that was expected, into a failure: a test that did not run showed nothing."""
    report = yield
    if report.skipped:
        report.longrepr = f"a test may not be skipped or expected to fail here: {_reason(report.longrepr)}"
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _load(name: str) -> ModuleType:
    """Load a module of this folder by its path, since test files do not import each other."""
    spec = importlib.util.spec_from_file_location(f"tallystick_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def issuer() -> ModuleType:
    """The independent issuer of bundles, tests/issuer.py."""
    return _load("issuer")


@pytest.fixture(scope="session")
def counterparts() -> ModuleType:
    """The other side of the client's wire, tests/counterpart.py."""
    return _load("counterpart")


@pytest.fixture(scope="session")
def operate() -> Callable[[Path], Operated]:
    """Makes in a folder a ledger that was operated for a while, tests/operated.py."""
    made: Callable[[Path], Operated] = _load("operated").operate
    return made


@pytest.fixture
def counterpart(counterparts: ModuleType, ledgers: Ledgers) -> Iterator[Counterpart]:
    """A server that speaks the contract of POST /api/v1/events over a ledger of its own, and misbehaves on request."""
    running: Counterpart = counterparts.Counterpart(ledgers.create("served"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def pgserver() -> ModuleType:
    """What starts PostgreSQL servers, tests/pgserver.py, for tests that need one of their own."""
    return _load("pgserver")


@pytest.fixture(scope="session")
def postgres(pgserver: ModuleType) -> Iterator[Server]:
    """A PostgreSQL server for the whole session, started when the first test asks for it."""
    yield from pgserver.started()


@pytest.fixture
def postgres_url(postgres: Server, pgserver: ModuleType) -> Iterator[str]:
    """The URL of a database with the ledger's tables and no log."""
    name = postgres.database(template=pgserver.TEMPLATE)
    yield postgres.url(name)
    postgres.drop(name)


PASSPHRASE = b"correct horse"


@dataclass
class Ledgers:
    """Makes and opens ledgers in one folder, all with one keyring home and one clock that a test can set.

    Attributes:
        folder: Holds `<name>.db` and the keyrings' `home`.
        database: The URL of a PostgreSQL database, for ledgers that stand there instead.
        now: What the clock says next; every look at it moves it on by a millisecond.
    """

    folder: Path
    now: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    opened: list[Ledger] = field(default_factory=list)
    database: str = ""

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def path(self, name: str = "log") -> Path:
        return self.folder / f"{name}.db"

    def url(self, name: str = "log") -> str:
        return self.database or f"sqlite:///{self.path(name)}"

    def create(self, name: str = "log", *, origin: str = "ledger.example/test", memory: bool = False) -> Ledger:
        url = "memory:" if memory else self.url(name)
        log = ledger.create(url, origin=origin, home=self.home, passphrase=lambda: PASSPHRASE, clock=self.clock)
        self.opened.append(log)
        return log

    def open(self, name: str = "log", **options: Any) -> Ledger:
        options = {"home": self.home, "passphrase": lambda: PASSPHRASE, "clock": self.clock, **options}
        log = ledger.open(self.url(name), **options)
        self.opened.append(log)
        return log

    def accept_restored(self, name: str = "log", **options: Any) -> Ledger:
        """Go on from a backup that was put back, in so many words."""
        options = {"home": self.home, "passphrase": lambda: PASSPHRASE, "clock": self.clock, **options}
        log = ledger.accept_restored(self.url(name), **options)
        self.opened.append(log)
        return log

    def open_without_keyring(self, name: str = "log") -> Ledger:
        """As somebody who has the file and this library, and goes past the front door."""
        from ledger.log import Ledger
        from ledger.stores.sqlite import SqliteStore

        log = Ledger(SqliteStore(str(self.path(name))), clock=self.clock)
        self.opened.append(log)
        return log

    def start(self, program: str, *arguments: object) -> subprocess.Popen[str]:
        """Start a program of Python; it is told the ledger's URL, the keyrings' home, and `arguments`."""
        return subprocess.Popen(
            [sys.executable, "-c", program, self.url(), str(self.home), *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The same, and wait for its end."""
        process = self.start(program, *arguments)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture(scope="session")
def ledgers_in() -> type[Ledgers]:
    """For tests that share ledgers, or make them in folders of their own."""
    return Ledgers


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[Ledgers]:
    """A folder for ledgers; those that a test made or opened are closed behind it."""
    made = Ledgers(tmp_path)
    yield made
    made.close()


@pytest.fixture
def postgres_ledgers(tmp_path: Path, postgres_url: str) -> Iterator[Ledgers]:
    """The same in a PostgreSQL database; keyrings and views stand in the folder."""
    made = Ledgers(tmp_path, database=postgres_url)
    yield made
    made.close()


@pytest.fixture(scope="session")
def editor() -> ModuleType:
    """Sound ledgers and the hand that edits copies of them, tests/editor.py."""
    return _load("editor")


@pytest.fixture(scope="session")
def sound_file(editor: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    """A closed SQLite ledger with something in every table, to be copied."""
    sound: Ledgers = editor.fill(Ledgers(tmp_path_factory.mktemp("sound")))
    return sound


@pytest.fixture(scope="session")
def sound_database(
    editor: ModuleType, postgres: Server, pgserver: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ledgers, str]]:
    """The same in PostgreSQL beside another log, and the name of the database."""
    name = postgres.database(template=pgserver.TEMPLATE)
    yield editor.fill_beside(Ledgers(tmp_path_factory.mktemp("sound"), database=postgres.url(name))), name
    postgres.drop(name)


@pytest.fixture
def sqlite_copy(editor: ModuleType, sound_file: Ledgers, tmp_path: Path) -> SqliteCopy:
    """A copy of the sound SQLite ledger, to be edited."""
    copy: SqliteCopy = editor.SqliteCopy(sound_file, tmp_path)
    return copy


@pytest.fixture
def postgres_copy(
    editor: ModuleType, postgres: Server, sound_database: tuple[Ledgers, str], tmp_path: Path
) -> Iterator[PostgresCopy]:
    """A copy of the sound PostgreSQL ledger, to be edited."""
    sound, template = sound_database
    name = postgres.database(template=template)
    yield editor.PostgresCopy(sound, postgres, name, tmp_path)
    postgres.drop(name)


@dataclass
class Served:
    """A real server: a process of its own, on a free port of the loopback address."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    journal: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.folder}/log.db"

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, token: str | None = None) -> Answered:
        return self.request("GET", path, None, {"Authorization": f"Bearer {token}"} if token else {})

    def post(self, path: str, body: Any, media: str = "application/json", **headers: str) -> Answered:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, data, {"Content-Type": media, **named})

    def open(self, **options: Any) -> Ledger:
        return ledger.open(self.ledger_url, home=self.folder / "home", passphrase=lambda: PASSPHRASE, **options)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def serve_in() -> Iterator[Serve]:
    """Starts servers in folders; makes the ledger where there is none, and ends behind the tests what they left."""
    started: list[subprocess.Popen[str]] = []

    def serve(folder: Path, *options: str, open: bool = True, port: int = 0, ledger_url: str = "") -> Served:
        url = ledger_url or f"sqlite:///{folder}/log.db"
        if not (ledger_url or (folder / "log.db").exists()):
            ledger.create(
                url, origin="ledger.example/served", home=folder / "home", passphrase=lambda: PASSPHRASE
            ).close()
        journal = folder / "journal"
        command = [sys.executable, "-P", "-m", "cli", "--ledger", url, "--home", str(folder / "home"), "serve"]
        command += ["--bind", f"127.0.0.1:{port}", "--json", *(["--open-on-loopback"] if open else []), *options]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TALLY_KEY_PASSPHRASE": PASSPHRASE.decode(),
        }
        with journal.open("ab") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, journal.read_text()
        return Served(process, json.loads(line)["url"], folder, journal)

    yield serve
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def serve(serve_in: Serve, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts a server of this test's own folder; stopped behind it."""
    mine: list[Served] = []

    def start(*options: str, **named: Any) -> Served:
        mine.append(serve_in(tmp_path, *options, **named))
        return mine[-1]

    yield start
    for served in mine:
        if served.process.poll() is None:
            served.stop()


@pytest.fixture(scope="session")
def certified() -> Callable[[Path], tuple[Path, Path]]:
    """Writes a certificate of its own for localhost into a folder; returns the files of certificate and key."""

    def certify(folder: Path) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        files = folder / "cert.pem", folder / "key.pem"
        files[0].write_bytes(certificate.public_bytes(pem))
        files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        return files

    return certify


@pytest.fixture(scope="session")
def served(serve_in: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One open server for all tests that leave it running; each uses names of its own."""
    return serve_in(tmp_path_factory.mktemp("served"), "--checkpoint-every", "0.2")
