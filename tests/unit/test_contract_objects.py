"""Objects of a store: a real S3 server of moto's, and what a key, a URL or a store may do that it should not."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.measure import measure
from contracts.metric import Measurement
from contracts.model import Contract
from contracts.sources.named import found
from contracts.sources.objects import fetched
from proofs.errors import MissingError, RefusedError


def contract(**check: Any) -> Contract:
    dataset = {"namespace": "n", "name": "d"}
    fields = [{"name": "id", "type": "integer", "unique": True}]
    return Contract.model_validate(
        {"name": "c", "version": "1.0.0", "dataset": dataset, "schema": fields, "checks": [check] if check else []}
    )


def failed(measurement: Measurement) -> dict[str, int]:
    return {metric.rule.id: metric.failed for metric in measurement.metrics if not metric.passed}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An empty bucket named "lake", which the environment leads to."""
    import fsspec

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "geheim",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    if store.exists("lake"):  # servers of one process share what they hold
        store.rm("lake", recursive=True)
    store.mkdir("lake")
    yield store
    store.rm("lake", recursive=True)


def parquet(path: Path, query: str) -> bytes:
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def test_an_object_is_measured_as_it_is(bucket: Any, tmp_path: Path) -> None:
    data = parquet(tmp_path / "a.parquet", "SELECT unnest([1, 1, 2]) AS id")
    bucket.pipe_file("lake/in/a.parquet", data)

    with found("s3://lake/in/a.parquet") as source:
        measurement = measure(contract(kind="freshness", max_age_seconds=3600), source)

    assert failed(measurement) == {"unique:id": 1}
    assert measurement.file is not None
    assert measurement.file.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["s3://lake/in", "s3://lake/in/", "s3://lake/in/*/*.jsonl", "s3://lake/i*/**"])
def test_a_prefix_and_a_pattern_are_one_batch(bucket: Any, name: str) -> None:
    for day in (1, 2):
        bucket.pipe_file(f"lake/in/d{day}/a.jsonl", b'{"id": 1}\n{"id": %d}\n' % (day + 1))
    bucket.pipe_file("lake/in/_SUCCESS", b"")
    bucket.pipe_file("lake/elsewhere/a.jsonl", b"no json")

    with found(name) as source:
        measurement = measure(contract(), source)

    assert (measurement.rows, failed(measurement)) == (4, {"unique:id": 1})
    assert measurement.file is not None
    assert measurement.file.files == 2


def test_what_is_not_there_is_said_without_a_secret(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("s3://lake/none.parquet", "s3://lake/none/*.csv", "s3://nowhere/a.parquet"):
        with pytest.raises((MissingError, RefusedError)) as caught, fetched(url):
            pass
        assert "geheim" not in f"{caught.value!r}"
    with pytest.raises(RefusedError, match="holds credentials") as refused, fetched("s3://u:secret@lake/a.parquet"):
        pass
    assert "secret" not in f"{refused.value!r}"


def test_a_key_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.store["/bad/../../../tally-escaped.jsonl"] = store.store.setdefault(
        "/bad/a.jsonl", _memory_file(store, "/bad/a.jsonl")
    )
    try:
        with pytest.raises((RefusedError, MissingError)), fetched("memory://bad/*"):
            raise MissingError("nothing led out")
    finally:
        store.store.clear()
    assert not list(tmp_path.parent.rglob("tally-escaped.jsonl"))


def _memory_file(store: Any, name: str) -> Any:
    store.pipe_file(name, b'{"id": 1}\n')
    return store.store[name]


def test_the_copies_are_gone_afterwards(bucket: Any) -> None:
    bucket.pipe_file("lake/a.csv", b"id\n1\n")

    with fetched("s3://lake/a.csv") as source:
        [path] = [getattr(source, "path", None)]
        assert path is not None
        assert path.is_file()
        assert path.parent.stat().st_mode & 0o077 == 0

    assert not path.exists()
