"""A provider's messages: signed and fresh ones become news of a purchase, all others are refused and change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from account.test_top_ups import NOON, Bench
from overspill import Failure
from overspill.runtime.payments import WAIT
from overspill.runtime.signatures import signature_of
from overspill.runtime.webhooks import purchase_news
from overspill.words.codec import json_bytes
from overspill.words.instants import MINUTE, SECOND

# The secret, and the signature below, are those of the examples that Standard Webhooks' own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json_bytes({"type": "purchase.succeeded", "purchase": "pur_x", "receipt": "p1"})


def _headers(body: bytes, *, at: int = NOON, secret: str = SECRET, id: str = "msg_1") -> dict[str, str]:
    timestamp = str(at // SECOND)
    signature = signature_of(secret, id, timestamp, body)
    return {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,b3RoZXI= {signature}"}


def test_the_signature_is_that_of_the_standard() -> None:
    found = signature_of(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signed_message_is_news_of_a_purchase_and_delivered_twice_it_is_one_lot() -> None:
    bench = Bench()
    bench.use(501)
    (intent,) = bench.run(WAIT).asked
    body = json_bytes({"type": "purchase.succeeded", "purchase": intent.id, "receipt": "p1"})
    news = purchase_news(SECRET, _headers(body), body, NOON)
    receipts = [
        bench.engine.resolve_purchase(news.purchase, news.outcome, receipt=news.receipt, detail=news.detail)
        for _ in range(2)
    ]
    assert [receipt.replayed for receipt in receipts] == [False, True]
    assert receipts[0].json == receipts[1].json


def _changed(**changes: str) -> dict[str, str]:
    return {**_headers(BODY), **changes}


SIGNED: list[tuple[dict[str, str], int, str]] = [
    ({}, NOON, "invalid_signature"),
    (_changed(**{"webhook-id": "msg_2"}), NOON, "invalid_signature"),
    (_changed(**{"webhook-timestamp": "1"}), NOON, "invalid_signature"),
    (_changed(**{"webhook-signature": "v1,é"}), NOON, "invalid_signature"),
    (_headers(BODY, secret="whsec_b3RoZXI="), NOON, "invalid_signature"),
    (_headers(BODY + b" "), NOON, "invalid_signature"),
    (_headers(BODY), NOON + 5 * MINUTE + 1, "stale_message"),
    (_headers(BODY), NOON - 5 * MINUTE - 1, "stale_message"),
]


@pytest.mark.parametrize(("headers", "now", "code"), SIGNED)
def test_what_is_not_signed_or_not_fresh_is_refused(headers: dict[str, str], now: int, code: str) -> None:
    with pytest.raises(Failure) as failure:
        purchase_news(SECRET, headers, BODY, now)
    assert failure.value.code == code


BODIES: list[tuple[Any, str, str | None]] = [
    ([], "invalid_message", None),
    ({"type": "purchase.succeeded"}, "invalid_message", "/purchase"),
    ({"purchase": "pur_x"}, "invalid_message", "/type"),
    ({"type": "purchase.succeeded", "purchase": 1}, "invalid_message", "/purchase"),
    ({"type": "purchase.refunded", "purchase": "pur_x"}, "unknown_type", "/type"),
    ({"type": "purchase.succeeded", "purchase": "pur_x", "amount": "9"}, "unknown_key", "/amount"),
]


@pytest.mark.parametrize(("value", "code", "pointer"), BODIES)
def test_a_body_that_says_nothing_or_too_much_is_refused(value: Any, code: str, pointer: str | None) -> None:
    body = json_bytes(value)
    with pytest.raises(Failure) as failure:
        purchase_news(SECRET, _headers(body), body, NOON)
    assert (failure.value.code, failure.value.pointer or None) == (code, pointer)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64"])
def test_a_secret_that_is_none_signs_nothing(secret: str) -> None:
    with pytest.raises(Failure, match="secret"):
        purchase_news(secret, {"webhook-signature": ""}, BODY, NOON)
