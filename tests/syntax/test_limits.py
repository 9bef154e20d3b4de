"""Limits of what is read: just within is taken, one more is refused in words that name the limit."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from overspill import Engine
from overspill.cli.main import run
from overspill.records.wire import request_from_json
from overspill.runtime.bundles import READ_MAX, sources_of
from overspill.syntax import read as reader
from overspill.words.failures import Failure
from support.suites import read as read_suite
from support.texts import DSL, YAML, faults_of_bundle

Files = Mapping[str, bytes]
KIB = 1024


def _dsl(text: str) -> Files:
    return {"t.spill": text.encode()}


def _yaml(text: str) -> Files:
    return {"t.spill.yaml": text.encode()}


def _filled(text: str, mark: str, size: int) -> str:
    """The text and a comment that make `size` bytes."""
    return text + mark + "x" * (size - len(text) - len(mark))


def _split(count: int, extra: str = "") -> Files:
    """The small policy, and comments in so many files together."""
    return {"t.spill": DSL.encode()} | {f"{number:05}.spill": f"// {extra}".encode() for number in range(1, count)}


def _nested(depth: int) -> str:
    """A condition in brackets; it stands in the waterfall's own."""
    return DSL.replace("when user.blocked;\n  draw plan", f"when {'(' * depth}user.blocked{')' * depth};\n  draw plan")


LIMITS: list[tuple[str, Callable[[int], Files], int, str, str]] = [
    (
        "bytes of a DSL file",
        lambda n: _dsl(_filled(DSL, "// ", n)),
        256 * KIB,
        "OSP102",
        "the file is larger than 256 KiB",
    ),
    (
        "bytes of a YAML file",
        lambda n: _yaml(_filled(YAML, "# ", n)),
        256 * KIB,
        "OSP102",
        "the file is larger than 256 KiB",
    ),
    (
        "nodes of a YAML file",
        lambda n: _yaml("a: [" + "b," * (n - 3) + "]"),
        20_000,
        "OSP102",
        "the file has more than 20000 nodes",
    ),
    ("files of a bundle", _split, 1000, "OSP102", "the bundle has more than 1000 files"),
    ("nesting in the DSL", lambda n: _dsl(_nested(n - 1)), 64, "OSP103", "the file is nested deeper than 64"),
    (
        "nesting in YAML",
        lambda n: _yaml("a: " + "[" * (n - 1) + "]" * (n - 1)),
        32,
        "OSP103",
        "the file is nested deeper than 32",
    ),
    (
        "characters of a name",
        lambda n: _dsl(DSL.replace("plan_limit", "p" * n)),
        64,
        "OSP205",
        f"`{'p' * 65}` is no name",
    ),
    (
        "characters of an expression",
        lambda n: _dsl(DSL.replace('"free"', f'"{"f" * (n - len("user.plan != ") - 2)}"')),
        4096,
        "OSP102",
        "the expression is longer than 4096 characters",
    ),
    (
        "the version",
        lambda n: _dsl(DSL.replace("version 1", f"version {n}")),
        10**9 - 1,
        "OSP222",
        "a version is a whole number from 1",
    ),
]
"""(what, n → files, the largest n, code and message at n + 1)."""


@pytest.mark.parametrize(("what", "files", "most", "code", "message"), LIMITS, ids=[row[0] for row in LIMITS])
def test_within_is_taken_and_one_more_is_refused(
    what: str, files: Callable[[int], Files], most: int, code: str, message: str
) -> None:
    assert code not in [fault.code for fault in faults_of_bundle(dict(files(most)))]
    over = [fault for fault in faults_of_bundle(dict(files(most + 1))) if fault.code == code]
    assert [fault.message for fault in over[:1]] == [message]
    assert over[0].help


AMOUNTS: list[tuple[str, str, str]] = [
    ("decimal(9)", "9223372036.854775806", "9223372036.854775807"),
    ("decimal(0)", "999999999999999999", "1000000000000000000"),
    ("decimal(9)", "0.000000001", "0.0000000001"),
    ("decimal(2)", "0.01", "0.001"),
    ("integer", "1", "0.1"),
]
"""(unit, the last amount that is taken, the next)."""


@pytest.mark.parametrize(("unit", "last", "over"), AMOUNTS)
def test_amounts_fit_and_are_whole_steps(unit: str, last: str, over: str) -> None:
    def codes(amount: str) -> list[str]:
        text = DSL.replace("credits: decimal(2)", f"credits: {unit}").replace("10 credits", f"{amount} credits")
        return [fault.code for fault in faults_of_bundle(dict(_dsl(text)))]

    known = set(codes("1"))
    assert set(codes(last)) == known
    assert set(codes(over)) - known


def test_the_scale_of_a_unit_has_an_end() -> None:
    for scale, taken in ((9, True), (10, False), (99, False)):
        faults = faults_of_bundle(dict(_dsl(DSL.replace("decimal(2)", f"decimal({scale})"))))
        assert (faults == ()) == taken


def test_a_bundle_has_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 MiB take their time to read, so the limit is lowered: what counts is that all files count together."""
    files = dict(_split(4, "x" * 1000))
    monkeypatch.setattr(reader, "BUNDLE_BYTES_MAX", sum(map(len, files.values())))
    assert "OSP102" not in [fault.code for fault in faults_of_bundle(files)]
    assert [fault.code for fault in faults_of_bundle({**files, "z.spill": b"//"})] == ["OSP102"]


@pytest.mark.parametrize(("slips", "codes"), [(20, []), (21, ["OSP111"]), (500, ["OSP111"])])
def test_of_slips_without_end_twenty_are_shown_and_that_there_are_more(slips: int, codes: list[str]) -> None:
    found = faults_of_bundle(dict(_dsl(DSL + "limt x;\n" * slips)))
    assert [fault.code for fault in found[20:]] == codes
    assert {fault.code for fault in found[:20]} == {found[0].code} != {"OSP111"}
    lines = DSL.count("\n")
    assert [fault.span.source.position(fault.span.start)[0] for fault in found[20:]] == [lines + 21] * len(codes)


def test_a_huge_file_is_not_read_to_its_end(tmp_path: object) -> None:
    path = tmp_path / "t.spill"  # type: ignore[operator]
    with path.open("wb") as file:
        file.truncate(64 * KIB * KIB)
    assert len(sources_of(path)["t.spill"]) == READ_MAX


# ---- requests


def _request(**changes: object) -> str:
    fields = {"product": "codex", "model": "gpt-5.5"}
    meters = {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0}
    return json.dumps({"id": "r1", "account": {"user": "u"}, "fields": fields, "meters": meters, **changes})


REQUESTS: list[tuple[str, Callable[[int], str], int, str, str]] = [
    (
        "bytes",
        lambda n: _request() + " " * (n - len(_request())),
        256 * KIB,
        "invalid_json",
        "the request is larger than 262144 bytes",
    ),
    ("nesting", lambda n: "[" * n + "]" * n, 32, "invalid_json", "the request is nested deeper than 32"),
    (
        "digits",
        lambda n: "9" * n,
        19,
        "invalid_json",
        f"the request holds the number `{'9' * 20}`, which has more than 19 digits",
    ),
    ("characters of the id", lambda n: _request(id="r" * n), 128, "invalid_id", None),
    ("characters of an account", lambda n: _request(account={"user": "u" * n}), 128, "invalid_id", None),
    ("characters of a field", lambda n: _request(fields={"product": "p" * n}), 256, "invalid_field", None),
    ("a meter", lambda n: _request(meters={"output_tokens": n}), 2**63 - 1, "invalid_meter", None),
]  # type: ignore[list-item]


@pytest.mark.parametrize(("what", "text", "most", "code", "message"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_a_request_has_its_limits(
    what: str, text: Callable[[int], str], most: int, code: str, message: str | None
) -> None:
    def tried(n: int) -> Failure | None:
        try:
            engine.preview(request_from_json(text(n)))
        except Failure as failure:
            return failure
        return None

    with Engine.open() as engine:
        engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
        within, over = tried(most), tried(most + 1)
    assert within is None or within.code != code
    assert over is not None
    assert over.code == code
    assert message is None or over.message == message
    assert over.help


def test_a_line_without_end_is_refused_and_the_next_ones_are_decided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [_request(), " " * (256 * KIB * 5), _request(id="r2"), "x" * (256 * KIB + 2), _request(id="r3")]
    stdin = io.BytesIO("\n".join(lines).encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin, isatty=lambda: False))
    assert run(["decide", "-", "--set", "plan=plus", "--format", "json"]) == 2
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.get("request") or one["error"]["code"] for one in said] == ["r1", "r2", "invalid_json", "r3"]


# ---- tests


@pytest.mark.parametrize(("rows", "taken"), [(2000, True), (2001, False)])
def test_a_matrix_has_so_many_rows(rows: int, taken: bool) -> None:
    text = f"""cases:
  - name: m
    matrix:
      axes: {{tokens: [{", ".join(map(str, range(rows)))}]}}
      decide: {{product: text, model: m1}}
      table: ""
"""
    suite, faults = read_suite(text)
    assert (suite is not None) == taken
    assert taken or "at most 2000 rows" in faults[0].message


DEEP = "(" * 70 + "[" * 70
NOT_NESTED = [
    f"// {DEEP}\n",
    f'owner "{DEEP}";',
    f'owner "a \\" {DEEP}";',
    f'let a = user.plan == r"\\" || user.plan == "{DEEP}";',
    f"let a = user.plan == '''\n{DEEP}''' || user.plan == \"//\"; // {DEEP}",
]


@pytest.mark.parametrize("text", NOT_NESTED)
def test_brackets_in_comments_and_strings_are_no_nesting(text: str) -> None:
    assert "OSP103" not in [fault.code for fault in faults_of_bundle(_dsl(f"{DSL}\n{text}\n"))]


def test_brackets_behind_a_string_are_nesting() -> None:
    """Whatever the string holds."""
    text = f'{DSL}\nlet a = user.plan == "//" || ' + "[" * 70 + "]" * 70 + " == 1;\n"
    assert [fault.code for fault in faults_of_bundle(_dsl(text))] == ["OSP103"]
