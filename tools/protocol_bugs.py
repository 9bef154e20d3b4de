"""Bugs of the protocol, planted one at a time in the shell or in the step: each must break an invariant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple
from unittest.mock import patch

from overspill.account import holds
from overspill.account.effects import EndHold, SetHold
from overspill.step import overshoot, settle
from overspill.step import step as step_module
from overspill.words.codec import replace
from overspill.words.instants import MINUTE


class Bug(NamedTuple):
    """A planted one. `shell` says what the shell does wrong, `patch` what the step does."""

    name: str
    shell: str = ""
    patch: Callable[[], AbstractContextManager[object]] = nullcontext


def _gives_back_twice() -> AbstractContextManager[object]:
    expired = settle.expired

    def twice(*args: Any) -> Any:
        freed = holds.freed
        with patch.object(holds, "freed", lambda part, keep: (freed(part, keep)[0], 2 * freed(part, keep)[1])):
            return expired(*args)

    return patch.object(settle, "expired", twice)


def _release_keeps_the_hold() -> AbstractContextManager[object]:
    released = settle.released

    def kept(*args: Any) -> Any:
        settled = released(*args)
        effects = {key: [one for one in all if not isinstance(one, EndHold)] for key, all in settled.effects.items()}
        return replace(settled, effects=effects)

    return patch.object(settle, "released", kept)


def _late_counts_what_went_back() -> AbstractContextManager[object]:
    expired = settle.expired

    def untrimmed(hold: Any, *args: Any) -> Any:
        settled = expired(hold, *args)
        closed = replace(hold, open=False)
        effects = {
            key: [SetHold(closed) if isinstance(one, SetHold) else one for one in all]
            for key, all in settled.effects.items()
        }
        return replace(settled, effects=effects)

    return patch.object(settle, "expired", untrimmed)


def _reaped_early() -> AbstractContextManager[object]:
    meet = step_module.Batch.meet

    def early(batch: Any, keys: Any) -> Any:
        now = batch.now
        batch.now = now + 5 * MINUTE
        batch.end_due(keys)
        batch.now = now
        return meet(batch, keys)

    return patch.object(step_module.Batch, "meet", early)


def _never_over() -> AbstractContextManager[object]:
    phase = settle.phase
    return patch.object(settle, "phase", lambda *args: min(phase(*args), 2))


def _debt_without_bound() -> AbstractContextManager[object]:
    real = overshoot.overshoot
    return patch.object(overshoot, "overshoot", lambda left, owed, debt, bound, *rest: real(left, owed, debt, 9, *rest))


BUGS = [
    Bug("a retry of a capture posts again", "no key for captures"),
    Bug("a retry of a top-up is another one", "no key for grants"),
    Bug("keys are forgotten in a crash", "keys are forgotten in a crash"),
    Bug("the reply is sent before the commit", "reply before the commit"),
    Bug("denials are not stored", "denials are not stored"),
    Bug("another payload under a key is taken for a repetition", "no fingerprint"),
    Bug("two servers decide on what they have read before", "check, then write"),
    Bug("a time-out gives back twice", patch=_gives_back_twice),
    Bug("a released hold can be captured", patch=_release_keeps_the_hold),
    Bug("a late capture counts what went back", patch=_late_counts_what_went_back),
    Bug("holds are reaped early", patch=_reaped_early),
    Bug("late captures come in for ever", patch=_never_over),
    Bug("debt has no bound", patch=_debt_without_bound),
]
