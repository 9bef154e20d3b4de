"""Facts as JSON, and the clauses of conditions with the values that they read."""

from __future__ import annotations

from overspill.plan.evaluate import evaluate
from overspill.plan.expression import Expr
from overspill.plan.functions import ABSENT, CelError
from overspill.plan.members import IDS
from overspill.plan.plan import Condition, Instant, Slot, Waterfall
from overspill.plan.raw import Facts
from overspill.plan.times import Timestamp
from overspill.plan.values import Map
from overspill.words.codec import quoted
from overspill.words.texts import end_json, limit_text_of

CLAUSES_MAX = 4096


def fact_json(slot: Slot, value: object) -> str:
    """A fact as JSON: amounts as decimal text, instants as theirs, what is absent as null."""
    if value is ABSENT:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{','.join([fact_json(slot, one) for one in value])}]"
    if isinstance(value, Map):
        return _member(slot, value)
    if isinstance(value, int):
        if slot.input.type is Instant:
            return end_json(value)
        unit = slot.input.unit
        return str(value) if unit is None else f'"{limit_text_of(unit.scale)(value)}"'
    return quoted(str(value))


def _member(slot: Slot, member: Map) -> str:
    """One of the accounts that a request stands for, with its attributes."""
    assert slot.many is not None
    shown = [f'"{IDS}":{quoted(str(member.get(IDS)))}']
    for name, declared in slot.many.attributes.items():
        value = member.get(name)
        if isinstance(value, Timestamp):
            value = value.seconds * 10**6 + value.nanos // 1000
        own = Slot(path=name, origin=slot.origin, kind=slot.kind, input=declared)
        shown.append(f"{quoted(name)}:{fact_json(own, value)}")
    return "{" + ",".join(shown) + "}"


class Clauses:
    """The clauses of one waterfall's conditions as JSON, kept by the values that a condition read: accounts are alike in
    these."""

    def __init__(self, waterfall: Waterfall) -> None:
        self._slots = waterfall.slots
        self._kept: dict[tuple[object, ...], str] = {}

    def of(self, condition: Condition, facts: Facts, verdict: bool | None) -> str:
        """The first clause that came to `verdict` (None: an error), with the values it read; empty for none."""
        key = (condition.place, verdict, *[facts[slot] for clause in condition.clauses for slot in clause.slots])
        text = self._kept.get(key)
        if text is None:
            if len(self._kept) >= CLAUSES_MAX:
                self._kept.clear()
            text = self._kept[key] = self._text(condition, facts, verdict)
        return text

    def _text(self, condition: Condition, facts: Facts, verdict: bool | None) -> str:
        for clause in condition.clauses:
            value, error = _evaluated(clause.expr, facts)
            if value is verdict or (verdict is None and error is not None):
                slots = [self._slots[slot] for slot in clause.slots]
                pairs = zip(slots, clause.slots, strict=True)
                read = ",".join([f"{quoted(slot.path)}:{fact_json(slot, facts[index])}" for slot, index in pairs])
                why = "" if error is None else f',"error":{quoted(error)}'
                return f',"clause":{{"text":{quoted(clause.text)},"values":{{{read}}}{why}}}'
        return ""


def _evaluated(expr: Expr, facts: Facts) -> tuple[object, str | None]:
    try:
        return evaluate(expr, facts), None
    except CelError as error:
        return None, str(error)
