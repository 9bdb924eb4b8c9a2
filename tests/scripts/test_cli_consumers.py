"""`tally contract subscribe|consumers|announce`, `tally notify run` and `tally report`, as one would type them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CONTRACT = """name: orders
version: 1.0.0
owner: data-platform
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, required: true}, {name: amount, type: number}]
change_policy: {notice_days: 30}
"""


@pytest.fixture
def hook() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_who_relies_on_a_contract_is_told_before_it_breaks(
    ledger: Callable[..., Any], tmp_path: Path, hook: str
) -> None:
    (tmp_path / "1.yaml").write_text(CONTRACT)
    (tmp_path / "2.yaml").write_text(CONTRACT.replace("1.0.0", "2.0.0").replace(", {name: amount, type: number}", ""))
    (tmp_path / "channels.yaml").write_text(f'channels:\n  - {{name: "#growth", kind: webhook, url: "{hook}/x"}}\n')
    (tmp_path / "orders.csv").write_text("id,amount\n1,5\n")
    ledger("check", "1.yaml", "orders.csv", "--json").document()
    subscribed = ledger(
        *("contract", "subscribe", "orders", "team:growth", "--channel", "#growth", "--by", "lead:7", "--json")
    ).document()
    early = ledger("contract", "publish", "2.yaml", "--json")
    announced = ledger("contract", "announce", "2.yaml", "--json").document()
    told = ledger("notify", "run", "channels.yaml", "--from-start", "--json").document()
    [listed] = ledger("contract", "consumers", "orders", "--json").document()
    later = ledger("contract", "publish", "2.yaml", "--json")

    assert (subscribed["version"], subscribed["seq"]) == ("1.0.0", 4)
    assert "30 days' notice is promised; not told yet: team:growth" in early.error()["message"]
    assert announced["tells"] == [{"consumer": "team:growth", "version": "1.0.0", "channel": "#growth"}]
    assert told == {"new": 1, "told": 1, "failed": 0}
    assert listed["told_of"] == announced["seq"] == 5
    assert "not told yet" not in later.error()["message"]

    at = listed["told_at"][:7]
    made = ledger("report", "--month", at, "--out", "month.html", "--json").document()
    again = ledger("report", "--month", at, "--out", "again.html", "--json").document()
    assert (made["decisions"], made["told"], made["size"]) == (1, 1, 7)
    assert {**again, "file": "month.html"} == made
    assert (tmp_path / "month.html").read_bytes() == (tmp_path / "again.html").read_bytes()
    assert ledger("report", "--month", "2026", "--json").refusal() == (9, "refused")
    assert ledger("report", "--month", at, "--out", "month.html", "--json").refusal() == (11, "conflict")
