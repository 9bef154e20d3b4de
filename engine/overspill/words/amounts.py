"""Exact amounts: integers of a unit's smallest step in, decimal text out, and back.

LANGUAGE.md M1: an amount is an integer count of its unit's smallest step, |amount| < 2^63; overflow is an error,
never a wrap. `UNLIMITED` is the one capacity above all amounts, so that "no bound" needs no second code path.
"""

from __future__ import annotations

import re

from overspill.words.codec import Struct

STEPS_MAX = 2**63 - 2
"""The largest amount, in steps."""
UNLIMITED = 2**63 - 1
"""A capacity that no sum of amounts reaches; never an amount itself."""
SCALE_MAX = 9

_DECIMAL = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?")
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class AmountError(ValueError):
    """Text that is no amount of its unit; the message says why, in the author's words, and `help` what to do."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Unit(Struct, frozen=True):
    """A unit of account: `scale` digits after the point (0: indivisible)."""

    name: str
    scale: int
    singular: str | None = None

    @property
    def step(self) -> int:
        """How many steps make one."""
        return int(10**self.scale)


class Decimal10(Struct, frozen=True):
    """An exact decimal: `digits` × 10^-`scale`, with no trailing zero behind the point."""

    digits: int
    scale: int


def decimal_from_text(text: str) -> Decimal10:
    """`12.50` → 125 × 10^-1. Raises AmountError unless it is a plain decimal of at most 18 + 9 digits."""
    if type(text) is not str:  # a program's caller, unlike a file, can hand over anything
        raise AmountError(f"`{text!r}` is not text", 'write the amount as text, such as "12.5"')
    match = _DECIMAL.fullmatch(text)
    if match is None:
        if _PLAIN.fullmatch(text):
            help = "write a smaller number, or one with fewer digits behind the point"
            raise AmountError(f"`{_short(text)}` has more than 18 digits before the point or 9 behind it", help)
        help = "write digits, with a point where needed"
        raise AmountError(f"`{_short(text)}` is not a plain decimal number such as `12` or `12.5`", help)
    sign, whole, fraction = match.groups()
    fraction = (fraction or "").rstrip("0")
    digits = int(whole + fraction)
    return Decimal10(-digits if sign else digits, len(fraction))


def steps_from_text(text: str, unit: Unit) -> int:
    """`11.625` credits at scale 6 → 11625000. Raises AmountError when the text needs a finer step or overflows."""
    number = decimal_from_text(text)
    if number.scale > unit.scale:
        finest = "a whole number" if unit.scale == 0 else f"{unit.scale} digits after the point"
        help = "round it, or declare the unit with more digits"
        raise AmountError(f"`{text}` is finer than the smallest step of `{unit.name}` ({finest})", help)
    steps = number.digits * 10 ** (unit.scale - number.scale)
    if not -STEPS_MAX <= steps <= STEPS_MAX:
        message = f"`{text}` {unit.name} is out of range: an amount stays below 2^63 steps"
        raise AmountError(message, "write a smaller amount, or `unlimited` where that is meant")
    return int(steps)


def text_from_steps(steps: int, scale: int) -> str:
    """11625000 at scale 6 → `11.625`: no exponent, no trailing zero, `-` before a negative."""
    if scale == 0:
        return str(steps)
    if steps < 0:
        return "-" + text_from_steps(-steps, scale)
    whole, rest = divmod(steps, 10**scale)
    if rest == 0:
        return str(whole)
    return f"{whole}.{rest:0{scale}d}".rstrip("0")


def amount_text(steps: int, unit: Unit) -> str:
    """For people: `1 generation`, `30 generations`, `unlimited`."""
    if steps == UNLIMITED:
        return "unlimited"
    name = unit.singular if unit.singular and steps == unit.step else unit.name
    return f"{text_from_steps(steps, unit.scale)} {name}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
