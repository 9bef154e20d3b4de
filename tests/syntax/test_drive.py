"""The one loop reads what lark's own loops read, refuses what they refuse, and leaves the same behind."""

from __future__ import annotations

from random import Random

import pytest
from lark import UnexpectedInput

from fuzz.mutate import mutated
from fuzz.seeds import seeds
from overspill.cel.build import SyntaxStop
from overspill.cel.drive import Driver
from overspill.cel.tables import load
from overspill.syntax.builder import PolicyBuilder
from overspill.words.spans import Source


def _read(text: str, source: Source, fast: bool) -> tuple[object, ...]:
    """What comes of the text and its comments and faults, or where it is refused."""
    builder = PolicyBuilder()
    parser = load(builder, builder.comment)
    try:
        if fast:
            items = Driver(parser, builder.comment).parse(text, "start", lambda: builder.begin(source))
        else:
            builder.begin(source)
            items = parser.parse(text, start="start")
    except UnexpectedInput as error:
        return type(error), error.pos_in_stream
    except SyntaxStop as stop:
        return (stop.fault,)
    return items, builder.comments, builder.faults


TEXTS = seeds("dsl")
CHANCE = Random(2)
MUTATED = [mutated(CHANCE.choice(TEXTS), TEXTS, CHANCE) for _ in range(60)]


@pytest.mark.parametrize("texts", [TEXTS[:4], MUTATED], ids=["as written", "mutated"])
def test_both_read_the_same(texts: list[str]) -> None:
    for text in texts:
        source = Source("t.spill", text)
        assert _read(text, source, fast=True) == _read(text, source, fast=False)


def test_what_is_well_formed_never_needs_the_second_reading() -> None:
    builder = PolicyBuilder()
    began = []
    driver = Driver(load(builder, builder.comment), builder.comment)
    driver.parse(TEXTS[0], "start", lambda: began.append(builder.begin(Source("t.spill", TEXTS[0]))))
    assert len(began) == 1
