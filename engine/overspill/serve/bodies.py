"""What is sent, and what the service answers by itself. Amounts are decimal text with their unit beside them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from overspill.records.answers import DecisionRecord
from overspill.records.schema import request_schema
from overspill.serve.problems import Problem
from overspill.step.commands import Value
from overspill.words.anchors import KEEP_ANCHOR
from overspill.words.codec import Struct

Account = dict[str, str]
"""Kind → id: `{"user": "u_ana"}`."""
Meters = Annotated[dict[str, int | str], Meta(description="what was used, whole numbers by meter")]


class Empty(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing."""


class CaptureBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`final` false books a part of a stream that goes on: its meters are what this part adds."""

    meters: Meters
    final: bool = True


class ReversalBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`of` is a decision, or the hold of one."""

    of: str


class AttributesBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A null makes an attribute absent."""

    attributes: dict[str, Value | None]


class GrantBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Idempotency-Key is the lot's name. `cost` is what was paid (`9.99 usd`); instants are RFC 3339 in UTC."""

    pool: str
    amount: str
    expires_at: str | None = None
    effective_at: str | None = None
    priority: int = 0
    category: Literal["paid", "promotional"] = "paid"
    per: dict[str, str] | None = None
    cost: str | None = None


class LotBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lot of which account."""

    account: Account
    pool: str
    per: dict[str, str] | None = None


class TransferBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`amount` null: all that is left of the lot."""

    account: Account
    pool: str
    lot: str
    to: Account
    amount: str | None = None
    per: dict[str, str] | None = None


class TopUpBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account agrees to, as a whole: below `minimum` its pool is filled up to `target`, for `monthly_maximum` at
    most in a calendar month. `agreed_by` is who says so."""

    pool: str
    enabled: bool
    minimum: str
    target: str
    agreed_by: str
    monthly_maximum: str | None = None
    per: dict[str, str] | None = None


class ResetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Windows of `limit` begin anew: those named `of`, else all. `restart_anchor` opens windows of first use now."""

    account: Account
    limit: str
    of: tuple[str, ...] | None = None
    anchor: Literal["keep_anchor", "restart_anchor"] = KEEP_ANCHOR  # type: ignore[assignment]


class LimitBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: str


class ResolveBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a purchase: `succeeded` with the provider's `receipt`, or not."""

    outcome: Literal["succeeded", "declined", "pending", "abandoned"]
    receipt: str = ""
    detail: str = ""


# ---- answers


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Either a decision, or the problem of that request alone."""

    decision: DecisionRecord | None = None
    replayed: bool = False
    problem: Problem | None = None


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """In the order of the requests."""

    results: tuple[Result, ...]


class PolicyLine(Struct, frozen=True, kw_only=True):
    digest: str
    name: str
    version: int
    active: bool


class PolicyList(Struct, frozen=True, kw_only=True):
    policies: tuple[PolicyLine, ...]


class PolicyShown(Struct, frozen=True, kw_only=True):
    """`files` are its sources by name."""

    digest: str
    name: str
    version: int
    active: bool
    files: dict[str, str]


class LogLine(Struct, frozen=True, kw_only=True):
    """One administrative call: who did what, on what, with which HTTP status."""

    number: int
    at: str
    actor: str
    operation: str
    target: str
    status: int
    request: str


class LogPage(Struct, frozen=True, kw_only=True):
    """`next` is what to ask `after` for what follows; null where nothing does yet."""

    entries: tuple[LogLine, ...]
    next: int | None


class Check(Struct, frozen=True, kw_only=True):
    name: str
    ok: bool
    detail: str


class Readiness(Struct, frozen=True, kw_only=True):
    ready: bool
    checks: tuple[Check, ...]


class ProblemType(Struct, frozen=True, kw_only=True):
    """What a problem of this type is: `about` for people."""

    type: str
    title: str
    status: int
    code: str
    about: str


class Liveness(Struct, frozen=True, kw_only=True):
    live: bool


def decisions_asked() -> dict[str, Any]:
    """The schema of a decision's body: one request or many, and the way to decide."""
    one = request_schema()
    mode = {
        "enum": ["consume", "reserve", "preview"],
        "default": "consume",
        "description": "use what is granted, hold it, or only look",
    }
    properties = {**one["properties"], "mode": mode}
    properties["id"] = {**properties["id"], "description": "the Idempotency-Key, where it is sent here too"}
    single = {
        "type": "object",
        "title": "Request",
        "properties": properties,
        "required": ["account"],
        "additionalProperties": False,
    }
    inner = {name: one[name] for name in ("type", "properties", "required", "additionalProperties")}
    many = {
        "type": "object",
        "title": "Batch",
        "properties": {"mode": mode, "requests": {"type": "array", "items": inner, "minItems": 1, "maxItems": 256}},
        "required": ["requests"],
        "additionalProperties": False,
    }
    return {"oneOf": [single, many]}
