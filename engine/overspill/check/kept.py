"""Whom something is kept per: an account, and further fields of the request."""

from __future__ import annotations

from typing import TypedDict

from overspill.check.inputs import Inputs
from overspill.check.names import Faults
from overspill.check.rules import InputPath
from overspill.syntax import tree
from overspill.words.spans import Span


class Head(TypedDict):
    """What all that is kept somewhere begins with; `span` is the name's."""

    span: Span
    name: str
    label: str | None
    account: str
    per: tuple[InputPath, ...]


class Kept:
    """Checks the `per` statements of one bundle."""

    def __init__(self, inputs: Inputs, faults: Faults) -> None:
        self.inputs, self.faults = inputs, faults

    def head(self, item: tree.Layer | tree.Cap | tree.Concurrency) -> Head | None:
        """The head of a layer, a cap or a concurrency; None where its `per` is faulty."""
        kept = self.fields(item.per) if isinstance(item, tree.Grace) else self.account(item.per)
        if kept is None:
            return None
        return Head(
            span=item.name.span,
            name=item.name.text,
            label=None if item.label is None else item.label.text,
            account=kept[0],
            per=kept[1],
        )

    def account(self, paths: tuple[tree.Path, ...]) -> tuple[str, tuple[InputPath, ...]] | None:
        """(account kind, further request fields), of what is kept per an account first."""
        first, rest = paths[0], paths[1:]
        if first.text not in self.inputs.accounts:
            if len(first.parts) == 1:
                self.faults.unknown("account", first.parts[0], self.inputs.accounts)
            else:
                self.faults.add("OSP212", first.span, "a layer is kept per an account first", help="write `per user`")
            return None
        if self.inputs.accounts[first.text].many:
            self.inputs.many(first.parts[0])
            return None
        further = [self.inputs.string_path(path) for path in rest]
        for path in further:
            if path is not None and path.owner != "request":
                self.faults.add("OSP212", path.span, "beside its account a layer is kept per request fields")
                return None
        known = tuple(path for path in further if path is not None)
        return (first.text, known) if len(known) == len(rest) else None

    def fields(self, paths: tuple[tree.Path, ...]) -> tuple[str, tuple[InputPath, ...]] | None:
        """The same of a grace: fields of the request that may be absent, of the root account where none is named."""
        root = next((kind.name for kind in self.inputs.accounts.values() if kind.of is None), None)
        first = paths[0]
        if len(first.parts) == 1:
            if first.text not in self.inputs.accounts:
                self.faults.unknown("account", first.parts[0], self.inputs.accounts)
                return None
            if self.inputs.accounts[first.text].many:
                self.inputs.many(first.parts[0])
                return None
            root, paths = first.text, paths[1:]
        found = [self.inputs.string_path(path, may_be_absent=True) for path in paths]
        known = tuple(path for path in found if path is not None and path.owner == "request")
        if not paths or any(path is not None and path.owner != "request" for path in found):
            help = "write `per request.turn`"
            self.faults.add("OSP212", first.span, "a grace is kept per fields of the request", help=help)
            return None
        return None if root is None or len(known) < len(paths) else (root, known)
