"""Every way in which an operator or an issuer can lie, sealed again with the genuine keys, and what the verifier says.

Each case builds a bundle with one lie in it (tests/issuer.py) and states the word of the verdict, the step that fails and
the place that it names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from proofs.report import STATUS, STEPS
from proofs.view import verify_bundle

if TYPE_CHECKING:
    from tests.faults.conftest import Lie


# --- what is listed -------------------------------------------------------------------------------------------------


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def an_entry_of_the_window_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.discard(4))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def the_last_entry_of_the_window_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.discard(6))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def the_neighbour_before_the_window_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.discard(2))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def the_neighbour_behind_the_window_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.discard(8))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def the_tail_of_a_stream_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.discard(10))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_stream_is_said_to_be_empty(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([("request:r-2", None, None)]), i.Lies(select=lambda seqs: seqs.discard(11))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_window_is_said_to_be_empty(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.CLICKS, i.at(4), i.at(6))]), i.Lies(select=lambda seqs: seqs.discard(4))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def an_entry_stands_there_that_nobody_asked_for(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(select=lambda seqs: seqs.add(3))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def everything_is_asked_for_and_an_entry_is_dropped(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([], kind="everything"), i.Lies(select=lambda seqs: seqs.discard(5))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def an_evidence_keys_retirement_is_dropped(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_evidence("evidence-2")  # 4, 5
    ledger.add_key("evidence", "evidence-3")  # 6
    ledger.retire_key("evidence", "evidence-2")  # 7
    ledger.take_census()
    ledger.evidence_key = "evidence-2"
    lies = i.Lies(select=lambda seqs: seqs.difference_update((6, 7)))
    return ledger, question, lies


# --- what the operator wrote into the log ---------------------------------------------------------------------------


def ticks(
    i: Any, *streams: dict[str, int], type: str = "com.example.tick.v1", census: dict[str, int] | None = None
) -> tuple[Any, Any]:
    """A ledger whose ticks are filed as told, asked for all of them."""
    ledger = i.Ledger()
    ledger.create()
    for names in streams:
        ledger.append(type, streams=dict(sorted(names.items())))
    ledger.take_census(census)
    return ledger, i.Question([(f"type:{type}", None, None)])


def filed(position: int) -> dict[str, int]:
    return {"source:/pipelines": position, "type:com.example.tick.v1": position}


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_position_is_left_out(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0), filed(2), census={"type:com.example.tick.v1": 3})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_position_is_beyond_the_count(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0), filed(5))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_position_stands_twice(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0), filed(0))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def positions_go_back(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(1), filed(0))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_position_stands_twice_in_a_stream_that_nobody_asked_for(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0), filed(1) | {"source:/pipelines": 0})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 5")
def a_census_counts_too_few(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    ledger.take_census({i.CLICKS: 2})
    return ledger, question


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_census_counts_one_too_few(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0), filed(1), census={"type:com.example.tick.v1": 1})


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_census_counts_too_many(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    ledger.take_census({"request:r-1": 3})
    return ledger, question


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_filed_in_a_kind_of_stream_that_its_type_never_has(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0) | {"dataset:db|clicks": 0})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_filed_under_another_type_as_well(i: Any) -> tuple[Any, ...]:
    return ticks(i, filed(0) | {"type:com.example.tock.v1": 0})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_filed_under_another_source(i: Any) -> tuple[Any, ...]:
    return ticks(i, {"source:/elsewhere": 0, "type:com.example.tick.v1": 0})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_filed_under_a_name_that_filing_never_gives(i: Any) -> tuple[Any, ...]:
    kept = "tallystick.validation.decided.v1"
    return ticks(i, {"dataset:no-namespace": 0, "source:/pipelines": 0, f"type:{kept}": 0}, type=kept)


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_that_is_not_json_is_filed_by_its_body(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.append("tallystick.validation.decided.v1", b"clicks", i.CLICKS, datacontenttype="text/plain")
    ledger.take_census()
    return ledger, i.Question([(i.CLICKS, None, None)])


@pytest.mark.lie("tampered", "bodies", "data/entries.jsonl line 3")
def an_entry_is_filed_where_its_body_does_not_say(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.append(
        "tallystick.contract.published.v1", {"contract": {"name": "clicks"}}, "contract:clicks", "contract:else"
    )
    ledger.take_census()
    return ledger, i.Question([("contract:else", None, None)])


@pytest.mark.lie("tampered", "bodies", "data/entries.jsonl line 3")
def an_entry_is_not_filed_where_its_body_says(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.append(
        "tallystick.contract.published.v1", {"contract": {"name": "clicks"}, "request": "r-9"}, "contract:clicks"
    )
    ledger.take_census()
    return ledger, i.Question([("contract:clicks", None, None)])


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_not_filed_under_its_type_and_its_body_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    filed_in = {i.CLICKS: 0, "source:/pipelines": 0}
    decided = {"dataset": {"name": "clicks", "namespace": "db"}}
    ledger.append("tallystick.validation.decided.v1", decided, i.CLICKS, streams=filed_in)
    ledger.take_census()
    return ledger, i.Question([(i.CLICKS, None, None)], withheld=frozenset([2]))


@pytest.mark.lie("tampered", "keys", "data/entries.jsonl line 3")
def a_stranger_writes_an_entry_of_the_ledger(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.record("clock-adjusted", {"from": i.at(0), "to": i.at(1)}, source="/pipelines")
    ledger.take_census()
    return ledger, i.Question([("type:tallystick.ledger.clock-adjusted.v1", None, None)])


@pytest.mark.lie("tampered", "inclusion", "data/entries.jsonl line 4")
def time_goes_back(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.append("com.example.tick.v1")
    ledger.append("com.example.tick.v1", at=i.at(1))
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("tampered", "inclusion", "data/entries.jsonl line 4")
def a_link_is_broken(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.append("com.example.tick.v1")
    ledger.append("com.example.tick.v1", prev="ab" * 32)
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("tampered", "inclusion", "data/entries.jsonl line 1")
def the_first_entry_names_one_before_it(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    vkey = i.Key("log-1").vkey(i.ORIGIN)
    ledger.record("created", {"format": 1, "hash": "sha256", "log_key": vkey, "origin": i.ORIGIN}, prev="ab" * 32)
    ledger.add_key("evidence", "evidence-1")
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("tampered", "keys", "data/keys.json")
def the_first_entry_is_of_another_type(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    vkey = i.Key("log-1").vkey(i.ORIGIN)
    ledger.record("founded", {"format": 1, "hash": "sha256", "log_key": vkey, "origin": i.ORIGIN})
    ledger.add_key("evidence", "evidence-1")
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("tampered", "keys", "data/keys.json")
def a_log_is_created_twice(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.small()
    ledger.record("created", {})
    ledger.take_census()
    return ledger, i.Question([("type:tallystick.ledger.created.v1", None, None)])


@pytest.mark.lie("tampered", "inclusion", "data/entries.jsonl line 4")
def a_closed_log_goes_on(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.small()
    ledger.record("closed", {"reason": "over"})  # 4
    ledger.append("com.example.tick.v1")
    ledger.take_census()
    return ledger, i.Question([(f"source:{i.ORIGIN}", None, None)])


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def a_log_is_of_a_format_that_this_verifier_does_not_know(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create(format=2)
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 1")
def the_first_entry_is_of_another_log(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create(origin="ledger.example/other")
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


# --- the census -----------------------------------------------------------------------------------------------------


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def the_last_entry_is_no_census(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.append("com.example.tick.v1", at=i.at(9))
    return ledger, question


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def an_older_census_is_passed_off_as_the_last(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.append("com.example.tick.v1")
    return ledger, question, i.Lies(select=lambda seqs: (seqs.add(3), seqs.difference_update((4,))))


@pytest.mark.lie("tampered", "census", "data/bodies.jsonl line 4")
def the_body_of_the_census_is_swapped(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    other = i.dump({"root": ledger.censuses[3].root.hex(), "streams": 99})
    return ledger, question, i.Lies(documents=lambda d: d.bodies[3].update(bytes=i.b64(other)))


@pytest.mark.lie("malformed", "census", "data/bodies.jsonl line 4")
def a_census_counts_no_streams(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.take_census()
    root = ledger.censuses[4].root.hex()
    ledger.record("census-taken", {"root": root, "streams": "many"}, ext={"tallycensus": root})
    return ledger, question


@pytest.mark.lie("tampered", "census", "data/entries.jsonl line 4")
def a_census_names_two_roots(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.take_census(ext={"tallycensus": "ab" * 32})
    return ledger, question


@pytest.mark.lie("malformed", "census", "data/bodies.jsonl line 4")
def a_census_has_a_body_of_another_shape(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.record("census-taken", {"root": "ab" * 32}, ext={"tallycensus": "ab" * 32})
    return ledger, question


@pytest.mark.lie("tampered", "census", "data/census.json")
def a_bucket_is_not_in_the_census(i: Any) -> tuple[Any, ...]:
    empty = {"bucket": "tallystick/census/v1\n", "count": 0}
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"][0].update(empty))


@pytest.mark.lie("tampered", "census", "data/census.json")
def a_count_is_not_the_buckets(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"][0].update(count=3))


@pytest.mark.lie("malformed", "census", "data/census.json")
def a_bucket_holds_a_stream_of_another_bucket(i: Any) -> tuple[Any, ...]:
    bucket = f"tallystick/census/v1\n{'0' * 64} 1\n"
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"][0].update(bucket=bucket))


@pytest.mark.lie("malformed", "census", "data/census.json")
def a_census_path_is_too_short(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"][0]["path"].pop())


@pytest.mark.lie("incomplete", "census", "data/census.json")
def the_proof_of_a_stream_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"].pop(0))


@pytest.mark.lie("incomplete", "census", "data/census.json")
def the_proof_of_a_key_stream_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"].pop())


@pytest.mark.lie("tampered", "census", "data/census.json")
def the_proof_of_a_stream_is_added(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    more = ledger.censuses[12].proof("dataset:db|audience")
    return ledger, question, i.Lies(documents=lambda d: d.census["streams"].insert(0, more))


@pytest.mark.lie("malformed", "census", "data/census.json")
def the_proof_of_a_stream_stands_twice(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"].insert(0, d.census["streams"][0]))


@pytest.mark.lie("malformed", "census", "data/census.json")
def the_proofs_of_streams_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"].reverse())


@pytest.mark.lie("tampered", "census", "data/census.json")
def census_json_names_another_entry(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census.update(seq=11))


@pytest.mark.lie("tampered", "census", "data/census.json")
def census_json_names_another_root(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census.update(root="ab" * 32))


@pytest.mark.lie("incomplete", "census", "data/bodies.jsonl line 9")
def the_body_of_the_census_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.withheld = frozenset([12])
    return ledger, question


@pytest.mark.lie("tampered", "census", "bag-info.txt")
def the_bag_is_of_another_day(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("bag-info.txt", b"2026-11-20", b"2026-11-21"))


@pytest.mark.lie("tampered", "census", "bag-info.txt")
def the_bag_is_of_another_log(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("bag-info.txt", b"ledger.example/churn", b"ledger.example/other"))


# --- bodies, parts and what follows from them -----------------------------------------------------------------------


def body(documents: Any, seq: int) -> dict[str, Any]:
    return next(line for line in documents.bodies if line["seq"] == seq)


@pytest.mark.lie("tampered", "bodies", "data/bodies.jsonl line 4")
def a_body_is_swapped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: body(d, 4).update(bytes=i.b64(b"{}")))


@pytest.mark.lie("tampered", "bodies", "data/bodies.jsonl line 4")
def a_salt_is_swapped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: body(d, 4).update(salt=i.b64(bytes(32))))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_salt_is_too_short(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: body(d, 4).update(salt=i.b64(bytes(31))))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_body_is_in_another_spelling_of_base64(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: body(d, 4).update(bytes=body(d, 4)["bytes"].rstrip("=") + "\n"))


@pytest.mark.lie("tampered", "keys", "data/bodies.jsonl line 1")
def the_body_of_entry_0_is_swapped(i: Any) -> tuple[Any, ...]:
    before = {"origin": "x", "root": "ab" * 32, "size": 1}
    vkey = i.Key("log-1").vkey(i.ORIGIN)
    created = {"format": 1, "hash": "sha256", "log_key": vkey, "origin": i.ORIGIN, "predecessor": before}
    return *i.churn(), i.Lies(documents=lambda d: body(d, 0).update(bytes=i.b64(i.dump(created))))


@pytest.mark.lie("tampered", "keys", "data/bodies.jsonl line 2")
def the_body_of_a_key_is_swapped(i: Any) -> tuple[Any, ...]:
    stranger = i.Key("stranger")
    added = {"id": stranger.id, "purpose": "evidence", "spki": stranger.spki}
    lies = i.Lies(documents=lambda d: body(d, 1).update(bytes=i.b64(i.dump(added))), seal="stranger")
    return *i.churn(), lies


@pytest.mark.lie("incomplete", "log-key", "data/bodies.jsonl line 1")
def the_body_of_entry_0_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.withheld = frozenset([0])
    return ledger, question


@pytest.mark.lie("incomplete", "log-key", "data/bodies.jsonl line 2")
def the_body_of_a_key_is_destroyed(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.destroyed = frozenset([1])
    return ledger, question


@pytest.mark.lie("incomplete", "bodies", "data/bodies.jsonl line 3")
def the_body_of_an_entry_of_the_ledger_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create()
    ledger.record("clock-adjusted", {"from": i.at(0), "to": i.at(1)})
    ledger.take_census()
    stream = "type:tallystick.ledger.clock-adjusted.v1"
    return ledger, i.Question([(stream, None, None)], withheld=frozenset([2]))


@pytest.mark.lie("incomplete", "bodies", "data/bodies.jsonl")
def the_line_of_a_body_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.bodies.pop(3))


@pytest.mark.lie("incomplete", "log-key", "data/bodies.jsonl")
def the_line_of_the_body_of_entry_0_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.bodies.pop(0))


@pytest.mark.lie("tampered", "bodies", "data/bodies.jsonl line 4")
def a_body_stands_there_that_no_entry_refers_to(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.bodies.insert(3, {"seq": 3, "state": "withheld"}))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 5")
def a_body_stands_twice(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.bodies.insert(3, d.bodies[3]))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_body_is_in_a_state_that_does_not_exist(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.bodies.__setitem__(3, {"seq": 4, "state": "disclosed"}))


@pytest.mark.lie("tampered", "bodies", "data/parts.jsonl line 1")
def a_part_is_swapped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.parts[0].update(bytes=i.b64(b'{"household":"1"}')))


@pytest.mark.lie("incomplete", "bodies", "data/parts.jsonl")
def the_line_of_a_part_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.parts.pop())


@pytest.mark.lie("tampered", "bodies", "data/parts.jsonl line 3")
def a_part_stands_there_that_no_entry_refers_to(i: Any) -> tuple[Any, ...]:
    more = {"pointer": "/subject", "seq": 10, "state": "destroyed"}
    return *i.churn(), i.Lies(documents=lambda d: d.parts.append(more))


@pytest.mark.lie("tampered", "bodies", "data/parts.jsonl line 1")
def a_part_has_a_pointer_that_its_entry_does_not_have(i: Any) -> tuple[Any, ...]:
    more = {"pointer": "/body", "seq": 9, "state": "destroyed"}
    return *i.churn(), i.Lies(documents=lambda d: d.parts.insert(0, more))


@pytest.mark.lie("malformed", "bodies", "data/parts.jsonl line 2")
def parts_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.parts.reverse())


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def the_graph_lacks_an_edge(i: Any) -> tuple[Any, ...]:
    def without_edges(documents: Any) -> None:
        graph = json.loads(documents.lineage)
        assert graph["edges"]
        documents.lineage = i.dump(graph | {"edges": []}) + b"\n"

    return *i.churn(), i.Lies(documents=without_edges)


def often_told(i: Any, times: int, **edit: Any) -> tuple[Any, ...]:
    """A graph with one edge, which as many events say, and how the issuer edits it."""
    ledger = i.Ledger()
    ledger.create()
    seqs = [i.observe(ledger, ["raw"], ["clicks"]) for _ in range(times)]
    ledger.take_census()

    def edited(documents: Any) -> None:
        graph = json.loads(documents.lineage)
        (edge,) = graph["edges"]
        assert (edge["seqs"], edge.get("more")) == (seqs[:16], True if times > 16 else None)
        edge |= {name: value(seqs) if callable(value) else value for name, value in edit.items()}
        kept = {name: value for name, value in edge.items() if value is not None}
        documents.lineage = i.dump(graph | {"edges": [kept]}) + b"\n"

    return ledger, i.Question([(i.CLICKS, None, None)]), i.Lies(documents=edited)


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def an_edge_lists_seventeen_entries(i: Any) -> tuple[Any, ...]:
    return often_told(i, 17, seqs=list, more=None)


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def an_edge_lists_the_last_sixteen_entries(i: Any) -> tuple[Any, ...]:
    return often_told(i, 17, seqs=lambda seqs: seqs[1:])


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def an_edge_does_not_say_that_more_entries_say_it(i: Any) -> tuple[Any, ...]:
    return often_told(i, 17, more=None)


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def an_edge_says_that_no_more_entries_say_it(i: Any) -> tuple[Any, ...]:
    return often_told(i, 16, more=False)


@pytest.mark.lie("tampered", "bodies", "data/lineage.json")
def an_edge_says_that_more_entries_say_it_than_do(i: Any) -> tuple[Any, ...]:
    return often_told(i, 16, more=True)


@pytest.mark.lie("malformed", "bodies", "data/lineage.json")
def the_graph_is_printed_otherwise(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=replacing("data/lineage.json", b":", b": "))


@pytest.mark.lie("tampered", "bodies", "data/certificates/10.json")
def a_certificate_is_altered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=replacing("data/certificates/10.json", b"complete", b"refused_"))


@pytest.mark.lie("incomplete", "bodies", "data/certificates/10.json")
def a_certificate_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.certificates.clear())


@pytest.mark.lie("tampered", "bodies", "data/certificates/9.json")
def a_certificate_is_made_of_another_entry(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.certificates.update({9: b"{}"}))


@pytest.mark.lie("tampered", "bodies", "data/certificates/10.json")
def a_certificate_is_shown_whose_body_is_withheld(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.withheld = frozenset([10])
    return ledger, question, i.Lies(documents=lambda d: d.certificates.update({10: b"{}"}))


# --- scope ----------------------------------------------------------------------------------------------------------


def total(*path: str | int) -> Callable[[Any], None]:
    """An edit that adds one to a control total."""

    def edit(documents: Any) -> None:
        place: Any = documents.scope["control"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] += 1

    return edit


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_number_of_entries_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("entries"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_number_of_withheld_bodies_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("bodies", "withheld"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_number_of_disclosed_parts_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("parts", "disclosed"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_count_of_a_stream_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("streams", 0, "count"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_number_of_entries_in_a_window_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("streams", 0, "listed"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def the_number_of_a_type_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=total("types", "tallystick.validation.decided.v1"))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def a_type_is_counted_that_is_not_listed(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["control"]["types"].update({"com.example.tick.v1": 0}))


@pytest.mark.lie("tampered", "bodies", "data/scope.json")
def a_control_total_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["control"]["streams"].pop())


@pytest.mark.lie("tampered", "census", "data/scope.json")
def the_scope_names_another_root(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["log"].update(root="ab" * 32))


@pytest.mark.lie("tampered", "census", "data/scope.json")
def the_scope_names_another_size(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["log"].update(size=12))


@pytest.mark.lie("tampered", "census", "data/scope.json")
def the_scope_names_another_census(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["log"].update(census=11))


@pytest.mark.lie("tampered", "census", "data/scope.json")
def the_scope_names_another_log(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["log"].update(origin="ledger.example/other"))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def a_question_is_narrowed_after_the_selection(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["question"]["streams"][0].update({"from": i.at(5)}))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl")
def a_question_is_widened_after_the_selection(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    lies = i.Lies(documents=lambda d: d.scope["question"]["streams"][0].update({"from": i.at(1)}))
    return ledger, i.Question([(i.CLICKS, i.at(6), i.at(7))]), lies


@pytest.mark.lie("incomplete", "census", "data/census.json")
def a_stream_is_added_to_the_question(i: Any) -> tuple[Any, ...]:
    more = {"name": "run:run-2"}
    return *i.churn(), i.Lies(documents=lambda d: d.scope["question"]["streams"].append(more))


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_window_ends_before_it_begins(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.CLICKS, i.at(8), i.at(4))])


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_question_is_for_a_name_under_which_nothing_is_ever_filed(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([("Dataset:db|clicks", None, None)])


@pytest.mark.lie("malformed", "census", "data/scope.json")
def the_answer_is_for_another_dataset_than_the_subject(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.SCORES, None, None)], kind="dataset", subject=i.CLICKS)


@pytest.mark.lie("malformed", "census", "data/scope.json")
def the_answer_is_for_another_request_than_the_subject(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([("request:r-2", None, None)], kind="deletion", subject="r-1")


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_question_of_streams_has_a_subject(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.CLICKS, None, None)], subject=i.CLICKS)


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_question_of_a_dataset_has_no_subject(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.CLICKS, None, None)], kind="dataset")


@pytest.mark.lie("malformed", "census", "data/scope.json")
def the_subject_is_no_dataset(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([(i.CLICKS, None, None)], kind="dataset", subject="job:db|clicks")


@pytest.mark.lie("malformed", "census", "data/census.json")
def a_bucket_is_no_text(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.census["streams"][0].update(bucket=[]))


@pytest.mark.lie("malformed", "census", "data/scope.json")
def the_streams_of_a_question_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["question"]["streams"].reverse())


@pytest.mark.lie("malformed", "census", "data/scope.json")
def nothing_was_asked(i: Any) -> tuple[Any, ...]:
    ledger, _ = i.churn()
    return ledger, i.Question([])


@pytest.mark.lie("malformed", "census", "data/scope.json")
def whoever_asked_is_no_pseudonym(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["asked"].update(by="Jane Doe"))


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_question_was_asked_at_no_real_time(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope["asked"].update(at="2026-02-30T00:00:00.000000Z"))


@pytest.mark.lie("malformed", "census", "data/scope.json")
def a_scope_is_of_a_version_that_this_verifier_does_not_know(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.scope.update(v=2))


# --- the tree -------------------------------------------------------------------------------------------------------


def proof(edit: Callable[[list[Any]], object]) -> Callable[[Any], None]:
    def change(documents: Any) -> None:
        edit(documents.proofs["subtrees"])

    return change


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def a_subtree_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees.pop()))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def a_subtree_is_added(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees.append([0, 12, "ab" * 32])))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def a_subtree_stands_twice(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees.insert(0, subtrees[0])))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def subtrees_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees.reverse()))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def a_subtree_has_another_hash(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees[0].__setitem__(2, "ab" * 32)))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def the_size_of_the_tree_is_another_one(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.proofs.update(size=14))


@pytest.mark.lie("malformed", "inclusion", "data/proofs.json")
def a_subtree_is_no_triple(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=proof(lambda subtrees: subtrees[0].append(0)))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def an_entry_is_left_out_and_nothing_stands_for_it(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.entries.pop(3))


@pytest.mark.lie("malformed", "inclusion", "data/entries.jsonl line 5")
def an_entry_stands_twice(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.entries.insert(3, d.entries[3]))


@pytest.mark.lie("malformed", "inclusion", "data/entries.jsonl line 5")
def entries_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(documents=lambda d: d.entries.insert(3, d.entries.pop(4)))


@pytest.mark.lie("incomplete", "keys", "data/entries.jsonl")
def every_entry_is_left_out(i: Any) -> tuple[Any, ...]:
    def without_entries(documents: Any) -> None:
        documents.entries.clear()
        documents.proofs["subtrees"] = i.subtrees(i.churn()[0].leaves, set())

    return *i.churn(), i.Lies(documents=without_entries)


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def an_entry_is_altered(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=replacing("data/entries.jsonl", b'"id":"event-4"', b'"id":"event-5"'))


@pytest.mark.lie("malformed", "inclusion", "data/entries.jsonl line 4")
def an_entry_is_printed_otherwise(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=replacing("data/entries.jsonl", b'"id":"event-4"', b'"id": "event-4"'))


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def an_entry_is_invented_behind_the_tree(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    return (
        ledger,
        question,
        i.Lies(documents=lambda d: d.entries.append(d.entries[-1].replace(b'"seq":12', b'"seq":13'))),
    )


# --- keys and signatures --------------------------------------------------------------------------------------------


@pytest.mark.lie("tampered", "evidence-signature", "signatures/tagmanifest.ed25519.sig")
def a_key_seals_that_was_never_added(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(seal="stranger")


@pytest.mark.lie("tampered", "evidence-signature", "signatures/tagmanifest.ed25519.sig")
def a_retired_evidence_key_seals(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(seal="evidence-1")


@pytest.mark.lie("tampered", "evidence-signature", "signatures/tagmanifest.ed25519.sig")
def the_log_key_seals(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(seal="log-1")


@pytest.mark.lie("tampered", "keys", "data/entries.jsonl")
def every_evidence_key_is_retired(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("evidence", "evidence-1", "compromised")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "keys", "data/entries.jsonl")
def every_log_key_is_retired(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("log", "log-1")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "keys", "data/keys.json")
def keys_json_names_another_evidence_key(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.keys.update(evidence=i.Key("evidence-1").id))


@pytest.mark.lie("tampered", "keys", "data/keys.json")
def keys_json_names_another_log_key(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.keys.update(log=i.Key("log-1").id))


@pytest.mark.lie("tampered", "keys", "data/keys.json")
def keys_json_lacks_a_retired_key(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.keys["retired"].remove(6)), {"trust": ("log-3",)}


@pytest.mark.lie("malformed", "log-key", "data/keys.json")
def keys_json_does_not_ascend(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.keys["added"].reverse())


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 4")
def a_key_is_added_twice(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.add_key("evidence", "evidence-1")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 4")
def a_key_is_retired_that_was_never_added(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("evidence", "stranger")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 4")
def a_key_is_retired_before_it_is_added(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("evidence", "evidence-2")
    ledger.add_key("evidence", "evidence-2")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 5")
def a_key_is_retired_twice(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("evidence", "evidence-1")
    ledger.retire_key("evidence", "evidence-1")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "log-key", "data/bodies.jsonl line 4")
def a_key_is_retired_for_another_purpose(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("evidence", "log-1")
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_key_has_another_id_than_its_own(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    key = i.Key("evidence-2")
    ledger.record("key-added", {"id": "ab" * 32, "purpose": "evidence", "spki": key.spki})
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("tampered", "keys", "data/checkpoint")
def a_retired_log_key_signs_alone(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    note = ledger.checkpoint("log-1")
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note)), {"trust": ("log-1",)}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_retired_log_key_signs_for_a_reader_who_knows_the_new_one(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    note = ledger.checkpoint("log-1")
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note))


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_handover_is_left_out_that_the_reader_needs(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.handovers.pop(5)), {"trust": ("log-1",)}


@pytest.mark.lie("incomplete", "inclusion", "data/consistency.json")
def the_proof_of_a_handover_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.consistency["heads"].pop(0))


@pytest.mark.lie("incomplete", "keys", "data/handovers/")
def a_handover_is_left_out_that_the_reader_does_not_need(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.handovers.pop(5))


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_handover_is_not_signed_by_the_old_key(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_log("log-2", signers=["log-2"])
    ledger.take_census()
    return ledger, question, i.Lies(), {"trust": ("log-1",)}


@pytest.mark.lie("incomplete", "keys", "data/handovers/0000000000000006")
def a_handover_is_not_signed_by_the_old_key_and_the_reader_knows_the_new_one(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_log("log-2", signers=["log-2"])
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_handover_is_not_signed_by_the_new_key(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_log("log-2", signers=["log-1"])
    ledger.take_census()
    return ledger, question, i.Lies(), {"trust": ("log-1",)}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_compromised_key_hands_over(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_log("log-2", reason="compromised")
    ledger.take_census()
    return ledger, question, i.Lies(), {"trust": ("log-1",)}


@pytest.mark.lie("tampered", "log-key", "data/handovers/0000000000000005")
def the_signature_of_a_handover_is_forged(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    forged = ledger.text(5) + "\n" + i.Key("log-1").line("another", i.ORIGIN)
    return ledger, question, i.Lies(documents=lambda d: d.handovers.update({5: forged.encode()}))


@pytest.mark.lie("tampered", "inclusion", "data/consistency.json")
def a_handover_is_of_another_history(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    text = f"{i.ORIGIN}\n5\n{i.b64(b'x' * 32)}\n"
    lines = "".join(i.Key(name).line(text, i.ORIGIN) for name in ("log-1", "log-2"))
    return ledger, question, i.Lies(documents=lambda d: d.handovers.update({5: f"{text}\n{lines}".encode()}))


@pytest.mark.lie("malformed", "log-key", "data/handovers/0000000000000006")
def a_handover_has_another_size_than_its_name(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.handovers.update({6: d.handovers.pop(5)}))


@pytest.mark.lie("malformed", "log-key", "data/handovers/0000000000000011")
def a_handover_is_as_large_as_the_checkpoint(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.handovers.update({11: d.checkpoint}))


@pytest.mark.lie("incomplete", "keys", "data/handovers/0000000000000003")
def a_handover_stands_there_that_hands_nothing_over(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    ledger.handovers.append((3, ledger.checkpoint("log-1", size=3)))
    return ledger, question


@pytest.mark.lie("incomplete", "keys", "data/handovers/0000000000000003")
def a_handover_stands_there_and_no_key_was_ever_changed(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.handovers.append((3, ledger.checkpoint(size=3)))
    return ledger, question


@pytest.mark.lie("tampered", "log-key", "data/checkpoint")
def the_signature_of_the_checkpoint_is_forged(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    forged = ledger.text() + "\n" + i.Key("log-1").line("another", i.ORIGIN)
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", forged.encode()))


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_checkpoint_is_signed_by_a_stranger(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    note = ledger.checkpoint("stranger")
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note))


@pytest.mark.lie("malformed", "log-key", "data/checkpoint")
def the_checkpoint_has_an_extension_line(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    text = f"{ledger.text()}more\n"
    note = f"{text}\n{i.Key('log-1').line(text, i.ORIGIN)}".encode()
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note))


@pytest.mark.lie("malformed", "log-key", "data/checkpoint")
def the_checkpoint_has_two_signatures_of_one_key(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    note = ledger.checkpoint("log-1", "log-1")
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note))


@pytest.mark.lie("tampered", "inclusion", "data/consistency.json")
def a_consistency_proof_does_not_prove(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.consistency["heads"][0]["path"].reverse())


@pytest.mark.lie("malformed", "inclusion", "data/consistency.json")
def two_heads_stand_there_that_are_no_handovers(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    heads = [i._head(ledger, size) for size in (3, 4)]
    return ledger, question, i.Lies(documents=lambda d: d.consistency.update(heads=heads))


@pytest.mark.lie("malformed", "inclusion", "data/consistency.json")
def a_head_is_as_large_as_the_checkpoint(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    return ledger, question, i.Lies(documents=lambda d: d.consistency.update(heads=[i._head(ledger, 13)]))


@pytest.mark.lie("malformed", "expected-head", "data/consistency.json")
def heads_are_reordered(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(documents=lambda d: d.consistency["heads"].reverse())


def with_checkpoint(i: Any, origin: str, size: int) -> tuple[Any, ...]:
    """The world `churn` under another checkpoint, for a reader who trusts its log."""
    text = f"{origin}\n{size}\n{i.b64(i.root_of(i.churn()[0].leaves))}\n"
    note = f"{text}\n{i.Key('log-1').line(text, origin)}".encode()
    trust = f"log {i.Key('log-1').vkey(origin)}\nquorum none\n"
    return *i.churn(), i.Lies(documents=lambda d: setattr(d, "checkpoint", note)), {"trust": trust.encode()}


@pytest.mark.lie("malformed", "log-key", "data/checkpoint")
def the_origin_is_none_that_a_log_of_ours_can_have(i: Any) -> tuple[Any, ...]:
    return with_checkpoint(i, "ledger.example/a~b", 13)


@pytest.mark.lie("malformed", "log-key", "data/checkpoint")
def the_size_is_beyond_what_a_reader_can_count(i: Any) -> tuple[Any, ...]:
    return with_checkpoint(i, i.ORIGIN, 2**53)


@pytest.mark.lie("tampered", "inclusion", "data/proofs.json")
def the_checkpoint_is_of_another_size(i: Any) -> tuple[Any, ...]:
    return with_checkpoint(i, i.ORIGIN, 2**53 - 1)


@pytest.mark.lie("tampered", "log-key", "data/handovers/0000000000000005")
def a_handover_is_of_another_log(i: Any) -> tuple[Any, ...]:
    text = f"ledger.example/other\n5\n{i.b64(b'x' * 32)}\n"
    note = f"{text}\n{i.Key('log-1').line(text, 'ledger.example/other')}".encode()
    return *i.rotated(), i.Lies(documents=lambda d: d.handovers.update({5: note}))


@pytest.mark.lie("unverifiable", "keys", "data/checkpoint")
def a_compromised_key_hands_over_in_the_checkpoint_itself(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.rotate_log("log-2", reason="compromised")
    ledger.take_census()
    note = ledger.checkpoint("log-1", "log-2")
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note)), {"trust": ("log-1",)}


def with_created(i: Any, **members: Any) -> tuple[Any, ...]:
    ledger = i.Ledger()
    ledger.create(**members)
    ledger.take_census()
    return ledger, i.Question([("type:com.example.tick.v1", None, None)])


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_first_log_key_bears_another_name(i: Any) -> tuple[Any, ...]:
    return with_created(i, log_key=i.Key("log-1").vkey("ledger.example/other"))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_first_log_key_is_a_witnesss(i: Any) -> tuple[Any, ...]:
    return with_created(i, log_key=i.Key("log-1").vkey(i.ORIGIN, 4))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_log_hashes_with_something_else(i: Any) -> tuple[Any, ...]:
    return with_created(i, hash="sha512")


def with_predecessor(i: Any, **members: Any) -> tuple[Any, ...]:
    predecessor = {"origin": "ledger.example/before", "root": "ab" * 32, "size": 3, **members}
    return with_created(i, predecessor={name: value for name, value in predecessor.items() if value is not None})


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def a_predecessor_is_named_without_its_root(i: Any) -> tuple[Any, ...]:
    return with_predecessor(i, root=None)


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_root_of_a_predecessor_is_none(i: Any) -> tuple[Any, ...]:
    return with_predecessor(i, root="AB" * 32)


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_size_of_a_predecessor_is_none(i: Any) -> tuple[Any, ...]:
    return with_predecessor(i, size=-1)


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 1")
def the_origin_of_a_predecessor_is_none(i: Any) -> tuple[Any, ...]:
    return with_predecessor(i, origin="")


def with_key(i: Any, **members: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    key = i.Key("evidence-2")
    ledger.record("key-added", {"id": key.id, "purpose": "evidence", "spki": key.spki, **members})
    ledger.take_census()
    return ledger, question


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_key_is_none_of_ed25519(i: Any) -> tuple[Any, ...]:
    return with_key(i, spki=i.b64(b"0" * 44))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_key_stands_behind_a_prefix_of_another_algorithm(i: Any) -> tuple[Any, ...]:
    return with_key(i, spki=i.b64(b"0" * 12 + i.Key("evidence-2").public))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_key_is_a_byte_too_long(i: Any) -> tuple[Any, ...]:
    spki = i.SPKI + i.Key("evidence-2").public + b"x"
    return with_key(i, spki=i.b64(spki), id=i.sha(spki).hex())


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_log_key_has_no_vkey(i: Any) -> tuple[Any, ...]:
    return with_key(i, purpose="log")


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def an_evidence_key_has_a_vkey(i: Any) -> tuple[Any, ...]:
    return with_key(i, vkey=i.Key("evidence-2").vkey(i.ORIGIN))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_log_key_has_the_vkey_of_another_one(i: Any) -> tuple[Any, ...]:
    return with_key(i, purpose="log", vkey=i.Key("evidence-1").vkey(i.ORIGIN))


@pytest.mark.lie("malformed", "log-key", "data/bodies.jsonl line 4")
def a_key_is_for_a_purpose_that_does_not_exist(i: Any) -> tuple[Any, ...]:
    return with_key(i, purpose="both")


@pytest.mark.lie("incomplete", "keys", "data/entries.jsonl")
def entry_0_is_dropped(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(
        select=lambda seqs: seqs.discard(0),
        documents=lambda d: d.bodies.insert(0, i._body(i.churn()[0], i.Question([]), 0)),
    )


# --- what the evidence key signed -----------------------------------------------------------------------------------


@pytest.mark.lie("tampered", "evidence-signature", "data/statement.json")
def the_statement_is_of_another_tree(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(statement=lambda data: data.replace(b'"size":13', b'"size":14'))


@pytest.mark.lie("tampered", "evidence-signature", "data/statement.json")
def the_statement_is_of_other_files(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(statement=lambda data: data.replace(b"data/prov.json", b"data/prow.json"))


@pytest.mark.lie("malformed", "evidence-signature", "data/statement.json")
def the_statement_is_printed_otherwise(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(statement=lambda data: data.replace(b":", b": "))


@pytest.mark.lie("malformed", "evidence-signature", "data/statement.json")
def the_statement_is_of_another_kind(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(statement=lambda data: data.replace(b"urn:tallystick:evidence:v1", b"urn:x"))


@pytest.mark.lie("malformed", "evidence-signature", "data/statement.json")
def the_statement_says_more(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(statement=lambda data: data.replace(b'"predicate"', b'"more":1,"predicate"'))


@pytest.mark.lie("tampered", "evidence-signature", "signatures/statement.dsse.json")
def the_envelope_holds_another_statement(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    other = i.issue_files(ledger, question, i.Lies(statement=lambda data: data.replace(b'"size":13', b'"size":14')))
    path = "signatures/statement.dsse.json"
    return ledger, question, i.Lies(tags=lambda files: files.update({path: other[path]}))


@pytest.mark.lie("tampered", "evidence-signature", "signatures/statement.dsse.json")
def the_envelope_is_signed_by_another_key(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    other = i.issue_files(ledger, question, i.Lies(seal="stranger"))
    path = "signatures/statement.dsse.json"
    return ledger, question, i.Lies(tags=lambda files: files.update({path: other[path]}))


@pytest.mark.lie("tampered", "evidence-signature", "signatures/statement.dsse.json")
def the_envelope_names_the_right_key_and_another_signed(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    path = "signatures/statement.dsse.json"
    other = i.issue_files(ledger, question, i.Lies(seal="stranger"))[path]
    forged = other.replace(i.Key("stranger").id.encode(), i.Key("evidence-1").id.encode())
    return ledger, question, i.Lies(tags=lambda files: files.update({path: forged}))


@pytest.mark.lie("tampered", "evidence-signature", "signatures/statement.dsse.json")
def the_envelope_names_another_key_than_signed(i: Any) -> tuple[Any, ...]:
    named = i.Key("evidence-1").id.encode()
    return *i.churn(), i.Lies(tags=replacing("signatures/statement.dsse.json", named, i.Key("log-1").id.encode()))


@pytest.mark.lie("malformed", "evidence-signature", "signatures/statement.dsse.json")
def the_envelope_is_printed_otherwise(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("signatures/statement.dsse.json", b",", b", "))


# --- files ----------------------------------------------------------------------------------------------------------


def replacing(path: str, old: bytes, new: bytes) -> Callable[[Any], None]:
    """An edit that replaces bytes which do stand in a file."""

    def edit(files: Any) -> None:
        assert old in files[path]
        files[path] = files[path].replace(old, new)

    return edit


@pytest.mark.lie("malformed", "manifests", "data/README.txt")
def the_readme_tells_the_reader_to_check_less(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=replacing("data/README.txt", b"--strict", b"--ignore-missing"))


@pytest.mark.lie("tampered", "manifests", "data/README.txt")
def the_readme_is_altered_after_the_seal(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(sealed=replacing("data/README.txt", b"--strict", b"--ignore-missing"))


@pytest.mark.lie("malformed", "manifests", "data/extra.txt")
def a_file_is_sealed_that_no_page_names(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=lambda files: files.update({"data/extra.txt": b""}))


@pytest.mark.lie("malformed", "manifests", "signatures/extra.sig")
def a_signature_is_sealed_that_no_page_names(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=lambda files: files.update({"signatures/extra.sig": b""}))


@pytest.mark.lie("tampered", "manifests", "fetch.txt")
def a_bag_wants_to_be_fetched(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(sealed=lambda files: files.update({"fetch.txt": b""}))


@pytest.mark.lie("tampered", "manifests", "data/extra.txt")
def a_file_is_added_after_the_seal(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(sealed=lambda files: files.update({"data/extra.txt": b""}))


@pytest.mark.lie("incomplete", "manifests", "data/handovers/0000000000000005")
def a_handover_is_removed_after_the_seal(i: Any) -> tuple[Any, ...]:
    return *i.rotated(), i.Lies(sealed=lambda files: files.pop("data/handovers/0000000000000005"))


@pytest.mark.lie("incomplete", "manifests", "data/report.html")
def a_rendering_is_left_out(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(files=lambda files: files.pop("data/report.html"))


@pytest.mark.lie("malformed", "manifests", "bag-info.txt")
def the_bag_has_another_name_than_its_folder(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("bag-info.txt", b"Identifier: bundle", b"Identifier: bunble"))


@pytest.mark.lie("tampered", "manifests", "bag-info.txt")
def the_size_of_the_payload_is_wrong(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("bag-info.txt", b"Payload-Oxum: ", b"Payload-Oxum: 1"))


@pytest.mark.lie("malformed", "manifests", "bagit.txt")
def the_bag_is_of_another_version(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(tags=replacing("bagit.txt", b"1.0", b"0.9"))


# --- continued entries ----------------------------------------------------------------------------------------------


def continued(i: Any, *, parent_streams: int = 126, **members: Any) -> tuple[Any, Any]:
    """A ledger with an event of 130 datasets, whose one continuation is as told."""
    ledger = i.Ledger()
    ledger.create()
    names = [f"t{number:03}" for number in range(130)]
    others = [f"dataset:db|{name}" for name in names]
    body = {"inputs": [{"name": name, "namespace": "db"} for name in names]}
    ledger.append(i.LINEAGE_TYPES[0], body, *others[:parent_streams])
    ledger.continue_(2, *members.pop("others", others[parent_streams:]), **members)
    ledger.take_census()
    return ledger, i.Question([("dataset:db|t000", None, None)])


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl line 3")
def a_continuation_is_dropped(i: Any) -> tuple[Any, ...]:
    return *continued(i), i.Lies(select=lambda seqs: seqs.discard(3))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl line 3")
def the_parent_of_a_continuation_is_dropped(i: Any) -> tuple[Any, ...]:
    ledger, _ = continued(i)
    return ledger, i.Question([("dataset:db|t129", None, None)]), i.Lies(select=lambda seqs: seqs.discard(2))


@pytest.mark.lie("incomplete", "streams", "data/entries.jsonl line 4")
def the_entry_after_a_full_one_is_dropped(i: Any) -> tuple[Any, ...]:
    ledger, question = i.wide(252)  # 2 and 3 are full, 4 is a tick
    return ledger, question, i.Lies(select=lambda seqs: seqs.discard(4))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 3")
def an_entry_is_continued_that_is_not_full(i: Any) -> tuple[Any, ...]:
    ledger, _ = continued(i, parent_streams=125)
    return ledger, i.Question([("dataset:db|t129", None, None)])


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_has_another_time_than_its_parent(i: Any) -> tuple[Any, ...]:
    return continued(i, at=i.at(3))


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_names_another_parent(i: Any) -> tuple[Any, ...]:
    return continued(i, ext={"tallyof": "1"})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_has_another_id(i: Any) -> tuple[Any, ...]:
    return continued(i, id="2-2")


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_has_a_subject(i: Any) -> tuple[Any, ...]:
    return continued(i, subject="x")


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_has_a_part(i: Any) -> tuple[Any, ...]:
    return continued(i, parts={"": b"{}"})


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_adds_nothing(i: Any) -> tuple[Any, ...]:
    return continued(i, others=[])


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_repeats_a_stream(i: Any) -> tuple[Any, ...]:
    return continued(i, others=["dataset:db|t000"])


@pytest.mark.lie("tampered", "streams", "data/entries.jsonl line 4")
def a_continuation_adds_a_kind_that_its_parent_never_has(i: Any) -> tuple[Any, ...]:
    return continued(i, others=["request:r-1"])


@pytest.mark.lie("tampered", "bodies", "data/entries.jsonl line 3")
def a_continuation_lacks_a_stream(i: Any) -> tuple[Any, ...]:
    return continued(i, others=[f"dataset:db|t{number}" for number in (126, 127, 128)])


@pytest.mark.lie("tampered", "bodies", "data/bodies.jsonl line 4")
def a_continuation_has_a_body(i: Any) -> tuple[Any, ...]:
    salt = i.sha(b"body of 3")
    ledger, question = continued(i, body=i.sha(b"tallystick/body/v1\0" + salt + b"x").hex())
    ledger.bodies[3] = (salt, b"x")
    return ledger, question


# --- what the reader brings -----------------------------------------------------------------------------------------


@pytest.mark.lie("unverifiable", "log-key", "trust file")
def the_reader_brings_no_trust_file(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(), {"trust": None}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_reader_trusts_another_log(i: Any) -> tuple[Any, ...]:
    trust = f"log {i.Key('log-1').vkey('ledger.example/other')}\nquorum none\n"
    return *i.churn(), i.Lies(), {"trust": trust.encode()}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def nothing_of_a_log_is_read_that_the_reader_does_not_trust(i: Any) -> tuple[Any, ...]:
    trust = f"log {i.Key('log-1').vkey('ledger.example/other')}\nquorum none\n"
    return *i.churn(), i.Lies(documents=lambda d: d.keys.update(v=2)), {"trust": trust.encode()}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_reader_trusts_another_key(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(), {"trust": ("stranger",)}


@pytest.mark.lie("malformed", "log-key", "trust file line 2")
def the_trust_file_is_malformed(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(), {"trust": b"quorum none\nlog x\n"}


def witnessed(i: Any, *lines: str, quorum: str = "w", extra: str = "") -> tuple[Any, ...]:
    """The ledger's checkpoint with further lines, for a reader who demands a witness."""
    ledger, question = i.churn()
    note = ledger.checkpoint(below="".join(lines))
    trust = (
        ledger.trust()
        .decode()
        .replace("quorum none", f"witness w {i.Key('w').vkey('w.example', 4)}\n{extra}quorum {quorum}")
    )
    return ledger, question, i.Lies(documents=lambda d: setattr(d, "checkpoint", note)), {"trust": trust.encode()}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def no_witness_has_seen_it(i: Any) -> tuple[Any, ...]:
    return witnessed(i)


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def a_witness_has_seen_it_that_the_reader_does_not_know(i: Any) -> tuple[Any, ...]:
    return witnessed(i, i.Key("v").cosign(i.churn()[0].text(), "v.example"))


@pytest.mark.lie("tampered", "log-key", "data/checkpoint")
def the_cosignature_of_a_witness_is_forged(i: Any) -> tuple[Any, ...]:
    return witnessed(i, i.Key("w").cosign("another", "w.example"))


@pytest.mark.lie("malformed", "log-key", "data/checkpoint")
def a_witness_cosigned_twice(i: Any) -> tuple[Any, ...]:
    text = i.churn()[0].text()
    return witnessed(i, *(i.Key("w").cosign(text, "w.example", time) for time in (1, 2)))


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_log_is_its_own_witness(i: Any) -> tuple[Any, ...]:
    ledger, question, lies, reader = witnessed(i, i.Key("w").cosign(i.churn()[0].text(), i.ORIGIN))
    trust = reader["trust"].replace(i.Key("w").vkey("w.example", 4).encode(), i.Key("w").vkey(i.ORIGIN, 4).encode())
    return ledger, question, lies, {"trust": trust}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_log_is_its_own_witness_under_another_name(i: Any) -> tuple[Any, ...]:
    ledger, question, lies, reader = witnessed(i, i.Key("log-1").cosign(i.churn()[0].text(), "w.example"))
    trust = reader["trust"].replace(
        i.Key("w").vkey("w.example", 4).encode(), i.Key("log-1").vkey("w.example", 4).encode()
    )
    return ledger, question, lies, {"trust": trust}


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def the_logs_evidence_key_is_its_witness(i: Any) -> tuple[Any, ...]:
    key = i.Key("evidence-1")
    ledger, question, lies, reader = witnessed(i, key.cosign(i.churn()[0].text(), "w.example"))
    reader["trust"] = reader["trust"].replace(
        i.Key("w").vkey("w.example", 4).encode(), key.vkey("w.example", 4).encode()
    )
    return ledger, question, lies, reader


@pytest.mark.lie("unverifiable", "log-key", "data/checkpoint")
def one_witness_is_not_enough(i: Any) -> tuple[Any, ...]:
    more = f"witness x {i.Key('x').vkey('x.example', 4)}\ngroup both all w x\n"
    return witnessed(i, i.Key("w").cosign(i.churn()[0].text(), "w.example"), quorum="both", extra=more)


@pytest.mark.lie("stale", "streams", "data/entries.jsonl line 9")
def the_census_is_older_than_the_reader_wants(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(), {"not_before": i.at(13)}


@pytest.mark.lie("tampered", "expected-head", "expected head")
def the_log_was_forked_below_the_kept_head(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.since = 3
    text = f"{i.ORIGIN}\n3\n{i.b64(b'x' * 32)}\n"
    kept = f"{text}\n{i.Key('log-1').line(text, i.ORIGIN)}".encode()
    return ledger, question, i.Lies(), {"expected_head": kept}


@pytest.mark.lie("tampered", "expected-head", "expected head")
def the_log_was_forked_at_the_size_of_the_kept_head(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    text = f"{i.ORIGIN}\n13\n{i.b64(b'x' * 32)}\n"
    kept = f"{text}\n{i.Key('log-1').line(text, i.ORIGIN)}".encode()
    return ledger, question, i.Lies(), {"expected_head": kept}


@pytest.mark.lie("tampered", "expected-head", "data/consistency.json")
def the_proof_for_the_kept_head_does_not_prove(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    question.since = 3
    lies = i.Lies(documents=lambda d: d.consistency["heads"][0]["path"].reverse())
    return ledger, question, lies, {"expected_head": ledger.checkpoint(size=3)}


@pytest.mark.lie("unverifiable", "expected-head", "expected head")
def there_is_no_proof_for_the_kept_head(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    return ledger, question, i.Lies(), {"expected_head": ledger.checkpoint(size=3)}


@pytest.mark.lie("unverifiable", "expected-head", "expected head")
def the_kept_head_is_newer_than_the_bundle(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    text = f"{i.ORIGIN}\n14\n{i.b64(b'x' * 32)}\n"
    kept = f"{text}\n{i.Key('log-1').line(text, i.ORIGIN)}".encode()
    return ledger, question, i.Lies(), {"expected_head": kept}


@pytest.mark.lie("unverifiable", "expected-head", "expected head")
def the_kept_head_is_signed_by_a_stranger(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    return ledger, question, i.Lies(), {"expected_head": ledger.checkpoint("stranger")}


@pytest.mark.lie("unverifiable", "expected-head", "expected head")
def the_kept_head_is_of_another_log(i: Any) -> tuple[Any, ...]:
    other = i.Ledger(origin="ledger.example/other")
    other.create()
    return *i.churn(), i.Lies(), {"expected_head": other.checkpoint()}


@pytest.mark.lie("tampered", "expected-head", "expected head")
def the_signature_of_the_kept_head_is_forged(i: Any) -> tuple[Any, ...]:
    ledger, question = i.churn()
    forged = ledger.text(3) + "\n" + i.Key("log-1").line("another", i.ORIGIN)
    return ledger, question, i.Lies(), {"expected_head": forged.encode()}


@pytest.mark.lie("malformed", "expected-head", "expected head")
def the_kept_head_is_no_note(i: Any) -> tuple[Any, ...]:
    return *i.churn(), i.Lies(), {"expected_head": b"ledger.example/churn 13"}


@pytest.mark.lie("tampered", "keys", "expected head")
def the_kept_head_is_signed_by_a_key_that_was_retired_before(i: Any) -> tuple[Any, ...]:
    ledger, question = i.rotated()
    question.since = 7
    kept = ledger.checkpoint("log-1", size=7)
    return ledger, question, i.Lies(), {"expected_head": kept, "trust": ("log-1",)}


@pytest.mark.lie("tampered", "keys", "expected head")
def the_kept_head_is_of_a_size_at_which_no_key_was_current(i: Any) -> tuple[Any, ...]:
    ledger, question = i.small()
    ledger.retire_key("log", "log-1")  # 4
    kept = ledger.checkpoint()
    ledger.add_key("log", "log-2")
    ledger.handovers.append((6, ledger.checkpoint("log-1", "log-2")))
    ledger.log_key = "log-2"
    ledger.take_census()
    question.since = 5
    return ledger, question, i.Lies(), {"expected_head": kept, "trust": ("log-1",)}


# --- the test -------------------------------------------------------------------------------------------------------


def test_I16_a_lie_is_refused_with_its_step_and_place(lie: Lie, issuer: ModuleType) -> None:
    ledger, question, *rest = lie.build(issuer)
    lies = rest[0] if rest else None
    reader = rest[1] if len(rest) > 1 else {}
    trust = reader.get("trust", (ledger.log_key,))
    reader = {**reader, "trust": ledger.trust(*trust) if isinstance(trust, tuple) else trust}
    data = issuer.issue(ledger, question, lies)

    verdict = verify_bundle(data, **reader)

    assert verdict.failure is not None
    found = (verdict.word, verdict.failure.step, verdict.failure.where)
    assert found == (lie.word, lie.step, lie.where), verdict.failure
    assert verdict.status == STATUS[lie.word]
    at = STEPS.index(lie.step)
    assert [step.outcome for step in verdict.steps] == ["passed"] * at + ["failed"] + ["not reached"] * (10 - at)
    assert (verdict.grades, verdict.streams) == ((), ())
