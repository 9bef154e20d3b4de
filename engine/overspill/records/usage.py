"""Which records have usage in them: those of admitted requests and of captures."""

from __future__ import annotations

USAGE = ("usage",)
"""The events of a record that has usage in it (`records/usage_events.py` reads it from there)."""
