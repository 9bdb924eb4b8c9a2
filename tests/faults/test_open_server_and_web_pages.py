"""A web page that is open on the machine of an open server reaches nothing of it, by CSRF or by DNS rebinding."""

from __future__ import annotations

from typing import Any

import pytest

EVENT = b'{"specversion":"1.0","source":"urn:h","type":"org.example.v1","id":"from-a-page"}'
ONE = {"Content-Type": "application/cloudevents+json"}
RUN = b'{"run":{"runId":"r"},"job":{"namespace":"a","name":"b"},"producer":"urn:p"}'


def status(served: Any, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value.replace("PORT", str(served.port)) for name, value in headers.items()}
    found: int = served.request(method, path, body, named).status
    return found


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:PORT", "127.0.0.1:x", "localhost.evil.example:PORT", "10.0.0.1:PORT", "",
     "127.0.0.1:PORT@evil.example", "127.0.0.1.nip.io:PORT", "[::1", "0.0.0.0:PORT", "127.0.0.1:PORT ,x", "a" * 300],
)  # fmt: skip
def test_a_host_that_is_not_this_one_is_answered_421_whatever_it_asks(served: Any, host: str) -> None:
    found = {
        status(served, method, path, body, Host=host, **more)
        for method, path, body, more in (
            ("GET", "/api/v1/log/entries", None, {}),
            ("GET", "/health/live", None, {}),
            ("GET", "/nothing", None, {}),
            ("POST", "/api/v1/events", EVENT, ONE),
        )
    }

    assert found == {421}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:PORT", "localhost:PORT", "LocalHost:PORT", "[::1]:PORT", "127.0.0.9:PORT", "127.0.0.1:1"]
)
def test_a_loopback_name_is_answered_at_the_port_too_that_is_forwarded_here(served: Any, host: str) -> None:
    assert status(served, "GET", "/api/v1/log/entries", Host=host) == 200
    assert status(served, "GET", "/api/v1/log/entries", Host=host, Origin=f"http://{host}") == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://127.0.0.1"},
     {"Origin": "https://127.0.0.1:PORT"}, {"Origin": "http://localhost:PORT"}, {"Sec_Fetch_Site": "cross-site"},
     {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "Cross-Site"},
     {"Origin": "http://127.0.0.1:PORT", "Sec_Fetch_Site": "cross-site"}],
)  # fmt: skip
def test_what_a_page_of_another_origin_sends_is_answered_403(served: Any, headers: dict[str, str]) -> None:
    assert status(served, "POST", "/api/v1/events", EVENT, **ONE, **headers) == 403
    assert status(served, "POST", "/api/v1/lineage", RUN, Content_Type="application/json", **headers) == 403
    assert status(served, "GET", "/api/v1/log/entries", None, **headers) == 403


def test_a_page_of_its_own_and_a_typed_address_are_answered(served: Any) -> None:
    for site in ("same-origin", "none"):
        assert status(served, "GET", "/health/live", Sec_Fetch_Site=site) == 200


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/events"])
def test_a_body_without_a_content_type_is_answered_415(served: Any, path: str) -> None:
    assert status(served, "POST", path, RUN) == 415


def test_a_closed_server_answers_under_any_name_to_whoever_has_a_credential(serve: Any) -> None:
    closed = serve(open=False)

    assert status(closed, "GET", "/health/live", Host="tally.example.org") == 200
    assert status(closed, "GET", "/api/v1/log/entries", Host="tally.example.org") == 401
