"""Hand notices to a channel, once, and say why not: the caller keeps them and tries again.

A digest carries a key made of what is in it, where the receiver can use one (PagerDuty's dedup_key, the Idempotency-Key of a
webhook), so that one that was sent and not marked, because we died in between, is no second alarm.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any, Final

import orjson

from contracts.notify.channels import AnyChannel, Channels, PagerDuty, Slack, Smtp, Webhook, filled, told
from contracts.notify.queue import Waiting
from proofs.errors import BusyError

TIMEOUT_SECONDS: Final = 10.0
_SUMMARY_CHARACTERS: Final = 1_000
_MESSAGE_CHARACTERS: Final = 20_000


def deliver(
    channel: AnyChannel, waiting: Sequence[Waiting], channels: Channels, environment: Mapping[str, str]
) -> None:
    """Tell `waiting` on `channel`, together.

    Raises:
        BusyError: It was not told, and may be later; the message holds no secret.
        MissingError: A secret is not in the environment.
    """
    texts = [told(channels.template, _values(one)) for one in waiting]
    match channel:
        case Slack():
            text = "\n\n".join(texts).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            _post(filled(channel.url, environment), {"text": text[:_MESSAGE_CHARACTERS]}, {}, channel.name)
        case Webhook():
            headers = {name: filled(value, environment) for name, value in channel.headers.items()}
            headers["Idempotency-Key"] = _key(waiting)
            body = {"notices": [{**_values(one), "seq": one.seq} for one in waiting]}
            _post(filled(channel.url, environment), body, headers, channel.name)
        case PagerDuty():
            for one, text in zip(waiting, texts, strict=True):
                _page(channel, one, text, environment)
        case Smtp():
            _mail(channel, waiting, "\n\n".join(texts), environment)


def _values(one: Waiting) -> dict[str, str]:
    notice = one.notice
    contract, version = notice.contract
    count = f" ({one.count} times)" if one.count > 1 else ""
    return {
        "title": notice.title + count,
        "text": notice.text,
        "level": notice.level,
        "contract": contract,
        "version": version,
        "count": str(one.count),
    }


def _key(waiting: Sequence[Waiting]) -> str:
    return hashlib.sha256("\n".join(f"{one.id} {one.notice.key}" for one in waiting).encode()).hexdigest()


def _page(channel: PagerDuty, one: Waiting, text: str, environment: Mapping[str, str]) -> None:
    body = {
        "routing_key": filled(channel.routing_key, environment),
        "event_action": "trigger",
        "dedup_key": hashlib.sha256(one.notice.key.encode()).hexdigest(),
        "payload": {
            "summary": one.notice.title[:_SUMMARY_CHARACTERS],
            "source": one.notice.contract[0],
            "severity": one.notice.level,
            "custom_details": {"text": text[:_MESSAGE_CHARACTERS], "entry": one.seq},
        },
    }
    _post(filled(channel.url, environment), body, {}, channel.name)


def _post(url: str, body: Any, headers: Mapping[str, str], name: str) -> None:
    import urllib3

    try:
        # No redirection is followed: it would carry the secrets in the headers to somebody else.
        answer = urllib3.request(
            "POST",
            url,
            body=orjson.dumps(body),
            headers={"Content-Type": "application/json", **headers},
            timeout=TIMEOUT_SECONDS,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError, UnicodeError) as error:
        # What an error of the library quotes may hold the address, which is a secret at Slack.
        raise BusyError(f"channel {name} cannot be reached: {type(error).__name__}") from None
    if not 200 <= answer.status < 300:
        raise BusyError(f"channel {name} answered {answer.status}")


def _mail(channel: Smtp, waiting: Sequence[Waiting], text: str, environment: Mapping[str, str]) -> None:
    message = EmailMessage()
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    message["Subject"] = " ".join((waiting[0].notice.title + more).split())[:200]
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message["Message-ID"] = f"<{_key(waiting)[:40]}@tallystick>"
    message.set_content(text[:_MESSAGE_CHARACTERS])
    context = ssl.create_default_context()
    try:
        kind = smtplib.SMTP_SSL if channel.security == "tls" else smtplib.SMTP
        arguments: dict[str, Any] = {"context": context} if channel.security == "tls" else {}
        with kind(channel.host, channel.port, timeout=TIMEOUT_SECONDS, **arguments) as server:
            if channel.security == "starttls":
                server.starttls(context=context)
            if channel.user is not None and channel.password is not None:
                server.login(filled(channel.user, environment), filled(channel.password, environment))
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise BusyError(f"channel {channel.name} cannot be reached: {type(error).__name__}") from None
