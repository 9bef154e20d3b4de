"""Decides without end on one file and prints each acknowledged id, until it is killed."""

from __future__ import annotations

import sys

from overspill import Engine, Request


def main(path: str, name: str, most: int) -> None:
    with Engine.open(db=path) as engine:
        print("ready", flush=True)
        for number in range(most):
            request = Request(
                id=f"{name}-{number}",
                account={"user": "u_ana"},
                fields={"product": "codex", "model": "gpt-5.5"},
                meters={"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
            )
            decision = engine.decide(request)
            print(decision.id, decision.outcome, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
