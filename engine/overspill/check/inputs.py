"""Declared inputs: accounts and the request, their types, and the scope that expressions see."""

from __future__ import annotations

from overspill.cel.check import check as check_expression
from overspill.cel.tree import Expr
from overspill.cel.typed import TypedExpr
from overspill.cel.types import BOOL, DYN, INT, STRING, AmountType, FieldType, ListType, RecordType, ScalarType, Type
from overspill.check import initiators
from overspill.check.lets import Lets
from overspill.check.names import Faults, Names
from overspill.check.rules import AccountKind, Condition, Field, InputPath
from overspill.syntax import tree
from overspill.words.amounts import STEPS_MAX
from overspill.words.initiators import INITIATOR, INITIATOR_PATH

TIMESTAMP = ScalarType("timestamp")
_SCALARS: dict[str, Type] = {"string": STRING, "bool": BOOL, "int": INT, "timestamp": TIMESTAMP}


class Inputs:
    """The declared inputs as rules, and everything that is looked up among them."""

    def __init__(self, names: Names, faults: Faults) -> None:
        self.names, self.faults = names, faults
        request = () if names.request is None else names.request.fields
        self.request = self._fields(request, in_request=True)
        self.accounts = {name: self._account(item) for name, item in names.accounts.items()}
        self._one_root()
        self._passed_once()
        self._begun_by()
        self.scope = self._scope()
        self.lets = Lets(names.lets, faults)
        self._let_names()

    def _account(self, item: tree.AccountKind) -> AccountKind:
        parent = None if item.of is None else self.names.accounts.get(item.of.text)
        if item.of is not None and parent is not None and parent.many:
            self.faults.add(
                "OSP212",
                item.of.span,
                f"`{item.of.text}` are many, so nothing is of one of them",
                note=(parent.name.span, "declared here"),
                help="say of which single account it is",
            )
        if item.of is not None and (item.of.text not in self.names.accounts or item.of.text == item.name.text):
            self.faults.unknown("account", item.of, [name for name in self.names.accounts if name != item.name.text])
        fields = tuple(self._fields(item.fields, in_request=False).values())
        for field in fields:
            if field.name == "id":
                self.faults.add("OSP211", field.span, "every account has an `id` already", help="use another name")
            if field.from_request and item.many:
                help = "name the account whose it is"
                self.faults.add("OSP204", field.span, "a request passes one value, these accounts are many", help=help)
        of = None if item.of is None else item.of.text
        if item.many and of is None:
            help = "say whose they are: of user"
            self.faults.add("OSP202", item.name.span, f"`{item.name.text}` are many of no account", help=help)
        for other in self.names.accounts.values():
            if other.many and other.of is not None and other.of.text == item.name.text:
                self._not_named_as(other, fields)
        return AccountKind(span=item.span, name=item.name.text, of=of, many=item.many, fields=fields)

    def _not_named_as(self, many: tree.AccountKind, fields: tuple[Field, ...]) -> None:
        """`user.groups` are the groups of a user, so that no field of the user has this name."""
        for field in fields:
            if field.name == many.name.text:
                self.faults.add(
                    "OSP211",
                    field.span,
                    f"`{field.name}` names the many accounts of this one already",
                    note=(many.name.span, "declared here"),
                    help="use another name",
                )

    def _one_root(self) -> None:
        roots = [item for item in self.names.accounts.values() if item.of is None]
        for item in roots[1:]:
            self.faults.add(
                "OSP211",
                item.name.span,
                f"account `{item.name.text}` is a second root",
                note=(roots[0].name.span, "the root is declared here"),
                help=f"write `account {item.name.text} of {roots[0].name.text}`",
            )

    def _fields(self, items: tuple[tree.Field, ...], *, in_request: bool) -> dict[str, Field]:
        found: dict[str, Field] = {}
        for item in items:
            field = self._field(item, in_request)
            if field is None:
                continue
            first = found.setdefault(field.name, field)
            if first is not field:
                self.faults.add(
                    "OSP211",
                    item.name.span,
                    f"`{field.name}` is declared twice",
                    note=(first.span, "declared here"),
                    help="keep one of them",
                )
        return found

    def _field(self, item: tree.Field, in_request: bool) -> Field | None:
        name = item.type.text
        is_meter = name == "meter"
        unit = None if is_meter or name in _SCALARS else self.names.unit_of.get(name)
        if is_meter and not in_request:
            self.faults.add("OSP212", item.type.span, "only a request has meters", help="declare it under `request`")
            return None
        if not is_meter and name not in _SCALARS and unit is None:
            self.faults.unknown("type", item.type, [*_SCALARS, *self.names.unit_of, "meter"])
            return None
        if item.optional and item.default is not None:
            self.faults.add("OSP204", item.span, f"`{item.name.text}` is optional and has a default", help="keep one")
            return None
        if item.from_request and (in_request or unit is not None or name == "timestamp"):
            what = "a field of the request" if in_request else f"a {name}"
            help = "leave `from request` out" if in_request else "pass a string, a bool or an int"
            self.faults.add("OSP204", item.span, f"{what} cannot be passed `from request`", help=help)
            return None
        if in_request and name == "timestamp":
            self.faults.add("OSP212", item.type.span, "a request carries no timestamps", help="keep it in an account")
            return None
        if in_request and unit is not None:
            self.faults.add("OSP212", item.type.span, "a request carries meters, not amounts", help="use `meter`")
            return None
        if is_meter and not self.names.may_be("meter", item.name):
            return None
        type_ = INT if is_meter else (AmountType(unit.name) if unit is not None else _SCALARS[name])
        default, fits = self._default(item, type_, is_meter)
        if not fits:
            return None
        return Field(
            span=item.name.span,
            name=item.name.text,
            type=type_,
            unit=unit,
            is_meter=is_meter,
            optional=item.optional,
            from_request=item.from_request,
            default=default,
        )

    def _default(self, item: tree.Field, type_: Type, is_meter: bool) -> tuple[str | int | bool | None, bool]:
        """(the run-time default, whether it is of the type)."""
        value = item.default
        if value is None:
            return None, True
        if isinstance(value, bool) and type_ == BOOL:
            return value, True
        if isinstance(value, tree.Text) and type_ == STRING:
            return value.text, True
        if isinstance(value, tree.Number) and type_ == INT:
            if value.text.isdigit() and int(value.text) <= STEPS_MAX:
                return int(value.text), True
            self.faults.add("OSP222", value.span, "expected a whole number below 2^63")
            return None, False
        if isinstance(value, tree.InstantText) and type_ == TIMESTAMP:
            instant = self.names.instant(value)
            return instant, instant is not None
        if isinstance(value, tree.Amount) and isinstance(type_, AmountType):
            steps = self.names.steps(value, self.names.unit_of[type_.unit], item.type.span)
            return steps, steps is not None
        what = "meter" if is_meter else str(type_)
        self.faults.add("OSP204", item.span, f"the default of `{item.name.text}` is no {what}", help=f"give a {what}")
        return None, False

    def _passed_once(self) -> None:
        """What is passed with the request shares the request's names."""
        seen = {name: field.span for name, field in self.request.items()}
        for kind in self.accounts.values():
            for field in kind.fields:
                if field.from_request and seen.setdefault(field.name, field.span) is not field.span:
                    self.faults.add(
                        "OSP211",
                        field.span,
                        f"the request would carry two fields `{field.name}`",
                        note=(seen[field.name], "declared here"),
                        help="rename one of them",
                    )

    def _begun_by(self) -> None:
        """Every request says who began it, under a name that is no policy's to declare."""
        passed = [field for kind in self.accounts.values() for field in kind.fields if field.from_request]
        for field in (*self.request.values(), *passed):
            if field.name == INITIATOR:
                message = f"every request has an `{INITIATOR}` already"
                self.faults.add("OSP211", field.span, message, help=f"use another name, or read `{INITIATOR_PATH}`")

    def _let_names(self) -> None:
        """A let hides no input; its expression means something by itself."""
        for name, item in self.names.lets.items():
            if name in self.scope or name == "draws":
                help = "choose another name for the let"
                self.faults.add("OSP211", item.name.span, f"`{name}` names an input already", help=help)
            elif self.lets.written_out(item.expr) is not None:
                self.expression(item.expr)

    # ---- expressions and paths

    def _scope(self) -> dict[str, Type]:
        identity = FieldType("id", STRING)
        scope: dict[str, Type] = {"request": self._record("request", self._own(), False, (initiators.TYPE,))}
        members: dict[str | None, list[FieldType]] = {}
        for kind in self.accounts.values():
            if kind.many:
                record = self._record(kind.name, kind.fields, False, (identity,))
                members.setdefault(kind.of, []).append(FieldType(kind.name, ListType(record)))
        for kind in self.accounts.values():
            if not kind.many:
                more = (identity, *members.get(kind.name, ()))
                scope[kind.name] = self._record(kind.name, kind.fields, kind.of is not None, more)
        for name, field in self.request.items():
            if field.is_meter:
                scope[name] = INT
        return scope

    def _own(self) -> tuple[Field, ...]:
        """What the request declares."""
        return tuple(field for field in self.request.values() if field.name != INITIATOR)

    def _record(
        self, name: str, fields: tuple[Field, ...], may_be_absent: bool, more: tuple[FieldType, ...]
    ) -> RecordType:
        found = tuple(FieldType(field.name, field.type, field.optional) for field in fields)
        return RecordType(name, (*more, *found), may_be_absent)

    def expression(self, expr: Expr, more: dict[str, Type] | None = None) -> TypedExpr | None:
        """The typed expression, or None with its faults added."""
        whole = self.lets.written_out(expr)
        if whole is None:
            return None
        found = check_expression(whole, {**self.scope, **(more or {})} if more else self.scope)
        if isinstance(found, tuple):
            self.faults.found.extend(found)
            return None
        initiators.unknown_initiators(found, self.faults)
        return found

    def condition(self, expr: Expr) -> Condition | None:
        typed = self.expression(expr)
        if typed is None:
            return None
        if typed.type not in (BOOL, DYN):
            self.faults.add(
                "OSP232", expr.span, f"a condition is a bool, this is a {typed.type}", help="compare it with something"
            )
            return None
        return Condition(typed, expr.span)

    def string_path(self, path: tree.Path, *, may_be_absent: bool = False) -> InputPath | None:
        """A path to a declared string, by which tables have rows and layers are kept."""
        found = self.path(path)
        if found is None:
            return None
        field = self.declared(found)
        if field is not None and (field.type != STRING or (field.optional and not may_be_absent)):
            self.faults.add(
                "OSP212",
                path.span,
                f"`{path.text}` is {'optional' if field.optional else f'a {field.type}'}; rows are by required strings",
                note=(field.span, "declared here"),
                help="use a string that is always there, or give it a default",
            )
            return None
        return found

    def declared(self, path: InputPath) -> Field | None:
        if path.owner == "request":
            return initiators.FIELD if path.field == INITIATOR else self.request.get(path.field)
        return next((field for field in self.accounts[path.owner].fields if field.name == path.field), None)

    def path(self, path: tree.Path) -> InputPath | None:
        """`request.model` or `user.plan`, declared."""
        owners = ["request", *self.accounts]
        if len(path.parts) != 2:
            self.faults.add("OSP204", path.span, f"`{path.text}` is no field of an input", help="write request.NAME")
            return None
        owner, field = path.parts
        if owner.text not in owners:
            self.faults.unknown("input", owner, owners)
            return None
        if owner.text != "request" and self.accounts[owner.text].many:
            self.many(owner)
            return None
        found = InputPath(owner.text, field.text, path.span)
        if self.declared(found) is None and not (owner.text != "request" and field.text == "id"):
            fields = self.request if owner.text == "request" else [f.name for f in self.accounts[owner.text].fields]
            self.faults.unknown(f"field of `{owner.text}`", field, fields)
            return None
        return found

    def many(self, owner: tree.Name) -> None:
        """A fault: one account is wanted where there may be many."""
        self.faults.add(
            "OSP212",
            owner.span,
            f"`{owner.text}` may be many accounts",
            note=(self.names.accounts[owner.text].name.span, "declared here"),
            help="name an account that is one, or choose among their amounts with max(…)",
        )
