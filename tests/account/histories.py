"""Random histories: a policy with the plain values that the naive oracle reads, commands at boundaries, and the
comparison of three programs after each command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from random import Random
from typing import Any

from account.naive import Naive
from overspill.account.state import EMPTY, Account
from overspill.plan.program import Program, interpreted
from overspill.records.journal import Record, answered
from overspill.records.request import Request
from overspill.records.written import Form
from overspill.runtime.policies import compiled
from overspill.step.commands import Capture, Command, Consume, Extend, Grant, Release, Reserve, Reverse
from overspill.step.keys import identify
from overspill.step.step import Batch, Outcome, step
from overspill.words.failures import Failure
from overspill.words.instants import DAY, HOUR, MINUTE, NEVER, SECOND, instant_from_text

T = "default"
START = instant_from_text("2026-10-05T10:00:00Z")
HEAD = """policy generated version 1; language 1; unit credits: integer;
account user { }
account team of user { }
request { turn: string?; credits: meter; }
"""
WINDOWS = {
    "first_use": "2h from first_use",
    "schedule": "3h from 2026-01-05T00:00:00Z",
    "day": "calendar day in UTC",
    "sliding": "sliding 1h",
    "bucket": "bucket 5 credits per 1min burst 20 credits",
}
RATES = ("1", "1", "2", "2.5", "0.5", "0.333333")
ASKED = (0, 1, 2, 3, 5, 7, 8, 13, 20, 40)
WAITS = (
    0,
    0,
    0,
    SECOND,
    7 * SECOND + 123_457,
    MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    40 * MINUTE,
    HOUR,
    2 * HOUR,
    25 * HOUR,
)

TURNS = (None, "t1", "t2")

Spec = dict[str, Any]


# ---- policies


def policy_of(chance: Random) -> tuple[str, Spec]:
    """(text, spec) of a policy with one to four layers."""
    lines = [HEAD]
    caps: Spec = {}
    for name in ("c0", "c1")[: chance.randrange(3)]:
        bound, finish = chance.choice((0, 5, 10, 30)), chance.random() < 0.4
        mode = "finish_started" if finish else "strict"
        caps[name] = {"key": f"{name}.day", "kind": "day", "bound": bound, "finish_started": finish}
        lines.append(
            f"cap {name} {{ per user; unit credits; window day: calendar day in UTC; up to {bound} credits; mode {mode}; }}"
        )
    layers, draws, used = [], [], set()
    for number in range(chance.randrange(1, 5)):
        made, layer = chance.choices((_limit, _pool, _grace), (3, 4, 1))[0](chance, number)
        within = [name for name in caps if chance.random() < 0.4]
        used.update(within)
        layers.append({**layer, "caps": within})
        lines.append(made)
        capped = f" within {', '.join(within)}" if within else ""
        draws.append(f"draw {layer['name']}{capped};")
    lines = [line for line in lines if not line.startswith("cap ") or line.split()[1] in used]
    whole, partial = chance.random() < 0.25, chance.random() < 0.4
    lines += ["waterfall w { serves true; counts credits;", *draws, "otherwise deny used_up;"]
    lines += ["fill whole;"] * whole + ["on shortfall partial;"] * partial
    reissue = 2 * HOUR if chance.random() < 0.3 else None
    lines += ["on reversal expired_lot reissue 2h;"] * (reissue is not None)
    lines.append("holds expire after 15min, late capture 1h; }")
    caps = {name: cap for name, cap in caps.items() if name in used}
    return "\n".join(lines), {"layers": layers, "caps": caps, "whole": whole, "partial": partial, "reissue": reissue}


def _limit(chance: Random, number: int) -> tuple[str, Spec]:
    name, rate = f"l{number}", chance.choice(RATES)
    kinds = chance.sample(sorted(WINDOWS), chance.randrange(1, 3))
    counters = [
        {
            "key": f"{name}.{kind}",
            "kind": kind,
            "bound": 20 if kind == "bucket" else chance.choice((3, 10, 25, 60)),
            **({"length": 2 * HOUR} if kind == "first_use" else {}),
        }
        for kind in kinds
    ]
    windows = " ".join(f"window {kind}: {WINDOWS[kind]};" for kind in kinds)
    bounds = [f"{one['kind']} {one['bound']} credits" for one in counters if one["kind"] != "bucket"]
    capacity = f"capacity {', '.join(bounds)};" if bounds else ""
    text = f"limit {name} {{ per user; unit credits; {windows} {capacity} multiplier {rate}; }}"
    return text, {"kind": "limit", "name": name, "rate": Fraction(rate), "counters": counters}


def _pool(chance: Random, number: int) -> tuple[str, Spec]:
    name, rate, owner = f"p{number}", chance.choice(RATES), chance.choice(("user", "user", "team"))
    debt, over = chance.choice((0, 0, 4)), chance.choice((0, 0, 6))
    counters = [{"key": f"{name}.overage", "kind": "day", "bound": over}] if over else []
    overage = f"overage up to {over} credits per calendar day in UTC;" if over else ""
    overshoot = f"on overshoot debt up to {debt} credits;" if debt else ""
    reaction = chance.choice(("honor", "lapse", "reissue 30min"))
    expired = f"on expired_in_hold {reaction};"
    text = f"pool {name} {{ per {owner}; unit credits; multiplier {rate}; {overage} {overshoot} {expired} }}"
    return text, {
        "kind": "pool",
        "name": name,
        "rate": Fraction(rate),
        "counters": counters,
        "debt": debt,
        "lapses": reaction == "lapse",
        "reissue": 30 * MINUTE if reaction == "reissue 30min" else None,
        "owner": owner,
    }


def _grace(chance: Random, number: int) -> tuple[str, Spec]:
    name, bound, funded = f"g{number}", chance.choice((2, 6, 15)), chance.random() < 0.7
    only_if = "only_if started_funded;" if funded else ""
    text = f"grace {name} {{ per request.turn; unit credits; up to {bound} credits; {only_if} }}"
    counters = [
        {"key": f"{name}.grace|{turn}", "kind": "first_use", "length": 30 * DAY, "bound": bound, "turn": turn}
        for turn in TURNS[1:]
    ]
    return text, {"kind": "grace", "name": name, "rate": Fraction(1), "counters": counters, "only_if": funded}


# ---- one history


class Machine:
    """Accounts under one program, changed by `step` alone."""

    def __init__(self, program: Program) -> None:
        self.program, self.accounts, self.seq = program, dict[str, Account](), 1
        self.records: dict[str, Record] = {}
        self.forms: dict[str, Form] = {}

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program

    def do(self, command: Command, now: int) -> Outcome | str:
        """What it did, or the code of its failure."""
        try:
            outcome = step(self, lambda key: self.accounts.get(key, EMPTY), identify(command), now, self.seq, self.find)
        except Failure as failure:
            return failure.code
        self.accounts.update(outcome.accounts)
        self.seq += len(outcome.records)
        self.forms.update(outcome.forms)
        for record in outcome.records:
            self.records.update(dict.fromkeys((record.id, *record.ids), record))
        return outcome

    def find(self, id: str) -> Record | None:
        return answered(self.records[id], self.forms.__getitem__) if id in self.records else None

    def swept(self, now: int) -> Mapping[str, Account]:
        """The accounts as they are once somebody has looked at all of them."""
        batch = Batch(self, lambda key: self.accounts.get(key, EMPTY), now, self.seq)
        batch.end_due(list(self.accounts))
        return self.accounts | batch.accounts


class History:
    """One run of commands; `check` raises AssertionError where two programs differ."""

    def __init__(self, program: Program, spec: Spec, seed: int) -> None:
        self.chance = Random(seed)
        self.spec = spec
        self.engine, self.plain = Machine(program), Machine(Program(program.plan, interpreted))
        self.naive = Naive(spec)
        self.now, self.count = START, 0
        self.holds: list[str] = []
        self.requests: list[str] = []
        """Holds, and decisions of what was consumed at once."""
        self.lines: list[str] = []
        self.met = Counter[str]()
        """How often each thing has happened."""

    def run(self, commands: int) -> None:
        for _ in range(commands):
            self.now += self.chance.choice(WAITS)
            self._one()
            self.check()

    def _one(self) -> None:
        self.count += 1
        roll = self.chance.random()
        if roll < 0.25:
            self._grant()
        elif roll < 0.5 or not self.holds:
            self._ask(self.chance.random() < 0.6)
        elif roll < 0.8:
            self._capture()
        elif roll < 0.9:
            self._reverse()
        else:
            self._end()

    def _do(self, command: Command) -> Any:
        """The answer, or the code of the failure; the same in both programs."""
        one, other = self.engine.do(command, self.now), self.plain.do(command, self.now)
        self.lines.append(f"{self.now - START} {command}")
        self.met[type(command).__name__.lower()] += 1
        for record in () if isinstance(one, str) else one.records:
            shown = json.loads(bytes(record.answer) or b"{}")
            self.met["lapsed"] += "holds" in shown
            self.met["expired in a hold"] += "expired" in shown
            self.met["reissued"] += any("reissued" in gone for gone in shown.get("expired", ()))
        if isinstance(one, str) or isinstance(other, str):
            assert one == other, (one, other)
            self.met[one] += 1
            return one
        assert one.answer == other.answer, (one.answer, other.answer)
        return json.loads(one.answer)

    def _ask(self, reserves: bool) -> None:
        asked = self.chance.choice(ASKED)
        turn = self.chance.choice(TURNS)
        fields = {} if turn is None else {"turn": turn}
        account = {"user": "ana", "team": "red"}
        request = Request(id=f"r{self.count}", account=account, fields=fields, meters={"credits": asked})
        answer = self._do(Reserve(tenant=T, request=request) if reserves else Consume(tenant=T, request=request))
        hold = None if answer["hold"] is None else answer["hold"]["id"]
        outcome, granted, draws = self.naive.request(asked, self.now, answer["decision"], hold, turn)
        found = [(draw["layer"], int(draw["base"]), int(draw["amount"])) for draw in answer["draws"]]
        assert (answer["outcome"], int(answer["granted"]), found) == (outcome, granted, draws)
        self.met[outcome] += 1
        self.met["graced"] += any(layer.startswith("g") for layer, _, _ in draws)
        self.holds += [] if hold is None else [hold]
        self.requests += [] if outcome == "deny" else [hold or answer["decision"]]

    def _capture(self) -> None:
        hold, used = self.chance.choice(self.holds), self.chance.choice(ASKED)
        final = self.chance.random() < 0.4
        answer = self._do(
            Capture(
                tenant=T,
                account=f"{T}/user/ana",
                hold=hold,
                id=f"{self.count}",
                meters={"credits": used},
                final=final,
            )
        )
        expected = self.naive.capture(hold, used, self.now, final)
        if expected is None:
            assert answer == "hold_closed", answer
            self.holds.remove(hold)
            return
        names = ("base", "amount", "returned")
        draws = [(draw["layer"], draw["from"], *[int(draw[name]) for name in names]) for draw in answer["draws"]]
        found = (int(answer["used"]), int(answer["covered"]), int(answer["absorbed"]), draws)
        assert found == expected, (found, expected)
        self.met.update(f"drawn from {source}" for _, source, *_ in draws)
        self.met["graced beyond a hold"] += any(
            layer.startswith("g") for layer, source, *_ in draws if source == "free"
        )
        self.met.update(["late"] * answer["late"] + ["absorbed"] * (found[2] > 0))

    def _reverse(self) -> None:
        of = self.chance.choice(self.requests)
        answer = self._do(Reverse(tenant=T, account=f"{T}/user/ana", of=of, id=f"{self.count}"))
        expected = self.naive.reverse(of, self.now)
        found = answer if isinstance(answer, str) else int(answer["credit"].get("credits", "0"))
        assert found == expected, (found, expected)

    def _end(self) -> None:
        hold = self.chance.choice(self.holds)
        if self.chance.random() < 0.5:
            answer = self._do(Release(tenant=T, account=f"{T}/user/ana", hold=hold, id=f"{self.count}"))
            done = self.naive.release(hold, self.now)
        else:
            answer = self._do(Extend(tenant=T, account=f"{T}/user/ana", hold=hold, id=f"{self.count}"))
            done = self.naive.extend(hold, self.now)
        assert (answer != "hold_closed") == done, answer

    def _grant(self) -> None:
        pools = [layer for layer in self.spec["layers"] if layer["kind"] == "pool"]
        if not pools:
            return
        pool, chance = self.chance.choice(pools), self.chance
        owner = {"user": {"user": "ana"}, "team": {"team": "red"}}[pool["owner"]]
        amount, life = chance.choice((1, 2, 3, 10)), chance.choice((None, 5 * MINUTE, HOUR, DAY))
        start = chance.choice((0, 0, 0, MINUTE, HOUR))
        granted_at = self.now + start
        expires_at = None if life is None else granted_at + life
        priority, category = chance.randrange(2), chance.randrange(2)
        id = f"g{self.count}"
        self._do(
            Grant(
                tenant=T,
                account=owner,
                pool=pool["name"],
                id=id,
                amount=str(amount),
                expires_at=expires_at,
                effective_at=granted_at if start else None,
                priority=priority,
                category=("promotional", "paid")[category],
            )
        )
        self.naive.grant(pool["name"], id, amount, self.now, granted_at, expires_at or NEVER, priority, category)

    # ---- comparing

    def check(self) -> None:
        """The three have the same lots, debts and counters."""
        assert self.engine.accounts == self.plain.accounts
        lots: dict[str, int] = {}
        debts: dict[str, int] = {}
        windows: dict[str, tuple[int, ...]] = {}
        for account in self.engine.swept(self.now).values():
            for pool, kept in account.pools.items():
                for id, left, granted_at, expires_at, priority, category, _ in kept:
                    name = f"{pool} {granted_at} {expires_at} {priority} {category}" if id.startswith("lot_") else id
                    lots[name] = lots.get(name, 0) + left
            debts |= account.debts
            windows |= account.windows
        expected = self.naive.state(self.now)
        used = {key: used_now(windows.get(key), self.now) for key in expected[2]}
        assert (lots, debts, used) == expected, f"\n{(lots, debts, used)}\n{expected}"


def used_now(state: tuple[int, ...] | None, now: int) -> int:
    """What a window's state says is used now."""
    match state:
        case None:
            return 0
        case (_, _, ends_at, used):
            return used if now < ends_at else 0
        case (_, _, _, _, 1, *parts):
            return sum(amount for until, amount in zip(parts[1::3], parts[2::3], strict=True) if now < until)
        case (_, _, _, used, 2, at, rest, refill, per):
            return max(-(-(used * per - rest - (now - at) * refill) // per), 0)
    raise AssertionError(state)


def histories(policy_seed: int, count: int, commands: int = 14) -> Counter[str]:
    """Runs `count` histories of one policy; gives back how often each thing has happened. Raises AssertionError with the
    policy and the commands of the first difference."""
    text, spec = policy_of(Random(policy_seed))
    program = compiled({"generated.spill": text.encode()})
    met = Counter[str](histories=count)
    for seed in range(count):
        history = History(program, spec, policy_seed * 1_000_003 + seed)
        try:
            history.run(commands)
        except AssertionError as difference:
            shown = "\n".join([f"policy {policy_seed}, history {seed}: {difference}", text, *history.lines])
            raise AssertionError(shown) from None
        met += history.met
    return met
