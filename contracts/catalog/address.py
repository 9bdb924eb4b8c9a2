"""To which addresses a declaration may lead: not to this machine, and not to what tells a machine its own credentials.

A declaration is somebody's text. Where it could name 127.0.0.1 or the metadata service of a cloud, whoever writes it would read,
through us, what only this machine may. A name is looked up once, and what was looked at is what is connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final

from proofs.errors import BusyError, RefusedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port. MAY raise OSError."""

# Metadata services in ranges that are otherwise anybody's: of Azure, Alibaba, Oracle and AWS.
_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return what the machine's own resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def address_of(host: str, port: int, *, allow_local: bool, resolve: Resolver = system_resolver) -> str:
    """Return the address to connect to for a host.

    Args:
        allow_local: This machine, and what is linked to it, may be reached.

    Raises:
        BusyError: The host has no address now.
        RefusedError: One of its addresses may not be reached.
    """
    try:
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(host, port)]
    except (OSError, UnicodeError, ValueError):
        raise BusyError(f"the host {host[:253]!r} has no address") from None
    if not found:
        raise BusyError(f"the host {host[:253]!r} has no address")
    if not allow_local and any(is_local(address) for address in found):
        raise RefusedError(
            f"the host {host[:253]!r} is this machine, or a service of the machine alone",
            hint="--allow-local, where you trust the declaration",
        )
    return str(found[0])


def is_local(address: Address) -> bool:
    """True for the machine itself, for what is linked to it, and for what is no single host's address."""
    bare = _bare(address)
    return (
        bare.is_loopback
        or bare.is_link_local
        or bare.is_unspecified
        or bare.is_multicast
        or (bare.is_reserved and not (bare.version == 6 and bare.is_global))
        or bare in _METADATA
    )


def _bare(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, where it leads to one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and int(address) >> 32 == 0 and int(address) > 1:
            inner = ipaddress.IPv4Address(int(address))  # the old form ::a.b.c.d
        return inner or address
    return address
