"""The store is away (LANGUAGE.md L13): what the policy grants without it, and that nothing of it is lost when it is back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from account.test_graces import GRACE
from account.test_layers import ANA, HEAD, NOON, POOL
from overspill import Decision, Engine, Failure, ManualClock, Request, StoreFailure
from overspill.records.sentences import explain
from overspill.runtime.policies import Policies, bundle_of
from overspill.store.sqlite import SqliteStore
from overspill.syntax.validate import problems
from overspill.words.codec import replace
from overspill.words.instants import HOUR
from support.replays import replayed

LIMIT = "limit five { per user; unit credits; window w: 5h from first_use; capacity 100 credits; }"
ALLOWED = "on unavailable allow up to 10 credits;"
BOB = {"user": "bob"}


def _policy(unavailable: str = ALLOWED, draws: str = "draw five; draw money;") -> dict[str, bytes]:
    waterfall = f"waterfall w {{ serves true; counts credits; {draws} otherwise deny used_up; {unavailable} }}"
    return {"p.spill": "\n".join([HEAD, LIMIT, POOL, waterfall]).encode()}


class Scripted:
    """A store of which whatever is named in `failing` fails."""

    def __init__(self, path: str | Path = ":memory:") -> None:
        self.store = SqliteStore(path)
        self.failing: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self.failing:
            code = self.failing[name]

            def fails(*_: object, **__: object) -> None:
                raise StoreFailure(code, "the store is gone", help="wait")

            return fails
        return getattr(self.store, name)


class Away:
    """An engine on a scripted store, which `go`es away and comes `back`."""

    def __init__(
        self, policy: Mapping[str, bytes] | None = None, path: str | Path = ":memory:", lot: str | None = "50"
    ) -> None:
        self.clock = ManualClock(NOON)
        self.store: Any = Scripted(path)
        self.engine = Engine(self.store, Policies(self.store, bundle_of(policy or _policy())), self.clock, "default")
        self.engine._combiner.exclusively(self.engine._publish)
        if lot is not None:
            self.engine.grant(ANA, "money", lot, id="L")

    def go(self, operation: str = "begin", code: str = "busy") -> None:
        self.store.failing = {operation: code}

    def back(self) -> None:
        self.store.failing = {}

    def ask(self, id: str, credits: int, account: Mapping[str, str] = ANA, **more: Any) -> Decision:
        return self.engine.decide(Request(id=id, account=account, meters={"credits": credits}, **more))

    def used(self, account: Mapping[str, str] = ANA) -> int:
        return self.engine.account(account).windows["five.w"][3]


def _mark(decision: Decision) -> tuple[str, str, str] | None:
    for one in json.loads(decision.json)["trace"]:
        if one["step"] == "unavailable":
            return one["up_to"], one["before"], one["after"]
    return None


@pytest.mark.rule("L13")
@pytest.mark.parametrize("operation", ["begin", "append", "commit"])
def test_limits_grant_up_to_so_much_per_account_and_say_that_the_store_was_away(operation: str) -> None:
    away = Away()
    away.ask("before", 20)
    away.go(operation)
    first, second = away.ask("a", 4), away.ask("b", 6)
    assert (_mark(first), _mark(second)) == (("10", "0", "4"), ("10", "4", "10"))
    assert [(draw.layer, draw.windows[0].before, draw.windows[0].after) for draw in second.draws] == [
        ("five", "24", "30")
    ]
    with pytest.raises(StoreFailure, match="at most 10 credits; 10 credits of it have been granted") as failure:
        away.ask("c", 1)
    assert failure.value.code == "unavailable"
    assert _mark(away.ask("d", 10, BOB)) == ("10", "0", "10")
    assert _mark(away.ask("e", 0)) == ("10", "10", "10")


@pytest.mark.rule("L13")
def test_what_was_granted_is_stored_first_in_order_and_under_its_ids() -> None:
    away = Away()
    away.go()
    granted = [away.ask("a", 4), away.ask("b", 5, BOB), away.ask("c", 6)]
    away.back()
    after = away.ask("d", 20)
    assert (_mark(after), after.draws[0].windows[0].before) == (None, "10")
    records = list(away.engine.records())
    assert [record.key[3] for record in records] == ["L", "a", "b", "c", "d"]
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    assert [bytes(record.answer) for record in records[1:4]] == [one.json for one in granted]
    assert [record.events for record in records[1:]] == [("usage",)] * 4
    assert (away.used(), away.used(BOB)) == (30, 5)
    again = away.ask("a", 4)
    assert (again.json, again.replayed) == (granted[0].json, True)


@pytest.mark.rule("L13")
@pytest.mark.rule("V2")
def test_replaying_the_journal_gives_the_same_bytes() -> None:
    away = Away()
    away.ask("before", 3)
    away.go()
    away.ask("a", 4), away.ask("b", 5)
    away.back()
    away.ask("c", 20)
    assert replayed(away.engine.records(), away.engine.policies.of) == ([], 5)


@pytest.mark.rule("L13")
def test_each_outage_counts_apart() -> None:
    away = Away()
    for number in range(3):
        away.go()
        assert _mark(away.ask(f"a{number}", 10)) == ("10", "0", "10")
        away.back()
        away.ask(f"b{number}", 1)
    assert away.used() == 33


@pytest.mark.rule("L13")
def test_an_outage_is_over_when_all_of_it_is_stored_and_not_before() -> None:
    away = Away()
    away.go()
    away.ask("a", 10)
    for operation in ("append", "commit", "head", "begin"):
        away.go(operation)
        with pytest.raises(StoreFailure) as failure:
            away.ask("b", 1)
        assert failure.value.code == "unavailable"
    away.back()
    away.ask("c", 1)
    assert away.used() == 11


# What is asked of an account of 50 credits beside its limit of 100, and the code of the refusal.
REFUSED: list[tuple[str, dict[str, bytes], Callable[[Away], object], str]] = [
    ("the policy denies", _policy("on unavailable deny;"), lambda away: away.ask("a", 1), "busy"),
    ("a reservation", _policy(), lambda away: away.engine.reserve(Request(id="a", account=ANA, meters={"credits": 1})), "busy"),
    ("a preview", _policy(), lambda away: away.engine.preview(Request(id="a", account=ANA, meters={"credits": 1})), "busy"),
    ("a grant", _policy(), lambda away: away.engine.grant(ANA, "money", "1", id="M"), "busy"),
    ("an attribute", _policy(), lambda away: away.engine.set_attributes(ANA, {"plan": "pro"}, id="s"), "busy"),
    ("credits alone would cover it", _policy(draws='draw five when user.plan == "pro"; draw money;'), lambda away: away.ask("a", 1), "unavailable"),
    ("it is kept off the limit", _policy(), lambda away: away.ask("a", 1, only=("money",)), "unavailable"),
    ("a guard denies", _policy(draws='deny no when user.plan == "free"; draw five; draw money;'), lambda away: away.ask("a", 1), "unavailable"),
    ("the limit is too small", _policy("on unavailable allow up to 500 credits;"), lambda away: away.ask("a", 101), "unavailable"),
    ("the request is wrong", _policy(), lambda away: away.ask("a", 1, initiator="robot"), "invalid_initiator"),
    ("too much at once", _policy(), lambda away: away.ask("a", 11), "unavailable"),
]  # fmt: skip


@pytest.mark.rule("L13")
@pytest.mark.parametrize(("policy", "asked", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_not_granted_from_limits_is_refused_and_leaves_nothing(
    policy: dict[str, bytes], asked: Callable[[Away], object], code: str
) -> None:
    away = Away(policy)
    away.go()
    with pytest.raises(Failure) as failure:
        asked(away)
    assert failure.value.code == code
    away.back()
    assert len(list(away.engine.records())) == 1
    assert away.engine.account(ANA).windows == {}
    if code != "invalid_initiator":
        assert asked(away) is not None  # the same again, now that the store is back


@pytest.mark.parametrize("code", ["corrupt", "chain_broken", "store_stopped", "disk_error", "store_error"])
def test_a_store_that_does_not_come_back_by_itself_grants_nothing(code: str) -> None:
    """What would be kept in memory would be lost."""
    away = Away()
    away.go("begin", code)
    with pytest.raises(StoreFailure) as failure:
        away.ask("a", 1)
    assert failure.value.code == code


@pytest.mark.rule("I1")
def test_the_same_id_in_an_outage_gives_the_same_bytes_and_takes_nothing_more() -> None:
    away = Away()
    stored = away.ask("before", 3)
    away.go()
    first = away.ask("a", 4)
    again = away.ask("a", 4)
    assert (again.json, again.replayed, first.replayed) == (first.json, True, False)
    assert away.ask("before", 3).json == stored.json
    with pytest.raises(Failure) as failure:
        away.ask("a", 5)
    assert (failure.value.code, failure.value.pointer) == ("idempotency_conflict", "/meters/credits")
    with pytest.raises(Failure) as failure:
        away.ask("before", 5)
    assert (failure.value.code, failure.value.pointer) == ("idempotency_conflict", "/meters/credits")
    away.back()
    away.ask("b", 1)
    assert away.used() == 8


@pytest.mark.rule("I1")
def test_what_another_process_has_decided_is_answered_as_long_as_it_can_be_read(tmp_path: Path) -> None:
    away = Away(path=tmp_path / "x.db")
    asked = Request(id="a", account=ANA, meters={"credits": 4})
    with Engine.open(_policy(), db=tmp_path / "x.db", clock=ManualClock(NOON)) as other:
        decided = other.decide(asked)
        away.go()
        again = away.engine.decide(asked)
    assert (again.json, again.replayed) == (decided.json, True)
    assert away.used() == 4


@pytest.mark.parametrize("code", ["corrupt", "chain_broken"])
def test_a_store_that_is_read_and_found_damaged_grants_nothing(code: str) -> None:
    away = Away()
    away.store.failing = {"begin": "busy", "head": code}
    with pytest.raises(StoreFailure) as failure:
        away.ask("a", 1)
    assert failure.value.code == code


def test_many_at_once_are_each_granted_or_refused() -> None:
    away = Away()
    away.go()
    asked = [Request(id=f"r{number}", account=ANA, meters={"credits": 4}) for number in range(4)]
    answers = away.engine.decide_all(asked)
    assert [one.code if isinstance(one, Failure) else one.outcome for one in answers] == [
        *("allow", "allow"),
        *("unavailable", "unavailable"),
    ]


@pytest.mark.rule("L13")
def test_what_another_process_has_counted_meanwhile_is_not_lost(tmp_path: Path) -> None:
    away = Away(path=tmp_path / "x.db")
    away.ask("before", 3)
    away.go()
    granted = away.ask("a", 4)
    with Engine.open(_policy(), db=tmp_path / "x.db", clock=ManualClock(NOON + HOUR)) as other:
        other.decide(Request(id="o", account=ANA, meters={"credits": 20}))
        other.decide(Request(id="b", account=BOB, meters={"credits": 20}))
    away.back()
    after = away.ask("c", 1)
    assert (after.draws[0].windows[0].before, away.used()) == ("27", 28)
    assert away.ask("a", 4).json == granted.json
    with Engine.open(_policy(), db=tmp_path / "x.db") as third:
        assert third.account(ANA) == away.engine.account(ANA)


def _moved_on(path: Path) -> Away:
    """An outage in which another process goes on with one account of two, and decides one of the same requests."""
    away = Away(path=path)
    away.ask("before", 3)
    away.go()
    away.ask("a", 4), away.ask("b", 1), away.ask("c", 2, BOB), away.ask("d", 5)
    with Engine.open(_policy(), db=path, clock=ManualClock(NOON + HOUR)) as other:
        other.decide(Request(id="o", account=ANA, meters={"credits": 20}))
        other.decide(Request(id="b", account=ANA, meters={"credits": 1}))
    away.back()
    away.ask("e", 1)
    return away


@pytest.mark.rule("V2")
@pytest.mark.rule("L13")
def test_what_was_decided_on_states_that_nobody_else_knew_is_decided_again_on_them(tmp_path: Path) -> None:
    away = _moved_on(tmp_path / "x.db")
    records = list(away.engine.records())
    met = {record.key[3]: list(record.met) for record in records if record.away is not None}
    assert met == {"a": ["default/user/ana"], "c": [], "d": ["default/user/ana"]}
    assert replayed(records, away.engine.policies.of) == ([], len(records))
    forgotten = [replace(record, met={}) for record in records]
    findings, _ = replayed(forgotten, away.engine.policies.of)
    assert [(one.record, one.place) for one in findings] == [
        (record.seq, "/answer/draws/0/windows/0/before") for record in records if record.met
    ]


@pytest.mark.rule("L12")
@pytest.mark.rule("L13")
@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_request_granted_in_an_outage_funds_its_key(tmp_path: Path, meanwhile: bool) -> None:
    """The account may have moved on by another process when it is stored."""
    policy = _policy(draws="draw five; draw finish;")
    policy = {"p.spill": policy["p.spill"].replace(POOL.encode(), GRACE.encode())}
    turn = {"fields": {"turn": "t1"}}
    away = Away(policy, path=tmp_path / "x.db", lot=None)
    away.go()
    away.ask("a", 4, **turn)
    if meanwhile:
        with Engine.open(policy, db=tmp_path / "x.db", clock=ManualClock(NOON)) as other:
            other.decide(Request(id="o", account=ANA, meters={"credits": 1}))
    away.back()
    finished = away.ask("b", 100, **turn)
    assert [draw.layer for draw in finished.draws] == ["five", "finish"]


WINDOWS = ["5h from first_use", "sliding 5h", "bucket 1 credits per 1h burst 100 credits", "calendar day in UTC"]


@pytest.mark.rule("T3")
@pytest.mark.rule("L13")
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("later", [HOUR, 6 * HOUR, 13 * HOUR])
def test_an_accounts_time_never_goes_back_to_when_an_outage_granted(tmp_path: Path, window: str, later: int) -> None:
    """What two requests were granted at noon counts in what the window is when another process has gone on with it."""
    policy = {"p.spill": _policy()["p.spill"].replace(b"5h from first_use", window.encode())}
    if "bucket" in window:
        policy = {"p.spill": policy["p.spill"].replace(b" capacity 100 credits;", b"")}
    away = Away(policy, path=tmp_path / "x.db")
    away.go()
    away.ask("a", 4), away.ask("b", 5)
    with Engine.open(policy, db=tmp_path / "x.db", clock=ManualClock(NOON + later)) as other:
        other.decide(Request(id="o", account=ANA, meters={"credits": 20}))
        away.back()
        away.engine.close()
        account = other.account(ANA)
        assert account.at == NOON + later
        page = other.status(ANA).accounts[0].windows
        after = other.decide(Request(id="c", account=ANA, meters={"credits": 1})).draws[0].windows[0]
    assert ([one.used for one in page], after.before) == (["29"], "29")
    with Engine.open(policy, db=tmp_path / "x.db") as third:
        assert third.account(ANA).at == NOON + later


def test_what_was_granted_in_an_outage_is_reversed_like_anything_else() -> None:
    away = Away()
    away.go()
    granted = away.ask("a", 4)
    away.back()
    away.engine.reverse(granted.id, id="v")
    assert away.used() == 0


def test_a_page_shows_what_was_granted_while_the_store_is_away() -> None:
    away = Away()
    away.go()
    away.ask("a", 4)
    [window] = away.engine.status(ANA).accounts[0].windows
    assert window.used == "4"


@pytest.mark.rule("T3")
def test_time_goes_on_behind_what_another_process_has_stamped_later(tmp_path: Path) -> None:
    away = Away(path=tmp_path / "x.db")
    away.go()
    away.ask("a", 4)
    with Engine.open(_policy(), db=tmp_path / "x.db", clock=ManualClock(NOON + HOUR)) as other:
        other.decide(Request(id="o", account=BOB, meters={"credits": 1}))
    away.back()
    away.engine.close()
    assert _ats(tmp_path / "x.db")[-1] < NOON + HOUR  # what the outage left is stored last, as of its own instant
    with Engine.open(_policy(), db=tmp_path / "x.db", clock=ManualClock(NOON)) as again:
        again.decide(Request(id="b", account=BOB, meters={"credits": 1}))
    assert _ats(tmp_path / "x.db")[-1] == NOON + HOUR


def _ats(path: Path) -> list[int]:
    with Engine.open(_policy(), db=path) as engine:
        return [record.at for record in engine.records()]


def test_closing_stores_what_waits_and_says_so_when_it_cannot(tmp_path: Path) -> None:
    away = Away(path=tmp_path / "x.db")
    away.go()
    away.ask("a", 4)
    away.back()
    away.engine.close()
    with Engine.open(_policy(), db=tmp_path / "x.db") as again:
        assert again.account(ANA).windows["five.w"][3] == 4
    lost = Away(path=tmp_path / "y.db")
    lost.go()
    lost.ask("a", 4)
    with pytest.raises(StoreFailure):
        lost.engine.close()


def test_a_decision_of_an_outage_is_what_its_schema_says_and_is_explained() -> None:
    shipped = json.loads((files("overspill_grammar") / "schemas" / "decision.schema.json").read_text())
    away = Away()
    away.go()
    decision = away.ask("a", 4)
    told = json.loads(decision.json)
    assert problems(told, shipped) == []
    assert "  ! the store was away: 4 of 10 credits granted so far" in explain(told)
    assert decision.trace[1].after == "4"  # type: ignore[union-attr]
