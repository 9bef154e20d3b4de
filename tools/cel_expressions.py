"""Expressions by chance: a table of forms for each kind of value, filled in to a depth. For fuzz and property tests.

`{int}` in a form stands for an expression of that kind; `@` for a macro's variable, which is of the kind that the form
names and which everything behind it may use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Choose = Callable[[int], int]
"""A number from 0 to below n."""


class Form(NamedTuple):
    """A text with holes; `variable` is the kind of `@`."""

    text: str
    variable: str = ""


_HOLE = re.compile(r"\{(\w+)\}|@")
_ORDER = ("==", "!=", "<", "<=", ">", ">=")
_COMPARED = ("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration")
_LISTS = {"ints": "int", "strings": "string", "dyns": "dyn"}
_MAPS = {"by_string": "string", "by_int": "int"}
_PARTS = ("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "Hours", "Minutes", "Seconds")

LEAVES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "int": ("0", "1", "2", "-1", "7", "-7", "9223372036854775807", "-9223372036854775808", "4611686018427387904", "0x1F"),
    "uint": ("0u", "1u", "2u", "7u", "18446744073709551615u", "0xFu"),
    "double": ("0.0", "-0.0", "1.0", "1.5", "-2.5", "1e300", "9007199254740992.0", "1e19", "-1e-5", "123456.789"),
    "string": ('""', '"a"', '"abc"', "'é'", '"\U0001f600x"', '"12"', '"-7"', '"1.5"', '"true"', r'r"a\b"', '"1h"', '"A\\n"'),
    "bytes": ('b""', 'b"a"', r'b"\xff"', 'b"abc"', 'b"é"'),
    "null": ("null",),
    "ints": ("[]", "[1, 2, 3]", "[0, -1]", "[9223372036854775807, 1]"),
    "strings": ("[]", '["a", "b"]', '["abc", "", "é"]'),
    "dyns": ('[1, "a"]', "[1, 1u, 1.0, null]", "[[1], [true, 2.5]]", "[{'a': 1}, 2]"),
    "by_string": ("{}", '{"a": 1, "b": 2}', '{"abc": -1}'),
    "by_int": ("{}", '{1: "a", 2: "b"}', '{0: "x"}'),
    "timestamp": (
        "timestamp(0)",
        'timestamp("2024-02-29T23:59:59.999999Z")',
        'timestamp("0001-01-01T00:00:00Z")',
        'timestamp("9999-12-31T23:59:59.999999Z")',
        'timestamp("2020-03-29T01:00:00+01:00")',
    ),
    "duration": ('duration("0")', 'duration("1h30m")', 'duration("-1.5s")', 'duration("9223372036s")', 'duration("1us")'),
    "type": ("int", "string", "list", "map", "null_type", "type", "google.protobuf.Timestamp"),
    "zone": ('"UTC"', '"America/New_York"', '"Asia/Kathmandu"', '"+05:30"', '"-11:00"', '"02:00"', '"Nowhere/Town"'),
    "pattern": (
        *('"a"', '"^a"', '"b$"', '"[a-c]+"', r'"\\d+"', r'"(?i)ABC"', '"a|é"', '"a{2}"', '"(a*)*b"', '"x?y"', '"."'),
        *(r'r"\bab"', r'r"^\w*$"', r'r"(?s).\n"', r'r"[^a]"', r'r"\pL"', '"("', '"a**"', r'r"\8"', '"(?P<n>a)b"', '"[[:alpha:]]"'),
    ),
    "re": (
        *("a", "b", "abc", "é", ".", "x", "A", "1", " ", "-", "", r"\d", r"\D", r"\s", r"\S", r"\w", r"\W", r"\pL", r"\PL", r"\p{Lu}"),
        *("[a-c]", "[^b]", "[a-cx-z1]", "[]a]", "[^]a]", "[a-]", "[-a]", r"[a\-z]", r"[\d-z]", r"[^\w\s]", r"[\pN]", "[[:alpha:]1]"),
        *("[[:^digit:]]", "[[:word:]]", "^", "$", r"\b", r"\B", r"\A", r"\z", "(?i)ABC", "(?i)[a-b]", "(?i)É", "(?m)^b", "(?m)a$", "(?s)."),
        *("(?i:A)b", "(?-i)a", "(?ims)", "(?:)", "(?P<n>a)", "(?<m>b)", "a|", "|b", "a{2}", "a{,2}", "a{2", "x{0}", r"\x41", r"\x{e9}"),
        *(r"\Qa.b\E", r"\Q|", r"\n", r"\.", r"\-", r"\101", r"\07", r"\_", r"\é", "(?U)a+", "a??", "a{1,2}?"),
        *("*", "+a", "a**", "a*+", "[", "]", "[b-a]", r"\8", r"\1", r"\p{Foo}", r"\p", "(?=a)", "(?", "(", ")", "a{3,1}", "a{1001}", r"\Z"),
        *(r"[\8]", "[[:nope:]]", r"[a-\d]", "(?P<1>a)", "(?P<n", "(?x)a", r"\x4", r"\x{110000}", "{", "}", "{2}", "a{0}{2}", r"[\Q]", r"\\"),
    ),
}  # fmt: skip
_WRITTEN: dict[str, tuple[str | Form, ...]] = {
    "bool": (
        *("{bool} && {bool}", "{bool} || {bool}", "!{bool}", "{bool} ? {bool} : {bool}", "bool({string})"),
        *("{dyn} && {bool}", "{bool} || {dyn}"),
        *(f"{{{kind}}} {sign} {{{kind}}}" for kind in _COMPARED for sign in _ORDER),
        *(f"{{{kind}}} == {{{kind}}}" for kind in (*_LISTS, *_MAPS, "type", "null")),
        *(f"{{dyn}} {sign} {{{kind}}}" for kind in ("dyn", "int", "double", "uint", "string") for sign in _ORDER),
        *("{int} in {ints}", "{string} in {strings}", "{dyn} in {dyns}", "{string} in {by_string}", "{dyn} in {by_int}"),
        *(f"{{string}}.{name}({{string}})" for name in ("contains", "startsWith", "endsWith")),
        *("{string}.matches({pattern})", "{string}.matches({pattern})", "matches({string}, {pattern})", "has({by_string}.a)", "has({by_int}.a)"),
        *(
            Form(f"{{{many}}}.{name}(@, {{bool}})", one)
            for many, one in (_LISTS | _MAPS).items()
            for name in ("all", "exists", "exists_one")
        ),
    ),
    "int": (
        *(f"{{int}} {sign} {{int}}" for sign in "+-*/%"),
        *(f"int({{{kind}}})" for kind in ("uint", "double", "string", "timestamp", "int")),
        *(f"size({{{kind}}})" for kind in ("string", "bytes", "ints", "strings", "by_string")),
        Form("size({by_int}.map(@, {int}))", "int"),
        *("-{int}", "{string}.size()", "{ints}[{int}]", "{by_string}[{string}]", "{by_string}.a"),
        *("{bool} ? {int} : {int}", "{duration}.getHours()", "{duration}.getMinutes()", "{duration}.getSeconds()"),
        *(f"{{timestamp}}.get{part}()" for part in (*_PARTS, "Milliseconds")),
        *(f"{{timestamp}}.get{part}({{zone}})" for part in _PARTS),
        *("{dyn} + {int}", "{ints}[{dyn}]", "{int} * {dyn}"),
    ),
    "uint": (*(f"{{uint}} {sign} {{uint}}" for sign in "+-*/%"), "uint({int})", "uint({double})", "uint({string})"),
    "double": (
        *(f"{{double}} {sign} {{double}}" for sign in "+-*/"),
        *("-{double}", "double({int})", "double({uint})", "double({string})", "{double} + {dyn}"),
    ),
    "string": (
        *(f"string({{{kind}}})" for kind in ("int", "uint", "double", "bool", "bytes", "timestamp", "duration")),
        *("{string} + {string}", "{strings}[{int}]", "{by_int}[{int}]", "{bool} ? {string} : {string}"),
        "{dyn} + {string}",
    ),
    "bytes": ("bytes({string})", "{bytes} + {bytes}"),
    "ints": (
        *("{ints} + {ints}", "[{int}, {int}]", "{bool} ? {ints} : {ints}"),
        *(Form("{ints}.map(@, {int})", "int"), Form("{strings}.map(@, {int})", "string")),
        *(Form("{ints}.filter(@, {bool})", "int"), Form("{ints}.map(@, {bool}, {int})", "int")),
    ),
    "strings": ("[{string}, {string}]", Form("{strings}.filter(@, {bool})", "string"), Form("{ints}.map(@, {string})", "int")),
    "dyns": ("[{int}, {string}]", "[{double}, {uint}, {bool}]", "[{dyn}, {int}]", "{dyns} + {dyns}", Form("{dyns}.filter(@, {bool})", "dyn")),
    "by_string": ("{{string}: {int}}", "{{string}: {int}, {string}: {int}}"),
    "by_int": ("{{int}: {string}, {int}: {string}}", "{{int}: {string}}"),
    "timestamp": ("timestamp({string})", "timestamp({int})", "{timestamp} + {duration}", "{timestamp} - {duration}", "{duration} + {timestamp}"),
    "duration": ("duration({string})", "{timestamp} - {timestamp}", "{duration} + {duration}", "{duration} - {duration}"),
    "type": tuple(f"type({{{kind}}})" for kind in ("int", "uint", "string", "ints", "by_int", "dyn", "type", "duration")),
    "dyn": (
        *(f"dyn({{{kind}}})" for kind in ("bool", "int", "uint", "double", "string", "bytes", "ints", "by_int", "duration")),
        *("{dyns}[{int}]", "{bool} ? {dyn} : {int}"),
    ),
    "pattern": ('r"{re}"', "r'{re}'"),
    "re": ("{re}{re}", "{re}{re}{re}", "{re}|{re}", "{re}*", "{re}+?", "{re}?", "{re}{2,3}", "{re}{0,2}b", "^{re}$", "(?i){re}", "(?:{re})*x", "{re}**", "(?m)^{re}$", "[{re}]"),
    # Names and shapes that do not fit: only meant where some holes are filled wrongly.
    "odd": (
        *("nope", "nope.x || {bool}", "{bool} || nope(1)", "{bool} && {int}.f()", "{dyn}.a", "has({dyn}.a)", "{int}.a", "size()"),
        *("{string}.size({int})", "{int}.getHours()", "{string}.getHours()", "{dyn}.getSeconds()", "{dyn}.size()", "-{dyn}", "!{dyn}"),
        *("{dyn} ? {int} : {string}", "[{int}, {dyn}][{uint}]", "{dyns} == {ints}", "{ints} < {ints}", "{by_int}.b", "{by_string}[{int}]"),
        *("{{dyn}: {int}}", "{{double}: 1}", "{{int}: 1, {uint}: 2}", "{bytes} in {dyns}", "{dyn} in {dyn}", "type({dyn}) == type({dyn})"),
        *("{dyn} - {dyn}", "{dyn} * {dyn}", "{dyn} % {dyn}", "{dyn} == {dyns}", "{dyn} != null", "{timestamp} == null"),
        *(Form("{dyn}.all(@, {bool})", "dyn"), Form("{dyn}.map(@, {dyn})", "dyn"), Form("{dyns}.exists(@, {dyn})", "dyn")),
        *(Form("{strings}.map(@, {dyn})", "string"), Form("{ints}.filter(@, {dyn})", "int"), Form("{string}.all(@, true)", "dyn")),
        *("string({dyn})", "int({dyn})", "uint({dyn})", "double({dyn})", "bool({dyn})", "bytes({dyn})", "timestamp({dyn})"),
        *("9223372036854775808", "-9223372036854775809", "18446744073709551616u", "1e400", "dyn", "{int}.all(x, true)"),
    ),
}  # fmt: skip
FORMS: dict[str, tuple[Form, ...]] = {
    kind: tuple([form if isinstance(form, Form) else Form(form) for form in forms]) for kind, forms in _WRITTEN.items()
}
KINDS = tuple(kind for kind in LEAVES if kind not in ("zone", "pattern", "re"))
"""What an expression may be as a whole."""


class Generator:
    """Draws expressions; `choose` is the only chance in it.

    `ill` of a hundred holes are filled with another kind than the form asks for; `more` are leaves beside the table's.
    """

    def __init__(self, choose: Choose, *, ill: int = 0, more: Mapping[str, Sequence[str]] | None = None) -> None:
        self.choose = choose
        self.ill = ill
        self.leaves: dict[str, list[str]] = {kind: list(texts) for kind, texts in LEAVES.items()}
        for kind, texts in (more or {}).items():
            self.leaves.setdefault(kind, []).extend(texts)
        self.variables = 0

    def expression(self, kind: str, depth: int) -> str:
        """A text of this kind, at most `depth` forms deep."""
        if self.ill and self.choose(100) < self.ill:
            kind = (*KINDS, "odd", "odd", "odd")[self.choose(len(KINDS) + 3)]
        forms, leaves = FORMS.get(kind, ()), self.leaves.get(kind, [])
        if forms and (not leaves or (depth > 0 and self.choose(5) > 0)):
            return self.filled(forms[self.choose(len(forms))], depth - 1)
        return leaves[self.choose(len(leaves))]

    def filled(self, form: Form, depth: int) -> str:
        """The form with its holes filled, each in brackets where it is more than a word."""
        variable = ""
        parts: list[str] = []
        last = 0
        for hole in _HOLE.finditer(form.text):
            parts.append(form.text[last : hole.start()])
            last = hole.end()
            if hole[1]:
                parts.append(f"({self.expression(hole[1], depth)})")
            else:
                self.variables += 1
                variable = f"v{self.variables}"
                self.leaves.setdefault(form.variable, []).extend([variable] * 8)
                parts.append(variable)
        if variable:
            self.leaves[form.variable] = [leaf for leaf in self.leaves[form.variable] if leaf != variable]
        return "".join([*parts, form.text[last:]])
