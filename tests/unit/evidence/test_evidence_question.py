"""What can be asked of a ledger, and what is refused before anything is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.question import Question, about_dataset, about_stream, as_at, as_filed, everything, to_json
from proofs.errors import RefusedError
from proofs.scope import Window

DAY = "2026-11-20T00:00:00.000000Z"
NEXT_DAY = "2026-11-21T00:00:00.000000Z"
HASHED = "dataset:sha256:" + "0f" * 32


def test_a_question_about_a_stream_bounds_it_by_days_in_utc() -> None:
    question = about_stream("type:tallystick.validation.decided.v1", "2026-11-20", "2026-11-21")

    assert question == Question("stream", (Window("type:tallystick.validation.decided.v1", DAY, NEXT_DAY),))


def test_a_question_about_a_dataset_names_its_subject_in_full() -> None:
    question = about_dataset("s3://lake|raw", "a|b")

    assert question.subject == "dataset:s3://lake%7Craw|a|b"
    assert question.streams == (Window("dataset:s3://lake%7Craw|a|b"),)


def test_a_dataset_with_a_long_name_is_asked_for_under_its_hash_and_told_in_full() -> None:
    question = about_dataset("warehouse", "x" * 300)

    assert question.subject == f"dataset:warehouse|{'x' * 300}"
    assert question.streams[0].name.startswith("dataset:sha256:")


def test_a_question_for_everything_names_no_stream() -> None:
    assert to_json(everything()) == {"kind": "everything", "streams": []}


def test_a_question_prints_only_the_bounds_that_it_has() -> None:
    question = about_dataset("crm", "households", None, "2026-11-20")

    assert to_json(question) == {
        "kind": "dataset",
        "streams": [{"name": "dataset:crm|households", "to": DAY}],
        "subject": "dataset:crm|households",
    }


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20", DAY),
        ("2026-11-20T00:00:00Z", DAY),
        ("2026-11-20T09:15:00.5Z", "2026-11-20T09:15:00.500000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
        (None, None),
    ],
)
def test_a_time_is_printed_as_the_ledger_prints_times(text: str | None, at: str | None) -> None:
    assert as_at(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-02-29",
        "2026-13-01",
        "2026-11-20T24:00:00Z",
        "2026-11-20T09:15:60Z",
        "2026-11-20T09:15:00+01:00",
        "2026-11-20T09:15:00.1234567Z",
        "2026-11-20\n",
        "٢٠٢٦-11-20",
        "\ud800",
        20261120,
        b"2026-11-20",
    ],
)
def test_what_is_no_time_in_utc_is_refused(text: Any) -> None:
    with pytest.raises(RefusedError, match="time"):
        as_at(text)


@pytest.mark.parametrize(
    ("name", "filed"),
    [
        ("run:0b8f", "run:0b8f"),
        ("type:a.b.v1", "type:a.b.v1"),
        (HASHED, HASHED),
        ("dataset:crm|households", "dataset:crm|households"),
        (
            'contract:say "no"',
            "contract:sha256:792f8abef31cf7fa85c49ea7006d7a07e9be7c5b867d82eec90ecc62000b233c",
        ),
    ],
)
def test_a_stream_is_asked_for_under_the_name_under_which_it_is_filed(name: str, filed: str) -> None:
    assert as_filed(name) == filed


@pytest.mark.parametrize(
    "name",
    [
        "",
        "households",
        "dataset:",
        "dataset:households",
        "dataset:100%|x",
        "table:crm|households",
        "dataset:|x",
        "dataset:crm|",
        "type:\ud800",
        7,
        None,
    ],
)
def test_a_name_that_no_stream_can_have_is_refused(name: Any) -> None:
    with pytest.raises(RefusedError):
        about_stream(name)


@pytest.mark.parametrize(
    ("kind", "streams", "subject", "reason"),
    [
        ("gossip", (Window("run:1"),), None, "none of the kinds"),
        (["stream"], (Window("run:1"),), None, "none of the kinds"),
        ("stream", (), None, "asks for no stream"),
        ("everything", (Window("run:1"),), None, "would bound it"),
        ("stream", (Window("run:1"),), "run:1", "has a subject"),
        ("dataset", (Window("dataset:a|b"),), None, "has no subject"),
        ("dataset", (Window("dataset:a|b"),), "dataset:a|c", "lacks the stream of its subject"),
        ("deletion", (Window("dataset:a|b"),), "r-1", "lacks the stream of its subject"),
        ("deletion", (Window("request:r-1"),), "r\n1", "subject"),
        ("stream", (Window("run:2"), Window("run:1")), None, "not sorted"),
        ("stream", (Window("run:1"), Window("run:1")), None, "not sorted"),
        ("stream", ("run:1",), None, "not a window"),
        ("stream", (Window("nonsense"),), None, "no name under which a stream is filed"),
        ("stream", (Window("run:1", "2026-11-20"),), None, "not a real one"),
        ("stream", (Window("run:1", NEXT_DAY, DAY),), None, "not after its beginning"),
        ("stream", (Window("run:1", DAY, DAY),), None, "not after its beginning"),
    ],
)
def test_what_a_verifier_would_not_read_as_a_question_is_refused(
    kind: Any, streams: Any, subject: str | None, reason: str
) -> None:
    with pytest.raises(RefusedError, match=reason):
        Question(kind, streams, subject)


def test_more_streams_than_one_bundle_can_answer_for_are_refused() -> None:
    windows = tuple(Window(f"run:{n:06}") for n in range(100_001))

    with pytest.raises(RefusedError, match="100001 streams, at most 100000"):
        Question("stream", windows)


@pytest.mark.parametrize(
    ("namespace", "name"), [("", "x"), ("crm", ""), ("crm", "a\0b"), ("crm", "\ud800"), (None, "x")]
)
def test_a_dataset_whose_name_cannot_stand_in_a_scope_is_refused(namespace: Any, name: Any) -> None:
    with pytest.raises(RefusedError):
        about_dataset(namespace, name)


def test_names_of_streams_that_the_log_could_not_write_down_are_refused() -> None:
    windows = tuple(Window(f"run:{n:06}{'x' * 200}") for n in range(40_000))

    with pytest.raises(RefusedError, match="have 8400000 bytes, at most 8388608"):
        Question("stream", windows)
