"""Load two small tables into DuckDB, as a dlt user would; `install` is all that lineage asks of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import dlt
import dlt_openlineage

dlt_openlineage.install(url="http://127.0.0.1:9", namespace="shop")


@dlt.resource(name="orders")
def orders() -> Iterator[list[dict[str, object]]]:
    yield [{"id": 10, "customer_id": 1, "amount": 20.5}, {"id": 11, "customer_id": 1, "amount": 3.0}]


@dlt.resource(name="customers")
def customers() -> Iterator[list[dict[str, object]]]:
    yield [{"id": 1, "country": "de"}, {"id": 2, "country": "fr"}]


dlt.pipeline(pipeline_name="shop", destination="duckdb", dataset_name="raw").run([orders(), customers()])
