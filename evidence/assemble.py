"""The files below data/, printed from an answer exactly as docs/formats/bundle.md says: pure, and the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evidence import lineage_view, question, report
from evidence.answer import Answer, Item
from evidence.redact import Content
from proofs import bundle, jsonstrict, readme
from proofs.attestation import print_statement
from proofs.b64strict import encode
from proofs.derived import CERTIFIED
from proofs.scope import control


def payload(answer: Answer) -> dict[str, bytes]:
    """Return path → content of every file below data/."""
    graph = lineage_view.fold(answer.items)
    picture = lineage_view.picture(graph)
    files = {
        bundle.README: readme.TEXT.encode(),
        bundle.SCOPE: _json(scope(answer)),
        bundle.CHECKPOINT: answer.note,
        bundle.CONSISTENCY: _json(_consistency(answer)),
        bundle.KEYS: _json(_keys(answer)),
        bundle.CENSUS: _json(_census(answer)),
        bundle.ENTRIES: b"".join(item.header + b"\n" for item in answer.items),
        bundle.BODIES: b"".join(_bodies(answer.items)),
        bundle.PARTS: b"".join(_parts(answer.items)),
        bundle.PROOFS: _json(_proofs(answer)),
        **lineage_view.files(graph, picture),
        **{f"{bundle.HANDOVERS}{handover.size:016}": handover.note for handover in answer.handovers},
        **{f"{bundle.CERTIFICATES}{seq}.json": body for seq, body in certificates(answer)},
        report.PATH: report.page(answer, graph, picture),
    }
    files[bundle.STATEMENT] = print_statement(files, answer.checkpoint)
    return files


def scope(answer: Answer) -> dict[str, Any]:
    """Return scope.json: the question, who asked it of which log, and the control totals."""
    checkpoint = answer.checkpoint
    return {
        "asked": {"at": answer.terms.asked_at, "by": answer.terms.asked_by},
        "control": totals(answer),
        "log": {
            "census": answer.census.seq,
            "origin": checkpoint.origin,
            "root": checkpoint.root.hex(),
            "size": checkpoint.size,
        },
        "question": question.to_json(answer.question),
        "v": 1,
    }


def totals(answer: Answer) -> Mapping[str, Any]:
    """Return the control totals of what is handed over."""
    return control(
        (item.entry for item in answer.items),
        (item.body.state for item in answer.items),
        (part.state for item in answer.items for _, part in item.parts),
        [(stream.name, stream.count, stream.listed) for stream in answer.streams],
    )


def certificates(answer: Answer) -> Iterator[tuple[int, bytes]]:
    """Yield (seq, body) of each deletion certificate that is disclosed."""
    for item in answer.items:
        if item.entry.type == CERTIFIED and item.body.state == "disclosed":
            yield item.entry.seq, item.body.data


def _consistency(answer: Answer) -> dict[str, Any]:
    heads = [
        {"path": [node.hex() for node in head.path], "root": head.root.hex(), "size": head.size}
        for head in answer.heads
    ]
    return {"heads": heads, "v": 1}


def _keys(answer: Answer) -> dict[str, Any]:
    keys = answer.keys
    return {
        "added": list(keys.added),
        "evidence": keys.evidence.id,
        "log": keys.log.id,
        "retired": list(keys.retired),
        "v": 1,
    }


def _census(answer: Answer) -> dict[str, Any]:
    streams = [
        {
            "bucket": proof.bucket.decode(),
            "count": proof.count,
            "name": proof.name,
            "path": [node.hex() for node in proof.path],
        }
        for proof in answer.counts
    ]
    ext = answer.census.ext or {}
    return {"root": ext.get("tallycensus", ""), "seq": answer.census.seq, "streams": streams, "v": 1}


def _bodies(items: Iterable[Item]) -> Iterator[bytes]:
    for item in items:
        yield _json(_content(item.body) | {"seq": item.entry.seq})


def _parts(items: Iterable[Item]) -> Iterator[bytes]:
    for item in items:
        for pointer, part in item.parts:
            yield _json(_content(part) | {"pointer": pointer, "seq": item.entry.seq})


def _content(content: Content) -> dict[str, Any]:
    if content.state == "disclosed":
        return {"bytes": encode(content.data), "salt": encode(content.salt)}
    return {"state": content.state}


def _proofs(answer: Answer) -> dict[str, Any]:
    subtrees = [[level, index, node.hex()] for level, index, node in answer.subtrees]
    return {"size": answer.checkpoint.size, "subtrees": subtrees, "v": 1}


def _json(document: Mapping[str, Any]) -> bytes:
    return jsonstrict.dumps(document) + b"\n"
