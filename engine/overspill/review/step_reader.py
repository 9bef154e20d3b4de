"""Steps of a case: one word with its value, what else may stand beside it, and what is expected of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overspill.account.purchases import ABANDONED, DECLINED, PENDING, SUCCEEDED
from overspill.plan.plan import ROOT
from overspill.plan.shapes import CATEGORIES
from overspill.review.answers import ASKS, PARTS, Part
from overspill.review.plan_leaves import PlanLeaves
from overspill.review.suite import (
    Action,
    Advance,
    Ask,
    CaptureHold,
    Expected,
    ExtendHold,
    GrantLot,
    RedeemReset,
    ReleaseHold,
    ResetLimit,
    ResolvePurchase,
    ReverseRequest,
    SetValues,
    Step,
    Wait,
)
from overspill.review.vocabulary import base_key
from overspill.syntax.yaml_nodes import Listing, Node, Scalar
from overspill.syntax.yaml_nodes import Mapping as Entries
from overspill.words.anchors import ANCHORS, KEEP_ANCHOR
from overspill.words.initiators import INITIATORS
from overspill.words.spans import Span

Beside = dict[str, Node]
"""What stands beside a step's word, by key."""

_ASKED = ("id", "account", "initiator", "only", "max_charge", "at_least")
BESIDE: Mapping[str, tuple[str, ...]] = {
    "decide": _ASKED,
    "preview": _ASKED,
    "reserve": (*_ASKED, "hold"),
    "capture": ("hold", "id", "final"),
    "extend": ("hold", "id"),
    "release": ("hold", "id"),
    "reverse": ("id",),
    "grant": ("account",),
    "set": ("account",),
    "reset": ("account", "id"),
    "redeem": ("account", "id"),
    "purchase": ("account",),
    "wait": (),
    "at": (),
}
PURCHASED = (SUCCEEDED, PENDING, DECLINED, ABANDONED)
"""What may become of a purchase."""


class StepReader:
    """Reads the steps of one case, in order: a hold is known by its name once a step before has made it."""

    def __init__(self, leaves: PlanLeaves) -> None:
        self.leaves = leaves
        self.holds: list[str] = []
        self.requests: list[str] = []
        """Ids that earlier steps give to their requests."""

    def step(self, node: Node) -> Step:
        """One step. Raises Refused with its faults added."""
        entries = self.leaves.entries(node, "a step")
        word = self.word(node, [key for key, _ in entries])
        known = (*BESIDE[word.value], "expect")
        for key, _ in entries:
            if key is not word and key.value not in known:
                raise self.leaves.unknown_key(f"key beside `{word.value}`", key, known)
        beside = {key.value: value for key, value in entries}
        action = _ACTIONS[word.value](self, word, beside)
        return Step(word.value, action, self.expect(word.value, beside.get("expect")), word.span)

    def word(self, node: Node, keys: list[Scalar]) -> Scalar:
        """The one key that says what happens."""
        words = [key for key in keys if key.value in BESIDE]
        strange = [key for key in keys if key.value not in _ASKED and key.value != "expect"]
        if not words and strange:
            raise self.leaves.unknown_key("step", strange[0], BESIDE)
        if len(words) != 1:
            help = f"it has one of {', '.join(f'`{word}`' for word in BESIDE)}"
            raise self.leaves.refuse("OSP202", node.span, "a step is one thing that happens", help)
        return words[0]

    def hold(self, key: Scalar, node: Node) -> Step:
        """A hold that is given: made by the engine itself, before the first step."""
        self.holds.append(self.leaves.identifier(key, "a hold's name"))
        values = self.leaves.texts(node, "a request")
        return Step("reserve", Ask(word="reserve", values=values, hold=key.value), (), key.span)

    # ---- the words

    def ask(self, word: Scalar, beside: Beside) -> Ask:
        leaves = self.leaves
        if "hold" in beside:
            self.holds.append(leaves.identifier(beside["hold"], "a hold's name"))
        elif word.value == "reserve":
            self.holds.append("")
        if "id" in beside and word.value != "preview":
            self.requests.append(leaves.plain(beside["id"], "an id"))
        return Ask(
            word=word.value,
            values=leaves.texts(beside[word.value], "a request"),
            id=self.id(beside),
            account=self.account(beside),
            hold=self.holds[-1] if "hold" in beside else None,
            initiator=leaves.one_of(beside["initiator"], "initiator", INITIATORS) if "initiator" in beside else "user",
            only=tuple(name.text for name in leaves.names(beside["only"])) if "only" in beside else None,
            max_charge=leaves.texts(beside["max_charge"], "`max_charge`") if "max_charge" in beside else None,
            at_least=leaves.plain(beside["at_least"], "`at_least`") if "at_least" in beside else None,
        )

    def capture(self, word: Scalar, beside: Beside) -> CaptureHold:
        meters = self.leaves.texts(beside[word.value], "the meters of a capture")
        final = self.leaves.flag(beside["final"]) if "final" in beside else True
        return CaptureHold(meters, self.held(word, beside), self.id(beside), final)

    def extend(self, word: Scalar, beside: Beside) -> ExtendHold:
        self.leaves.texts(beside[word.value], "an extension")
        return ExtendHold(self.held(word, beside), self.id(beside))

    def release(self, word: Scalar, beside: Beside) -> ReleaseHold:
        self.leaves.texts(beside[word.value], "a release")
        return ReleaseHold(self.held(word, beside), self.id(beside))

    def reverse(self, word: Scalar, beside: Beside) -> ReverseRequest:
        request = self.leaves.one_of(beside[word.value], "request of a step before", self.requests)
        return ReverseRequest(request, self.id(beside))

    def held(self, word: Scalar, beside: Beside) -> str | None:
        """The name of the hold that is meant, None for the last one made."""
        if "hold" in beside:
            return self.leaves.one_of(beside["hold"], "hold", [name for name in self.holds if name])
        if not self.holds:
            message = f"`{word.value}` follows no `reserve`"
            raise self.leaves.refuse("OSP202", word.span, message, "reserve first, or give a hold under `given`")
        return None

    def grant(self, word: Scalar, beside: Beside) -> GrantLot:
        leaves = self.leaves
        optional = ("expires_at", "priority", "category", "per")
        parts = leaves.parts(beside[word.value], "a grant", required=("pool", "id", "amount"), optional=optional)
        pool = leaves.one_of(parts["pool"], "pool", leaves.words.pools)
        amount = leaves.amount(parts["amount"])
        unit = leaves.words.pools[pool].unit
        if leaves.words.units.get(amount.unit.text) != unit:
            message = f"expected an amount in {unit.name}, found {amount.unit.text[:64]}"
            raise leaves.refuse("OSP220", amount.unit.span, message, f"write it in {unit.name}")
        return GrantLot(
            pool=pool,
            id=leaves.identifier(parts["id"], "a grant's id"),
            amount=amount.number.text,
            expires_at=leaves.moment(parts["expires_at"]) if "expires_at" in parts else None,
            priority=leaves.count(parts["priority"], "a priority") if "priority" in parts else 0,
            category=leaves.one_of(parts["category"], "category", CATEGORIES) if "category" in parts else "paid",
            per=leaves.texts(parts["per"], "`per`") if "per" in parts else {},
            account=self.account(beside),
        )

    def set(self, word: Scalar, beside: Beside) -> SetValues:
        leaves = self.leaves
        kind, values = leaves.words.plan.kind_names[ROOT], dict[str, str]()
        for key, value in leaves.entries(beside[word.value], "attributes"):
            owner, name = leaves.owner(key)
            if values and owner != kind:
                raise leaves.refuse("OSP204", key.span, "a `set` is of one account", "give the other one its own step")
            if leaves.words.kind(owner) is None:
                raise leaves.unknown("account", owner, key.span, leaves.words.plan.kind_names)
            kind, values[name] = owner, leaves.plain(value, f"`{name}`")
        return SetValues(kind, values, self.account(beside))

    def reset(self, word: Scalar, beside: Beside) -> ResetLimit:
        leaves = self.leaves
        parts = leaves.parts(beside[word.value], "a reset", required=("limit",), optional=("of", "anchor"))
        limit = leaves.one_of(parts["limit"], "limit", leaves.words.limits)
        named = texts_of(leaves, parts["of"], "`of`") if "of" in parts else None
        windows = leaves.words.windows_of(limit)
        return ResetLimit(
            limit=limit,
            of=None if named is None else tuple(leaves.one_of(one, f"window of `{limit}`", windows) for one in named),
            anchor=leaves.one_of(parts["anchor"], "anchor", ANCHORS) if "anchor" in parts else KEEP_ANCHOR,
            account=self.account(beside),
            id=self.id(beside),
        )

    def redeem(self, word: Scalar, beside: Beside) -> RedeemReset:
        limit = self.leaves.one_of(beside[word.value], "limit with banked resets", self.leaves.words.banking)
        return RedeemReset(limit, self.account(beside), self.id(beside))

    def purchase(self, word: Scalar, beside: Beside) -> ResolvePurchase:
        leaves = self.leaves
        parts = leaves.parts(beside[word.value], "a purchase", required=("pool",), optional=("outcome",))
        pool = leaves.one_of(parts["pool"], "pool with a top-up", leaves.words.topped_up)
        outcome = leaves.one_of(parts["outcome"], "outcome", PURCHASED) if "outcome" in parts else SUCCEEDED
        return ResolvePurchase(pool, outcome, self.account(beside))

    def wait(self, word: Scalar, beside: Beside) -> Wait:
        return Wait(self.leaves.length(beside[word.value]))

    def at(self, word: Scalar, beside: Beside) -> Advance:
        return Advance(self.leaves.moment(beside[word.value]))

    # ---- what stands beside them

    def id(self, beside: Beside) -> str | None:
        return self.leaves.plain(beside["id"], "an id") if "id" in beside else None

    def account(self, beside: Beside) -> Mapping[str, str] | None:
        return self.leaves.account(beside["account"]) if "account" in beside else None

    # ---- what is expected

    def expect(self, word: str, node: Node | None) -> tuple[Expected, ...]:
        """The parts of an `expect`; every fault in it is found."""
        if node is None:
            return ()
        known = [name for name, part in PARTS.items() if word in part.words]
        return self.leaves.each(
            self.leaves.entries(node, "`expect`"), lambda key, value: self._expected(word, known, key, value)
        )

    def _expected(self, word: str, known: list[str], key: Scalar, node: Node) -> Expected:
        if key.value not in known:
            raise self.leaves.unknown_key(f"part of the answer to `{word}`", key, known)
        part = PARTS[key.value]
        if part.shape in ("texts", "amounts"):
            return Expected(key.value, self._by_key(part, node), key.span)
        return Expected(key.value, self._text(part, key.value, node), key.span)

    def _text(self, part: Part, name: str, node: Node) -> str:
        if part.shape in ("amount", "amounts"):
            return self.leaves.expected_amount(node)
        if part.choices:
            return self.leaves.one_of(node, name, part.choices)
        return self.leaves.plain(node, f"`{name}`")

    def _by_key(self, part: Part, node: Node) -> Mapping[str, str]:
        """Texts by key; the lots of a pool may stand one by one below it, which gives keys such as `credits/C1`."""
        found: dict[str, str] = {}
        for key, value in self.leaves.entries(node, f"what is expected by {part.keys}"):
            self._known(part, key.value, key.span)
            if part.keys == "pool" and isinstance(value, Entries):
                for lot, amount in value.entries:
                    found[f"{key.value}/{lot.value}"] = self.leaves.expected_amount(amount)
            elif part.keys == "offer" and not key.value.startswith("add_"):
                found[key.value] = self.leaves.plain(value, f"`{key.value}`")
            else:
                found[key.value] = self._text(part, part.keys, value)
        return found

    def _known(self, part: Part, name: str, span: Span) -> None:
        words = self.leaves.words
        known: Mapping[str, tuple[str, ...]] = {
            "layer": words.layers,
            "unit": tuple(words.units),
            "offer": words.offers,
            "window": tuple(words.windows),
            "pool": tuple(words.pools),
            "topped-up pool": tuple(words.topped_up),
        }
        if base_key(name) not in known[part.keys]:
            raise self.leaves.unknown(part.keys, name, span, known[part.keys])


_ACTIONS: Mapping[str, Callable[[StepReader, Scalar, Beside], Action]] = {
    **dict.fromkeys(ASKS, StepReader.ask),
    "capture": StepReader.capture,
    "extend": StepReader.extend,
    "release": StepReader.release,
    "reverse": StepReader.reverse,
    "grant": StepReader.grant,
    "set": StepReader.set,
    "reset": StepReader.reset,
    "redeem": StepReader.redeem,
    "purchase": StepReader.purchase,
    "wait": StepReader.wait,
    "at": StepReader.at,
}


def texts_of(leaves: PlanLeaves, node: Node, what: str) -> list[Scalar]:
    """A list of scalars, one at least."""
    items = node.items if isinstance(node, Listing) else [node]
    if not items:
        raise leaves.refuse("OSP202", node.span, f"{what} lists nothing", "give one value at least")
    return [leaves.scalar(item, what) for item in items]
