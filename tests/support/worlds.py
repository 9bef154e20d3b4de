"""Generated policies, accounts and requests: small, legal, and close to every boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from overspill.account.effects import default_order
from overspill.account.state import Account
from overspill.plan.program import Program
from overspill.records.request import Request
from overspill.runtime.policies import compiled
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
)
WINDOWS = (
    *("5h from first_use", "7d from first_use", "calendar day in UTC", "1mo from first_use"),
    *("7d from 2026-01-05T00:00:00Z", "1mo from 2026-01-31T10:00:00Z"),
)
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
account user { plan: string; blocked: bool = false; bound: int?; divisor: int = 1; opted: string = "yes"; }
account workspace of user { }
let is_bound = has(user.bound) && user.bound > 2;
request { product: string; model: string; speed: string = "standard"; tokens: meter; cached: meter = 0; }
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
    rows = []
    for key in ('"plus"', '"pro"', "default"):
        cells = [
            f"{name} {draw(st.sampled_from(['unlimited', '0 credits', '1.5 credits', '10 credits', '1000 credits']))}"
            for name in names
        ]
        rows.append(f"{key}: {', '.join(cells)};")
    per = draw(st.sampled_from(["user", "user", "user, request.model"]))
    lines = [f"limit l{index} {{ per {per}; unit credits;"]
    lines += [f"window {name}: {kind};" for name, kind in zip(names, windows, strict=True)]
    lines.append(f"capacity by user.plan {{ {' '.join(rows)} }}")
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
    return f"pool p{index} {{ per {owner}; unit credits; {order} {draw(_multiplier())} {free} {skip} }}"


@st.composite
def policy_texts(draw: st.DrawFn) -> str:
    """A policy of one product with one to five layers."""
    layers, draws = [], []
    for index in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["l", "p"]))
        layers.append(draw(_limit(index) if kind == "l" else _pool(index)))
        draws.append(f"draw {kind}{index}{draw(st.sampled_from(CONDITIONS))};")
    pools = [line.split()[1] for line in layers if line.startswith("pool")]
    offers = ", ".join(["wait", *(f"add_{pool}" for pool in pools), "upgrade"])
    waterfall = [
        'waterfall main { serves request.product == "main"; priced by card;',
        draw(st.sampled_from(["", "deny blocked when user.blocked;", "deny odd when user.bound == 7;"])),
        *draws,
        f"otherwise deny exhausted offer {offers};",
        draw(st.sampled_from(["", "fill whole;"])),
        draw(st.sampled_from(["", "on shortfall partial;"])),
        draw(st.sampled_from(["", "on error skip;", "on error stop;"])),
        "}",
    ]
    rounding = draw(st.sampled_from(["half_even", "half_up", "up", "down"]))
    return HEADER.replace("PLACE", rounding) + "\n".join([*layers, *waterfall])


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


@st.composite
def worlds(draw: st.DrawFn) -> World:
    text = draw(policy_texts())
    program = program_of(text)
    keys = {"user": draw(st.sampled_from(["u_1"]))}
    if draw(st.booleans()):
        keys["workspace"] = "w_1"
    accounts = {f"default/{kind}/{id}": draw(_account(program, kind)) for kind, id in keys.items()}
    request = Request(
        id="r1",
        account=keys,
        fields={
            "product": "main",
            "model": draw(st.sampled_from(["m1", "m1", "m2", "m3"])),
            **draw(st.sampled_from([{}, {"speed": "fast"}])),
        },
        meters=draw(_meters()),
    )
    return World(text, program, accounts, request, NOW)


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
    windows = {}
    pools: dict[str, Any] = {}
    for layer in program.plan.waterfalls[0].layers:
        if program.plan.kind_names[layer.kind] != kind:
            continue
        for window in getattr(layer, "windows", ()):
            for key in [f"{window.key}|{model}" for model in MODELS] if layer.per else [window.key]:
                if draw(st.booleans()):
                    windows[key] = draw(_window())
        if not hasattr(layer, "windows"):
            lots = [draw(_lot(f"L{number}")) for number in range(draw(st.integers(0, 4)))]
            pools[layer.name] = tuple(sorted(lots, key=default_order))
    return Account(3, NOW - HOUR, attributes, windows, pools, {})


@st.composite
def _window(draw: st.DrawFn) -> tuple[int, int, int, int]:
    ends_at = NOW + draw(st.sampled_from([-HOUR, 0, 1, HOUR, 3 * HOUR, DAY]))
    return (draw(st.integers(1, 9)), NOW - 2 * HOUR, ends_at, draw(st.sampled_from([0, 1, 149, 150, 999, 1000, 5000])))


@st.composite
def _lot(draw: st.DrawFn, id: str) -> tuple[str, int, int, int, int, int, int]:
    left = draw(st.sampled_from([1, 2, 33, 150, 1000, 10**6]))
    granted_at = NOW + draw(st.sampled_from([-HOUR, 0, HOUR]))
    expires_at = draw(st.sampled_from([NOW, NOW + 1, NOW + DAY, NEVER]))
    return (id, left, granted_at, expires_at, draw(st.integers(0, 1)), draw(st.integers(0, 1)), left)
