"""A household deleted from a real DuckDB file along lineage that a real ledger recorded, and the certificate of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import ledger
from ledger.log import Ledger
from lineage import query
from lineage.deletion import certificate, run, verify
from lineage.deletion.certificate import Certificate, read_certificates
from lineage.deletion.facts import Place
from lineage.deletion.history import read_history
from lineage.deletion.plan import Delete, Disposition, Lineage, NotApplicable, make_plan
from lineage.deletion.request import new_request, read_subject
from lineage.deletion.state import DeletionProjection, standings
from lineage.deletion.targets.duckdb import DuckDBExecutor, DuckDBVerifier
from lineage.graph import LineageProjection
from proofs import edges, jsonstrict
from proofs.statement import Node

SECRET = "7700123456789"
SUBJECT = read_subject(b'{"identities":[{"type":"household","value":"7700123456789"}]}')
STEPS = [
    ("staging", ["transactions", "demographics"], ["stg_transactions"]),
    ("features", ["stg_transactions"], ["features"]),
    ("score", ["features"], ["scores"]),
    ("audience", ["scores"], ["audience"]),
    ("totals", ["stg_transactions"], ["daily_totals"]),
]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    with ledger.create(url, origin="example.org/erasure", home=tmp_path / "home", passphrase=lambda: b"pass") as opened:
        for job, inputs, outputs in STEPS:
            with opened.run(job, inputs=[f"wh|{name}" for name in inputs], outputs=[f"wh|{name}" for name in outputs]):
                pass
        yield opened


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE transactions AS SELECT 7700123456700 + i % 100 AS household, i AS basket, i * 1.5 AS amount, "
            "i % 7 AS day FROM range(3000) r(i)"
        )
        connection.execute("CREATE TABLE stg_transactions AS SELECT * FROM transactions WHERE amount > 1")
        connection.execute(
            "CREATE VIEW features AS SELECT household, count(*) AS n FROM stg_transactions GROUP BY household"
        )
        connection.execute(
            "CREATE TABLE scores AS SELECT household::DOUBLE AS household, n / 10 AS score FROM features"
        )
        connection.execute(
            "CREATE TABLE audience AS SELECT household::BIGINT::VARCHAR AS household FROM scores WHERE score > 1"
        )
        connection.execute(
            "CREATE TABLE daily_totals AS SELECT day, sum(amount) AS s FROM stg_transactions GROUP BY day"
        )
    return path


def dataset(name: str) -> Node:
    return Node("dataset", "wh", name)


def deletable(*names: str) -> dict[Node, Disposition]:
    return {
        dataset(name): Delete(Place(store="wh", table=(name,), column="household", identity="household"))
        for name in names
    }


def clock() -> datetime:
    return datetime.now(UTC)


def delete(log: Ledger, warehouse: Path, dispositions: dict[Node, Disposition]) -> Certificate:
    request = new_request([("household", SECRET)], regulation="gdpr", received="2026-11-20T09:15:00.000000Z")
    log.append(request.event(person="person:01010101010101010101010101010101", source="urn:example:desk"))
    seeds = [dataset("transactions")]
    with log.viewing(LineageProjection()) as db:
        reached = query.closure(db, seeds, node_limit=None)
        lineage = Lineage(log.size, "0" * 64, reached.distance, query.findings(db))
    draft = make_plan(
        request.request,
        lineage,
        seeds=seeds,
        declared=[dataset("scores"), dataset("letters")],
        dispositions=dispositions,
        at="2026-11-20T10:00:00.000000Z",
    )
    verifiers = {"wh": DuckDBVerifier(warehouse)}
    run.record_plan(log, run.survey(draft, verifiers, SUBJECT))
    run.execute(log, request.request, {"wh": DuckDBExecutor(warehouse)}, SUBJECT, clock=clock)
    verify.verify(log, request.request, verifiers, SUBJECT, clock=clock)
    return certificate.issue(log, request.request, clock=clock)


def test_a_household_is_deleted_everywhere_it_went_and_certified(log: Ledger, warehouse: Path) -> None:
    known = deletable("transactions", "stg_transactions", "features", "scores", "audience", "letters")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE letters AS SELECT household FROM audience")

    issued = delete(log, warehouse, known | {dataset("daily_totals"): NotApplicable("aggregate")})

    assert (issued.outcome, issued.level) == ("complete_with_residuals", "L2")
    assert [
        (target.dataset.name, target.outcome, target.matched_before, target.deleted) for target in issued.targets
    ] == [
        ("transactions", "erased", 30, 30),
        ("stg_transactions", "erased", 30, 30),
        ("daily_totals", "not_applicable", None, None),
        ("features", "erased", 1, 0),
        ("scores", "erased", 1, 1),
        ("audience", "erased", 1, 1),
        ("letters", "erased", 1, 1),
    ]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM transactions").fetchall() == [(2_970,)]
        assert connection.execute("SELECT count(*) FROM letters").fetchall() == [(99,)]


def test_a_copy_in_which_the_person_is_written_otherwise_is_never_called_clean(log: Ledger, warehouse: Path) -> None:
    # 7700123456789.0 is what DuckDB makes of a DOUBLE: no query for the identity finds it, and the row is there.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE letters AS SELECT household::VARCHAR AS household FROM scores")
        found = connection.execute("SELECT count(*) FROM letters WHERE household LIKE '7700123456789%'").fetchone()
    assert found == (1,)
    known = deletable("transactions", "stg_transactions", "features", "scores", "audience", "letters")

    issued = delete(log, warehouse, known | {dataset("daily_totals"): NotApplicable("aggregate")})

    letters = issued.targets[-1]
    assert (letters.dataset.name, letters.outcome, letters.control) == ("letters", "inconclusive", "none")
    assert issued.outcome == "partial"


def test_a_table_that_the_person_never_reached_is_not_found(log: Ledger, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE letters AS SELECT household FROM audience WHERE household <> ?", [SECRET])
    known = deletable("transactions", "stg_transactions", "features", "scores", "audience", "letters")

    issued = delete(log, warehouse, known | {dataset("daily_totals"): NotApplicable("aggregate")})

    letters = issued.targets[-1]
    assert (letters.outcome, letters.control, letters.level) == ("not_found", "canary", "L2")
    assert issued.outcome == "complete_with_residuals"


def test_contract_and_lineage_are_compared(log: Ledger, warehouse: Path) -> None:
    plan = delete(log, warehouse, deletable("transactions")).plan

    assert plan is not None
    assert [found.name for found in plan.only_in_contract] == ["letters"]
    assert [found.name for found in plan.only_in_lineage] == [
        "audience",
        "daily_totals",
        "features",
        "stg_transactions",
    ]


def test_a_derived_table_that_nobody_mentioned_makes_it_partial(log: Ledger, warehouse: Path) -> None:
    known = deletable("transactions", "stg_transactions", "features", "scores") | {
        dataset("daily_totals"): NotApplicable("aggregate"),
        dataset("letters"): NotApplicable("paper"),
    }

    issued = delete(log, warehouse, known)

    assert issued.outcome == "partial"
    assert [target.dataset.name for target in issued.targets if target.outcome == "unresolved"] == ["audience"]


def test_a_stranger_recomputes_the_closure_from_the_lineage_events(log: Ledger, warehouse: Path) -> None:
    plan = delete(log, warehouse, deletable("transactions")).plan

    graph = edges.fold(
        (record.seq, jsonstrict.loads_foreign(record.body or b""))
        for record in log.stream("type:tallystick.lineage.run-observed.v1")
    )
    reached = edges.reach(graph, [dataset("transactions")])

    assert plan is not None
    assert (plan.closure.count, plan.closure.hash) == (6, edges.closure_hash(reached))


def test_the_household_stands_in_no_event_and_no_file_of_the_ledger(
    log: Ledger, warehouse: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    delete(log, warehouse, deletable("transactions", "stg_transactions", "letters", "scores"))

    log.close()
    secret = SECRET.encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != warehouse]
    assert [path.name for path in files if secret in path.read_bytes()] == []
    assert tmp_path / "audit.db" in files
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_every_step_is_in_the_stream_of_the_request(log: Ledger, warehouse: Path) -> None:
    issued = delete(log, warehouse, deletable("transactions"))

    history = read_history(log, issued.request)

    assert [fact for _, fact in read_certificates(history)] == [issued]
    assert (history.executed[0].seq, history.verified[0].seq) == issued.targets[0].seqs
    assert issued.plan is not None
    assert history.plan.seq == issued.plan.seq < history.executed[0].seq


def test_the_standing_of_the_request_is_projected(log: Ledger, warehouse: Path) -> None:
    issued = delete(log, warehouse, deletable("transactions"))

    with log.viewing(DeletionProjection()) as db:
        (standing,) = standings(db)

    assert (standing.request, standing.state, standing.outcome) == (issued.request, "certified", "partial")
