"""A page of HTML that stands alone: no script, nothing loaded, light and dark, fit to print; equal content, equal bytes."""

from __future__ import annotations

from typing import Final

from evidence.markup import Html, html

# Were something not escaped after all, it could still neither run nor load.
_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
"""


def paper(title: str, style: str, header: Html, main: Html, footer: Html) -> bytes:
    """Return the page.

    Args:
        style: CSS of ours, which is not escaped.
    """
    return (
        f"{_HEAD}<title>{html(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{header}\n"
        f"<main>\n{main}</main>\n{footer}\n</body>\n</html>\n"
    ).encode()
