"""checkpoint, prove, census: what the log says of itself, signed."""

from __future__ import annotations

from pathlib import Path

import click

from cli.session import Session, pass_session, with_json, write_output
from ledger.checkpoint import read_checkpoint
from proofs.errors import MissingError
from proofs.tlogproof import TlogProof

_ENDING = ".tlog-proof"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Keep the signed note in a new file.")
@with_json
@pass_session
def checkpoint(session: Session, out: Path | None) -> None:
    """Sign the size and root of everything in the log.

    Example: tally checkpoint --out checkpoint
    """
    with session.open() as log:
        signed = log.checkpoint()
    if out is not None:
        write_output(out, signed.note)
    value = {"origin": signed.checkpoint.origin, "size": signed.checkpoint.size, "root": signed.checkpoint.root.hex()}
    session.output.document({**value, "note": signed.note.decode()}, signed.note.decode().rstrip("\n"))


@click.command()
@click.argument("seq", type=click.IntRange(0))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A new file, NAME.tlog-proof; or a folder, for SEQ.tlog-proof in it.",
)
@with_json
@pass_session
def prove(session: Session, seq: int, out: Path | None) -> None:
    """Prove that an entry is in the signed log.

    As c2sp.org/tlog-proof@v1 has it.

    Example: tally prove 17 --out 17.tlog-proof
    """
    if out is not None and out.is_dir():
        out = out / f"{seq}{_ENDING}"
    if out is not None and out.suffix != _ENDING:
        raise click.UsageError(f"--out {out.name!r} does not end in {_ENDING}, as c2sp.org/tlog-proof wants it")
    with session.open(read_only=True) as log:
        log.entry(seq)
        stored = [(size, note) for size, note in log.store.checkpoints.all() if size > seq]
        if not stored:
            raise MissingError(f"no checkpoint covers entry {seq} yet", hint="sign one with `tally checkpoint`")
        size, note = stored[-1]
        root = read_checkpoint(note, origin=log.origin).checkpoint.root
        path = log.tree.inclusion(seq, size)
    proof = TlogProof(index=seq, path=tuple(path), checkpoint=note.decode()).to_text()
    if out is not None:
        write_output(out, proof.encode())
    value: dict[str, object] = {
        "seq": seq,
        "size": size,
        "root": root.hex(),
        "path": [node.hex() for node in path],
        "proof": proof,
    }
    if out is not None:
        value["file"] = str(out)
    session.output.document(value, proof.rstrip("\n") if out is None else f"✓ {out}")


@click.command()
@with_json
@pass_session
def census(session: Session) -> None:
    """Count every stream and record the root of all counts.

    Example: tally census
    """
    with session.open() as log:
        receipt = log.take_census()
        body = log.entry(receipt.seq).json()
    session.output.facts({"seq": receipt.seq, "streams": body["streams"], "root": body["root"]}, "Census taken.")
