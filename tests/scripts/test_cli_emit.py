"""`tally emit` says which line it refuses, and what stands in the log then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scripts.conftest import Ended, Tally


def event(id: int, data: int = 0, type: str = "com.acme.order.v1") -> str:
    return json.dumps({"specversion": "1.0", "id": str(id), "source": "urn:shop", "type": type, "data": data})


def emitted(tally: Tally, folder: Path, *lines: str) -> Ended:
    (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tally("emit", "events.jsonl", "--json")


def refusal(ended: Ended) -> tuple[int, str, str, str]:
    """Exit status, place, sentence and hint."""
    error = ended.error()
    return ended.returncode, error["where"], error["message"], error["hint"]


def entries(tally: Tally) -> Any:
    return tally("status", "--json").document()["entries"]


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        (event(1, data=9), 11, "the event has the source and id of an event of the same batch, and other content"),
        (event(3, type="tallystick.ledger.x.v1"), 9, "type 'tallystick.ledger.x.v1' is written by the ledger alone"),
        ("nonsense", 9, "no CloudEvent: the document is not JSON"),
    ],
    ids=["a conflict", "the ledger's own type", "no event"],
)
def test_an_event_that_is_refused_is_named_by_file_and_line_and_leaves_nothing(
    ledger: Tally, tmp_path: Path, line: str, status: int, says: str
) -> None:
    ended, where, what, hint = refusal(emitted(ledger, tmp_path, event(1), "", event(2), line))

    assert (ended, where, hint) == (status, "events.jsonl line 4", "nothing of the input was appended")
    assert what.startswith(says)
    assert entries(ledger) == 2


def test_the_batches_before_the_one_that_is_refused_stand_and_are_counted(ledger: Tally, tmp_path: Path) -> None:
    lines = [event(n) for n in range(1_200)]

    status, where, _, hint = refusal(emitted(ledger, tmp_path, *lines, event(1_100, data=9)))

    assert (status, where) == (11, "events.jsonl line 1201")
    assert hint == "nothing of the batch of lines 1001 to 1201 was appended; the 1,000 events before them were"
    assert entries(ledger) == 1_002


def test_what_speaks_of_the_log_names_no_line(ledger: Tally, tmp_path: Path) -> None:
    assert ledger("close", "--reason", "ended").returncode == 0

    _, where, _, hint = refusal(emitted(ledger, tmp_path, event(1), event(2)))

    assert where == ""
    assert hint.endswith("nothing of the input was appended")


def test_standard_input_has_lines_and_no_name(ledger: Tally) -> None:
    _, where, _, _ = refusal(ledger("emit", "--json", given=f"{event(1)}\n{event(1, data=9)}\n"))

    assert where == "line 2"


def test_what_was_appended_and_what_was_there_are_told_apart(ledger: Tally) -> None:
    """The one that is there stands far before the one that is new: the entries between are neither."""
    ledger("emit", given="\n".join(event(n) for n in range(9)))

    told = [
        ledger("emit", given="\n".join(map(event, ids))).stdout for ids in ((0, 9), (10, 11), (1, 8), (0, 1, 12, 13))
    ]

    assert told == [
        "✓ 1 appended (entry 11), 1 was there already (entry 2)\n",
        "✓ 2 appended (entries 12 to 13)\n",
        "✓ nothing appended: all 2 were there already (among the entries 3 to 10)\n",
        "✓ 2 appended (entries 14 to 15), 2 were there already (entries 2 to 3)\n",
    ]
