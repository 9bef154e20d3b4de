"""Exports in memory: what `overspill export` writes of a journal that is settled, as bytes by file name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from overspill.audit.auditing import BOUNDS, Bounds, Verdict, audited
from overspill.audit.chart import owner_of
from overspill.audit.findings import Findings
from overspill.audit.folder import given_of
from overspill.book.amounts import decimal_text
from overspill.book.post import post
from overspill.book.state import Book
from overspill.records import export
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Segment, records_of, segment_hash
from overspill.records.postings import Posted
from overspill.records.written import Form
from overspill.words.codec import Light, json_bytes, json_lines, sorted_json_bytes

Files = dict[str, bytes]
BUILD = Build(overspill="0", kernel="sha256:0", tzdata="0")
BLOCK = 50_000


def exported(segments: Sequence[Segment], forms: Mapping[str, Form], settled_through: int | None = None) -> Files:
    """The export of a journal that is settled through a record (None: all)."""
    through = segments[-1].last_seq if settled_through is None else settled_through
    book, posted = Book(), list[Posted]()
    digests: dict[str, None] = {}
    for record in records_of(segments, forms.__getitem__):
        if record.key[2] in ("consume", "reserve"):
            digests[json.loads(bytes(record.answer))["policy"]["digest"]] = None
        if record.seq <= through:
            found = post(book, record)
            assert isinstance(found, Posted)
            posted.append(found)
    files: Files = {
        export.FORMS: lines(forms.values()),
        export.TRANSACTIONS: lines(one.transaction for one in posted if one.transaction is not None),
        export.USAGE_EVENTS: lines(one.usage for one in posted if one.usage is not None),
        export.MONETIZATION_EVENTS: lines(one.monetization for one in posted if one.monetization is not None),
        export.BALANCE_UPDATES: lines(row for one in posted for row in one.updates),
        export.BALANCES: lines(sorted(_balances(book), key=lambda row: (row.owner, row.account, row.asset))),
        export.PARKED: b"",
        export.POLICIES: lines(
            export.PolicyLine(digest=digest, name="p", version=1, sources={}) for digest in sorted(digests)
        ),
    }
    return rechained(files, [segment.body for segment in segments], through)


def _balances(book: Book) -> list[export.BalanceLine]:
    return [
        export.BalanceLine(
            owner=owner_of(book.tenant, account), account=account, asset=asset, amount=decimal_text(amount)
        )
        for (account, asset), amount in book.balances.items()
    ]


def lines(rows: Iterable[Light]) -> bytes:
    return json_lines(list(rows))


def rechained(files: Files, bodies: Sequence[bytes], settled_through: int) -> Files:
    """The files with another journal, whose hashes are as they must be."""
    hash, segments, seq = GENESIS, list[export.SegmentLine](), 0
    for body in bodies:
        before, hash = hash, segment_hash(hash, body)
        first, seq = seq + 1, seq + body.count(b"\n")
        segments.append(
            export.SegmentLine(
                first_seq=first, last_seq=seq, previous_hash=before.hex(), hash=hash.hex(), bytes=len(body), build=BUILD
            )
        )
    files = {**files, export.JOURNAL: b"".join(bodies), export.SEGMENTS: lines(segments)}
    said = export.Manifest(
        version=export.VERSION,
        from_=1,
        to=seq,
        settled_through=settled_through,
        previous_hash=GENESIS.hex(),
        hash=hash.hex(),
        made_by=BUILD,
        files={},
    )
    return counted({**files, export.MANIFEST: sorted_json_bytes(said)})


def counted(files: Files) -> Files:
    """The files with a manifest that says of them what they are."""
    facts = {
        name: {"rows": data.count(b"\n"), "bytes": len(data), "sha256": sha256(data).hexdigest()}
        for name, data in files.items()
        if name != export.MANIFEST
    }
    return {**files, export.MANIFEST: json_bytes({**json.loads(files[export.MANIFEST]), "files": facts})}


def verdict_of(files: Files, now: int | None = None, bounds: Bounds = BOUNDS) -> Verdict:
    """What the audit says of an export."""

    def blocks(name: str) -> Iterable[bytes]:
        data = files[name]
        return (data[start : start + BLOCK] for start in range(0, len(data), BLOCK))

    found = Findings()
    names = [name for name in files if name != export.MANIFEST]
    return audited(given_of(files[export.MANIFEST], blocks, names, found, now, bounds), found)
