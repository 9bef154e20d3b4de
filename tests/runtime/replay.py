"""Runs every command of a database's journal again in memory and compares the bytes; prints what agreed."""

from __future__ import annotations

import json
import sys

from overspill import Engine, ManualClock, Request


def main(path: str) -> None:
    with Engine.open(db=path, clock=ManualClock(0)) as original:
        records = list(original.records())
    clock = ManualClock(0)
    agreed = 0
    with Engine.open(clock=clock) as copy:
        for record in records:
            clock.set(record.at)
            payload = json.loads(bytes(record.command))
            match record.key[2]:
                case "set":
                    answer = copy.set_attributes(payload["account"], payload["attributes"], id=payload["id"])
                case "grant":
                    answer = copy.grant(payload["account"], payload["pool"], payload["amount"], id=payload["id"])
                case "void":
                    answer = copy.void(payload["account"], payload["pool"], payload["lot"], id=payload["id"])
                case "transfer":
                    names = ("account", "pool", "lot", "to")
                    answer = copy.transfer(
                        *[payload[name] for name in names], id=payload["id"], amount=payload["amount"]
                    )
                case "grant_reset":
                    answer = copy.grant_reset(payload["account"], payload["limit"], id=payload["id"])
                case "redeem":
                    answer = copy.redeem(payload["account"], payload["limit"], id=payload["id"])
                case "capture":
                    final = payload.get("final", True)
                    answer = copy.capture(payload["hold"], payload["meters"], id=payload["id"], final=final)
                case "extend":
                    answer = copy.extend(payload["hold"], id=payload["id"])
                case "reserve":
                    answer = copy.reserve(Request(**payload))
                case _:
                    answer = copy.decide(Request(**payload))
            agreed += answer.json == bytes(record.answer)
    print(agreed, "of", len(records))


if __name__ == "__main__":
    main(sys.argv[1])
