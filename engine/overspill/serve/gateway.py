"""What a gateway asks without code: rules that say, by method and path, whose request a call is and what it measures.

A value is a constant, or comes from a header that the gateway sends; both are text, and become what the policy declares
of the field. The first rule that meets the method and the path stands; where none does, the call is denied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from overspill.plan.plan import ROOT, Plan
from overspill.records.request import Request
from overspill.records.wire import meter_of
from overspill.words.codec import Struct
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.names import is_identifier, shown

Mode = Literal["consume", "reserve", "preview", "pass"]
Replays = Literal["allow", "deny"]
KEY = "x-request-id"
BOOLEANS = {"true": True, "false": False}
_DIGITS_MAX = 19
Headers = Mapping[bytes, bytes]


class Value(Struct, frozen=True, kw_only=True):
    """A constant (`text`), or a header: without it what `default` says; `optional`: then it is left out."""

    text: str | None = None
    header: str | None = None
    default: str | None = None
    optional: bool = False


class Rule(Struct, frozen=True, kw_only=True):
    """`path` is met by itself and by all below it. `methods` empty: any. `pass` lets a call through and asks nobody."""

    place: str
    path: str
    methods: tuple[str, ...] = ()
    mode: Mode = "consume"
    account: Mapping[str, Value] = {}
    fields: Mapping[str, Value] = {}
    meters: Mapping[str, Value] = {}


class Gateway(Struct, frozen=True, kw_only=True):
    """`key` is the header that names a call once and for all. `replayed`: what becomes of a call whose key was granted
    something before."""

    rules: tuple[Rule, ...]
    key: str = KEY
    replayed: Replays = "allow"

    def rule_of(self, method: str, path: str) -> Rule | None:
        """The first that the call meets."""
        return next((rule for rule in self.rules if _meets(rule, method, path)), None)

    def request_of(self, rule: Rule, headers: Headers, plan: Plan) -> Request:
        """What the rule makes of a call. Raises Failure."""
        return Request(
            id=_key(self.key, headers),
            account=_texts(rule.account, headers),
            fields={name: typed(plan, name, text) for name, text in _texts(rule.fields, headers).items()},
            meters={name: meter_of(name, text) for name, text in _texts(rule.meters, headers).items()},
        )

    def check(self, plan: Plan) -> None:
        """Raises Failure for what this policy would never understand."""
        for rule in self.rules:
            _check(rule, plan)


def typed(plan: Plan, name: str, text: str) -> str | int | bool:
    """The text as the type that the policy declares for the field; as it is where it is none of it, for that to be said."""
    declared = plan.field_types.get(name)
    if declared is bool:
        return BOOLEANS.get(text, text)
    if declared is int and text.isascii() and text.removeprefix("-").isdigit() and len(text) <= _DIGITS_MAX:
        return int(text)
    return text


def _meets(rule: Rule, method: str, path: str) -> bool:
    if rule.methods and method not in rule.methods:
        return False
    return rule.path in ("/", path) or path.startswith(f"{rule.path}/")


def _key(name: str, headers: Headers) -> str:
    text = headers.get(name.encode(), b"").decode("latin-1")
    if not is_identifier(text):
        what = f"the header {name} is no identifier" if text else f"the call has no header {name}"
        raise Failure("missing_idempotency_key", what, help="let the gateway give each call an id, and send it")
    return text


def _texts(values: Mapping[str, Value], headers: Headers) -> dict[str, str]:
    """What there is of each. Raises Failure for what should be there."""
    found: dict[str, str] = {}
    for name, value in values.items():
        text = _text(value, headers)
        if text is not None:
            found[name] = text
        elif not value.optional:
            what = f"the call has no header {value.header}, which says `{name}`"
            raise Failure("missing_header", what, help="let the gateway set it and send it")
    return found


def _text(value: Value, headers: Headers) -> str | None:
    if value.header is None:
        return value.text
    sent = headers.get(value.header.encode(), b"")
    return sent.decode("latin-1") if sent else value.default


# ---- against a policy


def _check(rule: Rule, plan: Plan) -> None:
    if rule.mode == "pass":
        return
    root = plan.kind_names[ROOT]
    if root not in rule.account:
        raise _wrong(rule, f"the rule names no `{root}`", f"add it under `account`: {root}: {{header: …}}")
    for what, names, known in (
        ("account", rule.account, plan.kind_names),
        ("field", rule.fields, tuple(plan.fields)),
        ("meter", rule.meters, tuple(sorted(plan.meters))),
    ):
        for name in names:
            if name not in known:
                help = did_you_mean(name, known) or f"declared: {', '.join(sorted(known)) or 'none'}"
                raise _wrong(rule, f"the policy declares no {what} {shown(name)}", help)
    for name, value in rule.fields.items():
        for text in (value.text, value.default):
            if text is not None and type(typed(plan, name, text)) is not plan.field_types[name]:
                raise _wrong(rule, f"{shown(text)} is no value of `{name}`", "write it as the policy declares it")
    for name, value in rule.meters.items():
        for text in (value.text, value.default):
            if text is not None and not isinstance(meter_of(name, text), int):
                raise _wrong(rule, f"{shown(text)} is no quantity of `{name}`", "write a whole number")


def _wrong(rule: Rule, what: str, help: str) -> Failure:
    return Failure("invalid_gateway", f"{rule.place}: {what}", help=help)
