"""What the console asks of a service: decisions, contracts, quarantines, schemas, deletions, the log and how all stands."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from ledger import access

if TYPE_CHECKING:
    from tests.operated import Operated

ORDERS = {"namespace": "shop", "name": "orders"}


@pytest.fixture(scope="module")
def operated(operate: Any, tmp_path_factory: pytest.TempPathFactory) -> Operated:
    found: Operated = operate(tmp_path_factory.mktemp("operated"))
    return found


@pytest.fixture(scope="module")
def console(operated: Operated, serve_in: Any) -> Any:
    return serve_in(operated.folder)


def read(console: Any, path: str) -> Any:
    answer = console.get(f"/api/v1/{path}")
    assert answer.status == 200, answer.body
    return answer.json()


def refused(console: Any, path: str) -> tuple[int, str]:
    answer = console.get(f"/api/v1/{path}")
    return answer.status, answer.json()["detail"]


def test_decisions_are_listed_the_newest_first(console: Any, operated: Operated) -> None:
    found = read(console, "decisions")

    assert [(row["seq"], row["decision"], row["dataset"]["name"]) for row in found["decisions"]] == [
        (operated.decisions["blocked"], "BLOCK_AND_ROLLBACK", "trials"),
        (operated.decisions["overruled"], "ALLOW", "orders"),
        (operated.decisions["kept-apart"], "QUARANTINE", "orders"),
        (operated.decisions["allowed"], "ALLOW", "orders"),
    ]
    assert found["next"] is None


def test_cursors_lead_through_all_decisions_once(console: Any) -> None:
    seqs, after = [], ""
    while True:
        page = read(console, f"decisions?limit=1{after}")
        seqs += [row["seq"] for row in page["decisions"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert seqs == [row["seq"] for row in read(console, "decisions")["decisions"]]
    assert len(seqs) == 4


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("dataset=lab%7Ctrials", ["blocked"]),
        ("contract=orders&decision=QUARANTINE", ["kept-apart"]),
        ("run=01930000-0000-7000-8000-00000000c0de", ["allowed"]),
        ("since=2026-01-01&until=2026-01-02", []),
        ("since=2026-01-01&decision=ALLOW", ["overruled", "allowed"]),
        ("dataset=lab%257C%7Ctrials", []),
    ],
)
def test_decisions_are_found_by_what_they_are_about(
    console: Any, operated: Operated, asked: str, found: list[str]
) -> None:
    rows = read(console, f"decisions?{asked}")["decisions"]

    assert [row["seq"] for row in rows] == [operated.decisions[name] for name in found]


def test_a_decision_says_why_what_followed_and_that_it_decides_again(console: Any, operated: Operated) -> None:
    found = read(console, f"decisions/{operated.decisions['kept-apart']}")

    assert found["equation"] == "risk 0.1000 = 1 − (1 − 0.1000), floored once"
    assert found["reasons"][0] == "the risk is quarantine_at 0.0500 or above (RISK_QUARANTINES)"
    assert [(each["rule"], each["failed"], each["total"]) for each in found["metrics"] if each["failed"]] == [
        ("range:amount", 1, 3)
    ]
    assert [(each["to"], each["by"], each["reason"]) for each in found["overrides"]] == [
        ("ALLOW", "ops:7", "known-late-feed")
    ]
    assert (found["action"]["action"], found["action"]["result"]) == ("quarantined", "done")
    assert found["quarantine"] == operated.quarantine
    assert found["replay"] == {
        "same_bytes": True, "differs": [], "why_not": None,
        "command": f"tally decision replay {operated.decisions['kept-apart']}",
    }  # fmt: skip


def test_contracts_are_listed_with_who_answers_for_them(console: Any) -> None:
    rows = read(console, "contracts")["contracts"]

    assert [(row["name"], row["owner"], row["on_call"], row["consumers"], row["levels"]) for row in rows] == [
        ("orders", "team-orders", "orders-oncall", 1, 1),
        ("trials", None, None, 0, 0),
    ]
    assert rows[1]["last_decision"]["decision"] == "BLOCK_AND_ROLLBACK"
    assert [row["name"] for row in read(console, "contracts?q=TRI")["contracts"]] == ["trials"]
    page = read(console, "contracts?limit=1")
    assert (page["next"], page["total"]) == ("orders", 2)
    assert [row["name"] for row in read(console, "contracts?limit=1&after=orders")["contracts"]] == ["trials"]


def test_a_contract_says_its_rules_versions_consumers_and_levels(console: Any) -> None:
    found = read(console, "contracts/orders")

    assert found["dataset"] == ORDERS
    assert {rule["rule"]: rule["severity"] for rule in found["rules"]}["range:amount"] == "warning"
    assert [(each["version"], each["state"], each["ends"]) for each in found["versions"]] == [("1.0.0", "active", [])]
    assert [(each["consumer"], each["channel"], each["told"]) for each in found["consumers"]] == [
        ("team:growth", "#growth", [])
    ]
    assert [(each["level"], each["state"], each["objective"]) for each in found["levels"]] == [
        ("orders/good", "unmeasured", "0.990000")
    ]
    assert found["definition"].startswith("name: orders\nversion: 1.0.0\n")
    assert refused(console, "contracts/orders?version=9.9.9") == (404, "contract orders has no version '9.9.9'")


def test_a_quarantine_tells_counts_and_steps_and_no_row(console: Any, operated: Operated) -> None:
    (row,) = read(console, "quarantines?state=kept")["quarantines"]
    answer = console.get(f"/api/v1/quarantines/{operated.quarantine}")
    found = answer.json()

    assert (row["id"], row["rows"], row["good_rows"], row["state"]) == (operated.quarantine, 1, 2, "reviewed")
    assert found["rules"] == [{"rule": "range:amount", "rows": 1}]
    assert [(step["step"], step["by"], step["verdict"], step["reason"]) for step in found["steps"]] == [
        ("reviewed", "data:1", "reject", "wrong sign")
    ]
    assert b"secret@example.org" not in answer.body
    assert str(operated.folder).encode() not in answer.body
    assert read(console, "quarantines?state=deleted")["quarantines"] == []


def test_a_schema_says_what_each_version_changed_and_what_was_refused(console: Any) -> None:
    (row,) = read(console, "schemas")["schemas"]
    found = read(console, "schemas/orders")

    assert (row["subject"], row["version"], row["versions"], row["bump"]) == ("orders", "1.1.0", 2, "minor")
    assert [(each["version"], each["changed"]) for each in found["versions"]] == [("1.1.0", 1), ("1.0.0", 0)]
    assert found["versions"][0]["changes"] == [
        {"path": "/properties/note", "kind": "property-added", "direction": "loosens", "breaking": False}
    ]
    assert [(each["version"], each["reason"], each["needs"]) for each in found["rejected"]] == [
        ("1.2.0", "SEMVER_BUMP_TOO_SMALL", "major")
    ]
    assert found["text"]["version"] == "1.1.0"
    assert '"note"' not in read(console, "schemas/orders?version=1.0.0")["text"]["definition"]
    assert read(console, "schemas?q=none")["schemas"] == []


def test_a_deletion_tells_every_step_and_never_whom_it_is_about(console: Any, operated: Operated) -> None:
    listed = read(console, "deletions")
    answer = console.get(f"/api/v1/deletions/{operated.certified}")
    found = answer.json()

    assert [(row["request"], row["state"], row["overdue"]) for row in listed["deletions"]] == [
        (operated.waiting, "requested", False),
        (operated.certified, "certified", False),
    ]
    assert 0 < listed["deletions"][0]["seconds_left"] <= 72 * 3600
    assert [step["step"] for step in found["steps"]] == ["requested", "planned", "executed", "verified", "certified"]
    assert [
        (each["id"], each["action"], each["deleted"], each["found_after"]) for each in found["plan"]["targets"]
    ] == [
        ("t1", "delete", 1, "absent"),
        ("t2", "not_applicable", None, None),
    ]
    assert (found["subject"], found["left"], found["held"]) == ("destroyed", [], None)
    assert [each["outcome"] for each in found["certificates"]] == ["complete_with_residuals"]
    waiting = console.get(f"/api/v1/deletions/{operated.waiting}")
    assert waiting.json()["subject"] == "sealed"
    assert b"example.org" not in answer.body + waiting.body
    assert [row["request"] for row in read(console, "deletions?state=open")["deletions"]] == [operated.waiting]


def test_the_log_is_read_backwards_in_lines(console: Any) -> None:
    seqs, after = [], ""
    while True:
        page = read(console, f"log/lines?limit=10{after}")
        seqs += [row["seq"] for row in page["entries"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    schemas = read(console, "log/lines?type=tallystick.schema.")["entries"]
    dataset = read(console, f"log/lines?limit=2&stream={quote('dataset:shop|orders')}")

    assert seqs == list(reversed(range(len(seqs))))
    assert [row["says"] for row in schemas] == [
        "schema orders 1.2.0 rejected: SEMVER_BUMP_TOO_SMALL",
        "schema orders 1.1.0 published (minor)",
        "schema orders 1.0.0 published (initial)",
    ]
    older = read(console, f"log/lines?limit=100&stream={quote('dataset:shop|orders')}&after={dataset['next']}")
    assert len(dataset["entries"]) == 2
    assert older["entries"][0]["seq"] < dataset["entries"][1]["seq"]
    assert older["next"] is None


def test_checkpoints_say_who_signed_and_that_each_grew_from_the_one_before(console: Any) -> None:
    first = read(console, "log/checkpoints?limit=1")
    found = read(console, "log/checkpoints")["checkpoints"]

    sizes = [row["size"] for row in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) >= 3
    assert all(row["root_holds"] and row["damaged"] is None for row in found)
    assert all([each["verifies"] for each in row["signatures"]] == [True] for row in found)
    assert [row["before"] for row in found] == [
        *({"size": size, "grew": True} for size in sizes[1:]),
        None,
    ]
    assert first["next"] == sizes[0]


def test_standing_tells_what_somebody_has_to_look_at(console: Any, operated: Operated) -> None:
    found = read(console, "standing")

    told = {(each["about"], each["grade"]) for each in found["told"]}
    assert {("service level", "watch"), ("quarantine", "watch"), ("deletion", "good")} <= told
    assert [view["name"] for view in found["views"]][:3] == ["stream_index", "lineage", "chronicle"]
    assert {view["state"] for view in found["views"]} <= {"kept", "not made yet"}
    assert found["log"]["entries"] == found["log"]["signed"] + found["log"]["unsigned"]
    assert found["store"]["kind"] == "sqlite"
    assert found["service"]["takes_events"] is True
    assert str(operated.folder) not in json.dumps(found)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("decisions?dataset=orders", "'orders' is not <namespace>|<name>"),
        ("decisions?decision=PERHAPS", "parameter 'decision' is none of"),
        ("decisions?since=yesterday", "parameter 'since': time 'yesterday'"),
        ("decisions?after=-1", "parameter 'after' is not an integer"),
        ("decisions?limit=1&limit=2", "parameter 'limit' is given twice"),
        ("contracts?sort=name", "parameter 'sort' is not known here"),
        ("quarantines?state=lost", "parameter 'state' is none of kept"),
        ("schemas?q=", "parameter 'q' has not 1 to 2048 bytes"),
        ("deletions?limit=100000000000000000000", "parameter 'limit' is not an integer"),
        ("log/lines?type=" + "x" * 5_000, "parameter 'type' has not 1 to 2048 bytes"),
        ("log/checkpoints?after=x", "parameter 'after' is not an integer"),
        ("standing?verbose=1", "parameter 'verbose' is not known here"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused_by_its_name(console: Any, path: str, says: str) -> None:
    status, detail = refused(console, path)

    assert (status, says in detail) == (422, True), detail


@pytest.mark.parametrize(
    "path",
    [
        "decisions/999999",
        "decisions/0",
        "contracts/none",
        "contracts/%00",
        "contracts/%ED%A0%80",
        "quarantines/..%2F..%2Fetc",
        "schemas/none",
        "schemas/'%20OR%201=1",
        "deletions/none",
        "deletions/" + "a" * 4_000,
    ],
)
def test_what_is_not_there_is_missing(console: Any, path: str) -> None:
    assert refused(console, path)[0] == 404


def test_a_bound_reader_sees_what_is_filed_in_its_namespaces_alone(operate: Any, serve: Any, tmp_path: Any) -> None:
    operated = operate(tmp_path)
    running = serve(open=False)
    with running.open() as log:
        token, _ = access.grant(log, ["reader"], namespaces=["lab"])
    deadline = time.monotonic() + 20
    while running.get("/api/v1/decisions", token).status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)

    def seen(path: str) -> Any:
        return running.get(f"/api/v1/{path}", token)

    assert [row["contract"] for row in seen("decisions").json()["decisions"]] == ["trials"]
    contracts = seen("contracts").json()
    assert ([row["name"] for row in contracts["contracts"]], contracts["total"]) == (["trials"], 1)
    assert seen("quarantines").json()["quarantines"] == []
    assert seen("schemas").json()["schemas"] == []
    lines = seen("log/lines?limit=200").json()["entries"]
    assert lines
    assert all(any(name.startswith(("dataset:lab|", "contract:trials")) for name in row["streams"]) for row in lines)
    hidden = (
        "contracts/orders",
        "contracts/none",
        f"quarantines/{operated.quarantine}",
        "quarantines/none",
        "schemas/orders",
    )
    assert {seen(path).status for path in (*hidden, "standing", "deletions", "log/lines?stream=type:x")} == {403}
    assert seen(f"decisions/{operated.decisions['kept-apart']}").status == 403
    assert seen("contracts/trials").status == 200


def test_every_example_is_of_the_shape_that_the_console_describes() -> None:
    from server.console.table import ENDPOINTS

    answers = [answer for endpoint in ENDPOINTS for answer in endpoint.answers.values() if answer.shape]

    assert len(answers) == len(ENDPOINTS)
    for answer in answers:
        assert answer.shape is not None
        answer.shape.model_validate(answer.example, strict=True)
