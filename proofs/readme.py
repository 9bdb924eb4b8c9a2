"""README.txt, the same text in every bundle: what it is, and how to check it with tools that every auditor has.

The verifier compares it with this copy, so that nobody who makes a bundle can tell its reader to check less. Every
command in it is run by a test; a line of commands is indented by four spaces.

Source: docs/formats/bundle.md.
"""

from __future__ import annotations

from typing import Final

TEXT: Final = r"""EVIDENCE FROM A TALLYSTICK LEDGER

This folder answers one question that was put to a ledger; data/scope.json says which, by whom and when. It is
made so that you need not believe whoever handed it to you: each entry is part of a tree whose root the ledger
signed, and a census in that tree counts the entries of every stream, so that none can be left out.

    data/report.html        the answer, for people
    data/scope.json         the question, and the control totals
    data/entries.jsonl      the entries: what the ledger wrote down, one a line
    data/bodies.jsonl       what the entries speak of, where it is disclosed
    data/parts.jsonl        personal values that were cut out of it, likewise
    data/lineage.json       which dataset derives from which, as those entries say
    data/checkpoint         the ledger's signature over everything up to the census
    data/census.json        how many entries each stream in question has
    data/proofs.json, data/consistency.json, data/keys.json, data/handovers/    what leads from one to the other
    manifest-sha256.txt, tagmanifest-sha256.txt, signatures/                    the seal over all of this

report.html, lineage.svg and prov.json are renderings: nobody but the one who made this folder answers for them.

What it cannot show: an event that nobody sent to the ledger; whether what a producer sent was true; and, without a
witness in your trust file or a checkpoint that you kept, whether others are shown another history of the same ledger.


THE WHOLE CHECK

The verifier is one file, verify.pyz, and needs Python 3.11 or newer and nothing else, no network either. Take it from
the project, from whoever keeps the ledger, or from a colleague, but never from the one who gave you this bundle, and
compare its SHA-256. trust.txt names the ledger's key and its witnesses; it must come to you by another way, too.

    python3 -I -S verify.pyz --trust trust.txt BUNDLE.zip

It ends with status 0 only if everything below, and all that no shell can check (the tree, the census, that nothing was
left out), holds. If you keep the file data/checkpoint, then next year --expect-head FILE shows that history was not
rewritten in between.


BY HAND, WITH unzip, openssl AND sha256sum

You need evidence.pem, the ledger's public evidence key, from someone whom you trust. Put it beside the archive.

0. Unpack.

    unzip -q BUNDLE.zip
    cd BUNDLE

1. Is it the key that the ledger named? Both lines print the same 64 digits, and they are those that you were told:

    openssl pkey -pubin -in ../evidence.pem -outform DER | sha256sum | cut -c1-64
    sed 's/.*"evidence":"\([0-9a-f]*\)".*/\1/' data/keys.json

2. Did that key seal this folder? It prints: Signature Verified Successfully

    openssl pkeyutl -verify -pubin -inkey ../evidence.pem -rawin -in tagmanifest-sha256.txt \
      -sigfile signatures/tagmanifest.ed25519.sig

3. Is every file as it was sealed? Each line ends in OK:

    sha256sum -c --strict tagmanifest-sha256.txt
    sha256sum -c --strict manifest-sha256.txt

4. Is there a file too many? It prints nothing:

    { cut -c67- manifest-sha256.txt tagmanifest-sha256.txt
      echo tagmanifest-sha256.txt; echo signatures/tagmanifest.ed25519.sig; } | LC_ALL=C sort > ../listed
    find . -type f | cut -c3- | LC_ALL=C sort | diff - ../listed

5. Did the key sign the statement, too? It prints: Signature Verified Successfully

    { printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(($(wc -c < data/statement.json)))"
      cat data/statement.json; } > ../pae
    sed 's/.*"sig":"\([^"]*\)".*/\1/' signatures/statement.dsse.json | base64 -d > ../pae.sig
    openssl pkeyutl -verify -pubin -inkey ../evidence.pem -rawin -in ../pae -sigfile ../pae.sig

6. One link of the chain. The hash of the entry on line N (here 1) is the "prev" of the next line, where
   the "seq" of that one is one higher; both lines print the same:

    { printf '\000'; sed -n 1p data/entries.jsonl | tr -d '\n'; } | sha256sum | cut -c1-64
    sed -n 2p data/entries.jsonl | sed 's/.*"prev":"\([0-9a-f]*\)".*/\1/'

7. One body. What line N of data/bodies.jsonl discloses (here 1) is what the entry on line N committed to; both lines
   print the same:

    sed -n 1p data/bodies.jsonl > ../body.json
    { printf 'tallystick/body/v1\000'
      sed 's/.*"salt":"\([^"]*\)".*/\1/' ../body.json | base64 -d
      sed 's/.*"bytes":"\([^"]*\)".*/\1/' ../body.json | base64 -d; } | sha256sum | cut -c1-64
    sed -n 1p data/entries.jsonl | sed 's/.*"body":"\([0-9a-f]*\)".*/\1/'

   A part is checked likewise, with tallystick/part/v1 and data/parts.jsonl.

The formats are published with the project, in docs/formats/, well enough to write another verifier from.
"""
