"""The RateLimit fields of a decision (draft-ietf-httpapi-ratelimit-headers-10): what is left of the asking account's windows.

A window of the asking user's own that a layer counts in is told; what several share is nobody's to see, and a balance is
no window. Our windows are calendar or anchored: their length is not fixed, so there is no `w`, and `t` says when there
is more. Amounts that are no whole numbers are rounded down.

Where an answer is a form and its values, the windows are found in the form once, and of each answer only what they tell is
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from overspill.plan.plan import ROOT, Plan
from overspill.records.answers import Decision
from overspill.records.written import Form, Value
from overspill.serve.call import Header
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Light, json_decoder
from overspill.words.instants import NEVER, instant_from_text
from overspill.words.kept import kept

INTEGER_MAX = 999_999_999_999_999
"""Structured Fields have integers of 15 digits (RFC 9651)."""
SECOND = 1_000_000


Left = tuple[str, str, int, int, int | None]
"""A window as it is told: (its name, its unit, limit and use in whole units, rounded down and up, its end or None for never)."""


def rate_limits(decision: Decision, now: int, plan: Plan) -> tuple[Header, ...]:
    """The fields, where there is something to tell."""
    form, units = decision.written.form, own_units(plan)
    if form is None:
        return _fields(_in_text(decision.json, units), now)
    key = form.id, plan.digest
    places = _places.get(key)
    if places is None:
        places = _places[key] = _in_form(form, units)
    return _fields(_in_values(places, decision.written.values), now) if places else ()


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


def _fields(windows: Iterable[Left], now: int) -> tuple[Header, ...]:
    policies, states = {}, {}
    for window, unit, limit, after, ends_at in windows:
        policies[window] = _policy((window, limit, unit))
        until = "" if ends_at is None else f";t={max(-((now - ends_at) // SECOND), 0)}"
        states[window] = f'"{window}";r={max(limit - after, 0)}{until}'
    if not policies:
        return ()
    return (
        (b"ratelimit-policy", ", ".join(policies.values()).encode()),
        (b"ratelimit", ", ".join(states.values()).encode()),
    )


@kept
def _policy(of: tuple[str, int, str]) -> str:
    """Of a window with a limit in a unit."""
    name, limit, unit = of
    return f'"{name}";q={limit};overspill-unit="{unit}"'


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


def _in_text(decision: bytes, units: dict[str, str]) -> Iterator[Left]:
    if b'"windows":[{' not in decision:
        return
    for step in _told(decision).trace:
        for one in (step.windows or ()) if step.layer in units else ():
            if one.limit is not None and one.limit != "unlimited":
                ends_at = None if one.ends_at is None else instant_from_text(one.ends_at)
                yield one.window, units[step.layer], _whole(one.limit), _whole_up(one.after), ends_at


def _whole(amount: str) -> int:
    return min(int(amount.partition(".")[0]), INTEGER_MAX)


def _whole_up(amount: str) -> int:
    whole, point, _ = amount.partition(".")
    return min(int(whole) + bool(point), INTEGER_MAX)


# ---- in a form's values


class Place(Light, frozen=True):
    """Where the values of a window stand; `steps` are those of a whole unit."""

    window: str
    unit: str
    steps: int
    limit: int
    after: int
    ends_at: int


_places: dict[tuple[str, str], tuple[Place, ...]] = {}
"""By form and policy."""
_PARTS = re.compile(
    r'\{"step":"layer","layer":"(?P<layer>[^"]+)"|'
    r'\{"window":"(?P<window>[^"]+)",[^{}]*?"after":"«(?P<after>\d+)»","limit":"«(?P<limit>\d+)»","ends_at":«(?P<end>\d+)»'
)
"""A layer's step, or a window, in a form whose holes are numbered. In a policy's own texts quotes have a stroke before them."""


def _in_values(places: Sequence[Place], values: Sequence[Value]) -> Iterator[Left]:
    for one in places:
        limit, after, ends_at = values[one.limit], values[one.after], values[one.ends_at]
        assert type(limit) is int and type(after) is int and type(ends_at) is int
        if limit != UNLIMITED:
            whole, used = limit // one.steps, -(-after // one.steps)
            until = None if ends_at == NEVER else ends_at
            yield one.window, one.unit, min(whole, INTEGER_MAX), min(used, INTEGER_MAX), until


def _in_form(form: Form, units: dict[str, str]) -> tuple[Place, ...]:
    """The windows that every answer of the form tells of, in the trace's steps of layers."""
    holes = [f"«{index}»" for index in range(len(form.holes))]
    text = "".join([part for pair in zip(form.pieces, [*holes, ""], strict=True) for part in pair])
    places, unit = [], None
    for found in _PARTS.finditer(text):
        if found["layer"] is not None:
            unit = units.get(found["layer"])
        elif unit is not None:  # else it stands in a draw, or is not for everybody to see
            after, limit, end = (form.holes[int(found[name])] for name in ("after", "limit", "end"))
            places.append(Place(found["window"], unit, 10**after.scale, limit.value, after.value, end.value))
    return tuple(places)
