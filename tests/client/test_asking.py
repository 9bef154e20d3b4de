"""Asked again, or not: both clients against a service in this process, by ways that break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from client.both import ANA, HUGE, NAMES, TURN, Both, turn
from overspill.client import Patience, ServiceFailure
from overspill.words.failures import StoreFailure
from support.services import Served, served, with_ana
from support.serving import Scripted, Time


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def client(one: Served, name: str, *faults: str, **options: Any) -> tuple[Both, Scripted]:
    way = Scripted(one.app, one.all.key, iter(faults))
    return Both(name, way, time=options.pop("time", Time()), **options), way


def kinds(one: Served) -> list[str]:
    """Of commands that changed something for ana, in order, behind what she was given."""
    return [record.key[2] for record in one.engine.records() if record.key[2] not in ("set", "grant")]


# ---- what is asked and answered


def test_a_decision_is_the_services_in_its_own_bytes(one: Served, name: str) -> None:
    both, _ = client(one, name)
    answer = both.call("decide", turn("r1"))
    again = both.call("decide", turn("r1"))
    assert (answer.source, answer.allowed, answer.outcome, answer.granted) == ("decided", True, "allow", "8.5")
    assert answer.json == one.all.post("/v1/decisions", TURN, "r1").body
    assert (answer.replayed, again.replayed, answer.json == again.json) == (False, True, True)
    assert [draw.layer for draw in answer.decision.draws] == ["plan_windows"]
    assert kinds(one) == ["consume"]


def test_a_denial_is_an_answer_with_offers(one: Served, name: str) -> None:
    answer = client(one, name)[0].call("decide", turn("r1", **HUGE))
    assert (answer.source, answer.allowed, answer.granted) == ("decided", False, "0")
    assert [offer.offer for offer in answer.offers] == ["add_credits", "upgrade"]
    assert answer.reason.code == "usage_exhausted"


def test_a_preview_changes_nothing(one: Served, name: str) -> None:
    answer = client(one, name)[0].call("preview", turn("r1"))
    assert (answer.granted, answer.hold, kinds(one)) == ("8.5", None, [])


def test_what_is_reserved_is_captured_extended_released_reversed(one: Served, name: str) -> None:
    both, _ = client(one, name)
    first, second = (both.call("reserve", turn(id)).hold.id for id in ("r1", "r2"))
    both.call("extend", first, id="x1")
    receipt = both.call("capture", first, {**TURN["meters"], "output_tokens": 1000}, id="1")
    both.call("release", second)
    back = both.call("reverse", first, id="v1")
    assert (receipt["used"], receipt.replayed) == ("7.75", False)
    assert back["of"].startswith(("dec_", "hold_"))
    assert kinds(one) == ["reserve", "reserve", "extend", "capture", "release", "reverse"]


def test_accounts_are_changed_and_looked_at(one: Served, name: str) -> None:
    both, _ = client(one, name)
    both.call("set_attributes", {"user": "u_bo"}, {"plan": "pro"}, id="s1")
    granted = both.call("grant", {"user": "u_bo"}, "credits", "5", id="G1", cost="1.00 usd")
    assert (granted["lot"], granted["balance"]) == ("G1", "5")
    status = both.call("status", {"user": "u_bo", "workspace": "w_1"})
    assert [account.account for account in status.accounts] == ["user/u_bo", "workspace/w_1"]
    one.engine.settle()
    statement = both.call("statement", {"user": "u_bo"})
    assert [(entry.why, entry.amount) for entry in statement.entries] == [("granted", "5")]


def test_a_decision_is_shown_and_explained(one: Served, name: str) -> None:
    both, _ = client(one, name)
    id = both.call("decide", turn("r1")).seen.decision
    assert both.call("decision", id).answer["trace"][0]["step"] == "inputs"
    assert "plan_windows" in both.call("explanation", id)


def test_many_are_asked_at_once_and_each_has_its_own(one: Served, name: str) -> None:
    both, way = client(one, name)
    wrong = turn("b2", fields={"product": "codex", "model": "nobody"})
    first, refused, again = both.call("reserve_all", [turn("b1"), wrong, turn("b1")])
    assert (first.hold, first.replayed, again.replayed) == (again.hold, False, True)
    assert (refused.code, refused.settled, refused.pointer) == ("unknown_model", True, "/fields/model")
    assert len(way.calls) == 1
    assert both.call("decide_all", []) == both.call("preview_all", []) == []
    assert len(way.calls) == 1


# ---- asked again

ROWS: dict[str, tuple[tuple[str, ...], list[int]]] = {
    # what becomes of the attempts → the waits between them, without chance
    "nobody there": (("unreachable",), [50]),
    "cut before": (("before",), [50]),
    "cut behind": (("after",), [50]),
    "a gateway's error": (("502", "504"), [50, 100]),
    "a defect": (("500",), [50]),
    "a login page": (("200",), [50]),
    "one after the other": (("before", "after", "503", "after"), [50, 100, 150, 150]),
}


@pytest.mark.parametrize("faults, waits", ROWS.values(), ids=ROWS)
def test_what_is_not_answered_is_asked_again_with_its_key_and_done_once(
    one: Served, name: str, faults: tuple[str, ...], waits: list[int]
) -> None:
    time = Time()
    both, way = client(one, name, *faults, time=time)
    answer = both.call("decide", turn("r1"))
    assert (answer.granted, time.waits) == ("8.5", waits)
    assert {(call.key, call.body) for _, call in way.calls} == {("r1", way.calls[0][1].body)}
    assert kinds(one) == ["consume"]


CHANGES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "capture": ("capture", ("HOLD", TURN["meters"]), {"id": "1"}),
    "extend": ("extend", ("HOLD",), {"id": "x1"}),
    "release": ("release", ("HOLD",), {"id": "1"}),
    "grant": ("grant", (ANA, "credits", "5"), {"id": "G1"}),
    "set": ("set_attributes", (ANA, {"plan": "pro"}), {"id": "s1"}),
    "consume": ("decide", (turn("r2"),), {}),
    "reserve": ("reserve", (turn("r2"),), {}),
}


@pytest.mark.parametrize("fault", ["before", "after", "503", "500"])
@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_happens_once_whenever_it_is_cut(one: Served, name: str, kind: str, fault: str) -> None:
    hold = one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, "r1").json["hold"]["id"]
    method, arguments, options = CHANGES[kind]
    given = [hold if argument == "HOLD" else argument for argument in arguments]
    before = sum(1 for _ in one.engine.records())
    client(one, name, fault)[0].call(method, *given, **options)
    assert [record.key[2] for record in one.engine.records(before)] == [kind]


UNDER_WAY = ("acme", "/v1/decisions", "r1")
"""The same call, asked before."""


def test_it_is_asked_again_when_the_service_says_so_and_not_earlier(one: Served, name: str) -> None:
    time = Time()
    both, way = client(one, name, time=time, patience=Patience(total=5_000))
    one.service.begin(UNDER_WAY)
    real = way.send
    seen: list[int] = []

    def send(call: Any, within: int) -> Any:
        seen.append(within)
        if len(seen) == 2:
            one.service.end(UNDER_WAY)
        return real(call, within)

    way.send = send  # type: ignore[method-assign]
    assert both.call("decide", turn("r1")).granted == "8.5"
    assert time.waits == [1000]


def test_who_is_told_to_come_later_than_there_is_time_gives_up_at_once(one: Served, name: str) -> None:
    time = Time()
    both, way = client(one, name, time=time)
    one.service.begin(UNDER_WAY)
    with pytest.raises(ServiceFailure) as caught:
        both.call("decide", turn("r1"))
    failure = caught.value
    assert (failure.code, failure.away, failure.unknown, failure.retry_ms) == ("in_flight", True, True, 1000)
    assert (time.waits, len(way.calls)) == ([], 1)


def test_time_ends_and_no_call_is_longer_than_what_is_left(one: Served, name: str) -> None:
    time = Time()
    both, way = client(one, name, time=time, patience=Patience(total=1_000, attempt=400, first_wait=20))
    limits: list[int] = []

    def send(call: Any, within: int) -> Any:
        limits.append(within)
        time.at += within
        return Scripted.send(way, call, within)

    way.faults = iter(["after"] * 99)
    way.send = send  # type: ignore[method-assign]
    with pytest.raises(ServiceFailure) as caught:
        both.call("decide", turn("r1"))
    assert (caught.value.code, caught.value.away, caught.value.unknown) == ("timed_out", True, True)
    assert limits == [400, 400, 170]
    assert time.at <= 1_000


UNKNOWN: dict[str, tuple[tuple[str, ...], str, bool, bool]] = {
    # attempts → the last one's code, whether it may have been done, whether it is settled
    "never sent": (("unreachable",) * 9, "unreachable", False, False),
    "sent once": (("unreachable", "after", *["unreachable"] * 9), "unreachable", True, False),
    "refused at last by somebody else": (("after", "403"), "refused", True, False),
    "refused by somebody else": (("403",), "refused", False, False),
}


@pytest.mark.parametrize("faults, code, unknown, settled", UNKNOWN.values(), ids=UNKNOWN)
def test_a_failure_says_whether_it_may_have_been_done(
    one: Served, name: str, faults: tuple[str, ...], code: str, unknown: bool, settled: bool
) -> None:
    with pytest.raises(ServiceFailure) as caught:
        client(one, name, *faults)[0].call("decide", turn("r1"))
    failure = caught.value
    assert (failure.code, failure.unknown, failure.settled) == (code, unknown, settled)


def test_what_the_service_refuses_for_good_is_known(one: Served, name: str) -> None:
    both, way = client(one, name, "before")
    with pytest.raises(ServiceFailure) as caught:
        both.call("capture", "hold_" + "a" * 26, {"input_tokens": 1}, id="1")
    failure = caught.value
    assert (failure.code, failure.status, failure.settled, failure.unknown) == ("unknown_hold", 404, True, False)
    assert len(way.calls) == 2


def test_a_refusal_is_asked_once(one: Served, name: str) -> None:
    both, way = client(one, name)
    with pytest.raises(ServiceFailure) as caught:
        both.call("decide", turn("r1", fields={"product": "codex", "model": "x"}), if_away="allow")
    assert (caught.value.code, caught.value.away, len(way.calls)) == ("unknown_model", False, 1)


# ---- open or closed


@pytest.mark.parametrize("if_away, source, allowed", [("allow", "failed_open", True), ("deny", "failed_closed", False)])
@pytest.mark.parametrize("method", ["decide", "preview", "reserve"])
def test_an_answer_without_the_service_says_that_it_is_one(
    one: Served, name: str, method: str, if_away: str, source: str, allowed: bool
) -> None:
    both, _ = client(one, name, *["503"] * 99)
    answer = both.call(method, turn("r1"), if_away=if_away)
    assert (answer.source, answer.allowed, answer.granted, answer.hold) == (source, allowed, "0", None)
    assert (answer.failure.code, answer.failure.away) == ("unavailable", True)
    assert source in repr(answer)
    with pytest.raises(ServiceFailure):
        _ = answer.decision


def test_the_clients_own_choice_is_a_calls_where_it_makes_none(one: Served, name: str) -> None:
    both, _ = client(one, name, *["before"] * 99, if_away="deny")
    assert both.call("decide", turn("r1")).source == "failed_closed"
    assert both.call("decide", turn("r1"), if_away="allow").source == "failed_open"
    with pytest.raises(ServiceFailure):
        both.call("decide", turn("r1"), if_away="raise")


# ---- of many, some again


def _away_for(one: Served, *ids: str) -> None:
    """The store fails once for each of these requests of a batch."""
    left = set(ids)
    engine = one.service.engine_of("acme")
    decide_all = type(engine).adecide_all

    async def failing(requests: Any) -> Any:
        found = await decide_all(engine, [request for request in requests if request.id not in left])
        answers = iter(found)
        result = []
        for request in requests:
            if request.id in left:
                left.discard(request.id)
                result.append(StoreFailure("unavailable", "away"))
            else:
                result.append(next(answers))
        return result

    engine.adecide_all = failing  # type: ignore[method-assign]


def test_of_many_only_those_are_asked_again_that_have_no_answer(one: Served, name: str) -> None:
    _away_for(one, "b2")
    time = Time()
    both, way = client(one, name, time=time)
    wrong = turn("b3", fields={"product": "codex", "model": "nobody"})
    found = both.call("decide_all", [turn("b1"), turn("b2"), wrong, turn("b4")])
    assert [getattr(each, "granted", None) for each in found] == ["8.5", "8.5", None, "8.5"]
    assert found[2].pointer == "/fields/model"
    assert [call.body.count(b'"id"') for _, call in way.calls] == [4, 1]
    assert time.waits == [50]
    assert kinds(one) == ["consume"] * 3


@pytest.mark.parametrize("fault", ["before", "after", "503"])
def test_many_that_were_cut_are_each_decided_once(one: Served, name: str, fault: str) -> None:
    found = client(one, name, fault)[0].call("decide_all", [turn("b1"), turn("b2")])
    assert [answer.granted for answer in found] == ["8.5", "8.5"]
    assert kinds(one) == ["consume"] * 2


def test_many_without_the_service_have_what_was_chosen(one: Served, name: str) -> None:
    both, _ = client(one, name, *["503"] * 99)
    assert [answer.source for answer in both.call("decide_all", [turn("a"), turn("b")], if_away="deny")] == [
        "failed_closed"
    ] * 2
    with pytest.raises(ServiceFailure):
        both.call("decide_all", [turn("a")])


def test_of_many_the_answered_stay_when_the_rest_has_none(one: Served, name: str) -> None:
    _away_for(one, "b2")
    both, _ = client(one, name, "pass", *["503"] * 99)
    first, second = both.call("decide_all", [turn("b1"), turn("b2")])
    assert (first.granted, second.away, second.code) == ("8.5", True, "unavailable")
