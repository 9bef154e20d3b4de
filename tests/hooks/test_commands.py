"""`overspill hooks` through its own door."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing

import pytest

from hooks.benches import bench_on
from hooks.receiver import Receiver
from overspill.cli.main import run
from overspill.runtime.signatures import verify
from overspill.store.registry import opened_registry
from overspill.words.codec import replace


class Shell:
    def __init__(self, db: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._db, self._capsys = db, capsys

    def __call__(self, *arguments: str) -> Sequence[str]:
        """The lines of standard output."""
        assert run(["hooks", *arguments, "--db", self._db]) == 0
        return self._capsys.readouterr().out.splitlines()

    def refused(self, *arguments: str) -> str:
        assert run(["hooks", *arguments, "--db", self._db]) == 2
        return self._capsys.readouterr().err


@pytest.fixture
def shell(file: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(file, capsys)


def test_the_life_of_a_hook(file: str, shell: Shell, receiver: Receiver) -> None:
    with bench_on(file) as bench:
        made = shell("create", receiver.url, "--key", "a", "--type", "decision.made", "--allow", "127.0.0.0/8")
        [secret] = made
        assert secret.startswith("whsec_")
        [line] = shell("list")
        hook = line.split()[0]
        assert line == f"{hook}  default  enabled  0 wait, 0 dead  {receiver.url}"
        bench.tell(2)
        shell("run", "--once", "--allow", "127.0.0.0/8")
        verify(secret, receiver.got[0].headers, receiver.got[0].body, _sent_at(receiver))
        assert shell("disable", hook) == [f"{hook} is disabled"]
        bench.tell()
        shell("run", "--once", "--allow", "127.0.0.0/8")
        assert len(receiver.got) == 2
        assert shell("enable", hook) == [f"{hook} is enabled"]
        [new] = shell("rotate", hook, "--key", "b")
        assert shell("rotate", hook, "--key", "b") == [f"{hook}: that was done before; its secret is not shown again"]
        shell("run", "--once", "--allow", "127.0.0.0/8")
        for one in (secret, new):
            verify(one, receiver.got[2].headers, receiver.got[2].body, _sent_at(receiver))
        [listed] = json.loads(shell("list", "--format", "json")[0])
        assert (listed["id"], listed["types"], listed["percents"]) == (hook, ["decision.made"], [80, 100])
        assert not any("secret" in name for name in listed)


def _sent_at(receiver: Receiver) -> int:
    return int(receiver.got[-1].headers["webhook-timestamp"]) * 1_000_000


def test_letters_are_listed_redelivered_and_dropped(file: str, shell: Shell, receiver: Receiver) -> None:
    with bench_on(file) as bench:
        hook = bench.hook(receiver.url)
        bench.tell(3)
        receiver.judge = lambda got: 400
        bench.run()
        letters = sorted(bench.waiting(hook), key=lambda one: one.event)
        for one in letters:
            bench.hooks.tried(replace(one, dead_at=one.last_at), one.attempts)
        assert shell("dead-letters", hook.id) == [
            f"{one.event}  decision.made  user/ana  1 attempts, status_400" for one in letters
        ]
        assert [json.loads(line)["id"] for line in shell("dead-letters", hook.id, "--format", "json")] == [
            one.event for one in letters
        ]
        assert shell("redeliver", hook.id, letters[0].event) == ["1 letter to be redelivered"]
        assert shell("drop", hook.id, letters[1].event) == ["1 letter dropped"]
        assert shell("drop", hook.id, "--all") == ["1 letter dropped"]
        receiver.judge = lambda got: None
        shell("run", "--once", "--allow", "127.0.0.0/8")
        assert receiver.got[-1].id == letters[0].event
        assert len(receiver.got) == 4


def test_a_hook_is_changed_and_deleted(file: str, shell: Shell) -> None:
    with bench_on(file):
        shell("create", "https://x.example", "--key", "a")
        [hook] = [line.split()[0] for line in shell("list")]
        other = ("--url", "http://127.0.0.1:9/in", "--type", "usage.settled", "--percent", "50")
        assert "error[invalid_url]" in shell.refused("change", hook, *other)
        assert shell("change", hook, *other, "--allow", "127.0.0.0/8") == [f"{hook} is changed"]
        [listed] = json.loads(shell("list", "--format", "json")[0])
        assert (listed["url"], listed["types"], listed["percents"]) == (
            "http://127.0.0.1:9/in",
            ["usage.settled"],
            [50],
        )
        assert "say what changes" in shell.refused("change", hook)
        assert "error[unknown_hook]" in shell.refused("delete", hook, "--tenant", "acme")
        for _ in range(2):
            assert shell("delete", hook) == [f"{hook} is deleted"]
        assert shell("list") == []
        assert "error[hook_deleted]" in shell.refused("create", "https://x.example", "--key", "a")
        assert "error[unknown_hook]" in shell.refused("change", hook, "--percent", "50")


def test_what_is_no_hook_is_refused(file: str, shell: Shell) -> None:
    with bench_on(file):
        assert "error[invalid_url]" in shell.refused("create", "http://127.0.0.1/", "--key", "a")
        assert "error[invalid_network]" in shell.refused(
            "create", "https://x.example", "--key", "a", "--allow", "10.0.0.1/8"
        )
        assert "error[unknown_hook]" in shell.refused("disable", "hook_x")
        shell("create", "https://x.example", "--key", "a")
        assert "error[idempotency_conflict]" in shell.refused("create", "https://y.example", "--key", "a")
        assert "name the events, or say --all" in shell.refused("drop", "hook_x")
    with closing(opened_registry(file)) as registry:
        assert [hook.url for hook in registry.hooks.all()] == ["https://x.example"]


def test_a_database_that_is_not_there_is_not_made(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    missing = f"{tmp_path}/none.db"
    assert run(["hooks", "run", "--once", "--db", missing]) == 3
    assert "no_such_database" in capsys.readouterr().err


def test_what_was_done_is_told_to_programs_too(file: str, shell: Shell) -> None:
    with bench_on(file) as bench:
        hook = bench.hook("https://example.com/hooks").id
        done = (
            (("disable", hook), {"disabled": hook}),
            (("enable", hook), {"enabled": hook}),
            (("change", hook, "--type", "decision.made"), {"changed": hook}),
            (("redeliver", hook), {"redelivered": 0}),
            (("drop", hook, "--all"), {"dropped": 0}),
            (("delete", hook), {"deleted": hook}),
        )
        assert [json.loads(*shell(*asked, "--format", "json")) for asked, _ in done] == [told for _, told in done]
