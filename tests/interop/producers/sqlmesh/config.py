"""SQLMesh on DuckDB; `install` is all that lineage asks of the project."""

from __future__ import annotations

import sqlmesh_openlineage
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

sqlmesh_openlineage.install(url="http://127.0.0.1:9", namespace="shop")

config = Config(
    gateways={"here": GatewayConfig(connection=DuckDBConnectionConfig(database="shop.duckdb"))},
    default_gateway="here",
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
)
