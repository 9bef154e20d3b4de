"""The engine over its public door: keys, replays, holds, callers side by side, two engines on one file, reopening."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from overspill import Decision, Engine, Failure, ManualClock, Request, StoreFailure
from overspill.runtime.combiner import BATCH_MAX
from overspill.words.instants import HOUR, MINUTE, instant_from_text, instant_text

ANA = {"user": "u_ana"}
NOW = instant_from_text("2026-10-05T10:00:00Z")


def _request(id: str, tokens: int = 8000, user: str = "u_ana") -> Request:
    return Request(
        id=id,
        account={"user": user},
        fields={"product": "codex", "model": "gpt-5.5"},
        meters={"input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0},
    )


def _engine(db: Path | None = None, credits: str = "1000") -> tuple[Engine, ManualClock]:
    clock = ManualClock(NOW)
    engine = Engine.open(db=db, clock=clock)
    engine.set_attributes(ANA, {"plan": "free"}, id="signup")
    engine.grant(ANA, "credits", credits, id="C1")
    return engine, clock


def _left(engine: Engine) -> int:
    return sum(lot[1] for lot in engine.account(ANA).pools.get("credits", ()))


@pytest.mark.rule("I1")
def test_the_same_id_again_gives_the_same_bytes_and_takes_nothing_more() -> None:
    engine, clock = _engine()
    first = engine.decide(_request("r1"))
    clock.advance(HOUR)
    second = engine.decide(_request("r1"))
    assert (second.json, first.replayed, second.replayed) == (first.json, False, True)
    assert _left(engine) == 999_000_000


@pytest.mark.rule("I1")
def test_the_same_id_with_another_payload_is_a_conflict() -> None:
    engine, _ = _engine()
    engine.decide(_request("r1"))
    with pytest.raises(Failure, match="used before") as error:
        engine.decide(_request("r1", 8001))
    assert error.value.code == "idempotency_conflict"
    assert _left(engine) == 999_000_000


@pytest.mark.rule("I1")
def test_a_denial_is_remembered_even_when_funds_have_arrived() -> None:
    engine, _ = _engine(credits="0.5")
    denied = engine.decide(_request("r1"))
    engine.grant(ANA, "credits", "5", id="C2")
    assert engine.decide(_request("r1")).json == denied.json
    assert engine.decide(_request("r2")).outcome == "allow"


def test_an_error_stores_nothing() -> None:
    engine, _ = _engine()
    with pytest.raises(Failure):
        engine.decide(_request("r1", user="u_nobody"))
    engine.set_attributes({"user": "u_nobody"}, {"plan": "plus"}, id="signup")
    assert engine.decide(_request("r1", user="u_nobody")).outcome == "allow"


@pytest.mark.rule("S1")
def test_a_hold_is_a_draw_and_a_release_gives_it_back() -> None:
    engine, _ = _engine()
    held = engine.reserve(_request("r1", 80_000))
    assert held.hold is not None
    assert _left(engine) == 990_000_000
    engine.release(held.hold.id)
    assert _left(engine) == 1_000_000_000
    with pytest.raises(Failure, match="is over"):
        engine.capture(held.hold.id, {"input_tokens": 8, "cached_input_tokens": 0, "output_tokens": 0})


@pytest.mark.rule("S2")
def test_a_hold_times_out_as_soon_as_the_account_is_met() -> None:
    engine, clock = _engine()
    held = engine.reserve(_request("r1", 80_000))
    clock.advance(15 * MINUTE)
    assert engine.decide(_request("r2")).outcome == "allow"
    assert _left(engine) == 999_000_000
    assert held.hold is not None
    late = engine.capture(held.hold.id, {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0})
    assert late["late"] is True
    assert _left(engine) == 998_000_000


@pytest.mark.rule("S2")
def test_a_shared_pool_gets_back_what_another_users_hold_let_go() -> None:
    engine, clock = _engine()
    engine.grant({"workspace": "w_1"}, "workspace_pool", "10", id="W1")
    engine.set_attributes({"user": "u_bob"}, {"plan": "free"}, id="signup")
    for user in ("u_ana", "u_bob"):
        request = _request("r1", 80_000, user)
        shared = Request(
            id="r1", account={**request.account, "workspace": "w_1"}, fields=request.fields, meters=request.meters
        )
        assert engine.reserve(shared).draws[0].layer == "workspace_pool"
        clock.advance(15 * MINUTE)
    with engine:
        assert len(engine.account({"workspace": "w_1"}).holds) <= 2


@pytest.mark.rule("S1")
def test_a_capture_is_booked_once() -> None:
    engine, _ = _engine()
    held = engine.reserve(_request("r1", 80_000))
    assert held.hold is not None
    usage = {"input_tokens": 40_000, "cached_input_tokens": 0, "output_tokens": 0}
    first = engine.capture(held.hold.id, usage)
    second = engine.capture(held.hold.id, usage)
    assert (first.json, second.replayed) == (second.json, True)
    assert _left(engine) == 995_000_000


def test_state_is_the_fold_of_the_journal(tmp_path: Path) -> None:
    engine, _ = _engine(tmp_path / "x.db")
    held = engine.reserve(_request("r0", 80_000))
    for number in range(5):
        engine.decide(_request(f"r{number + 1}"))
    assert held.hold is not None
    engine.release(held.hold.id)
    before = engine.account(ANA)
    # Not closed: no snapshot is written, so that the next engine folds the whole journal.
    again = Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW))
    assert again.account(ANA) == before
    again.close()
    with Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW)) as from_snapshot:
        assert from_snapshot.account(ANA) == before
        assert from_snapshot.decide(_request("r1")).replayed


def test_two_engines_on_one_file_agree_to_the_unit(tmp_path: Path) -> None:
    one, _ = _engine(tmp_path / "x.db", credits="20")
    other = Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW))
    outcomes = [(one, other)[number % 2].decide(_request(f"r{number}")).outcome for number in range(30)]
    assert outcomes.count("allow") == 20
    assert one.account(ANA) == other.account(ANA)
    assert _left(one) == 0
    one.close()
    other.close()


def test_threads_and_tasks_share_one_engine() -> None:
    engine, _ = _engine(credits="100")
    allowed: list[bool] = []

    def work(number: int) -> None:
        for turn in range(10):
            allowed.append(engine.decide(_request(f"t{number}-{turn}")).allowed)

    async def tasks() -> None:
        decisions = await asyncio.gather(*(engine.adecide(_request(f"a{number}")) for number in range(60)))
        allowed.extend(decision.allowed for decision in decisions)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()
    assert (len(allowed), sum(allowed)) == (140, 100)
    assert _left(engine) == 0


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with commands of every kind, and what ended by itself."""
    path = tmp_path_factory.mktemp("journal") / "x.db"
    engine, clock = _engine(path)
    for number in range(12):
        engine.decide(_request(f"r{number}", 100_000_000 if number % 5 == 4 else 8000 * number))
        clock.advance(HOUR)
    held = engine.reserve(_request("held", 80_000))
    assert held.hold is not None
    engine.capture(held.hold.id, {"input_tokens": 90_000, "cached_input_tokens": 0, "output_tokens": 0})
    _further(engine, clock)
    engine.close()
    return path


def _further(engine: Engine, clock: ManualClock) -> None:
    soon = instant_text(clock.now() + HOUR)
    engine.grant(ANA, "credits", "30", id="soon", expires_at=soon, cost="1.20 usd")
    engine.grant(ANA, "promo", "3", id="gone", category="promotional")
    engine.void(ANA, "promo", "gone", id="v")
    spent = engine.decide(_request("spent", 6_000))
    moved = engine.transfer(ANA, "credits", "soon", {"user": "u_bob"}, id="t", amount="1")
    engine.refund({"user": "u_bob"}, "credits", moved["to_lot"], id="f")
    stream = engine.reserve(_request("stream", 20_000))
    assert stream.hold is not None
    engine.capture(
        stream.hold.id, {"input_tokens": 90, "cached_input_tokens": 0, "output_tokens": 0}, id="1", final=False
    )
    engine.extend(stream.hold.id, id="e")
    engine.release(stream.hold.id)
    late = engine.reserve(_request("late", 20_000))
    clock.advance(2 * HOUR)
    engine.sweep()
    assert late.hold is not None
    engine.reverse(spent.id, id="undo")
    engine.reverse(stream.hold.id, id="undo_too")


@pytest.mark.rule("V2")
@pytest.mark.parametrize("seed", ["0", "1", "42", "4294967295"])
def test_replaying_the_journal_gives_the_same_bytes(journal: Path, seed: str) -> None:
    command = [sys.executable, "-m", "overspill", "replay", "--db", str(journal), "--format", "json"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["findings"], told["total"]["replayed"]) == ([], told["total"]["records"])
    assert told["total"]["records"] > 25


@pytest.mark.rule("T3")
def test_time_never_runs_backwards() -> None:
    clock = ManualClock(NOW)
    clock.set(NOW - HOUR)
    clock.advance(-HOUR)
    assert clock.now() == NOW


@pytest.mark.rule("T3")
def test_a_process_whose_clock_is_behind_takes_the_journals_time(tmp_path: Path) -> None:
    ahead, _ = _engine(tmp_path / "x.db")
    behind = Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW - HOUR))
    assert behind.decide(_request("r1")).record.at == "2026-10-05T10:00:00.000000Z"
    ahead.close()
    behind.close()


UNITS = """policy p version {version}; language 1; unit credits: {credits}; unit runs: integer;
account user {{ }} request {{ runs: meter; }}
limit included {{ per user; unit {limit}; window day: 1d from first_use; capacity 5 {limit}; }}
pool bought {{ per user; unit {pool}; on overshoot refund; }}
waterfall w {{ serves true; counts runs; draw included {at}; draw bought at 1 credits per 1 runs; otherwise deny no; }}
"""


@pytest.mark.parametrize(
    ("credits", "limit", "refused"),
    [
        ("integer", "credits", None),
        (
            "decimal(2)",
            "credits",
            "layer `included` is kept in credits of 0 decimals here, and the policy has it in credits of 2",
        ),
        (
            "integer",
            "runs",
            "layer `included` is kept in credits of 0 decimals here, and the policy has it in runs of 0",
        ),
    ],
    ids=["the same", "finer", "another"],
)
def test_what_is_kept_stays_in_its_unit(tmp_path: Path, credits: str, limit: str, refused: str | None) -> None:
    """A later policy by which 50 credits would be 0.50 is refused, and changes nothing."""
    at = "at 1 credits per 1 runs"
    first = UNITS.format(version=1, credits="integer", limit="credits", pool="credits", at=at)
    second = UNITS.format(version=2, credits=credits, limit=limit, pool="credits", at=at if limit == "credits" else "")
    with Engine.open({"p.spill": first.encode()}, db=tmp_path / "x.db", clock=ManualClock(NOW)) as engine:
        engine.grant({"user": "u"}, "bought", "50", id="L")
    if refused is None:
        with Engine.open({"p.spill": second.encode()}, db=tmp_path / "x.db", clock=ManualClock(NOW)) as engine:
            assert engine.grant({"user": "u"}, "bought", "1", id="M")["balance"] == "51"
        return
    with pytest.raises(StoreFailure) as failure:
        Engine.open({"p.spill": second.encode()}, db=tmp_path / "x.db", clock=ManualClock(NOW))
    assert failure.value.code == "unit_changed"
    assert failure.value.message.startswith(refused)
    with Engine.open({"p.spill": first.encode()}, db=tmp_path / "x.db", clock=ManualClock(NOW)) as engine:
        assert engine.grant({"user": "u"}, "bought", "1", id="M")["balance"] == "51"


class Drifting(ManualClock):
    """A clock from which the wall clock has gone away."""

    away = 0

    def drift(self) -> int:
        return self.away


@pytest.mark.rule("T3")
def test_a_wall_clock_that_goes_away_is_told_and_stands_beside_what_is_decided(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Drifting(NOW)
    with Engine.open(clock=clock) as engine:
        engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="s")
        told = []
        for number, away in enumerate((2_000_000, 2_000_001, 5_000_000, -1, -7_000_000)):
            clock.away = away
            decision = engine.decide(_request(f"r{number}"))
            explained = engine.explain(decision.id)
            assert explained is not None
            told.append(explained.record.drift)
        assert told == [0, 2_000_001, 5_000_000, 0, -7_000_000]
    alarms = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["event"], one["wall_clock_ahead_micros"]) for one in alarms] == [
        ("clock_drift", 2_000_001),
        ("clock_drift", -7_000_000),
    ]


def test_who_cannot_be_told_is_decided_for_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Drifting(NOW)
    clock.away = 9_000_000
    with Engine.open(clock=clock) as engine, (tmp_path / "err").open("w") as closed:
        closed.close()
        monkeypatch.setattr("sys.stderr", closed)
        engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="s")
        assert engine.decide(_request("r1")).allowed


@pytest.mark.rule("L3")
def test_a_capture_beyond_its_hold_takes_one_layer_under_fill_whole() -> None:
    policy = """policy p version 1; language 1; unit credits: decimal(2);
account user { plan: string = "a"; } request { product: string; tokens: meter; }
rate_card c { price in credits per 1 by request.product; from 2026-01-01T00:00:00Z { default: tokens 1; } }
pool first { per user; unit credits; } pool second { per user; unit credits; }
waterfall w { serves true; priced by c; draw first; draw second; fill whole; otherwise deny no; }"""
    engine = Engine.open({"p.spill": policy.encode()}, clock=ManualClock(NOW))
    engine.grant(ANA, "first", "5", id="F")
    engine.grant(ANA, "second", "20", id="S")
    held = engine.reserve(Request(id="r", account=ANA, fields={"product": "x"}, meters={"tokens": 1}))
    assert held.hold is not None
    captured = engine.capture(held.hold.id, {"tokens": 11})
    assert (captured["covered"], captured["absorbed"], captured["charge"]) == ("11", "0", {"credits": "11"})


@pytest.mark.rule("S2")
@pytest.mark.parametrize("met", [True, False], ids=["the account was met since", "nobody met it"])
def test_a_capture_after_its_late_hour_is_told_the_same(met: bool) -> None:
    engine, clock = _engine()
    hold = engine.reserve(_request("r1")).hold
    assert hold is not None
    clock.advance(15 * MINUTE + HOUR)
    if met:
        engine.decide(_request("r2"))
    with pytest.raises(Failure, match="is over") as error:
        engine.capture(hold.id, {"input_tokens": 8, "cached_input_tokens": 0, "output_tokens": 0})
    assert error.value.code == "hold_closed"


def test_loops_in_several_threads_share_one_engine() -> None:
    """Each answers its own tasks, whoever's batch is under way."""
    engine, _ = _engine()
    found: list[str] = []

    async def tasks(name: str) -> None:
        for round in range(20):
            requests = [_request(f"{name}{round}-{number}") for number in range(5)]
            found.extend(one.outcome for one in await asyncio.gather(*map(engine.adecide, requests)))

    threads = [threading.Thread(target=asyncio.run, args=(tasks(name),), daemon=True) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["allow"] * 300
    assert _left(engine) == 1_000_000_000 - 300 * 1_000_000


def test_tasks_that_began_apart_share_commits_after_a_while(tmp_path: Path) -> None:
    engine, _ = _engine(tmp_path / "x.db")

    async def asking(number: int) -> None:
        for turn in range(30):
            assert (await engine.adecide(_request(f"{number}-{turn}", 80))).allowed
            await asyncio.sleep(0)  # who asks over a network asks again some turns later
            await asyncio.sleep(0)

    async def tasks() -> None:
        early = [asyncio.create_task(asking(number)) for number in range(20)]
        for _ in range(8):  # turns of the loop, in which a batch of these is on its way
            await asyncio.sleep(0)
        await asyncio.gather(*early, *map(asking, range(20, 40)))

    asyncio.run(tasks())
    engine.close()
    with closing(sqlite3.connect(tmp_path / "x.db")) as file:
        [commits] = file.execute("SELECT count(*) FROM segments").fetchone()
    assert commits < 45  # some 30 where they go together, 60 where two halves take turns


def test_many_of_a_task_are_decided_in_order_each_with_its_own_end() -> None:
    engine, _ = _engine()

    async def asked() -> None:
        requests = [_request("r1"), Request(id="r2", account={}), _request("r1"), _request("r3", 10**12)]
        first, wrong, again, large = await engine.adecide_all(requests)
        assert isinstance(first, Decision) and isinstance(again, Decision) and isinstance(large, Decision)
        assert isinstance(wrong, Failure) and wrong.code == "missing_account"
        assert (first.json, again.replayed, large.outcome) == (again.json, True, "deny")
        assert [one.hold is not None for one in await engine.areserve_all([_request("h1")])] == [True]
        assert [one.outcome for one in await engine.apreview_all([_request("p1")])] == ["allow"]
        assert await engine.adecide_all([]) == []

    asyncio.run(asked())
    assert [record.key[3] for record in engine.records()][-3:] == ["r1", "r3", "h1"]
    engine.close()


def test_a_defect_behind_a_commit_leaves_every_task_with_an_answer_and_the_engine_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, _ = _engine(tmp_path / "x.db")
    states = engine._combiner.states
    advance, calls = states.advance, iter([None, ValueError("a defect")])

    def broken(*arguments: Any) -> None:
        defect = next(calls, None)
        if defect is not None:
            raise defect
        advance(*arguments)

    async def asked(requests: list[Request]) -> list[Any]:
        return await asyncio.gather(*map(engine.adecide, requests), return_exceptions=True)

    monkeypatch.setattr(states, "advance", broken)
    requests = [_request(f"r{number}") for number in range(BATCH_MAX + 3)]
    requests[1] = Request(id="r1", account=ANA, meters={"wrong": 1})
    first, again = asyncio.run(asked(requests)), asyncio.run(asked(requests))
    codes = [one.code if isinstance(one, Failure) else one.outcome for one in first]
    assert codes == ["allow", "unknown_meter", *["allow"] * (BATCH_MAX + 1)]
    assert capsys.readouterr().err.count("states_left_behind") == 1
    assert [getattr(one, "replayed", None) for one in again] == [True, None, *[True] * (BATCH_MAX + 1)]
    assert _left(engine) == 1_000_000_000 - (BATCH_MAX + 2) * 1_000_000
    engine.close()


def test_a_closed_engine_says_so() -> None:
    engine, _ = _engine()

    async def asked() -> None:
        await engine.adecide(_request("r1"))
        engine.close()
        with pytest.raises(Failure, match="closed"):
            await engine.adecide(_request("r2"))

    asyncio.run(asked())


ASKED_TOO_LATE: dict[str, Callable[[Engine], Any]] = {
    "decide": lambda engine: engine.decide(_request("r2")),
    "decide, awaited": lambda engine: asyncio.run(engine.adecide(_request("r2"))),
    "grant": lambda engine: engine.grant(ANA, "credits", "1", id="C2"),
    "account": lambda engine: engine.account(ANA),
    "find": lambda engine: engine.find("dec_" + "a" * 26),
    "records": lambda engine: engine.records(),
    "settle": lambda engine: engine.settle(),
    "sweep": lambda engine: engine.sweep(),
    "another tenant's": lambda engine: engine.of_tenant("acme"),
}


@pytest.mark.parametrize("ask", ASKED_TOO_LATE.values(), ids=ASKED_TOO_LATE)
def test_whatever_is_asked_of_a_closed_engine_is_told_so(tmp_path: Path, ask: Callable[[Engine], Any]) -> None:
    engine, _ = _engine(tmp_path / "x.db")
    engine.close()
    before = threading.active_count()
    with pytest.raises(Failure) as error:
        ask(engine)
    assert (error.value.code, threading.active_count()) == ("engine_closed", before)
    [late] = engine.decide_all([_request("r3")])
    assert isinstance(late, Failure)
    assert late.code == "engine_closed"


def test_a_window_and_a_hold_that_outlast_the_calendar_are_shown_without_an_end() -> None:
    policy = b"""policy p version 1; language 1; unit runs: integer; account user { }
request { runs: meter; }
limit life { per user; unit runs; window ever: 9000y from first_use; capacity 10 runs; }
waterfall w { serves true; counts runs; draw life; otherwise deny used_up offer wait; holds expire after 9000y, late capture 1h; }
"""
    engine = Engine.open({"p.spill": policy}, clock=ManualClock(NOW))
    held = engine.reserve(Request(id="r1", account=ANA, meters={"runs": 3}))
    assert held.hold is not None
    assert (held.hold.expires_at, held.draws[0].windows[0].ends_at) == (None, None)
    assert engine.decide(Request(id="r2", account=ANA, meters={"runs": 8})).retry_at is None
    assert engine.capture(held.hold.id, {"runs": 2})["used"] == "2"
