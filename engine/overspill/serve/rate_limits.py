"""The RateLimit fields of a decision (draft-ietf-httpapi-ratelimit-headers-10): what is left of the asking account's windows.

A window of the asking user's own that a layer counts in is told; what several share is nobody's to see, and a balance is
no window. A month's length is not fixed, so there is no `w`, and `t` says when there is more. Amounts that are no whole
numbers are rounded down.

Where an answer is a form and its values, the windows are found in the form once, and of each answer only what they tell is
read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from overspill.plan.plan import ROOT, Plan
from overspill.records.answers import Decision
from overspill.records.written import Form
from overspill.serve.fields import RATE_LIMIT, RATE_LIMIT_POLICY, Header
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Light, json_decoder
from overspill.words.instants import NEVER, instant_from_text
from overspill.words.kept import kept
from overspill.words.texts import digits

INTEGER_MAX = 999_999_999_999_999
"""Structured Fields have integers of 15 digits (RFC 9651)."""
SECOND = 1_000_000
FIELDS = (RATE_LIMIT_POLICY, RATE_LIMIT)
_POLICY, _STATE = (field.wire for field in FIELDS)


def rate_limits(decision: Decision, now: int, plan: Plan) -> tuple[Header, ...]:
    """The fields, where there is something to tell."""
    form = decision.written.form
    if form is None:
        return _in_text(decision.json, own_units(plan), now)
    key = form.id, plan.digest
    read = _reads.get(key)
    if read is None:
        read = _reads[key] = _in_form(form, own_units(plan))
    return read(decision.written.values, now)


def own_units(plan: Plan) -> dict[str, str]:
    """Layer → its unit, for those that the asking user's own account keeps."""
    found = _units.get(plan.digest)
    if found is None:
        found = _units[plan.digest] = _own_units(plan)
    return found


def _own_units(plan: Plan) -> dict[str, str]:
    layers = [layer for waterfall in plan.waterfalls for layer in waterfall.layers]
    return {layer.name: layer.unit.name for layer in layers if layer.account == ROOT}


_units: dict[str, dict[str, str]] = {}
"""By policy."""


def _policies(limits: Mapping[str, tuple[int, str]]) -> Header:
    """Of windows with a limit in a unit."""
    told = [f'"{window}";q={limit};overspill-unit="{unit}"' for window, (limit, unit) in limits.items()]
    return (_POLICY, ", ".join(told).encode())


def _fields(policies: Header, states: Iterable[str]) -> tuple[Header, ...]:
    return policies, (_STATE, ", ".join(states).encode())


def _told_as(whole: int) -> int:
    return min(max(whole, 0), INTEGER_MAX)


def _until(ends_at: int, now: int) -> str:
    """When there is more, where there ever is."""
    if ends_at == NEVER:
        return ""
    return f";t={digits((ends_at - now + SECOND - 1) // SECOND)}" if now < ends_at else ";t=0"


# ---- in an answer's text


class Counted(Light, frozen=True):
    window: str
    after: str
    limit: str | None
    ends_at: str | None = None


class Step(Light, frozen=True):
    layer: str = ""
    windows: tuple[Counted, ...] | None = None


class Told(Light, frozen=True):
    trace: tuple[Step, ...]


_told = json_decoder(Told).decode


def _in_text(decision: bytes, units: dict[str, str], now: int) -> tuple[Header, ...]:
    if b'"windows":[{' not in decision:
        return ()
    limits: dict[str, tuple[int, str]] = {}
    states: dict[str, str] = {}
    for step in _told(decision).trace:
        for one in (step.windows or ()) if step.layer in units else ():
            if one.limit is not None and one.limit != "unlimited":
                ends_at = NEVER if one.ends_at is None else instant_from_text(one.ends_at)
                limits[one.window] = _whole(one.limit), units[step.layer]
                states[one.window] = f'"{one.window}";r={_left(one.limit, one.after)}{_until(ends_at, now)}'
    return _fields(_policies(limits), states.values()) if limits else ()


def _whole(amount: str) -> int:
    return _told_as(int(amount.partition(".")[0]))


def _left(limit: str, after: str) -> int:
    """Both are as short as they can be, so that of two fractions the greater one is the greater text."""
    whole, _, part = limit.partition(".")
    used, _, used_part = after.partition(".")
    return _told_as(int(whole) - int(used) - (used_part > part))


# ---- in a form's values


Place = tuple[str, str, int, int, int, int]
"""(a window, its unit, the steps of a whole one, where of the values its limit, its use behind the draw and its end stand)."""
Read = Callable[[Sequence[Any], int], tuple[Header, ...]]
"""(an answer's values, now) → the fields."""

_reads: dict[tuple[str, str], Read] = {}
"""By form and policy."""
_PARTS = re.compile(
    r'\{"step":"layer","layer":"(?P<layer>[^"]+)"|'
    r'\{"window":"(?P<window>[^"]+)",[^{}]*?"after":"«(?P<after>\d+)»","limit":"«(?P<limit>\d+)»","ends_at":«(?P<end>\d+)»'
)
"""A layer's step, or a window, in a form whose holes are numbered. In a policy's own texts quotes have a stroke before them."""


def _in_form(form: Form, units: dict[str, str]) -> Read:
    """The windows that every answer of the form tells of, in the trace's steps of layers."""
    holes = [f"«{index}»" for index in range(len(form.holes))]
    text = "".join([part for pair in zip(form.pieces, [*holes, ""], strict=True) for part in pair])
    places: list[Place] = []
    unit = None
    for found in _PARTS.finditer(text):
        if found["layer"] is not None:
            unit = units.get(found["layer"])
        elif unit is not None:  # else it stands in a draw, or is not for everybody to see
            after, limit, end = (form.holes[int(found[name])] for name in ("after", "limit", "end"))
            places.append((found["window"], unit, 10**after.scale, limit.value, after.value, end.value))
    return _read_at(places) if places else lambda values, now: ()


def _read_at(places: Sequence[Place]) -> Read:
    """What the limits alone say is mostly the same from answer to answer, and is kept by them."""
    limits = [limit for _, _, _, limit, _, _ in places]
    capacities = itemgetter(*limits) if len(limits) > 1 else lambda values: (values[limits[0]],)

    @kept
    def told(capacities: tuple[int, ...]) -> tuple[Header, list[tuple[bytes, int, int, int, int]]]:
        """The policies, and of each window what its state begins with, its limit, the steps of a whole one, where its use and
        its end stand."""
        found = {
            window: (min(capacity // steps, INTEGER_MAX), unit, capacity, steps, after, end)
            for capacity, (window, unit, steps, _, after, end) in zip(capacities, places, strict=True)
            if capacity != UNLIMITED
        }
        return _policies({window: one[:2] for window, one in found.items()}), [
            (f'"{window}";r='.encode(), *one[2:]) for window, one in found.items()
        ]

    def read(values: Sequence[Any], now: int) -> tuple[Header, ...]:
        policies, windows = told(capacities(values))
        states = []
        for head, capacity, steps, after, end in windows:
            left = (capacity - values[after]) // steps
            if not 0 <= left <= INTEGER_MAX:
                left = _told_as(left)
            ends_at = values[end]
            if now < ends_at < NEVER:  # as mostly
                states.append(b"%b%d;t=%d" % (head, left, -((now - ends_at) // SECOND)))
            else:
                states.append(b"%b%d%b" % (head, left, _until(ends_at, now).encode()))
        return (policies, (_STATE, b", ".join(states))) if states else ()

    return read
