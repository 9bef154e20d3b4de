"""Accounts that hold much beside small ones, and what idle ones take of memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

from table import cpu, row
from worlds import NOW, account_of

from overspill import Request
from overspill.account.due import due_at
from overspill.account.state import EMPTY, Account, Hold, Leg, pack
from overspill.decide.admit import Admitted, admit
from overspill.decide.decide import decide
from overspill.plan.lots import default_order, in_order
from overspill.plan.program import Program
from overspill.runtime.policies import compiled
from overspill.step.commands import Consume
from overspill.step.keys import Identified, identify
from overspill.step.step import Batch
from overspill.words.instants import DAY, HOUR

POLICY = """policy accounts version 1;
language 1;
unit credits: integer;
account user {}
request { model: string; credits: meter; }
limit l { per user, request.model; unit credits; window hours: 5h from first_use; window week: 7d from first_use; capacity hours 1_000 credits, week 2_000 credits; }
pool money { per user; unit credits; ORDER }
waterfall w { serves true; counts credits; draw l; draw money; otherwise deny used_up offer wait, add_money; }
"""
ORDER = ("granted_at", "id")
LOTS, WINDOWS, HOLDS = 1000, 50, 200
IDLE = 100_000


class _Plans:
    def __init__(self, program: Program) -> None:
        self.program = program

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def accounts(rounds: int, count: int) -> None:
    """A large account to a small one, in the default order and in a declared one; a million idle ones."""
    for name, order in (("", ""), (", declared order", f"order {', '.join(ORDER)};")):
        found = cpu(_operations(order), rounds, max(count // 20, 50))
        ratio = found["decide large"] / found["decide small"]
        row(
            f"decide with {LOTS:,} lots, {WINDOWS} windows, {HOLDS} holds{name}",
            ratio,
            "× a small one",
            bar="≤ 5",
            holds=ratio <= 5,
            beside=f"{found['decide small']:.1f} µs; recorded and applied {found['step large'] / found['step small']:.1f}×",
        )
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = {f"default/user/u_{number:06d}": pack(account_of(number, exhausted=False)) for number in range(IDLE)}
    gib = (tracemalloc.get_traced_memory()[0] - before) / len(kept) * 10**6 / 2**30
    tracemalloc.stop()
    row("memory of a million idle accounts", gib, "GiB", bar="≤ 0.7", holds=gib <= 0.7)


def _operations(order: str) -> dict[str, Callable[[int], object]]:
    program = compiled({"p.spill": POLICY.replace("ORDER", order).encode()})
    plans = _Plans(program)
    request = Request(id="r", account={"user": "u"}, fields={"model": "m0"}, meters={"credits": 30})
    admitted, command = admit(program.plan, request), identify(Consume(tenant="default", request=request))
    found: dict[str, Callable[[int], object]] = {}
    for size, account in (("small", _account(1, 2, 0, order)), ("large", _account(LOTS, WINDOWS, HOLDS, order))):
        known = {"default/user/u": account}
        found[f"decide {size}"] = partial(_decide, program, admitted, (account,))
        found[f"step {size}"] = partial(_step, plans, known, command)
    return found


def _decide(program: Program, admitted: Admitted, accounts: tuple[Account], _: int) -> object:
    return decide(program, admitted, accounts, NOW)


def _step(plans: _Plans, known: dict[str, Account], command: Identified, _: int) -> object:
    return Batch(plans, known.__getitem__, NOW, 1).step(command)


def _account(lots: int, windows: int, holds: int, order: str) -> Account:
    """Lots enough for every decision, limits that are used up, holds that are open."""
    made = [(f"L{n:04}", 10**7, NOW - n * 1000, NOW + DAY * (1 + n % 300), 0, 1, 10**7) for n in range(lots)]
    kept = tuple(sorted(made, key=default_order))
    states = {
        f"l.{name}|m{n}": (1, NOW - HOUR, NOW + HOUR, 1000) for n in range(windows // 2) for name in ("hours", "week")
    }
    open_holds = {}
    for n in range(holds):
        leg = Leg("money", 0, 100, 100, (), (("money", kept[0], 100),))
        facts, keys = ("m0", 1), ("default/user/u",)
        hold = Hold(f"hold_{n}", keys, "", "w", NOW, NOW + HOUR + n, NOW + DAY, 100, facts, "r", "d", (leg,), True)
        open_holds[hold.id] = hold
    pools = {"money": kept}
    ordered = {"money": (ORDER, tuple(in_order(kept, ORDER)))} if order else EMPTY.ordered
    due = due_at(pools, open_holds, {})
    return Account(7, NOW - 1, {}, states, pools, open_holds, NOW - DAY, due_at=due, ordered=ordered)
