"""`tally import`: what others recorded, taken in once, and what is no event named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally


def event(number: int) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2025-01-02T03:04:05Z",
        "producer": "https://example.org/etl",
        "run": {"runId": f"00000000-0000-4000-8000-{number:012}"},
        "job": {"namespace": "shop", "name": "load"},
        "inputs": [{"namespace": "shop", "name": "raw"}],
        "outputs": [{"namespace": "shop", "name": "clean"}],
    }


@pytest.fixture
def ledger(tally: Tally) -> Tally:
    assert tally("init", "--origin", "ledger.example/import").returncode == 0
    return tally


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event(number)) + "\n" for number in range(3)))
    return path


def test_I4_the_same_import_again_records_nothing(ledger: Tally, lines: Path) -> None:
    first = ledger("import", "openlineage", str(lines), "--json").document()
    again = ledger("import", "openlineage", str(lines), "--json").document()

    assert first == {"known": 0, "recorded": 3, "refused": []}
    assert again == {"known": 3, "recorded": 0, "refused": []}


def test_an_imported_event_keeps_its_time_and_is_marked_and_joins_the_lineage(ledger: Tally, lines: Path) -> None:
    ledger("import", "openlineage", str(lines))

    shown = ledger("show", "2", "--json").document()
    downstream = ledger("lineage", "downstream", "shop|raw", "--json").document()

    assert shown["header"]["time"] == "2025-01-02T03:04:05Z"
    assert shown["header"]["ext"] == {"imported": "openlineage"}
    assert "shop|clean" in json.dumps(downstream)


def test_the_graph_is_handed_on_as_graphml_around_one_dataset(ledger: Tally, lines: Path) -> None:
    ledger("import", "openlineage", str(lines))

    shown = ledger("lineage", "graph", "shop|raw", "--format", "graphml")
    whole = ledger("lineage", "graph", "--format", "graphml")

    assert (shown.returncode, shown.stdout.count("<node "), shown.stdout.count("<edge ")) == (0, 2, 1)
    assert (whole.returncode, whole.stdout) == (9, "")
    assert "GraphML holds the graph around one dataset, and none was named" in whole.stderr


def test_what_is_no_event_is_named_and_the_rest_is_imported(ledger: Tally, lines: Path) -> None:
    lines.write_text(lines.read_text() + "{}\n" + json.dumps(event(9)) + "\n")

    ended = ledger("import", "openlineage", str(lines))

    assert ended.returncode == 9
    assert ended.stdout == "✓ 4 events imported, 0 were there already\n"
    assert "✗ line 4: OpenLineage event has neither run nor job nor dataset\n" in ended.stderr
    assert f"tally: {lines}: 1 record is refused and stayed outside\n" in ended.stderr


def test_an_event_that_the_ledger_refuses_is_named_by_its_line_and_stops_no_other(ledger: Tally, lines: Path) -> None:
    hostile = {**event(7), "producer": "ledger.example/import"}
    lines.write_text(json.dumps(hostile) + "\n" + lines.read_text())

    ended = ledger("import", "openlineage", str(lines), "--json")
    again = ledger("import", "openlineage", str(lines), "--json")

    (refused,) = ended.document(status=9)["refused"]
    assert refused["where"] == "line 1"
    assert "ledger.example/import" in refused["why"]
    first, second = ended.document(status=9), again.document(status=9)
    assert (first["recorded"], second["recorded"], second["known"]) == (3, 0, 3)


def test_a_closed_ledger_says_so_once_and_not_for_every_line(ledger: Tally, lines: Path) -> None:
    assert ledger("close", "--reason", "ended").returncode == 0

    ended = ledger("import", "openlineage", str(lines))

    assert ended.returncode == 9
    assert "line 1" not in ended.stderr
    assert "closed" in ended.stderr


@pytest.mark.parametrize(("name", "status"), [("nofile", 8), (".", 8)])
def test_a_file_that_cannot_be_read_is_missing(ledger: Tally, tmp_path: Path, name: str, status: int) -> None:
    assert ledger("import", "openlineage", str(tmp_path / name)).returncode == status


def test_an_empty_file_holds_no_event(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    ended = ledger("import", "openlineage", str(tmp_path / "empty"))

    assert (ended.returncode, ended.stderr.splitlines()[-1].endswith("there is no event to import")) == (9, True)


def test_a_dbt_result_without_a_time_is_refused_and_the_rest_is_imported(ledger: Tally, tmp_path: Path) -> None:
    seed = {"resource_type": "seed", "name": "a"}
    metadata = {"dbt_schema_version": "v12", "generated_at": "2026-01-01T00:00:00Z"}
    manifest = {"metadata": metadata, "nodes": {"seed.a": seed, "seed.b": {**seed, "name": "b"}}}
    results = {"metadata": {"dbt_schema_version": "v6"}, "results": [{"unique_id": "seed.a", "status": "success"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "run_results.json").write_text(json.dumps(results))

    ended = ledger("import", "dbt", str(tmp_path))

    assert (ended.returncode, ended.stdout) == (9, "✓ 1 event imported, 0 were there already\n")
    assert (
        "✗ result of seed.a: neither its timing nor generated_at of run_results.json says when it was\n" in ended.stderr
    )


def test_a_target_without_a_manifest_is_missing(ledger: Tally, tmp_path: Path) -> None:
    ended = ledger("import", "dbt", str(tmp_path))

    assert ended.returncode == 8
    assert "manifest.json" in ended.stderr


class _Marquez(BaseHTTPRequestHandler):
    """Answers 230 events in pages, as Marquez does; the first call of each page is answered 503."""

    refused: set[str]

    def do_GET(self) -> None:
        query = dict(pair.split("=") for pair in self.path.partition("?")[2].split("&"))
        if self.path not in self.refused:
            self.refused.add(self.path)
            self.send_error(503)
            return
        offset, limit = int(query["offset"]), int(query["limit"])
        page = [event(number) for number in range(230)][offset : offset + limit]
        answer = json.dumps({"events": page, "totalCount": 230}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


@pytest.fixture
def marquez() -> Iterator[str]:
    handler = type("Marquez", (_Marquez,), {"refused": set[str]()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_events_of_a_marquez_server_are_imported_although_it_stumbles(ledger: Tally, marquez: str) -> None:
    first = ledger("import", "marquez", marquez, "--json").document()
    again = ledger("import", "marquez", marquez, "--json").document()

    assert first == {"known": 0, "recorded": 230, "refused": []}
    assert again == {"known": 230, "recorded": 0, "refused": []}


def test_a_marquez_that_is_not_there_is_said_in_one_sentence(ledger: Tally) -> None:
    ended = ledger("import", "marquez", "http://127.0.0.1:9")

    assert ended.returncode == 13
    assert ended.stderr.startswith("tally: 127.0.0.1 did not answer: Connection refused\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("url", ["http://u:secretpw@127.0.0.1:9", "http://u:secretpw@[::1", "u:secretpw@host"])
def test_a_password_in_a_url_is_refused_and_never_printed(ledger: Tally, url: str) -> None:
    ended = ledger("import", "marquez", url)

    assert ended.returncode == 9
    assert "secretpw" not in ended.stderr + ended.stdout
    assert "--token-file" in ended.stderr


def test_a_url_that_is_none_is_refused(ledger: Tally) -> None:
    ended = ledger("import", "marquez", "http://[::1")

    assert (ended.returncode, ended.stderr) == (9, "tally: 'http://[::1' is no http or https URL of a server\n")


def test_a_file_with_a_secret_is_read_no_further_than_64_KiB(tally: Tally) -> None:
    ended = tally("--passphrase-file", "/dev/zero", "init", "--origin", "ledger.example/endless")

    assert (ended.returncode, ended.stderr) == (
        4,
        "tally: /dev/zero: passphrase file has 65537 bytes, at most 65536 are allowed\n",
    )
