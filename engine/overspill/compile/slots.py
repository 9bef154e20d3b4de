"""Slots: which inputs a waterfall reads, in the order of first mention."""

from __future__ import annotations

from overspill.check import initiators
from overspill.check.rules import Field, Rules
from overspill.plan.plan import ROOT, AccountKind, Input, Instant, Origin, Slot
from overspill.words.amounts import Unit
from overspill.words.initiators import INITIATOR

_PYTHON = {"int": int, "string": str, "bool": bool, "timestamp": Instant}


def input_of(field: Field) -> Input:
    """A declared field as the plan has it: amounts and meters are ints."""
    kind = int if field.is_meter or field.unit is not None else _PYTHON[str(field.type)]
    return Input(name=field.name, type=kind, unit=field.unit, optional=field.optional, default=field.default)


def kinds_of(rules: Rules) -> tuple[AccountKind, ...]:
    """The account kinds of which a request names one each, the root first; what they store, not what is passed."""
    return tuple(sorted(_kinds(rules, many=False), key=lambda kind: kind.of is not None))


def many_of(rules: Rules) -> tuple[AccountKind, ...]:
    """The account kinds of which a request may stand for any number."""
    return tuple(_kinds(rules, many=True))


def _kinds(rules: Rules, *, many: bool) -> list[AccountKind]:
    return [
        AccountKind(
            name=kind.name,
            of=kind.of,
            attributes={field.name: input_of(field) for field in kind.fields if not field.from_request},
        )
        for kind in rules.accounts
        if kind.many is many
    ]


def passed_of(rules: Rules) -> dict[str, Field]:
    """The attributes that requests pass, by their paths (`user.plan`)."""
    return {
        f"{kind.name}.{field.name}": field for kind in rules.accounts for field in kind.fields if field.from_request
    }


class SlotAllocator:
    """Gives each path its index; derived meters stand behind all slots, so their count must be known first."""

    def __init__(self, rules: Rules, kinds: tuple[AccountKind, ...], derived: tuple[str, ...], count: int) -> None:
        self._fields = {field.name: field for field in rules.request}
        self._passed = passed_of(rules)
        self._many = {kind.name: kind for kind in many_of(rules)}
        self._kinds = {kind.name: index for index, kind in enumerate(kinds)}
        self._kind_inputs = kinds
        self._derived = {name: count + index for index, name in enumerate(derived)}
        self._indexes: dict[str, int] = {}
        self.slots: list[Slot] = []

    def index(self, path: str) -> int:
        """`user.plan`, `request.model`, or a meter's bare name → its index."""
        if path in self._derived:
            return self._derived[path]
        if "." not in path:
            path = f"request.{path}"
        found = self._indexes.get(path)
        if found is None:
            found = self._indexes[path] = len(self.slots)
            self.slots.append(self._slot(path))
        return found

    def members(self, many: str, field: str) -> str:
        """`user.groups.spend_limit`: the path of an attribute of a many-valued kind."""
        return f"{self._many[many].of}.{many}.{field}"

    def _slot(self, path: str) -> Slot:
        owner, name, *rest = path.split(".")
        many = self._many.get(name)
        if many is not None and many.of == owner:
            at = len(self._kinds) + list(self._many).index(name)
            whole = Input(name=name, type=str, unit=None, optional=True, default=None)
            if rest:
                return Slot(path=path, origin=Origin.MEMBERS, kind=at, input=many.attributes[rest[0]])
            return Slot(path=path, origin=Origin.MEMBERS, kind=at, input=whole, many=many)
        if owner == "request":
            field = initiators.FIELD if name == INITIATOR else self._fields[name]
            origin = Origin.METER if field.is_meter else Origin.FIELD
            return Slot(path=path, origin=origin, kind=ROOT, input=input_of(field))
        if path in self._passed:
            return Slot(path=path, origin=Origin.FIELD, kind=self._kinds[owner], input=input_of(self._passed[path]))
        kind = self._kinds[owner]
        declared = self._kind_inputs[kind].attributes.get(name)
        if declared is None and name != "id":
            declared = Input(name=name, type=str, unit=None, optional=True, default=None)
        if declared is not None:
            return Slot(path=path, origin=Origin.ATTRIBUTE, kind=kind, input=declared)
        identity = Input(name="id", type=str, unit=Unit("id", 0), optional=True, default=None)
        return Slot(path=path, origin=Origin.ACCOUNT_ID, kind=kind, input=identity)
