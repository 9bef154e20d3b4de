"""Tree → rules: the checker's one door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from overspill.check.bounds import Bounds
from overspill.check.caps import Caps
from overspill.check.inputs import Inputs
from overspill.check.invariants import invariant
from overspill.check.layers import Layers
from overspill.check.names import Faults, Names
from overspill.check.overlaps import Overlaps
from overspill.check.periods import Periods
from overspill.check.prices import Prices
from overspill.check.rules import Entitlement, Grace, Layer, Limit, Pool, Rules
from overspill.check.tables import Tables
from overspill.check.usage import hints, unused
from overspill.check.waterfalls import Waterfalls
from overspill.syntax import tree
from overspill.syntax.canonical import digest
from overspill.words.diagnostics import Fault, Severity
from overspill.words.instants import InstantError, instant_from_text

LANGUAGE_VERSION = "1"
T = TypeVar("T")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Checked:
    """`rules` is None when any of the faults is an error."""

    rules: Rules | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Header:
    policy: tree.Policy
    version: int
    owner: str | None
    effective_from: int | None
    effective_until: int | None


def check(bundle: tree.Bundle, *, lints: bool = True) -> Checked:
    """All faults of the bundle in the order of their places, and its rules where none is an error.

    Without `lints` only what decides whether there are rules is looked for.
    """
    faults = Faults()
    header = _header(bundle, faults)
    names = Names(bundle, faults)
    place = next(item.span for file in bundle.files for item in file.items)
    if not names.accounts:
        faults.add("OSP202", place, "the bundle declares no account", help="add `account user { … }`")
    if not names.waterfalls:
        faults.add("OSP202", place, "the bundle has no waterfall", help="add `waterfall NAME { … }`")
    inputs = Inputs(names, faults)
    tables = Tables(names, inputs, faults)
    prices = Prices(names, inputs, tables, faults)
    cards = _each(names.cards, prices.card)
    bounds = Bounds(names, inputs, Periods(names, inputs, faults), faults)
    layers: dict[str, Layer] = _each(names.layers, Layers(names, inputs, tables, bounds, faults).layer)
    bounding = Caps(names, inputs, tables, bounds, faults)
    caps, concurrencies = _each(names.caps, bounding.cap), _each(names.concurrencies, bounding.concurrency)
    checker = Waterfalls(names, inputs, cards, layers, caps, concurrencies, bounds, faults)
    waterfalls = tuple(_each(names.waterfalls, checker.waterfall).values())
    Overlaps(faults).find(waterfalls)
    invariants = _each(names.invariants, lambda item: invariant(item, inputs, faults))
    unused(names, faults)
    hints(names, cards.values(), waterfalls, None if header is None else header.effective_from, faults)
    findings = faults.in_order()
    if header is None or any(fault.severity is Severity.ERROR for fault in findings):
        return Checked(None, _judged(bundle, findings, None) if lints else findings)
    rules = Rules(
        span=header.policy.span,
        name=header.policy.name.text,
        version=header.version,
        language=int(LANGUAGE_VERSION),
        owner=header.owner,
        effective_from=header.effective_from,
        effective_until=header.effective_until,
        digest=digest(bundle),
        units=tuple(dict.fromkeys(names.unit_of.values())),
        accounts=tuple(inputs.accounts.values()),
        request=tuple(inputs.request.values()),
        cards=tuple(cards.values()),
        limits=_of(layers, Limit),
        pools=_of(layers, Pool),
        entitlements=_of(layers, Entitlement),
        graces=_of(layers, Grace),
        caps=tuple(caps.values()),
        concurrencies=tuple(concurrencies.values()),
        invariants=tuple(invariants.values()),
        waterfalls=waterfalls,
    )
    return Checked(rules, _judged(bundle, findings, rules) if lints else findings)


def _judged(bundle: tree.Bundle, findings: tuple[Fault, ...], rules: Rules | None) -> tuple[Fault, ...]:
    """The findings with those of the lints, and without what comments ignore."""
    from overspill.check.ignores import judged  # who only decides does not load them
    from overspill.check.lints import lint

    return judged(bundle, findings if rules is None else (*findings, *lint(rules, bundle)))


def _each(items: Mapping[str, T], check_one: Callable[[T], V | None]) -> dict[str, V]:
    """What of the declarations is sound, by name."""
    return {name: found for name, item in items.items() if (found := check_one(item)) is not None}


def _of(layers: Mapping[str, Layer], kind: type[V]) -> tuple[V, ...]:
    return tuple(layer for layer in layers.values() if isinstance(layer, kind))


def _header(bundle: tree.Bundle, faults: Faults) -> _Header | None:
    """The header's own statements; that there is one is the reader's business."""
    items = [item for file in bundle.files for item in file.items]
    policy = next(item for item in items if isinstance(item, tree.Policy))
    effective = next((item for item in items if isinstance(item, tree.Effective)), None)
    owner = next((item for item in items if isinstance(item, tree.Owner)), None)
    for item in items:
        if isinstance(item, tree.Language) and item.version.text != LANGUAGE_VERSION:
            faults.add(
                "OSP222",
                item.version.span,
                f"this version reads language {LANGUAGE_VERSION}, not {item.version.text}",
                help=f"write `language {LANGUAGE_VERSION}`",
            )
    version = policy.version.text
    if not (version.isdigit() and 0 < int(version) < 10**9):
        faults.add("OSP222", policy.version.span, "a version is a whole number from 1", help="count up from 1")
        return None
    starts = ends = None
    try:
        if effective is not None:
            starts = instant_from_text(effective.starts.text)
            ends = None if effective.ends is None else instant_from_text(effective.ends.text)
    except InstantError as error:
        assert effective is not None
        late = effective.ends if starts is not None and effective.ends is not None else effective.starts
        faults.add("OSP223", late.span, str(error), help=error.help)
        return None
    if effective is not None and starts is not None and ends is not None and ends <= starts:
        faults.add("OSP304", effective.span, "the policy ends before it begins", help="correct the dates")
    return _Header(policy, int(version), None if owner is None else owner.text.text, starts, ends)
