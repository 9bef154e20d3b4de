"""Signed checkpoints that are kept elsewhere: what nothing beside a database could show any more, because all of it was changed
together, they still do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from overspill import Engine, ManualClock, Request
from overspill.cli.main import run
from overspill.records.checkpoints import checkpoint_in
from overspill.records.notes import note, private_key_from, public_key_from, text_by
from overspill.store.opened import opened
from overspill.words.instants import instant_from_text
from store.places import ANA, POLICY, Place

NOW = instant_from_text("2026-10-05T10:00:00Z")
NAME = "example.com/usage"


class Kept:
    """What lies elsewhere: the keys, and checkpoints by name."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys
        folder.mkdir()
        self.key, self.public = str(folder / "usage.key"), str(folder / "usage.pub")
        assert run(["checkpoint", "key", NAME, "--out", self.key]) == 0
        Path(self.public).write_text(capsys.readouterr().out)

    def file(self, name: str) -> Path:
        return self._folder / name

    def sign(self, db: str, name: str, after: str | None = None) -> tuple[int, str]:
        """(exit code, what was said)."""
        more = [] if after is None else ["--after", str(self.file(after))]
        code = run(["checkpoint", "sign", "--db", db, "--key", self.key, "--out", str(self.file(name)), *more])
        return code, self._capsys.readouterr().err

    def reconcile(self, what: list[str], *names: str, key: str | None = None) -> tuple[int, str]:
        """(exit code, what was printed)."""
        notes = [part for name in names for part in ("--checkpoint", str(self.file(name)))]
        code = run(["reconcile", *what, *notes, *(["--public-key", key or self.public] if names else [])])
        told = self._capsys.readouterr()
        return code, told.out + told.err

    def check(self, db: str, *names: str, format_: str = "text") -> tuple[int, str]:
        """(exit code, what was printed)."""
        notes = [part for name in names for part in ("--checkpoint", str(self.file(name)))]
        self._capsys.readouterr()
        code = run(["checkpoint", "check", "--db", db, *notes, "--public-key", self.public, "--format", format_])
        return code, self._capsys.readouterr().out


@pytest.fixture
def kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Kept:
    return Kept(tmp_path / "elsewhere", capsys)


def _decided(db: str, first: int, last: int, credits: int = 1) -> None:
    """Records `first` to `last`, settled: a grant, then decisions on it."""
    with Engine.open(POLICY, db=db, clock=ManualClock(NOW), settle=False) as engine:
        for number in range(first, last + 1):
            if number == 1:
                engine.grant(ANA, "money", "100", id="C1")
            else:
                engine.decide(Request(id=f"r{number}", account=ANA, meters={"credits": credits}))
        engine.settle()


def test_a_journal_agrees_with_what_was_signed_of_it(shared: Place, kept: Kept, tmp_path: Path) -> None:
    assert shared.db is not None
    _decided(shared.db, 1, 3)
    assert kept.sign(shared.db, "a")[0] == 0
    _decided(shared.db, 4, 6)
    assert kept.sign(shared.db, "b", after="a")[0] == 0
    public = public_key_from(Path(kept.public).read_text())
    first, second = (checkpoint_in(text_by(kept.file(name).read_bytes(), public)) for name in ("a", "b"))
    store = opened(shared.db)
    assert (first.origin, first.size, first.hash) == (NAME, 3, store.hash_at(3))
    assert (second.size, second.hash) == (6, store.hash_at(6))
    store.close()
    shown = json.loads(kept.check(shared.db, "a", "b", format_="json")[1])
    assert [(one["origin"], one["records"], one["matches"]) for one in shown] == [(NAME, 3, True), (NAME, 6, True)]
    code, told = kept.check(shared.db, "a", "b")
    assert (code, told.count(f"as {NAME} signed it: ")) == (0, 2)
    code, told = kept.reconcile(["--db", shared.db], "a", "b")
    assert (code, told.count(f"as signed by {NAME} at record"), "SIGNED" in told) == (0, 2, False)
    assert run(["export", "--db", shared.db, "--out", str(tmp_path / "all")]) == 0
    code, told = kept.reconcile(["--export", str(tmp_path / "all"), "--format", "json"], "a", "b")
    found = json.loads(told[told.index("{") :])
    assert (code, found["clean"], [one["size"] for one in found["checkpoints"]]) == (0, True, [3, 6])


def test_a_journal_that_was_cut_with_its_anchor_and_export_is_found_by_what_was_signed_alone(
    kept: Kept, tmp_path: Path
) -> None:
    db, older = tmp_path / "x.db", tmp_path / "older"
    _decided(str(db), 1, 4)
    older.mkdir()
    for path in tmp_path.glob("x.db*"):
        shutil.copy(path, older / path.name)
    _decided(str(db), 5, 9)
    kept.sign(str(db), "a")
    for path in tmp_path.glob("x.db*"):
        path.unlink()
    for path in older.iterdir():
        shutil.copy(path, db.parent / path.name)
    assert run(["export", "--db", str(db), "--out", str(tmp_path / "all")]) == 0

    _decided(str(db), 5, 5)  # nobody refuses it: the anchor was put back too
    for what in (["--db", str(db)], ["--export", str(tmp_path / "all")]):
        assert kept.reconcile(what)[0] == 0
        code, told = kept.reconcile(what, "a")
        assert code == 1
        assert "9 records, and the journal ends at record" in told
        assert (told[:23], told.rstrip()[-7:]) == ("chain     SIGNED record", "1 chain")
    code, said = kept.sign(str(db), "b", after="a")
    assert (code, "records_missing" in said, kept.file("b").exists()) == (3, True, False)
    code, told = kept.check(str(db), "a")
    assert (code, told.startswith("records_missing: ")) == (1, True)


def test_another_journal_of_the_same_length_is_found_too(kept: Kept, tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 5)
    kept.sign(db, "a")
    for path in tmp_path.glob("x.db*"):
        path.unlink()
    _decided(db, 1, 7, credits=2)
    assert kept.reconcile(["--db", db])[0] == 0
    code, told = kept.reconcile(["--db", db], "a")
    assert (code, "another hash at record 5" in told) == (1, True)
    code, said = kept.sign(db, "b", after="a")
    assert (code, "other_history" in said) == (3, True)
    [shown] = json.loads(kept.check(db, "a", format_="json")[1])
    assert (shown["matches"], shown["code"]) == (False, "other_history")
    code, told = kept.check(db, "a")
    assert (code, told.startswith("other_history: ")) == (1, True)


def test_what_was_put_back_and_not_accepted_is_not_signed(kept: Kept, tmp_path: Path) -> None:
    db, backup = str(tmp_path / "x.db"), str(tmp_path / "b.db")
    _decided(db, 1, 3)
    assert run(["db", "backup", "--db", db, "--out", backup]) == 0
    _decided(db, 4, 5)
    kept.sign(db, "a")
    assert run(["db", "restore", backup, "--db", db, "--replace"]) == 0
    code, said = kept.sign(db, "b")
    assert (code, "error[restored]" in said, kept.file("b").exists()) == (3, True, False)
    assert kept.check(db, "a")[0] == 1


def test_an_empty_journal_can_be_signed_and_is_continued_by_any(kept: Kept, tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    opened(db).close()
    assert kept.sign(db, "a")[0] == 0
    _decided(db, 1, 2)
    assert kept.reconcile(["--db", db], "a")[0] == 0


def test_what_is_not_signed_by_the_key_counts_for_nothing(kept: Kept, tmp_path: Path) -> None:
    db = str(tmp_path / "x.db")
    _decided(db, 1, 3)
    kept.sign(db, "a")
    other = Kept(tmp_path / "others", kept._capsys)
    data, own = kept.file("a").read_bytes(), private_key_from(Path(kept.key).read_text())
    kept.file("longer").write_bytes(data.replace(b"\n3\n", b"\n4\n"))
    kept.file("foreign").write_bytes(note("other.example\n3\n" + "A" * 43 + "=\nat 2026-10-05T10:00:00Z\n", own))
    kept.file("text").write_bytes(note("hello\n", own))
    kept.file("nothing").write_bytes(b"")
    for name, key, code in (
        ("longer", None, "bad_signature"),
        ("a", other.public, "not_signed"),
        ("a", kept.key, "bad_key"),
        ("foreign", None, "other_origin"),
        ("text", None, "not_a_checkpoint"),
        ("nothing", None, "not_a_note"),
        ("no file", None, "unreadable"),
    ):
        exit, told = kept.reconcile(["--db", db], name, key=key)
        assert (exit, f"error[{code}]" in told, "help: " in told, "explained" in told) == (2, True, True, False), told
    assert run(["reconcile", "--db", db, "--checkpoint", str(kept.file("a"))]) == 2
    assert "name --checkpoint and --public-key together" in kept._capsys.readouterr().err


def test_a_private_key_is_for_its_owner_alone_and_never_replaced(kept: Kept) -> None:
    path = Path(kept.key)
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(["checkpoint", "key", NAME, "--out", kept.key]) == 2
    assert run(["checkpoint", "key", "two words", "--out", str(kept.file("new"))]) == 2
    said = kept._capsys.readouterr()
    assert ("exists" in said.err, "bad_name" in said.err) == (True, True)
    assert (path.read_bytes(), kept.file("new").exists()) == (before, False)
    assert before.decode().strip().rpartition("+")[2] not in Path(kept.public).read_text()
