"""A deletion of two plans is certified with the rows and steps of both, and both verifiers grade it as right."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from contracts import publish
from contracts.document import parse
from contracts.record import Context
from evidence import deletion
from evidence.deletion import Warehouse
from evidence.question import about_deletion
from evidence.seal import export
from evidence.terms import Terms
from evidence.trust import trust_text
from proofs.statement import Node
from proofs.view import verify_bundle

if TYPE_CHECKING:
    from tests.conftest import Ledgers

SECOND = Path(__file__).parents[1] / "second_verifier"
CONTRACT = """name: {0}
version: 1.0.0
dataset: {{namespace: shop, name: {0}}}
schema:
  - {{name: customer, type: string, required: true}}
privacy: {{subject_key: customer}}
"""


def test_rows_of_a_run_before_a_contract_came_are_certified_and_the_grade_is_recomputed(ledgers: Ledgers) -> None:
    log = ledgers.create()
    shop = [Warehouse("shop", ledgers.folder / "shop.duckdb")]
    with duckdb.connect(str(shop[0].path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'c' || range % 10 AS customer FROM range(100)")
        connection.execute("CREATE TABLE features AS SELECT DISTINCT customer FROM orders")
    with log.run("features", inputs=["shop|orders"], outputs=["shop|features"]):
        pass
    publish.publish(log, parse(CONTRACT.format("orders").encode(), name="orders"), Context(source="urn:shop"))
    orders = [Node("dataset", "shop", "orders")]
    request = deletion.request(log, [("customer", "c7")], regulation="gdpr", datasets=orders).request
    deletion.make(log, request, shop, reader="op")
    deletion.carry_out(log, request, shop, reader="op")
    publish.publish(log, parse(CONTRACT.format("features").encode(), name="features"), Context(source="urn:shop"))
    deletion.make(log, request, shop, reader="op")
    deletion.carry_out(log, request, shop, reader="op")

    issued = deletion.certify(log, request)

    assert issued.outcome == "complete_with_residuals"
    assert [(each.dataset.name, each.deleted, len(each.seqs)) for each in issued.targets] == [
        ("orders", 10, 4),
        ("features", 1, 2),
    ]
    bundle = export(
        log, about_deletion(log, request), Terms("auditor:7", "2026-11-20T12:00:00.000000Z"), out_dir=ledgers.folder
    ).path
    trust = ledgers.folder / "trust.txt"
    trust.write_text(trust_text(log))
    ours = [each.json() for each in verify_bundle(bundle.read_bytes(), trust=trust.read_bytes()).certificates]
    node = shutil.which("node")
    assert node is not None
    second = subprocess.run(
        [node, str(SECOND / "verify.mjs"), "--json", "--trust", str(trust), str(bundle)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (second.returncode, second.stderr) == (0, "")
    assert [each["grade"] for each in ours] == [
        f"closure recomputed, relative to the lineage in the first {issued.plan.lineage.size if issued.plan else 0} entries"
    ]
    assert json.loads(second.stdout)["certificates"] == ours
