"""Every way in which a census can lie, signed and sealed with the genuine keys, and what both verifiers say of it.

Each case builds a log and a bundle with one lie (tests/issuer.py) and states the word of the verdict, the step that fails and
the place. The last tests say what no bundle of one stream can show, and that a bundle of everything does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from proofs.entry import parse_entry
from proofs.recount import Recount
from proofs.view import verify_bundle

if TYPE_CHECKING:
    from tests.faults.conftest import Lie

SECOND = Path(__file__).parents[1] / "second_verifier" / "verify.mjs"
TICK = "com.example.tick.v1"
TICKS, PIPELINES = f"type:{TICK}", "source:/pipelines"
TAKEN, CLOSED = "type:tallystick.ledger.census-taken.v1", "type:tallystick.ledger.closed.v1"
LEDGER = "source:ledger.example/churn"
ADDED = "type:tallystick.ledger.key-added.v1"


def begun(i: Any, ticks: int = 1) -> Any:
    """A ledger with entry 0, the evidence key in entry 1, and ticks."""
    ledger = i.Ledger()
    ledger.create()
    for _ in range(ticks):
        ledger.append(TICK, b"tick", datacontenttype="text/plain")
    return ledger


def ticks_of(i: Any) -> Any:
    return i.Question([(TICKS, None, None)])


def censuses_of(i: Any) -> Any:
    return i.Question([(TAKEN, None, None)])


def everything(i: Any) -> Any:
    return i.Question([], kind="everything")


def without(i: Any, *seqs: int) -> Any:
    return i.Lies(select=lambda listed: listed.difference(seqs))


def edit(i: Any, change: Callable[[Any], object]) -> Any:
    def apply(documents: Any) -> None:
        change(documents)

    return i.Lies(documents=apply)


# --- a census of another moment --------------------------------------------------------------------------------------


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def an_old_census_is_repeated_to_hide_what_was_filed_since(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.append(TICK)  # 4
    ledger.take_census(again=3)
    return ledger, ticks_of(i), without(i, 4)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def an_old_census_is_repeated_and_says_it_is_the_first_of_its_kind(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.append(TICK)  # 4
    ledger.take_census(again=3, streams={LEDGER: 3, TAKEN: 0})
    return ledger, ticks_of(i), without(i, 4)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def an_old_census_is_repeated_and_says_that_the_ledger_wrote_nothing_since(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.append(TICK)  # 4
    ledger.take_census(again=3, streams={LEDGER: 2, TAKEN: 1})
    return ledger, ticks_of(i), without(i, 4)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 6")
def an_old_census_is_repeated_and_both_are_listed(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.append(TICK)
    ledger.take_census(again=3)
    return ledger, everything(i)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def an_old_census_was_repeated_in_the_past(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.append(TICK)
    ledger.take_census(again=3)  # 5
    ledger.take_census()
    return ledger, censuses_of(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_counts_one_census_too_many(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.append(TICK)
    ledger.take_census({TAKEN: 1})
    return ledger, i.Question([("run:none", None, None)]), i.Lies(select=lambda seqs: seqs | {2, 3})


@pytest.mark.lie("incomplete", "census", "data/census.json")
def the_proof_of_the_censuses_own_type_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), dropping(i, TAKEN)


@pytest.mark.lie("incomplete", "census", "data/census.json")
def the_proof_of_the_ledgers_own_source_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), dropping(i, LEDGER)


@pytest.mark.lie("incomplete", "census", "data/census.json")
def the_proof_that_the_log_is_open_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), dropping(i, CLOSED)


def dropping(i: Any, name: str) -> Any:
    def drop(documents: Any) -> None:
        documents.census["streams"] = [one for one in documents.census["streams"] if one["name"] != name]

    return edit(i, drop)


# --- the end of the log ----------------------------------------------------------------------------------------------


def closed(i: Any) -> Any:
    ledger = begun(i)
    ledger.record("closed", {"reason": "moved"})  # 3
    ledger.take_census()
    return ledger


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def the_end_of_the_log_is_left_out(i: Any) -> tuple[Any, ...]:
    return closed(i), ticks_of(i), without(i, 3)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_census_does_not_count_the_end_of_the_log(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.record("closed", {"reason": "moved"})  # 3
    del ledger.counts[CLOSED]
    ledger.take_census(number=6)
    return ledger, ticks_of(i)


@pytest.mark.lie("tampered", "streams", "data/census.json")
def a_census_counts_an_end_that_is_nowhere(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census({CLOSED: 1})
    return ledger, ticks_of(i)


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_census_counts_an_end_that_is_not_listed(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.append("com.example.tock.v1")
    ledger.take_census({CLOSED: 1})
    return ledger, ticks_of(i)


# --- false buckets, and everything is listed -------------------------------------------------------------------------


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_of_everything_counts_a_stream_too_low(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 2)
    ledger.take_census({PIPELINES: 1})
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_of_everything_counts_a_stream_too_high(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 2)
    ledger.take_census({PIPELINES: 3})
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_of_everything_counts_a_stream_that_is_none(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 2)
    ledger.take_census({"dataset:db|ghost": 1})
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_of_everything_counts_one_stream_more_in_words(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 2)
    ledger.take_census(number=7)
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def an_earlier_census_was_false_and_the_last_is_right(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 2)
    ledger.take_census({PIPELINES: 1})  # 4
    ledger.append(TICK)
    ledger.take_census()
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 7")
def the_third_of_four_censuses_was_false(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.take_census()  # 4
    ledger.append(TICK)
    ledger.take_census({TICKS: 1})  # 6
    ledger.take_census()
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def an_earlier_census_counted_one_stream_more_in_words(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census(number=6)  # 3
    ledger.append(TICK)
    ledger.take_census()
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_position_of_everything_is_left_out(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.append(TICK, streams={PIPELINES: 2, TICKS: 1})
    ledger.take_census({PIPELINES: 3})
    return ledger, everything(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def the_first_position_of_everything_is_one(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 0)
    ledger.append(TICK, streams={PIPELINES: 1, TICKS: 0})
    ledger.take_census({PIPELINES: 2})
    return ledger, everything(i)


# --- positions and counts that have no room in the log ---------------------------------------------------------------


def hidden(i: Any, *streams: dict[str, int], between: int = 2, census: dict[str, int] | None = None) -> Any:
    """A ledger of tocks that nobody asks for, `between` of them before each tick that is filed as told."""
    ledger = begun(i, 0)
    for filed in streams:
        for _ in range(between):
            ledger.append("com.example.tock.v1", source="/other")
        ledger.append(TICK, streams=filed)
    ledger.take_census(census)
    return ledger


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def a_position_is_beyond_what_lies_before_it(i: Any) -> tuple[Any, ...]:
    return hidden(i, {PIPELINES: 3, TICKS: 0}, census={PIPELINES: 4}), ticks_of(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def two_positions_are_farther_apart_than_their_entries(i: Any) -> tuple[Any, ...]:
    return hidden(i, {PIPELINES: 0, TICKS: 0}, {PIPELINES: 4, TICKS: 1}, census={PIPELINES: 5}), ticks_of(i)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def positions_go_back_in_a_stream_that_nobody_asked_for(i: Any) -> tuple[Any, ...]:
    return hidden(i, {PIPELINES: 2, TICKS: 0}, {PIPELINES: 1, TICKS: 1}, census={PIPELINES: 5}), ticks_of(i)


@pytest.mark.lie("tampered", "streams", "data/census.json")
def a_count_is_beyond_what_lies_behind_the_last_position(i: Any) -> tuple[Any, ...]:
    ledger = hidden(i, {PIPELINES: 0, TICKS: 0})
    ledger.append("com.example.tock.v1", source="/other")  # one more could be a tick
    ledger.take_census({TICKS: 4})
    return ledger, ticks_of(i)


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_count_is_as_high_as_what_is_not_listed_allows(i: Any) -> tuple[Any, ...]:
    ledger = hidden(i, {PIPELINES: 0, TICKS: 0})
    ledger.append("com.example.tock.v1", source="/other")
    ledger.take_census({TICKS: 3})
    return ledger, ticks_of(i)


@pytest.mark.lie("tampered", "streams", "data/census.json")
def a_count_is_beyond_the_log(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census({"run:none": 9_007_199_254_740_991})
    return ledger, i.Question([("run:none", None, None)])


@pytest.mark.lie("tampered", "streams", "data/census.json")
def the_ledgers_own_keys_are_counted_beyond_the_log(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census({ADDED: 2})
    return ledger, ticks_of(i)


# --- the number of streams, and censuses beside each other -----------------------------------------------------------


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_census_counts_fewer_streams_than_its_buckets_show(i: Any) -> tuple[Any, ...]:
    bucket = i.sha(TICKS.encode())[:2]
    beside = next(name for name in map("/{}".format, count()) if i.sha(f"source:{name}".encode())[:2] == bucket)
    ledger = begun(i)
    ledger.append(
        "com.example.tock.v1", source=beside
    )  # 3, not listed; its source's line stands in the bucket of ticks
    ledger.take_census(number=5)
    return ledger, ticks_of(i)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_census_counts_fewer_streams_than_the_entries_show(i: Any) -> tuple[Any, ...]:
    ledger = begun(i, 0)
    i.observe(ledger, ["a", "b", "c"], ["d"])
    ledger.take_census(number=6)
    return ledger, i.Question([("dataset:db|a", None, None)])


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_census_counts_more_streams_than_its_log_can_have(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census(number=3 * 128 + 1)
    return ledger, ticks_of(i)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_later_census_counts_fewer_streams(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census(number=20)  # 3
    ledger.take_census(number=19)
    return ledger, censuses_of(i)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_later_census_counts_more_streams_than_were_filed_in_between(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.take_census(number=6 + 129)
    return ledger, censuses_of(i)


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 3")
def an_earlier_census_says_another_root_in_its_header(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census(ext={"tallycensus": "1" * 64})  # 3
    ledger.take_census()
    return ledger, censuses_of(i)


@pytest.mark.lie("malformed", "census", "data/bodies.jsonl line 3")
def an_earlier_census_says_something_else(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.record("census-taken", {"root": "1" * 64}, ext={"tallycensus": "1" * 64})  # 3
    ledger.take_census()
    return ledger, censuses_of(i)


@pytest.mark.lie("incomplete", "census", "data/bodies.jsonl line 3")
def the_body_of_an_earlier_census_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.take_census()
    return ledger, i.Question([(TAKEN, None, None)], withheld=frozenset({3}))


@pytest.mark.lie("tampered", "census", "data/bodies.jsonl line 3")
def the_body_of_an_earlier_census_is_another(i: Any) -> tuple[Any, ...]:
    ledger = begun(i)
    ledger.take_census()  # 3
    ledger.take_census()
    other = i.b64(i.dump({"root": "1" * 64, "streams": 6}))
    return ledger, censuses_of(i), edit(i, lambda documents: documents.bodies[2].update(bytes=other))


# --- the tests -------------------------------------------------------------------------------------------------------


def built(issuer: Any, lie: Lie) -> tuple[bytes, bytes]:
    ledger, question, *lies = lie.build(issuer)
    return issuer.issue(ledger, question, *lies), ledger.trust()


def asked_of_the_second(node: str, folder: Path, bundles: dict[str, tuple[bytes, bytes]]) -> dict[str, tuple[str, str]]:
    """What the verifier in another language says: word and step of each."""
    requests = []
    for name, contents in bundles.items():
        paths = {part: folder / f"{name}.{part}" for part in ("bundle", "trust")}
        for path, data in zip(paths.values(), contents, strict=True):
            path.write_bytes(data)
        requests.append(json.dumps({part: str(path) for part, path in paths.items()}) + "\n")
    given = "".join(requests).encode()
    done = subprocess.run([node, str(SECOND), "--batch"], input=given, stdout=subprocess.PIPE, check=True, timeout=120)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (one["verdict"], one.get("failed_step", "")) for name, one in zip(bundles, told, strict=True)}


@pytest.fixture(scope="module")
def node() -> str:
    """The program node; a machine without it fails these tests."""
    found = shutil.which("node")
    assert found is not None, "node is not there; packages.txt names the Debian package"
    return found


def test_I12_a_census_that_lies_is_refused_with_its_step_and_place(lie: Lie, issuer: ModuleType) -> None:
    data, trust = built(issuer, lie)

    failure = verify_bundle(data, trust=trust).failure

    assert failure is not None
    assert (failure.word, failure.step, failure.where) == (lie.word, lie.step, lie.where), failure


def test_the_second_verifier_says_the_same_of_every_census_that_lies(
    lies: Mapping[str, Lie], issuer: ModuleType, node: str, tmp_path: Path
) -> None:
    found = asked_of_the_second(node, tmp_path, {name: built(issuer, lie) for name, lie in lies.items()})

    assert found == {name: (lie.word, lie.step) for name, lie in lies.items()}


def honest(i: Any) -> dict[str, tuple[Any, ...]]:
    several = begun(i)
    several.take_census()
    several.append(TICK)
    several.take_census()
    several.take_census()
    wide, _ = i.wide()
    return {
        "several censuses, everything": (several, everything(i)),
        "several censuses, the censuses": (several, censuses_of(i)),
        "several censuses, one stream": (several, ticks_of(i)),
        "a closed log, everything": (closed(i), everything(i)),
        "a closed log, one stream": (closed(i), ticks_of(i)),
        "the end of a closed log": (closed(i), i.Question([(CLOSED, None, None)])),
        "the ledger's own entries": (several, i.Question([(LEDGER, None, None)])),
        "continued entries, everything": (wide, everything(i)),
    }


def test_an_honest_census_verifies_whatever_was_asked(issuer: ModuleType, node: str, tmp_path: Path) -> None:
    bundles = {
        name: (issuer.issue(ledger, question), ledger.trust()) for name, (ledger, question) in honest(issuer).items()
    }

    first = {name: verify_bundle(data, trust=trust).word for name, (data, trust) in bundles.items()}

    assert first == dict.fromkeys(bundles, "verified")
    assert asked_of_the_second(node, tmp_path, bundles) == dict.fromkeys(bundles, ("verified", ""))


def test_what_a_bundle_of_one_stream_cannot_show_a_bundle_of_everything_does(issuer: ModuleType) -> None:
    """The operator counts one stream too low from the beginning, and shows nothing of what is behind the count."""
    ledger = begun(issuer, 2)
    ledger.append("com.example.tock.v1", source="/other")  # 4
    ledger.take_census({TICKS: 1, PIPELINES: 1})

    of_one = verify_bundle(issuer.issue(ledger, ticks_of(issuer), without(issuer, 3)), trust=ledger.trust())
    of_all = verify_bundle(issuer.issue(ledger, everything(issuer)), trust=ledger.trust())

    assert of_one.word == "verified"
    assert of_all.failure is not None
    assert (of_all.word, of_all.failure.step, of_all.failure.where) == (
        "tampered",
        "streams",
        "data/entries.jsonl line 6",
    )


def test_a_thousand_censuses_are_counted_again_in_the_time_of_a_few(issuer: ModuleType) -> None:
    ledger = begun(issuer)
    entry = parse_entry(ledger.entries[-1])
    recount, started = Recount(), time.process_time()
    roots = set()
    for number in range(1_000):
        recount.add({**entry.streams, f"run:{number}": 0})
        roots.add(recount.census().root)

    assert len(roots) == 1_000
    assert time.process_time() - started < 1  # 65,536 leaves hashed for each would take a minute
