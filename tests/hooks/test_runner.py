"""What is told is delivered at least once under one id, whatever an endpoint does and whenever a runner dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hooks.benches import NEAR, Bench, bench_on
from hooks.receiver import HANG, Got, Receiver, status
from overspill.hooks import journal as journal_module
from overspill.hooks import runner as runner_module
from overspill.hooks.endpoints import changed, deleted, rotated
from overspill.hooks.runner import AT_ONCE, CLAIM, EVENTS, PAUSE, SAVED_WITHIN, WAITING_MAX
from overspill.hooks.schedule import DISTANCES
from overspill.hooks.sending import Attempt, Outcome
from overspill.hooks.tally import Tally
from overspill.ports.hooks import Hook, Waiting
from overspill.runtime.signatures import verify
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import DAY, HOUR, MINUTE, SECOND


@pytest.fixture
def bench(db: str) -> Iterator[Bench]:
    with bench_on(db) as one:
        yield one


@pytest.fixture
def plain(file: str) -> Iterator[Bench]:
    """On a file: what is the same in every store."""
    with bench_on(file) as one:
        yield one


def _decisions(receiver: Receiver) -> list[str]:
    return [got.json["data"]["decision"] for got in receiver.got]


# ---- what is delivered


def test_an_event_comes_signed_as_a_cloud_event_under_its_own_id(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    [decision] = bench.tell()
    bench.run()
    [got] = receiver.got
    assert got.line == "POST /in?x=1 HTTP/1.1"
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    verify(hook.secret, got.headers, got.body, bench.clock.now())
    assert (got.json["id"], got.json["specversion"], got.json["data"]["decision"]) == (got.id, "1.0", decision)
    bench.run()
    assert (len(receiver.got), bench.waiting(hook)) == (1, [])


def test_a_hook_is_told_from_when_it_was_made_on_and_what_it_wants(bench: Bench, receiver: Receiver) -> None:
    bench.tell(3, 1)
    bench.scene.engine.settle()
    bench.hook(receiver.url, "decision.made", "usage.settled")
    later = bench.tell(2, 1)
    bench.run()
    assert sorted(_decisions(receiver)) == sorted(later)
    receiver.got.clear()
    bench.scene.engine.settle()
    bench.run()
    assert [got.json["type"] for got in receiver.got] == ["dev.overspill.usage.settled"] * 2
    assert {got.json["data"]["usage"]["cause"] for got in receiver.got} == set(later)


def test_each_tenant_is_told_of_its_own_alone(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url, "decision.made", "usage.settled", tenant="acme", key="a")
    bench.hook(receiver.url, tenant="default", key="b")
    bench.tell(2, 1)
    bench.scene.engine.settle()
    bench.run()
    assert len(receiver.got) == 2
    with pytest.raises(Failure, match="not signed"):
        verify(hook.secret, receiver.got[0].headers, receiver.got[0].body, bench.clock.now())


def test_a_lot_of_events_comes_whole(plain: Bench, receiver: Receiver) -> None:
    plain.hook(receiver.url)
    decisions = plain.tell(2 * EVENTS + 5)
    plain.run()
    assert sorted(_decisions(receiver)) == sorted(decisions)


def test_what_is_wanted_is_found_behind_however_much_that_is_not(
    plain: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner that has stopped within the journal, with nothing to tell, goes on at once."""
    monkeypatch.setattr(journal_module, "RECORDS_MAX", 3)
    hook = plain.hook(receiver.url, "window.threshold_crossed")
    plain.tell(20)
    plain.scene.use(80)
    plain.run()
    assert [got.json["data"]["percent"] for got in receiver.got] == [80]
    place = plain.kept(hook).through
    plain.tell(20)
    plain.run()
    assert plain.kept(hook).through == place, "nothing is written down for what nobody wants"
    monkeypatch.setattr(runner_module, "SAVED_EVERY", 10)
    plain.run()
    assert plain.kept(hook).through > place
    assert len(receiver.got) == 1


def test_how_far_a_hook_is_stands_in_the_database_within_a_minute(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url, "top_up.paid")
    place = plain.kept(hook).through
    with plain.runner() as runner:
        runner.run_once()
        plain.tell()
        runner.run_once()
        plain.clock.advance(SAVED_WITHIN - 1)
        runner.run_once()
        assert plain.kept(hook).through == place
        plain.clock.advance(1)
        runner.run_once()
        assert plain.kept(hook).through > place
        moved = plain.kept(hook)
        plain.clock.advance(10 * SAVED_WITHIN)
        runner.run_once()
        assert plain.kept(hook) == moved, "where nothing is new, nothing is written"


def test_a_hook_that_is_changed_is_told_elsewhere_and_of_something_else_from_then_on(
    plain: Bench, receiver: Receiver
) -> None:
    hook = plain.hook(receiver.url)
    [first] = plain.tell()
    receiver.script.append(503)
    plain.run()
    with Receiver() as other:
        changed(plain.hooks, NEAR, plain.kept(hook), url=other.url, types=["account.first_paid_use"], percents=None)
        plain.tell()
        plain.clock.advance(DISTANCES[0])
        plain.run()
        assert [(got.json["data"]["decision"], got.json["type"]) for got in other.got] == [
            (first, "dev.overspill.decision.made")
        ]  # what waited is told elsewhere; of what came later nothing is wanted
        assert (len(receiver.got), plain.waiting(hook), plain.kept(hook).failing_since) == (1, [], None)


def test_what_is_changed_between_the_look_and_the_claim_is_told_as_it_is_wanted_now(
    plain: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = plain.hook(receiver.url, "top_up.paid", "account.first_paid_use")

    with plain.runner() as runner:
        claim = runner._hooks.claim

        def late(id: str, by: str, now: int, until: int) -> Hook | None:
            changed(plain.hooks, NEAR, plain.kept(hook), url=None, types=["decision.made"], percents=None)
            return claim(id, by, now, until)

        monkeypatch.setattr(runner._hooks, "claim", late)
        monkeypatch.setattr(runner_module, "SAVED_EVERY", 1)
        [decision] = plain.tell()
        runner.run_once()
    assert _decisions(receiver) == [decision]


def test_a_hook_that_is_deleted_is_told_nothing_more(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    bench.tell(2)
    receiver.judge = lambda got: 400
    bench.run()
    deleted(bench.hooks, "default", hook.id, bench.clock.now())
    bench.tell()
    bench.clock.advance(DAY)
    receiver.judge = lambda got: None
    bench.run()
    assert len(receiver.got) == 2


def test_a_hook_that_is_deleted_while_it_is_told_leaves_nothing(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    bench.tell(2)

    def judge(got: Got) -> int:
        deleted(bench.hooks, "default", hook.id, bench.clock.now())
        return 500

    receiver.judge = judge
    bench.run()
    assert (bench.hooks.waiting(hook.id), bench.hooks.all()) == (Waiting(0, 0), [])


def test_attempts_are_counted_in_four_words_and_what_is_given_up(plain: Bench, receiver: Receiver) -> None:
    tally = Tally()
    hook = plain.hook(receiver.url)

    def run() -> None:
        with plain.runner(tally=tally) as runner:
            runner.run_once()

    plain.tell(3)
    receiver.script.extend([400, 404, 200])
    run()
    assert tally.attempts() == {"delivered": 1, "refused": 2, "failed": 0, "gone": 0}
    plain.tell()
    receiver.judge = lambda got: 500
    for distance in (0, *DISTANCES):
        plain.clock.advance(distance)
        run()
    counted = tally.attempts()
    assert (counted["refused"], counted["failed"] > len(DISTANCES), tally.given_up()) == (
        2,
        True,
        len(plain.dead(hook)),
    )
    assert tally.given_up() > 0
    plain.hooks.redeliver(hook.id, None, plain.clock.now())
    plain.clock.advance(DAY)
    receiver.judge = lambda got: 410
    run()
    assert tally.attempts()["gone"] >= 1


def test_what_waits_is_counted_of_one_hook_and_of_all(bench: Bench, receiver: Receiver) -> None:
    first, second = (bench.hook(receiver.url, key=key) for key in ("a", "b"))
    bench.tell(2)
    receiver.judge = lambda got: 400
    bench.run()
    assert [bench.hooks.waiting(id) for id in (first.id, second.id, None)] == [
        Waiting(2, 0),
        Waiting(2, 0),
        Waiting(4, 0),
    ]


# ---- what is not delivered


def test_what_fails_is_tried_again_by_the_schedule_with_the_same_id_and_body(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    bench.tell()
    receiver.script.extend([500, 503])
    bench.run()
    for distance in DISTANCES[:2]:
        [waiting] = bench.waiting(hook)
        assert waiting.next_at == bench.clock.now() + distance
        bench.clock.advance(distance - 1)
        before = len(receiver.got)
        bench.run()
        assert len(receiver.got) == before
        bench.clock.advance(1)
        bench.run()
    first, second, third = receiver.got
    assert (first.id, first.body) == (second.id, second.body) == (third.id, third.body)
    assert first.headers["webhook-timestamp"] != third.headers["webhook-timestamp"]
    verify(hook.secret, third.headers, third.body, bench.clock.now())
    assert (bench.waiting(hook), bench.dead(hook)) == ([], [])


def test_behind_the_last_attempt_it_is_a_dead_letter_that_is_redelivered_or_dropped(
    bench: Bench, receiver: Receiver
) -> None:
    hook = bench.hook(receiver.url)
    bench.tell(2)
    receiver.judge = lambda got: 500
    for distance in (0, *DISTANCES):
        bench.clock.advance(distance)
        for _ in range(2):  # one at a time while it is down
            bench.run()
            bench.clock.advance(1)
    bench.clock.advance(DAY)
    bench.run()
    dead = bench.dead(hook)
    assert [(one.attempts, one.last) for one in dead] == [(len(DISTANCES) + 1, "status_500")] * 2
    assert len(receiver.got) == 2 * (len(DISTANCES) + 1)
    assert [event for event, _ in bench.alarms].count("hook_gave_up") == 2
    bench.clock.advance(100 * DAY)
    receiver.judge = lambda got: None
    receiver.got.clear()
    bench.run()
    assert receiver.got == []
    assert bench.hooks.redeliver(hook.id, [dead[0].event, "evt_none"], bench.clock.now()) == 1
    assert bench.hooks.drop(hook.id, None) == 1
    bench.run()
    assert [(got.id, got.body) for got in receiver.got] == [(dead[0].event, dead[0].body)]
    assert (bench.waiting(hook), bench.dead(hook)) == ([], [])


def test_one_event_that_is_refused_holds_up_no_other(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url)
    decisions = plain.tell(5)
    receiver.judge = lambda got: 400 if decisions[0] in got.body.decode() else None
    plain.run()
    assert sorted(_decisions(receiver)) == sorted(decisions)
    assert [one.last for one in plain.waiting(hook)] == ["status_400"]
    more = plain.tell(3)
    plain.run()
    assert set(more) <= set(_decisions(receiver))
    assert plain.kept(hook).failing_since is None


def test_a_receiver_that_hangs_is_given_up_in_time_and_keeps_no_other_hook_waiting(
    plain: Bench, receiver: Receiver
) -> None:
    with Receiver() as slow:
        hanging = plain.hook(slow.url, key="slow")
        plain.hook(receiver.url, key="quick")
        slow.judge = lambda got: HANG
        decisions = plain.tell(3)
        plain.run(time=SECOND // 5)
        assert sorted(_decisions(receiver)) == sorted(decisions)
        assert [one.last for one in plain.waiting(hanging)] == ["timed_out"] * 3
        assert plain.alarms == [("hook_failing", {"hook": hanging.id, "tenant": "default", "last": "timed_out"})]


def test_an_endpoint_that_is_gone_is_disabled_and_loses_nothing(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    decisions = bench.tell(1)
    receiver.script.append(410)
    bench.run()
    assert bench.kept(hook).disabled_why == "gone"
    assert [event for event, _ in bench.alarms] == ["hook_disabled"]
    decisions += bench.tell(2)
    bench.clock.advance(HOUR)
    bench.run()
    assert len(receiver.got) == 1
    bench.hooks.enable(hook.id)
    bench.run()
    assert sorted(_decisions(receiver)[1:]) == sorted(decisions)


def test_a_redirect_is_a_failure_and_is_not_followed(plain: Bench, receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        hook = plain.hook(receiver.url)
        plain.tell()
        receiver.script.extend([status(302, f"Location: {elsewhere.url}"), status(307, f"Location: {elsewhere.url}")])
        plain.run()
        plain.clock.advance(MINUTE)
        plain.run()
        assert [one.last for one in plain.waiting(hook)] == ["status_307"]
        assert elsewhere.got == []


def test_a_receiver_may_ask_to_be_left_alone_for_a_day_at_most(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url)
    for asked, waits in ((3600, HOUR), (999_999, DAY), (1, DISTANCES[0])):
        plain.tell()
        receiver.script.append(status(429, f"Retry-After: {asked}"))
        before = {one.event for one in plain.waiting(hook)}
        plain.clock.advance(PAUSE)
        plain.run()
        [new] = [one for one in plain.waiting(hook) if one.event not in before]
        assert new.next_at == plain.clock.now() + waits


# ---- an endpoint that is down


def test_an_endpoint_that_is_down_is_tried_with_one_event_at_a_time_and_gets_all_when_it_is_back(
    plain: Bench, receiver: Receiver
) -> None:
    hook = plain.hook(receiver.url)
    decisions = plain.tell(3 * EVENTS)
    receiver.judge = lambda got: 503
    plain.run()
    assert AT_ONCE <= len(receiver.got) < 2 * AT_ONCE, "and what was under way meanwhile"
    down = plain.kept(hook)
    assert (down.failing_since, down.paused_until) == (plain.clock.now(), plain.clock.now() + PAUSE)
    assert sorted({one.last for one in plain.waiting(hook)}) == ["not_tried", "status_503"]
    assert len(plain.waiting(hook)) == EVENTS
    gauge = _Gauge()
    for _ in range(5):
        plain.clock.advance(PAUSE)
        plain.run(gauge)
    assert (gauge.most, gauge.count > EVENTS) == (1, True)
    assert EVENTS < len(plain.waiting(hook)) <= EVENTS + 5, "a new one each minute"
    receiver.judge = lambda got: None
    plain.clock.advance(HOUR)
    for _ in range(3):
        plain.run()
    assert sorted(set(_decisions(receiver))) == sorted(decisions)
    assert (plain.kept(hook).failing_since, plain.waiting(hook)) == (None, [])


class _Gauge:
    """Nobody answers; how many attempts there were, and how many at once."""

    def __init__(self) -> None:
        self.count = self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, attempt: Attempt) -> Outcome:
        with self._lock:
            self.count, self.now = self.count + 1, self.now + 1
            self.most = max(self.most, self.now)
        with self._lock:
            self.now -= 1
        return Outcome("unreachable")


def test_with_too_many_that_wait_the_rest_stays_in_the_journal(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url)
    plain.tell(1)
    receiver.script.append(500)
    plain.run()
    [one] = plain.waiting(hook)
    for number in range(WAITING_MAX - 1):
        plain.hooks.wait(_with(one, f"evt_{number}", plain.clock.now() + DAY))
    place = plain.kept(hook).through
    decisions = plain.tell(5)
    plain.clock.advance(MINUTE)
    receiver.script.append(500)
    plain.run()
    assert plain.kept(hook).through == place
    plain.clock.advance(HOUR)
    plain.run()
    assert set(decisions) <= set(_decisions(receiver))


def _with(one: object, event: str, next_at: int) -> object:
    from overspill.words.codec import replace

    return replace(one, event=event, next_at=next_at)  # type: ignore[type-var]


# ---- runners that die, and several at once


def test_a_runner_that_dies_before_it_has_written_anything_down_loses_nothing(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    decisions = bench.tell(5)

    with bench.runner() as dying:

        def died(*_: object) -> None:
            raise StoreFailure("unreachable", "the database is gone")

        dying._hooks.advance = died  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreFailure):
            dying.run_once()
    assert sorted(_decisions(receiver)) == sorted(decisions)
    bench.run()
    assert len(receiver.got) == 5, "its claim stands"
    bench.clock.advance(CLAIM)
    bench.run()
    assert sorted(_decisions(receiver)) == sorted(2 * decisions)
    assert len(set(receiver.ids)) == 5
    bench.clock.advance(DAY)
    bench.run()
    assert (len(receiver.got), bench.waiting(hook)) == (10, [])


def test_a_place_moves_when_what_failed_is_written_down_and_not_before(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url)
    plain.tell()
    receiver.script.append(500)
    with plain.runner() as dying:

        def died(*_: object) -> None:
            raise StoreFailure("unreachable", "the database is gone")

        dying._hooks.wait = died  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreFailure):
            dying.run_once()
    assert (plain.kept(hook).through, plain.waiting(hook)) == (hook.through, [])
    plain.clock.advance(CLAIM)
    plain.run()
    assert len(receiver.got) == 2


def test_a_runner_that_comes_back_too_late_moves_no_place(bench: Bench, receiver: Receiver) -> None:
    """It hangs in its attempts until another has taken over, delivered, and failed with one."""
    hook = bench.hook(receiver.url)
    bench.tell(3)
    release, begun = threading.Event(), threading.Semaphore(0)

    def send(attempt: Attempt) -> Outcome:
        begun.release()
        assert release.wait(60)
        return Outcome("status_500")

    with bench.runner(send) as late:
        thread = threading.Thread(target=late.run_once)
        thread.start()
        for _ in range(3):
            assert begun.acquire(timeout=60)
        bench.clock.advance(CLAIM)
        more = bench.tell(2)
        bench.run()
        assert len(receiver.got) == 5
        place = bench.kept(hook).through
        release.set()
        thread.join(60)
    assert bench.kept(hook).through == place
    bench.clock.advance(DAY)
    bench.run()
    assert set(more) <= set(_decisions(receiver))
    assert len(set(receiver.ids)) == 5
    assert bench.waiting(hook) == []


def test_several_runners_at_once_deliver_everything_under_the_same_ids(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    other = bench.hook(receiver.url, key="other")
    bodies: dict[tuple[str, str], set[bytes]] = {}
    decisions = bench.tell(EVENTS)

    def run() -> None:
        with bench.runner() as runner:
            runner.run_once()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    decisions += bench.tell(EVENTS)
    for thread in threads:
        thread.join(60)
    bench.run()
    for got in receiver.got:
        bodies.setdefault((got.id, ""), set()).add(got.body)
    assert all(len(found) == 1 for found in bodies.values())
    assert sorted({got.json["data"]["decision"] for got in receiver.got}) == sorted(decisions)
    assert len(bodies) == len(decisions)
    assert (bench.waiting(hook), bench.waiting(other)) == ([], [])
    assert len(receiver.got) == 2 * len(decisions), "claims keep them apart"


def test_who_stops_a_runner_gets_what_was_under_way_written_down(bench: Bench, receiver: Receiver) -> None:
    hook = bench.hook(receiver.url)
    decisions = bench.tell(EVENTS)
    release = threading.Event()
    sent: list[Attempt] = []
    more = threading.Semaphore(0)

    def send(attempt: Attempt) -> Outcome:
        sent.append(attempt)
        more.release()
        assert release.wait(60)
        return Outcome("delivered")

    with bench.runner(send) as runner:
        thread = threading.Thread(target=runner.run)
        thread.start()
        for _ in range(AT_ONCE):
            assert more.acquire(timeout=60)
        runner.stop()
        release.set()
        thread.join(60)
    assert bench.kept(hook).claimed_until == 0
    assert len(sent) < EVENTS
    assert len(bench.waiting(hook)) == EVENTS - len(sent)
    bench.clock.advance(MINUTE)
    bench.run()
    assert len(receiver.got) == EVENTS - len(sent)
    assert len({*receiver.ids, *[attempt.headers["webhook-id"] for attempt in sent]}) == len(decisions)


class _Ahead:
    """A clock that the wall's is an hour ahead of."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def now(self) -> int:
        return self._bench.clock.now()

    def drift(self) -> int:
        return HOUR


def test_a_message_is_signed_for_the_wall_clocks_instant(plain: Bench, receiver: Receiver) -> None:
    """Which is the receiver's: the engine's own may have been left behind."""
    hook = plain.hook(receiver.url)
    plain.tell()
    with plain.runner(clock=_Ahead(plain)) as runner:
        runner.run_once()
    [got] = receiver.got
    verify(hook.secret, got.headers, got.body, plain.clock.now() + HOUR)


# ---- secrets


def test_both_secrets_sign_for_a_day_behind_a_rotation(plain: Bench, receiver: Receiver) -> None:
    hook = plain.hook(receiver.url)
    new = rotated(plain.hooks, hook, "k1", plain.clock.now())
    assert new is not None
    assert rotated(plain.hooks, hook, "k1", plain.clock.now()) is None
    plain.tell()
    plain.run()
    plain.clock.advance(DAY)
    plain.tell()
    plain.run()
    first, second = receiver.got
    for secret in (hook.secret, new):
        verify(secret, first.headers, first.body, plain.clock.now() - DAY)
    verify(new, second.headers, second.body, plain.clock.now())
    with pytest.raises(Failure, match="not signed"):
        verify(hook.secret, second.headers, second.body, plain.clock.now())


def test_no_secret_and_no_url_is_told_of(plain: Bench) -> None:
    hook = plain.hook("http://127.0.0.1:1/token-of-theirs")
    plain.tell()
    plain.run()
    told = repr([plain.alarms, hook, plain.kept(hook), plain.waiting(hook), Attempt(hook.url, {}, b"")])
    assert "hook_failing" in told
    assert hook.secret not in told
    assert "token-of-theirs" not in told


def test_a_defect_of_an_attempt_is_a_failed_attempt(plain: Bench) -> None:
    hook = plain.hook("http://127.0.0.1:1/")
    plain.tell()

    def send(attempt: Attempt) -> Outcome:
        raise ZeroDivisionError

    plain.run(send)
    assert [one.last for one in plain.waiting(hook)] == ["failed"]


def test_got_is_what_was_sent() -> None:
    """The canary of the receiver."""
    assert Got("POST / HTTP/1.1", {"webhook-id": "x"}, b"{}").id == "x"
