"""The log as static files over HTTP, for witnesses, mirrors and monitors: C2SP tlog-tiles.

What is served ends at the checkpoint that was signed last: nothing is shown that nobody has signed.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from starlette.responses import Response

from ledger.checkpoint import SignedCheckpoint
from ledger.log import Ledger
from ledger.tree import WIDTH
from proofs.errors import MissingError
from server.auth import READERS
from server.errors import NotSignedYetError
from server.signing import newest
from server.table import OCTETS, TEXT, Answer, Call, Endpoint, Parameter

# `private`: an answer to a credential is no shared cache's to keep.
FOREVER: Final = {"cache-control": "private, max-age=31536000, immutable"}
FOR_NOW: Final = {"cache-control": "private, no-cache"}
_LEVEL: Final = re.compile(r"(?:0|[1-9]|[1-5][0-9]|6[0-3])\Z")
_TILE: Final = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")
_MOST_GROUPS: Final = 6


async def get_checkpoint(call: Call) -> Response:
    """Return the signed checkpoint."""
    head = await call.service.read(_head)
    return Response(head.note, headers=FOR_NOW, media_type=TEXT)


async def get_tile(call: Call) -> Response:
    """Return 256 hashes of one level, or as many as the signed tree has."""
    level = call.params["level"]
    if not _LEVEL.match(level):
        raise MissingError("a tile's level is 0 to 63")
    index, width = parse_tile(call.params["tile"])

    def tile(log: Ledger) -> bytes:
        _check_width(_head(log).checkpoint.size >> 8 * int(level), index, width)
        return log.tree.tile(int(level), index, width or WIDTH)

    return Response(await call.service.read(tile), headers=_caching(width), media_type=OCTETS)


async def get_bundle(call: Call) -> Response:
    """Return 256 entries, each behind its length in two bytes, or as many as are signed."""
    index, width = parse_tile(call.params["tile"])

    def bundle(log: Ledger) -> bytes:
        _check_width(_head(log).checkpoint.size, index, width)
        start = index * WIDTH
        headers = log.store.headers(start, start + (width or WIDTH))
        return b"".join(struct.pack(">H", len(header)) + header for header in headers)

    return Response(await call.service.read(bundle), headers=_caching(width), media_type=OCTETS)


def parse_tile(path: str) -> tuple[int, int]:
    """Return index and width of `x001/x234/067.p/41`; width 0 for a full tile.

    Raises:
        MissingError: There can be no such tile.
    """
    match = _TILE.match(path)
    groups = match[1].split("/")[:-1] if match else []
    if match is None or len(groups) >= _MOST_GROUPS or groups[:1] == ["x000"]:
        raise MissingError("no tile is named so")
    width = int(match[3] or 0)
    if width >= WIDTH:
        raise MissingError(f"a partial tile has 1 to {WIDTH - 1} hashes, not {width}")
    return int("".join(group[1:] for group in groups) + match[2]), width


def _head(log: Ledger) -> SignedCheckpoint:
    head = newest(log)
    if head is None:
        raise NotSignedYetError("nothing is signed yet")
    return head


def _check_width(hashes: int, index: int, width: int) -> None:
    if index * WIDTH + (width or WIDTH) > hashes:
        raise MissingError(
            f"the signed tree has {hashes} hashes on this level, and not tile {index} of {width or WIDTH}"
        )


def _caching(width: int) -> dict[str, str]:
    return FOR_NOW if width else FOREVER


_TILE_NAME: Final = Parameter(
    "tile",
    "path",
    {"type": "string", "pattern": r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$"},
    "Index in groups of three digits, and the width of a partial tile.",
    "000.p/2",
    required=True,
)
_BYTES: Final = {"cache-control": "immutable when the tile is full"}

ENDPOINTS: Final = (
    Endpoint(
        name="checkpoint",
        method="GET",
        path="/checkpoint",
        handler=get_checkpoint,
        summary="The signed checkpoint (C2SP tlog-checkpoint)",
        roles=READERS,
        reach="nothing",
        answers={200: Answer("A signed note.", media=TEXT, example="ledger.example.org/churn\n2\n…\n\n— …\n")},
        problems=(404,),
    ),
    Endpoint(
        name="entry-bundle",
        method="GET",
        path="/tile/entries/{tile:path}",
        handler=get_bundle,
        summary="Entries of one tile (C2SP tlog-tiles)",
        roles=READERS,
        reach="everything",
        answers={200: Answer("Entries, each behind its length.", media=OCTETS, headers=_BYTES)},
        parameters=(_TILE_NAME,),
        problems=(404,),
    ),
    Endpoint(
        name="tile",
        method="GET",
        path="/tile/{level}/{tile:path}",
        handler=get_tile,
        summary="Hashes of one tile (C2SP tlog-tiles)",
        roles=READERS,
        reach="nothing",
        answers={200: Answer("At most 256 hashes.", media=OCTETS, headers=_BYTES)},
        parameters=(
            Parameter(
                "level", "path", {"type": "integer", "minimum": 0, "maximum": 63}, "0: the leaves.", 0, required=True
            ),
            _TILE_NAME,
        ),
        problems=(404,),
    ),
)
