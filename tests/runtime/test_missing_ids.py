"""Whatever changes something is told apart from its repetition by an id: one that is missing is refused, and nothing changes."""

from __future__ import annotations

import inspect

import click
import pytest

from overspill import Engine, Failure, Request
from overspill.cli.main import cli
from overspill.records.answers import Receipt

ANA = {"user": "u_ana"}
ASKED = Request(
    id="r1",
    account=ANA,
    fields={"product": "codex", "model": "gpt-5.5"},
    meters={"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
)
PART = {"input_tokens": 4000, "cached_input_tokens": 0, "output_tokens": 0}
ONCE = {"capture", "release"}
"""What ends a hold needs none: that happens once."""


def test_every_method_that_changes_something_asks_for_an_id() -> None:
    asks = {}
    for name, method in inspect.getmembers(Engine, inspect.isfunction):
        id = inspect.signature(method).parameters.get("id")
        if not name.startswith("_") and id is not None and method.__annotations__["return"] == Receipt.__name__:
            asks[name] = id.default is inspect.Parameter.empty
    assert {name for name, always in asks.items() if not always} == ONCE
    assert {"grant", "extend", "void", "reset", "set_attributes", "transfer"} < asks.keys()


def test_every_command_that_changes_something_asks_for_an_id() -> None:
    asks = {name: id.required for name, id in _ids(cli, "")}
    assert {name for name, always in asks.items() if not always} == ONCE
    assert {"grant", "extend", "account set"} < asks.keys()


def _ids(group: click.Group, before: str) -> list[tuple[str, click.Parameter]]:
    """(command, its `--id`) of all that have one."""
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += [(before + name, one) for one in command.params if "--id" in one.opts]
        if isinstance(command, click.Group):
            found += _ids(command, f"{before}{name} ")
    return found


def test_a_part_of_a_capture_without_an_id_is_refused() -> None:
    """It could not be told from the same part sent again: the second of two equal parts was taken for a repetition."""
    with Engine.open() as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        hold = engine.reserve(ASKED).hold
        assert hold is not None
        before = [record.id for record in engine.records()]
        for _ in range(2):
            with pytest.raises(Failure) as failure:
                engine.capture(hold.id, PART, final=False)
            assert (failure.value.code, failure.value.pointer) == ("missing_id", "/id")
            assert failure.value.help == 'give each of them its own, the last one too: id="1", id="2" …'
        assert [record.id for record in engine.records()] == before
        first, second = (engine.capture(hold.id, PART, id=id, final=False) for id in ("1", "2"))
        assert first.json != second.json
        assert engine.capture(hold.id, PART, id="3").json != second.json


def test_a_hold_that_is_captured_at_once_needs_none() -> None:
    with Engine.open() as engine:
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        hold = engine.reserve(ASKED).hold
        assert hold is not None
        first = engine.capture(hold.id, PART)
        assert engine.capture(hold.id, PART).replayed
        assert engine.capture(hold.id, PART, id="1").json == first.json
