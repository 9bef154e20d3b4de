"""Every message an author can meet, with the place it names: code, marked text, message, help."""

from __future__ import annotations

import pytest
from cel_support import faults_of

OPERAND = "compare values of one type, and amounts of one unit"


@pytest.mark.parametrize(
    ("text", "code", "marked", "message", "help"),
    [
        # text that is no expression
        ("", "OSP130", "", "unexpected end", "expected an expression"),
        ("user.plan ==", "OSP130", "", "unexpected end", "expected an expression"),
        ("user.", "OSP130", "", "unexpected end", "expected a name"),
        ("user..plan", "OSP130", ".", "unexpected `.`", "expected a name"),
        ("[1, 2", "OSP130", "", "unexpected end", "expected `,` or `]`"),
        ("user.plan user.plan", "OSP130", "user", "unexpected `user`", "expected an operator"),
        ('user.plan = "x"', "OSP130", "=", "unexpected `=`", "write `==`"),
        ("user.suspended and true", "OSP130", "and", "unexpected `and`", "write `&&`"),
        ("user.suspended or true", "OSP130", "or", "unexpected `or`", "write `||`"),
        ("user.suspended & true", "OSP130", "&", "unexpected `&`", "write `&&`"),
        ("not user.suspended", "OSP130", "user", "unexpected `user`", "write `!` for not"),
        ("\u202euser", "OSP130", "\u202e", "unexpected the invisible character U+202E", "expected an expression"),
        ('"abc', "OSP130", '"', "the string is not closed on its line", "close it with the quote that opened it"),
        (r'"\q"', "OSP131", r'"\q"', r"`\q` is no escape sequence", None),
        (r'"\ud800"', "OSP131", r'"\ud800"', r"`\ud800` is no character", None),
        ("1e400", "OSP131", "1e400", "the number does not fit into a double", None),
        ("18446744073709551616u", "OSP131", "18446744073709551616u", "the unsigned integer does not fit into 64 bits", None),
        (
            "-9223372036854775809",
            "OSP131",
            "-9223372036854775809",
            "the integer does not fit into 64 bits",
            "an int is at least -9223372036854775808 and at most 9223372036854775807",
        ),
        (r'b"\u0041"', "OSP131", r'b"\u0041"', r"`\u0041` names a character; bytes take `\x` or octal escapes", None),
        ("user.in()", "OSP132", "in", "`in` is reserved in CEL", "use another name"),
        ("let", "OSP132", "let", "`let` is reserved in CEL", "use another name"),
        ("user.in", "OSP132", "in", "`in` is reserved in CEL", "write it as .`in`"),
        # names
        ("usr.plan", "OSP230", "usr", "unknown name `usr`", "did you mean `user`?"),
        ("user.pln", "OSP230", "pln", "`user` declares no `pln`", "did you mean `plan`?"),
        ("has(workspace.name)", "OSP230", "name", "`workspace` declares no `name`", "declared: id, seats, budget"),
        (
            'user.plan.startswith("p")',
            "OSP230",
            'user.plan.startswith("p")',
            "unknown function `startswith`",
            "did you mean `startsWith`?",
        ),
        # types
        ("user.plan == 3", "OSP231", "user.plan == 3", "`==` does not take (string, int)", OPERAND),
        (
            "request.cost > request.clips",
            "OSP231",
            "request.cost > request.clips",
            "`>` does not take (credits, generations)",
            OPERAND,
        ),
        ("request.cost > 5", "OSP231", "request.cost > 5", "`>` does not take (credits, int)", OPERAND),
        ("1 + 1.0", "OSP231", "1 + 1.0", "`+` does not take (int, double)", "both sides are numbers of one type, or amounts of one unit"),
        ('user.suspended ? 1 : "a"', "OSP231", 'user.suspended ? 1 : "a"', "the branches differ: int and string", None),
        ("has(user)", "OSP231", "has(user)", "`has` takes one field", "write it as has(user.spend_limit)"),
        ("user.suspended && 1", "OSP232", "1", "expected a bool, found int", "compare it with something"),
        ("user", "OSP233", "user", "`user` alone is no value", "name one of its fields, `user.…`"),
        ("1 in 2", "OSP231", "1 in 2", "`in` does not take (int, int)", "the right side is a list or a map"),
        ("[1][true]", "OSP231", "[1][true]", "`[]` does not take (list(int), bool)", "index a list by int, a map by its key"),
        (
            'timestamp(0) + 1',
            "OSP231",
            "timestamp(0) + 1",
            "`+` does not take (timestamp, int)",
            "both sides are numbers of one type, or amounts of one unit",
        ),
        ("user.plan.contains(1)", "OSP231", "user.plan.contains(1)", "`contains` does not take (string, int)", "it takes (string, string) as a method, s.contains(…)"),
        ("contains(user.plan)", "OSP231", "contains(user.plan)", "`contains` does not take (string)", "it takes (string, string) as a method, s.contains(…)"),
        ("size(1)", "OSP231", "size(1)", "`size` does not take (int)", "it takes (string) or (bytes) or (list) or (map)"),
        ("dyn(1, 2)", "OSP231", "dyn(1, 2)", "`dyn` does not take (int, int)", "it takes (any)"),
        ('{1.5: "a"}', "OSP231", "1.5", "a value of type double cannot be a map's key", None),
        ("[request.cost, request.clips]", "OSP231", "request.clips", "generations does not stand among values of credits", "an amount stands among amounts of its unit"),
        ("user.plan.length", "OSP233", "user.plan", "`user.plan` is of type string and has no fields", None),
        ("(1 + 2).x", "OSP233", "(1 + 2)", "a value of type int has no fields", None),
        ("user.suspended.`in`", "OSP233", "user.suspended", "`user.suspended` is of type bool and has no fields", None),
        ('{"a": request.cost, "b": 1}', "OSP231", "1", "int does not stand among values of credits", "an amount stands among amounts of its unit"),
        (r'user.plan.matches("\\p{Greek}")', "OSP235", r'"\\p{Greek}"', r"the pattern cannot be read: `\p` takes a general category such as `L` or `Lu`, not `Greek`", "patterns are RE2's"),
        # macros
        ("user.groups.exists(g.x, true)", "OSP231", "g.x", "a macro's variable is a plain name", "write it as list.exists(item, …)"),
        ("user.groups.exists(g)", "OSP231", "user.groups.exists(g)", "`exists` takes a list and a name for its items", "write it as list.exists(item, …)"),
        ("all(user.groups, true)", "OSP231", "all(user.groups, true)", "`all` takes a list and a name for its items", "write it as list.all(item, …)"),
        ("user.plan.all(c, true)", "OSP231", "user.plan", "a value of type string has no items", "macros go over lists, and over the keys of maps"),
        ("draws.all(d, d.layr == 1)", "OSP230", "layr", "`draw` declares no `layr`", "did you mean `layer`?"),
        ("draws.all(d, has(d.layr))", "OSP230", "layr", "`draw` declares no `layr`", "did you mean `layer`?"),
        ("draws.all(d, e.layer == 1)", "OSP230", "e", "unknown name `e`", "declared: draws, input_tokens, request, user, workspace"),
        ("draws.all(d, d.layer)", "OSP232", "d.layer", "expected a bool, found string", "compare it with something"),
        ("draws.all(d, d.amount > d.clips)", "OSP231", "d.amount > d.clips", "`>` does not take (credits, generations)", OPERAND),
        ("user.groups.exsts(g, true)", "OSP230", "user.groups.exsts(g, true)", "unknown function `exsts`", "did you mean `exists`?"),
        # patterns
        ('[1, "a"][1].matches("(")', "OSP235", '"("', "the pattern cannot be read: a `(` has no `)`", "patterns are RE2's"),
        ('user.plan.matches("a**")', "OSP235", '"a**"', "the pattern cannot be read: a repetition is itself repeated without a group", "patterns are RE2's"),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_fault_at_its_place(
    text: str, code: str, marked: str, message: str, help: str | None
) -> None:
    found = [(fault.code, fault.span.text, fault.message, fault.help) for fault in faults_of(text)]
    assert found == [(code, marked, message, help)]


def test_all_mistakes_are_found_at_once_in_their_order() -> None:
    found = faults_of('user.pln == "x" && (input_tokens == "y" || usr.plan == "z")')
    assert [(fault.code, fault.span.text) for fault in found] == [
        ("OSP230", "pln"),
        ("OSP231", 'input_tokens == "y"'),
        ("OSP230", "usr"),
    ]
