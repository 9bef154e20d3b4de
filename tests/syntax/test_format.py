"""The formatter and the converter: one style, the same meaning, every comment once and where it belongs."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.review.diff import read_side
from overspill.syntax import format, tree
from overspill.syntax.comments import Comments
from overspill.syntax.format import Surface, formatted
from overspill.syntax.read import read
from overspill.syntax.style import in_style
from overspill.syntax.write_yaml import write_yaml
from overspill.words.failures import Failure
from support.comments import any_yaml, commented_dsl, commented_yaml
from support.everything import EVERYTHING, any_policies, without_spans
from support.texts import DSL as TINY

DSL, YAML = Surface.DSL, Surface.YAML
SHIPPED = Path(str(files("overspill_policies") / "codex_sora"))


def written(text: str, own: Surface, to: Surface) -> str:
    """The text of a file of one surface, formatted in the same or the other one."""
    found, faults = formatted(f"t{own.ending}", text.encode(), to)
    assert faults == ()
    assert found is not None
    return found


def file_of(text: str, surface: Surface) -> tree.File:
    file, faults = read(f"t{surface.ending}", text.encode())
    assert faults == ()
    assert file is not None
    return file


def comments(text: str, surface: Surface) -> Counter[str]:
    mark = "//" if surface is DSL else "#"
    return Counter(comment.text.removeprefix(mark).rstrip() for comment in file_of(text, surface).comments)


def digest(text: str, surface: Surface) -> str:
    return read_side({f"t{surface.ending}": text.encode()}).digest


def yaml_policies() -> st.SearchStrategy[str]:
    return any_policies().map(lambda text: write_yaml(file_of(text, DSL).items))


GENERATED = [
    (DSL, commented_dsl(any_policies())),
    (YAML, commented_yaml(yaml_policies())),
    (YAML, commented_yaml(any_yaml(yaml_policies()))),
]
EACH = pytest.mark.parametrize(("own", "texts"), GENERATED, ids=["dsl", "yaml", "anybodys yaml"])


@EACH
@given(data=st.data())
def test_formatting_again_changes_nothing(own: Surface, texts: st.SearchStrategy[str], data: st.DataObject) -> None:
    once = written(data.draw(texts), own, own)
    assert written(once, own, own) == once


@EACH
@pytest.mark.parametrize("to", [DSL, YAML])
@given(data=st.data())
def test_what_is_written_says_the_same_with_the_same_comments(
    own: Surface, texts: st.SearchStrategy[str], to: Surface, data: st.DataObject
) -> None:
    text = data.draw(texts)
    result = written(text, own, to)
    assert digest(result, to) == digest(text, own)
    assert comments(result, to) == comments(text, own)
    said = without_spans(tuple(in_style(file_of(text, own).items)))
    assert without_spans(tuple(in_style(file_of(result, to).items))) == said
    assert written(result, to, to) == result


@EACH
@given(data=st.data())
def test_from_dsl_to_yaml_and_back_is_the_same_text(
    own: Surface, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    once = written(data.draw(texts), own, DSL)
    assert written(written(once, DSL, YAML), YAML, DSL) == once


# ---- one rich example in each surface

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("to", [DSL, YAML])
@pytest.mark.parametrize("own", [DSL, YAML])
def test_an_untidy_file_is_written_as_shown(own: Surface, to: Surface) -> None:
    untidy = (GOLDEN / f"untidy{own.ending}").read_text("utf-8")
    assert written(untidy, own, to) == (GOLDEN / f"tidy_from_{own.value}{to.ending}").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.spill*")), ids=lambda path: path.name)
def test_the_shipped_files_are_formatted(path: Path) -> None:
    assert formatted(path.name, path.read_bytes()) == (path.read_text("utf-8"), ())


# ---- where comments go: the text, and the lines that come of it

DSL_CASES: list[tuple[str, str, list[str]]] = [
    ("above a statement", "account b {\n// x\ny: int; }", ["account b {", "  // x", "  y: int;", "}"]),
    ("behind a statement", "account b { y: int; // x\n}", ["account b {", "  y: int;  // x", "}"]),
    ("behind the brace", "account b { // x\ny: int; }", ["account b {  // x", "  y: int;", "}"]),
    ("behind a block of one line", "account b { y: int; } // x", ["account b {  // x", "  y: int;", "}"]),
    ("behind the last brace", "account b {\ny: int;\n} // x", ["account b {", "  y: int;", "  // x", "}"]),
    ("last in a block", "account b { y: int;\n// x\n}", ["account b {", "  y: int;", "  // x", "}"]),
    ("in a block of nothing else", "account b {\n// x\n}", ["account b {", "  // x", "}"]),
    ("behind a block of nothing", "account b { } // x", ["account b {}  // x"]),
    ("inside a statement", "account b { y: // x\nint; }", ["account b {", "  // x", "  y: int;", "}"]),
    ("before the brace", "account b // {\n{ y: int; }", ["// {", "account b {", "  y: int;", "}"]),
    ("in two groups", "// x\n\n\n// y\naccount b {}", ["// x", "", "// y", "account b {}"]),
    ("set off", "account b {}\n// x\n\naccount c {}", ["account b {}", "", "// x", "", "account c {}"]),
    ("on several lines", "unit c: integer; // x\n                 // y",
     ["unit c: integer;  // x", "                  // y"]),
    ("at the end of the file", "account b {}\n// x", ["account b {}", "", "// x"]),
    ("without a word", "account b {} //", ["account b {}  //"]),
    ("one below the other", "account b { y: int; // x\nlong: int; // z\n}",
     ["account b {", "  y: int;     // x", "  long: int;  // z", "}"]),
    ("with a statement that moves", "concurrency b { at most 4 holds; // x\nper user; }",
     ["concurrency b {", "  per user;", "  at most 4 holds;  // x", "}"]),
    ("with a construct that moves", "// the head\n\n// x\naccount b {}\nunit c: integer;",
     ["// the head", "", "unit c: integer;", "", "// x", "account b {}"]),
    ("at the head, whatever moves", "// the head\naccount b {}\nunit c: integer;",
     ["// the head", "unit c: integer;", "", "account b {}"]),
    ("in a table of one line", 'concurrency b { per user; at most by p { "x": 1 holds; // x\n} }',
     ["concurrency b {", "  per user;", "  at most by p {", '    "x": 1 holds;  // x', "  }", "}"]),
    ("with carriage returns", "account b {\r\n  y: int; // x\r\n}\r\n", ["account b {", "  y: int;  // x", "}"]),
    ("of nothing else", "// x\n\n// y", ["// x", "", "// y"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in DSL_CASES], ids=[case[0] for case in DSL_CASES])
def test_a_comment_of_the_dsl_stays_where_it_is(text: str, lines: list[str]) -> None:
    assert written(text, DSL, DSL) == "\n".join(lines) + "\n"


YAML_CASES: list[tuple[str, str, list[str]]] = [
    ("above an entry", "lets:\n  # x\n  a: '1'", ["lets:", "  # x", "  a: '1'"]),
    ("behind an entry", "lets:\n  a: '1' # x", ["lets:", "  a: '1'  # x"]),
    ("behind a key", "lets: # x\n  a: '1'", ["lets:  # x", "  a: '1'"]),
    ("above a key", "units: {b: integer}\n# x\nlets: {a: '1'}", ["units:", "  b: integer", "", "# x", "lets:", "  a: '1'"]),
    ("last in a mapping", "units:\n  b: integer\n  # x\nlets: {a: '1'}",
     ["units:", "  b: integer", "  # x", "", "lets:", "  a: '1'"]),
    ("above the first entry, further out", "lets:\n# x\n  a: '1'", ["lets:", "  # x", "  a: '1'"]),
    ("in a flow mapping", "lets: {\n  # x\n  a: '1', # y\n  # z\n}", ["lets:", "  # x", "  a: '1'  # y", "  # z"]),
    ("behind a bracket", "lets: {\n  a: '1'\n} # x", ["lets:", "  a: '1'", "  # x"]),
    ("at a block scalar", "lets:\n  a: | # x\n    1\n    + 2", ["lets:", "  a: '1 + 2'  # x"]),
    ("at a folded scalar", "lets:\n  a: >- # x\n    1\n    + 2\n  # y", ["lets:", "  a: '1 + 2'  # x", "  # y"]),
    ("between key and value", "lets:\n  a:\n    # x\n    '1'", ["lets:", "  # x", "  a: '1'"]),
    ("no comment in quotes", "owner: 'a # b' # x", ["owner: \"a # b\"  # x"]),
    ("no comment in a word", "owner: a#b # x", ["owner: \"a#b\"  # x"]),
    ("behind the document's mark", "--- # x\nlets: {a: '1'}", ["# x", "lets:", "  a: '1'"]),
    ("in a record", "request: {fields: {b: {\n  type: int, # x\n  from: request}}}",
     ["request:", "  fields:", "    b:", "      type: int  # x", "      from: request"]),
    ("with carriage returns", "lets:\r\n  # x\r\n  a: '1' # y\r\n", ["lets:", "  # x", "  a: '1'  # y"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in YAML_CASES], ids=[case[0] for case in YAML_CASES])
def test_a_comment_of_yaml_stays_where_it_is(text: str, lines: list[str]) -> None:
    assert written(text, YAML, YAML) == "\n".join(lines) + "\n"


def test_a_comment_at_the_first_entry_of_an_item_is_the_items() -> None:
    draw = "draw:\n      - layer: money  # x\n        at: 2 credits per image\n    otherwise"
    text = written(TINY, DSL, YAML).replace(
        "draw:\n      - {layer: money, at: 2 credits per image}\n    otherwise", draw
    )
    assert "      - {layer: money, at: 2 credits per image}  # x\n" in written(text, YAML, YAML)


def test_a_comment_of_a_yaml_key_stands_above_what_it_holds_in_the_dsl() -> None:
    text = "# head\n\nunits:\n  b: integer\n  # last\nlets:  # all\n  # first\n  a: '1'\n"
    shown = "// head\n\nunit b: integer;\n\n// last\n// all\n// first\nlet a = 1;\n"
    assert written(text, YAML, DSL) == shown


def test_each_comment_stays_with_its_statement_in_either_surface() -> None:
    lines = EVERYTHING.replace("007 credits", "7 credits").split("\n")
    text = "\n".join(f"{line}  // {number}." if line.endswith(";") else line for number, line in enumerate(lines))
    behind = re.compile(r"^ *(.*;) *// (\d+\.)$", re.MULTILINE)
    before = {number: re.sub(r"[ _]", "", line) for line, number in behind.findall(text)}
    there = written(text, DSL, YAML)
    for shown in (written(text, DSL, DSL), written(there, YAML, DSL)):
        after = {number: re.sub(r"[ _]", "", line) for line, number in behind.findall(shown)}
        assert {number: after.get(number) for number in before} == before
    assert re.search(r"^    lots_expire_after: 12mo +# \d+\.$", there, re.MULTILINE)


# ---- the style


def test_long_statements_break_before_operators_and_behind_commas_outside_strings() -> None:
    groups = " || ".join(f'user.plan in ["plan {number}, plus", "pro"]' for number in range(4))
    lines = written(f"let a = user.pays && ({groups});", DSL, DSL).splitlines()
    assert lines == [
        "let a = user.pays",
        '    && (user.plan in ["plan 0, plus", "pro"] || user.plan in ["plan 1, plus", "pro"]',
        '    || user.plan in ["plan 2, plus", "pro"] || user.plan in ["plan 3, plus", "pro"]);',
    ]
    assert all(len(line) <= 120 for line in written("\n".join(lines), DSL, YAML).splitlines())
    assert written(written("\n".join(lines), DSL, YAML), YAML, DSL).splitlines() == lines


def test_events_that_a_policy_is_silent_about_are_said() -> None:
    assert "  on shortfall deny;\n" not in TINY
    shown = written(TINY, DSL, DSL)
    assert "  on shortfall deny;\n  on error deny;\n  on unavailable deny;\n" in shown
    assert "  on expired_in_hold honor;\n" in shown
    assert digest(shown, DSL) == digest(TINY, DSL)


def test_rows_stand_as_yaml_groups_them_the_default_last() -> None:
    rows = '"b", "x": 1; default, default: 2; "a", "x": 3; "b", default: 4;'
    text = f"pool p {{ per user; unit c; multiplier by user.plan, request.model {{ {rows} }} }}"
    shown = written(text, DSL, DSL)
    assert '{ "b", "x": 1; "b", default: 4; default, default: 2; "a", "x": 3; }' in shown
    assert written(written(shown, DSL, YAML), YAML, DSL) == shown


TEXTS = (
    *(
        "a: b",
        "#x",
        "it's",
        "yes",
        "",
        " lead",
        "trail ",
        "1",
        "null",
        "~",
        "- x",
        "{a}",
        "[b]",
        "a #b",
        "a\\b",
        "\t",
        "\n",
    ),
    *(
        "é",
        "日本 語",
        "😀",
        '"',
        "a,b",
        "%x",
        "@x",
        "`x`",
        "!x",
        "&x",
        "*x",
        "| x",
        "? x",
        "key: ",
        "0x1F",
        "12:30",
        "=",
        "<<",
    ),
    *("a" * 130, "x, " * 60, "a && b"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_may_be_a_label_a_key_and_in_a_condition(text: str) -> None:
    quoted = json.dumps(text, ensure_ascii=False)
    rows = f'{quoted}, "b": 1000 c; // row\n default, "z": 5 c; "q", default: 9 c; default, default: 3 c;'
    when = f"user.plan == {quoted} && user.name != {quoted}"
    limit = f"label {quoted}; per user; unit c; window d: 5h from first_use; skip s when {when};"
    limit += f"capacity by user.plan, request.model {{ {rows} }}"
    prices = f"price in c per 1 by a.b; from 2026-01-01T00:00:00Z {{ {quoted}: free; default: m 1; // price\n }}"
    once = written(f"owner {quoted};\nlimit l {{ {limit} }}\nrate_card r {{ {prices} }}", DSL, DSL)
    there = written(once, DSL, YAML)
    assert written(there, YAML, YAML) == there
    assert written(there, YAML, DSL) == once


def test_a_byte_order_mark_goes() -> None:
    assert formatted("t.spill", "\ufeffunit c: integer;".encode()) == ("unit c: integer;\n", ())


@pytest.mark.parametrize(
    ("name", "text", "code"), [("t.spill", "limt b {}", "OSP201"), ("t.spill.yaml", "a: b", "OSP201")]
)
def test_a_file_with_faults_is_not_written(name: str, text: str, code: str) -> None:
    found, faults = formatted(name, text.encode())
    assert (found, [fault.code for fault in faults]) == (None, [code])


def test_the_work_grows_with_the_length_of_the_file() -> None:
    def calls(count: int, to: Surface) -> int:
        block = "// a\nlimit {} {{\n  per user; // b\n  unit c;\n  window d: 5h from first_use;\n  capacity 1 c;\n}}\n"
        text = "".join(block.format(f"l{number}") for number in range(count))
        made = 0

        def counted(_: object, event: str, __: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        sys.setprofile(counted)
        try:
            written(text, DSL, to)
        finally:
            sys.setprofile(None)
        return made

    for to in (DSL, YAML):
        written("", DSL, DSL)
        assert calls(200, to) < 2.2 * calls(100, to)


# ---- canaries


def test_two_declarations_of_one_name_are_not_made_one() -> None:
    twice = "concurrency a { per user; at most 4 holds; }\nconcurrency a { per user; at most 5 holds; }"
    assert written(twice, DSL, DSL).count("concurrency") == 2
    with pytest.raises(Failure, match="another meaning"):
        formatted("t.spill", twice.encode(), YAML)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda text: text.replace("// a comment", ""), "a comment would be lost"),
        (lambda text: text.replace("// a comment", "// a comment // a comment"), "a comment would be lost"),
        (lambda text: text.replace("draw money", "draw plan_limit"), "another meaning"),
        (lambda text: text.replace("draw money", "drew money"), "cannot be written as dsl: unknown statement"),
    ],
)
def test_a_writer_that_loses_something_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[[str], str], said: str
) -> None:
    def write(items: list[tree.Item], found: Comments, surface: Surface) -> str:
        return broken(real(items, found, surface))

    real = format.write
    monkeypatch.setattr(format, "write", write)
    with pytest.raises(Failure, match=said):
        formatted("t.spill", f"{TINY}// a comment".encode())
