"""A small pipeline as its owner would write it: nothing in it knows of lineage but the declared tables."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.openlineage.facet import Dataset
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

RAW = Dataset(namespace="shop", name="raw.orders")
CLEAN = Dataset(namespace="shop", name="clean.orders")
DAILY = Dataset(namespace="shop", name="mart.daily_revenue")

with DAG("shop", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None, catchup=False):
    clean = BashOperator(task_id="clean", bash_command="true", inlets=[RAW], outlets=[CLEAN])
    daily = BashOperator(task_id="daily", bash_command="true", inlets=[CLEAN], outlets=[DAILY])
    clean >> daily
