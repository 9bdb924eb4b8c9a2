"""One record of a stranger's stops no view: it is written down as unread, and what comes behind it is folded."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from contracts.history import ContractHistory
from contracts.sources.files import folder_source
from ledger.event import Event
from lineage.chronicle.store import ChronicleProjection
from proofs.errors import RefusedError

ELSEWHERE = """\
asset:
  name: a
  source_type: postgresql
  object: public.a
  schema: [{name: id, type: string}]
  data_contract: {enabled: true, contract_path: b.yaml, enforcement_mode: strict}
"""


def test_a_contract_that_names_a_file_nobody_has_is_unread(ledgers: Any) -> None:
    log = ledgers.create()
    body = {
        "contract": {"name": "a", "version": "1.0.0", "sha256": hashlib.sha256(ELSEWHERE.encode()).hexdigest()},
        "dataset": {"namespace": "elsewhere", "name": "a"},
        "datasets": [],
        "definition": ELSEWHERE,
    }
    published = "tallystick.contract.published.v1"
    receipt = log.append(Event(type=published, source="urn:app", id="1", data=json.dumps(body).encode()))

    with log.viewing(ContractHistory()) as db:
        assert db.execute("SELECT seq, reason FROM contracts_unread").fetchall() == [(receipt.seq, "malformed")]


@pytest.mark.parametrize("kind", [[], {}, None, 7, True])
def test_an_input_whose_transformations_are_of_no_kind_is_an_input(ledgers: Any, kind: object) -> None:
    log = ledgers.create()
    source = {"namespace": "w", "name": "a", "field": "x", "transformations": [{"type": kind}]}
    facet = {"columnLineage": {"fields": {"y": {"inputFields": [source]}}}}
    said = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-20T09:00:00Z",
        "run": {"runId": "0193e2a4-7c11-7000-8000-000000000001"},
        "job": {"namespace": "n", "name": "j"},
        "outputs": [{"namespace": "w", "name": "b", "facets": facet}],
    }
    run = "tallystick.lineage.run-observed.v1"
    log.append(Event(type=run, source="urn:app", id="1", data=json.dumps(said).encode()))

    with log.viewing(ChronicleProjection()) as db:
        assert db.execute("SELECT count(*) FROM chronicle_event").fetchone() == (1,)


def test_a_view_gives_way_between_two_records_and_ends_the_same(ledgers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ledgers.create()
    for number in range(5):
        log.append(Event(type="org.example.v1", source="urn:app", id=str(number), data=b"{}"))
    monkeypatch.setattr("ledger.projection.PAGE_SECONDS", -1.0)

    log.views.catch_up(ContractHistory())

    assert ("contracts", log.size) in log.views.positions()


@pytest.mark.parametrize("what", ["linked", "packed"])
def test_a_folder_with_a_part_that_would_not_be_measured_is_refused(tmp_path: Any, what: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("id\n1\n")
    if what == "linked":
        (tmp_path / "elsewhere").mkdir()
        (folder / "sub").symlink_to(tmp_path / "elsewhere")
    else:
        (folder / "c.csv.gz").write_bytes(b"")

    with pytest.raises(RefusedError, match="would not be measured"):
        folder_source(folder)
    assert [path.name for path in folder_source(folder, "*.csv").paths] == ["a.csv"]
