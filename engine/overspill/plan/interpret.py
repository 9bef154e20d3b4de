"""The plain interpreter of a plan: the reference that generated functions are compared with, and the way of the rare
commands (a capture beyond its hold). Facts in, a raw decision out.

Order of a decision (LANGUAGE.md section 3): read the facts, price them (M2), guards (L1), a base of zero (M4), then the
layers as written (L2, L3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeVar

from overspill.plan.arithmetic import ceil_ratio, cover, round_quotient
from overspill.plan.evaluate import evaluate
from overspill.plan.functions import ABSENT, CelError
from overspill.plan.periods import window_at
from overspill.plan.plan import (
    ROOT,
    CapacityTimes,
    Condition,
    Counting,
    DerivedMeter,
    Layer,
    LimitLayer,
    Origin,
    PoolLayer,
    PriceTable,
    Pricing,
    Row,
    Scalar,
    Slot,
    Table,
    Waterfall,
    state_key,
)
from overspill.plan.raw import (
    COVERED,
    ERROR,
    GUARD_ERROR,
    GUARDED,
    SHORT,
    SKIPPED,
    STEP_NOT_APPLICABLE,
    STOPPED,
    TOOK,
    ZERO,
    Drawn,
    Facts,
    LimitStep,
    PassedStep,
    PoolStep,
    Raw,
    Step,
)
from overspill.plan.shapes import LOT_EXPIRES_AT, LOT_GRANTED_AT, LOT_LEFT, LOT_ORDER, USED, AccountFacts, Lot
from overspill.words.amounts import STEPS_MAX, UNLIMITED, text_from_steps
from overspill.words.failures import Failure
from overspill.words.instants import instant_text

V = TypeVar("V")

Accounts = Sequence[AccountFacts | None]
"""One state for each account kind of the plan, None where the request names no such account."""


def decide(
    waterfall: Waterfall,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
    now: int,
) -> Raw:
    """The raw decision on a request whose fields and meters have been admitted. Raises Failure for invalid input."""
    facts = read_facts(waterfall, fields, meters, ids, accounts)
    return decide_facts(waterfall, facts, accounts, now)


def decide_facts(waterfall: Waterfall, facts: Facts, accounts: Accounts, now: int) -> Raw:
    """The same from facts already read."""
    base = base_amount(waterfall, facts, now)
    for index, guard in enumerate(waterfall.guards):
        verdict = test(guard.when, facts)
        if verdict is not False:
            return (GUARD_ERROR if verdict is None else GUARDED, index, base, base, facts, ())
    if base == 0:
        return (ZERO, 0, 0, 0, facts, ())
    return fill(waterfall, facts, accounts, base, now)


# ---- facts


def read_facts(
    waterfall: Waterfall,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
) -> Facts:
    """The waterfall's inputs in slot order, defaults filled in. Raises Failure naming the first that is missing."""
    return tuple(_read(waterfall, slot, fields, meters, ids, accounts) for slot in waterfall.slots)


def _read(
    waterfall: Waterfall,
    slot: Slot,
    fields: Mapping[str, Scalar],
    meters: Mapping[str, int],
    ids: Sequence[str | None],
    accounts: Accounts,
) -> object:
    name = slot.input.name
    value: Scalar | None
    match slot.origin:
        case Origin.FIELD:
            if slot.kind != ROOT and ids[slot.kind] is None:
                return ABSENT
            value = fields.get(name, slot.input.default)
        case Origin.METER:
            value = meters.get(name, slot.input.default)
        case Origin.ACCOUNT_ID:
            value = ids[slot.kind]
        case Origin.ATTRIBUTE:
            account = accounts[slot.kind]
            if account is None:
                return ABSENT
            value = account.attributes.get(name, slot.input.default)
    if value is not None:
        return value
    if slot.input.optional or slot.origin is Origin.ACCOUNT_ID:
        return ABSENT
    raise _missing(waterfall, slot, ids)


def _missing(waterfall: Waterfall, slot: Slot, ids: Sequence[str | None]) -> Failure:
    if slot.origin is Origin.ATTRIBUTE:
        return Failure(
            "missing_attribute",
            f"account `{slot.path.split('.')[0]}` {ids[slot.kind]} has no `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
            help=f"set the attribute `{slot.input.name}` of this account first, or give it a default in the policy",
            pointer="/account",
        )
    what, where = ("meter", "meters") if slot.origin is Origin.METER else ("field", "fields")
    return Failure(
        f"missing_{what}",
        f"the request has no {what} `{slot.input.name}`, which waterfall `{waterfall.name}` reads",
        help=f"send it under `{where}`",
        pointer=f"/{where}/{slot.input.name}",
    )


# ---- the base amount


def base_amount(waterfall: Waterfall, facts: Facts, at: int) -> int:
    """LANGUAGE.md M2: what the request costs in the waterfall's unit, in steps, by the prices in force at `at`."""
    match waterfall.base:
        case Counting(meter=meter):
            quantity = facts[meter]
            assert isinstance(quantity, int)
            base = quantity * waterfall.unit.step
        case Pricing() as pricing:
            base = _priced(pricing, waterfall, facts, at)
    if base > waterfall.base_max:
        raise Failure(
            "amount_overflow",
            f"the request comes to {text_from_steps(base, waterfall.unit.scale)} {waterfall.unit.name}, "
            "more than amounts can hold",
            help="ask for less at once",
            pointer="/meters",
        )
    return base


def _priced(pricing: Pricing, waterfall: Waterfall, facts: Facts, at: int) -> int:
    row = look_up(price_table(pricing, at).table, waterfall, facts)
    quantities = list(facts)
    for meter in pricing.derived:
        quantities.append(_derived(meter, quantities))
    total = 0
    for slot, price in zip(pricing.meters, row, strict=True):
        quantity = quantities[slot]
        assert isinstance(quantity, int)
        total += quantity * price
    return round_quotient(total, pricing.denominator, pricing.round)


def _derived(meter: DerivedMeter, quantities: Sequence[object]) -> int:
    try:
        value = evaluate(meter.expr, quantities)
    except CelError as error:
        raise invalid_usage(meter.name, str(error)) from None
    assert isinstance(value, int)
    if value < 0:
        raise invalid_usage(meter.name, f"it comes to {value}")
    return value


def invalid_usage(meter: str, why: str) -> Failure:
    return Failure(
        "invalid_usage",
        f"the meters make `{meter}` impossible: {why}",
        help="correct the meters: a part cannot exceed its whole",
        pointer="/meters",
    )


def price_table(pricing: Pricing, at: int) -> PriceTable:
    """The table in force at `at`. Raises Failure `no_price_yet` before the first."""
    for table in pricing.tables:
        if table.starts <= at:
            return table
    first = pricing.tables[-1].starts
    raise Failure("no_price_yet", f"rate card `{pricing.card}` has no prices before {instant_text(first)}")


def look_up(table: Table[V], waterfall: Waterfall, facts: Facts) -> V:
    """The row of the facts' values. Raises Failure `unknown_NAME` where there is neither row nor default."""
    found = table.rows.get(row_of(table.by, facts)) if table.by else None
    if found is None:
        found = table.default
    if found is None:
        raise unknown_row(table, waterfall, facts)
    return found


def raise_(failure: Failure) -> NoReturn:
    """`raise` as an expression, for generated code."""
    raise failure


def row_of(by: tuple[int, ...], facts: Facts) -> Row:
    """The key of the facts' row: the one value, or a tuple of them."""
    values = tuple(str(facts[slot]) for slot in by)
    return values[0] if len(values) == 1 else values


def unknown_row(table: Table[V], waterfall: Waterfall, facts: Facts) -> Failure:
    """What to raise for values that a table has no row for."""
    slots = [waterfall.slots[slot] for slot in table.by]
    known = sorted({row if isinstance(row, str) else ", ".join(row) for row in table.rows})
    got = ", ".join(f"`{facts[slot]}`" for slot in table.by)
    return Failure(
        f"unknown_{slots[0].input.name}",
        f"{' and '.join(f'`{slot.path}`' for slot in slots)} is {got}, which the policy has no row for",
        help=f"known: {', '.join(known[:20])}{' …' if len(known) > 20 else ''}",
        pointer=f"/fields/{slots[0].input.name}" if slots[0].origin is Origin.FIELD else "/account",
    )


def test(condition: Condition, facts: Facts) -> bool | None:
    """True, False, or None for an error."""
    try:
        return evaluate(condition.expr, facts) is True
    except CelError:
        return None


# ---- the layers


def fill(waterfall: Waterfall, facts: Facts, accounts: Accounts, asked: int, now: int) -> Raw:
    """Runs `asked` base steps down the layers (LANGUAGE.md L2, L3)."""
    left = asked
    steps: list[Step] = []
    for index, layer in enumerate(waterfall.layers):
        step = visit(layer, waterfall, facts, accounts, left, now)
        steps.append(step)
        if step[0] == ERROR and layer.on_error != "skip":
            ending = STOPPED if layer.on_error == "deny" else SHORT
            return (ending, index if ending == STOPPED else 0, asked, left, facts, tuple(steps))
        if step[0] != TOOK:
            continue
        if step[1] == left:
            return (COVERED, 0, asked, 0, facts, tuple(steps))
        if not waterfall.fill_whole:
            left -= step[1]
    return (SHORT, 0, asked, left, facts, tuple(steps))


def visit(layer: Layer, waterfall: Waterfall, facts: Facts, accounts: Accounts, asked: int, now: int) -> Step:
    """What one layer can cover of `asked`, or why it is passed by (LANGUAGE.md L9)."""
    account = accounts[layer.kind]
    passed = _passed(layer, facts, account)
    if passed is not None:
        return passed
    assert account is not None
    ratio = look_up(layer.ratio, waterfall, facts)
    key_values = tuple(str(facts[slot]) for slot in layer.per)
    match layer:
        case LimitLayer():
            return _visit_limit(layer, waterfall, facts, account, key_values, ratio, asked, now)
        case PoolLayer():
            lots = account.pools.get(state_key(layer.name, key_values), ())
            return draw_lots(in_order(lots, layer.order), ratio, asked, now)


def _passed(layer: Layer, facts: Facts, account: AccountFacts | None) -> PassedStep | None:
    if account is None:
        return STEP_NOT_APPLICABLE
    if layer.when is not None:
        verdict = test(layer.when, facts)
        if verdict is not True:
            return (ERROR, -1) if verdict is None else STEP_NOT_APPLICABLE
    for index, skip in enumerate(layer.skips):
        verdict = test(skip.when, facts)
        if verdict is not False:
            return (ERROR if verdict is None else SKIPPED, index)
    return None


def _visit_limit(
    layer: LimitLayer,
    waterfall: Waterfall,
    facts: Facts,
    account: AccountFacts,
    key_values: tuple[str, ...],
    ratio: tuple[int, int],
    asked: int,
    now: int,
) -> LimitStep:
    capacities = capacities_at(look_up(layer.capacity, waterfall, facts), layer.capacity_times, now)
    windows = tuple(
        window_at(account.windows.get(state_key(window.key, key_values)), window.kind, now) for window in layer.windows
    )
    room = min(capacity - window[USED] for capacity, window in zip(capacities, windows, strict=True))
    base, amount = cover(asked, room, *ratio)
    return (TOOK, base, amount, windows, capacities)


def capacities_at(capacities: tuple[int, ...], times: tuple[CapacityTimes, ...], now: int) -> tuple[int, ...]:
    """LANGUAGE.md W5: the capacities times all that is in force, rounded down once; no bound stays none."""
    numerator = denominator = 1
    for one in times:
        if one.starts <= now < one.ends:
            numerator *= one.factor[0]
            denominator *= one.factor[1]
    if numerator == denominator:
        return capacities
    return tuple([c if c == UNLIMITED else min(c * numerator // denominator, STEPS_MAX) for c in capacities])


def in_order(lots: tuple[Lot, ...], order: tuple[str, ...]) -> Sequence[Lot]:
    """The lots in a pool's declared order; the state keeps the default one."""
    if not order:
        return lots
    places = [LOT_ORDER[key] for key in order]
    return sorted(lots, key=lambda lot: [lot[place] for place in places])


def draw_lots(lots: Sequence[Lot], ratio: tuple[int, int], asked: int, now: int) -> PoolStep:
    """What usable lots (LANGUAGE.md G1) cover of `asked`, taken in their order."""
    wanted = ceil_ratio(asked, *ratio)
    drawn, found = take(lots, wanted, now)
    base, amount = cover(asked, found, *ratio)
    if amount < found:
        drawn, _ = take(lots, amount, now)
    return (TOOK, base, amount, drawn)


def take(lots: Sequence[Lot], wanted: int, now: int) -> tuple[Drawn, int]:
    """Up to `wanted` steps from the usable lots: (lots with the amount drawn from each, their sum)."""
    drawn: list[tuple[Lot, int]] = []
    found = 0
    for lot in lots:
        if found == wanted:
            break
        if lot[LOT_GRANTED_AT] <= now < lot[LOT_EXPIRES_AT]:
            part = min(lot[LOT_LEFT], wanted - found)
            drawn.append((lot, part))
            found += part
    return tuple(drawn), found
