"""What a step is: one event of the simulated world, each of which changes it.

A command that reaches a process and the reply that comes back, or is lost, are two, as in any simulation of messages; so
are a transaction that reaches the disk, a process that opens, a fault. What no client asked for counts by its record: a
hold that times out, a lot that ends, a test of a balance, what became of a payment. Time counts where it passes. A command
that finds its process down, a fault that this seed does not have, a sweep that finds nothing: these change nothing, and
are none. What a step has done is checked at the latest when its batch is over: every record that it wrote by the auditor,
every reply against the journal, every stamp against the clock.
"""

from __future__ import annotations

from collections import Counter

ASKED = "asked"
"""A command has reached a process."""
ANSWERED = "answered"
"""Its reply has reached the client, or was lost."""
STORED = "stored"
"""A transaction has reached the disk."""
ENDED = "ended"
"""Something stands in the journal that no client asked for."""
OPENED = "opened"
"""A process has opened the store."""
STRUCK = "struck"
"""A fault at the store, or what happens between batches (`faults.py`)."""
PASSED = "passed"
"""Time."""

Steps = Counter[str]
"""How many of each."""
