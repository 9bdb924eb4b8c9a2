"""The files that operators start from are accepted by the tools that will read them, and name only what there is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "examples" / "operations"
RULES = FILES / "prometheus-alerts.yml"


def run(*command: str, cwd: Path = FILES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def expressions() -> list[str]:
    """The queries of the dashboard, with an interval where Grafana puts one."""
    dashboard = json.loads((FILES / "grafana-dashboard.json").read_text())
    return [
        target["expr"].replace("$__rate_interval", "5m") for panel in dashboard["panels"] for target in panel["targets"]
    ]


def test_prometheus_accepts_the_rules() -> None:
    ended = run("promtool", "check", "rules", RULES.name)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    ended = run("promtool", "test", "rules", "prometheus-alerts.test.yml")

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("expression", expressions())
def test_prometheus_accepts_each_query_of_the_dashboard(expression: str, tmp_path: Path) -> None:
    rule = {"groups": [{"name": "dashboard", "rules": [{"record": "panel", "expr": expression}]}]}
    (tmp_path / "rule.yml").write_text(json.dumps(rule))

    ended = run("promtool", "check", "rules", "rule.yml", cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_systemd_accepts_the_unit() -> None:
    ended = run("systemd-analyze", "verify", "./tally.service")

    assert (ended.returncode, ended.stderr) == (0, "")


def metrics_named(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\btally_[a-z_]+", text)}


def test_rules_and_dashboard_name_metrics_that_the_server_has() -> None:
    source = "".join(path.read_text() for path in (Path(__file__).parents[2] / "server").rglob("*.py"))
    probe = {"tally_probe_ok", "tally_probe_at_seconds"}

    named = metrics_named(RULES.read_text()) | metrics_named(" ".join(expressions()))

    assert len(named) > 8
    assert {name for name in named - probe if f'"{name}"' not in source} == set()
