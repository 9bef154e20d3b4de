"""Decides on one file and prints each acknowledged id, and the code of each failure behind a `!`. What may pass is asked
again; with anything else it ends and says why, as a service that is told to open the file again would."""

from __future__ import annotations

import sys

from overspill import Engine, Request, StoreFailure
from overspill.runtime.outage import PASSING
from store.places import ANA, POLICY

ASKED_MAX = 50


def main(db: str, name: str, most: int) -> int:
    try:
        with Engine.open(POLICY, db=db) as engine:
            print("ready", flush=True)
            return max(_decided(engine, f"{name}-{number}") for number in range(most))
    except StoreFailure as failure:
        print("!", failure.code, flush=True)
        print(failure, file=sys.stderr)
        return 3


def _decided(engine: Engine, id: str) -> int:
    for _ in range(ASKED_MAX):
        try:
            decision = engine.decide(Request(id=id, account=ANA, meters={"credits": 1}))
        except StoreFailure as failure:
            if failure.code not in PASSING:
                raise
            print("!", failure.code, flush=True)
        else:
            print(decision.id, flush=True)
            return 0
    return 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
