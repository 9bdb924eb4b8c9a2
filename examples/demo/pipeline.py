"""Runs the churn pipeline the way a team would: every step held to its contract, announced by the stock OpenLineage client.

Per step: START, load into a staging table, measure, decide, promote or roll back, COMPLETE or FAIL.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
from openlineage.client.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import schema_dataset

from contracts import enforce, publish
from contracts.actions import staged
from contracts.document import Document, read
from contracts.enforce import Outcome
from contracts.record import Context
from contracts.registry.publish import publish as publish_schema
from contracts.source import Table
from examples.demo.steps import WAREHOUSE, Step
from ledger.client.openlineage import LedgerTransport
from ledger.log import Ledger

CONTRACTS: Final = Path(__file__).parent / "contracts"
JOBS: Final = "churn-pipeline"
SOURCE: Final = f"urn:{JOBS}"
PRODUCER: Final = "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python"
SCHEMAS: Final = ("staging", "features", "models", "marketing")
_JSON_TYPES: Final = {"BIGINT": "integer", "INTEGER": "integer", "DOUBLE": "number", "BOOLEAN": "boolean"}


class Pipeline:
    """One warehouse and the ledger that it reports to."""

    def __init__(self, log: Ledger, warehouse: Path, files: Path, client: OpenLineageClient | None = None) -> None:
        """Report runs through `client`; None: straight into the ledger."""
        self.log = log
        self.files = files
        self.connection = duckdb.connect(str(warehouse))
        for schema in SCHEMAS:
            self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        into_log = LedgerTransport.into(log, source=SOURCE)
        self.client = OpenLineageClient(transport=into_log) if client is None else client

    def run(self, step: Step, *, append: bool = False) -> Outcome:
        """Run one step; a blocked batch is rolled back, and the consumers' table stays as it was."""
        document = self.contract(step)
        run = str(uuid.uuid4())
        self._emit(RunState.START, step, run)
        schema, name = step.table.split(".")
        target = Table(self.connection, name, schema)
        context = Context(source=SOURCE, run=run, job=(JOBS, step.table))
        select = step.select.format(files=self.files)
        with staged(
            target,
            lambda connection, table: connection.execute(f"CREATE TABLE {table} AS {select}"),
            mode="append" if append else "replace",
        ) as batch:
            outcome = enforce.check(self.log, document, batch.source, context=context, enforcement=batch)
        self._emit(RunState.FAIL if outcome.blocked else RunState.COMPLETE, step, run)
        return outcome

    def contract(self, step: Step) -> Document:
        """Put the step's contract in force, unless it is, and return it."""
        document = read(CONTRACTS / f"{step.table}.yaml")
        publish.publish(self.log, document, Context(source=SOURCE))
        return document

    def publish_schema(self, step: Step) -> str:
        """Publish what the table really is as JSON Schema 1.0.0; returns the subject."""
        definition = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {name: {"type": _JSON_TYPES.get(kind, "string")} for name, kind in self._columns(step)},
            "required": [field.name for field in self.contract(step).contract.fields if field.required],
        }
        text = json.dumps(definition, indent=2).encode()
        publish_schema(self.log, step.table, "1.0.0", text, context=Context(source=SOURCE))
        return step.table

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """Let others open the warehouse."""
        self.connection.close()

    def _columns(self, step: Step) -> list[tuple[str, str]]:
        found = self.connection.execute(f"DESCRIBE {step.table}").fetchall()
        return [(name, kind) for name, kind, *_ in found]

    def _emit(self, state: RunState, step: Step, run: str) -> None:
        facets: dict[str, Any] = {}
        if state is RunState.COMPLETE:
            fields = [
                schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in self._columns(step)
            ]
            facets = {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}
        self.client.emit(
            RunEvent(
                eventType=state,
                eventTime=datetime.now(UTC).isoformat(),
                run=Run(runId=run),
                job=Job(namespace=JOBS, name=step.table),
                inputs=[InputDataset(namespace=namespace, name=name) for namespace, name in step.inputs],
                outputs=[OutputDataset(namespace=WAREHOUSE, name=step.table, facets=facets)],
                producer=PRODUCER,
            )
        )
