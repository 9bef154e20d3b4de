"""The request: what a caller asks for, as plain values (LANGUAGE.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from overspill.words.codec import Light
from overspill.words.initiators import DEFAULT_INITIATOR


class Request(Light, frozen=True, kw_only=True, omit_defaults=True):
    """One request for usage.

    `account` names who asks, by kind: `{"user": "u_ana", "workspace": "w_1"}`. `fields` and `meters` are what the
    policy declares under `request`; meters are non-negative integers (counts of tokens, seconds, images). `id` is the
    caller's, and is the idempotency key: the same id again answers the same decision.

    Its JSON leaves out what is at its default: a request means the same, and has the same fingerprint, when a later
    version knows more fields.

    `only`, `max_charge` and `at_least` bound what may be drawn (LANGUAGE.md L10); None: no bound.
    """

    id: str
    account: Mapping[str, str]
    fields: Mapping[str, str | int | bool] = {}
    meters: Mapping[str, int] = {}
    initiator: str = DEFAULT_INITIATOR
    only: tuple[str, ...] | None = None
    max_charge: Mapping[str, str] | None = None
    at_least: str | None = None
