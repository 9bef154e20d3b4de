"""Real processes: killed at any point while they deliver, stopped, several at once; every event comes, under one id each."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from hooks.benches import bench_on
from hooks.receiver import HANG, Receiver
from overspill.runtime.clock import SystemClock
from overspill.runtime.signatures import verify
from overspill.store.registry import opened_registry
from support.service_processes import Connection, key_for, process

TURN = {
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5", "speed": "standard"},
    "meters": {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 10},
}

PLAN = "/v1/accounts/user/u_ana/attributes"


@contextmanager
def _running(db: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "overspill", "hooks", "run", "--db", db, "--allow", "127.0.0.0/8", *options]
    one = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert one.stderr is not None
    try:
        assert one.stderr.readline().startswith("delivering what ")
        yield one
    finally:
        one.kill()
        one.communicate()


def _claims_end(db: str) -> None:
    """As they do by themselves, in time."""
    with closing(opened_registry(db)) as registry:
        registry._run("UPDATE hooks SET claimed_until = 0", ())


def test_runners_that_are_killed_while_they_deliver_lose_nothing(db: str, receiver: Receiver) -> None:
    chance = random.Random(20261129)
    with bench_on(db) as bench:
        bench.hook(receiver.url)
        decisions: list[str] = []
        for _ in range(4):
            decisions += bench.tell(40)
            receiver.judge = lambda got: HANG if chance.random() < 0.1 else None
            with _running(db) as one:
                goal = len(receiver.got) + chance.randrange(1, 40)
                receiver.wait(lambda got, goal=goal: len(got) >= goal)  # type: ignore[misc]
                one.kill()
                one.wait(60)
            _claims_end(db)
        receiver.judge = lambda got: None
        with _running(db, "--once") as one:
            _, told = one.communicate(timeout=60)
            assert one.returncode == 0, told
        bodies: dict[str, set[bytes]] = {}
        for got in receiver.got:
            bodies.setdefault(got.id, set()).add(got.body)
        assert sorted({got.json["data"]["decision"] for got in receiver.got}) == sorted(decisions)
        assert (len(bodies), {len(found) for found in bodies.values()}) == (len(decisions), {1})


def test_two_that_run_at_once_deliver_each_event_once_and_end_when_they_are_told_to(
    db: str, receiver: Receiver
) -> None:
    with bench_on(db) as bench:
        bench.hook(receiver.url)
        bench.hook(receiver.url, key="other")
        with _running(db) as one, _running(db) as two:
            decisions = [*bench.tell(50), *bench.tell(50)]
            receiver.wait(lambda got: len(got) >= 200)
            for running in (one, two):
                running.send_signal(signal.SIGTERM)
                _, told = running.communicate(timeout=60)
                assert (running.returncode, told) == (0, "")
        assert len(receiver.got) == 200
        assert len(set(receiver.ids)) == len(decisions)


def test_the_service_delivers_beside_its_calls_and_ends_what_it_has_begun(db: str, receiver: Receiver) -> None:
    key = key_for(db)
    with process(db, "--hooks-allow", "127.0.0.0/8") as one:
        caller = Connection(one.port, key)
        made = caller.ask("POST", "/v1/hooks", {"url": receiver.url, "types": ["decision.made"]}, "h1").json
        assert caller.ask("POST", PLAN, {"attributes": {"plan": "plus"}}, "signup").status == 200
        answers = [caller.ask("POST", "/v1/decisions", TURN, f"r{number}").json for number in range(5)]
        receiver.wait(lambda got: len(got) >= 5)
        for got in receiver.got:
            verify(made["secret"], got.headers, got.body, SystemClock().now())
        assert {got.json["data"]["decision"] for got in receiver.got} == {answer["decision"] for answer in answers}
        assert {got.json["source"].rsplit(":", 1)[1] for got in receiver.got} == {"acme"}
        delivered = b'overspill_hook_attempts_total{outcome="delivered"} 5.0'
        while delivered not in caller.ask("GET", "/metrics").body:  # it is counted when the runner has heard of it
            pass
        caller.close()
        assert one.stop() == 0
        assert not any(made["secret"] in line or receiver.url in line for line in one.told)
    with closing(opened_registry(db)) as registry:
        [hook] = registry.hooks.all()
    assert hook.claimed_until == 0


def test_a_service_that_is_told_so_delivers_nothing_and_refuses_what_is_near(file: str, receiver: Receiver) -> None:
    key = key_for(file)
    with process(file, "--no-hooks") as one:
        caller = Connection(one.port, key)
        near = caller.ask("POST", "/v1/hooks", {"url": receiver.url}, "h1")
        assert (near.status, near.json["code"]) == (422, "invalid_url")
        assert caller.ask("POST", "/v1/hooks", {"url": "https://hooks.example/"}, "h2").status == 200
        assert caller.ask("POST", PLAN, {"attributes": {"plan": "plus"}}, "signup").status == 200
        assert caller.ask("POST", "/v1/decisions", TURN, "r1").status == 200
        caller.close()
        assert one.stop() == 0
    with closing(opened_registry(file)) as registry:
        [hook] = registry.hooks.all()
        assert (hook.claimed_by, registry.hooks.waiting(hook.id).waiting) == (None, 0)
