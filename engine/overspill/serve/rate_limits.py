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


class Entry(Light, frozen=True):
    account: str
    window: str | None = None


class Step(Light, frozen=True):
    layer: str = ""
    windows: tuple[Counted, ...] | None = None
    effects: tuple[Entry, ...] = ()


class Told(Light, frozen=True):
    outcome: str
    trace: tuple[Step, ...]
    retry_at: str | None = None


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
    found = {
        one.window: (one, units[step.layer]) for step in told.trace if step.layer in units for one in step.windows or ()
    }
    policies, states = [], []
    for name, (one, unit) in found.items():
        if one.limit is None or one.limit == "unlimited":
            continue
        limit, after = _whole(one.limit), _whole_up(one.after)
        until = "" if one.ends_at is None else f";t={_seconds(one.ends_at, now)}"
        policies.append(f'"{name}";q={limit};overspill-unit="{unit}"')
        states.append(f'"{name}";r={max(limit - after, 0)}{until}')
    if not policies:
        return ()
    return (
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
    )


def _whole(amount: str) -> int:
    return min(int(amount.partition(".")[0]), INTEGER_MAX)


def _whole_up(amount: str) -> int:
    whole, point, _ = amount.partition(".")
    return min(int(whole) + bool(point), INTEGER_MAX)


def _seconds(instant: str, now: int) -> int:
    return max(-(-(_instant(instant) - now) // SECOND), 0)
