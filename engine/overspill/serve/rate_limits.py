"""The RateLimit fields of a decision (draft-ietf-httpapi-ratelimit-headers-10): what is left of the asking account's windows.

A window of the asking user's own that a layer counts in is told; what several share is nobody's to see, and a balance is
no window. Our windows are calendar or anchored: their length is not fixed, so there is no `w`, and `t` says when there
is more. Amounts that are no whole numbers are rounded down.
"""

from __future__ import annotations

from overspill.plan.plan import ROOT, Plan
from overspill.serve.call import Header
from overspill.words.codec import Light, json_decoder
from overspill.words.instants import instant_from_text
from overspill.words.kept import kept

INTEGER_MAX = 999_999_999_999_999
"""Structured Fields have integers of 15 digits (RFC 9651)."""
SECOND = 1_000_000


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
_instant = kept(instant_from_text)
_units: dict[str, dict[str, str]] = {}
"""By policy."""


def rate_limits(decision: bytes, now: int, plan: Plan) -> tuple[Header, ...]:
    """The fields, where there is something to tell."""
    if b'"windows":[{' not in decision:
        return ()
    return _fields(_told(decision), now, own_units(plan))


def own_units(plan: Plan) -> dict[str, str]:
    """Layer → its unit, for those that the asking user's own account keeps."""
    found = _units.get(plan.digest)
    if found is None:
        found = _units[plan.digest] = _own_units(plan)
    return found


def _own_units(plan: Plan) -> dict[str, str]:
    layers = [layer for waterfall in plan.waterfalls for layer in waterfall.layers]
    return {layer.name: layer.unit.name for layer in layers if layer.account == ROOT}


def _fields(told: Told, now: int, units: dict[str, str]) -> tuple[Header, ...]:
    policies, states = {}, {}
    for step in told.trace:
        if step.windows and step.layer in units:
            unit = units[step.layer]
            for one in step.windows:
                if one.limit is not None and one.limit != "unlimited":
                    policies[one.window] = _policy((one.window, one.limit, unit))
                    left = max(_whole(one.limit) - _whole_up(one.after), 0)
                    until = "" if one.ends_at is None else f";t={max(-((now - _instant(one.ends_at)) // SECOND), 0)}"
                    states[one.window] = f'"{one.window}";r={left}{until}'
    if not policies:
        return ()
    return (
        (b"ratelimit-policy", ", ".join(policies.values()).encode()),
        (b"ratelimit", ", ".join(states.values()).encode()),
    )


@kept
def _policy(of: tuple[str, str, str]) -> str:
    """Of a window with a limit in a unit."""
    name, limit, unit = of
    return f'"{name}";q={_whole(limit)};overspill-unit="{unit}"'


@kept
def _whole(amount: str) -> int:
    return min(int(amount.partition(".")[0]), INTEGER_MAX)


def _whole_up(amount: str) -> int:
    whole, point, _ = amount.partition(".")
    return min(int(whole) + bool(point), INTEGER_MAX)
