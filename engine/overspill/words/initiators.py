"""Who began a request, in words: every request says it, and conditions read it as `request.initiator` (LANGUAGE.md L10)."""

from __future__ import annotations

INITIATOR = "initiator"
"""No policy may call a field of its own so."""
INITIATOR_PATH = f"request.{INITIATOR}"
"""How conditions and tables call it."""
INITIATORS = ("user", "automation", "background")
DEFAULT_INITIATOR = "user"
"""What a request that does not say it stands for."""
