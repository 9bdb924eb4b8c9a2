"""Sources tried for real: PostgreSQL, HTTP and HTTPS servers that behave and that do not, a real S3 server, files."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts.catalog import store
from contracts.catalog.declaration import Declaration, parse_source
from contracts.catalog.seen import Bounds, Limits
from contracts.catalog.trial import attempt, look, record, schema_number, wanted_fields
from contracts.document import parse
from contracts.publish import publish
from ledger.clock import print_at, seconds
from proofs.errors import BusyError, MalformedError, MissingError, RefusedError, TallyError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers
    from tests.pgserver import Server

HEAD = (
    "source: orders\nowner: data\ndataset: {namespace: shop, name: orders}\nrefresh: {every_seconds: 60, column: at}\n"
)
SECRET = "hunter2-S3CRET"


def declared(text: str) -> Declaration:
    return parse_source((HEAD + text).encode()).declaration


def bounds(**changes: Any) -> Bounds:
    return Bounds(
        **{"environment": {"TOKEN": SECRET}, "elapsed": seconds, "allow_local": True, "seconds": 5.0, **changes}
    )


class Handler(BaseHTTPRequestHandler):
    """An API: /orders answers, the others misbehave."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        path = self.path.partition("?")[0].removeprefix("/v1/")
        if path.startswith("to/"):
            self.answer(302, b"", Location=self.server.targets[path])  # type: ignore[attr-defined]
        elif path in ("chunked", "short"):
            head = b"Transfer-Encoding: chunked" if path == "chunked" else b"Content-Length: 99"
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head + b"\r\n\r\n")
            self.wfile.write(b'6\r\n[{"a":\r\n3\r\n1}]\r\n0\r\n\r\n' if path == "chunked" else b'[{"a":1}]')
            self.close_connection = True
        elif path in ("drip", "slow"):
            self.drip(path)
        elif path.isdigit():
            self.answer(int(path), b"no", **{"Retry-After": "7"})
        else:
            self.answer(200, BODIES[path][0], **BODIES[path][1])

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self, path: str) -> None:
        """A byte now and then, for ever: in the header, or behind it."""
        gone: threading.Event = self.server.gone  # type: ignore[attr-defined]
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X: " if path == "slow" else b"Content-Length: 99999\r\n\r\n"))
            while not gone.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


ROWS = [{"id": 1, "at": "2026-11-01T00:00:00Z", "n": 1.5}, {"id": 2, "at": "2026-11-03T12:00:00Z", "n": None}]
JSON = {"Content_Type": "application/json"}
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "orders": (
        json.dumps({"data": {"items": ROWS}}).encode(),
        {
            **JSON,
            "X_RateLimit_Limit": "60",
            "X_RateLimit_Remaining": "59",
            "X_Total_Count": "1200",
            "API_Version": "2026-10",
        },
    ),
    "csv": (b"id,at\n1,2026-11-02T00:00:00\n", {"Content_Type": "text/csv"}),
    "ndjson": (b'{"id":1}\n{"id":2}\n', {"Content_Type": "application/x-ndjson"}),
    "list": (b"[1]", JSON),
    "broken": (b'{"secret": "hunter2-S3CRET"', JSON),
    "html": (b"<html>", {"Content_Type": "text/html"}),
    "large": (b"[" + b" " * 200_000 + b"]", JSON),
    "packed": (b"x", {**JSON, "Content_Encoding": "gzip"}),
    "deep": (b"[" * 100_000, JSON),
    "objects": (b"[" + b"{}," * 500_000 + b"{}]", JSON),
    "values": (b'[{"a":[' + b"1," * 2_000_000 + b"1]}]", JSON),
}


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.targets: dict[str, str] = {}
        self.gone = threading.Event()
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that went away is what these tests are about."""

    def stop(self) -> None:
        self.gone.set()
        self.shutdown()
        self.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    yield server
    server.stop()


@pytest.fixture
def secure(
    tmp_path: Path, certified: Callable[[Path], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    cert, key = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    server = Api(context)
    yield server
    server.stop()


def http(api: Api, name: str, *, secret: bool = False) -> Declaration:
    headers = ', headers: {Authorization: "Bearer ${TOKEN}"}' if secret else ""
    at = ", rows_at: [data, items]" if name == "orders" else ""
    return declared(f"connection: {{kind: http, url: '{api.url}/v1'{headers}{at}}}\nobject: '{name}'\n")


def test_an_api_is_asked_over_tls_with_the_secret_of_the_environment(secure: Api) -> None:
    seen = look(http(secure, "orders", secret=True), bounds())

    assert seen.columns == (("at", "string"), ("id", "integer"), ("n", "number"))
    assert (seen.rows, seen.rows_are, seen.version) == (1200, "estimated", "2026-10")
    assert seen.limits == Limits(60, 59, None)
    assert seen.updated is not None
    assert print_at(seen.updated) == "2026-11-03T12:00:00.000000Z"
    [(path, headers)] = secure.asked
    assert (path, headers["Authorization"]) == ("/v1/orders", f"Bearer {SECRET}")


@pytest.mark.parametrize(("name", "rows", "updated"), [("csv", 1, True), ("ndjson", 2, False)])
def test_an_answer_in_rows_is_read_as_a_file_is(api: Api, name: str, rows: int, updated: bool) -> None:
    seen = look(http(api, name), bounds())

    assert (seen.rows, seen.rows_are, seen.updated is not None) == (rows, "page", updated)


def test_an_answer_in_chunks_is_put_together(api: Api) -> None:
    assert look(http(api, "chunked"), bounds()).columns == (("a", "integer"),)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("429", BusyError, "answered 429; it may be asked again in 7 seconds"),
        ("503", BusyError, "answered 503"),
        ("404", MissingError, "no such object"),
        ("401", RefusedError, "answered 401"),
        ("list", MalformedError, "rows are no objects"),
        ("broken", MalformedError, "is not JSON"),
        ("deep", MalformedError, "is not JSON"),
        ("html", MalformedError, "text/html"),
        ("large", RefusedError, "more than 100000 bytes"),
        ("packed", RefusedError, "compresses"),
        ("objects", RefusedError, "more than 500000 objects and arrays, or 2000000 values"),
        ("values", RefusedError, "more than 500000 objects and arrays, or 2000000 values"),
        ("short", BusyError, "cannot be reached"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_a_sentence(api: Api, name: str, kind: type[TallyError], why: str) -> None:
    with pytest.raises(kind, match=why) as caught:
        look(http(api, name), bounds(size_bytes=100_000 if name == "large" else 8_000_000))

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["drip", "slow"])
def test_who_sends_a_byte_now_and_then_is_not_waited_for(api: Api, name: str) -> None:
    begun = time.monotonic()

    with pytest.raises(BusyError, match=r"cannot be reached|did not answer within"):
        look(http(api, name), bounds(seconds=0.4))

    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("target", "kind", "why"),
    [
        ("file:///etc/passwd", RefusedError, "redirects from http to file"),
        ("https://localhost/", RefusedError, "redirects from http to https"),
        ("/v1/to/x", RefusedError, "redirects more than 3 times"),
        ("http://u:p@localhost/", RefusedError, "holds a user"),
        ("http://[::bad/", RefusedError, "no URL"),
    ],
)
def test_a_redirect_leads_nowhere_else(api: Api, target: str, kind: type[TallyError], why: str) -> None:
    api.targets["to/x"] = target

    with pytest.raises(kind, match=why):
        look(http(api, "to/x"), bounds())


def test_a_redirect_to_another_server_takes_no_secret_along(secure: Api, tmp_path: Path) -> None:
    secure.targets.update({"to/csv": "/v1/csv", "to/other": f"https://127.0.0.1:{secure.server_port}/v1/orders"})
    declaration = http(secure, "to/csv", secret=True)
    look(declaration.model_copy(update={"object": "to/csv"}), bounds())
    assert [headers.get("Authorization") for _, headers in secure.asked] == [f"Bearer {SECRET}"] * 2

    with pytest.raises(BusyError, match="does not prove who it is"):  # the certificate is localhost's
        look(declaration.model_copy(update={"object": "to/other"}), bounds())


def test_a_redirect_to_another_port_loses_the_headers(api: Api) -> None:
    other = Api()
    try:
        api.targets["to/other"] = f"{other.url}/v1/csv"
        text = f"connection: {{kind: http, url: '{api.url}/v1', headers: {{Accept: text/csv}}}}\nobject: to/other\n"
        look(declared(text), bounds())
        assert "Accept" in api.asked[0][1]
        assert "Accept" not in other.asked[0][1]
    finally:
        other.stop()


def test_this_machine_is_not_reached_unless_it_may_be(api: Api) -> None:
    with pytest.raises(RefusedError, match="is this machine"):
        look(http(api, "orders"), bounds(allow_local=False))

    assert api.asked == []


def test_a_name_that_leads_elsewhere_at_the_second_look_is_connected_to_where_it_was_looked_at(api: Api) -> None:
    looks: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        looks.append(host)
        return ["127.0.0.1"]

    declaration = declared(
        f"connection: {{kind: http, url: 'http://data.example:{api.server_port}/v1'}}\nobject: csv\n"
    )
    look(declaration, bounds(resolve=rebinding))

    assert looks == ["data.example"]
    assert api.asked[0][1]["Host"] == f"data.example:{api.server_port}"


def test_a_server_that_nobody_vouches_for_is_not_believed(
    secure: Api, tmp_path: Path, certified: Callable[[Path], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(certified(tmp_path / "other")[0]))

    with pytest.raises(BusyError, match="does not prove who it is"):
        look(http(secure, "orders", secret=True), bounds())

    assert secure.asked == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ü\u2028", ""])
def test_a_secret_that_no_header_can_hold_is_refused_and_not_repeated(secure: Api, value: str) -> None:
    with pytest.raises(TallyError) as caught:
        look(http(secure, "orders", secret=True), bounds(environment={"TOKEN": value}))

    assert "Evil" not in str(caught.value)
    assert secure.asked == []


def table(server: Server, name: str) -> Declaration:
    database = server.database()
    with server.connect(database) as link:
        link.execute("CREATE TABLE orders (id integer PRIMARY KEY, at timestamptz, note varchar(9))")
        link.execute("INSERT INTO orders VALUES (1, '2026-11-01 12:00+02', 'a'), (2, NULL, 'b')")
        link.execute("CREATE TABLE alembic_version (version_num text)")
        link.execute("INSERT INTO alembic_version VALUES ('8f1c')")
    return declared(
        f"connection: {{kind: postgresql, host: '{server.folder}', database: {database}, user: postgres, tls: disable}}\n"
        f"object: {name}\n"
    )


def test_a_table_of_postgresql_tells_its_schema_rows_last_change_and_connections(postgres: Server) -> None:
    seen = look(table(postgres, "public.orders"), bounds())

    assert seen.columns == (("id", "integer"), ("at", "timestamp with time zone"), ("note", "character varying(9)"))
    assert (seen.rows, seen.rows_are, seen.version) == (2, "exact", "alembic 8f1c")
    assert seen.updated is not None
    assert print_at(seen.updated) == "2026-11-01T10:00:00.000000Z"
    assert seen.limits is not None
    assert (seen.limits.limit, seen.system[:11]) == (60, "PostgreSQL ")


def test_a_table_that_is_not_there_or_a_socket_that_may_not_be_used_is_refused(postgres: Server) -> None:
    declaration = table(postgres, "orders; DROP TABLE orders")

    with pytest.raises(MissingError, match="no table"):
        look(declaration, bounds())
    with pytest.raises(RefusedError, match="socket of this machine"):
        look(declaration, bounds(allow_local=False))


def test_a_database_that_does_not_answer_is_not_waited_for() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        text = (
            f"connection: {{kind: postgresql, host: localhost, port: {port}, database: d, user: u, password: '${{TOKEN}}',"
            " tls: disable}\nobject: t\n"
        )
        begun = time.monotonic()
        with pytest.raises(BusyError) as caught:
            look(declared(text), bounds(seconds=2.0))

    assert time.monotonic() - begun < 8
    assert SECRET not in str(caught.value)


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket of a real S3 server with two objects; returns the server's URL."""
    from fsspec import filesystem
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    options = {"key": "test", "secret": SECRET, "client_kwargs": {"endpoint_url": endpoint}}
    bucket = filesystem("s3", skip_instance_cache=True, **options)
    bucket.mkdir("lake")
    bucket.pipe("lake/orders/a.csv", b"id,at\n1,2026-11-01T00:00:00\n")
    bucket.pipe("lake/orders/b.csv", b"id,at\n2,2026-11-02T00:00:00\n3,\n")
    yield endpoint
    server.stop()


def test_objects_are_listed_and_read_with_keys_of_the_environment(lake: str) -> None:
    text = (
        f"connection: {{kind: s3, bucket: lake, endpoint: '{lake}', region: us-east-1, access_key: '${{ID}}',"
        " secret_key: '${TOKEN}'}\nobject: orders\n"
    )
    environment = {"ID": "test", "TOKEN": SECRET}

    seen = look(declared(text), bounds(environment=environment))
    newest = look(declared(text), bounds(environment=environment, size_bytes=40))

    assert seen.columns == (("id", "text"), ("at", "text"))
    assert (seen.rows, seen.rows_are, seen.system) == (3, "exact", "S3, 2 objects, 59 bytes")
    assert (newest.rows, newest.columns) == (None, seen.columns)
    with pytest.raises(RefusedError, match="is this machine"):
        look(declared(text), bounds(environment=environment, allow_local=False))
    with pytest.raises(MissingError, match="no object"):
        look(declared(text.replace("object: orders", "object: others")), bounds(environment=environment))


def test_a_file_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.csv").write_text("id\n1\n")
    (tmp_path / "data" / "link.csv").symlink_to(tmp_path / "secret.csv")

    for name in ("link.csv", "*.csv"):
        with pytest.raises(RefusedError, match="outside of the folder"):
            look(declared(f"connection: {{kind: file, folder: '{tmp_path}/data'}}\nobject: '{name}'\n"), bounds())


def test_what_a_test_found_is_recorded_without_a_secret_and_without_a_value(
    ledgers: Ledgers, api: Api, tmp_path: Path
) -> None:
    log: Ledger = ledgers.create()
    fields = "schema: [{name: id, type: integer}, {name: state, type: string}]"
    publish(
        log, parse(f"name: orders\nversion: 1.0.0\ndataset: {{namespace: shop, name: orders}}\n{fields}\n".encode())
    )
    text = f"connection: {{kind: file, folder: '{tmp_path}'}}\nobject: orders.csv\nkey_fields: [id, uid]\ncontract: orders\n"
    known, _ = store.register(log, parse_source((HEAD + text).encode()))
    wanted = wanted_fields(log, known.document.declaration)

    for content in ("id,at\nhunter2,2026-11-01\n", None, "id\n1\n", "id\n2\n"):
        path = tmp_path / "orders.csv"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        record(log, known, attempt(known.document.declaration, bounds(), log.clock(), wanted))

    found = [fact for _, fact in reversed(store.tests_of(log, "orders"))]
    assert [fact.outcome for fact in found] == ["reached", "failed", "reached", "reached"]
    assert [(fact.error, fact.rows, fact.columns, fact.lacking) for fact in found] == [
        (None, 1, 2, 2), ("missing", None, None, None), (None, 1, 1, 2), (None, 1, 1, 2),
    ]  # fmt: skip
    assert schema_number(log, known) == 2
    assert not any(b"hunter2" in (each.body or b"") for each in log.read())
