"""What a hold tells and counts within its block, for threads and for asyncio alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from overspill.client.answers import Answer, IfAway
from overspill.client.journal import HoldJournal
from overspill.client.work import Outcome, Work
from overspill.records.answers import Receipt
from overspill.words.failures import Failure


class HoldView:
    """`answer` says how much is allowed and who says so (`source`). Count with `use` what is used; what was counted when the
    block ends is captured, also when it ends in an error, and if nothing was the hold is released.

    An error of the block goes on as it is. Without one the end raises ServiceFailure if what was used is not booked, unless
    the service is away and a journal has it: then `outcome` is `pending`, and `recover` goes on.
    """

    def __init__(self, work: Work, journal: HoldJournal | None) -> None:
        self._work, self._journal = work, journal

    @property
    def answer(self) -> Answer:
        if self._work.answer is None:
            raise Failure("not_held", "nothing has been asked yet", help="use it in a `with` block")
        return self._work.answer

    @property
    def allowed(self) -> bool:
        """Whether anything may be used."""
        return self._work.admitted

    @property
    def id(self) -> str | None:
        """The hold's, where the service has given one."""
        return self._work.hold

    @property
    def outcome(self) -> Outcome:
        """`open` within the block; behind it, how it ended."""
        return self._work.outcome

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Of its captures, so far."""
        return tuple(self._work.receipts)

    @property
    def counted(self) -> Mapping[str, int]:
        """What was used so far, by meter, captured or not."""
        names = {**self._work.taken, **self._work.used}
        return {name: self._work.taken.get(name, 0) + self._work.used.get(name, 0) for name in names}

    @property
    def told(self) -> bool:
        """Whether anything was counted, be it nothing."""
        return self._work.said

    def use(self, **meters: int) -> None:
        """Counts what was used, beside what was counted before."""
        self._work.use(meters)

    def total(self, **meters: int) -> None:
        """Counts these as all that was used of their meters, in the place of what was counted before; what a part has captured
        stays."""
        self._work.total(meters)

    # ---- what a block begins and ends with

    @contextmanager
    def _if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._quit()
            raise

    @contextmanager
    def _at_the_end(self, error: BaseException | None) -> Iterator[None]:
        try:
            yield
        except Failure as failure:
            away = self.outcome == "pending" and getattr(failure, "away", False)
            kept = away and self._journal is not None and self._work.is_written
            if error is not None:
                error.add_note(f"hold {self._work.of} is {self.outcome}: {failure}")
            elif not kept:
                raise
        finally:
            self._quit()

    def _quit(self) -> None:
        if self._journal is not None:
            self._journal.quit(self._work.of)


def expect_journal(journal: HoldJournal | None, if_away: IfAway) -> None:
    """Raises Failure where usage would be admitted that nobody could book later."""
    if if_away == "allow" and journal is None:
        what = "what is used while the service is away can be booked by a journal alone"
        raise Failure("journal_missing", what, help="give `journal`, or another `if_away`")
