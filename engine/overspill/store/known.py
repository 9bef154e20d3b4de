"""What is known of a journal outside of its database: is a database the one that was decided on last?

A database that was put back, by `overspill db restore` or by hand, lacks what was decided since: windows would be open
again, credits spent twice, ids answered anew. It says so by itself (`restores`), or what is known elsewhere does: its
anchor, the manifest of an export or of a backup, each the number of a record and the hash of the journal there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from overspill.ports.store import Head, Restored, Store
from overspill.store.anchor import Anchor
from overspill.words.codec import JsonFault, Struct, json_decoder
from overspill.words.failures import Failure, StoreFailure

if TYPE_CHECKING:
    from pathlib import Path

ACCEPT = "see what is missing and accept it with `overspill db accept`"


class Known(Struct, frozen=True):
    """A journal's end as `by` knows it."""

    head: Head
    by: str


class _Manifest(Struct, frozen=True):
    """What the manifests of exports and of backups have in common: the last record, and the hash of the journal there."""

    to: int
    hash: str


_manifest = json_decoder(_Manifest).decode


def refuse_restored(store: Store) -> None:
    """Raises StoreFailure for a database that nobody may decide on: `restored`, `records_missing`, `other_history`."""
    known = _known_by_anchor(store)
    pending = store.restores.pending()
    if pending is not None:
        raise StoreFailure("restored", f"{_words(store, pending)}, and nobody has accepted that yet", help=ACCEPT)
    missing = missing_from(store, known)
    if missing is not None:
        what = f"{store.name} ends at record {missing[0] - 1}, and the anchor knows record {missing[1]}: it is an older copy"
        raise StoreFailure("records_missing", what, help=f"put the newer one back, or {ACCEPT}")


def _words(store: Store, restored: Restored) -> str:
    before = "" if restored.known is None else f" while record {restored.known.seq} was there before"
    return f"{store.name} was put back from {restored.source}, which ends at record {restored.head.seq}{before}"


def all_known(store: Store, files: Iterable[Path]) -> list[Known]:
    """What its anchor, whoever put it back, and the named files know. Raises Failure for a file that is none."""
    known = _known_by_anchor(store)
    pending = store.restores.pending()
    if pending is not None and pending.known is not None:
        known.append(Known(pending.known, "the database that was there before"))
    return [*known, *map(known_from, files)]


def _known_by_anchor(store: Store) -> list[Known]:
    head = store.anchored()
    return [] if head is None else [Known(head, f"the anchor of {store.name}")]


def known_from(path: Path) -> Known:
    """What a manifest knows (or the folder of an export), or an anchor. Raises Failure."""
    file = path / "manifest.json" if path.is_dir() else path
    anchored = Anchor(str(file)).known()
    if anchored is not None:
        return Known(anchored, str(path))
    try:
        manifest = _manifest(file.read_bytes())
        return Known(Head(manifest.to, bytes.fromhex(manifest.hash)), str(path))
    except OSError as error:
        raise Failure(
            "unreadable", f"{file}: {error.strerror}", help="name the manifest of an export or of a backup"
        ) from None
    except (JsonFault, ValueError):
        what = f"{file} says nothing of a journal's end"
        raise Failure("not_a_manifest", what, help="name the manifest of an export or of a backup") from None


def missing_from(store: Store, known: Iterable[Known]) -> tuple[int, int] | None:
    """The first and the last record that somebody knows and the database lacks; None: it lacks nothing that is known.
    Raises StoreFailure `other_history` where it has another journal than somebody knows."""
    seq, last = store.head().seq, 0
    for one in known:
        last = max(last, one.head.seq)
        if one.head.seq <= seq and store.hash_at(one.head.seq) != one.head.hash:
            what = f"the journal of {store.name} is another one at record {one.head.seq} than {one.by} knows"
            help = "it was replaced, or decided on after it was put back: put the right one there"
            raise StoreFailure("other_history", what, help=help)
    return (seq + 1, last) if last > seq else None
