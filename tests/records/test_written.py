"""Answers as a form and its values: the same bytes at the first answer, at a repetition, after reopening, in the journal."""

from __future__ import annotations

import json
import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill import Engine, Failure, ManualClock, Request, StoreFailure
from overspill.records.answers import LayerStep
from overspill.records.usage_events import usage_event
from overspill.records.written import Hole, form_of
from overspill.words.ids import id_number
from overspill.words.instants import HOUR, instant_from_text

ANA = {"user": "u_ana"}
NOW = instant_from_text("2026-10-05T10:00:00Z")


def _request(id: str, tokens: int = 8000, **fields: str) -> Request:
    return Request(
        id=id,
        account=ANA,
        fields={"product": "codex", "model": "gpt-5.5", **fields},
        meters={"input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0},
    )


def _open(db: Path, clock: ManualClock | None = None) -> Engine:
    engine = Engine.open(db=db, clock=clock or ManualClock(NOW))
    engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
    return engine


def test_a_formed_answer_has_the_same_bytes_wherever_it_is_met(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with _open(db) as engine:
        first = engine.decide(_request("r1"))
        again = engine.decide(_request("r1"))
        recorded = [bytes(record.answer) for record in engine.records()][-1]
    with sqlite3.connect(db) as connection:
        bodies = [bytes(body) for (body,) in connection.execute("SELECT body FROM segments")]
        assert connection.execute("SELECT count(*) FROM forms").fetchone() == (1,)
    connection.close()
    assert first.json not in bodies[-1]  # it is a form and its values that are stored
    with _open(db) as engine:
        reopened = engine.decide(_request("r1"))
        found = engine.find(first.id)
    assert found is not None
    assert {first.json, again.json, recorded, reopened.json, bytes(found.answer)} == {first.json}
    assert (first.replayed, again.replayed, reopened.replayed) == (False, True, True)


def test_a_formed_answer_has_the_outcome_that_its_text_has() -> None:
    with Engine.open(clock=ManualClock(NOW)) as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        allowed, denied = engine.decide(_request("r1")), engine.decide(_request("r2", tokens=10**9))
    assert (allowed.written.form is not None, denied.written.form is None) == (True, True)
    assert [(one.outcome, one.record.outcome) for one in (allowed, denied)] == [("allow", "allow"), ("deny", "deny")]


@pytest.mark.parametrize(
    ("lots", "forms"),
    [
        pytest.param(["500"], 2, id="one lot: the windows' form, and that of both"),
        pytest.param(["0.25", "0.5", "500"], 2, id="three lots"),
        pytest.param(["0.01"] * 9 + ["500"], 1, id="more lots than a form has"),
    ],
)
def test_a_decision_over_several_layers_has_the_same_bytes(tmp_path: Path, lots: list[str], forms: int) -> None:
    db = tmp_path / "x.db"
    with _open(db) as engine:
        for number, amount in enumerate(lots):
            engine.grant(ANA, "credits", amount, id=f"C{number}")
        given = [engine.decide(_request(id, tokens)).json for id, tokens in (("r1", 8000), ("r2", 800_000))]
        assert [[draw["layer"] for draw in json.loads(answer)["draws"]] for answer in given] == [
            ["plan_windows"],
            ["plan_windows", "credits"],
        ]
        assert [bytes(record.answer) for record in engine.records()][-2:] == given
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT count(*) FROM forms").fetchone() == (forms,)
    connection.close()


def test_more_windows_than_a_form_tells_apart_are_written_plainly() -> None:
    windows = "".join(f"window w{number}: {number + 1}h from first_use; " for number in range(300))
    cells = ", ".join(f"w{number} {300 - number} runs" for number in range(300))
    policy = f"""policy p version 1; language 1; unit runs: integer; account user {{ }} request {{ runs: meter; }}
limit many {{ per user; unit runs; {windows} capacity {cells}; }}
pool bought {{ per user; unit runs; on overshoot refund; }}
waterfall w {{ serves true; counts runs; draw many; draw bought; otherwise deny used_up; }}
"""
    with Engine.open({"p.spill": policy.encode()}, clock=ManualClock(NOW)) as engine:
        engine.grant(ANA, "bought", "50", id="B")
        decision = engine.decide(Request(id="r1", account=ANA, meters={"runs": 5}))
        layers = {step.layer: step for step in decision.trace if isinstance(step, LayerStep)}
        assert (layers["many"].cause, layers["many"].binding) == ("w299", "w299")
        assert [bytes(record.answer) for record in engine.records()][-1] == decision.json


TEXTS = st.text("ab,'{}\\\n", max_size=3)
KINDS = {
    "digits": st.integers(0, 99),
    "string": st.sampled_from(["a", 'b"', None]),
    "bool": st.sampled_from([True, False, None]),
}


@given(st.data())
def test_a_form_is_its_pieces_with_the_values_between_them(data: st.DataObject) -> None:
    """Whatever repeats itself in it, and whichever facts stand side by side."""
    block = data.draw(st.lists(st.tuples(TEXTS, st.integers(0, 3)), min_size=2, max_size=8))
    parts = [part for _ in range(data.draw(st.integers(1, 3))) for part in (*block, (data.draw(TEXTS), 0))]
    kinds = [data.draw(st.sampled_from(sorted(KINDS))) for _ in range(1 + max(value for _, value in parts))]
    holes = tuple(Hole(value, kinds[value]) for _, value in parts)
    form = form_of((*(text for text, _ in parts), "end"), holes)
    for _ in range(2):
        values = [data.draw(KINDS[kind]) for kind in kinds]
        shown = [json.dumps(value, ensure_ascii=False) for value in values]
        assert form.json_of(values) == "".join([*(text + shown[value] for text, value in parts), "end"]).encode()


def test_text_that_looks_like_a_template_stands_for_itself(tmp_path: Path) -> None:
    """A file's name is part of every trace."""
    name = "it's «{50%}» \\n.spill"
    shipped = files("overspill_policies") / "codex_sora"
    sources = {f"{index} {name}": (shipped / part).read_bytes() for index, part in enumerate(
        ("access.spill", "codex.spill", "sora.spill"))}  # fmt: skip
    with Engine.open(sources, clock=ManualClock(NOW)) as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        decision = engine.decide(_request("r1"))
        assert json.loads(decision.json)["trace"][0]["source"].startswith(f"1 {name}:")
        assert [bytes(record.answer) for record in engine.records()][-1] == decision.json


@pytest.mark.parametrize("damage", ["DELETE FROM forms", "UPDATE forms SET body = replace(body, 'credits', 'debits')"])
def test_a_lost_or_changed_form_is_refused(tmp_path: Path, damage: str) -> None:
    db = tmp_path / "x.db"
    with _open(db) as engine:
        engine.decide(_request("r1"))
    connection = sqlite3.connect(db)
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(StoreFailure) as error, Engine.open(db=db, clock=ManualClock(NOW)) as engine:
        engine.decide(_request("r1"))
    assert error.value.code == "missing_form"


def test_two_ids_of_one_number_are_told_apart(tmp_path: Path) -> None:
    """The index may lead to a record that is another's: then the id is new."""
    db = tmp_path / "x.db"
    with _open(db) as engine:
        engine.decide(_request("r1"))
        with Engine.open(clock=ManualClock(NOW)) as other:
            other.set_attributes(ANA, {"plan": "plus"}, id="signup")
            fresh = other.decide(_request("r2")).id
    connection = sqlite3.connect(db)
    connection.execute("INSERT INTO ids VALUES (?, 2)", (id_number(fresh),))
    connection.commit()
    connection.close()
    with Engine.open(db=db, clock=ManualClock(NOW)) as engine:
        decision = engine.decide(_request("r2"))
        assert (decision.id, decision.replayed, decision.outcome) == (fresh, False, "allow")


@pytest.mark.rule("S7")
def test_usage_is_read_from_the_record(tmp_path: Path) -> None:
    with _open(tmp_path / "x.db") as engine:
        engine.decide(_request("r1"))
        hold = engine.reserve(_request("r2")).hold
        assert hold is not None
        engine.capture(hold.id, {"input_tokens": 4000, "cached_input_tokens": 0, "output_tokens": 0})
        denied = engine.decide(_request("r3", 10**9))
        assert denied.outcome == "deny"
        events = [event for record in engine.records() if (event := usage_event(record)) is not None]
    shown = [
        (event.account, event.request, event.waterfall, event.meters["input_tokens"], event.base) for event in events
    ]
    assert shown == [("user/u_ana", "r1", "codex", 8000, "1"), ("user/u_ana", "r2", "codex", 4000, "0.5")]
    assert len({event.event for event in events}) == 2


@pytest.mark.rule("I1")
def test_a_command_that_fails_leaves_no_time_out_behind(tmp_path: Path) -> None:
    """Its account is met, a hold on it ends, then the command fails: nothing of it has happened."""
    clock = ManualClock(NOW)
    with _open(tmp_path / "x.db", clock) as engine:
        engine.reserve(_request("r1"))
        clock.advance(24 * HOUR)
        count, before = len(list(engine.records())), engine.account(ANA)
        with pytest.raises(Failure, match="gpt-9"):
            engine.decide(_request("r2", model="gpt-9"))
        assert (len(list(engine.records())), engine.account(ANA)) == (count, before)
        outcomes = engine.decide_all([_request("r3", model="gpt-9"), _request("r4")])
        assert isinstance(outcomes[0], Failure)
        assert [record.key[2] for record in engine.records(count)] == ["expire", "consume"]
