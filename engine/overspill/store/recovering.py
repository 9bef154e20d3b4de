"""An export → the records that a database lacks, behind its end. What was put back is brought on to where the export ends;
all else, states and postings, follows from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from overspill.ports.store import Head, Store, StoredPolicy
from overspill.records.journal import Segment, segment_hash, stored_records
from overspill.store.export_reader import Export, opened_export
from overspill.store.known import known_from, missing_from
from overspill.words.failures import StoreFailure

SEGMENTS_AT_ONCE = 64


def recovered(store: Store, folder: Path) -> int:
    """How many records were added. Raises Failure for an export that is not whole, or that does not continue the journal;
    what was added before that stays, and is part of the one chain."""
    export = opened_export(folder)
    if missing_from(store, [known_from(folder)]) is None:
        return 0
    before = store.head()
    _put_policies(store, export)
    batch: list[Segment] = []
    for segment in _behind(export, before, store.name):
        batch.append(segment)
        if len(batch) == SEGMENTS_AT_ONCE:
            _append(store, export, batch)
            batch.clear()
    _append(store, export, batch)
    return store.head().seq - before.seq


def _behind(export: Export, end: Head, name: str) -> Iterator[Segment]:
    """The export's segments behind `end`, each continuing the one before it."""
    for segment in export.segments():
        if segment.last_seq <= end.seq:
            continue
        if segment.first_seq > end.seq + 1:
            what = f"{export.folder} begins at record {segment.first_seq}, and {name} ends at record {end.seq}"
            raise StoreFailure("records_missing", what, help="recover from an export that reaches back further, first")
        follows = (segment.first_seq, segment.previous_hash) == (end.seq + 1, end.hash)
        if not follows or segment_hash(segment.previous_hash, segment.body) != segment.hash:
            what = f"the journal of {export.folder} does not continue that of {name} at record {end.seq + 1}"
            raise StoreFailure("other_history", what, help="use the export of this database")
        yield segment
        end = Head(segment.last_seq, segment.hash)


def _put_policies(store: Store, export: Export) -> None:
    store.begin()
    try:
        for one in export.policies():
            sources = {name: text.encode() for name, text in one.sources.items()}
            store.put_policy(StoredPolicy(one.digest, one.name, one.version, sources))
        store.commit()
    except BaseException:
        store.rollback()
        raise


def _append(store: Store, export: Export, segments: list[Segment]) -> None:
    if not segments:
        return
    store.begin()
    try:
        for segment in segments:
            for id in {record.form for record in stored_records(segment)} - {""}:
                store.put_form(export.form(id))
            if segment.build is not None:
                store.use_build(segment.build)
            store.append(segment, has_events=True)
        store.commit()
    except BaseException:
        store.rollback()
        raise
