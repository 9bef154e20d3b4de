"""Generated policies, accounts and requests: small, legal, and close to every boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from overspill.account.due import due_at
from overspill.account.state import EMPTY, Account
from overspill.decide.admit import admit
from overspill.decide.decide import Decided, decide
from overspill.plan.counting import counted
from overspill.plan.lots import default_order
from overspill.plan.periods import window_at
from overspill.plan.plan import Bucket, FirstUse, Forever, PoolLayer, Sliding, WindowKind
from overspill.plan.program import Program
from overspill.plan.shapes import WindowState
from overspill.records.request import Request
from overspill.runtime.policies import compiled
from overspill.step.batch import Batch
from overspill.words.amounts import UNLIMITED
from overspill.words.instants import DAY, HOUR, NEVER, instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")
PLANS = ("free", "plus", "pro")
MODELS = ("m1", "m2")
RATIOS = ("1", "2", "2.5", "0.5", "0.333333", "3")
CONDITIONS = (
    "",
    ' when user.plan != "free"',
    ' when request.model in ["m1", "m3"]',
    " when !user.blocked || request.tokens > 10",
    " when has(user.bound) && user.bound > 2",
    " on error skip when user.bound > 2",
    " on error stop when user.bound > 2",
    " when user.bound > 2",
    " when request.tokens / user.divisor > 1",
    " on error skip when request.tokens / user.divisor > 1",
    " when has(workspace.id)",
    " when is_bound",
    " when size(user.groups) > 1",
    ' when request.initiator != "background"',
)
WINDOWS = (
    *("5h from first_use", "7d from first_use", "calendar day in UTC", "1mo from first_use"),
    *("7d from 2026-01-05T00:00:00Z", "1mo from 2026-01-31T10:00:00Z", "30d from user.anchor"),
    *("sliding 1h", "bucket 5 credits per 1min burst 20 credits", "bucket 0.07 credits per 90s burst 1 credits"),
)
RESETS = (
    *("", "", ""),
    "reset all at 2026-10-05T09:30:00Z keep_anchor;",
    "reset again at 2026-10-05T09:30:00Z restart_anchor;",
    'reset some of w0 at 2026-10-05T10:00:00Z restart_anchor when user.plan == "plus";',
    "reset late at 2026-10-05T11:00:00Z keep_anchor; reset early at 2026-10-05T08:30:00Z restart_anchor;",
)
BOUNDS = (
    *("0 credits", "1 credits", "10 credits", "unlimited", "user.ceiling", "workspace.ceiling"),
    *("max(user.groups.ceiling)", "max(user.ceiling, 1.5 credits)"),
    "first_set(user.ceiling, max(user.groups.ceiling), workspace.ceiling)",
)
PERIODS = ("calendar month in UTC", "30d from 2026-01-01T00:00:00Z", "1mo from user.anchor")
TIMES = (
    *("", "", "capacity times 2 from 2026-10-01T00:00:00Z until 2026-10-05T10:00:00Z;"),
    "capacity times 0.5 from 2026-10-05T10:00:00Z until 2026-10-05T11:00:00Z;",
    "capacity times 1.5 from 2026-10-05T00:00:00Z until 2026-10-06T00:00:00Z; "
    "capacity times 0.333 from 2026-10-05T09:00:00Z until 2026-10-05T12:00:00Z;",
    "capacity times 3 from 2026-10-05T12:30:00Z until 2026-10-07T00:00:00Z;",
)
HEADER = """policy generated version 1;
language 1;
unit credits: decimal(2);
account user {
  plan: string; blocked: bool = false; bound: int?; divisor: int = 1; opted: string = "yes";
  ceiling: credits?; anchor: timestamp = 2026-01-31T12:00:00Z;
}
account workspace of user { ceiling: credits?; }
account groups of user many { ceiling: credits?; }
let is_bound = has(user.bound) && user.bound > 2;
request {
  product: string; model: string; speed: string = "standard"; turn: string?; tokens: meter; cached: meter = 0;
}
rate_card card {
  price in credits per 100 by request.model;
  meter fresh = tokens - cached;
  round PLACE;
  from 2026-01-01T00:00:00Z { "m1": fresh 150, cached 12.5; "m2": fresh 3; "m3": free; }
  from 2026-10-05T12:00:00Z { "m1": fresh 100; "m2": fresh 1.5; "m3": free; }
}
"""


@st.composite
def _limit(draw: st.DrawFn, index: int) -> str:
    windows = draw(
        st.lists(
            st.sampled_from(WINDOWS),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    names = [f"w{number}" for number in range(len(windows))]
    counted = [name for name, kind in zip(names, windows, strict=True) if not kind.startswith("bucket")]
    rows = []
    for key in ('"plus"', '"pro"', "default"):
        cells = [
            f"{name} {draw(st.sampled_from(['unlimited', '0 credits', '1.5 credits', '10 credits', '1000 credits']))}"
            for name in counted
        ]
        rows.append(f"{key}: {', '.join(cells)};")
    per = draw(st.sampled_from(["user", "user", "user, request.model"]))
    lines = [f"limit l{index} {{ per {per}; unit credits;"]
    lines += [f"window {name}: {kind};" for name, kind in zip(names, windows, strict=True)]
    if counted:
        lines.append(f"capacity by user.plan {{ {' '.join(rows)} }}")
    lines.append(draw(st.sampled_from(RESETS)))
    lines.append(draw(_multiplier()))
    lines.append(draw(st.sampled_from(TIMES)))
    return " ".join([*lines, "}"])


@st.composite
def _multiplier(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return f"multiplier {draw(st.sampled_from(RATIOS))};"
    return f'multiplier by request.speed {{ "fast": {draw(st.sampled_from(RATIOS))}; default: 1; }}'


@st.composite
def _pool(draw: st.DrawFn, index: int) -> str:
    owner = draw(st.sampled_from(["user", "user", "workspace"]))
    skip = draw(st.sampled_from(["", 'skip opted_out when user.opted == "no";', "skip odd when user.bound == 1;"]))
    order = draw(st.sampled_from(["", "order granted_at, id;", "order expires_at, priority, id;"]))
    free = draw(st.sampled_from(["", "free;"]))
    debt = draw(st.sampled_from(["", "", "on overshoot debt up to 3 credits;"]))
    held = draw(st.sampled_from(["", "on expired_in_hold lapse;", "on expired_in_hold reissue 2h;"]))
    overage = draw(_allowance("overage")) if draw(st.booleans()) else ""
    words = f"{order} {draw(_multiplier())} {free} {skip} {overage} {debt} {held}"
    return f"pool p{index} {{ per {owner}; unit credits; {words} }}"


@st.composite
def _allowance(draw: st.DrawFn, word: str) -> str:
    if draw(st.integers(0, 5)) == 0:
        return "unlimited;" if not word else "overage up to unlimited per calendar day in UTC;"
    return f"{word} up to {draw(st.sampled_from(BOUNDS))} per {draw(st.sampled_from(PERIODS))};"


@st.composite
def _entitlement(draw: st.DrawFn, index: int) -> str:
    owner = draw(st.sampled_from(["user", "user", "workspace"]))
    valid = draw(
        st.sampled_from(
            [
                *("", "", "valid from 2026-10-01T00:00:00Z until 2026-10-05T10:00:00Z;"),
                "valid from 2026-10-05T10:00:00Z until 2026-10-06T00:00:00Z;",
                "valid from 2026-10-05T11:00:00Z until 2026-10-07T00:00:00Z;",
            ]
        )
    )
    arrears = draw(st.sampled_from(["", "billed in_arrears;"]))
    rest = f"{valid} {draw(_allowance(''))} {draw(_multiplier())} {arrears}"
    return f"entitlement e{index} {{ per {owner}; unit credits; {rest} }}"


@st.composite
def _grace(draw: st.DrawFn, index: int) -> str:
    funded = draw(st.sampled_from(["", "only_if started_funded;"]))
    amount = draw(st.sampled_from(["1 credits", "10 credits", "user.ceiling"]))
    return f"grace g{index} {{ per request.turn; unit credits; up to {amount}; {funded} }}"


@st.composite
def _cap(draw: st.DrawFn, index: int) -> str:
    owner = draw(st.sampled_from(["user", "user", "workspace", "user, request.model"]))
    period = draw(st.sampled_from(["calendar month in UTC", "7d from 2026-01-05T00:00:00Z"]))
    mode = draw(st.sampled_from(["strict", "finish_started"]))
    up_to = draw(st.sampled_from(BOUNDS))
    return f"cap c{index} {{ per {owner}; unit credits; window month: {period}; up to {up_to}; mode {mode}; }}"


@st.composite
def policy_texts(draw: st.DrawFn) -> str:
    """A policy of one product with one to five layers."""
    layers, draws = [], []
    kinds = draw(st.sampled_from(["lp", "lp", "lpeg"]))
    caps = draw(st.integers(0, 2)) if kinds == "lpeg" else 0
    for index in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(kinds))
        layers.append(draw(_LAYERS[kind](index)))
        within = sorted(draw(st.sets(st.integers(0, caps - 1), max_size=2))) if caps else []
        capped = f" within {', '.join(f'c{number}' for number in within)}" if within else ""
        draws.append(f"draw {kind}{index}{capped}{draw(st.sampled_from(CONDITIONS))};")
    used = [number for number in range(caps) if any(f"c{number}" in line for line in draws)]
    layers += [draw(_cap(number)) for number in used]
    occupy = draw(st.sampled_from(["", "", "", "occupy streams;", "occupy streams when has(user.bound);"]))
    if occupy:
        layers.append('concurrency streams { per user; at most by user.plan { "pro": 2 holds; default: 1 holds; } }')
    pools = [line.split()[1] for line in layers if line.startswith("pool")]
    offers = ", ".join(["wait", *(f"add_{pool}" for pool in pools), "upgrade"])
    waterfall = [
        'waterfall main { serves request.product == "main"; priced by card;',
        draw(st.sampled_from(["", "deny blocked when user.blocked;", "deny odd when user.bound == 7;"])),
        *draws,
        occupy,
        f"otherwise deny exhausted offer {offers};",
        draw(st.sampled_from(["", "fill whole;"])),
        draw(st.sampled_from(["", "on shortfall partial;"])),
        draw(st.sampled_from(["", "on error skip;", "on error stop;"])),
        "}",
    ]
    rounding = draw(st.sampled_from(["half_even", "half_up", "up", "down"]))
    return HEADER.replace("PLACE", rounding) + "\n".join([*layers, *waterfall])


_LAYERS: dict[str, Callable[[int], st.SearchStrategy[str]]] = {
    "l": _limit,
    "p": _pool,
    "e": _entitlement,
    "g": _grace,
}


@dataclass(frozen=True)
class World:
    """A program with accounts by key, a request, and the instant."""

    text: str
    program: Program
    accounts: dict[str, Account]
    request: Request
    now: int


def program_of(text: str) -> Program:
    return compiled({"generated.spill": text.encode()})


class PlansOf:
    """The program, whichever is asked for."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def decided_of(world: World) -> Decided:
    """The decision on the world's request."""
    admitted = admit(world.program.plan, world.request)
    names = world.program.plan.kind_names
    accounts: list[Account | None] = [
        None if id is None else world.accounts[f"default/{name}/{id}"]
        for name, id in zip(names, admitted.ids, strict=True)
    ]
    batch = Batch(PlansOf(world.program), lambda key: world.accounts.get(key, EMPTY), world.now, 1)
    accounts += batch.members(world.program.plan, "default", accounts)
    return decide(world.program, admitted, accounts, world.now)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    text = draw(policy_texts())
    program = program_of(text)
    keys = {"user": draw(st.sampled_from(["u_1"]))}
    if draw(st.booleans()):
        keys["workspace"] = "w_1"
    accounts = {f"default/{kind}/{id}": draw(_account(program, kind)) for kind, id in keys.items()}
    groups = accounts["default/user/u_1"].attributes.get("groups", ())
    assert isinstance(groups, tuple)
    for id in groups:
        ceiling = draw(st.sampled_from([{}, {"ceiling": 0}, {"ceiling": 500}]))
        accounts[f"default/groups/{id}"] = Account(1, 0, ceiling, {}, {}, {}, 0)  # type: ignore[arg-type]
    request = Request(
        id="r1",
        account=keys,
        fields={
            "product": "main",
            "model": draw(st.sampled_from(["m1", "m1", "m2", "m3"])),
            **draw(st.sampled_from([{}, {"speed": "fast"}])),
            **draw(st.sampled_from([{}, {"turn": "t1"}, {"turn": "t2"}])),
        },
        meters=draw(_meters()),
        initiator=draw(st.sampled_from(["user", "user", "automation", "background"])),
        **draw(_bounds(program)),
    )
    return World(text, program, accounts, request, NOW)


@st.composite
def _bounds(draw: st.DrawFn, program: Program) -> dict[str, Any]:
    """What a request bounds itself by, now and then."""
    layers = program.plan.waterfalls[0].layers
    units = {"credits"} if program.plan.pools else set()
    found: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        found["only"] = tuple(draw(st.lists(st.sampled_from([layer.name for layer in layers]), unique=True)))
    if units and draw(st.integers(0, 4)) == 0:
        found["max_charge"] = {"credits": draw(st.sampled_from(["0", "1", "3.33", "100"]))}
    if draw(st.integers(0, 4)) == 0:
        found["at_least"] = draw(st.sampled_from(["0", "0.5", "10", "1000"]))
    return found


@st.composite
def _meters(draw: st.DrawFn) -> dict[str, int]:
    tokens = draw(st.one_of(st.integers(0, 40), st.sampled_from([100, 667, 1000, 10_000, 10**9])))
    return {"tokens": tokens, **draw(st.sampled_from([{}, {"cached": tokens // 2}]))}


@st.composite
def _account(draw: st.DrawFn, program: Program, kind: str) -> Account:
    attributes: dict[str, Any] = {}
    if kind == "user":
        attributes = {
            "plan": draw(st.sampled_from(PLANS)),
            "blocked": draw(st.sampled_from([False, False, False, True])),
        }
        attributes |= draw(st.sampled_from([{}, {"bound": 1}, {"bound": 3}, {"bound": 7}]))
        attributes |= draw(st.sampled_from([{}, {"divisor": 0}, {"divisor": 3}, {"opted": "no"}]))
        attributes |= draw(st.sampled_from([{}, {}, {"groups": ("g1",)}, {"groups": ("g1", "g2")}]))
    attributes |= draw(st.sampled_from([{}, {"ceiling": 0}, {"ceiling": 700}, {"ceiling": UNLIMITED}]))
    windows = {}
    pools: dict[str, Any] = {}
    waterfall = program.plan.waterfalls[0]
    index = program.plan.kind_names.index(kind)
    counters = [counter for layer in waterfall.layers for counter in layer.counters]
    for counter in (*counters, *(occupancy.counter for occupancy in waterfall.occupies)):
        if counter.account != index:
            continue
        values = ("t1",) if isinstance(counter.kind, FirstUse) and counter.up_to is not None else MODELS
        for key in [f"{counter.key}|{value}" for value in values] if counter.per else [counter.key]:
            if key not in windows and draw(st.booleans()):
                windows[key] = draw(_window(counter.kind))
    for layer in waterfall.layers:
        if isinstance(layer, PoolLayer) and layer.account == index:
            lots = [draw(_lot(f"L{number}")) for number in range(draw(st.integers(0, 4)))]
            pools[layer.name] = tuple(sorted(lots, key=default_order))
    since = draw(st.sampled_from([NOW - 3 * HOUR, NOW - HOUR, NOW - HOUR // 2]))
    return Account(3, NOW - HOUR // 4, attributes, windows, pools, {}, since, due_at=due_at(pools, {}, {}))


USED = st.sampled_from([0, 1, 149, 150, 999, 1000, 5000])


@st.composite
def _window(draw: st.DrawFn, kind: WindowKind) -> WindowState:
    if isinstance(kind, Sliding | Bucket):
        ages = draw(st.lists(st.sampled_from([2 * HOUR, HOUR, HOUR - 1, HOUR // 2, 60_000_000, 7, 0]), max_size=4))
        state = None
        for at in sorted(NOW - age for age in ages):
            state = counted(window_at(state, kind, at), draw(USED))
        return window_at(None, kind, NOW - HOUR) if state is None else state
    if isinstance(kind, Forever):
        return (1, NOW - HOUR, NEVER, draw(st.sampled_from([0, 1, 2, 900])))
    ends_at = NOW + draw(st.sampled_from([-HOUR, 0, 1, HOUR, 3 * HOUR, DAY]))
    return (draw(st.integers(1, 9)), NOW - 2 * HOUR, ends_at, draw(USED))


@st.composite
def _lot(draw: st.DrawFn, id: str) -> tuple[str, int, int, int, int, int, int]:
    left = draw(st.sampled_from([1, 2, 33, 150, 1000, 10**6]))
    granted_at = NOW + draw(st.sampled_from([-HOUR, 0, HOUR]))
    expires_at = draw(st.sampled_from([NOW, NOW + 1, NOW + DAY, NEVER]))
    return (id, left, granted_at, expires_at, draw(st.integers(0, 1)), draw(st.integers(0, 1)), left)
