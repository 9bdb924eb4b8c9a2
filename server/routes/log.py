"""Reading the log: entries with cursors, bodies, proofs, and how much there is of a stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from ledger.census import prove_counts
from ledger.log import Ledger
from ledger.record import Record
from ledger.store import BodyRow
from lineage.findings import Finding, findings_of
from proofs import limits
from proofs.b64strict import encode
from proofs.census import CENSUS_TAKEN
from proofs.digest import leaf_hash
from proofs.errors import MissingError, RefusedError
from proofs.record import record
from proofs.streams import OPENLINEAGE_TYPES, claims_json
from proofs.tlogproof import TlogProof
from server import query
from server.auth import READERS, Principal
from server.errors import ForbiddenError, NotSignedYetError
from server.models import CensusProof, Consistency, EntryShape, FindingsShape, Page
from server.responses import NO_STORE, json_response
from server.signing import newest
from server.table import JSON, OCTETS, TEXT, Answer, Call, Endpoint, Parameter

PAGE_ENTRIES: Final = 1_000
PAGE_BYTES: Final = 4 * 1024 * 1024
_STREAM_BYTES: Final = 4_096
# Whatever a producer sent is shown as data, and as nothing that a browser would run.
_AS_DATA: Final = {"content-disposition": "attachment", **NO_STORE}


async def list_entries(call: Call) -> Response:
    """Return a page of the log, or of one stream."""
    given = call.request.query_params
    after = query.integer(given, "after", default=-1, most=limits.MAX_INTEGER)
    limit = query.integer(given, "limit", default=100, least=1, most=PAGE_ENTRIES)
    stream = query.text(given, "stream", most_bytes=_STREAM_BYTES)
    if stream is None:
        return json_response(await call.service.read(lambda log: _page(log, after + 1, limit, call.principal)))
    if not call.principal.sees((stream,)):
        # The cursor of a stream tells how many entries it has, of whomever they are.
        raise ForbiddenError("the stream is outside the scope of the credential")
    # The index of streams is brought up to the log's end first, so this is work for the handle that may write.
    return json_response(
        await call.service.at_desk(lambda log: _stream_page(log, stream, after + 1, limit, call.principal))
    )


def _page(log: Ledger, start: int, limit: int, principal: Principal) -> dict[str, Any]:
    size = log.size
    shown, read, bytes_shown = [], start, 0
    for one in log.read(start, min(start + limit, size), bodies=False):
        if bytes_shown > PAGE_BYTES:
            break
        read = one.seq + 1
        if principal.sees(one.streams):
            shown.append(_entry(one))
            bytes_shown += len(one.header)
    return {"entries": shown, "next": read - 1 if read < size and read > start else None}


def _stream_page(log: Ledger, stream: str, start: int, limit: int, principal: Principal) -> dict[str, Any]:
    found = log.positions(stream, start, start + limit + 1)
    shown, bytes_shown, last = [], 0, None
    for position, seq, _ in found[:limit]:
        if bytes_shown > PAGE_BYTES:
            break
        one = log.entry(seq)
        last = position
        if principal.sees(one.streams):
            shown.append(_entry(one))
            bytes_shown += len(one.header)
    more = last is not None and last != found[-1][0]
    return {"entries": shown, "next": last if more else None}


def _entry(record: Record) -> dict[str, Any]:
    return {"seq": record.seq, "leaf": leaf_hash(record.header).hex(), "entry": record.header.decode()}


def visible(log: Ledger, seq: int, principal: Principal) -> Record:
    """Return an entry that the caller may see.

    Raises:
        MissingError: There is none at this position.
        ForbiddenError: It is outside the credential's namespaces.
    """
    found = log.entry(seq)
    if not principal.sees(found.streams):
        raise ForbiddenError(f"entry {seq} is outside the scope of the credential")
    return found


async def get_entry(call: Call) -> Response:
    """Return one entry."""
    seq = query.seq_of(call)
    return json_response(_entry(await call.service.read(lambda log: visible(log, seq, call.principal))))


async def get_body(call: Call) -> Response:
    """Return a body as it is stored: personal values are null in it."""
    seq = query.seq_of(call)

    def stored(log: Ledger) -> tuple[Record, BodyRow]:
        found = visible(log, seq, call.principal)
        body = log.store.bodies([seq]).get(seq)
        if body is None:
            raise MissingError(f"the body of entry {seq} was destroyed")
        return found, body

    found, body = await call.service.read(stored)
    content_type = found.entry.datacontenttype
    media = JSON if body.data and claims_json(content_type) else OCTETS
    return Response(body.data, headers={**_AS_DATA, "tally-salt": encode(body.salt)}, media_type=media)


async def get_findings(call: Call) -> Response:
    """Return where an OpenLineage event is not as its schemas say; nothing for events of other types."""
    seq = query.seq_of(call)

    def found(log: Ledger) -> list[Finding]:
        seen = visible(log, seq, call.principal)
        if seen.body is None:
            raise MissingError(f"the body of entry {seq} was destroyed")
        return findings_of(seen.body) if seen.type in OPENLINEAGE_TYPES else []

    findings = await call.service.read(found)
    return json_response({"seq": seq, "findings": [asdict(one) for one in findings]})


async def get_proof(call: Call) -> Response:
    """Return the proof that an entry is under the checkpoint that was signed last."""
    seq = query.seq_of(call)

    def proof(log: Ledger) -> str:
        visible(log, seq, call.principal)
        head = newest(log)
        if head is None or head.checkpoint.size <= seq:
            raise NotSignedYetError(f"no signed checkpoint covers entry {seq} yet", hint="come again after Retry-After")
        path = log.tree.inclusion(seq, head.checkpoint.size)
        return TlogProof(seq, tuple(path), head.note.decode()).to_text()

    return Response(await call.service.read(proof), headers=NO_STORE, media_type=TEXT)


async def get_consistency(call: Call) -> Response:
    """Return the proof that a smaller tree is the beginning of a larger one."""
    given = call.request.query_params
    most = await call.service.read(lambda log: log.size)
    start = query.integer(given, "from", most=most)
    stop = query.integer(given, "to", default=most, most=most)
    if start > stop:
        raise RefusedError(f"parameter 'from' is {start}, over 'to', which is {stop}")
    hashes = await call.service.read(lambda log: log.tree.consistency(start, stop))
    return json_response({"from": start, "to": stop, "hashes": [node.hex() for node in hashes]})


async def get_census(call: Call) -> Response:
    """Return the proof of how many entries a stream had at the census that was taken last."""
    stream = query.text(call.request.query_params, "stream", most_bytes=_STREAM_BYTES)
    if stream is None:
        raise RefusedError("parameter 'stream' is missing")
    return json_response(await call.service.at_desk(lambda log: _census(log, stream)))


def _census(log: Ledger, stream: str) -> dict[str, Any]:
    taken = log.positions(f"type:{CENSUS_TAKEN}")
    if not taken:
        raise MissingError("no census was taken yet", hint="tally census, or tally serve --census-every")
    seq = taken[-1][1]
    (proof,) = prove_counts(log, [stream], census_seq=seq)
    said = record(log.entry(seq).json(), "root streams")
    return {
        "stream": stream,
        "seq": seq,
        "root": said.digest("root").hex(),
        "count": proof.count,
        "bucket": encode(proof.bucket),
        "path": [node.hex() for node in proof.path],
    }


SEQ: Final = Parameter(
    "seq",
    "path",
    {"type": "integer", "minimum": 0, "maximum": limits.MAX_INTEGER},
    "Position in the log.",
    0,
    required=True,
)
_STREAM: Final = {"type": "string", "minLength": 1, "maxLength": 256}
_EXAMPLE: Final = {
    "seq": 0,
    "leaf": "5b0ab6d20b9c0a6c8b0e5ac37b0a4f1e6b5f4c1e0f3f3a0c5de0b7d6c1f2a394",
    "entry": '{"seq":0,"prev":"…","at":"…","id":"…","source":"…","type":"…","streams":{},"body":"…"}',
}
_PROOF: Final = "c2sp.org/tlog-proof@v1\nindex 0\n\nledger.example.org/churn\n1\n…\n\n— ledger.example.org/churn …\n"

ENDPOINTS: Final = (
    Endpoint(
        name="entries",
        method="GET",
        path="/api/v1/log/entries",
        handler=list_entries,
        summary="Read entries in log order",
        roles=READERS,
        reach="entry",
        answers={200: Answer("A page.", shape=Page, example={"entries": [_EXAMPLE], "next": None})},
        parameters=(
            Parameter(
                "after",
                "query",
                {"type": "integer", "minimum": 0, "maximum": limits.MAX_INTEGER},
                "Cursor: `next` of the page before.",
                0,
            ),
            Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": PAGE_ENTRIES}, "At most.", 100),
            Parameter("stream", "query", _STREAM, "Of this stream alone.", "type:tallystick.ledger.created.v1"),
        ),
    ),
    Endpoint(
        name="entry",
        method="GET",
        path="/api/v1/log/entries/{seq}",
        handler=get_entry,
        summary="Read one entry",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The entry.", shape=EntryShape, example=_EXAMPLE)},
        parameters=(SEQ,),
        problems=(404,),
    ),
    Endpoint(
        name="body",
        method="GET",
        path="/api/v1/log/entries/{seq}/body",
        handler=get_body,
        summary="Read a body as it is stored, without personal values",
        roles=READERS,
        reach="entry",
        answers={
            200: Answer(
                "The bytes; JSON where they claim to be.",
                media="*/*",
                headers={"tally-salt": "base64: opens the entry's commitment to the body"},
            )
        },
        parameters=(SEQ,),
        problems=(404,),
    ),
    Endpoint(
        name="findings",
        method="GET",
        path="/api/v1/log/entries/{seq}/findings",
        handler=get_findings,
        summary="Where an OpenLineage event is not as its schemas say",
        roles=READERS,
        reach="entry",
        answers={
            200: Answer(
                "All findings.",
                shape=FindingsShape,
                example={
                    "seq": 41,
                    "findings": [{"code": "runId-is-no-uuid", "place": "", "says": "the event: runId is no uuid"}],
                },
            )
        },
        parameters=(SEQ,),
        problems=(404,),
    ),
    Endpoint(
        name="proof",
        method="GET",
        path="/api/v1/log/entries/{seq}/proof",
        handler=get_proof,
        summary="Prove that an entry is under a signed checkpoint (c2sp.org/tlog-proof@v1)",
        roles=READERS,
        reach="entry",
        answers={200: Answer("The proof.", media=TEXT, example=_PROOF)},
        parameters=(SEQ,),
        problems=(404,),
    ),
    Endpoint(
        name="consistency",
        method="GET",
        path="/api/v1/log/consistency",
        handler=get_consistency,
        summary="Prove that one size of the log is the beginning of another",
        roles=READERS,
        reach="nothing",
        answers={
            200: Answer("The path (RFC 9162).", shape=Consistency, example={"from": 1, "to": 2, "hashes": ["5b0a…"]})
        },
        parameters=(
            Parameter("from", "query", {"type": "integer", "minimum": 0}, "The smaller size.", 1, required=True),
            Parameter("to", "query", {"type": "integer", "minimum": 0}, "The larger; the log's own unless given.", 2),
        ),
    ),
    Endpoint(
        name="census",
        method="GET",
        path="/api/v1/log/census",
        handler=get_census,
        summary="Prove how many entries a stream has",
        roles=READERS,
        reach="everything",
        answers={
            200: Answer(
                "The stream's bucket and its path.",
                shape=CensusProof,
                example={"stream": "type:…", "seq": 7, "root": "…", "count": 3, "bucket": "…", "path": ["…"]},
            )
        },
        parameters=(
            Parameter("stream", "query", _STREAM, "Its full name.", "type:tallystick.ledger.created.v1", required=True),
        ),
        problems=(404,),
    ),
)
