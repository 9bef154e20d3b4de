"""Replay: a journal that is as it was made shows nothing; each thing that is another afterwards is found, with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from account.test_top_ups import ANA, Bench
from overspill import Failure
from overspill.plan.program import Program
from overspill.records.journal import Record
from overspill.runtime.payments import DECLINE, ScriptedPayments
from overspill.words.codec import Raw, replace
from overspill.words.first_difference import first_difference
from overspill.words.instants import HOUR, instant_text
from support.replays import replayed

ACCOUNT = "default/user/ana"


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Top-ups that follow a change of the balance, a hold that is captured and one that times out, a lot that expires, a
    purchase that is declined, a reversal."""
    bench = Bench()
    bench.engine.grant(ANA, "money", "3", id="B", priority=1, expires_at=instant_text(bench.clock.now() + HOUR))
    bench.use(400)
    held = [bench.engine.reserve(bench.request(300)).hold for _ in range(2)]
    assert held[0] is not None
    bench.engine.capture(held[0].id, {"hundredths": 350})
    bench.engine.run_top_ups(ScriptedPayments([DECLINE]))
    bench.clock.advance(3 * HOUR)
    bench.engine.sweep()
    spent = bench.engine.decide(bench.request(100))
    bench.engine.reverse(spent.id, id="undo")
    return bench


@pytest.fixture(scope="module")
def records(bench: Bench) -> list[Record]:
    return list(bench.engine.records())


@pytest.fixture(scope="module")
def program_of(bench: Bench) -> Callable[[str], Program]:
    return bench.engine.policies.of


@pytest.mark.rule("V2")
def test_every_kind_of_record_is_made_again_to_the_byte(
    records: list[Record], program_of: Callable[[str], Program]
) -> None:
    kinds = {record.key[2] for record in records}
    assert kinds >= {"consume", "reserve", "capture", "expire", "expire_lot", "top_up", "unpaid", "reverse", "grant"}
    assert replayed(records, program_of) == ([], len(records))


def test_any_part_of_a_journal_is_made_again_on_the_states_before_it(
    records: list[Record], program_of: Callable[[str], Program]
) -> None:
    """What follows from a chosen command is compared too, what follows from another one is a command of its own."""
    for number in range(1, len(records) + 1):
        findings, compared = replayed(records, program_of, lambda record, number=number: record.seq == number)
        assert (findings, compared in (1, 2)) == ([], True)
    assert replayed(records, program_of, lambda record: not record.seq % 3)[0] == []


# ---- canaries: what is done to which record, and where it is found


def _in_answer(was: bytes, now: bytes) -> Callable[[Record], Record]:
    def changed(record: Record) -> Record:
        assert was in bytes(record.answer)
        return replace(record, answer=Raw(bytes(record.answer).replace(was, now, 1)))

    return changed


def _in_command(was: bytes, now: bytes) -> Callable[[Record], Record]:
    def changed(record: Record) -> Record:
        assert was in bytes(record.command)
        return replace(record, command=Raw(bytes(record.command).replace(was, now, 1)))

    return changed


def _effects(change: Callable[[list[Any]], list[Any]]) -> Callable[[Record], Record]:
    return lambda record: replace(record, effects={ACCOUNT: change(list(record.effects[ACCOUNT]))})


def _with(**fields: Any) -> Callable[[Record], Record]:
    return lambda record: replace(record, **fields)


def _other_amount(effects: list[Any]) -> list[Any]:
    """One step more is left of the first lot."""
    kind, pool, (id, left, *rest) = effects[0]
    return [[kind, pool, [id, left + 1, *rest]], *effects[1:]]


CANARIES: list[tuple[str, str, Callable[[Record], Record], str]] = [
    ("one byte of an answer", "consume", _in_answer(b'"granted":"4"', b'"granted":"5"'), "/answer/granted"),
    ("a space in an answer", "consume", _in_answer(b'"granted":', b'"granted": '), "#"),
    ("another order in an answer", "grant", _in_answer(b'"pool":"money","lot":"L"', b'"lot":"L","pool":"money"'), "#"),
    ("a digit of a receipt", "capture", _in_answer(b'"used":"3.5"', b'"used":"3.4"'), "/answer/used"),
    ("no answer", "grant", _with(answer=Raw(b"{}")), "/answer/grant"),
    ("what was asked for", "consume", _in_command(b"400", b"401"), "/answer/requested"),
    ("the amount of a grant", "grant", _in_command(b'"amount":"10"', b'"amount":"11"'), "/answer/amount"),
    ("a command of no sense", "grant", _in_command(b'"amount":"10"', b'"amount":[10]'), "/answer"),
    ("a command that is refused", "grant", _in_command(b'"pool":"money"', b'"pool":"wrong"'), "/answer"),
    ("a command in other bytes", "grant", _in_command(b'"amount":"10"', b'"amount": "10"'), "#"),
    ("the account of a command", "grant", _in_command(b'"ana"', b'"bob"'), ""),
    ("a dropped effect", "reserve", _effects(lambda effects: effects[1:]), "/effects/default~1user~1ana/0/0"),
    ("the last effect dropped", "reserve", _effects(lambda effects: effects[:-1]), "/effects/default~1user~1ana/1"),
    ("an effect twice", "consume", _effects(lambda effects: effects * 2), "/effects/default~1user~1ana/1"),
    ("a step in an effect", "consume", _effects(_other_amount), "/effects/default~1user~1ana/0/2/1"),
    ("all effects", "consume", _with(effects={}), "/effects"),
    ("another instant", "reverse", lambda record: replace(record, at=record.at + 1), "/answer/at"),
    ("another number", "consume", lambda record: replace(record, seq=record.seq + 1), "/seq"),
    ("another id", "capture", lambda record: replace(record, id="cap_" + "a" * 26), ""),
    ("what leads to a hold", "reserve", _with(ids=()), "/ids"),
    ("another key", "set_top_up", lambda record: replace(record, key=(*record.key[:3], "other")), "/key/3"),
    ("a kind that is none", "unpaid", lambda record: replace(record, key=("default", "x", "nothing", "y")), "/answer"),
    ("no event", "consume", _with(events=()), "/events"),
    ("an event more", "expire", _with(events=("usage",)), "/events"),
    ("granted while the store was away", "consume", _with(away={}), "/answer"),
]


@pytest.mark.parametrize(("command", "change", "place"), [case[1:] for case in CANARIES], ids=[c[0] for c in CANARIES])
def test_whatever_is_changed_of_a_record_is_found_there(
    records: list[Record],
    program_of: Callable[[str], Program],
    command: str,
    change: Callable[[Record], Record],
    place: str,
) -> None:
    index = next(index for index, one in enumerate(records) if one.key[2] == command)
    changed = change(records[index])
    assert changed != records[index]
    first = replayed([*records[:index], changed, *records[index + 1 :]], program_of)[0][0]
    assert (first.finding, first.record) == ("difference", changed.seq if place == "/seq" else index + 1)
    assert first.place.startswith(place) if place else first.place == ""
    assert first.was != first.now


def test_every_record_that_is_dropped_leaves_a_finding(
    records: list[Record], program_of: Callable[[str], Program]
) -> None:
    """The last one is missed only where it follows from the one before it: nothing else says that it was there."""
    for index in range(1, len(records)):
        rest = [replace(one, seq=one.seq - 1) for one in records[index + 1 :]]
        findings, _ = replayed([*records[:index], *rest], program_of)
        follows = records[index].key[2] == "top_up"
        assert findings or (not rest and not follows), records[index]
    last = max(index for index, one in enumerate(records) if one.key[2] == "top_up" and one.seq > 3)
    [lacking] = replayed(records[:last], program_of)[0]
    assert (lacking.command, lacking.place, lacking.was) == ("top_up", "", "")


def test_a_record_answers_for_itself(records: list[Record], program_of: Callable[[str], Program]) -> None:
    """What is wrong with one answer, or with each, is one finding each: states are those of the journal."""
    changed = [replace(one, answer=Raw(bytes(one.answer).replace(b'"at":"2026', b'"at":"2025', 1))) for one in records]
    findings, compared = replayed(changed, program_of)
    assert Counter(one.place for one in findings) == {"/answer/at": len(findings)}
    assert len(findings) >= compared - sum(one.key[2] == "top_up" for one in records)


def test_a_policy_that_is_not_there_is_one_finding(records: list[Record]) -> None:
    def program_of(digest: str) -> Program:
        raise Failure("unknown_policy", f"no policy {digest[:12]}")

    [missing], compared = replayed(records, program_of)
    assert (missing.finding, missing.record, compared) == ("missing_policy", 1, 0)
    assert missing.now.startswith('"no policy sha256:')


def test_a_journal_that_names_no_policy_is_made_again_from_its_first_decision_on(
    records: list[Record], program_of: Callable[[str], Program]
) -> None:
    nameless = [replace(one, policy="") for one in records]
    [missing], compared = replayed(nameless, program_of)
    first = next(one.seq for one in records if one.key[2] == "consume")
    assert (missing.finding, missing.record, compared) == ("missing_policy", 1, len(records) - first + 1)


def test_effects_that_cannot_be_read_end_it(records: list[Record], program_of: Callable[[str], Program]) -> None:
    with pytest.raises(Failure, match="the effects of record 1 cannot be read"):
        replayed([replace(records[0], effects={ACCOUNT: [["nothing"]]}), *records[1:]], program_of)


# ---- places

PLACES = [
    (b'{"a":1}', b'{"a":1}', None),
    (b'{"a":1,"b":2}', b'{"a":1,"b":3}', ("/b", "2", "3")),
    (b'{"a":1,"b":2}', b'{"a":1}', ("/b", "2", "")),
    (b'{"a":1}', b'{"a":1,"b":null}', ("/b", "", "null")),
    (b'{"a":[1,{"x":"y"}]}', b'{"a":[1,{"x":"z"}]}', ("/a/1/x", '"y"', '"z"')),
    (b'{"a":[1,2]}', b'{"a":[1]}', ("/a/1", "2", "")),
    (b'{"a":1}', b'{"a":true}', ("/a", "1", "true")),
    (b'{"a":"1"}', b'{"a":1}', ("/a", '"1"', "1")),
    (b'{"a":{}}', b'{"a":[]}', ("/a", "{}", "[]")),
    (b'{"x/y":{"~":1}}', b'{"x/y":{"~":2}}', ("/x~1y/~0", "1", "2")),
    (b'{"a":1,"b":2}', b'{"b":2,"a":1}', ("#2", '"{\\"a\\":1,\\"b\\":2}"', '"{\\"b\\":2,\\"a\\":1}"')),
    (b'{"a":1}', b'{"a":1} ', ("#7", '"{\\"a\\":1}"', '"{\\"a\\":1} "')),
    (b'{"a', b'{"b', ("#2", '"{\\"a"', '"{\\"b"')),
]


@pytest.mark.parametrize(("was", "now", "place"), PLACES)
def test_the_first_place_is_named_with_both_values(was: bytes, now: bytes, place: tuple[str, str, str] | None) -> None:
    found = first_difference(was, now)
    assert (None if found is None else (found.pointer, found.was, found.now)) == place
