"""Who may reach a server that asks nobody for a credential: programs of this machine, and no web page.

A browser runs pages of strangers on this very machine. One may send requests here, which `Origin` and `Sec-Fetch-Site` tell, and
one whose name was made to point here (DNS rebinding) may read the answers too, which `Host` tells. So an open server answers to
loopback names alone, at any port (one may be forwarded here), and to no page but one of its own.

Source: RFC 9110 section 7.2 (Host, 421), RFC 6454 section 7 (Origin), W3C Fetch Metadata.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, Final

from server.errors import ForbiddenError, MisdirectedError
from server.settings import is_loopback

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?\Z")
_NEAR: Final = frozenset(("same-origin", "none"))  # `none`: whoever typed the address


def check_visitor(scope: MutableMapping[str, Any]) -> None:
    """Let pass what a program of this machine sends to the address where this server listens.

    Raises:
        MisdirectedError: It is meant for a host that is not this one.
        ForbiddenError: A page of somebody else sent it.
    """
    hosts = _of(scope, b"host")
    if len(hosts) != 1 or not _is_here(hosts[0]):
        raise MisdirectedError("an open server answers to a loopback address in Host alone")
    own = f"{scope['scheme']}://{hosts[0]}".lower()
    if any(value.lower() != own for value in _of(scope, b"origin")):
        raise ForbiddenError("a page of another origin may send nothing to an open server")
    if any(value.strip().lower() not in _NEAR for value in _of(scope, b"sec-fetch-site")):
        raise ForbiddenError("a page of another site may send nothing to an open server")


def _of(scope: MutableMapping[str, Any], header: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == header]


@lru_cache(maxsize=256)  # a client says the same with each request
def _is_here(host: str) -> bool:
    match = _HOST.match(host)
    return match is not None and is_loopback(match[1].strip("[]").lower())
