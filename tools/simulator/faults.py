"""The faults, and each seed's own mixture of them."""

from __future__ import annotations

from overspill.words.instants import DAY, HOUR, MINUTE, SECOND
from simulator.chance import Chance

AT_STORE: dict[str, tuple[str, ...]] = {
    "begin": ("busy", "crash"),
    "append": ("crash",),
    "commit": ("crash", "power_loss", "io_error_lost", "io_error_kept", "commit_unknown"),
    "written": ("crash", "power_loss", "power_loss"),
    "synced": ("crash", "power_loss"),
}
"""What may strike at each place of the store."""
TAILS = ("tail_kept", "tail_lost", "tail_torn")
"""What a loss of power makes of what was written and not synced."""
EVENTS = (
    *("clock_forward", "clock_back", "power_loss", "clean_restart", "disk_full", "bit_flip", "activation"),
    "long_silence",
)
"""What happens between batches."""
BESIDE = ("swept", "provider_asked", "late_message", "wrong_receipt")
"""What a process does beside its clients' commands."""
DELIVERY = ("reply_lost", "sent_twice", "conflict", "reordered", "batch", "other_process")
FAULTS = tuple(
    dict.fromkeys(
        [*(fault for place in AT_STORE.values() for fault in place), *TAILS, *EVENTS, *BESIDE, *DELIVERY, "drift"]
    )
)
"""All kinds; a run that hits not every one of them says so."""


class Mix:
    """How often things go wrong in one seed, and how fast time passes."""

    def __init__(self, chance: Chance) -> None:
        pick = chance.choice
        self.store_every = pick((30, 100, 400, 4000))
        """Places of the store between two faults, on the average."""
        self.event = pick((0.0, 0.002, 0.01, 0.03))
        self.beside = pick((0.0, 0.02, 0.1))
        self.reply_lost = pick((0.0, 0.02, 0.15))
        self.sent_twice = pick((0.01, 0.05, 0.2))
        self.batch = pick((0.0, 0.1, 0.5))
        self.processes = pick((1, 1, 2))
        self.drift = pick((0, 0, -300, 300))
        self.gaps = pick(
            (
                (0, SECOND, 30 * SECOND),
                (0, SECOND // 7, 20 * SECOND, 3 * MINUTE),
                (0, MINUTE, 10 * MINUTE, HOUR),
            )
        )
        self.live_max = pick((3, 2048, 2048))
        self.enabled = frozenset(fault for fault in FAULTS if chance.random() < 0.8)
        self.jumps = (SECOND, MINUTE, 20 * MINUTE, 2 * HOUR, DAY)
