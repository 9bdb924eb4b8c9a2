"""evidence export, verify, trust: answers that prove themselves."""

from __future__ import annotations

from pathlib import Path

import click

from cli.output import say
from cli.session import Session, make_folder, pass_session, read_input, with_json, write_output
from evidence import question as questions
from evidence.question import Question
from evidence.seal import export as seal
from evidence.terms import Disclosure, Terms
from evidence.trust import evidence_pem, trust_text
from ledger.clock import print_at
from ledger.log import Ledger
from proofs import report
from proofs.__main__ import judge
from proofs.errors import RefusedError


@click.group()
def evidence() -> None:
    """Signed answers that an auditor checks offline."""


@evidence.command()
@click.option("--dataset", metavar="NS|NAME", help="Everything about a dataset.")
@click.option("--stream", metavar="NAME", help='Everything in a stream, for example "contract:orders".')
@click.option("--deletion", metavar="REQUEST", help="A deletion, with the lineage that shows nothing was forgotten.")
@click.option("--everything", is_flag=True, help="The whole log.")
@click.option("--from", "from_", metavar="TIME", help="Not before this time of the ledger.")
@click.option("--to", metavar="TIME", help="Before this time.")
@click.option("--since", metavar="FILE", help="A checkpoint that the reader kept; proves that the log grew from it.")
@click.option("--bodies", type=click.Choice(["none", "window", "listed"]), default="window", show_default=True)
@click.option("--asked-by", default="auditor", show_default=True, metavar="PSEUDONYM")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="The folder for the bundle."
)
@with_json
@pass_session
def export(
    session: Session,
    *,
    dataset: str | None,
    stream: str | None,
    deletion: str | None,
    everything: bool,
    from_: str | None,
    to: str | None,
    since: str | None,
    bodies: str,
    asked_by: str,
    out: Path,
) -> None:
    """Seal the answer to one question into a bundle.

    It is verified before it is kept.

    Example: tally evidence export --dataset 'warehouse|features' --from 2026-11-01
    """
    if sum(map(bool, (dataset, stream, deletion, everything))) != 1:
        raise click.UsageError("name one of --dataset, --stream, --deletion and --everything")
    kept = read_input(since, "checkpoint") if since else None
    window = (_moment(from_), _moment(to))
    with session.open() as log, session.output.progress("sealing") as advance:
        question = _question(log, dataset, stream, deletion, window)
        session.output.remark(_unknown(log, question))
        disclosure = Disclosure(bodies="none" if bodies == "none" else "listed" if bodies == "listed" else "window")
        terms = Terms(asked_by, print_at(log.clock()), disclosure, kept)
        sealed = seal(log, question, terms, out_dir=out, progress=lambda _stage, done, total: advance(done, total))
    if session.output.as_json:
        session.output.document(
            {"path": str(sealed.path), "name": sealed.name, "seq": sealed.seq, "status": sealed.verdict.status}
        )
    else:
        say(report.to_text(sealed.verdict).rstrip("\n"))
        say(f"\n✓ {sealed.path}" + ("" if sealed.seq is not None else "; the log is closed and does not record it"))


def _moment(time: str | None) -> str | None:
    try:
        return questions.as_at(time)
    except RefusedError as error:
        raise click.UsageError(error.what) from error


def _unknown(log: Ledger, question: Question) -> list[str]:
    """What the reader of an empty answer should know: it may be the name that is wrong."""
    noun = {"dataset": "dataset", "deletion": "request"}.get(question.kind)
    if noun is None:
        return []
    counts = log.store.streams.counts([window.name for window in question.streams])
    if any(counts.get(window.name) for window in question.streams):
        return []
    name = question.streams[0].name.partition(":")[2]
    return [f"the log knows no {noun} {name}: the bundle proves that it has no entry"]


def _question(
    log: Ledger, dataset: str | None, stream: str | None, deletion: str | None, window: tuple[str | None, str | None]
) -> Question:
    from cli.commands.lineage import read_dataset

    if dataset:
        node = read_dataset(dataset)
        return questions.about_dataset(node.namespace, node.name, *window)
    if stream:
        return questions.about_stream(stream, *window)
    if any(window):
        raise click.UsageError("--from and --to go with --dataset or --stream")
    return questions.about_deletion(log, deletion) if deletion else questions.everything()


@evidence.command()
@click.argument("bundles", metavar="BUNDLE", nargs=-1, required=True)
@click.option("--trust", metavar="FILE", help="The reader's own trust file (C2SP tlog-policy).")
@click.option("--expect-head", metavar="FILE", help="A checkpoint that the reader kept.")
@click.option("--not-before", metavar="TIME", help="The oldest census that is acceptable.")
@with_json
@pass_session
@click.pass_context
def verify(
    context: click.Context,
    session: Session,
    bundles: tuple[str, ...],
    *,
    trust: str | None,
    expect_head: str | None,
    not_before: str | None,
) -> None:
    """Verify a bundle, as verify.pyz does.

    It is the same judge, with the same exit statuses.

    Example: tally evidence verify --trust trust.txt BUNDLE.zip
    """
    try:
        verdict = judge(bundles, trust, expect_head, not_before)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    say((report.to_json(verdict).decode() if session.output.as_json else report.to_text(verdict)).rstrip("\n"))
    context.exit(verdict.status)


@evidence.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="The folder for the two files."
)
@with_json
@pass_session
def trust(session: Session, out: Path) -> None:
    """Write trust.txt and evidence.pem for your readers.

    A reader must have them from elsewhere than a bundle.

    Example: tally evidence trust --out handed-over
    """
    with session.open(read_only=True) as log:
        texts = {"trust.txt": trust_text(log), "evidence.pem": evidence_pem(log)}
    make_folder(out)
    for name, text in texts.items():
        write_output(out / name, text.encode())
    session.output.document({name: str(out / name) for name in texts}, "\n".join(f"✓ {out / name}" for name in texts))
