"""The rules, the dashboard and the routing for service levels are accepted by the tools that will read them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from contracts.slo import exposition

FILES = Path(__file__).parents[2] / "examples" / "operations"


def run(*command: str, cwd: Path = FILES) -> None:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def expressions() -> list[str]:
    """The queries of the dashboard, with a value where Grafana puts one."""
    dashboard = json.loads((FILES / "grafana-slo.json").read_text())
    return [target["expr"].replace("$contract", ".*") for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.parametrize(
    "command",
    [
        ("promtool", "check", "rules", "slo-alerts.yml"),
        ("promtool", "test", "rules", "slo-alerts.test.yml"),
        ("amtool", "check-config", "alertmanager.yml"),
    ],
    ids=" ".join,
)
def test_the_tool_accepts_the_file(command: tuple[str, ...]) -> None:
    run(*command)


def test_a_fast_burn_goes_to_the_pager_and_a_slow_one_becomes_a_ticket() -> None:
    for severity, receiver in (("page", "pager"), ("ticket", "tickets")):
        run(
            *("amtool", "config", "routes", "test", "--config.file=alertmanager.yml"),
            *(f"--verify.receivers={receiver}", f"severity={severity}", "contract=orders", "slo=fresh"),
        )


def test_prometheus_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(expressions())]
    (tmp_path / "rule.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    run("promtool", "check", "rules", "rule.yml", cwd=tmp_path)
    assert len(rules) == 8


def test_rules_and_dashboard_name_metrics_that_are_exported() -> None:
    text = (FILES / "slo-alerts.yml").read_text() + " ".join(expressions())
    known = set(re.findall(r"tally_slo_[a-z_]+", exposition.exposition([])))

    named = set(re.findall(r"\btally_slo_[a-z_]+", text))

    assert len(named) == 9
    assert named - known == set()
