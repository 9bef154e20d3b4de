"""What a body asks to have decided: one request or many, and in which way.

Mostly a body is plain: what it holds is of the right shape, and each key stands there once. Such a one is read in one go;
any other is read value by value, which takes six times as long and names what is wrong with it and where. What both can
read they read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from msgspec import Meta

from overspill.records.request import Request
from overspill.records.wire import request_from_value
from overspill.serve.deciding import Mode
from overspill.serve.reading import object_from
from overspill.words.codec import JsonFault, Light, json_decoder
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.initiators import DEFAULT_INITIATOR
from overspill.words.strict_json import keys_in

MODES = get_args(Mode)
CONSUME: Mode = "consume"
PREVIEWED = "preview"
"""The id of a preview that names none."""
_MANY, _HEAD = b'"requests"', 64
"""What stands so early in the body of a batch is looked for there alone: a body is tried as what it looks like."""
_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Strings = dict[str, str]


class Asked(Light, frozen=True):
    """In the order in which they were sent; with a failure in the place of what is no request, where there may be many."""

    mode: Mode
    requests: Sequence[Request | Failure]
    is_batch: bool = False


def asked_from(body: bytes, key: str, most: int) -> Asked:
    """What is asked for under the Idempotency-Key `key`, empty for none; `most` requests at once. Raises Failure."""
    return plain_from(body, key, most) or _checked(_by_value(object_from(body), key), key, most)


def plain_from(body: bytes, key: str, most: int) -> Asked | None:
    """The same of a plain body; None for any other. Raises Failure."""
    if body.find(_MANY, 0, _HEAD) < 0:  # `in` would raise and catch an error first
        return _plain_one(body, key)
    batch = _plain_batch(body)
    return None if batch is None else _checked(batch, key, most)


def _checked(asked: Asked, key: str, most: int) -> Asked:
    if asked.is_batch:
        _check_batch(len(asked.requests), key, most)
    return asked


def _check_batch(count: int, key: str, most: int) -> None:
    if count > most:
        what = f"a batch has {most} requests at most, this one {count}"
        raise Failure("batch_too_long", what, help="send several batches", pointer="/requests")
    if key:
        help = "leave the header out: the `id` of each request is its key"
        raise Failure("invalid_request", "a batch has no Idempotency-Key of its own", help=help)


def _id(own: str | None, mode: Mode, key: str) -> str:
    """The id of a request by itself: the Idempotency-Key, which the body may repeat. Raises Failure."""
    if not key and mode != "preview":
        help = "send one of your own for each request, and the same when you send it again"
        raise Failure("missing_idempotency_key", "a decision needs an Idempotency-Key", help=help)
    if own is None:
        return key or PREVIEWED
    if key and own != key:
        what = "`id` is not the Idempotency-Key"
        raise Failure("invalid_request", what, help="leave it out, or send the same", pointer="/id")
    return own


# ---- value by value


def _by_value(value: dict[str, Any], key: str) -> Asked:
    mode = value.pop("mode", CONSUME)
    if mode not in MODES:
        help = (did_you_mean(mode, MODES) if isinstance(mode, str) else None) or f"known: {', '.join(MODES)}"
        raise Failure("invalid_request", "`mode` is no way to decide", help=help, pointer="/mode")
    if "requests" not in value:
        return Asked(mode, (request_from_value({**value, "id": _id(value.get("id"), mode, key)}),))
    requests = value.pop("requests")
    if value:
        unknown = next(iter(value))[:64]
        help = "put it into each request"
        raise Failure("unknown_key", f"a batch has no `{unknown}`", help=help, pointer=f"/{unknown}")
    if not isinstance(requests, list) or not requests:
        raise Failure(
            "invalid_request", "`requests` is no list of requests", help="send at least one", pointer="/requests"
        )
    return Asked(mode, [_request_or_failure(one) for one in requests], is_batch=True)


def _request_or_failure(value: Any) -> Request | Failure:
    try:
        return request_from_value(value)
    except Failure as failure:
        return failure


# ---- in one go


class _Sent(Light, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request as it is sent; None for what is not there."""

    account: _Strings
    id: str | None = None
    fields: dict[str, str | _Whole | bool] | None = None
    meters: dict[str, _Whole] | None = None
    initiator: str | None = None
    only: tuple[str, ...] | None = None
    max_charge: _Strings | None = None
    at_least: str | None = None


class _SentAlone(_Sent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Mode | None = None


class _SentTogether(Light, frozen=True, kw_only=True, forbid_unknown_fields=True):
    requests: tuple[_Sent, ...]
    mode: Mode | None = None


_alone = json_decoder(_SentAlone).decode
_together = json_decoder(_SentTogether).decode


def _plain_one(body: bytes, key: str) -> Asked | None:
    try:
        sent = _alone(body)
    except JsonFault:
        return None
    mode = sent.mode
    if not keys_in(body, _keys(sent) + (mode is not None)):
        return None
    mode = mode or CONSUME
    return Asked(mode, (_request(sent, _id(sent.id, mode, key)),))


def _plain_batch(body: bytes) -> Asked | None:
    try:
        batch = _together(body)
    except JsonFault:
        return None
    if not batch.requests:
        return None
    keys = 1 + (batch.mode is not None)
    for one in batch.requests:
        if one.id is None:
            return None
        keys += _keys(one)
    if not keys_in(body, keys):
        return None
    return Asked(batch.mode or CONSUME, [_request(one, one.id or "") for one in batch.requests], is_batch=True)


def _keys(sent: _Sent) -> int:
    """How many keys there are in it: its own, and those of its objects."""
    fields, meters = sent.fields, sent.meters
    count = 1 + len(sent.account)
    if fields is not None:
        count += 1 + len(fields)
    if meters is not None:
        count += 1 + len(meters)
    if sent.max_charge is not None:
        count += 1 + len(sent.max_charge)
    return (
        count
        + (sent.id is not None)
        + (sent.initiator is not None)
        + (sent.only is not None)
        + (sent.at_least is not None)
    )


def _request(sent: _Sent, id: str) -> Request:
    return Request(
        id=id,
        account=sent.account,
        fields=sent.fields or {},
        meters=sent.meters or {},
        initiator=DEFAULT_INITIATOR if sent.initiator is None else sent.initiator,
        only=sent.only,
        max_charge=sent.max_charge,
        at_least=sent.at_least,
    )
