"""What a process does beside its clients' commands: it sweeps up what has ended, and has the payment provider asked.

The provider is another's: it survives every process, charges once for one purchase, declines, waits, loses its answers,
and sends its messages late and twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from overspill.account.purchases import ABANDONED, SUCCEEDED
from overspill.ports.payments import Intent, Payment
from overspill.runtime.payments import DECLINE, LOSE, PAY, WAIT, ScriptedPayments
from overspill.runtime.top_ups import TopUps
from overspill.words.failures import Failure, StoreFailure
from simulator.book import Finding
from simulator.chance import Chance
from simulator.process import Process
from simulator.store import Crash

if TYPE_CHECKING:
    from simulator.world import World

WORDS = (PAY, PAY, PAY, DECLINE, WAIT, LOSE)


class Payments(ScriptedPayments):
    """Answers by chance."""

    def __init__(self, chance: Chance) -> None:
        super().__init__()
        self.chance = chance

    def charge(self, intent: Intent) -> Payment:
        if intent.id not in self.receipts:
            self.next(self.chance.choice(WORDS))
        return super().charge(intent)


def beside(world: World, payments: Payments) -> None:
    """One thing of these, by a process that is up."""
    number = world.chance.randrange(len(world.processes))
    process = world.process(number)
    if process is None:
        return
    at = world.stamped(process)
    what = world.chance.choice((_sweep, _ask, _ask, _message))
    try:
        what(world, process, payments)
    except Crash:
        if world.processes[number] is process:
            world.processes[number] = None
    except StoreFailure:
        pass
    world.audited(at)


def _sweep(world: World, process: Process, payments: Payments) -> None:
    world.note("swept")
    process.sweep()


def _ask(world: World, process: Process, payments: Payments) -> None:
    world.note("provider_asked")
    top_ups(process).run(payments)


def _message(world: World, process: Process, payments: Payments) -> None:
    """A message comes late, or twice, or speaks of a receipt that is another purchase's; or somebody gives up."""
    purchases = world.auditor.purchases
    if not purchases:
        return
    id = world.chance.choice(sorted(purchases))
    charged = payments.receipts.get(id)
    receipt, outcome = charged or "", SUCCEEDED if charged else ABANDONED
    wrong = bool(world.auditor.receipts) and world.chance.random() < 0.3
    if wrong:
        receipt, outcome = world.chance.choice(sorted(world.auditor.receipts)), SUCCEEDED
        wrong = world.auditor.receipts[receipt] != id
    world.note("wrong_receipt" if wrong else "late_message")
    try:
        top_ups(process).resolve(id, outcome, receipt=receipt)
    except StoreFailure:
        raise
    except Failure as failure:
        if failure.code not in (("receipt_used", "idempotency_conflict") if wrong else ("purchase_closed",)):
            raise Finding(f"{outcome} of {id} by {receipt} was refused: {failure}") from None


def top_ups(process: Process) -> TopUps:
    return TopUps(process.combiner, process.find, process.sweep)
