"""`make demo-server`: the same pipeline reports to a real service, and what a stranger verifies is as good."""

from __future__ import annotations

from tools.transcript import demo


def test_every_event_comes_through_the_service_and_its_evidence_verifies() -> None:
    printed = demo("--server")

    assert "✓ 26 OpenLineage events came through the service; it stopped with nothing left over\n" in printed
    assert "96 entries from their stored bytes, 0 findings" in printed  # one more than without it: the token
    assert printed.count("VERIFIED: every check passed") == 2
    assert printed.count("✓ deletion certificate") == 1
    assert "TAMPERED: it contradicts a commitment or a signature" in printed
