"""Two batches, each behind a gate: what is downstream leaves a mark where it ran."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from contracts.pipelines.airflow import TallyCheck

with DAG("shop", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None, catchup=False):
    for batch in ("good", "bad"):
        gate = TallyCheck(
            task_id=f"{batch}_hold",
            contract="{{ var.value.shop }}/orders.yaml",
            data=f"{{{{ var.value.shop }}}}/{batch}.csv",
        )
        publish = BashOperator(
            task_id=f"{batch}_publish", bash_command=f"touch {{{{ var.value.shop }}}}/{batch}.published"
        )
        gate >> publish
