"""What the audit reads of answers that are written in forms, and how it tells an id."""

from __future__ import annotations

import pytest

from audit.day import day
from overspill.audit.forms import Forms
from overspill.records.journal import Record, answer_of, stored_records
from overspill.records.written import Form, Hole, form_of
from overspill.words.codec import Raw
from overspill.words.ids import derived_id, is_id_of

KEY = "default\0user/ana\0consume\0r-1"
COMMAND = b'{"id":"r-1"}'
BEFORE = ('{"request":', ',"request_digest":"sha256:', '"}')


def _form(pieces: tuple[str, ...], holes: tuple[Hole, ...]) -> Form:
    """With the record's one further value behind."""
    return form_of((*pieces[:-1], pieces[-1] + " ", ""), (*holes, Hole(5, "text")))


def _record(form: Form, command: bytes = COMMAND) -> Record:
    key = ("default", "user/ana", "consume", "r-1")
    return Record(seq=1, at=0, id="dec_a", key=key, command=Raw(command), form=form.id, values=("v",))


def _read(form: Form, command: bytes = COMMAND) -> tuple[bytes, bool]:
    answer, is_formed = Forms({form.id: form}.__getitem__).answer(_record(form, command))
    return bytes(answer), is_formed


def test_a_form_that_repeats_the_command_is_read_without_it() -> None:
    form = _form(BEFORE, (Hole(3, "text"), Hole(2, "text")))
    assert _read(form) == (b'{"request":null,"request_digest":"sha256:"} v', True)


@pytest.mark.parametrize(
    ("pieces", "holes"),
    [
        (('{"hold":', BEFORE[1], '"}'), (Hole(3, "text"), Hole(2, "text"))),
        ((BEFORE[0], ',"digest":"', '"}'), (Hole(3, "text"), Hole(2, "text"))),
        ((BEFORE[0], ',"hold":', BEFORE[1], '"}'), (Hole(3, "text"), Hole(3, "text"), Hole(2, "text"))),
        ((BEFORE[0], ',"request_digest":', "}"), (Hole(3, "text"), Hole(2, "string"))),
        (('{"decision":"', '","at":"', '"}'), (Hole(0, "text"), Hole(4, "instant"))),
    ],
    ids=["the command elsewhere", "the fingerprint elsewhere", "twice", "not as text", "not at all"],
)
def test_any_other_form_is_read_whole_and_what_it_repeats_compared(
    pieces: tuple[str, ...], holes: tuple[Hole, ...]
) -> None:
    form = _form(pieces, holes)
    assert _read(form) == (bytes(answer_of(_record(form), lambda _: form)), False)


def test_a_command_that_is_no_text_gives_no_answer() -> None:
    form = _form(BEFORE, (Hole(3, "text"), Hole(2, "text")))
    with pytest.raises(UnicodeDecodeError):
        _read(form, b'{"id":"\xff"}')


def test_every_form_of_the_day_repeats_the_command() -> None:
    segments, forms = day()
    read = Forms(forms.__getitem__)
    formed = [one for segment in segments for one in stored_records(segment) if one.form]
    assert formed and all(read.answer(one)[1] for one in formed)


def test_an_id_is_that_of_its_key_alone() -> None:
    own = derived_id(KEY, "dec")
    assert is_id_of(own, KEY, "dec")
    others = [derived_id(KEY, "dec", 1), derived_id(KEY, "use"), own.upper(), own[:-1], own + "a", own[4:], "dec_", ""]
    assert not any(is_id_of(other, KEY, "dec") for other in others)
    for place in range(4, len(own)):
        changed = [own[:place] + one + own[place + 1 :] for one in "abcz2701 _+-\0\u0661" if one != own[place]]
        assert not any(is_id_of(other, KEY, "dec") for other in changed)
