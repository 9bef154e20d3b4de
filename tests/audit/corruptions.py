"""Single changes of an export, made systematically: of each kind of row each field, each in every way that its value can be
changed; rows dropped, doubled, swapped; bytes of hashes; figures of the manifest; and edits of the journal whose hashes are
made anew, so that nothing but what the journal says can give them away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from audit.exports import Files, counted, rechained
from overspill.records import export
from overspill.records.journal import answered, decode_stored
from overspill.records.written import Form

Json = Any
Path = tuple[str | int, ...]
AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z")
DATASETS = (export.TRANSACTIONS, export.USAGE_EVENTS, export.MONETIZATION_EVENTS, export.BALANCE_UPDATES)
ROWS = (*DATASETS, export.BALANCES)
WORDS = {
    "reason": ("charged", "covered"),
    "why": ("usage", "expired"),
    "hold_state": ("open", "over"),
    "category": ("promotional", "paid"),
    "outcome": ("allow", "partial"),
}
"""Fields of few words: another of them is as well formed."""


class Corruption(NamedTuple):
    """`kind` for the count (`transactions.jsonl: legs.amount, a step more`), `name` says which row; `classes` are those of
    which one must be among the findings (none: any)."""

    kind: str
    name: str
    files: Callable[[], Files]
    classes: tuple[str, ...] = ()


# ---- values


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every value that is not made of others, empty ones included, with its place."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path, value


def lists(value: Json, path: Path = ()) -> Iterator[tuple[Path, list[Json]]]:
    """Every list with something in it."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from lists(one, (*path, key))
    elif isinstance(value, list) and value:
        yield path, value
        for index, one in enumerate(value):
            yield from lists(one, (*path, index))


def put(value: Json, path: Path, change: Callable[[Json], Json]) -> Json:
    """The value with one place otherwise."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], change)  # type: ignore[index]
    return copy


def named(path: Path) -> str:
    """`legs.2.amount` → `legs.amount`."""
    return ".".join([part for part in path if isinstance(part, str)]) or "row"


def changed(path: Path, value: Json) -> Iterator[tuple[str, Json]]:
    """(how, another value that is as well formed)."""
    words = WORDS.get(str(path[-1]) if path else "")
    if words is not None and isinstance(value, str):
        yield "another word", words[value == words[0]]
    elif isinstance(value, bool):
        yield "turned", not value
    elif isinstance(value, int):
        yield "one more", value + 1
    elif value is None:
        yield "something", "x"
    elif isinstance(value, str) and AMOUNT.fullmatch(value):
        yield "a step more", _stepped(value)
        yield "the other sign", value.removeprefix("-") if value.startswith("-") else f"-{value}"
    elif isinstance(value, str) and INSTANT.fullmatch(value):
        yield "another second", value[:18] + ("1" if value[18] != "1" else "2") + value[19:]
    elif isinstance(value, str) and value:
        yield "another end", value[:-1] + ("b" if value[-1] != "b" else "c")
        yield "empty", ""
    elif value == {}:
        yield "something", {"credits": "1"}
    elif value == []:
        yield "something", ["x"]


def _stepped(text: str) -> str:
    """One more in the last place that is shown."""
    whole, point, rest = text.partition(".")
    scale = len(rest)
    stepped = int(whole + rest) + 1
    digits = str(abs(stepped)).rjust(scale + 1, "0")
    sign = "-" if stepped < 0 else ""
    return f"{sign}{digits[: len(digits) - scale]}{point}{digits[len(digits) - scale :]}".rstrip(
        "0" if point else ""
    ).rstrip(".")


# ---- rows


def _kind_of(name: str, row: Json) -> str:
    """What tells rows of one file apart."""
    if name == export.TRANSACTIONS:
        return str(row["kind"])
    if name == export.BALANCE_UPDATES:
        return str(row["why"])
    if name == export.BALANCES:
        return str(row["account"]).partition(":")[0]
    return str(row.get("reason", ""))


def _rows(files: Files, name: str) -> list[Json]:
    return [json.loads(line) for line in files[name].splitlines()]


def _with(files: Files, name: str, rows: list[Json]) -> Files:
    text = "".join([json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows])
    return counted({**files, name: text.encode()})


def of_rows(files: Files) -> Iterator[Corruption]:
    """Each field of each kind of row."""
    for name in ROWS:
        rows, seen = _rows(files, name), set[tuple[str, str, str]]()
        for at, row in enumerate(rows):
            kind = _kind_of(name, row)
            for path, value in leaves(row):
                for how, other in changed(path, value):
                    mark = (kind, _told(path), how)
                    if mark not in seen:
                        seen.add(mark)
                        new = put(row, path, lambda _, other=other: other)
                        yield _one(files, name, rows, at, f"{named(path)}, {how}", kind, [new])
            for path, some in lists(row):
                for how, others in (("one less", some[1:]), ("one twice", [some[0], *some])):
                    mark = (kind, _told(path), how)
                    if mark not in seen:
                        seen.add(mark)
                        new = put(row, path, lambda _, others=others: others)
                        yield _one(files, name, rows, at, f"{named(path)}, {how}", kind, [new])
            for key in row:
                mark = (kind, key, "without")
                if mark not in seen:
                    seen.add(mark)
                    new = {other: value for other, value in row.items() if other != key}
                    yield _one(files, name, rows, at, f"{key}, without", kind, [new])


def _told(path: Path) -> str:
    """A place by its names; the first and the later legs apart."""
    return ".".join([str(min(part, 1)) if isinstance(part, int) else part for part in path])


def _one(
    files: Files, name: str, rows: list[Json], at: int, what: str, kind: str, new: list[Json], *classes: str
) -> Corruption:
    def corrupt() -> Files:
        return _with(files, name, [*rows[:at], *new, *rows[at + 1 :]])

    return Corruption(f"{name}: {what}", f"{kind} in line {at + 1}", corrupt, classes)


def of_places(files: Files) -> Iterator[Corruption]:
    """A row less, a row twice, two rows in each other's place, a row that goes elsewhere."""
    for name in ROWS:
        rows, seen = _rows(files, name), set[str]()
        for at, row in enumerate(rows):
            kind = _kind_of(name, row)
            if kind in seen:
                continue
            seen.add(kind)
            yield _one(files, name, rows, at, "a row less", kind, [], "missing")
            yield _one(files, name, rows, at, "a row twice", kind, [row, row], "duplicate")
            far = [*rows, row]
            yield Corruption(
                f"{name}: a row again at the end",
                kind,
                lambda name=name, far=far: _with(files, name, far),
                ("duplicate", "order"),
            )
            if at + 1 < len(rows):
                swapped = [*rows[:at], rows[at + 1], row, *rows[at + 2 :]]
                yield Corruption(
                    f"{name}: two rows swapped",
                    kind,
                    lambda name=name, some=swapped: _with(files, name, some),
                    ("order",),
                )
        cut = files[name][: len(files[name]) // 2]
        yield Corruption(f"{name}: cut off", "", lambda name=name, cut=cut: counted({**files, name: cut}), ("missing",))
        yield Corruption(f"{name}: empty", "", lambda name=name: counted({**files, name: b""}), ("missing",))


# ---- files


def of_files(files: Files) -> Iterator[Corruption]:
    """A byte of each file, and a file less, where the manifest is not made anew."""
    for name in files:
        if name == export.MANIFEST or not files[name]:
            continue
        for at in [len(files[name]) * part // 5 for part in range(5)]:
            data = bytearray(files[name])
            data[at] ^= 1
            yield Corruption(
                f"{name}: a bit", f"at {at}", lambda name=name, data=data: {**files, name: bytes(data)}, ("chain",)
            )
        yield Corruption(
            f"{name}: a blank line at the end", "", lambda name=name: {**files, name: files[name] + b"\n"}, ("chain",)
        )
        yield Corruption(
            f"{name}: no such file", "", lambda name=name: {k: v for k, v in files.items() if k != name}, ("chain",)
        )


def of_manifest(files: Files) -> Iterator[Corruption]:
    """Every figure of the manifest, but by what program it was made."""
    manifest = json.loads(files[export.MANIFEST])
    for path, value in leaves(manifest):
        if path[0] == "made_by":
            continue
        for how, other in changed(path, value):
            if path == ("settled_through",) and how == "one more":
                continue
            new = put(manifest, path, lambda _, other=other: other)
            yield _manifest(files, f"{named(path)}, {how}", new)
    for name in manifest["files"]:
        yield _manifest(
            files, "a file less", {**manifest, "files": {k: v for k, v in manifest["files"].items() if k != name}}
        )
    yield _manifest(
        files, "settled_through, one more", {**manifest, "settled_through": manifest["settled_through"] + 1}
    )
    yield _manifest(
        files, "settled_through, many less", {**manifest, "settled_through": manifest["settled_through"] // 2}
    )


def _manifest(files: Files, what: str, new: Json) -> Corruption:
    return Corruption(f"manifest.json: {what}", "", lambda: {**files, export.MANIFEST: json.dumps(new).encode()})


def of_segments(files: Files) -> Iterator[Corruption]:
    """Each field of the chain, but by what program a segment was made; segments less, twice, swapped."""
    name = export.SEGMENTS
    rows = _rows(files, name)
    for at in (0, len(rows) // 2, len(rows) - 1):
        for path, value in leaves(rows[at]):
            if path[0] == "build":
                continue
            for how, other in changed(path, value):
                new = put(rows[at], path, lambda _, other=other: other)
                yield _one(files, name, rows, at, f"{named(path)}, {how}", "", [new])
        for at_byte in (0, 31, 63):
            for key in ("hash", "previous_hash"):
                text = rows[at][key]
                turned = f"{int(text[at_byte], 16) ^ 1:x}"
                new = {**rows[at], key: text[:at_byte] + turned + text[at_byte + 1 :]}
                yield _one(files, name, rows, at, f"{key}, a bit", f"digit {at_byte}", [new], "chain")
        yield _one(files, name, rows, at, "a row less", "", [], "chain")
        yield _one(files, name, rows, at, "a row twice", "", [rows[at], rows[at]], "chain")


def of_forms(files: Files) -> Iterator[Corruption]:
    """Forms, which answers of the journal are written in."""
    name = export.FORMS
    rows = _rows(files, name)
    for at in range(min(len(rows), 2)):
        for path, value in list(leaves(rows[at]))[:40]:
            for how, other in changed(path, value):
                new = put(rows[at], path, lambda _, other=other: other)
                yield _one(files, name, rows, at, f"{named(path)}, {how}", "", [new])
        yield _one(files, name, rows, at, "a row less", "", [], "missing")
        yield _one(files, name, rows, at, "a row twice", "", [rows[at], rows[at]], "duplicate")


def of_policies(files: Files) -> Iterator[Corruption]:
    name = export.POLICIES
    rows = _rows(files, name)
    for at, row in enumerate(rows):
        yield _one(files, name, rows, at, "a row less", "", [], "missing")
        yield _one(files, name, rows, at, "a row twice", "", [row, row], "duplicate")
        yield _one(
            files, name, rows, at, "digest, another end", "", [{**row, "digest": row["digest"][:-1] + "x"}], "missing"
        )


# ---- the journal


def bodies_of(files: Files) -> list[bytes]:
    """The journal's segments."""
    found, at = [], 0
    for row in _rows(files, export.SEGMENTS):
        found.append(files[export.JOURNAL][at : at + row["bytes"]])
        at += row["bytes"]
    return found


def of_journal(files: Files, forms: dict[str, Form], is_witnessed: Callable[[str, Path], bool]) -> Iterator[Corruption]:
    """Each field of each kind of record that something else in the export is a witness of; with all hashes made anew."""
    bodies = bodies_of(files)
    through = json.loads(files[export.MANIFEST])["settled_through"]
    seen: set[tuple[str, str, str]] = set()
    for segment, body in enumerate(bodies):
        lines = body.splitlines(keepends=True)
        for at, line in enumerate(lines):
            record = _whole(line, forms)
            kind = record["key"][2]

            def corrupted(new: list[Json], segment: int = segment, at: int = at, lines: list[bytes] = lines) -> Files:
                text = b"".join(
                    [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for one in new]
                )
                changed = b"".join([*lines[:at], text, *lines[at + 1 :]])
                return rechained(files, [*bodies[:segment], changed, *bodies[segment + 1 :]], through)

            for path, value in leaves(record):
                if not is_witnessed(kind, path):
                    continue
                for how, other in changed(path, value):
                    mark = (kind, _told(path), how)
                    if mark not in seen:
                        seen.add(mark)
                        new = put(record, path, lambda _, other=other: other)
                        yield Corruption(
                            f"journal.jsonl, hashes made anew: {named(path)}, {how}",
                            f"{kind} {record['seq']}",
                            lambda new=new, corrupted=corrupted: corrupted([new]),
                        )
            if (kind, "", "twice") not in seen:
                seen.add((kind, "", "twice"))
                what = "journal.jsonl, hashes made anew"
                yield Corruption(
                    f"{what}: a record twice", kind, lambda r=record, c=corrupted: c([r, r]), ("duplicate",)
                )
                yield Corruption(f"{what}: a record less", kind, lambda c=corrupted: c([]), ("chain",))


def _whole(line: bytes, forms: dict[str, Form]) -> Json:
    """A record with its answer as it is, whatever form it is stored in."""
    record = json.loads(line)
    if "form" in record:
        answer = answered(decode_stored(line), forms.__getitem__).answer
        record = {key: value for key, value in record.items() if key not in ("form", "values")} | {
            "answer": json.loads(bytes(answer))
        }
    return record
