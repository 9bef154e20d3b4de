"""What becomes of the end of a window that is reset, as policies and commands say it (LANGUAGE.md W6)."""

from __future__ import annotations

KEEP_ANCHOR = "keep_anchor"
RESTART_ANCHOR = "restart_anchor"
ANCHORS = (KEEP_ANCHOR, RESTART_ANCHOR)
