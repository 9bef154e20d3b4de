"""What a body asks for: read in one go or value by value, it is the same request, or the same failure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill import Failure
from overspill.serve import asked
from overspill.serve.asked import Asked, asked_from
from overspill.words.codec import json_bytes

KEY = "r1"
PLAIN: dict[str, bytes] = {
    "what is asked mostly": b'{"account":{"user":"u"},"fields":{"model":"m","fast":true,"n":-3},"meters":{"tokens":9}}',
    "with all that a request may have": (
        b'{"id":"r1","mode":"reserve","account":{"user":"u"},"initiator":"automation","only":["promo","credits"],'
        b'"max_charge":{"credits":"1.5"},"at_least":"2"}'
    ),
    "with spaces": b'{ "account" : { "user" : "u" } ,\n\t"meters" : { "tokens" : 9 } }',
    "with colons in texts": b'{"account":{"user":"org:u"},"fields":{"model":"a:b:c"}}',
    "many": b'{"mode":"preview","requests":[{"id":"a","account":{"user":"u"}},{"id":"b","account":{"user":"v"}}]}',
}
"""Read in one go."""
OTHER: dict[str, bytes] = {
    "escapes": rb'{"account":{"user":"\u0075"}}',
    "not ASCII": '{"account":{"user":"u"},"fields":{"model":"ä"}}'.encode(),
    "a meter as text": b'{"account":{"user":"u"},"meters":{"tokens":"9"}}',
    "a null": b'{"account":{"user":"u"},"only":null}',
    "nineteen digits": b'{"account":{"user":"u"},"fields":{"n":9999999999999999999}}',
    "a text that begins with a colon": b'{"account":{"user":"u"},"fields":{"model":":m"},"fields":{"model":":m"}}',
    "a key twice": b'{"account":{"user":"u","user":"v"}}',
    "a key twice, another with a space behind it": b'{"account" :{"user":"u","user":"v"}}',
    "a request twice": b'{"requests":[{"id":"a","account":{"user":"u"}}],"requests":[]}',
    "a key twice in one of many": b'{"requests":[{"id":"a","id":"b","account":{"user":"u"}}]}',
    "a mode in one of many": b'{"requests":[{"id":"a","mode":"preview","account":{"user":"u"}}]}',
    "one of many without an id": b'{"requests":[{"account":{"user":"u"}}]}',
    "none of many": b'{"requests":[]}',
    "no account": b'{"meters":{"tokens":9}}',
    "another key": b'{"account":{"user":"u"},"acount":{}}',
    "another id": b'{"id":"r2","account":{"user":"u"}}',
    "an empty id": b'{"id":"","account":{"user":"u"}}',
    "an empty initiator": b'{"account":{"user":"u"},"initiator":""}',
    "another mode": b'{"account":{"user":"u"},"mode":"look"}',
    "a fraction": b'{"account":{"user":"u"},"meters":{"tokens":9.0}}',
    "a number of twenty digits": b'{"account":{"user":"u"},"meters":{"tokens":10000000000000000000}}',
    "a list": b"[]",
    "no JSON": b'{"account":',
    "two values": b'{"account":{"user":"u"}} {}',
    "no UTF-8": b'{"account":{"user":"\xff"}}',
    "the word `requests` in a text": b'{"account":{"user":"u"},"fields":{"model":"\\"requests\\""}}',
    "a field that is called `requests`": b'{"account":{"user":"u"},"fields":{"requests":"3"}}',
}


def _told(body: bytes, key: str) -> Any:
    try:
        found = asked_from(body, key, 4)
    except Failure as failure:
        return _shown(failure)
    return found.mode, found.is_batch, [_shown(one) if isinstance(one, Failure) else one for one in found.requests]


def _shown(failure: Failure) -> tuple[object, ...]:
    return failure.code, failure.message, failure.help, failure.pointer


def _by_value(body: bytes, key: str) -> Any:
    """What value by value comes to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked, "plain_from", lambda *_: None)
        return _told(body, key)


@pytest.mark.parametrize("name", [*PLAIN, *OTHER])
@pytest.mark.parametrize("key", [KEY, ""])
def test_both_ways_come_to_the_same(name: str, key: str) -> None:
    body = {**PLAIN, **OTHER}[name]
    assert _told(body, key) == _by_value(body, key)


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain_is_read_in_one_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "_by_value", _never)
    assert isinstance(asked_from(PLAIN[name], "" if name == "many" else KEY, 4), Asked)


def _never(*_: object) -> Asked:
    raise AssertionError("it was read value by value")


_VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=4) | st.sampled_from(["u", "9"])
_OBJECTS = st.dictionaries(st.sampled_from(["user", "model", "tokens", "a:b"]), _VALUES, max_size=3)
_REQUESTS = st.fixed_dictionaries(
    {"account": st.just({"user": "u"}) | _OBJECTS},
    optional={
        "id": st.sampled_from(["r1", "r2", ""]) | _VALUES,
        "fields": _OBJECTS | _VALUES,
        "meters": _OBJECTS | _VALUES,
        "initiator": st.sampled_from(["user", "automation"]) | _VALUES,
        "only": st.lists(st.sampled_from(["promo", "credits"]), max_size=2) | _VALUES,
        "max_charge": _OBJECTS | _VALUES,
        "at_least": _VALUES,
        "mode": st.sampled_from(["consume", "preview"]) | _VALUES,
    },
)
_BODIES = _REQUESTS | st.fixed_dictionaries(
    {"requests": st.lists(_REQUESTS, max_size=5)}, optional={"mode": st.sampled_from(["consume", "preview"])}
)


@given(_BODIES, st.sampled_from([KEY, ""]), st.data())
def test_whatever_is_sent_both_ways_come_to_the_same(value: dict[str, Any], key: str, data: st.DataObject) -> None:
    body = json_bytes(value)
    if data.draw(st.booleans()):  # something stands there twice
        body = body[:-1] + b"," + body[1:]
    assert _told(body, key) == _by_value(body, key)
