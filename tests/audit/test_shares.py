"""An export that several processes audit in shares: they say what one process says, or leave it to one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from audit.day import export_of_day, export_of_world
from audit.exports import Files, verdict_of
from audit.test_corruptions import MADE
from book.folds import simulated_disk
from cli.test_commands import run
from overspill.audit.auditing import BOUNDS, Auditing, Bounds, Verdict
from overspill.audit.findings import Findings, Found
from overspill.audit.folder import given_of, segments_of
from overspill.audit.shares import Share, divided, only, read_share, share_of
from overspill.audit.shares import verdict_of as verdict_together
from overspill.cli.in_shares import JOBS_MAX, LARGE, Job, in_shares, jobs_for, names_in, told
from overspill.cli.reconcile import of_folder
from overspill.records import export
from overspill.words.codec import JsonFault, packed_bytes, packed_decoder, replace
from overspill.words.failures import Failure
from overspill.words.instants import DAY

LONG = Bounds(sweep_within=1000 * DAY)
WORLD = (2, 300)
"""A world with accounts that have nothing to do with each other."""
PART = 5
"""One of so many of its changes is made here."""


def _in_shares(
    files: Files, count: int, bounds: Bounds = BOUNDS, otherwise: Callable[[Share], Share] = lambda share: share
) -> Verdict | None:
    """As the processes do it, in this one; None where they leave it to one. `otherwise` is what becomes of another's share."""

    def blocks(name: str) -> Iterable[bytes]:
        return [files[name]]

    data, names = files[export.MANIFEST], [name for name in files if name != export.MANIFEST]

    def read(accounts: set[str], is_first: bool) -> Auditing:
        found, is_own = Findings(stops=True), only(accounts)
        given = given_of(data, blocks, names, found, bounds=bounds, is_own=is_own, is_first=is_first)
        return read_share(given, found)

    try:
        accounts = divided(segments_of(data, blocks, names), count)
        if accounts is None:
            return None
        others = [packed_bytes(otherwise(share_of(read(one, False)))) for one in accounts[1:]]
        return verdict_together(read(accounts[0], True), map(packed_decoder(Share).decode, others))
    except (Found, JsonFault, UnicodeDecodeError):
        return None


@pytest.mark.parametrize(("world", "count"), [(WORLD, 2), ((2, 1200), 2), ((2, 1200), 3), ((2, 1200), 8)])
def test_shares_say_of_a_good_export_what_one_process_says(world: tuple[int, int], count: int) -> None:
    files = export_of_world(*world)
    verdict = _in_shares(files, count, LONG)
    assert verdict is not None and verdict.is_clean
    assert verdict == verdict_of(files, bounds=LONG)


def test_accounts_that_have_a_record_in_common_are_not_divided() -> None:
    assert _in_shares(export_of_day(), 2) is None


def test_a_journal_that_is_empty_is_not_divided() -> None:
    assert _in_shares({**export_of_world(*WORLD), export.JOURNAL: b"", export.SEGMENTS: b""}, 2) is None


@pytest.mark.parametrize("what", [what for what in MADE if what != "forms"])  # its answers are text
def test_of_no_change_shares_say_that_nothing_is_wrong(what: str) -> None:
    """But where one process says so too."""
    make, part = MADE[what]
    count = 0
    for number, one in enumerate(make(export_of_world(*WORLD), simulated_disk(*WORLD).forms)):
        if number % (part * PART):
            continue
        count += 1
        files = one.files()
        try:
            verdict = _in_shares(files, 2, LONG)
        except Failure:  # no export: one process says the same
            with pytest.raises(Failure):
                verdict_of(files, bounds=LONG)
            continue
        assert verdict is None or verdict == verdict_of(files, bounds=LONG), f"{one.kind} | {one.name}"
    assert count


def _one_line_less(share: Share) -> Share:
    (numbers, records), *rest = share.lines
    return replace(share, lines=[(numbers[8:], records[8:]), *rest])


def _two_lines_swapped(share: Share) -> Share:
    (numbers, records), *rest = share.lines
    return replace(share, lines=[(numbers, records[8:16] + records[:8] + records[16:]), *rest])


CONTRADICTIONS: dict[str, Callable[[Share], Share]] = {
    "a balance": lambda one: replace(one, balances=[(*one.balances[0][:3], "1"), *one.balances[1:]]),
    "a balance less": lambda one: replace(one, balances=one.balances[1:]),
    "a step": lambda one: replace(one, steps=[(*of, step + 1) for *of, step in one.steps]),
    "an order": lambda one: replace(one, orders=[(of, []) for of, _ in one.orders]),
    "a record less": lambda one: replace(one, records=one.records - 1),
    "a line less": _one_line_less,
    "two lines swapped": _two_lines_swapped,
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_shares_that_contradict_each_other_say_nothing(what: str) -> None:
    changed: list[bool] = []

    def otherwise(share: Share) -> Share:
        made = CONTRADICTIONS[what](share)
        changed.append(made != share)
        return made

    assert _in_shares(export_of_world(2, 1200), 2, LONG, otherwise) is None
    assert changed == [True]


# ---- by processes


def _written(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(tmp_path_factory.mktemp("shares") / "good", export_of_world(*WORLD))


@pytest.mark.parametrize("jobs", [2, 3, JOBS_MAX])  # more than there are groups of accounts
def test_processes_say_what_one_says(good: Path, jobs: int) -> None:
    manifest = (good / export.MANIFEST).read_bytes()
    verdict = in_shares(good, manifest, names_in(good), LONG, (), jobs)
    assert verdict is not None
    assert verdict == of_folder(good, LONG) == of_folder(good, LONG, jobs=jobs)


def test_what_processes_find_is_told_as_by_one(tmp_path: Path) -> None:
    files = export_of_world(*WORLD)
    rows = files[export.USAGE_EVENTS].splitlines(keepends=True)
    _written(tmp_path / "bad", {**files, export.USAGE_EVENTS: b"".join(rows[:-1])})
    one, two = (run("reconcile", "--export", "bad", "--jobs", jobs, cwd=tmp_path) for jobs in ("1", "2"))
    assert one.code == two.code == 1
    assert "is missing: the usage event" in two.out
    assert (one.out, one.err) == (two.out, two.err)


@pytest.mark.parametrize(("script", "why"), [("#!/bin/sh\nexit 7\n", "has ended with 7"), ("", "cannot be begun: ")])
def test_a_process_that_comes_to_no_end_is_an_error(
    script: str, why: str, good: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ending = tmp_path / "ending"
    ending.write_text(script)
    ending.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ending))
    with pytest.raises(Failure) as failed:
        of_folder(good, LONG, jobs=2)
    assert (failed.value.code, why in str(failed.value)) == ("share_not_audited", True)


def test_a_small_export_is_audited_by_one_process(good: Path, tmp_path: Path) -> None:
    assert jobs_for(good) == 1
    assert jobs_for(tmp_path) == 1  # without a journal
    with (tmp_path / export.JOURNAL).open("wb") as file:
        file.truncate(LARGE)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert jobs_for(tmp_path) == min(cores or 1, JOBS_MAX)


STRUCK = """#!{python}
import os, signal, sys
os.killpg(os.getpgid(os.getppid()), signal.SIGINT)  # as a terminal does to all that run in front of it
sys.stdin.buffer.read()
"""
BY_ITSELF = """import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background of a shell does not have
sys.executable = {share!r}
from overspill.cli.main import main
main()"""


def test_who_interrupts_it_by_the_keyboard_sees_nothing_of_the_others(good: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.write_text(STRUCK.format(python=sys.executable))
    share.chmod(0o755)
    command = [sys.executable, "-c", BY_ITSELF.format(share=str(share)), "reconcile", "--export", ".", "--jobs", "2"]
    done = subprocess.run(command, cwd=good, capture_output=True, text=True, start_new_session=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")


@pytest.mark.parametrize("length", [0, 9, None])
def test_a_process_at_its_share_outlasts_nobody(length: int | None, tmp_path: Path) -> None:
    """Whoever has begun it is gone: before it was told its share, or while it reads an export that never comes."""
    os.mkfifo(tmp_path / export.MANIFEST)
    command = [sys.executable, "-c", "from overspill.cli.in_shares import main; main()"]
    job = told(Job(os.fsencode(tmp_path), BOUNDS, ["default/user/ana"]))
    done = subprocess.run(command, input=job[:length], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_an_export_that_is_gone_meanwhile_is_left_to_one_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from overspill.cli.in_shares import main; main()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(told(Job(os.fsencode(tmp_path / "gone"), BOUNDS, ["default/user/ana"])))
        process.stdin.flush()
        assert (process.stdout.read(), process.stderr.read()) == (packed_bytes(None), b"")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--export", ".", "--jobs", "0"), "0 is not in the range 1<=x<=8"),
        (("--export", ".", "--jobs", "9"), "9 is not in the range 1<=x<=8"),
        (("--db", "x.db", "--jobs", "2"), "--jobs is for --export: a database is audited by one process"),
    ],
)
def test_as_many_processes_are_asked_for_as_may_be_of_use(arguments: tuple[str, ...], what: str, good: Path) -> None:
    done = run("reconcile", *arguments, cwd=good)
    assert (done.code, done.out, what in done.err) == (2, "", True)


def test_an_export_lies_in_a_folder_of_any_name(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(good, folder)
    manifest = (good / export.MANIFEST).read_bytes()
    assert in_shares(folder, manifest, names_in(folder), LONG, (), 2) == of_folder(good, LONG)
