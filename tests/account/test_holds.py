"""Captures of a stream, extensions and releases, on generated policies and by example (LANGUAGE.md S1, S2, S4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account.test_layers import ANA, NOON, POOL, Bench, _waterfall
from overspill import Failure
from overspill.account.state import EMPTY, Account
from overspill.step.commands import Capture, Command, Extend, Release, Reserve
from overspill.step.keys import identify
from overspill.step.step import Batch, step
from overspill.words.codec import json_bytes, replace
from overspill.words.instants import SECOND
from support.worlds import World, worlds


class Run:
    """The accounts of a world while commands change them."""

    def __init__(self, world: World) -> None:
        self.world, self.accounts, self.seq = world, dict(world.accounts), 1
        ended = Batch(self, self.accounts.__getitem__, world.now, 1)
        ended.end_due(list(self.accounts))
        self.accounts.update(ended.accounts)
        self.before = dict(self.accounts)

    def active(self) -> Any:
        return self.world.program

    def of(self, digest: str) -> Any:
        return self.world.program

    def do(self, command: Command) -> Mapping[str, Any]:
        outcome = step(self, lambda key: self.accounts.get(key, EMPTY), identify(command), self.world.now, self.seq)
        self.accounts.update(outcome.accounts)
        self.seq += len(outcome.records)
        found: Mapping[str, Any] = json.loads(outcome.answer)
        return found

    def reserve(self) -> str | None:
        hold = self.do(Reserve(tenant="default", request=self.world.request))["hold"]
        return None if hold is None else hold["id"]

    def capture(self, hold: str, tokens: int, id: str, final: bool) -> Mapping[str, Any]:
        meters = {"tokens": tokens}
        return self.do(
            Capture(tenant="default", account="default/user/u_1", hold=hold, id=id, meters=meters, final=final)
        )

    def state(self) -> dict[str, Account]:
        return {key: replace(account, version=0, at=0) for key, account in self.accounts.items()}


def _plain(world: World) -> bool:
    """Whether the same layers take the excess wherever it is divided: not one alone, and none by a condition on meters."""
    return not world.program.plan.waterfalls[0].fill_whole and " request.tokens" not in world.text


@given(worlds(), st.lists(st.integers(0, 60), min_size=1, max_size=4))
@pytest.mark.rule("S2")
def test_the_parts_of_a_stream_come_to_what_one_capture_of_it_all_does(world: World, parts: list[int]) -> None:
    stream, whole = Run(world), Run(world)
    hold = stream.reserve()
    if hold is None or whole.reserve() != hold:
        return
    answers = [stream.capture(hold, part, f"c{index}", index == len(parts) - 1) for index, part in enumerate(parts)]
    one = whole.capture(hold, sum(parts), "c", True)
    assert sum(Decimal(answer["used"]) for answer in answers) == Decimal(one["used"])
    assert answers[-1].get("total", one["used"]) == one["used"]
    if _plain(world):
        assert sum(Decimal(answer["absorbed"]) for answer in answers) == Decimal(one["absorbed"])
        assert stream.state() == whole.state()


@given(worlds())
@pytest.mark.rule("S1")
def test_a_release_leaves_the_accounts_as_if_nothing_had_been_held(world: World) -> None:
    run = Run(world)
    hold = run.reserve()
    if hold is None:
        return
    run.do(Release(tenant="default", account="default/user/u_1", hold=hold, id="r"))
    for key, account in run.accounts.items():
        before = run.before[key]
        assert account.holds == before.holds
        assert account.pools == before.pools
        for name, state in account.windows.items():
            held = before.windows.get(name)
            fresh = held is None or (len(state) == len(held) == 4 and state[0] != held[0])  # others have no last one
            assert state[3] <= (0 if fresh or held is None else held[3])


@given(worlds(), st.integers(0, 60), st.booleans())
@pytest.mark.rule("S1")
def test_what_is_used_beyond_a_hold_and_what_comes_back_add_up(world: World, tokens: int, final: bool) -> None:
    run = Run(world)
    hold = run.reserve()
    if hold is None:
        return
    answer = run.capture(hold, tokens, "c", final)
    assert Decimal(answer["covered"]) + Decimal(answer["absorbed"]) == Decimal(answer["used"])
    assert sum(Decimal(draw["base"]) for draw in answer["draws"]) == Decimal(answer["covered"])
    for draw in answer["draws"]:
        if "lots" in draw:
            lots = sum(Decimal(lot["amount"]) for lot in draw["lots"])
            assert lots + Decimal(draw.get("overage", "0")) == Decimal(draw["amount"])
    for account in run.accounts.values():
        assert all(lot[1] >= 0 for lots in account.pools.values() for lot in lots)
        assert not (final and account.holds)


@pytest.mark.rule("S2")
def test_a_stream_is_priced_as_one_and_each_part_books_what_it_adds() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    held = bench.engine.reserve(bench.request(6)).hold
    assert held is not None
    first = bench.engine.capture(held.id, {"credits": 4}, id="1", final=False)
    assert (first["used"], first["total"], first["final"], first["charge"]) == ("4", "4", False, {"credits": "4"})
    again = bench.engine.capture(held.id, {"credits": 4}, id="1", final=False)
    assert (again.json, again.replayed) == (first.json, True)
    second = bench.engine.capture(held.id, {"credits": 4}, id="2", final=False)
    assert [(draw["from"], draw["amount"]) for draw in second["draws"]] == [("hold", "2"), ("free", "2")]
    last = bench.engine.capture(held.id, {"credits": 5}, id="3")
    assert (last["used"], last["covered"], last["absorbed"], last["total"]) == ("5", "2", "3", "13")
    assert bench.engine.account(ANA).pools["money"] == ()
    with pytest.raises(Failure) as over:
        bench.engine.capture(held.id, {"credits": 1}, id="4")
    assert over.value.code == "hold_closed"


@pytest.mark.rule("S2")
def test_a_release_and_a_time_out_give_back_what_no_part_has_used() -> None:
    for ends in ("release", "time"):
        bench = Bench(POOL, _waterfall("draw money;"), lot="10")
        held = bench.engine.reserve(bench.request(6)).hold
        assert held is not None
        bench.engine.capture(held.id, {"credits": 4}, id="1", final=False)
        if ends == "release":
            bench.engine.release(held.id)
        else:
            bench.clock.set(NOON + 900 * SECOND)
        assert bench.ask(6).allowed
        assert not bench.ask(1).allowed


@pytest.mark.rule("S2")
def test_a_late_part_is_added_to_what_was_booked_in_time() -> None:
    bench = Bench(POOL, _waterfall("draw money;"), lot="10")
    held = bench.engine.reserve(bench.request(6)).hold
    assert held is not None
    bench.engine.capture(held.id, {"credits": 4}, id="1", final=False)
    bench.clock.set(NOON + 1000 * SECOND)
    late = bench.engine.capture(held.id, {"credits": 3}, id="2")
    assert (late["late"], late["used"], late["total"], late["absorbed"]) == (True, "3", "7", "0")
    assert bench.engine.account(ANA).pools["money"][0][1] == 3


@pytest.mark.rule("S2")
def test_an_extended_hold_lasts_as_long_again() -> None:
    bench = Bench(POOL, _waterfall("draw money;", "holds expire after 15min, late capture 1h;"), lot="10")
    held = bench.engine.reserve(bench.request(6)).hold
    assert held is not None
    bench.clock.set(NOON + 600 * SECOND)
    assert bench.engine.extend(held.id, id="e")["expires_at"] == "2026-10-05T12:25:00Z"
    bench.clock.set(NOON + 1400 * SECOND)
    assert not bench.ask(5).allowed
    bench.clock.set(NOON + 1500 * SECOND)
    assert bench.ask(10).allowed
    with pytest.raises(Failure, match="timed out") as over:
        bench.engine.extend(held.id, id="f")
    assert over.value.code == "hold_closed"


def test_an_extension_keeps_to_its_own_id() -> None:
    one, other = (identify(Extend(tenant="t", account="a", hold="h", id=id)).id for id in ("1", "2"))
    assert one != other


@pytest.mark.rule("V2")
def test_the_order_in_which_a_part_names_its_meters_changes_nothing() -> None:
    written = []
    for meters in ({"credits": 3, "spared": 1}, {"spared": 1, "credits": 3}):
        bench = Bench(POOL, _waterfall("draw money;"), lot="10")
        held = bench.engine.reserve(bench.request(6)).hold
        assert held is not None
        bench.engine.capture(held.id, meters, id="1", final=False)
        written.append([json_bytes(record) for record in bench.engine.records()])
    assert written[0] == written[1]
