"""`tally check` on a Delta table: what its options need, and what the table and the ledger are afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

Tally = Callable[..., Any]

CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer, unique: true}]
"""


def test_a_blocked_table_without_a_way_back_stays_and_the_status_says_why(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    write_deltalake(tmp_path / "orders", pa.table({"id": [1, 1]}))

    ended = ledger("check", "c.yaml", "delta:orders", "--roll-back", "--json")
    listed = ledger("decision", "list", "--json").document()

    assert ended.refusal() == (8, "missing")
    assert DeltaTable(tmp_path / "orders").version() == 0
    assert [(one["decision"], one["action"], one["result"]) for one in listed] == [
        ("BLOCK_AND_ROLLBACK", "rolled-back", "failed")
    ]


def test_options_of_tables_are_refused_for_everything_else(ledger: Tally, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    (tmp_path / "a.csv").write_text("id\n1\n")

    assert ledger("check", "c.yaml", "a.csv", "--roll-back", "--json").returncode == 2
    assert ledger("check", "c.yaml", "a.csv", "--as-of", "1", "--json").refusal() == (9, "refused")
    assert ledger("check", "c.yaml", "delta:a", "--roll-back", "--as-of", "1", "--json").returncode == 2
