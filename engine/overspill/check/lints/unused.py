"""Declarations that nothing uses: units, request fields, account attributes, rate cards, lets.

Left-overs mislead: a reader looks for the rule behind them, a caller goes on to send them.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.cel.typed import Input, Present
from overspill.check.lets import names_in
from overspill.check.lints.subject import Subject
from overspill.check.rules import InputPath, RateCard
from overspill.syntax import tree
from overspill.words.amounts import Unit
from overspill.words.diagnostics import Fault, Severity
from overspill.words.spans import Span


def _unused(code: str, span: Span, what: str, help: str) -> Fault:
    return Fault(code=code, span=span, message=what, help=help, severity=Severity.WARNING)


def unused_units(subject: Subject) -> Iterator[Fault]:
    """OSP350."""
    declared = [field for kind in subject.rules.accounts for field in kind.fields]
    used = {field.unit.name for field in declared if field.unit is not None}
    used |= {unit.name for unit in subject.of(Unit)}
    for unit in subject.items(tree.Unit):
        if unit.name.text not in used:
            message = f"nothing is counted in unit `{unit.name.text}`"
            yield _unused("OSP350", unit.name.span, message, "delete it, or use it where you meant to")


def unread_request_fields(subject: Subject) -> Iterator[Fault]:
    """OSP351."""
    read = _read(subject)
    for field in subject.rules.request:
        if f"request.{field.name}" not in read:
            what = "meter" if field.is_meter else "request field"
            help = "price or count it" if field.is_meter else "read it in a condition or a table"
            yield _unused("OSP351", field.span, f"{what} `{field.name}` is read nowhere", f"{help}, or delete it")


def unread_attributes(subject: Subject) -> Iterator[Fault]:
    """OSP352: attributes, or a whole kind of account."""
    read = _read(subject)
    kept = {getattr(record, "account", None) for record in subject.records}
    kept |= {kind.of for kind in subject.rules.accounts}
    owners = {path.split(".")[0] for path in read}
    items = {item.name.text: item for item in subject.items(tree.AccountKind)}
    for kind in subject.rules.accounts:
        if kind.name not in kept and kind.name not in owners:
            message = f"account `{kind.name}` keeps nothing and is read nowhere"
            yield _unused("OSP352", items[kind.name].name.span, message, "keep a layer per it, read it, or delete it")
            continue
        for field in kind.fields:
            if f"{kind.name}.{field.name}" not in read:
                message = f"attribute `{kind.name}.{field.name}` is read nowhere"
                yield _unused("OSP352", field.span, message, "read it in a condition or a table, or delete it")


def unused_cards(subject: Subject) -> Iterator[Fault]:
    """OSP353."""
    items = {item.name.text: item for item in subject.items(tree.RateCard)}
    for card in subject.rules.cards:
        if id(card) not in subject.cards_used:
            message = f"nothing is priced by rate card `{card.name}`"
            yield _unused("OSP353", items[card.name].name.span, message, "price a waterfall by it, or delete it")


def unused_lets(subject: Subject) -> Iterator[Fault]:
    """OSP354: lets that no expression names, another let's included."""
    lets = list(subject.items(tree.Let))
    named = set(names_in([item for file in subject.bundle.files for item in file.items])) if lets else ()
    for item in lets:
        if item.name.text not in named:
            message = f"let `{item.name.text}` is named nowhere"
            yield _unused("OSP354", item.name.span, message, "name it in a condition, or delete it")


def _read(subject: Subject) -> frozenset[str]:
    """The paths that any expression, table or price reads; a meter's bare name stands for its path."""
    found = [record.text for record in subject.of(InputPath)]
    names = [record.path for record in subject.of(Input)] + [record.path for record in subject.of(Present)]
    for card in subject.of(RateCard):
        names += card.meters
    names += [waterfall.counts for waterfall in subject.rules.waterfalls if waterfall.counts is not None]
    return frozenset((*found, *(name if "." in name else f"request.{name}" for name in names)))
