"""Every order of events around the real step, breadth first: `python tools/model.py [--quick]`.

The world is in `protocol.py`, what must hold in every state in `protocol_invariants.py`, and the bugs that must each
give a counterexample, the shortest first, in `protocol_bugs.py`. Exit code 0 when all is so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from overspill.account.state import EMPTY
from protocol import (
    FULL,
    INSTANTS,
    OPS,
    QUICK,
    RESERVES,
    TOP_UP,
    Broken,
    Scope,
    Served,
    State,
    begin,
    forget,
    identity,
    posted,
    put,
    read,
    serve,
)
from protocol_bugs import BUGS, Bug
from protocol_invariants import acknowledged, checked


def successors(state: State, shell: str) -> Iterator[tuple[str, State]]:
    """What can happen next."""
    if state.instant + 1 < len(INSTANTS):
        yield "time", state._replace(instant=state.instant + 1)
    for index, op in enumerate(OPS):
        if not state.sends[index] or (index not in (*RESERVES, TOP_UP) and not state.knows[op.client]):
            continue
        sends = put(state.sends, index, state.sends[index] - 1)
        accounts = [state.account, state.stale] if shell == "check, then write" else [state.account]
        for account in accounts:
            served = serve(state, op, shell, account)
            committed = state._replace(
                account=served.account,
                stale=state.account if shell == "check, then write" else EMPTY,
                keys=served.keys,
                sends=sends,
                ghost=posted(state.ghost, index, served, INSTANTS[state.instant]),
            )
            try:
                checked(state, committed, op, served)
                after = heard(committed, index, served)
            except Broken as broken:
                raise Broken(*broken.args, op.name) from None
            yield op.name, after
            if state.faults and (index in RESERVES or shell):
                keys = {} if shell == "keys are forgotten in a crash" else committed.keys
                crashed = after._replace(faults=state.faults - 1, keys=keys, knows=state.knows)
                yield f"{op.name}, crash before the reply", crashed
                if shell == "reply before the commit":
                    lost = state._replace(sends=sends, faults=state.faults - 1)
                    yield f"{op.name}, crash before the commit", heard(lost, index, served)


def heard(state: State, index: int, served: Served) -> State:
    """The client has the reply. It must be the same as any before (P2)."""
    if not served.reply:
        return state
    first = state.replies[index]
    if first and first != served.reply:
        raise Broken("a repetition is answered as the first time (P2)")
    after = state._replace(replies=put(state.replies, index, served.reply))
    if index in RESERVES and read(served.reply)["outcome"] == "allow":
        return after._replace(knows=put(state.knows, OPS[index].client, True))
    return after


class Found(NamedTuple):
    states: int
    edges: int
    depth: int
    counterexample: str
    """Empty: every invariant holds in every state."""


def explore(scope: Scope, bug: Bug) -> Found:
    """All states that can be reached, the nearest first, up to the first in which an invariant does not hold."""
    first = begin(scope)
    parents: dict[tuple[object, ...], tuple[tuple[object, ...], str] | None] = {identity(first): None}
    frontier, edges, depth = [first], 0, 0
    forget()
    with bug.patch():
        while frontier:
            following = []
            for state in frontier:
                here = identity(state)
                try:
                    for name, after in successors(state, bug.shell):
                        edges += 1
                        place = identity(after)
                        if place not in parents:
                            parents[place] = (here, name)
                            acknowledged(after, name)
                            following.append(after)
                except Broken as broken:
                    return Found(
                        len(parents), edges, depth + 1, f"{broken.args[0]}: {_way(parents, here)}{broken.args[1]}"
                    )
            frontier, depth = following, depth + 1
    return Found(len(parents), edges, depth, "")


def _way(parents: Mapping[tuple[object, ...], tuple[tuple[object, ...], str] | None], place: tuple[object, ...]) -> str:
    names = []
    while (parent := parents[place]) is not None:
        place, name = parent
        names.append(name)
    return "".join(f"{name}; " for name in reversed(names))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    began = time.monotonic()
    found = explore(QUICK if arguments.quick else FULL, Bug("none"))
    print(f"{found.states} states, {found.edges} edges, depth {found.depth}", flush=True)
    failed = bool(found.counterexample)
    if failed:
        print(f"NOT SO: {found.counterexample}")
    for bug in BUGS:
        caught = explore(FULL, bug)
        failed = failed or not caught.counterexample
        print(f"{bug.name}: {caught.counterexample or 'NOT FOUND'} ({caught.states} states)", flush=True)
    print(f"{len(BUGS)} planted bugs; {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
