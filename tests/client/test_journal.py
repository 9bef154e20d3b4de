"""The journal of holds: what a process left is there for the next one, whatever tore, and for one process at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill import Failure
from overspill.client import HoldJournal
from overspill.client.entries import Asked, Booked, Ended, Entry, Held, Left, Releasing, Used, left_of
from overspill.words.codec import Raw, json_bytes

A, B = "user/u_ana/a", "user/u_ana/b"


def asked(of: str = A) -> Asked:
    return Asked(of=of, id=of[-1], request=Raw(b'{"id":"x"}'))


def used(number: int, final: bool = False, of: str = A) -> Used:
    return Used(of=of, number=number, meters={"tokens": number}, final=final)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holds.jsonl"


def written(path: Path, *entries: Entry) -> None:
    with HoldJournal(path) as journal:
        for entry in entries:
            journal.append(entry, True)


def left(path: Path) -> list[Left]:
    with HoldJournal(path) as journal:
        return journal.left()


# ---- what entries mean

FOLDS: dict[str, tuple[list[Entry], list[Left]]] = {
    "nothing": ([], []),
    "asked for": ([asked()], [Left(of=A, id="a", request=b'{"id":"x"}')]),
    "held": ([asked(), Held(A, "hold_1")], [Left(of=A, id="a", request=b'{"id":"x"}', hold="hold_1")]),
    "used, not booked": (
        [asked(), Held(A, "hold_1"), used(1), used(2, True)],
        [Left(A, "a", b'{"id":"x"}', "hold_1", (used(1), used(2, True)), True)],
    ),
    "a part booked": (
        [asked(), Held(A, "hold_1"), used(1), Booked(A, 1), used(2, True)],
        [Left(A, "a", b'{"id":"x"}', "hold_1", (used(2, True),), True)],
    ),
    "two used, one booked": (
        [asked(), Held(A, "hold_1"), used(1), used(2, True), Booked(A, 1)],
        [Left(A, "a", b'{"id":"x"}', "hold_1", (used(2, True),), True)],
    ),
    "all booked, and not ended": (
        [asked(), Held(A, "hold_1"), used(1, True), Booked(A, 1)],
        [Left(A, "a", b'{"id":"x"}', "hold_1", (), True)],
    ),
    "used without a hold": ([asked(), used(1, True)], [Left(A, "a", b'{"id":"x"}', None, (used(1, True),), True)]),
    "being released": (
        [asked(), Held(A, "hold_1"), Releasing(A)],
        [Left(A, "a", b'{"id":"x"}', "hold_1", releasing=True)],
    ),
    "ended": ([asked(), Held(A, "hold_1"), used(1, True), Booked(A, 1), Ended(A, "captured")], []),
    "ended, and begun anew": ([asked(), Ended(A, "left"), asked()], [Left(of=A, id="a", request=b'{"id":"x"}')]),
    "two, one ended": ([asked(), asked(B), Ended(A, "denied")], [Left(of=B, id="b", request=b'{"id":"x"}')]),
    "something of one that has ended": ([asked(), Ended(A, "left"), Booked(A, 1)], []),
}


@pytest.mark.parametrize("entries, found", FOLDS.values(), ids=FOLDS)
def test_entries_say_what_is_left(entries: list[Entry], found: list[Left], path: Path) -> None:
    assert list(left_of(entries).values()) == found
    written(path, *entries)
    assert left(path) == found


# ---- the file


def test_a_hold_is_left_only_once_nobody_here_is_busy_with_it(path: Path) -> None:
    with HoldJournal(path) as journal:
        journal.append(asked(), True)
        assert journal.left() == []
        journal.quit(A)
        assert [one.of for one in journal.left()] == [A]


def test_a_file_in_which_all_has_ended_begins_anew(path: Path) -> None:
    written(path, asked(), Ended(A, "denied"))
    assert path.stat().st_size > 0
    assert left(path) == []
    assert path.stat().st_size == 0


def test_only_the_owner_reads_it(path: Path) -> None:
    written(path, asked())
    assert path.stat().st_mode & 0o777 == 0o600


@given(st.data())
def test_what_a_crash_tore_is_cut_off_and_all_before_it_is_there(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "holds.jsonl"
    entries = [asked(), Held(A, "hold_1"), used(1), Booked(A, 1), used(2, True)]
    lines = [json_bytes(entry) + b"\n" for entry in entries]
    whole = data.draw(st.integers(0, 4))
    torn = lines[whole][: data.draw(st.integers(0, len(lines[whole]) - 2))]
    rubbish = data.draw(st.sampled_from([b"", b"\0" * 7, b"\n", b"\xff\n{", b"{}\n"]))
    path.write_bytes(b"".join(lines[:whole]) + torn + rubbish)
    assert left(path) == list(left_of(entries[:whole]).values())
    assert path.read_bytes() == b"".join(lines[:whole])


def test_damage_before_the_end_is_told_and_nothing_is_touched(path: Path) -> None:
    written(path, asked(), Held(A, "hold_1"), used(1))
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"hold":', b'"hole":'))
    with pytest.raises(Failure) as caught:
        HoldJournal(path)
    assert (caught.value.code, "line 2" in caught.value.message) == ("journal_damaged", True)
    assert path.read_bytes() == data.replace(b'"hold":', b'"hole":')
    path.write_bytes(data)
    assert [one.hold for one in left(path)] == ["hold_1"]  # it is not locked either


def test_a_journal_belongs_to_one_process(path: Path) -> None:
    with HoldJournal(path):
        with pytest.raises(Failure) as caught:
            HoldJournal(path)
        assert caught.value.code == "journal_in_use"
    assert left(path) == []


def test_workers_have_one_each_and_the_next_takes_on_what_a_dead_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    first, second = HoldJournal.in_folder(folder), HoldJournal.in_folder(folder)
    assert first.path != second.path
    second.append(asked(), True)
    second.close()
    with HoldJournal.in_folder(folder) as third:
        assert (third.path, [one.of for one in third.left()]) == (second.path, [A])
    first.close()


def test_the_lock_is_let_go_with_the_process(path: Path) -> None:
    script = (
        "import os, sys; from overspill.client import HoldJournal; from overspill.client.entries import Asked;"
        "from overspill.words.codec import Raw; journal = HoldJournal(sys.argv[1]);"
        "journal.append(Asked('user/u/a', 'a', Raw(b'{}')), True); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert [one.of for one in left(path)] == ["user/u/a"]


def test_a_forked_process_has_to_open_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HoldJournal(path) as journal:
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with pytest.raises(Failure) as caught:
            journal.append(asked(), True)
    assert caught.value.code == "journal_in_use"


def test_the_same_hold_is_not_begun_twice_at_once(path: Path) -> None:
    with HoldJournal(path) as journal:
        journal.append(asked(), True)
        with pytest.raises(Failure) as caught:
            journal.append(asked(), True)
        assert caught.value.code == "hold_open"
        journal.append(Ended(A, "denied"), False)
        journal.append(asked(), True)


def test_a_closed_journal_takes_nothing(path: Path) -> None:
    journal = HoldJournal(path)
    journal.close()
    journal.close()
    with pytest.raises(Failure) as caught:
        journal.append(asked(), True)
    assert caught.value.code == "journal_failed"


@pytest.mark.parametrize("place", ["nowhere/holds.jsonl", "."])
def test_a_path_that_cannot_be_a_journal_is_told(tmp_path: Path, place: str) -> None:
    with pytest.raises(Failure) as caught:
        HoldJournal(tmp_path / place)
    assert caught.value.code == "journal_failed"


# ---- what is written anew


def test_a_long_journal_is_written_anew_with_what_is_open(path: Path) -> None:
    with HoldJournal(path, anew_bytes=2_000) as journal:
        journal.append(asked(B), True)
        journal.append(Held(B, "hold_b"), False)
        for _ in range(100):
            journal.append(asked(), False)
            journal.append(Ended(A, "denied"), False)
            assert path.stat().st_size <= 2_200
        journal.append(used(1, True, B), True)
        with pytest.raises(Failure):
            HoldJournal(path)  # the new file is locked as the old one was
    assert left(path) == [Left(B, "b", b'{"id":"x"}', "hold_b", (used(1, True, B),), True)]


def test_what_does_not_get_shorter_is_not_written_anew_each_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[Any] = []
    real = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (renamed.append(names), real(*names)))
    with HoldJournal(path, anew_bytes=500) as journal:
        for number in range(100):
            journal.append(asked(f"user/u_ana/{number}"), False)
    assert 1 <= len(renamed) <= 6
    assert len(left(path)) == 100


def test_where_it_cannot_be_written_anew_it_goes_on_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*names: object) -> None:
        raise OSError(errno.EACCES, "no")

    monkeypatch.setattr(os, "rename", failing)
    with HoldJournal(path, anew_bytes=100) as journal:
        journal.append(asked(), True)
        journal.append(Held(A, "hold_1"), True)
    assert [one.hold for one in left(path)] == ["hold_1"]


# ---- a disk that fails


def _failing(code: int) -> Any:
    def fail(*arguments: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_line_that_was_written_in_part_is_cut_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with HoldJournal(path) as journal:
        journal.append(asked(), True)
        size = path.stat().st_size
        parts = iter([5])

        def full(file: int, data: bytes) -> int:
            for length in parts:
                return real(file, data[:length])
            raise OSError(errno.ENOSPC, "no space")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(Failure) as caught:
            journal.append(Held(A, "hold_1"), True)
        monkeypatch.setattr(os, "write", real)
        assert (caught.value.code, path.stat().st_size) == ("journal_failed", size)
        journal.append(Held(A, "hold_2"), True)
    assert [one.hold for one in left(path)] == ["hold_2"]


def test_behind_a_disk_that_could_not_say_whether_it_wrote_nothing_more_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HoldJournal(path) as journal:
        monkeypatch.setattr(os, "fsync", _failing(errno.EIO))
        with pytest.raises(Failure) as first:
            journal.append(asked(), True)
        monkeypatch.undo()
        with pytest.raises(Failure) as second:
            journal.append(asked(B), True)
    assert [first.value.code, second.value.code] == ["journal_failed", "journal_failed"]


def test_what_is_durable_is_on_the_disk_before_it_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    write, fsync = os.write, os.fsync
    with HoldJournal(path) as journal:
        monkeypatch.setattr(os, "write", lambda *given: (done.append("write"), write(*given))[1])
        monkeypatch.setattr(os, "fsync", lambda file: (done.append("fsync"), fsync(file))[1])
        journal.append(asked(), True)
        journal.append(Held(A, "hold_1"), False)
    assert done == ["write", "fsync", "write"]


def test_many_threads_write_and_nothing_is_lost_while_it_is_written_anew(path: Path) -> None:
    with HoldJournal(path, anew_bytes=1_000) as journal, ThreadPoolExecutor(4) as threads:

        def hold(number: int) -> None:
            of = f"user/u_ana/{number}"
            journal.append(asked(of), True)
            journal.append(used(1, True, of), True)
            if number % 2:
                journal.append(Ended(of, "captured"), False)

        list(threads.map(hold, range(40)))
    assert {one.of for one in left(path)} == {f"user/u_ana/{number}" for number in range(0, 40, 2)}
    assert all(one.captures for one in left(path))
