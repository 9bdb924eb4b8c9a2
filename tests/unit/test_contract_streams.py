"""Windows of a stream as decisions: one reader, whatever comes, and no good row that pays for a line that cannot be read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import ledger
from contracts.document import Document, parse
from contracts.quarantine import store
from contracts.replay import read_decision, replay
from contracts.scan.beside import Given
from contracts.sources.jsonlines import JsonLines
from contracts.streams import ndjson
from contracts.streams.cut import Shape
from contracts.streams.decide import Decided, WindowJudge
from contracts.streams.follow import Pace, follow
from contracts.streams.line import Line
from contracts.streams.store import last_window
from contracts.window import Window
from ledger.log import Ledger
from proofs.errors import ConflictError, IncompleteError, MissingError

CONTRACT = """\
name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema:
  - {name: id, type: integer, required: true}
  - {name: amount, type: number, range: {min: 0}}
handling: {quality: quarantine}
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Ledger]:
    with ledger.create("memory://", origin="test/s", home=tmp_path / "h", passphrase=lambda: b"secret") as created:
        yield created


@pytest.fixture
def document() -> Document:
    return parse(CONTRACT.encode())


def feed(path: Path, log: Ledger, name: str = "t") -> ndjson.NdjsonFeed:
    return ndjson.open_feed(str(path), clock=log.clock, new_name="new", named=name, follow=False)


def decide(
    log: Ledger, document: Document, path: Path, *, size: int = 100, before: Window | None = None
) -> list[Decided]:
    judge = WindowJudge(log, document, Given(clock=log.clock), folder=path.parent / "q", before=before)
    opened = feed(path, log)
    try:
        return list(follow(opened, Shape("rows", size), judge, Pace(lambda: False, lambda: 0.0)))
    finally:
        opened.close()


def rows(*amounts: int) -> str:
    return "".join(json.dumps({"id": place, "amount": amount}) + "\n" for place, amount in enumerate(amounts))


def test_two_readers_that_go_on_from_one_place_do_not_both_decide(
    log: Ledger, document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(rows(1, 2, 3, 4))

    first = decide(log, document, path, size=3)
    with pytest.raises(ConflictError, match="another reader decided a window of ndjson:t from the same place"):
        decide(log, document, path, size=2)

    assert [each.outcome.measurement.rows for each in first] == [3, 1]
    assert last_window(log, document.contract, "ndjson:t") == first[-1].window
    assert last_window(log, document.contract, "ndjson:other") is None


def test_an_unreadable_line_makes_no_good_row_bad(log: Ledger, document: Document, tmp_path: Path) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(rows(1, -2, 3) + "nonsense\n")

    [decided] = decide(log, document, path)

    by_rows = {kept.opened.rows: kept.opened for kept in store.quarantines(log)}
    assert decided.outcome.verdict.decision.value == "QUARANTINE"
    assert [len(decided.kept), len(store.quarantines(log))] == [2, 2]
    assert sorted(tuple(each.rule for each in kept.opened.rules) for kept in store.quarantines(log)) == [
        ("range:amount",), ("window:unreadable",),
    ]  # fmt: skip
    assert {kept.good_rows for kept in by_rows.values()} <= {2, 3}
    assert not any(kept.opened.whole for kept in store.quarantines(log))


def test_what_the_engine_cannot_read_together_is_decided_unmeasured_and_the_stream_goes_on(
    log: Ledger, document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "s.ndjson"
    many = "".join(json.dumps({f"n{line}_{name}": 1 for name in range(999)}) + "\n" for line in range(11))
    path.write_text(many + rows(*range(11)))

    bad, good = decide(log, document, path, size=11)
    again = replay(log, read_decision(log, bad.outcome.decided.seq), document=document)

    assert (bad.outcome.verdict.decision.value, bad.outcome.measurement.rows) == ("BLOCK_AND_ROLLBACK", 11)
    assert all(one.unmeasured for one in bad.outcome.measurement.metrics[:-2])
    assert (good.outcome.verdict.decision.value, good.window.resume[0].offset) == ("ALLOW", path.stat().st_size)
    assert again.differs == ()


def test_a_window_is_measured_again_from_its_lines_to_the_same_bytes(
    log: Ledger, document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(rows(1, 2, 3) + "[]\n" + rows(4))

    first, _, _ = decide(log, document, path, size=2)
    start, stop = first.window.offsets[0].start, first.window.offsets[0].stop
    lines = tmp_path / "w.jsonl"
    lines.write_bytes(path.read_bytes()[start:stop])
    again = replay(log, read_decision(log, first.outcome.decided.seq), document=document, source=JsonLines(lines))

    assert (again.differs, again.measured) == ((), True)


def test_lines_come_whole_however_a_pipe_hands_them_over(log: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "LINE_BYTES", 50)
    monkeypatch.setattr(ndjson, "CHUNK_BYTES", 7)
    monkeypatch.setattr(ndjson, "KEPT_BYTES", 9)
    data = b'{"a": 1}\n' + b"x" * 200 + b"\n" + b"\n" + b'{"b": "\xc3\xa9"}\r\n' + b"y" * 51 + b"\nlast"
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    opened = ndjson.NdjsonFeed("ndjson:p", "p", reader, log.clock, is_file=False)

    found = [line for line in opened.read({}, lambda: False) if isinstance(line, Line)]
    opened.close()

    assert [line.is_cut for line in found] == [False, True, False, False, True, False]
    assert [line.data for line in found if not line.is_cut] == [b'{"a": 1}', b"", b'{"b": "\xc3\xa9"}\r', b"last"]
    assert [line.offset for line in found] == [0, *(line.stop for line in found[:-1])]
    assert found[-1].stop == len(data)
    assert all(len(line.data) <= 60 for line in found)


def test_a_file_that_became_shorter_is_not_read_on(log: Ledger, document: Document, tmp_path: Path) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(rows(1, 2, 3))
    [decided] = decide(log, document, path)
    opened = feed(path, log)
    tail = decided.window.tail
    assert tail is not None
    opened.expected = (tail, decided.window.read[0].offset)
    path.write_text(rows(1))

    with pytest.raises(ConflictError, match="is not what was read before under the name 't'"):
        list(opened.read({0: decided.window.resume[0].offset}, lambda: False))
    opened.close()


def test_a_file_that_is_cut_off_while_it_is_followed_is_said(log: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "s.ndjson"
    path.write_text(rows(1, 2, 3))
    opened = ndjson.open_feed(str(path), clock=log.clock, new_name="n", named="t", follow=True)
    lines = opened.read({}, lambda: False)
    [next(lines) for _ in range(3)]
    path.write_text("")

    with pytest.raises(IncompleteError, match="became shorter while it was read"):
        list(lines)
    opened.close()


def test_a_file_without_a_whole_first_line_needs_a_name_to_be_followed(log: Ledger, tmp_path: Path) -> None:
    (tmp_path / "s.ndjson").write_text('{"id"')
    with pytest.raises(MissingError, match="no whole first line yet"):
        ndjson.open_feed(str(tmp_path / "s.ndjson"), clock=log.clock, new_name="n", named=None, follow=True)
    with pytest.raises(MissingError, match="there is no file or pipe"):
        ndjson.open_feed(str(tmp_path), clock=log.clock, new_name="n", named=None, follow=False)


def test_what_was_set_apart_is_kept_byte_for_byte(log: Ledger, document: Document, tmp_path: Path) -> None:
    path = tmp_path / "s.ndjson"
    odd = b'\xff\x00"\x1b[31m'
    path.write_bytes(odd + b"\n" + rows(1).encode())

    [decided] = decide(log, document, path)

    [kept] = decided.kept
    with duckdb.connect() as connection:
        found = connection.execute("FROM read_parquet($1)", [str(tmp_path / "q" / kept / "bad.parquet")]).fetchall()
    assert found == [(0, 0, "it is not JSON", odd)]
    assert (tmp_path / "q" / kept / "bad.parquet").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_emptied_and_written_anew_loses_no_line_in_silence(log: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_text('{"id":1}\n{"id":2}\n')
    following = ndjson.open_feed(str(path), clock=log.clock, new_name="new", named="t", follow=True)
    lines = following.read({}, lambda: False)
    while next(lines) is not None:  # both, and a pause
        pass
    path.write_text("".join(f'{{"id":{number}}}\n' for number in range(3, 9)))

    with pytest.raises(IncompleteError, match="was written anew"):
        list(lines)
    following.close()
