"""The reader of exports: all that was written, and one error with its place for whatever is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from book.settled import copied, settled
from overspill.records.export import FILES, Manifest, SegmentLine
from overspill.store.export_reader import Export, opened_export
from overspill.store.export_writer import export
from overspill.store.opened import opened
from store.exports import BUILD, SEED, failure_of, lines_of


def _copy(whole: Path, target: Path) -> Export:
    target.mkdir()
    for path in whole.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return opened_export(target)


def _read(folder: Path) -> None:
    """All of it."""
    found = opened_export(folder)
    for one in (
        found.records,
        found.transactions,
        found.usage_events,
        found.monetization_events,
        found.balance_updates,
        found.balances,
        found.parked,
        found.policies,
    ):
        for _ in one():
            pass
    list(found._sound_forms())


def _changed(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Rewrites a file line by line, and has the manifest say its length."""
    body = b"".join(change(path.read_bytes().splitlines(keepends=True)))
    path.write_bytes(body)
    manifest = json.loads((path.parent / "manifest.json").read_text())
    manifest["files"][path.name]["bytes"] = len(body)
    (path.parent / "manifest.json").write_text(json.dumps(manifest))


def _at(number: int, change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    """Of the line with that number."""
    return lambda lines: [*lines[: number - 1], change(lines[number - 1]), *lines[number:]]


DAMAGES: list[tuple[str, Callable[[list[bytes]], list[bytes]], str]] = [
    ("transactions.jsonl", _at(5, lambda line: line[:-9] + b"\n"), "transactions.jsonl:5 is no row of its kind"),
    ("usage_events.jsonl", _at(3, lambda line: line.replace(b'"base"', b'"bass"')), "usage_events.jsonl:3 is no row"),
    ("balance_updates.jsonl", _at(9, lambda line: b"\xff\n"), "balance_updates.jsonl:9 is no row of its kind"),
    ("balances.jsonl", _at(2, lambda line: b"\n"), "balances.jsonl:2 is no row of its kind"),
    ("policies.jsonl", _at(1, lambda line: b"[]\n"), "policies.jsonl:1 is no row of its kind"),
    ("monetization_events.jsonl", lambda lines: lines[:-1], "rows, and had"),
    ("monetization_events.jsonl", lambda lines: [*lines, lines[-1]], "rows, and had"),
    ("transactions.jsonl", lambda lines: [lines[1], lines[0], *lines[2:]], "transactions.jsonl was changed"),
    ("balances.jsonl", lambda lines: [*lines[:-1], lines[-1][:-1]], "ends within a line"),
    ("journal.jsonl", _at(7, lambda line: line.replace(b'"at":', b'"At":')), "journal.jsonl:7 is no row of its kind"),
    ("journal.jsonl", lambda lines: lines[:-1], "ends within the segment"),
    ("journal.jsonl", lambda lines: [*lines, b"{}\n"], "goes on behind what belongs to it"),
    ("segments.jsonl", _at(4, lambda line: line.replace(b'"bytes":', b'"bytes":-')), "journal.jsonl:"),
    ("segments.jsonl", _at(4, lambda line: line.replace(b'"hash":"', b'"hash":"x')), "for a hash"),
    ("forms.jsonl", _at(1, lambda line: line.replace(b"form_", b"farm_", 1)), "forms.jsonl:1 has a form `farm_"),
]


@pytest.mark.parametrize(("name", "change", "said"), DAMAGES, ids=[f"{row[0]}-{row[2]}" for row in DAMAGES])
def test_damage_is_one_error_with_its_place(
    whole: Path, tmp_path: Path, name: str, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    _copy(whole, tmp_path / "x")
    _read(tmp_path / "x")
    _changed(tmp_path / "x" / name, change)
    failure = failure_of(lambda: _read(tmp_path / "x"))
    assert failure.code == "damaged_export"
    assert said in failure.message
    assert failure.help == "export again, or restore the folder from where it was kept"


MANIFESTS: list[tuple[Callable[[dict[str, Any]], object], str, str]] = [
    (
        lambda one: one.pop("hash"),
        "damaged_export",
        "manifest.json is no manifest: Object missing required field `hash`",
    ),
    (lambda one: one["files"].pop("forms.jsonl"), "damaged_export", "manifest.json names no forms.jsonl"),
    (lambda one: one["files"].update({"../x.jsonl": one["files"]["forms.jsonl"]}), "damaged_export", "names a file"),
    (lambda one: one["files"]["forms.jsonl"].update(bytes=3), "damaged_export", "and had 3 when it was exported"),
    (lambda one: one.update(export=2), "newer_export", "was exported by a newer version"),
]


@pytest.mark.parametrize(("change", "code", "said"), MANIFESTS, ids=[row[2] for row in MANIFESTS])
def test_a_manifest_that_is_none_is_refused(
    whole: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], code: str, said: str
) -> None:
    _copy(whole, tmp_path / "x")
    path = tmp_path / "x" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    failure = failure_of(lambda: opened_export(tmp_path / "x"))
    assert failure.code == code
    assert said in failure.message


def test_a_folder_without_a_manifest_is_no_export(whole: Path, tmp_path: Path) -> None:
    _copy(whole, tmp_path / "x")
    (tmp_path / "x" / "manifest.json").unlink()
    assert failure_of(lambda: opened_export(tmp_path / "x")).message.endswith("x is no export: it has no manifest.json")
    assert failure_of(lambda: opened_export(tmp_path / "y")).message == f"there is no folder {tmp_path / 'y'}"
    (tmp_path / "x" / "manifest.json").write_text("{")
    assert failure_of(lambda: opened_export(tmp_path / "x")).code == "damaged_export"


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    """In every file that every export has, at places all over it."""
    export(settled(copied(SEED, opened(None), 400)), tmp_path / "x", BUILD)
    tried = 0
    for name in FILES:
        path = tmp_path / "x" / name
        body = path.read_bytes()
        for place in range(0, len(body), max(len(body) // 12, 1)):
            path.write_bytes(body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :])
            assert failure_of(lambda: _read(tmp_path / "x")).code == "damaged_export"
            tried += 1
        path.write_bytes(body)
    _read(tmp_path / "x")
    assert tried > 80


def test_a_file_is_read_in_blocks(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any length, even shorter than a line."""
    expected = list(opened_export(whole).transactions())
    for block in (1, 100, 4096):
        monkeypatch.setattr("overspill.store.export_reader.BLOCK", block)
        assert list(opened_export(whole).transactions())[:50] == expected[:50]


def test_a_segment_line_says_where_its_records_are(whole: Path) -> None:
    [first, *_] = lines_of(whole / "segments.jsonl")
    body = (whole / "journal.jsonl").read_bytes()[: first["bytes"]]
    assert body.count(b"\n") == first["last_seq"] - first["first_seq"] + 1
    assert list(first) == list(SegmentLine.__struct_fields__)
    assert Manifest.__struct_encode_fields__[:3] == ("export", "from", "to")
