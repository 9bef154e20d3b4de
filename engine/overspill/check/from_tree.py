"""Tree → rules: the checker's one door."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.check.inputs import Inputs
from overspill.check.layers import Layers
from overspill.check.names import Faults, Names
from overspill.check.prices import Prices
from overspill.check.rules import Limit, Pool, Rules
from overspill.check.tables import Tables
from overspill.check.waterfalls import Waterfalls
from overspill.syntax import tree
from overspill.syntax.canonical import digest
from overspill.words.diagnostics import Fault, Severity
from overspill.words.instants import InstantError, instant_from_text

LANGUAGE_VERSION = "1"


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
    if not names.accounts:
        first = bundle.files[0].items[0]
        faults.add("OSP202", first.span, "the bundle declares no account", help="add `account user { … }`")
    inputs = Inputs(names, faults)
    tables = Tables(names, inputs, faults)
    prices = Prices(names, inputs, tables, faults)
    cards = {name: card for name, item in names.cards.items() if (card := prices.card(item)) is not None}
    layers = Layers(names, inputs, tables, faults)
    checked: dict[str, Limit | Pool] = {}
    for name, item in names.layers.items():
        layer = layers.limit(item) if isinstance(item, tree.Limit) else layers.pool(item)
        if layer is not None:
            checked[name] = layer
    checker = Waterfalls(names, inputs, cards, checked, layers, faults)
    waterfalls = [found for item in names.waterfalls.values() if (found := checker.waterfall(item)) is not None]
    checker.overlaps(waterfalls)
    checker.undrawn()
    if not names.waterfalls:
        first = bundle.files[0].items[0]
        faults.add("OSP202", first.span, "the bundle has no waterfall", help="add `waterfall NAME { … }`")
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
        limits=tuple(layer for layer in checked.values() if isinstance(layer, Limit)),
        pools=tuple(layer for layer in checked.values() if isinstance(layer, Pool)),
        waterfalls=tuple(waterfalls),
    )
    return Checked(rules, _judged(bundle, findings, rules) if lints else findings)


def _judged(bundle: tree.Bundle, findings: tuple[Fault, ...], rules: Rules | None) -> tuple[Fault, ...]:
    """The findings with those of the lints, and without what comments ignore."""
    from overspill.check.ignores import judged  # who only decides does not load them
    from overspill.check.lints import lint

    return judged(bundle, findings if rules is None else (*findings, *lint(rules, bundle)))


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
    instants: list[int | None] = []
    for text in () if effective is None else (effective.starts, effective.ends):
        try:
            instants.append(None if text is None else instant_from_text(text.text))
        except InstantError as error:
            assert text is not None
            faults.add("OSP223", text.span, str(error))
            return None
    starts, ends = instants if instants else (None, None)
    if effective is not None and starts is not None and ends is not None and ends <= starts:
        faults.add("OSP304", effective.span, "the policy ends before it begins", help="correct the dates")
    return _Header(policy, int(version), None if owner is None else owner.text.text, starts, ends)
