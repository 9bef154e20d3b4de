"""`given` of a test file → what accounts hold before the first step, in the shapes of their state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from overspill.plan.plan import ROOT
from overspill.plan.shapes import CATEGORIES
from overspill.plan.shapes import Scalar as Value
from overspill.review.plan_leaves import PlanLeaves
from overspill.review.suite import Given, GivenLot, GivenReset, GivenTopUp, GivenWindow, Step
from overspill.review.vocabulary import Kept, base_key
from overspill.syntax.yaml_nodes import Node, Scalar

T = TypeVar("T")

PARTS = ("at", "account", "attributes", "members", "windows", "counters", "lots", "holds", "banked_resets", "top_ups")

HoldReader = Callable[[Scalar, Node], Step]
"""(name, request) → the reserve that makes the hold."""


def read_given(leaves: PlanLeaves, node: Node, hold: HoldReader) -> Given:
    """One `given`. Raises Refused with its faults added."""
    found: dict[str, Node] = {}
    for key, value in leaves.entries(node, "`given`"):
        if key.value not in PARTS:
            raise leaves.unknown_key("part of `given`", key, PARTS)
        found[key.value] = value
    return Given(
        at=leaves.moment(found["at"]) if "at" in found else None,
        account=_account(leaves, found["account"]) if "account" in found else None,
        attributes=dict(_each(leaves, found.get("attributes"), leaves.attribute)),
        members=dict(_each(leaves, found.get("members"), lambda key, value: _members(leaves, key, value))),
        windows={
            key: window
            for part in ("windows", "counters")
            for key, window in _each(leaves, found.get(part), lambda key, value: _window(leaves, key, value))
        },
        lots=dict(_each(leaves, found.get("lots"), lambda key, value: _lots(leaves, key, value))),
        banked_resets=dict(_each(leaves, found.get("banked_resets"), lambda key, value: _resets(leaves, key, value))),
        top_ups=dict(_each(leaves, found.get("top_ups"), lambda key, value: _top_up(leaves, key, value))),
        holds=dict(_each(leaves, found.get("holds"), lambda key, value: (key.value, hold(key, value)))),
    )


def _each(leaves: PlanLeaves, node: Node | None, read: Callable[[Scalar, Node], T]) -> tuple[T, ...]:
    return () if node is None else leaves.each(leaves.entries(node, "this"), read)


def _account(leaves: PlanLeaves, node: Node) -> Mapping[str, str]:
    account = leaves.account(node)
    root = leaves.words.plan.kind_names[ROOT]
    if root not in account:
        raise leaves.refuse("OSP202", node.span, f"the account names no `{root}`", f"add `{root}: …`")
    return account


def _members(leaves: PlanLeaves, key: Scalar, node: Node) -> tuple[str, Mapping[str, Mapping[str, Value]]]:
    kind = next((many for many in leaves.words.plan.many if many.name == key.value), None)
    if kind is None:
        known = [many.name for many in leaves.words.plan.many]
        raise leaves.unknown("many-valued account", key.value, key.span, known)
    return kind.name, {
        leaves.identifier(id, f"a {kind.name}'s id"): dict(
            _each(leaves, values, lambda name, value: leaves.attribute_of(kind, name, name.value, value))
        )
        for id, values in leaves.entries(node, f"the {kind.name}")
    }


def _kept(leaves: PlanLeaves, what: str, key: Scalar, known: Mapping[str, Kept]) -> Kept:
    found = known.get(base_key(key.value))
    if found is None:
        raise leaves.unknown(what, key.value, key.span, known)
    return found


def _window(leaves: PlanLeaves, key: Scalar, node: Node) -> tuple[str, GivenWindow]:
    kept = _kept(leaves, "window", key, leaves.words.windows)
    parts = leaves.parts(node, "a window", required=("used",), optional=("generation", "opened_at", "ends_at"))
    return key.value, GivenWindow(
        used=leaves.steps(parts["used"], kept.unit),
        generation=leaves.count(parts["generation"], "a generation") if "generation" in parts else 1,
        opened_at=leaves.moment(parts["opened_at"]) if "opened_at" in parts else None,
        ends_at=leaves.moment(parts["ends_at"]) if "ends_at" in parts else None,
    )


def _lots(leaves: PlanLeaves, key: Scalar, node: Node) -> tuple[str, tuple[GivenLot, ...]]:
    kept = _kept(leaves, "pool", key, leaves.words.pools)
    lots = tuple(_lot(leaves, kept, item) for item in leaves.listing(node, "the lots of a pool"))
    ids = [lot.id for lot in lots]
    if len(set(ids)) < len(ids):
        raise leaves.refuse("OSP211", node.span, f"two lots of `{key.value}` have one id", "give each its own")
    return key.value, lots


def _resets(leaves: PlanLeaves, key: Scalar, node: Node) -> tuple[str, tuple[GivenReset, ...]]:
    _kept(leaves, "limit with banked resets", key, leaves.words.banking)
    return key.value, tuple(_reset(leaves, item) for item in leaves.listing(node, "the banked resets of a limit"))


def _reset(leaves: PlanLeaves, node: Node) -> GivenReset:
    parts = leaves.parts(node, "a banked reset", required=("id",), optional=("expires_at",))
    expires_at = leaves.moment(parts["expires_at"]) if "expires_at" in parts else None
    return GivenReset(leaves.identifier(parts["id"], "a reset's id"), expires_at)


def _lot(leaves: PlanLeaves, kept: Kept, node: Node) -> GivenLot:
    optional = ("granted_at", "expires_at", "priority", "category")
    parts = leaves.parts(node, "a lot", required=("id", "amount"), optional=optional)
    category = leaves.one_of(parts["category"], "category", CATEGORIES) if "category" in parts else "paid"
    return GivenLot(
        id=leaves.identifier(parts["id"], "a lot's id"),
        left=leaves.steps(parts["amount"], kept.unit),
        granted_at=leaves.moment(parts["granted_at"]) if "granted_at" in parts else None,
        expires_at=leaves.moment(parts["expires_at"]) if "expires_at" in parts else None,
        priority=leaves.count(parts["priority"], "a priority") if "priority" in parts else 0,
        category=CATEGORIES.index(category),
    )


def _top_up(leaves: PlanLeaves, key: Scalar, node: Node) -> tuple[str, GivenTopUp]:
    unit = _kept(leaves, "pool with a top-up", key, leaves.words.topped_up).unit
    required, optional = ("enabled", "minimum", "target"), ("monthly_maximum", "bought")
    parts = leaves.parts(node, "a top-up", required=required, optional=optional)
    minimum, target = leaves.steps(parts["minimum"], unit), leaves.steps(parts["target"], unit)
    if not 0 <= minimum <= target or not target:
        raise leaves.refuse("OSP222", parts["target"].span, "the target lies below the minimum", "raise the target")
    return key.value, GivenTopUp(
        enabled=leaves.flag(parts["enabled"]),
        minimum=minimum,
        target=target,
        monthly_maximum=leaves.steps(parts["monthly_maximum"], unit) if "monthly_maximum" in parts else None,
        bought=leaves.steps(parts["bought"], unit) if "bought" in parts else 0,
    )
