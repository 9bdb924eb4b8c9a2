"""Metrics and alert rules of service levels: Prometheus reads both, and a stranger's words are no template and no label."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import publish
from contracts.document import parse
from contracts.slo.alerting import rules
from contracts.slo.catalogue import catalogue
from contracts.slo.exposition import exposition
from contracts.slo.measure import measure
from contracts.slo.standing import standings
from contracts.slo.stretches import seconds_of

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

CONTRACT = """name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
owner: 'the "{{ $value }}" team\\'
schema: [{name: id, type: integer}]
slos:
  - {name: arrives, indicator: delivery, target: {max: 3600}, objective: 0.99}
  - {name: complete, indicator: completeness, target: {min: 0.95}, objective: 0.9, description: "{{ query `up` }}"}
"""
HOURS_LATER = seconds_of("2026-11-20T13:00:00.000000Z")


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    created = ledgers.create()
    publish.publish(created, parse(CONTRACT.encode()))
    ledgers.now = ledgers.now.replace(hour=13)
    return created


def promtool(folder: Path, *arguments: str, given: str = "") -> None:
    ended = subprocess.run(
        ["promtool", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_accepts_the_metrics_and_they_say_what_was_measured(log: Ledger, tmp_path: Path) -> None:
    text = exposition(measure(log, HOURS_LATER).standings)

    promtool(tmp_path, "check", "metrics", given=text)
    lines = text.splitlines()
    assert 'tally_slo_objective_ratio{contract="orders",slo="arrives",indicator="delivery"} 0.990000' in lines
    assert 'tally_slo_window_good{contract="orders",slo="arrives"} 3600' in lines
    assert 'tally_slo_window_measured{contract="orders",slo="arrives"} 14400' in lines
    assert 'tally_slo_budget_left_ratio{contract="orders",slo="arrives"} 0.5833' in lines
    assert 'tally_slo_burn_rate{contract="orders",slo="arrives",alert="fast",window="long"} 100.00' in lines
    assert 'tally_slo_burn_threshold{contract="orders",slo="complete",alert="fast"} 10.00' in lines
    assert 'tally_slo_breached{contract="orders",slo="arrives",alert="fast"} 1' in lines
    assert f'tally_slo_measured_at_seconds{{contract="orders",slo="arrives"}} {HOURS_LATER}' in lines
    assert not any("measured_at_seconds" in line and "complete" in line for line in lines)


def test_more_levels_than_a_server_should_keep_are_counted_and_left_out(log: Ledger) -> None:
    [one, _] = standings(log, catalogue(log), HOURS_LATER)

    text = exposition([one] * 502)

    assert text.count("tally_slo_window_good{") == 500
    assert text.endswith("tally_slo_left_out 2\n")


def test_prometheus_accepts_the_rules_and_takes_nobodys_words_for_a_template(log: Ledger, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules(catalogue(log)))
    (tmp_path / "test.yml").write_text(r"""
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'tally_slo_burn_rate{contract="orders",slo="complete",alert="fast",window="long"}', values: "10x5 9.99x5 10x5"}
      - {series: 'tally_slo_burn_rate{contract="orders",slo="complete",alert="fast",window="short"}', values: "10x10 0x5"}
      - {series: 'tally_slo_breached{contract="orders",slo="arrives",alert="budget"}', values: "0x5 1x5"}
    alert_rule_test:
      - {eval_time: 8m, alertname: TallySloBurns, exp_alerts: []}
      - {eval_time: 12m, alertname: TallySloBurns, exp_alerts: []}
      - eval_time: 3m
        alertname: TallySloBurns
        exp_alerts:
          - exp_labels: {severity: page, contract: orders, slo: complete, alert: fast, window: long,
                         owner: 'the "{{ $value }}" team\'}
            exp_annotations:
              summary: "orders/complete: the error budget of 90 % over 30 days burns too fast, over the last hour"
              description: "{{ query `up` }}"
      - {eval_time: 3m, alertname: TallySloBudgetSpent, exp_alerts: []}
      - eval_time: 8m
        alertname: TallySloBudgetSpent
        exp_alerts:
          - exp_labels: {severity: page, contract: orders, slo: arrives, alert: budget, owner: 'the "{{ $value }}" team\'}
            exp_annotations: {summary: "orders/arrives: more was bad than 30 days may have"}
""")

    promtool(tmp_path, "check", "rules", "rules.yml")
    promtool(tmp_path, "test", "rules", "test.yml")
