"""HTML from values of strangers: every text is escaped, cut to a length, and cannot turn the direction of what it stands in.

`Html` is text that is markup already. Whatever else is given to a function of this module is escaped by it, so that no
caller can forget to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

TEXT_CHARACTERS: Final = 400
# What HTML cannot hold, and marks that could make a name read as another one.
_HIDDEN: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]|[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


class Html(str):
    """Markup: text that is not escaped again."""

    __slots__ = ()


# Where a name may go on in the next line: between what holds and what is held, and only where that leaves a long piece, at
# the next kind of joint; never within a number or a version, and anywhere in what has no joints.
_JOINTS: Final = tuple(re.compile(rf"(?<=[^\s{s}]{{3}}[{s}])(?=[^\s{s}]{{4}})") for s in (r"|./", r":", r"_;,@=-"))
_SHORT: Final = 24
_LONG: Final = 40
_RUN: Final = re.compile(r"\S{1,40}")
_WORD: Final = re.compile(r"\S+|\s+")

Value = str | int | Html


def html(value: Value, *, limit: int = TEXT_CHARACTERS) -> Html:
    """Return `value` as markup: escaped unless it is markup, at most `limit` characters of it."""
    if isinstance(value, Html):
        return value
    return Html(escape(_cut(str(value), limit)))


def wrapping(value: Value, *, limit: int = TEXT_CHARACTERS) -> Html:
    """Return `value` as `html` does, ready to go on in the next line between the words of a name and never within one."""
    if isinstance(value, Html):
        return value
    return Html("".join("<wbr>".join(map(escape, _pieces(word))) for word in _WORD.findall(_cut(str(value), limit))))


def _pieces(word: str) -> list[str]:
    pieces = _JOINTS[0].split(word)
    for joint in _JOINTS[1:]:
        pieces = [part for piece in pieces for part in (joint.split(piece) if len(piece) > _SHORT else [piece])]
    return [part for piece in pieces for part in (_RUN.findall(piece) if len(piece) > _LONG else [piece])]


def _cut(text: str, limit: int) -> str:
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return _HIDDEN.sub("\ufffd", text)


def element(tag: str, *content: Value, **attributes: Value) -> Html:
    """Return `<tag …>content</tag>`; `class_` stands for `class`, and `_` in a name for `-`."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{html(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{given}>{''.join(map(html, content))}</{tag}>")


def join(parts: Iterable[Value], between: Value = "") -> Html:
    """Return the parts one after another."""
    return Html(html(between).join(map(html, parts)))


def section(id: str, title: str, *content: Html) -> Html:
    """Return a section with its heading; nothing when it has no content."""
    if not any(content):
        return Html("")
    return Html(f"{element('section', element('h2', title), *content, id=id)}\n")


def table(head: Sequence[str], rows: Iterable[Sequence[Value]], *, class_: str = "") -> Html:
    """Return a table in a box of its own, which scrolls where the page is narrow; nothing without rows.

    Numbers stand to the right, their digits grouped, and so does the title of a column that holds nothing else.
    """
    listed = list(rows)
    if not listed:
        return Html("")
    body = "\n".join(map(_row, listed))
    titles = join(
        element("th", title, scope="col", **({"class_": "number"} if all(map(_is_number, column)) else {}))
        for title, column in zip(head, zip(*listed, strict=True), strict=True)
    )
    return Html(
        f'<div class="wide"><table class="{html(class_)}"><thead><tr>{titles}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _row(cells: Sequence[Value]) -> str:
    return "<tr>" + "".join(map(_cell, cells)) + "</tr>"


def _cell(cell: Value) -> str:
    return f'<td class="number">{cell:,}</td>' if isinstance(cell, int) else f"<td>{wrapping(cell)}</td>"


def _is_number(cell: Value) -> bool:
    return isinstance(cell, int)


def pairs(rows: Iterable[tuple[str, Value]]) -> Html:
    """Return a list of terms and what they are; pairs without a value are left out."""
    listed = "\n".join(f"<dt>{html(term)}</dt><dd>{html(value)}</dd>" for term, value in rows if value != "")
    return Html(f"<dl>\n{listed}\n</dl>") if listed else Html("")


def code(text: str, *, limit: int = TEXT_CHARACTERS) -> Html:
    """Return `text` in the script of machines."""
    return Html(f"<code>{wrapping(text, limit=limit)}</code>")


def badge(text: str, tone: str = "plain") -> Html:
    """Return a word in a coloured frame; `tone` is plain, good, warn or bad."""
    return Html(f'<span class="badge {html(tone)}">{html(text)}</span>')


def brief(hash: str) -> Html:
    """Return the first 16 digits of a hash; the whole of it shows under the pointer."""
    return Html(f'<code title="{html(hash)}">{html(hash[:16])}…</code>')


def minutes(at: str) -> Html:
    """Return a time of the ledger for people, to the second, in UTC."""
    return Html(f'<time datetime="{html(at)}">{html(at[:19].replace("T", " "))}</time>')
