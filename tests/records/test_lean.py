"""A form without what a reader passes over: the reader reads the same."""

from __future__ import annotations

import json
from functools import cache

import pytest

from overspill import Engine, ManualClock, Request
from overspill.records.journal import answered, stored_records
from overspill.records.lean import lean
from overspill.records.told import DecisionTold, decision_told
from overspill.records.written import Form, Hole
from overspill.words.codec import Light, json_decoder
from overspill.words.instants import instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")


class Part(Light, frozen=True, kw_only=True):
    name: str = ""
    parts: tuple[Part, ...] = ()


class Whole(Light, frozen=True, kw_only=True):
    one: str | None = None
    part: Part | str | None = None
    parts: tuple[Part, ...] | None = None
    any: dict[str, object] = {}
    last: int = 0


read = json_decoder(Whole).decode
TABLE = {
    "nothing is named": ('{"a":1,"b":[{"c":"}"}]}', "{}"),
    "the first, the last and one between": ('{"x":1,"one":"1","y":{},"last":7,"z":[]}', '{"one":"1","last":7}'),
    "texts with what ends others": (
        r'{"x":"a\"}]\\","one":"b\"}],\\","y":"\\\\","last":2}',
        r'{"one":"b\"}],\\","last":2}',
    ),
    "inside objects and arrays": (
        '{"part":{"x":[[]],"name":"n","y":{"z":1}},"parts":[{"x":1},{"name":"p","parts":[{"name":"q","x":null}]},{}]}',
        '{"part":{"name":"n"},"parts":[{},{"name":"p","parts":[{"name":"q"}]},{}]}',
    ),
    "what no shape reads stays whole": (
        '{"any":{"x":[1,{"y":"}"}]},"part":"text"}',
        '{"any":{"x":[1,{"y":"}"}]},"part":"text"}',
    ),
    "null": ('{"one":null,"part":null,"parts":null,"x":null}', '{"one":null,"part":null,"parts":null}'),
}


@pytest.mark.parametrize("text, left", TABLE.values(), ids=TABLE)
def test_what_is_not_named_goes(text: str, left: str) -> None:
    form = lean(Form("form_1", (text,), (), 1), Whole)
    assert form.pieces == (left,)
    assert read(left.encode()) == read(text.encode())
    json.loads(left)


def test_holes_go_with_what_they_stand_in() -> None:
    holes = [Hole(5, "string"), Hole(6, "text"), Hole(7, "amount", 6), Hole(8, "int"), Hole(6, "text"), Hole(9, "bool")]
    pieces = ('{"x":', ',"one":"a ', " b ", ' c","y":[', ',"', '"],"z":', "}")
    form = Form("form_1", pieces, tuple(holes))
    left = lean(form, Whole)
    values = (*["own"] * 5, 'q"', "t", 2_500_000, 3, True)
    assert json.loads(form.json_of(values)) == {"x": 'q"', "one": "a t b 2.5 c", "y": [3, "t"], "z": True}
    assert left.json_of(values) == b'{"one":"a t b 2.5 c"}'
    assert (left.id, [hole.value for hole in left.holes], left.count) == ("form_1", [6, 7], 10)


def test_a_name_with_a_hole_may_be_any_and_stays() -> None:
    form = Form("form_1", ("{", ':"1","l', '":2,"x":3}'), (Hole(5, "string"), Hole(6, "text")))
    left, values = lean(form, Whole), (*["own"] * 5, "one", "ast")
    assert left.json_of(values) == b'{"one":"1","last":2}'
    assert read(left.json_of(values)) == read(form.json_of(values)) == Whole(one="1", last=2)


def test_decisions_are_read_alike() -> None:
    """Of the shipped policy: covered by windows, by credits, in part, not at all; at once and held."""
    with Engine.open(clock=ManualClock(NOW), settle=False) as engine:
        for number, plan in enumerate(("free", "plus", "pro")):
            account = {"user": f"u_{number}"}
            engine.set_attributes(account, {"plan": plan}, id="signup")
            engine.grant(account, "credits", "5", id="C1")
            for ask in (engine.decide, engine.reserve):
                for tokens in (0, 80, 4000, 90_000, 400_000, 9_000_000):
                    for speed in ("standard", "fast"):
                        meters = {"input_tokens": tokens, "cached_input_tokens": tokens // 2, "output_tokens": 7}
                        fields = {"product": "codex", "model": "gpt-5.5", "speed": speed}
                        id = f"{ask.__name__}-{tokens}-{speed}"
                        ask(Request(id=id, account=account, fields=fields, meters=meters))
        records = [one for segment in engine._store.segments(0) for one in stored_records(segment) if one.form]
        form_of = engine._store.form
        lean_form_of = cache(lambda id: lean(form_of(id), DecisionTold))
        lengths = [0, 0]
        for record in records:
            both = [bytes(answered(record, of).answer) for of in (form_of, lean_form_of)]
            assert decision_told(both[0]) == decision_told(both[1])
            lengths = [sum(pair) for pair in zip(lengths, map(len, both), strict=True)]
    assert len(records) > 30
    assert lengths[1] * 2 < lengths[0]
