"""Two batches, each behind a gate: what is downstream leaves a mark where it ran."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from contracts.pipelines.airflow import TallyCheck

SHOP = "{{ var.value.shop }}"

with DAG("shop", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None, catchup=False):
    hold = TallyCheck(task_id="hold", contract=f"{SHOP}/orders.yaml", data=f"{SHOP}/good.csv")
    publish = BashOperator(task_id="publish", bash_command=f"touch {SHOP}/good.published")
    hold >> publish

    hold_bad = TallyCheck(task_id="hold_bad", contract=f"{SHOP}/orders.yaml", data=f"{SHOP}/bad.csv", retries=2)
    publish_bad = BashOperator(task_id="publish_bad", bash_command=f"touch {SHOP}/bad.published")
    hold_bad >> publish_bad
