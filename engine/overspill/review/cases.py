"""Policy tests: cases of steps against a program, through the one pure `step` (LANGUAGE.md section 4).

A case is plain text values: what is given (attributes, windows, lots, instant), then steps of requests, reservations,
captures, releases, grants, attributes and waits; `expect` beside a step names parts of its answer, and only those are
compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from overspill.account.effects import default_order
from overspill.account.state import EMPTY, Account
from overspill.plan.plan import ROOT, LimitLayer, Plan
from overspill.plan.program import Program
from overspill.plan.shapes import CATEGORIES, Lot, Scalar, WindowState
from overspill.records.request import Request
from overspill.step.commands import Capture, Command, Consume, Grant, Release, Reserve, SetAttributes
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.words.amounts import steps_from_text, text_from_steps
from overspill.words.failures import Failure
from overspill.words.instants import HOUR, NEVER, instant_from_text
from overspill.words.lengths import instant_after, length_from_text

Values = Mapping[str, Any]
TENANT = "case"
STEPS = ("decide", "reserve", "capture", "release", "grant", "set", "wait")
GIVEN = ("at", "account", "attributes", "windows", "lots")
EXPECTED = (
    *("outcome", "granted", "requested", "available", "shortfall", "charge", "draws", "code", "binding", "causes"),
    *("offers", "retry_at", "error", "used", "covered", "absorbed", "late", "windows", "lots"),
)


class CaseFault(Exception):
    """The case itself is not written as cases are."""


@dataclass(slots=True)
class _World:
    """One case on its way."""

    program: Program
    now: int
    account: dict[str, str]
    states: dict[str, Account] = field(default_factory=dict)
    seq: int = 1
    hold: str = ""
    steps: int = 0

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program

    def state(self, key: str) -> Account:
        return self.states.get(key, EMPTY)

    def key(self, kind: str) -> str:
        return f"{TENANT}/{kind}/{self.account[kind]}"


def run_case(program: Program, given: Values, steps: list[Values]) -> list[str]:
    """What did not come out as expected, one line each; empty: the case holds. Raises CaseFault."""
    try:
        world = _world(program, given)
    except (ValueError, KeyError, AttributeError) as error:
        raise CaseFault(f"`given`: {error}") from None
    problems: list[str] = []
    for number, one in enumerate(steps, 1):
        world.steps = number
        word = next((word for word in STEPS if word in one), None)
        if word is None or set(one) - {word, "expect"}:
            raise CaseFault(f"step {number} is one of {', '.join(STEPS)}, with `expect` beside it")
        expect = one.get("expect", {})
        unknown = sorted(set(expect) - set(EXPECTED))
        if unknown:
            raise CaseFault(f"step {number} expects `{unknown[0]}`, which no answer has")
        answer = _step(world, word, one[word])
        problems += [f"step {number}: {problem}" for problem in _compare(world, answer, expect)]
    return problems


# ---- what is given


def _world(program: Program, given: Values) -> _World:
    unknown = sorted(set(given) - set(GIVEN))
    if unknown:
        raise CaseFault(f"`given` has no `{unknown[0]}`; it may have {', '.join(GIVEN)}")
    plan = program.plan
    now = instant_from_text(given.get("at", "2026-10-05T10:00:00Z"))
    world = _World(program, now, dict(given.get("account", {plan.kind_names[ROOT]: "u_1"})))
    for index, kind in enumerate(plan.kinds):
        if kind.name in world.account:
            world.states[world.key(kind.name)] = Account(
                1, now, _attributes(plan, index, given.get("attributes", {})), *_kept(plan, index, given, now)
            )
    return world


def _attributes(plan: Plan, index: int, values: Values) -> dict[str, Scalar]:
    """`plan: plus` is the root's, `workspace.frozen: "true"` another kind's."""
    kind, found = plan.kinds[index], dict[str, Scalar]()
    for path, text in values.items():
        owner, _, name = path.rpartition(".")
        if (owner or plan.kind_names[ROOT]) == kind.name:
            found[name] = _typed(plan, kind.name, name, text)
    return found


def _typed(plan: Plan, kind: str, name: str, text: str) -> Scalar:
    declared = next(found for found in plan.kinds if found.name == kind).attributes.get(name)
    if declared is None:
        raise CaseFault(f"account `{kind}` declares no `{name}`")
    if declared.unit is not None:
        return steps_from_text(text.split()[0], declared.unit)
    if declared.type is str:
        return text
    return text == "true" if declared.type is bool else int(text)


def _kept(plan: Plan, index: int, given: Values, now: int) -> tuple[dict[str, WindowState], dict[str, tuple[Lot, ...]]]:
    """The windows and lots of the given that are kept in accounts of this kind."""
    windows: dict[str, WindowState] = {}
    for waterfall in plan.waterfalls:
        for layer in waterfall.layers:
            if isinstance(layer, LimitLayer) and layer.kind == index:
                for window in layer.windows:
                    for key, state in given.get("windows", {}).items():
                        if key.split("|")[0] == window.key:
                            windows[key] = _window(state, layer, now)
    lots = {
        key: tuple(sorted((_lot(plan, key, lot, now) for lot in listed), key=default_order))
        for key, listed in given.get("lots", {}).items()
        if plan.pools[key.split("|")[0]].kind == index
    }
    return windows, lots


def _window(state: Values, layer: LimitLayer, now: int) -> WindowState:
    ends_at = instant_from_text(state["ends_at"]) if "ends_at" in state else now + HOUR
    opened_at = instant_from_text(state["opened_at"]) if "opened_at" in state else now - HOUR
    used = steps_from_text(state["used"].split()[0], layer.unit)
    return (int(state.get("generation", "1")), opened_at, ends_at, used)


def _lot(plan: Plan, key: str, lot: Values, now: int) -> Lot:
    amount = steps_from_text(lot["amount"].split()[0], plan.pools[key.split("|")[0]].unit)
    granted_at = instant_from_text(lot["granted_at"]) if "granted_at" in lot else now
    expires_at = instant_from_text(lot["expires_at"]) if "expires_at" in lot else NEVER
    category = CATEGORIES.index(lot.get("category", "paid"))
    return (lot["id"], amount, granted_at, expires_at, int(lot.get("priority", "0")), category, amount)


# ---- steps


def _step(world: _World, word: str, value: Any) -> Values:
    """The answer's JSON; a failure is `{"error": code}`."""
    if word == "wait":
        world.now = instant_after(world.now, length_from_text(value))
        return {}
    try:
        outcome = step(world, world.state, identify(_command(world, word, value)), world.now, world.seq)
    except Failure as failure:
        return {"error": failure.code, "message": str(failure)}
    world.states.update(outcome.accounts)
    world.seq += len(outcome.records)
    answer: Values = json.loads(outcome.answer)
    if answer.get("decision") and answer["hold"]:
        world.hold = answer["hold"]["id"]
    return answer


def _command(world: _World, word: str, value: Any) -> Command:
    plan = world.program.plan
    root = plan.kind_names[ROOT]
    match word:
        case "decide" | "reserve":
            make = Consume if word == "decide" else Reserve
            return make(tenant=TENANT, request=_request(world, value))
        case "capture":
            meters = {name: int(text) for name, text in value.items()}
            return Capture(tenant=TENANT, account=world.key(root), hold=world.hold, id=f"c{world.steps}", meters=meters)
        case "release":
            return Release(tenant=TENANT, account=world.key(root), hold=world.hold, id=f"r{world.steps}")
        case "grant":
            pool = plan.pools.get(value["pool"])
            kind = root if pool is None else plan.kind_names[pool.kind]
            return Grant(
                tenant=TENANT,
                account={kind: world.account[kind]},
                pool=value["pool"],
                id=value["id"],
                amount=value["amount"].split()[0],
                expires_at=instant_from_text(value["expires_at"]) if "expires_at" in value else None,
                priority=int(value.get("priority", "0")),
                category=value.get("category", "paid"),
            )
        case _:
            attributes = {name: _typed(plan, root, name, text) for name, text in value.items()}
            return SetAttributes(
                tenant=TENANT, account={root: world.account[root]}, id=f"s{world.steps}", attributes=attributes
            )


def _request(world: _World, value: Values) -> Request:
    """Fields and meters side by side; the policy's declaration tells them apart."""
    plan = world.program.plan
    fields: dict[str, Scalar] = {}
    meters: dict[str, int] = {}
    for name, text in value.items():
        declared = plan.fields.get(name)
        if name in plan.meters:
            meters[name] = int(text)
        elif declared is not None and declared.type is not str:
            fields[name] = text == "true" if declared.type is bool else int(text)
        else:
            fields[name] = text
    return Request(id=f"q{world.steps}", account=world.account, fields=fields, meters=meters)


# ---- what is expected


def _compare(world: _World, answer: Values, expect: Values) -> list[str]:
    problems = []
    if "error" in answer and "error" not in expect:
        return [f"failed: {answer['message']}"]
    for name, wanted in expect.items():
        found = _found(world, answer, name)
        if isinstance(wanted, Mapping) and isinstance(found, Mapping) and name in ("windows", "lots"):
            found = {key: found.get(key) for key in wanted}
        if found != wanted:
            problems.append(f"{name} is {_shown(found)}, expected {_shown(wanted)}")
    return problems


def _found(world: _World, answer: Values, name: str) -> Any:
    reason = answer.get("reason") or {}
    match name:
        case "draws":
            return {draw["layer"]: draw["amount"] for draw in answer.get("draws", ())}
        case "code" | "binding":
            return reason.get(name) or "none"
        case "causes":
            return {row["layer"]: row["cause"] for row in reason.get("layers", ())}
        case "offers":
            return {
                offer["offer"]: offer.get("amount") or offer.get("until") or "yes" for offer in answer.get("offers", ())
            }
        case "windows" | "lots":
            return _kept_text(world, name)
        case "retry_at":
            return answer.get("retry_at") or "none"
        case "late":
            return str(answer.get("late")).lower()
        case _:
            return answer.get(name)


def _kept_text(world: _World, name: str) -> dict[str, str]:
    """Uses of windows, or sums of lots, over all accounts of the case, as decimal text."""
    found: dict[str, str] = {}
    layers = [layer for waterfall in world.program.plan.waterfalls for layer in waterfall.layers]
    scales = {layer.name: layer.unit.scale for layer in layers}
    for state in world.states.values():
        if name == "windows":
            rows = {key: window[3] for key, window in state.windows.items()}
        else:
            rows = {key: sum(lot[1] for lot in lots) for key, lots in state.pools.items()}
        found |= {key: text_from_steps(steps, scales[key.split("|")[0].split(".")[0]]) for key, steps in rows.items()}
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(part)}" for key, part in value.items()) + "}"
    return "absent" if value is None else str(value)
