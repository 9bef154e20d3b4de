"""What the audit reads of decisions that are written in forms, and the ids that it expects."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Sequence
from hashlib import sha256

import pytest

from audit.day import day
from overspill.audit.amounts import amount_of, steps_text_of
from overspill.audit.forms import Forms
from overspill.audit.shapes import NOTHING, Decided, decided_from
from overspill.records.journal import Record, answer_of, stored_records
from overspill.records.written import READS, Form, Hole, Value, form_of
from overspill.words.codec import Raw, replace
from overspill.words.ids import derived_id, ids_of
from overspill.words.instants import NEVER

KEY = "default\0user/ana\0consume\0r-1"
COMMAND = b'{"id":"r-1"}'
TEXT = (
    '{"decision":"«0 text»","request":"«1 text»","at":"«4 instant»","outcome":"allow","requested":"«5 amount»",'
    '"granted":"«5 amount»","shortfall":"0","unit":"credits","charge":{"credits":"«5 amount»"},"draws":[{"layer":"money",'
    '"base":"«5 amount»","amount":"«5 amount»","unit":"credits","lots":[{"lot":"of «6 text»","amount":"1","before":"2",'
    '"after":"1","expires_at":«7 end»}]}],"hold":«8 text»,"account_version":«9 digits»,"policy":{"name":"p",'
    '"digest":"sha256:p","rate_card":«10 string»},"trace":[{"step":"inputs","waterfall":"w","request":«3 text»,'
    '"request_digest":"sha256:«2 text»","facts":{"ends":«11 end»,"is":«12 bool»}},«13 text»{"step":"outcome",'
    '"outcome":"allow","effects":[{"key":"«0 text»/0","account":"user/a","amount":"1"}]}]}'
)
"""A decision with its holes: which value, and how it reads."""
VALUES: tuple[Value, ...] = (
    1_500_000,
    "C1",
    NEVER,
    '{"id":"hold_a","expires_at":null}',
    3,
    "card@1",
    0,
    True,
    '{"step":"layer","layer":"x"},{"step":"layer","layer":"y"},',
)
UNWRITTEN = 2**62
"""No instant has so many microseconds."""


def _form(text: str = TEXT) -> Form:
    pieces = re.split("[«»]", text)
    told = [hole.split() for hole in pieces[1::2]]
    holes = [Hole(int(value), reads, 6 if reads == "amount" else 0) for value, reads in told]
    return form_of(tuple(pieces[::2]), tuple(holes))


def _record(form: Form, values: Sequence[Value] = VALUES, command: bytes = COMMAND) -> Record:
    key = ("default", "user/ana", "consume", "r-1")
    return Record(seq=1, at=0, id="dec_a", key=key, command=Raw(command), form=form.id, values=values)


def _decoded(record: Record, form: Form) -> Decided:
    """What the decoder reads of the record's text, but for what is the record's own."""
    told = decided_from(answer_of(record, lambda _: form))
    inputs = replace(told.trace[0], request=NOTHING, request_digest="")
    return replace(told, trace=(inputs, *told.trace[1:]))


def _with(value: int, other: Value) -> tuple[Value, ...]:
    return (*VALUES[: value - 5], other, *VALUES[value - 4 :])


def test_a_decision_is_read_by_its_form_as_by_its_text() -> None:
    form = _form()
    read = Forms({form.id: form}.__getitem__)
    for values in (
        VALUES,
        _with(5, 7),
        _with(7, 1_791_194_400_000_000),
        _with(8, "null"),
        _with(10, None),
        _with(13, ""),
    ):
        record = _record(form, values)
        assert read.decided(record) == _decoded(record, form)


@pytest.mark.parametrize(
    "values",
    [
        _with(6, 'C1","amount":"2'),
        _with(6, "\\u0043"),
        _with(6, 1),
        _with(9, True),
        _with(9, "3,"),
        _with(12, 1),
        _with(7, UNWRITTEN),
        _with(11, UNWRITTEN),
        _with(8, "null,"),
        _with(8, 'null,"outcome":"deny"'),
        _with(10, 5),
        _with(13, '{"step":"layer"}],"draws":['),
        _with(13, '{"step":"layer"}'),
        _with(13, "{},"),
        VALUES[:-1],
        (*VALUES, 1),
    ],
)
def test_values_that_may_read_otherwise_in_the_text_are_read_there(values: Sequence[Value]) -> None:
    """Whether they come first or behind one that is as it should be."""
    form = _form()
    read = Forms({form.id: form}.__getitem__)
    assert read.decided(_record(form, values)) is None
    assert read.decided(_record(form)) is not None
    assert read.decided(_record(form, values)) is None


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ('"request":«3 text»', '"hold":«3 text»'),
        ("sha256:«2 text»", "«2 text»"),
        ('"is":«12 bool»', '"is":«3 text»'),
        ('"is":«12 bool»', '"is":"«2 text»"'),
        ('"is":«12 bool»', '"is":"«7 end»"'),
        ('"is":«12 bool»', '"is":«1 text»'),
        ('"expires_at":«7 end»', '"expires_at":«9 digits»'),
        ('"account_version":«9 digits»', '"account_version":"«9 digits»"'),
        ('"account_version":«9 digits»', '"account_version":«12 bool»'),
    ],
)
def test_a_form_that_is_no_decision_repeating_its_command_is_read_whole(part: str, other: str) -> None:
    form = _form(TEXT.replace(part, other))
    assert form.pieces != _form().pieces or form.holes != _form().holes
    assert Forms({form.id: form}.__getitem__).decided(_record(form)) is None


def test_a_command_that_is_no_text_gives_no_answer() -> None:
    form = _form()
    read = Forms({form.id: form}.__getitem__)
    assert read.decided(_record(form)) is not None
    with pytest.raises(UnicodeDecodeError):
        read.decided(_record(form, command=b'{"id":"\xff"}'))


def test_every_decision_of_the_day_that_has_a_form_is_read_by_it() -> None:
    segments, forms = day()
    read = Forms(forms.__getitem__)
    formed = [one for segment in segments for one in stored_records(segment) if one.form]
    assert formed
    assert all(read.decided(one) == _decoded(one, forms[one.form]) for one in formed)


@pytest.mark.parametrize("kinds", [("dec",), ("dec", "bal"), ("dec", "bal", "use", "mon"), tuple("abcdefgh")])
@pytest.mark.parametrize("count", [1, 2, 32, 33])
def test_ids_that_are_made_together_are_those_made_one_by_one(kinds: tuple[str, ...], count: int) -> None:
    for number in range(0, 300, count):  # every digit in every place
        keys = [f"default\0user/an\u00e1\0consume\0r-{number + own}" for own in range(count)]
        for key, found in zip(keys, ids_of(*kinds)(keys), strict=True):
            digests = [sha256(f"{key}\0{kind}\0000".encode()).digest() for kind in kinds]
            texts = [b32encode(digest).decode()[:26].lower() for digest in digests]
            assert found == [f"{kind}_{text}" for kind, text in zip(kinds, texts, strict=True)]
            assert found == [derived_id(key, kind) for kind in kinds]


@pytest.mark.parametrize("scale", [0, 1, 6, 9])
def test_steps_read_as_the_amount_that_a_form_writes(scale: int) -> None:
    for steps in (0, 1, 9, 10, 1234567, 10**scale, 10**9 + 10, 2**70, -1, -(10**scale), -1234567):
        text = steps_text_of(scale)(steps)
        assert text == READS["amount"](scale)(steps)
        assert amount_of(text) == steps * 10 ** (9 - scale)
    for other in ("1", None, b"1"):
        with pytest.raises(TypeError):
            steps_text_of(scale)(other)  # type: ignore[arg-type]
