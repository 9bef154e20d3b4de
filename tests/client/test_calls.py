"""What is sent: each thing that can be asked, as a call; and what cannot be sent at all."""

from __future__ import annotations

import importlib.util
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest

import overspill.client
from client.both import HUGE, TURN, turn
from overspill import Failure, Request
from overspill.client import AsyncClient, Client, Patience, calls
from overspill.client.calls import Call, Place, headers_of, place_of
from overspill.client.replies import Lost, Reply
from overspill.serve.operations import OPERATIONS

ANA = {"user": "u_ana"}
BOTH = {"workspace": "w_1", "user": "u_ana"}
TOLD = {"account": ANA, "fields": TURN["fields"], "meters": TURN["meters"]}

SENT: dict[str, tuple[Call, str, str, Any, str, str]] = {
    "consume": (
        calls.decision("consume", turn("r1")),
        "POST",
        "/v1/decisions",
        {"mode": "consume", "id": "r1", **TOLD},
        "r1",
        "key",
    ),
    "reserve": (
        calls.decision("reserve", turn("r1")),
        "POST",
        "/v1/decisions",
        {"mode": "reserve", "id": "r1", **TOLD},
        "r1",
        "key",
    ),
    "preview": (
        calls.decision("preview", turn("r1")),
        "POST",
        "/v1/decisions",
        {"mode": "preview", "id": "r1", **TOLD},
        "",
        "no_effect",
    ),
    "many": (
        calls.decisions("reserve", [turn("a"), turn("b")]),
        "POST",
        "/v1/decisions",
        {"mode": "reserve", "requests": [{"id": "a", **TOLD}, {"id": "b", **TOLD}]},
        "",
        "ids",
    ),
    "many previews": (
        calls.decisions("preview", [turn("a")]),
        "POST",
        "/v1/decisions",
        {"mode": "preview", "requests": [{"id": "a", **TOLD}]},
        "",
        "no_effect",
    ),
    "capture": (
        calls.capture("hold_a", {"tokens": 5}, "1", True),
        "POST",
        "/v1/holds/hold_a/capture",
        {"meters": {"tokens": 5}, "final": True},
        "1",
        "key",
    ),
    "part": (
        calls.capture("hold_a", {}, "2", False),
        "POST",
        "/v1/holds/hold_a/capture",
        {"meters": {}, "final": False},
        "2",
        "key",
    ),
    "extend": (calls.extend("hold_a", "x1"), "POST", "/v1/holds/hold_a/extend", None, "x1", "key"),
    "release": (calls.release("hold_a", "1"), "POST", "/v1/holds/hold_a/release", None, "1", "key"),
    "reverse": (
        calls.posted("/v1/reversals", {"of": "dec_a"}, "v1"),
        "POST",
        "/v1/reversals",
        {"of": "dec_a"},
        "v1",
        "key",
    ),
    "status": (calls.status(ANA), "GET", "/v1/accounts/user/u_ana", None, "", "no_effect"),
    "status of two": (
        calls.status(BOTH),
        "GET",
        "/v1/accounts/user/u_ana?with=workspace%2Fw_1",
        None,
        "",
        "no_effect",
    ),
    "statement": (
        calls.statement(ANA, "2026-10-06T12:00:00Z", None),
        "GET",
        "/v1/accounts/user/u_ana/statement?since=2026-10-06T12%3A00%3A00Z",
        None,
        "",
        "no_effect",
    ),
    "grant": (
        calls.of_account(ANA, "grants", {"pool": "credits", "amount": "5", "cost": None}, "C1"),
        "POST",
        "/v1/accounts/user/u_ana/grants",
        {"pool": "credits", "amount": "5"},
        "C1",
        "key",
    ),
    "attributes": (
        calls.of_account({"workspace": "w@1:x"}, "attributes", {"attributes": {"plan": None}}, "s1"),
        "POST",
        "/v1/accounts/workspace/w@1:x/attributes",
        {"attributes": {"plan": None}},
        "s1",
        "key",
    ),
    "lot": (
        calls.of_lot("C1", "void", {"account": ANA, "pool": "credits", "per": None}, "v1"),
        "POST",
        "/v1/lots/C1/void",
        {"account": ANA, "pool": "credits"},
        "v1",
        "key",
    ),
    "purchases": (calls.purchases(), "GET", "/v1/purchases", None, "", "no_effect"),
    "resolve": (
        calls.resolve("pur_a", {"outcome": "declined"}),
        "POST",
        "/v1/purchases/pur_a/resolve",
        {"outcome": "declined"},
        "",
        "ids",
    ),
    "show": (calls.show("dec_a"), "GET", "/v1/decisions/dec_a", None, "", "no_effect"),
    "explain": (calls.explain("dec_a"), "GET", "/v1/decisions/dec_a/explanation", None, "", "no_effect"),
}


@pytest.mark.parametrize("call, method, path, body, key, again", SENT.values(), ids=SENT)
def test_what_is_asked_is_this_call(call: Call, method: str, path: str, body: Any, key: str, again: str) -> None:
    assert (call.method, call.path, call.key, call.again) == (method, path, key, again)
    assert (json.loads(call.body) if call.body else None) == body


@pytest.mark.parametrize("call", [row[0] for row in SENT.values()], ids=SENT)
def test_whatever_may_be_sent_twice_has_a_key_or_no_effect(call: Call) -> None:
    fields = headers_of(call, "osk_x")
    if call.again == "key":
        assert fields["idempotency-key"] == call.key != ""
    elif call.again == "ids":
        assert "/purchases/" in call.path or all(one["id"] for one in json.loads(call.body)["requests"])
    else:
        assert call.method == "GET" or json.loads(call.body)["mode"] == "preview"


def test_a_call_says_who_asks_and_what_it_reads() -> None:
    fields = headers_of(calls.explain("dec_a"), "osk_x")
    assert fields["authorization"] == "Bearer osk_x"
    assert fields["accept"] == "text/plain, application/problem+json"
    assert "content-type" not in fields


PLACES = {
    "http://127.0.0.1:8080": Place(secure=False, host="127.0.0.1", port=8080, prefix=""),
    "https://usage.example": Place(secure=True, host="usage.example", port=443, prefix=""),
    "http://usage.example/a/b/": Place(secure=False, host="usage.example", port=80, prefix="/a/b"),
    "http://[::1]:81": Place(secure=False, host="::1", port=81, prefix=""),
}


@pytest.mark.parametrize("url, place", PLACES.items(), ids=PLACES)
def test_a_url_has_its_parts(url: str, place: Place) -> None:
    assert place_of(url) == place
    assert place_of(place.url) == place


@pytest.mark.parametrize(
    "url",
    [
        "usage.example",
        "ftp://usage.example",
        "http://",
        "http://user:secret@usage.example",
        "http://usage.example/?tenant=a",
        "http://usage.example#a",
        "http://usage.example:99999",
        "http://usage.example/a b",
        "http://usage.example/a\r\nb",
        "",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(Failure) as caught:
        place_of(url)
    assert caught.value.code == "invalid_url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "osk_a b", "osk_a\r\nx-tenant: other", "osk_ü"])
def test_what_is_no_credential_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(Failure) as caught:
        Client("http://usage.example", text)
    assert (caught.value.code, text and text in str(caught.value)) == ("invalid_credential", text and False)


def _deaf() -> Client:
    class Deaf:
        def send(self, call: Call, within: int) -> Reply | Lost:
            raise AssertionError("it was sent")

        def close(self) -> None: ...

    return Client("http://usage.example", "osk_x", transport=Deaf())


WRONG: dict[str, tuple[Callable[[Client], Any], str, str | None]] = {
    "a request that is none": (lambda c: c.decide({"id": "r"}), "invalid_argument", None),  # type: ignore[arg-type]
    "a request without an id": (lambda c: c.decide(turn("")), "invalid_id", "/id"),
    "an id with a line feed": (lambda c: c.reserve(turn("a\nb")), "invalid_id", "/id"),
    "a hold with a slash": (lambda c: c.capture("a/../b", {}), "invalid_id", "/hold"),
    "a part without an id": (lambda c: c.capture("hold_a", {}, final=False), "missing_id", "/id"),
    "a hold that is no text": (lambda c: c.release(None), "invalid_id", "/hold"),  # type: ignore[arg-type]
    "meters that are no numbers": (lambda c: c.capture("hold_a", {"a": object()}), "invalid_argument", None),  # type: ignore[dict-item]
    "a field that is nothing": (
        lambda c: c.decide(turn("r", fields={"product": object()})),
        "invalid_argument",
        "/fields/product",
    ),
    "a lot with a slash": (lambda c: c.void(ANA, "credits", "../x", id="v"), "invalid_id", "/lot"),
    "a purchase with a slash": (lambda c: c.resolve_purchase("a/b", "declined"), "invalid_id", "/purchase"),
    "a change without an id": (lambda c: c.redeem(ANA, "five", id=""), "invalid_id", "/id"),
    "no account": (lambda c: c.status({}), "missing_account", "/account"),
    "an account with a slash": (lambda c: c.status({"user": "../x"}), "invalid_id", "/account/user"),
    "a kind with a slash": (lambda c: c.status({"us/er": "x"}), "invalid_id", "/account"),
    "an unknown way": (lambda c: c.decide(turn("r"), if_away="open"), "invalid_argument", "/if_away"),  # type: ignore[arg-type]
    "to go on without a journal": (lambda c: c.holding(turn("r"), if_away="allow"), "journal_missing", None),
    "a patience that is none": (lambda c: c.with_patience(Patience(total=0)), "invalid_argument", "/total"),
}


@pytest.mark.parametrize("ask, code, pointer", WRONG.values(), ids=WRONG)
def test_what_cannot_be_asked_is_told_before_it_is_sent(
    ask: Callable[[Client], Any], code: str, pointer: str | None
) -> None:
    with pytest.raises(Failure) as caught:
        ask(_deaf())
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert caught.value.help


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[inspect.Parameter]]:
        return {
            name: list(inspect.signature(one).parameters.values())
            for name, one in vars(client).items()
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_every_path_is_one_of_the_service() -> None:
    known = {(one.method, len(one.path.split("/")), one.path.split("/")[-1]) for one in OPERATIONS}
    for call, *_ in SENT.values():
        parts = call.path.partition("?")[0].split("/")
        last = {name for method, length, name in known if (method, length) == (call.method, len(parts))}
        assert parts[-1] in last or any(name.startswith("{") for name in last)


def test_a_request_goes_out_as_the_service_reads_it() -> None:
    request = Request(id="r", account=ANA, only=("promo",), max_charge={"credits": "5"}, at_least="1", **HUGE)
    sent = json.loads(calls.request_json(request))
    assert sent == {
        "id": "r",
        "account": ANA,
        "only": ["promo"],
        "max_charge": {"credits": "5"},
        "at_least": "1",
        **HUGE,
    }


@pytest.mark.parametrize("name", ["AsyncClient", "Meter"])
def test_what_needs_httpx2_says_so_where_it_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(overspill.client, name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Failure) as caught:
        getattr(overspill.client, name)
    assert (caught.value.code, "overspill[client]" in str(caught.value.help)) == ("missing_extra", True)
    assert not hasattr(overspill.client, "Clients")
