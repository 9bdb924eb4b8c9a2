"""A ledger that was operated: what real commands leave of two domains, for tests of the console and of its pages.

shop    a contract with an owner and service levels, a consumer, batches allowed, quarantined and overruled, a schema in
        two versions and one refused, lineage, a deletion request certified and one that waits
lab     a contract of somebody else, whose batch was blocked
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cli.main import main

PASSPHRASE = "correct horse"
ORDERS = """\
name: orders
version: {version}
owner: team-orders
responsible: {{on_call: orders-oncall, runbook: "https://wiki.example/orders"}}
dataset: {{namespace: shop, name: orders}}
schema:
  - {{name: id, type: integer, required: true, unique: true}}
  - {{name: email, type: string}}
  - {{name: amount, type: number, range: {{min: 0}}{more}}}
privacy: {{subject_key: email}}
slos:
  - {{name: good, indicator: accuracy, target: {{min: 0.9}}}}
policy: {{alert_at: 0.01, quarantine_at: 0.05, block_at: 0.9}}
quarantine: {{retention_days: 30}}
"""
TRIALS = """\
name: trials
version: 1.0.0
dataset: {namespace: lab, name: trials}
schema: [{name: id, type: integer, required: true, severity: critical}]
policy: {block_on: critical}
"""
FIRST = '{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}'
SECOND = '{"type":"object","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"required":["id"]}'
BREAKING = '{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}'
RUN = "01930000-0000-7000-8000-00000000c0de"


@dataclass
class Operated:
    """The folder, and what was found out while it was operated.

    Attributes:
        decisions: The seq of each decision: "allowed", "kept-apart", "overruled", "blocked".
    """

    folder: Path
    decisions: dict[str, int] = field(default_factory=dict)
    quarantine: str = ""
    certified: str = ""
    waiting: str = ""

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/log.db"

    def tally(self, *arguments: str, status: int = 0) -> Any:
        """Run a command in this process; returns the JSON that it printed."""
        said, complaints = io.StringIO(), io.StringIO()
        told = {"TALLY_LEDGER": self.url, "TALLY_HOME": str(self.folder / "home"), "TALLY_KEY_PASSPHRASE": PASSPHRASE}
        before = dict(os.environ)
        os.environ.update(told)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaints):
                ended = main([*arguments, "--json"])
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert ended == status, complaints.getvalue() or said.getvalue()
        return json.loads(said.getvalue()) if said.getvalue() else None

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def check(self, contract: str, name: str, rows: str, *options: str, status: int = 0) -> int:
        """Hold rows to a contract; returns the decision's seq."""
        data = self.file(f"{name}.csv", rows)
        self.tally("check", contract, data, *options, status=status)
        listed = self.tally("decision", "list", "--last", "1")
        self.decisions[name] = listed[0]["seq"]
        return self.decisions[name]


def lineage(job: str, inputs: list[str], outputs: list[str]) -> str:
    """An event of a run as OpenLineage tells it, one line."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-20T09:00:00Z",
        "run": {"runId": RUN},
        "job": {"namespace": "shop", "name": job},
        "inputs": [{"namespace": "shop", "name": name} for name in inputs],
        "outputs": [{"namespace": "shop", "name": name} for name in outputs],
        "producer": "https://example.org/etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return json.dumps(event) + "\n"


def operate(folder: Path) -> Operated:
    """Create a ledger in `folder`, and do with it what an operator's weeks do."""
    found = Operated(folder)
    found.tally("init", "--origin", "ledger.example/operated")
    found.tally("import", "openlineage", found.file("run.jsonl", lineage("features", ["orders"], ["features"])))
    orders = found.file("orders.yaml", ORDERS.format(version="1.0.0", more=""))
    found.tally("contract", "publish", orders)
    found.tally("contract", "subscribe", "orders", "team:growth", "--channel", "#growth", "--by", "ops:7")
    found.check(orders, "allowed", "id,email,amount\n1,a@example.org,5\n2,b@example.org,7\n", "--run", RUN)
    found.tally("checkpoint")
    bad = "id,email,amount\n1,secret@example.org,-5\n2,b@example.org,7\n3,c@example.org,9\n"
    seq = found.check(orders, "kept-apart", bad, "--quarantine", str(folder / "kept"))
    found.quarantine = found.tally("quarantine", "list")[0]["quarantine"]
    reviewed = ("--verdict", "reject", "--by", "data:1", "--reason", "wrong sign")
    found.tally("quarantine", "review", found.quarantine, *reviewed)
    found.tally("decision", "override", str(seq), "--by", "ops:7", "--reason", "known-late-feed")
    found.check(orders, "overruled", bad)
    trials = found.file("trials.yaml", TRIALS)
    found.check(trials, "blocked", "id\n1\n\n", status=10)
    _schemas(found)
    _deletions(found)
    found.tally("checkpoint")
    return found


def _schemas(found: Operated) -> None:
    found.tally("schema", "publish", "orders", "1.0.0", found.file("orders-1.json", FIRST))
    found.tally("schema", "publish", "orders", "1.1.0", found.file("orders-2.json", SECOND))
    found.tally("schema", "publish", "orders", "1.2.0", found.file("orders-3.json", BREAKING), status=9)


def _deletions(found: Operated) -> None:
    with duckdb.connect(str(found.folder / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT * FROM (VALUES ('ada@example.org', 1), ('b@example.org', 2)) t(email, id)"
        )
    shop = ("--duckdb", f"shop={found.folder / 'shop.duckdb'}")
    asked = ("delete", "request", "--dataset", "shop|orders", "--identity")
    found.certified = found.tally(*asked, "email=ada@example.org")["request"]
    decided = ("--not-applicable", "shop|features=no-person")
    found.tally("delete", "plan", found.certified, *shop, *decided)
    found.tally("delete", "run", found.certified, *shop)
    found.tally("delete", "certificate", found.certified)
    found.waiting = found.tally(*asked, "email=b@example.org")["request"]
