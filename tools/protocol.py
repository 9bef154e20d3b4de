"""A small world around the real step: two clients, a third party, one account, and all that can go wrong between them.

Two clients reserve, capture, stream and release on one account; a third party tops it up. Messages are lost (never sent
again), repeated and reordered, replies are lost, the server crashes before and after a commit, holds time out, late
captures come, a lot expires. What decides is `overspill.step.step.step` with a compiled policy, and what recognises a
repetition is `overspill.runtime.repeats.replayed`; modelled is only what lies around them: keys and states that a
commit makes durable, and who has heard which reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from overspill import Request
from overspill.account.effects import Effect, apply
from overspill.account.state import EMPTY, Account, pack
from overspill.records.written import Written
from overspill.runtime.policies import compiled
from overspill.runtime.repeats import replayed
from overspill.step import step as step_module
from overspill.step.commands import Capture, Grant, Release, Reserve
from overspill.step.keys import Identified, identify
from overspill.words.codec import replace
from overspill.words.failures import Failure
from overspill.words.instants import MINUTE, instant_from_text

POLICY = """policy p version 1;
language 1;
unit credits: integer;
account user { }
request { credits: meter; }
pool money { per user; unit credits; on overshoot debt up to 1 credits; }
waterfall w {
  serves true; counts credits; draw money; otherwise deny used_up; holds expire after 15min, late capture 15min;
}
"""
PROGRAM = compiled({"p.spill": POLICY.encode()})
START = instant_from_text("2026-10-05T12:00:00Z")
INSTANTS = [START + minutes * MINUTE for minutes in (0, 10, 15, 30, 45)]
"""A lot expires at the second, holds of the start time out at the third and are over at the fourth."""
ACCOUNT, DEBT_MAX, HOLD, LATE = "default/user/u", 1, 15 * MINUTE, 15 * MINUTE


class Scope(NamedTuple):
    """What is searched: how often each message may be sent, and how many crashes there may be in one run."""

    sends: tuple[int, ...]
    faults: int


QUICK = Scope((2, 1, 2, 1, 1, 1, 1, 1), 1)
FULL = Scope((2, 2, 2, 1, 1, 2, 1, 2), 1)


class Op(NamedTuple):
    """A message that a client may send."""

    name: str
    client: int
    command: Identified
    uses: int = 0
    """What a capture reports."""


def _reserve(client: int) -> Identified:
    request = Request(id=f"r{client}", account={"user": "u"}, meters={"credits": 2})
    return identify(Reserve(tenant="default", request=request))


HOLDS = [_reserve(client).derived("hold") for client in (0, 1)]


def _capture(client: int, id: str, uses: int, final: bool = True) -> Identified:
    meters = {"credits": uses}
    hold = HOLDS[client]
    return identify(Capture(tenant="default", account=ACCOUNT, hold=hold, id=id, meters=meters, final=final))


def _grant(id: str, amount: str, expires_at: int | None = None) -> Identified:
    grant = Grant(tenant="default", account={"user": "u"}, pool="money", id=id, amount=amount, expires_at=expires_at)
    return identify(grant)


OPS = [
    Op("reserve0", 0, _reserve(0)),
    Op("reserve1", 1, _reserve(1)),
    Op("capture0 of 1", 0, _capture(0, "c", 1), 1),
    Op("capture0 of 3", 0, _capture(0, "c", 3), 3),
    Op("release0", 0, identify(Release(tenant="default", account=ACCOUNT, hold=HOLDS[0], id="l"))),
    Op("part1 of 1", 1, _capture(1, "p", 1, False), 1),
    Op("last1 of 2", 1, _capture(1, "f", 2), 2),
    Op("top-up", -1, _grant("g", "1")),
]
RESERVES, TOP_UP = (0, 1), 7


class Ghost(NamedTuple):
    """What has happened, as nobody in the system knows it."""

    issued: int
    captured: int
    repaid: int
    owed: int
    expired: int
    posted: tuple[int, ...]
    """By message: how often its usage was posted."""
    reserved_at: tuple[int, ...]
    """By client; -1: never."""


class State(NamedTuple):
    account: Account
    stale: Account
    """The state before the last commit."""
    keys: Mapping[str, tuple[bytes, Written]]
    instant: int
    sends: tuple[int, ...]
    """By message: how often it may still be sent."""
    replies: tuple[bytes, ...]
    """By message: the first that was committed or sent."""
    knows: tuple[bool, ...]
    """By client: whether it has heard that it has a hold."""
    faults: int
    ghost: Ghost


class Broken(Exception):
    """(an invariant that does not hold, the event behind which it does not)."""


class _Plans:
    def active(self) -> Any:
        return PROGRAM

    def of(self, digest: str) -> Any:
        return PROGRAM


PLANS = _Plans()


def begin(scope: Scope) -> State:
    """An account with two lots of 2, one of which expires."""
    account = EMPTY
    for command in (_grant("A", "2", INSTANTS[1]), _grant("B", "2")):
        outcome = step_module.step(PLANS, lambda key, now=account: now, command, START, 1)
        account = outcome.accounts[ACCOUNT]
    none = (b"",) * len(OPS)
    ghost = Ghost(4, 0, 0, 0, 0, (0,) * len(OPS), (-1, -1))
    return State(account, account, {}, 0, scope.sends, none, (False, False), scope.faults, ghost)


def identity(state: State) -> tuple[object, ...]:
    """What two states are the same by: versions and the bytes of answers say how one came here, not where one is."""
    replied = tuple(map(bool, state.replies))
    return (
        bare(state.account),
        bare(state.stale),
        frozenset(state.keys),
        state.instant,
        state.sends,
        replied,
        state.knows,
        state.faults,
        state.ghost,
    )


# ---- the shell


class Served(NamedTuple):
    account: Account
    keys: Mapping[str, tuple[bytes, Written]]
    reply: bytes
    """Empty: a failure, which is not an outcome."""
    code: str
    expired: int
    """What its records say has expired."""
    fresh: bool


def serve(state: State, op: Op, shell: str, account: Account) -> Served:
    """One message decided in one transaction against `account`."""
    command, kind = op.command, type(op.command.command)
    keyless = (shell == "no key for captures" and kind is Capture) or (shell == "no key for grants" and kind is Grant)
    known = state.keys.get(command.id)
    try:
        if known is not None and not keyless:
            first = command.payload if shell == "no fingerprint" else known[0]
            return Served(state.account, state.keys, replayed(command, first, known[1]).json, "", 0, False)
    except Failure as failure:
        return Served(state.account, state.keys, b"", failure.code, 0, False)
    written, after, effects, code, expired = stepped(account, command, INSTANTS[state.instant])
    if written is None:
        return Served(state.account, state.keys, b"", code, 0, False)
    if account is not state.account:
        after = apply(state.account, effects, INSTANTS[state.instant])
    keys = {**state.keys, command.id: (command.payload, written)}
    if shell == "denials are not stored" and b'"outcome":"deny"' in written.json:
        keys = dict(state.keys)
    return Served(after, keys, written.json, "", expired, True)


Stepped = tuple[Written | None, Account, tuple[Effect, ...], str, int]
_STEPPED: dict[tuple[bytes, str, int], Stepped] = {}
"""By state, command and instant; the step is pure."""


@cache
def read(answer: bytes) -> Mapping[str, Any]:
    """An answer's fields."""
    found: Mapping[str, Any] = json.loads(answer)
    return found


def stepped(account: Account, command: Identified, now: int) -> Stepped:
    """The real step: (answer, state after, what its records did to the account, the code of a failure, what expired)."""
    key = (bare(account), command.fingerprint + command.id, now)
    if key not in _STEPPED:
        try:
            outcome = step_module.step(PLANS, lambda key: account, command, now, 1)
        except Failure as failure:
            return _STEPPED.setdefault(key, (None, account, (), failure.code, 0))
        effects = tuple(effect for record in outcome.records for effect in record.effects.get(ACCOUNT, ()))
        expired = sum(_expired(bytes(record.answer)) for record in outcome.records)
        _STEPPED[key] = (outcome.written, outcome.accounts.get(ACCOUNT, account), effects, "", expired)
    return _STEPPED[key]


def _expired(answer: bytes) -> int:
    """What a record says has expired: what was free of a lot, or what would have gone back to it."""
    if b'"expire' not in answer:
        return 0
    said = read(answer)
    free = int(said["amount"]) if "expire_lot" in said else 0
    return free + sum(int(one["amount"]) for one in said.get("expired", ()))


def forget() -> None:
    """Forgets what the step has done: it is another one from here on."""
    _STEPPED.clear()


def bare(account: Account) -> bytes:
    """The state without its version and the instant of its last change, which say how one came here."""
    return pack(replace(account, version=0, at=0))


def put(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    """The values with another one at `index`."""
    return (*values[:index], value, *values[index + 1 :])


def posted(ghost: Ghost, index: int, served: Served, now: int) -> Ghost:
    """What a fresh outcome adds to what has happened."""
    if not served.fresh or not served.reply:
        return ghost
    ghost = ghost._replace(expired=ghost.expired + served.expired)
    answer = read(served.reply)
    op = OPS[index]
    if index in RESERVES:
        if answer["outcome"] == "deny":
            return ghost
        return ghost._replace(reserved_at=put(ghost.reserved_at, op.client, now))
    if index == TOP_UP:
        # What the one purchase brings, however often its message comes (L5).
        once = int(answer["amount"]) if not ghost.posted[index] else 0
        repays = int(answer.get("repaid", 0))
        count = put(ghost.posted, index, ghost.posted[index] + 1)
        return ghost._replace(issued=ghost.issued + once, repaid=ghost.repaid + repays, posted=count)
    if not op.uses:
        return ghost
    owed = sum(int(draw["amount"]) for draw in answer["draws"] if draw["from"] == "debt")
    lots = sum(int(lot["amount"]) for draw in answer["draws"] for lot in draw.get("lots", ()))
    count = put(ghost.posted, index, ghost.posted[index] + 1)
    return ghost._replace(captured=ghost.captured + lots, owed=ghost.owed + owed, posted=count)
