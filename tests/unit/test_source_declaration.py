"""A source is declared in a file that holds no secret: what looks like one is refused and never repeated."""

from __future__ import annotations

import ipaddress

import pytest

from contracts.catalog.address import address_of, is_local
from contracts.catalog.declaration import parse_source
from contracts.catalog.ratelimit import limits
from contracts.catalog.seen import Bounds, Limits
from contracts.catalog.trial import plan
from ledger.clock import parse_at
from proofs.errors import BusyError, MalformedError, RefusedError

SECRET = "hunter2-S3CRET"
HEAD = "source: orders\nowner: data\ndataset: {namespace: shop, name: orders}\n"
DATABASE = (
    "connection: {kind: postgresql, host: db.example.org, database: shop, user: reader, password: %s}\n"
    "object: public.orders\n"
)
API = "connection: {kind: http, url: 'https://api.example.org/v1', headers: {%s}}\nobject: orders\n"


def declared(text: str) -> str:
    """The refusal of a declaration."""
    with pytest.raises(MalformedError) as caught:
        parse_source((HEAD + text).encode(), name="s.yaml")
    return str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        DATABASE % SECRET,
        DATABASE % f'"${{A}}{SECRET}"',
        DATABASE % "0777",
        API % f"Authorization: Bearer {SECRET}",
        API % f"X-Api-Key: {SECRET}",
        API % f"X-Whatever: {SECRET}",
        API % f'Authorization: "Bearer ${{A}} {SECRET}"',
        API.replace("orders\n", f"orders?api_key={SECRET}\n") % "Accept: text/csv",
        f"connection: {{kind: http, url: 'https://u:{SECRET}@api.example.org'}}\nobject: orders\n",
        f"connection: {{kind: http, url: 'https://api.example.org/?token={SECRET}'}}\nobject: orders\n",
        f"connection: {{kind: s3, bucket: lake, access_key: '{SECRET}', secret_key: '${{S}}'}}\nobject: orders\n",
        f"connection: {{kind: s3, bucket: lake, access_key: '${{A}}', secret_key: {SECRET}}}\nobject: orders\n",
        f"# postgresql://u:{SECRET}@h/d\n" + DATABASE % '"${A}"',
        "description: AKIAIOSFODNN7EXAMPLE\n" + DATABASE % '"${A}"',
        "description: ghp_0123456789abcdefghijABCDEFGHIJ012345\n" + DATABASE % '"${A}"',
    ],
)
def test_a_credential_in_the_text_is_refused_and_not_repeated(text: str) -> None:
    said = declared(text)

    assert "s.yaml line " in said
    for secret in (SECRET, "0777", "AKIA", "ghp_"):
        assert secret not in said


@pytest.mark.parametrize(
    "text",
    [
        DATABASE % '"${TALLY_KEY_PASSPHRASE}"',
        "connection: {kind: file}\nobject: ../secrets.csv\n",
        "connection: {kind: file}\nobject: /etc/passwd.csv\n",
        "connection: {kind: file}\nobject: a/../../b.csv\n",
        "connection: {kind: s3, bucket: lake}\nobject: ../other/x.csv\n",
        "connection: {kind: s3, bucket: ../lake}\nobject: x.csv\n",
        "connection: {kind: http, url: 'file:///etc/passwd'}\nobject: x\n",
        "connection: {kind: http, url: 'gopher://h'}\nobject: x\n",
        "connection: {kind: http, url: 'https://h'}\nobject: //evil.example\n",
        "connection: {kind: http, url: 'https://h'}\nobject: 'http://evil.example/'\n",
        API % 'Host: "${A}"',
        API % 'Content-Length: "${A}"',
        API.replace("https:", "http:") % 'Authorization: "Bearer ${A}"',
        DATABASE.replace("db.example.org", "'a,b'") % '"${A}"',
        DATABASE.replace("database: shop", "database: 'd sslmode=disable'") % '"${A}"',
        DATABASE.replace("reader", "'postgresql://u@h/d'") % '"${A}"',
        DATABASE.replace("public.orders", "a.b.c") % '"${A}"',
        DATABASE.replace("user: reader", "user: reader, tls: prefer") % '"${A}"',
        DATABASE.replace("reader", "reader, options: '-c x'") % '"${A}"',
        "connection: {kind: ftp, url: 'ftp://h'}\nobject: x\n",
        "object: x\n",
        "access: {terms: ''}\nconnection: {kind: file}\nobject: x.csv\n",
        "owner: again\nconnection: {kind: file}\nobject: x.csv\n",
    ],
)
def test_what_leads_astray_is_refused(text: str) -> None:
    assert "s.yaml line " in declared(text)


def test_a_dry_run_names_what_would_be_reached_and_which_variables_are_not_set() -> None:
    document = parse_source((HEAD + DATABASE % '"${SHOP_PASSWORD}"').replace("reader", '"${SHOP_USER}"').encode())

    made = plan(document.declaration, Bounds({"SHOP_USER": "reader"}, lambda: 0.0))

    assert made.target == "postgresql://db.example.org:5432/shop#public.orders"
    assert (made.variables, made.unset) == (("SHOP_PASSWORD", "SHOP_USER"), ("SHOP_PASSWORD",))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
     "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1"],
)  # fmt: skip
def test_this_machine_and_its_metadata_are_local_however_they_are_written(address: str) -> None:
    assert is_local(ipaddress.ip_address(address))
    with pytest.raises(RefusedError, match="is this machine"):
        address_of("innocent.example", 443, allow_local=False, resolve=lambda *_: ["93.184.216.34", address])
    assert address_of("h", 443, allow_local=True, resolve=lambda *_: [address]) == str(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "10.1.2.3", "192.168.1.1", "2606:2800:220:1::1", "64:ff9b::5db8:d822"]
)
def test_other_hosts_may_be_reached(address: str) -> None:
    assert address_of("h", 443, allow_local=False, resolve=lambda *_: [address]) == address


def test_a_host_without_an_address_is_not_there_now() -> None:
    with pytest.raises(BusyError, match="has no address"):
        address_of("h", 443, allow_local=False, resolve=lambda *_: [])


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'}, Limits(100, 50, 30)),
        ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "7", "ratelimit-reset": "9"}, Limits(100, 7, 9)),
        ({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1764320430"}, Limits(60, 0, 30)),
        ({"retry-after": "120"}, Limits(None, None, 120)),
        ({"x-ratelimit-limit": "-1", "ratelimit-remaining": "1e9", "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"x-ratelimit-limit": "9" * 40}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_rate_limits_are_read_from_every_spelling(headers: dict[str, str], found: Limits | None) -> None:
    assert limits(headers, parse_at("2025-11-28T09:00:00.000000Z")) == found
