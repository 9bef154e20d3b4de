"""The commands through their own door: exit codes, streams, formats, and failures without a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from overspill.cli.main import cli
from overspill.cli.schema import NAMES
from support.texts import DSL

REQUEST = {
    "id": "r1",
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5"},
    "meters": {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
}


class Done:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.out + self.err


def run(*arguments: str, cwd: Path, stdin: str = "") -> Done:
    command = [sys.executable, "-m", "overspill", *arguments]
    return Done(subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False))


def test_a_day_with_a_database(tmp_path: Path) -> None:
    db = ("--db", "x.db")
    assert run("account", "set", "u_ana", "plan=free", "--id", "signup", *db, cwd=tmp_path).code == 0
    assert run("grant", "user/u_ana", "credits", "5", "--id", "C1", *db, cwd=tmp_path).code == 0
    stream = "".join(json.dumps({**REQUEST, "id": f"r{number}"}) + "\n" for number in range(7))
    done = run("decide", *db, cwd=tmp_path, stdin=stream)
    decisions = [json.loads(line) for line in done.out.splitlines()]
    assert [one["outcome"] for one in decisions] == ["allow"] * 5 + ["deny"] * 2
    assert (done.code, done.err) == (0, "")
    assert run("decide", *db, cwd=tmp_path, stdin=stream).out == done.out
    assert run("decide", *db, "--fail-on-deny", cwd=tmp_path, stdin=stream).code == 1
    explained = run("explain", decisions[6]["decision"], *db, cwd=tmp_path)
    assert explained.out.startswith("✗ denied 1 credits: usage_exhausted")
    assert len(explained.out.splitlines()) <= 25
    assert "codex.spill:39" in explained.out
    assert run("reconcile", *db, cwd=tmp_path).code == 0


def test_a_capture_beyond_its_hold_tells_the_lots_it_had_to_choose_from(tmp_path: Path) -> None:
    db = ("--db", "x.db")
    run("account", "set", "u_ana", "plan=free", "--id", "signup", *db, cwd=tmp_path)
    for lot, priority in (("C1", "0"), ("C2", "1")):
        run("grant", "user/u_ana", "credits", "5", "--id", lot, "--priority", priority, *db, cwd=tmp_path)
    hold = json.loads(run("reserve", *db, cwd=tmp_path, stdin=json.dumps(REQUEST)).out)["hold"]["id"]
    done = run("capture", hold, "input_tokens=16000", "cached_input_tokens=0", "output_tokens=0", *db, cwd=tmp_path)
    told = run("explain", json.loads(done.out)["capture"], *db, cwd=tmp_path).out
    assert "  beyond the hold from credits of user/u_ana, in credits\n" in told
    assert "lot C1: 4, 1 drawn, before C2 by priority\n      lot C2: 5, not needed\n" in told


def test_an_operator_resets_a_limit_of_one_account(tmp_path: Path) -> None:
    db = ("--db", "x.db")
    run("account", "set", "u_ana", "plan=plus", "--id", "signup", *db, cwd=tmp_path)
    run("decide", *db, cwd=tmp_path, stdin=json.dumps(REQUEST))
    reset = ("reset", "now", "user/u_ana", "plan_windows", "--id", "outage-7", "--of", "week")
    done = run(*reset, *db, cwd=tmp_path)
    receipt = json.loads(done.out)
    assert (done.code, receipt["anchor"], receipt["actor"]) == (0, "keep_anchor", "operator")
    assert [(one["window"], one["generation"]) for one in receipt["windows"]] == [("plan_windows.week", 2)]
    assert run(*reset, *db, cwd=tmp_path).out == done.out
    assert '"plan_windows.week"' in run("explain", receipt["reset"], *db, cwd=tmp_path).out
    other = run(*reset[:-1], "weeks", *db, cwd=tmp_path)
    assert other.code == 2
    assert other.err == (
        "error[idempotency_conflict]: `outage-7` was used before for another reset of user/u_ana: "
        '`/of/0` was `"week"` first and is `"weeks"` now\n'
        "  = at: /of/0\n  = help: use a new id, or send exactly what was sent first\n"
    )
    wrong = run("reset", "now", "user/u_ana", "plan_windows", "--id", "x", "--of", "weeks", *db, cwd=tmp_path)
    assert (wrong.code, "did you mean `week`?" in wrong.err) == (2, True)


def test_reserve_capture_release(tmp_path: Path) -> None:
    db = ("--db", "x.db")
    run("account", "set", "u_ana", "plan=plus", "--id", "signup", *db, cwd=tmp_path)
    held = json.loads(run("reserve", *db, cwd=tmp_path, stdin=json.dumps(REQUEST)).out)
    hold = held["hold"]["id"]
    captured = run("capture", hold, "input_tokens=4000", "cached_input_tokens=0", "output_tokens=0", *db, cwd=tmp_path)
    assert json.loads(captured.out)["used"] == "0.5"
    released = run("release", hold, *db, cwd=tmp_path)
    assert (released.code, "hold_closed" in released.err) == (2, True)


def test_an_accounts_page_for_people_and_for_programs(tmp_path: Path) -> None:
    db = ("--db", "x.db")
    run("account", "set", "u_ana", "plan=plus", "--id", "signup", *db, cwd=tmp_path)
    run("grant", "user/u_ana", "credits", "5", "--id", "C1", *db, cwd=tmp_path)
    run("decide", *db, cwd=tmp_path, stdin=json.dumps(REQUEST))
    page = run("account", "show", "u_ana", *db, cwd=tmp_path)
    assert "window plan_windows.five_hours: 1 of 60 credits used, ends 20" in page.out
    assert "pool credits: 5 settled, 0 pending, 0 held, 5 available (credits)" in page.out
    asked = json.dumps({**REQUEST, "id": "r2"})
    shown = run("account", "show", "u_ana", "--request", "-", *db, cwd=tmp_path, stdin=asked)
    assert "would be decided now:\n✓ allowed 1 credits" in shown.out
    told = json.loads(run("account", "show", "u_ana", "--format", "json", *db, cwd=tmp_path).out)
    assert [account["account"] for account in told["accounts"]] == ["user/u_ana"]
    twice = run("account", "show", "u_ana", "u_bob", *db, cwd=tmp_path)
    assert (twice.code, "one after the other" in twice.err) == (2, True)


def test_preview_needs_no_database_and_keeps_none(tmp_path: Path) -> None:
    done = run("decide", "--preview", "--set", "plan=plus", "--format", "text", cwd=tmp_path, stdin=json.dumps(REQUEST))
    assert done.out.startswith("✓ allowed 1 credits")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_line_does_not_stop_the_stream(tmp_path: Path) -> None:
    good = json.dumps(REQUEST)
    done = run("decide", "--set", "plan=plus", cwd=tmp_path, stdin=f'{good}\n{{"id": 1\n{good}\n')
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [("error" in one) for one in answers] == [False, True, False]
    assert done.code == 2
    assert "1 of 3" in done.err


def test_progress_on_a_terminal_takes_nothing_from_stdout(tmp_path: Path) -> None:
    stream = "".join(json.dumps({**REQUEST, "id": f"r{number}"}) + "\n" for number in range(2500))
    (tmp_path / "many.jsonl").write_text(stream)
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "overspill", "decide", "many.jsonl", "--set", "plan=pro"]
    environment = {**os.environ, "TERM": "xterm"}
    with (tmp_path / "out.jsonl").open("w") as out:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=terminal, env=environment)
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone when the process is
            while part := os.read(ours, 65536):
                shown += part
        os.close(ours)
        assert process.wait() == 0
    assert b"requests decided" in shown
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2500


def test_check_finds_faults_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "t.spill").write_text(DSL.replace("draw plan_limit", "draw plan_limt"))
    done = run("check", "t.spill", cwd=tmp_path)
    assert done.code == 1
    assert "did you mean `plan_limit`?" in done.out
    found = json.loads(run("check", "t.spill", "--format", "json", cwd=tmp_path).out)
    assert {fault["code"] for fault in found["faults"]} == {"OSP210", "OSP302"}
    assert run("check", "-", cwd=tmp_path, stdin=DSL).code == 0


def test_diff_names_changes_and_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.spill").write_text(DSL)
    (tmp_path / "b.spill").write_text(DSL.replace("day 10 credits", "day 9 credits"))
    done = run("diff", "a.spill", "b.spill", "--exit-code", cwd=tmp_path)
    assert done.code == 1
    assert done.out.startswith("~ LIMIT")
    assert "10 credits -> 9 credits" in done.out
    assert "b.spill:15" in done.out
    assert run("diff", "a.spill", "a.spill", cwd=tmp_path).out.startswith("no change of meaning")


@pytest.mark.parametrize("sides", [("good.spill", "bad.spill"), ("bad.spill", "good.spill"), ("good.spill", "-")])
def test_policies_that_do_not_check_are_not_compared(tmp_path: Path, sides: tuple[str, str]) -> None:
    bad = DSL.replace("draw plan_limit", "draw plan_limt")
    (tmp_path / "good.spill").write_text(DSL)
    (tmp_path / "bad.spill").write_text(bad)
    done = run("diff", *sides, cwd=tmp_path, stdin=bad)
    assert (done.code, done.out) == (2, "")
    assert "did you mean `plan_limit`?" in done.err
    done = run("diff", *sides, "--format", "json", cwd=tmp_path, stdin=bad)
    assert (done.code, done.out) == (2, "")
    assert {fault["code"] for fault in json.loads(done.err)["error"]["faults"]} == {"OSP210", "OSP302"}


@pytest.mark.parametrize(
    ("arguments", "message", "help"),
    [
        (("check", "--bogus"), "--bogus", "see overspill check --help"),
        (("check", "--max", "none", "t.spill"), "'none' is not a valid integer", "see overspill check --help"),
        (("check",), "name a policy file, a folder, or -", "see overspill check --help"),
        (("explain", "dec_x"), "Missing option '--db'", "see overspill explain --help"),
        (("diff", "a.spill"), "Missing argument 'NEW'", "see overspill diff --help"),
        (("chek",), "there is no command `chek`; did you mean `check`?", "see overspill --help"),
        (("account", "shw"), "No such command 'shw'", "see overspill account --help"),
    ],
)
def test_a_wrong_option_is_told_in_the_format_that_was_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], message: str, help: str
) -> None:
    for asked in (("--format", "json"), ("--format=json",)):
        done = run(*arguments, *asked, cwd=tmp_path)
        error = json.loads(done.err)["error"]
        assert (done.code, done.out, error["code"], error["help"]) == (2, "", "wrong_usage", help)
        assert message in error["message"]
    done = run(*arguments, cwd=tmp_path)
    assert done.code == 2 and message in done.err and not done.err.startswith("{")


def test_the_shipped_tests_pass_and_a_failing_one_is_shown(tmp_path: Path) -> None:
    shipped = run("test", cwd=tmp_path)
    assert shipped.code == 0
    named = run("test", "codex_sora", cwd=tmp_path)
    assert (named.code, named.err) == (0, shipped.err)
    (tmp_path / "t.spill").write_text(DSL)
    (tmp_path / "t.test.yaml").write_text(
        "cases:\n  - name: too much\n    given: {attributes: {plan: plus}}\n    steps:\n"
        '      - decide: {product: text, model: m1, tokens: "1000"}\n        expect: {granted: "2"}\n'
    )
    done = run("test", "t.test.yaml", cwd=tmp_path)
    assert (done.code, "granted: expected 2, got 1.5 credits" in done.out) == (1, True)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_printed(tmp_path: Path, name: str) -> None:
    printed = run("schema", name, cwd=tmp_path).out
    assert json.loads(printed)["title"].startswith("Overspill")
    assert run("schema", name, "--format", "text", cwd=tmp_path).out == printed


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["decide", "-p", "nowhere"], 2, "there is no policy"),
        (["decide", "nowhere.jsonl"], 2, "No such file"),
        (["explain", "dec_x", "--db", "x.db"], 3, "there is no database x.db"),
        (["reconcile", "--db", "x.db"], 3, "there is no database x.db"),
        (["sweep", "--db", "x.db"], 3, "there is no database x.db"),
        (["account", "show", "u", "--db", "x.db"], 3, "there is no database x.db"),
        (["top-up", "list", "--db", "x.db"], 3, "there is no database x.db"),
        (["release", "hold_x", "--db", "x.db"], 3, "there is no database x.db"),
        (["decide", "--preview", "--db", "x.db"], 3, "there is no database x.db"),
        (["decide", "--set", "plan=plus", "--db", "x.db"], 2, "with --db, `overspill account set`"),
        (["explain", "dec_x", "--db", "nowhere/x.db"], 3, "no folder"),
        (["decide", "--db", "mysql://me:pw@host/db"], 3, "mysql://… names no database"),
        (["account", "show", "u", "--db", "sqlite:///x.db"], 3, "sqlite://… names no database"),
        (["keys", "create", "--db", "postgresql+psycopg://me:pw@host/db"], 3, "postgresql+psycopg://… names no"),
        (["serve", "--port", "0", "--db", "mysql://me:pw@host/db"], 3, "mysql://… names no database"),
        (["db", "status", "--db", "mysql://me:pw@host/db"], 3, "mysql://… names no database"),
        (["db", "restore", "b.db", "--db", "mysql://me:pw@host/db"], 3, "mysql://… names no database"),
        (["db", "status", "--db", ""], 3, "no file is named"),
        (["explain", "dec_x", "--db", ""], 3, "no file is named"),
        (["grant", "u", "credits", "5", "--db", "x.db"], 2, "--id"),
        (["replay", "--records", "9-7", "--db", "."], 2, "`9-7` is no range of records"),
        (["chek"], 2, "check"),
        (["check", "x" * 5000], 2, "File name too long"),
        (["check", "no\x1b[31m"], 2, "there is no policy `no<U+001B>[31m`"),
        (["explain", "\x1b[31m", "--db", "x.db"], 3, "no database"),
        (["check"], 2, "name a policy file"),
        (["check", "nowhere.spill"], 2, "there is no policy"),
        (["test", "nowhere"], 2, "name a file, a folder, or a shipped policy: codex_sora"),
        (["account", "set", "u", "plan", "--id", "x", "--db", "x.db"], 2, "NAME=VALUE"),
        (["demo", "--db", "."], 2, "exists already"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_place(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.code == code
    assert said in done.err
    assert done.out == ""
    assert "pw" not in done.err
    assert code != 3 or list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["demo", "schema policy", "rule --format json", "rule"])
def test_an_output_that_nobody_reads_ends_the_command_without_noise(tmp_path: Path, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        whole = [sys.executable, "-m", "overspill", *command.split()]
        done = subprocess.run(whole, cwd=tmp_path, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")


def test_an_output_without_room_is_said_once(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "overspill", "rule"]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error[not_possible]: the output: No space left on device\n  = help:")
    assert len(done.stderr.splitlines()) == 2


LOCALES = {
    "of ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "of Latin-1": {"PYTHONIOENCODING": "latin-1"},
}


TELLING = [
    ("demo", ""),
    ("decide --set plan=plus --format text", json.dumps(REQUEST)),
    ("check -", "policy größe version 1;"),
    ("fmt -", "policy a version 1; // größe"),
]


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES)
@pytest.mark.parametrize(("command", "stdin"), TELLING, ids=[one[0] for one in TELLING])
def test_what_is_written_is_the_same_utf_8_in_every_locale(
    tmp_path: Path, command: str, stdin: str, locale: dict[str, str]
) -> None:
    whole = [sys.executable, "-m", "overspill", *command.split()]

    def written(environment: dict[str, str]) -> tuple[int, str]:
        done = subprocess.run(
            whole, cwd=tmp_path, input=stdin.encode(), capture_output=True, env=environment, check=False
        )
        return done.returncode, re.sub(r"[0-9-]{10}T[0-9:.]+Z", "AT", (done.stdout + done.stderr).decode())

    assert written({**os.environ, **locale}) == written({**os.environ, "PYTHONUTF8": "1"})


CLOSED = [
    ("rule", ">&-", 2, "error[not_possible]: the output: Bad file descriptor"),
    ("demo", ">&-", 2, "error[not_possible]: the output: Bad file descriptor"),
    ("decide --db x.db", "<&-", 0, ""),
    ("check -", "<&-", 1, "error[OSP"),
    ("keys create --db x.db", "2>&-", 0, "osk_"),
    ("init usage", ">&- 2>&-", 2, ""),
]


@pytest.mark.parametrize(("command", "closed", "code", "told"), CLOSED, ids=[f"{one[0]} {one[1]}" for one in CLOSED])
def test_a_stream_that_was_closed_is_an_end_or_one_clear_failure(
    tmp_path: Path, command: str, closed: str, code: int, told: str
) -> None:
    line = f"{sys.executable} -m overspill {command} {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, (done.stdout + done.stderr)[: len(told)]) == (code, told)
    assert "internal_error" not in done.stderr


@pytest.mark.parametrize("value", ["²", "٣", "--5", "5.0", "9" * 20])
def test_a_whole_number_is_written_in_digits(tmp_path: Path, value: str) -> None:
    (tmp_path / "t.spill").write_text(DSL.replace("account user {", "account user {\n  level: int = 0;"))
    done = run("account", "set", "u", f"level={value}", "--id", "x", "--db", "x.db", "-p", "t.spill", cwd=tmp_path)
    assert (done.code, "error[invalid_attribute]" in done.err) == (2, True)


def test_a_failure_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    run("account", "set", "u_ana", "plan=plus", "--id", "signup", "--db", "x.db", cwd=tmp_path)
    done = run("explain", "dec_x", "--db", "x.db", "--format", "json", cwd=tmp_path)
    assert json.loads(done.err)["error"]["code"] == "unknown_id"


def test_help_and_version_are_quick_and_short(tmp_path: Path) -> None:
    assert "overspill demo" in run("--help", cwd=tmp_path).out
    assert run("--version", cwd=tmp_path).out.startswith("overspill ")


def _all(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for part in command.list_commands(context):
            found = command.get_command(context, part)
            assert found is not None
            yield from _all(found, f"{name} {part}")


EVERY = dict(_all(cli, "overspill"))
OWN_FORM = {f"overspill {one}" for one in ("serve", "hooks run", "checkpoint key", "checkpoint sign", "export")}
"""They print nothing, a key, or a signed note; `--format` of an export is that of its tables."""


@pytest.mark.parametrize("name", EVERY)
def test_every_command_explains_itself_and_its_options_and_prints_json(name: str) -> None:
    command = EVERY[name]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    assert command.help
    assert [one.opts for one in options if not one.help] == []
    if not isinstance(command, click.Group) and name not in OWN_FORM:
        [format_] = [one for one in options if "--format" in one.opts]
        assert isinstance(format_.type, click.Choice) and "json" in format_.type.choices


GROUPS = [name for name, command in EVERY.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_the_help_of_a_group_says_whole_sentences(tmp_path: Path, name: str) -> None:
    commands = run(*name.split()[1:], "--help", cwd=tmp_path).out.partition("Commands:\n")[2]
    assert commands
    assert "..." not in commands
