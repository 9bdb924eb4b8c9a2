"""`tally lineage findings`: whose OpenLineage events are not as their schemas say, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.scripts.conftest import Tally

WRONG = {"run": {"runId": "x"}, "job": {"namespace": "n", "name": "j"}, "producer": "urn:etl"}


def test_findings_are_counted_by_source_and_told_by_entry(ledger: Tally, features_run: str) -> None:
    assert ledger("lineage", "findings").stdout == "every event is as its schemas say\n"
    assert ledger("emit", "--openlineage", given=features_run).returncode == 0
    emitted = ledger("emit", "--openlineage", "--json", given=json.dumps(WRONG)).document()

    listed = ledger("lineage", "findings", "--json").document()
    later = ledger("lineage", "findings", "--after", str(emitted[0]["seq"]), "--json").document()
    one = ledger("lineage", "findings", "--entry", str(emitted[0]["seq"]), "--json").document()

    assert {(row["source"], row["events"], row["first"]) for row in listed if row["code"] == "runId-is-no-uuid"} == {
        ("urn:etl", 1, emitted[0]["seq"])
    }
    assert later == []
    assert {"code": "runId-is-no-uuid", "place": "", "says": "the event: runId is no uuid"} in one
    assert ledger("lineage", "findings", "--entry", "999").returncode == 8
