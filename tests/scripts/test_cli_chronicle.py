"""`tally lineage` through time: walks at a cut, ways, columns, differences, reasons, and the rules that people put in force."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main

if TYPE_CHECKING:
    from tests.scripts.conftest import Ended

    Tally = Callable[..., Ended]

WHO = ("--by", "data:1", "--reason", "seen in the logs")


def run(number: int, source: str, target: str, day: int) -> dict[str, Any]:
    stated = {"y": {"inputFields": [{"namespace": "shop", "name": source, "field": "x"}]}}
    return {
        "eventType": "COMPLETE",
        "eventTime": f"2026-11-{day:02}T09:00:00Z",
        "producer": "urn:etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"01931111-1111-7111-8111-{number:012}"},
        "job": {"namespace": "etl", "name": f"make {target}"},
        "inputs": [{"namespace": "shop", "name": source}],
        "outputs": [{"namespace": "shop", "name": target, "facets": {"columnLineage": {"fields": stated}}}],
    }


@pytest.fixture
def lineage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ended: type[Ended]
) -> Tally:
    """Calls within this process, on a ledger with orders → clean → features, the second step six days later."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLY_LEDGER", "sqlite:///audit.db")
    monkeypatch.setenv("TALLY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TALLY_KEY_PASSPHRASE", "correct horse")

    def call(*arguments: str) -> Ended:
        status = main(list(arguments))
        return ended(arguments, status, *capsys.readouterr())

    events = [run(1, "orders", "clean", 14), run(2, "clean", "features", 20)]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(map(json.dumps, events)).encode())))
    assert call("init", "--origin", "ledger.example.org/shop").returncode == 0
    assert call("emit", "--openlineage").returncode == 0
    return call


def names(tally: Tally, *arguments: str) -> list[str]:
    rows = json.loads(tally("lineage", *arguments, "--json").stdout)
    return [row["name"] for row in rows]


def test_a_walk_is_that_of_the_moment_and_of_the_entry(lineage: Tally) -> None:
    assert names(lineage, "downstream", "shop|orders") == ["shop|clean", "shop|features"]
    assert names(lineage, "downstream", "shop|orders", "--as-of", "2026-11-19") == ["shop|clean"]
    assert names(lineage, "upstream", "shop|features", "--known-at", "2") == []
    assert names(lineage, "upstream", "shop|features", "--state", "committed") == ["shop|clean", "shop|orders"]


def test_an_answer_that_was_cut_says_so_beside_the_rows(lineage: Tally) -> None:
    asked = lineage("lineage", "downstream", "shop|orders", "--nodes", "1", "--json")

    assert len(json.loads(asked.stdout)) == 1
    assert json.loads(asked.stderr)["warning"]["code"] == "truncated"


def test_ways_and_columns_and_ends_are_told(lineage: Tally) -> None:
    way = lineage("lineage", "path", "shop|orders", "shop|features")
    columns = json.loads(lineage("lineage", "columns", "shop|orders", "x", "--json").stdout)
    roots = lineage("lineage", "orphans", "--kind", "roots")

    assert way.stdout.splitlines()[1].split("  ")[-1] == "shop|orders → shop|clean → shop|features"
    assert columns == [{"from": "shop|orders#x", "to": "shop|clean#y", "kind": "direct", "state": "committed"}]
    assert roots.stdout.splitlines() == ["dataset", "shop|orders"]


def test_a_difference_and_its_reasons_name_the_entries(lineage: Tally) -> None:
    found = json.loads(lineage("lineage", "diff", "--from", "2026-11-15", "--to", "2026-11-30", "--json").stdout)
    reasons = json.loads(lineage("lineage", "why", "shop|clean", "shop|features", "--json").stdout)

    assert {(row["change"], row["from"], row["to"], row["since"][:10]) for row in found} == {
        ("added", "shop|clean", "shop|features", "2026-11-20")
    }
    assert [(each["origin"], each["first"], each["runs"], each["said_by"][0]["seq"]) for each in reasons] == [
        ("column", "2026-11-20T09:00:00.000000Z", 1, 3),
        ("table", "2026-11-20T09:00:00.000000Z", 1, 3),
    ]


def test_an_edge_is_retracted_and_restored_and_the_record_keeps_both(lineage: Tally) -> None:
    edge = ("shop|orders", "shop|clean")

    retracted = lineage("lineage", "retract", *edge, *WHO)
    without = names(lineage, "downstream", "shop|orders")
    again = lineage("lineage", "retract", *edge, *WHO)
    restored = lineage("lineage", "retract", *edge, "--restore", *WHO)

    assert (retracted.returncode, without, restored.returncode) == (0, [], 0)
    assert "the edge is retracted already" in again.stderr
    assert names(lineage, "downstream", "shop|orders", "--depth", "1") == ["shop|clean"]
    assert lineage("verify").returncode == 0


def test_two_names_are_one_thing_until_that_is_withdrawn(lineage: Tally) -> None:
    ends = ("s3://lake|features", "shop|features")

    assert lineage("lineage", "alias", *ends, *WHO).returncode == 0
    assert names(lineage, "upstream", "s3://lake|features") == ["shop|clean", "shop|orders"]
    assert "is an alias of it already" in lineage("lineage", "alias", *ends, *WHO).stderr
    assert lineage("lineage", "alias", *ends, "--withdraw", *WHO).returncode == 0
    assert names(lineage, "upstream", "s3://lake|features") == []


REFUSALS: list[tuple[tuple[str, ...], str]] = [
    (("downstream", "shop|orders", "--as-of", "yesterday"), "is neither YYYY-MM-DD nor"),
    (("diff", "--from", "2026-02-30"), "is not a real one in UTC"),
    (("downstream", "shop|never"), "no lineage is recorded of shop|never"),
    (("columns", "shop|orders", "never"), "no lineage is recorded of the column 'never'"),
    (("why", "shop|features", "shop|orders"), "nobody says that shop|orders comes from shop|features"),
    (("alias", "shop|a", *WHO), "an alias is of two names, or of a rule and a namespace"),
    (("alias", "shop|a", "job:shop|b", *WHO), "a dataset cannot be an alias of a job"),
    (("alias", "shop|a", "shop|a", *WHO), "a name is no alias of itself"),
    (("alias", "shop|a", "shop|b", "--withdraw", *WHO), "is no alias of it already"),
    (("alias", "--rule", "unquote", "--namespace", "shop", "--by", "Ann Other", "--reason", "x"), "by: "),
    (("retract", "shop|clean", "shop|orders", *WHO), "no such edge is recorded"),
    (("retract", "shop|orders", "shop|clean", "--job", "etl|other", *WHO), "no such edge is recorded"),
    (("retract", "shop|orders", "shop|clean", "--restore", *WHO), "the edge is not retracted"),
]


def test_what_cannot_be_answered_or_recorded_is_said_in_a_sentence(lineage: Tally) -> None:
    for arguments, message in REFUSALS:
        refused = lineage("lineage", *arguments)

        assert (refused.returncode in (0, 1), message in refused.stderr) == (False, True), refused.stderr
    assert (lineage("show", "3").returncode, lineage("show", "4").returncode) == (0, 8)
