"""Decides without end on one database and prints each acknowledged answer, until it is killed. It asks again, with the same
id, whatever could not be decided. Given a point, it dies there by itself."""

from __future__ import annotations

import os
import signal
import sys
import time

from overspill import Engine, Request, StoreFailure
from overspill.ports.store import Store
from store.places import ANA, POLICY, segment

PASSING = ("unreachable", "commit_unknown", "busy", "disk_full")


def decides(db: str, name: str, most: int, settle: bool) -> None:
    engine = _patiently(db, settle)
    print("ready", flush=True)
    for number in range(most):
        while True:
            try:
                decision = engine.decide(Request(id=f"{name}-{number}", account=ANA, meters={"credits": 1}))
                break
            except StoreFailure as failure:
                if failure.code not in PASSING:
                    raise
                time.sleep(0.02)
        print(decision.id, decision.outcome, flush=True)
    engine.close()


def _patiently(db: str, settle: bool) -> Engine:
    while True:
        try:
            return Engine.open(POLICY, db=db, settle=settle)
        except StoreFailure as failure:
            if failure.code not in PASSING:
                raise
            time.sleep(0.05)


def dies(store: Store, point: str) -> None:
    """Killed at a point of a transaction."""
    store.begin()
    _here(point, "after begin")
    store.append(segment(store.head()), has_events=True)
    _here(point, "after append")
    store.append(segment(store.head()), has_events=True)
    store.write_snapshots([], [(7, 1)], ["a"], store.head().seq)
    _here(point, "before commit")
    store.commit()
    _here(point, "after commit")


def _here(point: str, place: str) -> None:
    if point == place:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[2] == "dies":
        from overspill.store.opened import opened

        dies(opened(sys.argv[1]), sys.argv[3])
    else:
        decides(sys.argv[1], sys.argv[2], int(sys.argv[3]), "unsettled" not in sys.argv)
