"""The raw decision: a tuple of codes and numbers made on the way, before anybody looks.

Generated functions and the interpreter give the same one. It holds values only, never a reference to state that can
change; JSON, records and sentences are made of it.
"""

from __future__ import annotations

from typing import Final

from overspill.plan.shapes import Lot, WindowState

# How a run through the waterfall ended.
COVERED = 0
"""Everything asked is covered; under `fill whole` by the last layer visited alone."""
ZERO = 1
"""The base amount is zero (LANGUAGE.md M4)."""
GUARDED = 2
"""A guard denied; `at` is its index."""
GUARD_ERROR = 3
"""A guard's condition erred, which denies (LANGUAGE.md L1); `at` is its index."""
SHORT = 4
"""Every layer was visited and something is left, or a layer erred under `on error stop`."""
STOPPED = 5
"""A layer erred under `on error deny`; `at` is its index."""
OCCUPIED = 6
"""As many holds as may be are open; `at` is the index of the concurrency."""

# What a visited layer came to: the first member of its step.
TOOK = 0
NOT_APPLICABLE = 1
SKIPPED = 2
ERROR = 3
NOT_ELIGIBLE = 4
"""A grace without its key, or before an earlier request has funded it (LANGUAGE.md L12)."""

Drawn = tuple[tuple[Lot, int], ...]
"""Lots as they were, with the amount drawn from each."""

TookStep = tuple[int, int, int, tuple[WindowState, ...], tuple["int | None", ...], Drawn]
"""(TOOK, base, amount, counters before the draw, their bounds, drawn): a counter whose generation has ended stands as its
next one; a bound is None where it does not apply."""
STATES: Final = 3
BOUNDS: Final = 4
DRAWN: Final = 5
PassedStep = tuple[int, int]
"""(NOT_APPLICABLE, -1), (NOT_ELIGIBLE, -1), (SKIPPED, index of the skip), (ERROR, -1 for `when`, else the index of the
skip that erred)."""

Step = TookStep | PassedStep
"""Told apart by their length, which type checkers follow too."""
Facts = tuple[object, ...]

Raw = tuple[int, int, int, int, Facts, tuple[Step, ...]]
"""(ending, at, base, left, facts, steps).

`at` is 0 where the ending names no index; `left` is what is still asked after the last layer visited (under `fill
whole` the whole base until a layer covers it); `facts` are the inputs in slot order; `steps` has one tuple for each layer visited, in order.
"""

STEP_NOT_APPLICABLE: PassedStep = (NOT_APPLICABLE, -1)
STEP_NOT_ELIGIBLE: PassedStep = (NOT_ELIGIBLE, -1)
