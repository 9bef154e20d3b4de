"""How much a request could be granted now, whatever it measures: the largest base amount there is, run down the layers.

The same guards, the same layers and the same states as a decision, and the interpreter, which the generated functions
are compared with; only what is asked is not what the meters come to. Meters that the request leaves out count as 0. A
layer that errs ends the run, and what the layers before it cover is there all the same (LANGUAGE.md L7).
"""

from __future__ import annotations

from overspill.decide.admit import Admitted, waterfall_of
from overspill.plan.evaluate import test
from overspill.plan.facts import Accounts, read_facts
from overspill.plan.interpret import NO_BOUNDS, Meeting, fill, occupied
from overspill.plan.plan import Plan, Waterfall
from overspill.plan.raw import COVERED, STOPPED, TOOK
from overspill.records.available import Available
from overspill.words.codec import replace
from overspill.words.texts import amount_text_of

NOTHING, UNLIMITED = "0", "unlimited"


def available_to(plan: Plan, admitted: Admitted, accounts: Accounts, now: int) -> Available:
    """What the layers could cover. Raises Failure for what the request lacks beside meters."""
    request = admitted.request
    meters = {**dict.fromkeys(plan.meters, 0), **request.meters}
    admitted = replace(admitted, request=replace(request, meters=meters))
    waterfall = plan.waterfalls[waterfall_of(plan, admitted, accounts)]
    facts = read_facts(waterfall, request.fields, meters, admitted.ids, accounts)
    for guard in waterfall.guards:
        if test(guard.when, facts) is not False:
            return _told(waterfall, NOTHING, guard.name)
    if waterfall.occupies and (full := occupied(waterfall, facts, accounts)) >= 0:
        return _told(waterfall, NOTHING, waterfall.occupies[full].counter.name)
    bounds = admitted.bounds or NO_BOUNDS
    meeting = Meeting(waterfall=waterfall, facts=facts, accounts=accounts, now=now, bounds=bounds)
    ending, at, _, _, _, steps = fill(meeting, waterfall.base_max)
    if ending == COVERED:
        return _told(waterfall, UNLIMITED)
    covered = [step[1] for step in steps if step[0] == TOOK]
    most = max(covered, default=0) if waterfall.fill_whole else sum(covered)
    stopped = waterfall.layers[at].name if ending == STOPPED else None
    return _told(waterfall, amount_text_of(waterfall.unit.scale)(most), stopped)


def _told(waterfall: Waterfall, available: str, reason: str | None = None) -> Available:
    return Available(waterfall=waterfall.name, unit=waterfall.unit.name, available=available, reason=reason)
