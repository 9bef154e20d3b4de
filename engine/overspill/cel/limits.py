"""How much one expression may be: each limit is a fault that says so. How deep it may be stands with the parser."""

from __future__ import annotations

TEXT_MAX = 4096
"""Characters."""
TOO_LONG = f"the expression is longer than {TEXT_MAX} characters"
SHORTEN = "split it into several statements, or keep its constants in a table"
ITEMS_MAX = 1_000
"""Items that a list, or entries that a map, may be written with."""
NESTING_MAX = 4
"""How deep macros may stand in each other: each level multiplies the work."""
COST_MAX = 1_000_000
"""The most steps that an expression in a policy may come to; a step is some tens of nanoseconds (`cost.py`)."""
