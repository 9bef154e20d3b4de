"""A database that was put back, and what is known elsewhere → it is accepted, with what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from overspill.ports.store import Restored, Store
from overspill.store.chain import chain_of
from overspill.store.known import all_known, missing_from
from overspill.words.failures import Failure

UNKNOWN = "unknown"


def accepted(store: Store, files: Iterable[Path], missing: str | None, *, at: int, actor: str) -> str:
    """Accepts the database as it is; which records are lost: `` (none), `121..150` or `unknown`, and `missing` must say the
    same. Raises Failure, and then nothing has changed."""
    known = all_known(store, files)
    pending = store.restores.pending()
    lacks = missing_from(store, known)
    if pending is None and lacks is None:
        raise Failure("not_restored", f"{store.name} was not put back, or that is accepted", help="decide on it")
    lost = UNKNOWN if not known else "" if lacks is None else f"{lacks[0]}..{lacks[1]}"
    if lost != (missing or ""):
        raise _to_be_said(store, lost, missing)
    head = chain_of(store.name, store.segments(0), store.head()).head
    store.begin()
    try:
        if pending is None:
            store.restores.note(Restored(head, at, "a copy", max((one.head for one in known), key=lambda one: one.seq)))
        store.restores.accept(lost, at, actor)
        store.commit()
    except BaseException:
        store.rollback()
        raise
    store.anchor()
    return lost


def _to_be_said(store: Store, lost: str, missing: str | None) -> Failure:
    if not lost:
        what = f"nothing that is known is missing in {store.name}, and `{missing}` is said to be"
        return Failure("not_missing", what, help="leave out --missing")
    if lost == UNKNOWN:
        what = f"nothing is known of what {store.name} lacks"
        help = "name with --known the newest export or backup manifest; or, if there is none, say --missing unknown"
        return Failure("nothing_known", what, help=help)
    what = f"the records {lost} are known and not in {store.name}: their decisions, grants and ids are lost"
    return Failure("records_missing", what, help=f"put a newer one back, or accept that with --missing {lost}")
