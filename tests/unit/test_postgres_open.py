"""From a URL to a log in PostgreSQL: which log, who may, which version; and no password in any word of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import psycopg
import pytest

import ledger
from ledger.event import Event
from ledger.stores import postgres_schema
from ledger.stores.postgres import PostgresStore
from ledger.stores.postgres_address import parse_address, shown
from proofs.errors import BusyError, ConflictError, MalformedError, MissingError, RefusedError, TallyError

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.pgserver import Server

SECRET = "s3cr%C3%A9t"


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The name of a database in which nothing was made yet."""
    name = postgres.database()
    yield name
    postgres.drop(name)


def of(url: str, origin: str) -> str:
    return f"{url}&origin={origin}"


class TestAddress:
    def test_the_origin_is_ours_and_the_rest_is_libpqs(self) -> None:
        address = parse_address(
            "postgresql://u:p@a:1,b:2/db?target_session_attrs=read-write&origin=x.example/l%C3%A9&sslmode=prefer"
        )

        assert address.origin == "x.example/lé"
        given = psycopg.conninfo.conninfo_to_dict(address.conninfo)
        assert {name: given[name] for name in ("host", "port", "dbname", "user", "password")} == {
            "host": "a,b",
            "port": "1,2",
            "dbname": "db",
            "user": "u",
            "password": "p",
        }
        assert (given["target_session_attrs"], given["sslmode"]) == ("read-write", "prefer")
        assert (given["application_name"], given["client_encoding"]) == ("tallystick", "UTF8")

    def test_what_a_url_says_itself_is_no_default(self) -> None:
        given = psycopg.conninfo.conninfo_to_dict(parse_address("postgres:///db?connect_timeout=3").conninfo)

        assert given["connect_timeout"] == "3"

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("postgresql://u:p@h/db?origin=o&password=q", "postgresql://u@h/db?origin=o"),
            ("postgresql://u:p@[::1]:5432/db", "postgresql://u@[::1]:5432/db"),
            ("postgresql://h/db?sslpassword=q&p%61ssword=q", "postgresql://h/db"),
            ("postgresql://u:p@q@h/db", "postgresql://…"),
            ("postgresql://u:p/q@h/db", "postgresql://…"),
            ("postgresql://[u:p@h/db", "postgresql://…"),
            ("sqlite:///audit.db", "sqlite:///audit.db"),
        ],
    )
    def test_what_is_shown_holds_no_password(self, url: str, expected: str) -> None:
        assert shown(url) == expected

    def test_an_address_does_not_print_its_password(self) -> None:
        assert SECRET not in repr(parse_address(f"postgresql://u:{SECRET}@h/db"))

    @pytest.mark.parametrize(
        "url",
        [
            f"postgresql://u:{SECRET}@x@h/db",
            f"postgresql://u:{SECRET}/x@h/db",
            f"postgresql://u:{SECRET}#x@h/db",
            f"postgresql://u:{SECRET}?x@h/db",
            f"postgresql://u:{SECRET}%zz@h/db",
            f"postgresql://u:{SECRET}%ff@h/db",
            f"postgresql://u:{SECRET}%00@h/db",
            f"postgresql://u:{SECRET}@h/db?origin=",
            f"postgresql://u:{SECRET}@h/db?origin=a&origin=b",
            f"postgresql://u:{SECRET}@h/db?origin=%ff",
            f"postgresql://u:{SECRET}@h/db?no_such_parameter=1",
            f"postgresql://u:{SECRET}@h/db\0",
            f"mysql://u:{SECRET}@h/db",
            f"postgresql:/u:{SECRET}@h/db",
            f"postgresql://[u:{SECRET}@h/db",
        ],
    )
    def test_what_cannot_be_read_is_refused_without_quoting_it(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(RefusedError) as caught:
            ledger.open(url, home=tmp_path)

        assert SECRET[:4] not in f"{caught.value} {caught.value.hint} {caught.value!r}"

    def test_a_password_stands_in_no_error_of_a_connection(self, postgres: Server, tmp_path: Path) -> None:
        tail = f"?host={postgres.folder}"
        urls = {
            f"postgresql://postgres:{SECRET}@/no_such_database{tail}": MissingError,
            f"postgresql://no_such_role:{SECRET}@/postgres{tail}": MissingError,
            f"postgresql://postgres:{SECRET}@/postgres?host=/nowhere/at/all": BusyError,
            f"postgresql://postgres:{SECRET}@no-such-host.invalid/postgres": BusyError,
            f"postgresql://postgres:{SECRET}@/postgres{tail}": MissingError,
        }
        for url, kind in urls.items():
            with pytest.raises(TallyError) as caught:
                ledger.open(url, home=tmp_path)
            assert type(caught.value) is kind, url
            chain = [caught.value, caught.value.__cause__, caught.value.__context__]
            assert "s3cr" not in " ".join(f"{error} {error!r}" for error in chain) + caught.value.hint


class TestWhichLog:
    def test_the_only_log_is_opened_without_a_name(self, postgres_ledgers: Ledgers) -> None:
        postgres_ledgers.create(origin="ledger.example/one")

        assert postgres_ledgers.open().origin == "ledger.example/one"

    def test_among_several_one_is_named(self, postgres_ledgers: Ledgers, postgres_url: str) -> None:
        for name in ("b", "a"):
            log = postgres_ledgers.create(origin=f"ledger.example/{name}")
            log.append(Event.of("com.example.thing.v1", "urn:a", {"in": name}, id="same"))

        with pytest.raises(RefusedError, match=r"several logs: ledger.example/a, ledger.example/b") as caught:
            postgres_ledgers.open()
        assert "?origin=" in caught.value.hint
        for name in ("a", "b"):
            postgres_ledgers.database = of(postgres_url, f"ledger.example/{name}")
            log = postgres_ledgers.open()
            assert (log.size, log.entry(2).json()) == (3, {"in": name})
            assert len(log.keys()) == 2
            assert log.checkpoint().checkpoint.origin == f"ledger.example/{name}"

    @pytest.mark.parametrize("origin", ["ledger.example/other", "%00", "x" * 300, "'; DROP TABLE tallystick.log"])
    def test_a_log_that_is_not_there_is_missing(
        self, postgres_ledgers: Ledgers, postgres_url: str, origin: str
    ) -> None:
        postgres_ledgers.create()

        with pytest.raises(MissingError, match="no log"):
            ledger.open(of(postgres_url, origin), home=postgres_ledgers.home)
        assert postgres_ledgers.open().size == 2

    def test_a_database_without_a_log_is_no_ledger(self, postgres_url: str, tmp_path: Path) -> None:
        with pytest.raises(MissingError, match="no log at") as caught:
            ledger.open(postgres_url, home=tmp_path)
        assert "tally init" in caught.value.hint

    def test_an_origin_is_created_once(self, postgres_ledgers: Ledgers, tmp_path: Path) -> None:
        postgres_ledgers.create()

        with pytest.raises(ConflictError, match=r"ledger.example/test exists already"):
            ledger.create(
                postgres_ledgers.url(), origin="ledger.example/test", home=tmp_path / "other", passphrase=lambda: b"x"
            )
        assert postgres_ledgers.open().size == 2

    def test_a_url_that_names_another_origin_is_refused(self, postgres_url: str, tmp_path: Path) -> None:
        with pytest.raises(RefusedError, match=r"names the origin 'ledger.example/a', and 'ledger.example/b'"):
            ledger.create(
                of(postgres_url, "ledger.example/a"), origin="ledger.example/b", home=tmp_path, passphrase=lambda: b"x"
            )

    def test_a_creation_that_died_is_taken_over_and_one_that_lives_is_not(
        self, postgres_url: str, postgres_ledgers: Ledgers
    ) -> None:
        alive = PostgresStore.create(postgres_url, origin="ledger.example/test")
        with pytest.raises(ConflictError, match="is being created by somebody else"):
            postgres_ledgers.create()
        alive.close()

        assert postgres_ledgers.create().size == 2

    def test_a_log_without_its_keyring_is_read_and_not_written(self, postgres_ledgers: Ledgers, tmp_path: Path) -> None:
        postgres_ledgers.create()

        with pytest.raises(MissingError, match=r"no keyring for ledger.example/test"):
            postgres_ledgers.open(home=tmp_path / "elsewhere")
        assert postgres_ledgers.open(home=tmp_path / "elsewhere", read_only=True).entry(0).seq == 0


class TestSchema:
    def test_the_first_log_brings_the_tables(self, postgres: Server, empty: str) -> None:
        store = PostgresStore.create(postgres.url(empty), origin="ledger.example/first")

        assert store.size() == 0
        assert list(store.audit.damage()) == []
        store.close()

    def test_a_database_without_tables_is_no_ledger(self, postgres: Server, empty: str) -> None:
        with pytest.raises(MissingError, match="no ledger tables at postgresql://postgres@/") as caught:
            PostgresStore(postgres.url(empty))
        assert "tally ledger migrate" in caught.value.hint

    @pytest.mark.parametrize(
        ("version", "sentence", "hint"),
        [
            (99, "of version 99, and this program knows 1", "newer version of this program"),
        ],
    )
    def test_tables_of_another_version_are_named(
        self, postgres: Server, empty: str, version: int, sentence: str, hint: str
    ) -> None:
        with postgres.connect(empty) as conn:
            postgres_schema.migrate(conn)
            conn.execute("INSERT INTO tallystick.schema_version VALUES (%s)", (version,))
            with pytest.raises(RefusedError, match=f"of version {version}"):
                postgres_schema.migrate(conn)

        with pytest.raises(MalformedError, match=sentence) as caught:
            PostgresStore(postgres.url(empty))
        assert hint in caught.value.hint

    def test_tables_that_are_behind_are_brought_forward_by_their_owner_alone(
        self, postgres: Server, empty: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with postgres.connect(empty) as conn:
            postgres_schema.migrate(conn)
        monkeypatch.setattr(postgres_schema, "VERSION", 2)

        with pytest.raises(MalformedError, match="of version 1, and this program needs 2") as caught:
            PostgresStore(postgres.url(empty))
        assert "tally ledger migrate" in caught.value.hint

    def test_many_migrations_at_once_are_one(self, postgres: Server, empty: str) -> None:
        done: list[tuple[int, int]] = []

        def bring_forward() -> None:
            with postgres.connect(empty) as conn:
                done.append(postgres_schema.migrate(conn))

        threads = [threading.Thread(target=bring_forward) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(done) == [(0, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]

    def test_a_migration_that_fails_leaves_nothing(self, postgres: Server, empty: str) -> None:
        with postgres.connect(empty) as conn:
            conn.execute("CREATE SCHEMA tallystick")  # stands in the way of the first statement but one
            with pytest.raises(psycopg.errors.DuplicateSchema):
                postgres_schema.migrate(conn)

            assert postgres_schema.objects(conn) == []

    def test_a_database_that_stores_no_utf_8_is_refused(self, postgres: Server) -> None:
        with postgres.connect("postgres") as conn:
            conn.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
        try:
            with pytest.raises(RefusedError, match="encoding is SQL_ASCII, expected UTF8"):
                PostgresStore.create(postgres.url("ascii"), origin="ledger.example/a")
        finally:
            postgres.drop("ascii")

    def test_what_fsck_expects_is_what_the_migrations_make(self, postgres: Server, pgserver: ModuleType) -> None:
        with postgres.connect(pgserver.TEMPLATE) as conn:
            assert postgres_schema.objects(conn) == postgres_schema.expected_objects()

    def test_every_function_of_the_owners_rights_fixes_its_search_path(self) -> None:
        functions = [what for kind, _, what in postgres_schema.expected_objects() if kind == "function"]

        assert len(functions) > 5
        assert [what for what in functions if "definer search_path=pg_catalog, pg_temp" not in what] == []


class TestDurability:
    @pytest.mark.parametrize("setting", ["off", "local"])
    def test_a_server_that_acknowledges_what_it_can_lose_is_refused(self, postgres_url: str, setting: str) -> None:
        url = f"{postgres_url}&options=-c%20synchronous_commit%3D{setting}"

        with pytest.raises(RefusedError, match=f"synchronous_commit is '{setting}' here"):
            PostgresStore.create(url, origin="ledger.example/a")

    @pytest.mark.parametrize("setting", ["on", "remote_apply", "remote_write"])
    def test_what_the_administrator_chose_is_said_in_every_transaction(self, postgres_url: str, setting: str) -> None:
        url = f"{postgres_url}&options=-c%20synchronous_commit%3D{setting}"
        store = PostgresStore.create(url, origin="ledger.example/a")
        store._link._conn.execute(
            "SET synchronous_commit = off"
        )  # as a pooler would, that hands out somebody's session

        with store.writing():
            assert store._link.one("SHOW synchronous_commit") == (setting,)
        store.close()


def test_without_the_client_library_one_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "import ledger\n"
        "from proofs.errors import RefusedError\n"
        "try:\n"
        "    ledger.open('postgresql://u@h/db')\n"
        "except RefusedError as error:\n"
        "    print(error.what, error.hint, sep='|')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "PostgreSQL's client library psycopg is not installed|pip install 'tallystick[postgres]'\n"


def test_sqlite_needs_no_client_library_of_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "import ledger; from pathlib import Path\n"
        f"home = Path({str(tmp_path)!r})\n"
        "log = ledger.create(f'sqlite:///{home}/log.db', origin='a/b', home=home, passphrase=lambda: b'x')\n"
        "print(log.size)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "2\n"
