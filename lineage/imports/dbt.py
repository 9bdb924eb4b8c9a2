"""What dbt left in its target folder, told as OpenLineage events: manifest.json, run_results.json, catalog.json.

    a result of a model, seed or snapshot   START, then COMPLETE or FAIL, of the job named by its unique id
    a result of a test                      COMPLETE with an assertion on every dataset that it looks at; FAIL when it broke
    a node without a result, an exposure    one job event: declared, not observed

Inputs come from the manifest's `depends_on`, through ephemeral models, so that seeds and sources are among them. The same
artifacts give the same bytes: importing them again changes nothing.

Source: dbt artifacts, manifest v7–v12, run-results v4–v6, catalog v1; OpenLineage 2-0-2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, TypeGuard, TypeVar
from uuid import UUID, uuid5

from openlineage.client import event_v2
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    error_message_run,
    job_type_job,
    parent_run,
    schema_dataset,
    sql_job,
)
from openlineage.client.serde import Serde
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lineage.imports.arrival import Arrival, arrive
from proofs import jsonstrict
from proofs.errors import MalformedError

SYSTEM: Final = "dbt"
PRODUCER: Final = "urn:tallystick:import:dbt"
ARTIFACT_BYTES: Final = 1 << 30
_RUNS: Final = UUID("6f1b6d1c-6d5f-5a0e-9d52-5b8b4a9a5d0e")  # of the run ids that are made of (invocation, node)

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_TABLES: Final = ("model", "seed", "snapshot", "source")
_DONE: Final = frozenset(("success", "pass", "warn", "fail"))  # of a test, "fail" is an answer, not a breakdown
_BROKEN: Final = frozenset(("error", "runtime error"))
_NOT_RUN: Final = frozenset(("skipped", "no-op"))


class _Artifact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


_ArtifactT = TypeVar("_ArtifactT", bound=_Artifact)


class _Metadata(_Artifact):
    dbt_schema_version: str
    invocation_id: str = ""
    generated_at: str = ""
    adapter_type: str | None = None
    project_name: str | None = None


class _Column(_Artifact):
    name: str
    data_type: str | None = None
    type: str | None = None
    description: str | None = None


class _Config(_Artifact):
    materialized: str | None = None


class _Depends(_Artifact):
    nodes: list[str] = []


class _TestMetadata(_Artifact):
    name: str = ""


class _Node(_Artifact):
    resource_type: str
    name: str
    database: str | None = None
    schema_: Annotated[str | None, Field(alias="schema")] = None
    alias: str | None = None
    identifier: str | None = None
    config: _Config = _Config()
    depends_on: _Depends = _Depends()
    columns: dict[str, _Column] = {}
    compiled_code: str | None = None
    column_name: str | None = None
    test_metadata: _TestMetadata | None = None


class _Manifest(_Artifact):
    metadata: _Metadata
    nodes: dict[str, _Node]
    sources: dict[str, _Node] = {}
    exposures: dict[str, _Node] = {}


class _Timing(_Artifact):
    name: str
    started_at: str | None = None
    completed_at: str | None = None


class _Result(_Artifact):
    unique_id: str
    status: str
    timing: list[_Timing] = []
    message: Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)] = None


class _RunResults(_Artifact):
    metadata: _Metadata
    results: list[_Result]


class _Table(_Artifact):
    columns: dict[str, _Column]


class _Catalog(_Artifact):
    nodes: dict[str, _Table]
    sources: dict[str, _Table] = {}


def read(
    manifest: bytes,
    run_results: bytes | None = None,
    catalog: bytes | None = None,
    *,
    namespace: str | None = None,
    job_namespace: str = "dbt",
) -> Iterator[Arrival]:
    """Yield what the artifacts say: the runs in the order of the results, then what did not run.

    Args:
        namespace: Of the datasets, as OpenLineage names the warehouse ("postgres://host:5432"); artifacts do not say where
            the warehouse stands, and without it nothing joins what others say of the same tables. None: `<adapter>://`.

    Raises:
        MalformedError: An artifact is not what dbt writes.
    """
    project = _parse(manifest, _Manifest, "manifest.json")
    results = _parse(run_results, _RunResults, "run_results.json") if run_results is not None else None
    columns = _parse(catalog, _Catalog, "catalog.json") if catalog is not None else None
    return _Reading(project, columns, namespace, job_namespace).arrivals(results)


class _Reading:
    """One project's artifacts on their way to events."""

    def __init__(self, project: _Manifest, catalog: _Catalog | None, namespace: str | None, jobs: str) -> None:
        self.metadata = project.metadata
        self.nodes: dict[str, _Node] = {**project.nodes, **project.sources, **project.exposures}
        self.catalog = {**catalog.nodes, **catalog.sources} if catalog else {}
        self.namespace = namespace or f"{project.metadata.adapter_type or 'dbt'}://"
        self.jobs = jobs

    def arrivals(self, results: _RunResults | None) -> Iterator[Arrival]:
        ran: set[str] = set()
        if results is not None:
            for result in results.results:
                ran.add(result.unique_id)
                yield from self.result(result, results.metadata)
        for unique_id, node in self.nodes.items():
            if unique_id not in ran and node.resource_type in ("model", "seed", "snapshot", "exposure", "test"):
                yield from self.declared(unique_id, node)

    def result(self, result: _Result, metadata: _Metadata) -> Iterator[Arrival]:
        where = f"result of {result.unique_id[:120]}"
        node = self.nodes.get(result.unique_id)
        if node is None:
            yield Arrival(where, None, "manifest.json knows no such node; it is of another project or state")
        elif result.status not in _DONE | _BROKEN | _NOT_RUN:
            yield Arrival(where, None, f"status {result.status[:40]!r} is unknown")
        elif result.status not in _NOT_RUN and node.resource_type in (*_TABLES, "test"):
            started = [each.started_at for each in result.timing if _is_time(each.started_at)]
            ended = [each.completed_at for each in result.timing if _is_time(each.completed_at)]
            state = event_v2.RunState.FAIL if result.status in _BROKEN else event_v2.RunState.COMPLETE
            end = max(ended, default=metadata.generated_at)
            if not _is_time(end):
                yield Arrival(where, None, "neither its timing nor generated_at of run_results.json says when it was")
                return
            if started:
                yield self.run(result, node, metadata, event_v2.RunState.START, min(started))
            yield self.run(result, node, metadata, state, end)

    def run(self, result: _Result, node: _Node, metadata: _Metadata, state: event_v2.RunState, time: str) -> Arrival:
        run_facets: dict[str, Any] = {"parent": self.parent(metadata)}
        if state is event_v2.RunState.FAIL and result.message:
            run_facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                result.message, programmingLanguage="SQL", producer=PRODUCER
            )
        inputs = self.inputs(result.unique_id)
        if node.resource_type == "test" and state is event_v2.RunState.COMPLETE:
            said = self.assertion(node, result)
            inputs = [
                event_v2.InputDataset(each.namespace, each.name, inputFacets={"dataQualityAssertions": said})
                for each in inputs
            ]
        event = event_v2.RunEvent(
            eventTime=time,
            producer=PRODUCER,
            run=event_v2.Run(_run_id(metadata, result.unique_id), run_facets),
            job=self.job(result.unique_id, node),
            eventType=state,
            inputs=inputs,
            outputs=self.outputs(result.unique_id, node),
        )
        return self.arrival(event, f"result of {result.unique_id}")

    def declared(self, unique_id: str, node: _Node) -> Iterator[Arrival]:
        if node.config.materialized == "ephemeral":
            return  # no table ever stands for it: its readers read what it reads
        if not _is_time(self.metadata.generated_at):
            where = f"node {unique_id[:120]}"
            yield Arrival(where, None, "generated_at of manifest.json is missing or no date and time")
            return
        event = event_v2.JobEvent(
            eventTime=self.metadata.generated_at,
            producer=PRODUCER,
            job=self.job(unique_id, node),
            inputs=self.inputs(unique_id),
            outputs=self.outputs(unique_id, node),
        )
        yield self.arrival(event, f"node {unique_id}")

    def arrival(self, event: event_v2.RunEvent | event_v2.JobEvent, where: str) -> Arrival:
        return arrive(Serde.to_json(event).encode(), where=where[:160], system=SYSTEM, source=PRODUCER)

    def parent(self, metadata: _Metadata) -> parent_run.ParentRunFacet:
        name = f"dbt-run-{self.metadata.project_name or 'project'}"
        return parent_run.ParentRunFacet(
            run=parent_run.Run(_run_id(metadata, "")), job=parent_run.Job(self.jobs, name), producer=PRODUCER
        )

    def job(self, unique_id: str, node: _Node) -> event_v2.Job:
        facets: dict[str, Any] = {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "DBT", node.resource_type.upper(), producer=PRODUCER)
        }
        if node.compiled_code:
            facets["sql"] = sql_job.SQLJobFacet(
                node.compiled_code, dialect=self.metadata.adapter_type, producer=PRODUCER
            )
        return event_v2.Job(self.jobs, unique_id, facets)

    def inputs(self, unique_id: str) -> list[event_v2.InputDataset]:
        """Every table that a node reads, an ephemeral model standing for what it reads itself; sorted by name."""
        found: dict[str, _Node] = {}
        open_ids, seen = list(self.nodes[unique_id].depends_on.nodes), {unique_id}
        while open_ids:
            if (each := open_ids.pop()) in seen or (node := self.nodes.get(each)) is None:
                continue
            seen.add(each)
            if node.config.materialized == "ephemeral":
                open_ids += node.depends_on.nodes
            elif node.resource_type in _TABLES:
                found[each] = node
        names = sorted({_table(node) for node in found.values()})
        return [event_v2.InputDataset(self.namespace, name) for name in names]

    def outputs(self, unique_id: str, node: _Node) -> list[event_v2.OutputDataset]:
        if node.resource_type not in _TABLES or node.config.materialized == "ephemeral":
            return []
        known = self.catalog[unique_id].columns if unique_id in self.catalog else node.columns
        fields = [
            schema_dataset.SchemaDatasetFacetFields(each.name, each.type or each.data_type, each.description)
            for each in known.values()
        ]
        facets: dict[str, Any] = (
            {"schema": schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)} if fields else {}
        )
        return [event_v2.OutputDataset(self.namespace, _table(node), facets=facets)]

    @staticmethod
    def assertion(node: _Node, result: _Result) -> data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet:
        name = node.test_metadata.name if node.test_metadata and node.test_metadata.name else node.name
        said = data_quality_assertions_dataset.Assertion(name, result.status in ("pass", "success"), node.column_name)
        return data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet([said], producer=PRODUCER)


def _is_time(text: str | None) -> TypeGuard[str]:
    """Whether it is a date and a time as dbt writes them; its older versions name no zone."""
    if not text or not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _table(node: _Node) -> str:
    parts = (node.database, node.schema_, node.identifier or node.alias or node.name)
    return ".".join(part for part in parts if part)


def _run_id(metadata: _Metadata, unique_id: str) -> str:
    return str(uuid5(_RUNS, f"{metadata.invocation_id}\n{unique_id}"))


def _parse(data: bytes, model: type[_ArtifactT], name: str) -> _ArtifactT:
    try:
        return model.model_validate(jsonstrict.loads_foreign(data, limit_bytes=ARTIFACT_BYTES))
    except MalformedError as error:
        error.where = name
        raise
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])[:160]
        raise MalformedError(f"{place}: {first['msg']}; dbt writes no such file", where=name) from error
