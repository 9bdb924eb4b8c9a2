"""Service levels and the page of what goes on, from the command line, as an operator or a cron job meets them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cli.main import main

ROOT = Path(__file__).parents[2]
CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
owner: sales
schema: [{name: id, type: integer, severity: warning}, {name: amount, type: number}]
checks: [{kind: completeness, bounds: {min: 0.95}}]
responsible: {on_call: data-oncall, runbook: "https://wiki.example.org/orders"}
slos:
  - {name: complete, indicator: completeness, target: {min: 0.95}, objective: 0.9}
  - {name: up, indicator: availability, target: {min: 0.999}}
"""


class Ended(NamedTuple):
    """What a command printed, and its status."""

    status: int
    out: str
    error: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, json.loads(self.error)["error"]["code"]


Tally = Callable[..., Ended]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tally:
    """Run `tally` in this process, in a folder with a contract that is published and a batch that was decided."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Ended:
        status = main(list(arguments))
        return Ended(status, *capsys.readouterr())

    (tmp_path / "orders.yaml").write_text(CONTRACT)
    (tmp_path / "bad.csv").write_text("id,amount\n1,\n2,6\n")
    assert run("init", "--origin", "ledger.example.org/shop").status == 0
    assert run("contract", "publish", "orders.yaml").status == 0
    assert run("check", "orders.yaml", "bad.csv").status == 0
    return run


def environment(folder: Path) -> dict[str, str]:
    return {
        "TALLY_LEDGER": "sqlite:///audit.db",
        "TALLY_HOME": str(folder / "home"),
        "TALLY_KEY_PASSPHRASE": "correct horse",
    }


def test_a_budget_that_is_spent_is_told_by_name_and_by_status(shop: Tally, tmp_path: Path) -> None:
    listed = shop("slo", "list").out.splitlines()
    before = shop("slo", "status", "orders/complete")
    measured = shop("slo", "measure", "--json")
    status = shop("slo", "status")
    report = shop("slo", "report", "orders/complete", "--textfile", "slo.prom")
    future = shop("slo", "measure", "--clock", "2999-01-01", "--json")

    assert listed[1].split() == [
        *("orders/complete", "1.0.0", "completeness", "min", "0.95", "0.900000", "30", "sales", "data-oncall"),
        "https://wiki.example.org/orders",
    ]
    assert (before.status, before.out.splitlines()[1].split()[7]) == (0, "unmeasured")
    document = measured.document
    assert (document["measured"], document["breached"]) == (
        1,
        [f"orders/complete {a}" for a in ("budget", "fast", "medium", "slow")],
    )
    assert measured.refusal == (10, "blocked")
    assert (status.status, status.error.splitlines()[0]) == (
        10,
        "tally: the error budget of orders/complete is spent",
    )
    assert "  budget since 20" in report.out
    assert (
        'tally_slo_breached{contract="orders",slo="complete",alert="budget"} 1\n' in (tmp_path / "slo.prom").read_text()
    )
    assert future.refusal == (9, "refused")


def test_a_probe_is_recorded_whatever_it_found(shop: Tally, tmp_path: Path) -> None:
    there = shop("slo", "probe", "orders/up", "bad.csv", "--json").document
    gone = shop("slo", "probe", "orders/up", "gone.csv", "--json")
    told = shop("slo", "probe", "orders/up", "--good", "9998", "--total", "9998", "--by", "blackbox", "--json").document
    secret = shop("slo", "probe", "orders/up", "postgresql://a:hunter2@db/b", "--json")
    both = shop("slo", "probe", "orders/up", "bad.csv", "--good", "1", "--json")

    assert (there["good"], there["total"], there["state"]) == (1, 1, "met")
    assert (gone.document["error"], gone.refusal) == ("missing", (13, "busy"))
    assert (told["good"], told["state"]) == (9_998, "met")
    assert secret.refusal == both.refusal == (9, "refused")
    assert "hunter2" not in secret.error


def test_the_rules_of_the_catalogue_are_those_that_prometheus_takes(shop: Tally, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(shop("slo", "rules").out)

    checked = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (checked.returncode, "8 rules found" in checked.stdout) == (0, True), checked.stdout + checked.stderr


def test_the_page_is_drawn_once_where_there_is_no_terminal(shop: Tally) -> None:
    shop("slo", "measure")
    page = shop("status", "--watch")
    document = shop("status", "--once", "--json").document

    assert page.status == 0
    assert "\x1b" not in page.out
    assert "orders/complete" in page.out
    assert "completeness" in page.out
    assert document["failing"] == [{"dataset": "shop|orders", "rule": "completeness", "batches": 1}]
    assert document["quarantines"] == {"open": 0, "first_until": None}
    assert (document["signed"], document["overdue_deletions"], document["notices"]) == (0, [], None)
    assert [level["state"] for level in document["levels"]] == ["spent", "unmeasured"]


def type_xq(_: subprocess.Popen[bytes], terminal: int) -> None:
    os.write(terminal, b"xq")


def interrupt(process: subprocess.Popen[bytes], _: int) -> None:
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("leave", [type_xq, interrupt])
def test_the_page_stays_on_a_terminal_until_somebody_leaves_it(
    shop: Tally, tmp_path: Path, leave: Callable[[subprocess.Popen[bytes], int], None]
) -> None:
    assert shop("status").status == 0
    leader, follower = pty.openpty()
    surroundings = {**os.environ, **environment(tmp_path), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    program = [sys.executable, "-m", "cli", "status", "--watch", "--every", "0.2"]
    process = subprocess.Popen(
        program,
        cwd=tmp_path,
        env=surroundings,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    try:
        drawn = read_until(leader, lambda shown: b"orders" in shown)
        leave(process, leader)
        drawn += read_until(leader, lambda shown: b"\x1b[?1049l" in shown)
        ended = process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(follower)
        os.close(leader)

    assert b"\x1b[?1049h" in drawn
    assert ended == 0


def read_until(terminal: int, is_there: Callable[[bytes], bool]) -> bytes:
    """What a terminal shows until that is there; fails where nothing comes for a minute."""
    shown = b""
    while not is_there(shown):
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 65_536)
    return shown
