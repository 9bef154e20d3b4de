"""What a request costs in its waterfall's unit (LANGUAGE.md M2), and the rows of tables by its facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, TypeVar

from overspill.plan.arithmetic import round_quotient
from overspill.plan.evaluate import evaluate
from overspill.plan.functions import CelError
from overspill.plan.plan import Counting, DerivedMeter, Origin, PriceTable, Pricing, Row, Table, Waterfall
from overspill.plan.raw import Facts
from overspill.words.amounts import text_from_steps
from overspill.words.failures import Failure
from overspill.words.instants import instant_text

V = TypeVar("V")


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
    message = f"rate card `{pricing.card}` has no prices before {instant_text(first)}"
    raise Failure("no_price_yet", message, help="ask again then, or give the card an earlier table")


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
