"""A progress bar on a terminal's stderr, once there is something to wait for."""

from __future__ import annotations

import sys
from typing import Any

AFTER = 2000


class Progress:
    """Shows how many of `total` are done; `what` says of what and what is done. Used as a context manager."""

    def __init__(self, what: str, *, shown: bool, total: int | None = None) -> None:
        self._what, self._total = what, total
        self._shown = shown and sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Gives the terminal back, for good."""
        self._shown = False
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def update(self, done: int) -> None:
        if not self._shown or done < AFTER:
            return
        if self._bar is None:
            self._start()
        self._bar.update(self._bar.task_ids[0], completed=done)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        of = "" if self._total is None else f" of {self._total:,}"
        columns = SpinnerColumn(), TextColumn(f"{{task.completed:,}}{of} {self._what}"), TimeElapsedColumn()
        # Left to itself rich would print what goes to stdout on its own console, which is stderr.
        self._bar = Progress(
            *columns,
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar.add_task(self._what, total=self._total)
        self._bar.start()
