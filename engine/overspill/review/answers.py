"""What a step came to, and the parts of it that a test may expect: one table, by the words that test files use.

An answer is the engine's own JSON; what is found in it is text, or text by key. Amounts are found with their unit
beside them (`20 credits`), so that an expectation may name it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overspill.step.top_ups import REASONS
from overspill.words.amounts import decimal_from_text, text_from_steps
from overspill.words.codec import Struct
from overspill.words.failures import Failure

Found = str | Mapping[str, str]
NOTHING = "none"
"""What an answer says where it names nothing: no window binds, no error."""
ABSENT = "nothing"
"""What stands in a report where an answer has no such part."""


class Answer(Struct, frozen=True, kw_only=True):
    """`json` is empty where the step failed or only time passed; `balances` gives what accounts hold afterwards."""

    json: Mapping[str, Any]
    bytes: bytes
    failure: Failure | None
    replayed: bool
    balances: Callable[[str], Mapping[str, str]]

    @property
    def is_decision(self) -> bool:
        return "decision" in self.json


class Part(Struct, frozen=True):
    """One part of an answer.

    `shape` is how an expectation of it reads: `text`, `word` (one of `choices`), `amount`, or `texts` and `amounts` by
    key. `keys` says what the keys name. `named_only`: keys that the expectation leaves out may be anything. `missing` is
    what a key that is not found comes to.
    """

    words: tuple[str, ...]
    shape: str
    find: Callable[[Answer], Found | None]
    keys: str = ""
    choices: tuple[str, ...] = ()
    named_only: bool = False
    missing: str = ABSENT


def _plain(name: str) -> Callable[[Answer], str | None]:
    return lambda answer: answer.json.get(name)


def _amount(name: str) -> Callable[[Answer], str | None]:
    def find(answer: Answer) -> str | None:
        number = answer.json.get(name)
        return None if number is None else f"{number} {answer.json['unit']}"

    return find


def _flag(name: str) -> Callable[[Answer], str | None]:
    return lambda answer: str(answer.json.get(name)).lower()


def _reason(name: str) -> Callable[[Answer], str | None]:
    return lambda answer: (answer.json.get("reason") or {}).get(name) or NOTHING


def _charge(answer: Answer) -> Found:
    return {unit: f"{number} {unit}" for unit, number in answer.json.get("charge", {}).items()}


def _credit(answer: Answer) -> Found:
    return {unit: f"{number} {unit}" for unit, number in answer.json.get("credit", {}).items()}


def _refunded(answer: Answer) -> str | None:
    refund = answer.json.get("refunded")
    return None if refund is None else f"{refund['amount']} {refund['unit']}"


def _draws(answer: Answer) -> Found:
    """By layer; a capture may draw on one layer inside its hold and from what is free."""
    found: dict[str, str] = {}
    for draw in answer.json.get("draws", ()):
        layer = draw["layer"]
        number = added(found[layer].split(" ")[0], draw["amount"]) if layer in found else draw["amount"]
        found[layer] = f"{number} {draw['unit']}"
    return found


def _causes(answer: Answer) -> Found:
    reason = answer.json.get("reason") or {}
    return {row["layer"]: row["cause"] for row in reason.get("layers", ())}


def _verdicts(answer: Answer) -> Found:
    return {step["layer"]: step["verdict"] for step in _layer_steps(answer)}


def _skipped(answer: Answer) -> Found:
    return {step["layer"]: step["cause"] for step in _layer_steps(answer) if step["verdict"] == "skipped"}


def _layer_steps(answer: Answer) -> list[Mapping[str, Any]]:
    return [step for step in answer.json.get("trace", ()) if step["step"] == "layer"]


def _offers(answer: Answer) -> Found:
    """Purchases with their amount, waiting with its end, others with `yes`."""
    return {
        offer["offer"]: f"{offer['amount']} {offer['unit']}" if "amount" in offer else offer.get("until", "yes")
        for offer in answer.json.get("offers", ())
    }


ASKS = ("decide", "preview", "reserve")
COMMANDS = (*ASKS, "capture", "extend", "release", "reverse", "grant", "set", "reset", "redeem", "purchase")
EVERY = (*COMMANDS, "wait", "at")
VERDICTS = ("drew", "exhausted", "skipped", "not_applicable", "error", "not_reached")
_FLAGS = ("true", "false")

PARTS: Mapping[str, Part] = {
    "outcome": Part(ASKS, "word", _plain("outcome"), choices=("allow", "partial", "deny")),
    "requested": Part(ASKS, "amount", _amount("requested")),
    "granted": Part(ASKS, "amount", _amount("granted")),
    "available": Part(ASKS, "amount", _amount("available")),
    "shortfall": Part(ASKS, "amount", _amount("shortfall")),
    "draws": Part((*ASKS, "capture"), "amounts", _draws, keys="layer"),
    "charge": Part((*ASKS, "capture"), "amounts", _charge, keys="unit"),
    "code": Part(ASKS, "text", _reason("code")),
    "binding": Part(ASKS, "text", _reason("binding")),
    "causes": Part(ASKS, "texts", _causes, keys="layer"),
    "skipped": Part(ASKS, "texts", _skipped, keys="layer"),
    "layers": Part(ASKS, "texts", _verdicts, keys="layer", choices=VERDICTS, named_only=True),
    "offers": Part(ASKS, "amounts", _offers, keys="offer"),
    "retry_at": Part(ASKS, "text", lambda answer: answer.json.get("retry_at") or NOTHING),
    "used": Part(("capture",), "amount", _amount("used")),
    "covered": Part(("capture",), "amount", _amount("covered")),
    "absorbed": Part(("capture",), "amount", _amount("absorbed")),
    "refunded": Part(("capture",), "amount", _refunded),
    "credit": Part(("reverse",), "amounts", _credit, keys="unit"),
    "repaid": Part(("grant", "purchase"), "amount", _amount("repaid")),
    "total": Part(("capture",), "amount", _amount("total")),
    "expires_at": Part(("extend",), "text", lambda answer: answer.json.get("expires_at") or NOTHING),
    "late": Part(("capture",), "word", _flag("late"), choices=_FLAGS),
    "balance": Part(("grant", "purchase"), "amount", _amount("balance")),
    "replayed": Part(COMMANDS, "word", lambda answer: str(answer.replayed).lower(), choices=_FLAGS),
    "error": Part(COMMANDS, "text", lambda answer: NOTHING if answer.failure is None else answer.failure.code),
    "windows": Part(
        EVERY, "amounts", lambda answer: answer.balances("windows"), keys="window", named_only=True, missing="0"
    ),
    "lots": Part(EVERY, "amounts", lambda answer: answer.balances("lots"), keys="pool", named_only=True, missing="0"),
    "purchases": Part(
        EVERY,
        "amounts",
        lambda answer: answer.balances("purchases"),
        keys="topped-up pool",
        named_only=True,
        missing="0",
    ),
    "top_ups": Part(
        EVERY,
        "texts",
        lambda answer: answer.balances("top_ups"),
        keys="topped-up pool",
        choices=(*REASONS, NOTHING),
        named_only=True,
        missing=NOTHING,
    ),
}
"""Every part that may be expected, in the order that reports show them."""


def added(left: str, right: str) -> str:
    """The sum of two decimals, exactly."""
    one, other = decimal_from_text(left), decimal_from_text(right)
    scale = max(one.scale, other.scale)
    return text_from_steps(one.digits * 10 ** (scale - one.scale) + other.digits * 10 ** (scale - other.scale), scale)
