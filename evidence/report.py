"""report.html: the answer for people, on one page without script that loads nothing and prints well.

It tells what was asked and what the log says, never whether that is true: the verdict is the verifier's, whom the maker
of a bundle must not bring along. Equal answers give equal pages.

Source: docs/formats/bundle.md, "report.html".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Final

from evidence import deletion_section, wording
from evidence.answer import Answer, Item
from evidence.markup import (
    Html,
    Value,
    badge,
    brief,
    code,
    element,
    html,
    join,
    minutes,
    pairs,
    section,
    table,
    wrapping,
)
from evidence.paper import paper
from evidence.redact import Content
from evidence.wording import told
from proofs.bundle import RENDERINGS
from proofs.disclosure import STATES
from proofs.edges import Graph
from proofs.entry import LEDGER_PREFIX
from proofs.scope import Window

PATH: Final = RENDERINGS[-1]
TIMELINE_ROWS: Final = 1_000
TABLE_ROWS: Final = 300
_TONES: Final = {
    "ALLOW": "good",
    "ALLOW_WITH_ALERT": "warn",
    "BLOCK_AND_ROLLBACK": "bad",
    "disclosed": "good",
    "withheld": "plain",
    "destroyed": "warn",
    "committed": "good",
    "attempted": "bad",
    "open": "warn",
}
_COMMANDS: Final = """python3 -I -S verify.pyz --trust trust.txt BUNDLE.zip

# by hand, in the unpacked folder, with the evidence key from someone whom you trust
openssl pkeyutl -verify -pubin -inkey ../evidence.pem -rawin -in tagmanifest-sha256.txt \\
  -sigfile signatures/tagmanifest.ed25519.sig
sha256sum -c --strict tagmanifest-sha256.txt manifest-sha256.txt"""


def page(answer: Answer, graph: Graph, picture: bytes) -> bytes:
    """Return the page.

    Args:
        graph: The lineage of the disclosed bodies.
        picture: It, drawn as an SVG document.
    """
    title = _title(answer)
    style = files("evidence").joinpath("report.css").read_text(encoding="utf-8")
    main = join(
        [
            _facts(answer),
            _notice(),
            _question(answer),
            deletion_section.render(answer.items, at=answer.census.at, asked=_request(answer)),
            _decisions(answer.items),
            _lineage(graph, picture, {item.entry.seq for item in _shown(answer.items)}),
            _timeline(answer.items),
            _check(answer),
        ]
    )
    return paper(title, style, _header(answer, title), main, _footer(answer))


def _title(answer: Answer) -> str:
    question = answer.question
    match question.kind:
        case "dataset":
            return f"Everything recorded of {question.subject}"
        case "deletion":
            return f"Deletion request {question.subject}"
        case "stream":
            return f"All events of {question.streams[0].name}"
    return "The whole log"


def _request(answer: Answer) -> str | None:
    return answer.question.subject if answer.question.kind == "deletion" else None


def _header(answer: Answer, title: str) -> Html:
    asked = join(
        [
            html("Asked by "),
            code(answer.terms.asked_by),
            html(" on "),
            minutes(answer.terms.asked_at),
            html(" UTC, answered by the census of "),
            minutes(answer.census.at),
            html(" UTC."),
        ]
    )
    kind = element("p", f"Evidence from the ledger {answer.checkpoint.origin}", class_="kind")
    return element("header", kind, element("h1", title), element("p", asked, class_="soft"))


def _facts(answer: Answer) -> Html:
    inside = [item for item in answer.items if item.is_inside]
    bodies = [item.body for item in answer.items]
    parts = [part for item in answer.items for _, part in item.parts]
    cards: list[tuple[Value, str]] = [
        (len(inside), "entries answer the question"),
        (len(answer.items) - len(inside), "entries of context: neighbours, keys, census"),
        (_count(bodies, "disclosed"), f"of {len(bodies):,} bodies disclosed"),
    ]
    cards += [(n, f"bodies {state}") for state in ("withheld", "destroyed") if (n := _count(bodies, state))]
    cards += [
        (n, f"{'personal part' if n == 1 else 'personal parts'} {state}")
        for state in STATES
        if (n := _count(parts, state))
    ]
    cards.append((answer.checkpoint.size, "entries in the log, all under one signature"))
    return Html(f"{element('div', *(_card(*card) for card in cards), class_='facts')}\n")


def _card(number: Value, text: str) -> Html:
    return element(
        "div", element("b", f"{number:,}" if isinstance(number, int) else number), element("span", text), class_="fact"
    )


def _count(contents: Iterable[Content], state: str) -> int:
    return sum(content.state == state for content in contents)


def _notice() -> Html:
    text = (
        "This page is a rendering by whoever made the bundle, and proves nothing. The entries beside it prove themselves: "
        "let the verifier say whether they do, and whether one is missing."
    )
    return Html(f"{element('div', element('p', text), class_='notice')}\n")


def _question(answer: Answer) -> Html:
    listed = {stream.name: stream for stream in answer.streams}
    windows = answer.question.streams
    rows = [
        (
            code(window.name),
            *_bounds(window),
            listed[window.name].listed,
            listed[window.name].count,
            _absence(listed[window.name].count),
        )
        for window in windows[:TABLE_ROWS]
    ]
    asked = pairs(
        [
            ("Log", code(answer.checkpoint.origin)),
            ("Kind of question", answer.question.kind),
            ("Census", join([html(f"entry {answer.census.seq}, "), minutes(answer.census.at), html(" UTC")])),
            ("Root", code(answer.checkpoint.root.hex())),
        ]
    )
    streams = table(("Stream", "From", "To", "In the window", "In all", ""), rows)
    return section("question", "What was asked", asked, streams, _cut(len(windows), len(rows), "streams", "scope.json"))


def _bounds(window: Window) -> tuple[Value, Value]:
    start = minutes(window.start) if window.start else "the beginning"
    return start, minutes(window.stop) if window.stop else "the census"


def _absence(count: int) -> Value:
    return "" if count else badge("proven to be empty")


def _decisions(items: Sequence[Item]) -> Html:
    decided = [item for item in items if item.entry.type == "tallystick.validation.decided.v1" and item.body.data]
    rows = []
    for item in decided[-TABLE_ROWS:]:
        body = wording.parse(item.body.data)
        decision = told(body, "decision")
        rows.append(
            (
                _reference(item.entry.seq),
                minutes(item.entry.at),
                badge(decision, _TONES.get(decision, "plain")),
                f"{told(body, 'dataset.namespace')}|{told(body, 'dataset.name')}",
                f"{told(body, 'contract.name')} {told(body, 'contract.version')}",
                wording.percent(told(body, "risk")).replace(" ", "\N{NO-BREAK SPACE}"),
                _reasons(wording.look(body, "reasons")),
            )
        )
    head = ("Entry", "At (UTC)", "Decision", "Dataset", "Contract", "Risk", "Reasons")
    note = _cut(len(decided), len(rows), "decisions, the last ones", "bodies.jsonl")
    return section("decisions", "What was decided", table(head, rows, class_="decisions"), note)


def _reasons(reasons: object) -> str:
    given = reasons if isinstance(reasons, list) else []
    return ", ".join(f"{told(reason, 'cause')} {told(reason, 'rule')}".strip() for reason in given)


def _lineage(graph: Graph, picture: bytes, shown: set[int]) -> Html:
    if not graph.nodes:
        return Html("")
    rows = [
        (
            edge.source.text,
            edge.target.text,
            edge.job.text if edge.job else "",
            badge(edge.state, _TONES.get(edge.state, "plain")),
            join([*(_reference(seq, is_shown=seq in shown) for seq in edge.seqs), *["…"] * edge.more], ", "),
        )
        for edge in graph.edges[:TABLE_ROWS]
    ]
    drawn = Html(f'<div class="picture">{picture.decode()}</div>')
    head = ("From", "To", "Job", "State", "Entries that say so")
    note = _cut(len(graph.edges), len(rows), "edges", "lineage.json")
    return section("lineage", "What derives from what", drawn, element("h3", "Edges"), table(head, rows), note)


def _reference(seq: int, *, is_shown: bool = True) -> Html:
    return Html(f'<a href="#e{seq}">{seq}</a>') if is_shown else html(seq)


def _shown(items: Sequence[Item]) -> Sequence[Item]:
    half = TIMELINE_ROWS // 2
    return items if len(items) <= TIMELINE_ROWS else [*items[:half], *items[-half:]]


def _timeline(items: Sequence[Item]) -> Html:
    shown = _shown(items)
    rows = [
        (
            Html(f'<a id="e{item.entry.seq}">{item.entry.seq}</a>'),
            minutes(item.entry.at),
            code(item.entry.type),
            _says(item),
            _role(item),
            brief(item.entry.body.hex()),
        )
        for item in shown
    ]
    head = ("Entry", "At (UTC)", "Type", "What it says", "Why it is here", "Commitment to its body")
    note = _cut(len(items), len(shown), "entries, the first and the last", "entries.jsonl")
    return section("timeline", "What the log holds", table(head, rows, class_="timeline"), note)


def _says(item: Item) -> Html:
    said = [wrapping(wording.line(item.entry.type, item.body.data))]
    if item.body.state != "disclosed":
        said = [badge(f"body {item.body.state}", _TONES[item.body.state])]
    said += [
        join([Html(" "), badge(f"part {pointer or 'whole'} {part.state}", _TONES[part.state])])
        for pointer, part in item.parts
    ]
    return join(said)


def _role(item: Item) -> str:
    if item.is_inside:
        return "answers"
    return "the ledger's own" if item.entry.type.startswith(LEDGER_PREFIX) else "neighbour"


def _check(answer: Answer) -> Html:
    text = (
        "Take the verifier and the trust file from the ledger's keeper or from a colleague, never from the one who gave "
        "you this bundle. The keys' ids below must be those that you were told."
    )
    ids = pairs([("Log key", code(answer.keys.log.id)), ("Evidence key", code(answer.keys.evidence.id))])
    commands = element("pre", element("code", html(_COMMANDS, limit=len(_COMMANDS))))
    more = element("p", "README.txt in this folder has the whole check by hand.", class_="soft")
    return section("check", "How to check it", element("p", text), ids, commands, more)


def _footer(answer: Answer) -> Html:
    text = f"{answer.checkpoint.origin}, tree of {answer.checkpoint.size:,} entries. Issuer's rendering, not proven."
    return element("footer", element("p", text))


def _cut(total: int, shown: int, noun: str, file: str) -> Html:
    if shown == total:
        return Html("")
    return element("p", f"{shown:,} of {total:,} {noun}; all of them stand in {file}.", class_="soft")
