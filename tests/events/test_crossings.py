"""A mark is passed once on the way up: by a decision, a reservation, or what a capture uses beyond its hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.scenes import ANA, Scene
from overspill.words.instants import DAY, HOUR


def _marks(scene: Scene, percents: tuple[int, ...] = (80, 100)) -> list[tuple[str, int, int, str]]:
    found = scene.data("window.threshold_crossed", percents)
    return [(one["window"], one["generation"], one["percent"], one["used"]) for one in found]


@pytest.fixture
def scene() -> Scene:
    return Scene()


DAYS = "plan.day"
USES: list[tuple[list[int], list[tuple[str, int, int, str]]]] = [
    ([79], []),
    ([80], [(DAYS, 1, 80, "80")]),
    ([79, 1], [(DAYS, 1, 80, "80")]),
    ([81, 5], [(DAYS, 1, 80, "81")]),
    ([100], [(DAYS, 1, 80, "100"), (DAYS, 1, 100, "100")]),
    ([90, 10], [(DAYS, 1, 80, "90"), (DAYS, 1, 100, "100")]),
    ([100, 0], [(DAYS, 1, 80, "100"), (DAYS, 1, 100, "100")]),
    ([100, 1000], [(DAYS, 1, 80, "100"), (DAYS, 1, 100, "100")]),
]


@pytest.mark.parametrize(("uses", "marks"), USES)
def test_a_mark_is_passed_by_what_takes_the_use_to_it(
    scene: Scene, uses: list[int], marks: list[tuple[str, int, int, str]]
) -> None:
    for one in uses:
        scene.use(one)
    assert _marks(scene) == marks


def test_a_crossing_is_told_with_all_that_names_the_mark(scene: Scene) -> None:
    id = scene.use(85)
    [told] = scene.data("window.threshold_crossed")
    assert told == {
        "subject": "user/ana",
        "cause": id,
        "window": DAYS,
        "generation": 1,
        "percent": 80,
        "used": "85",
        "limit": "100",
        "unit": "credits",
        "ends_at": "2026-10-06T12:00:00Z",
    }


def test_a_new_generation_has_its_marks_anew_and_each_window_its_own(scene: Scene) -> None:
    for _ in range(3):
        scene.use(90)
        scene.clock.advance(DAY)
    assert _marks(scene) == [
        (DAYS, 1, 80, "90"),
        (DAYS, 2, 80, "90"),
        (DAYS, 3, 80, "90"),
        ("plan.week", 1, 80, "270"),
    ]


def test_what_is_held_counts_and_what_comes_back_lets_the_mark_be_passed_again(scene: Scene) -> None:
    hold = scene.hold(90)
    scene.engine.release(hold)
    scene.use(85)
    assert _marks(scene) == [(DAYS, 1, 80, "90"), (DAYS, 1, 80, "85")]
    ids = [one["id"] for one in scene.told() if one["type"].endswith("threshold_crossed")]
    assert len(set(ids)) == 2


def test_a_capture_beyond_its_hold_passes_marks_and_one_within_passes_none(scene: Scene) -> None:
    scene.capture(scene.hold(50), 40)
    assert _marks(scene) == []
    receipt = scene.capture(scene.hold(10), 45)
    assert _marks(scene) == [(DAYS, 1, 80, "85")]
    assert scene.data("window.threshold_crossed")[0]["cause"] == receipt["capture"]
    scene.use(15)
    assert _marks(scene)[1:] == [(DAYS, 1, 100, "100")]


def test_the_parts_of_a_stream_pass_a_mark_once(scene: Scene) -> None:
    hold = scene.hold(10)
    for number, part in enumerate((5, 60, 20, 5)):
        scene.capture(hold, part, f"c{number}", final=number == 3)
    assert _marks(scene) == [(DAYS, 1, 80, "85")]


def test_a_generation_that_is_over_has_no_marks(scene: Scene) -> None:
    scene.use(70)
    scene.clock.advance(DAY - HOUR // 10)
    hold = scene.hold(5)
    scene.clock.advance(HOUR // 10)
    scene.use(10)
    scene.capture(hold, 29)
    assert _marks(scene) == []


def test_beyond_the_lots_of_a_pool_an_overage_has_its_marks(scene: Scene) -> None:
    scene.use(100)
    scene.engine.grant(ANA, "money", "10", id="C")
    scene.use(42)
    assert _marks(scene)[2:] == [("money.overage", 1, 80, "32")]


def test_every_hook_has_marks_of_its_own(scene: Scene) -> None:
    scene.use(50)
    scene.use(20)
    assert _marks(scene, (50, 60, 75)) == [(DAYS, 1, 50, "50"), (DAYS, 1, 60, "70")]


Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(st.sampled_from(["use", "hold and capture", "hold and release"]), st.integers(0, 60), st.integers(0, 90)),
    max_size=8,
)


@given(ACTS)
def test_marks_are_those_that_the_use_of_the_window_itself_passes(acts: list[Act]) -> None:
    """The window's states in the records, one after the other, against the events. What is drawn from a layer that the
    reservation did not draw from is no part of this: the window is always the first."""
    scene = Scene()
    for what, first, second in acts:
        if what == "use":
            scene.use(first)
            continue
        held = scene.engine.reserve(scene._request(first, ANA))
        if held.hold is None:
            continue
        scene.capture(held.hold.id, second) if what == "hold and capture" else scene.engine.release(held.hold.id)
    expected, used = [], 0
    for record in scene.records():
        for effect in record.effects.get("default/user/ana", ()):
            if effect[0] == "window" and effect[1] == DAYS:  # type: ignore[index]
                before, used = used, effect[2][3]  # type: ignore[index]
                passed = [percent for percent in (80, 100) if before < percent * 100 <= used]
                expected += [(percent, Decimal(used) / 100) for percent in passed if _draws(scene, record)]
    found = [(one[2], Decimal(one[3])) for one in _marks(scene) if one[0] == DAYS]
    assert found == expected


def _draws(scene: Scene, record: Any) -> bool:
    """Whether the decision, or the reservation that a capture follows, drew from the window."""
    if record.key[2] == "capture":
        admission = scene.engine.find(record.key[1])
        assert admission is not None
        return b'"window":"day"' in bytes(admission.answer).partition(b'"reason":')[0]
    return True
