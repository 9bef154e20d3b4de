"""Each machine finds a mistake that is put into the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from machines.bench import SETTINGS, Machine
from machines.test_again import Again
from machines.test_holds import Holds
from machines.test_lots import Lots
from machines.test_windows import Windows
from simulator import bugs
from simulator.wiring import Patches

ENOUGH = settings(SETTINGS, phases=[Phase.generate], derandomize=True, database=None, print_blob=False)


@pytest.fixture
def patches() -> Iterator[Patches]:
    found = Patches()
    yield found
    found.undo()


@pytest.mark.parametrize(
    ("machine", "bug"),
    [
        (Holds, bugs.earlier_parts_ignored),
        (Holds, bugs.time_out_gives_back_twice),
        (Lots, bugs.transfer_creates),
        (Windows, bugs.denial_consumes),
        (Windows, bugs.reset_keeps_use),
        (Again, bugs.retry_as_new),
    ],
    ids=lambda one: one.__name__,
)
def test_a_mistake_is_found(machine: type[Machine], bug: bugs.Bug, patches: Patches) -> None:
    bug(patches)
    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(machine, settings=ENOUGH)  # type: ignore[no-untyped-call]
