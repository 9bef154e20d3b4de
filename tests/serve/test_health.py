"""Whether a service lives and whether it can serve: by the policy, the store and the clock, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from overspill.runtime.drift import DRIFT_MAX
from support.asgi import call
from support.services import Served, served


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield found


def _clock(drift: int) -> Callable[[Served, pytest.MonkeyPatch], None]:
    return lambda one, patch: patch.setattr(one.clock, "drift", lambda: drift)


STATES: dict[str, tuple[Callable[[Served, pytest.MonkeyPatch], None], str | None]] = {
    # what happens → the check that fails
    "nothing": (lambda one, patch: None, None),
    "a wall clock that is as far ahead as may be": (_clock(DRIFT_MAX), None),
    "a wall clock that is further ahead": (_clock(DRIFT_MAX + 1), "clock"),
    "a wall clock that is behind": (_clock(-DRIFT_MAX - 1), "clock"),
    "keys that cannot be looked up": (lambda one, patch: one.registry.close(), "store"),
    "an engine that is closed": (lambda one, patch: one.engine.close(), "store"),
}


@pytest.mark.parametrize("happens, fails", STATES.values(), ids=STATES)
def test_it_is_ready_where_it_can_decide_and_lives_all_the_same(
    one: Served, monkeypatch: pytest.MonkeyPatch, happens: Callable[..., None], fails: str | None
) -> None:
    happens(one, monkeypatch)
    ready = call(one.app, "GET", "/readyz")
    assert [check["name"] for check in ready.json["checks"]] == ["policy", "store", "clock"]
    assert [check["name"] for check in ready.json["checks"] if not check["ok"]] == ([] if fails is None else [fails])
    assert (ready.status, ready.json["ready"]) == ((200, True) if fails is None else (503, False))
    live = call(one.app, "GET", "/livez")
    assert (live.status, live.json) == (200, {"live": True})
