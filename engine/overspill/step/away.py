"""A request while the store is away (LANGUAGE.md L13): granted from limits alone, and no more than so much in one outage.

What is granted is answered at once and stored later. Until then an account may have moved on by another process: what
was counted is then counted again, on what the account has become.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from overspill.account.effects import Effect, SetWindow
from overspill.account.state import Account
from overspill.decide.admit import Admitted
from overspill.decide.bounds import limits_only
from overspill.decide.decide import ALLOW, Decided, decide, drawn
from overspill.decide.effects import counts_of, effects_of
from overspill.decide.graces import funds
from overspill.decide.render import render_away
from overspill.plan.counting import counted
from overspill.plan.facts import Accounts
from overspill.plan.periods import kind_of, window_at
from overspill.plan.plan import ROOT, WindowKind
from overspill.plan.program import Program
from overspill.records.written import Written
from overspill.step.keys import Identified
from overspill.step.plans import AccountOf
from overspill.words.amounts import UNLIMITED
from overspill.words.codec import Struct, replace
from overspill.words.failures import StoreFailure
from overspill.words.texts import limit_text_of


class Counted(Struct, frozen=True):
    """What a draw counted in one counter of an account."""

    account: str
    key: str
    kind: WindowKind
    amount: int


class Granted(Struct, frozen=True, kw_only=True):
    """What was granted while the store was away: `base` steps by a waterfall, to the account that asks; `before` of it,
    `base` steps that it had been granted earlier in the outage."""

    written: Written
    account: str
    waterfall: str
    before: int
    base: int
    effects: Mapping[str, Sequence[Effect]]
    counts: tuple[Counted, ...]


def granted(
    program: Program,
    admitted: Admitted,
    accounts: Accounts,
    keys: tuple[str | None, ...],
    now: int,
    before: Mapping[str, int],
    command: Identified,
) -> Granted | None:
    """What limits cover of the request, all of it; None where the waterfall grants nothing while the store is away. `before`
    is what the account was granted in this outage, in base steps by waterfall. Raises StoreFailure `unavailable` where
    limits do not cover it, or it is too much."""
    bounds = limits_only(program.plan, admitted.bounds)
    decided = decide(program, replace(admitted, bounds=bounds), accounts, now)
    waterfall = decided.waterfall
    earlier = before.get(waterfall.name, 0)
    if not waterfall.unavailable:
        return None
    if decided.outcome != ALLOW or earlier + decided.granted > waterfall.unavailable:
        raise _refused(decided, earlier)
    account, root = keys[ROOT], accounts[ROOT]
    assert account is not None and isinstance(root, Account)
    written = render_away(
        decided,
        id=command.id,
        request_json=command.payload.decode(),
        request_digest=command.fingerprint,
        account_version=root.version,
        before=earlier,
    )
    return Granted(
        written=written,
        account=account,
        waterfall=waterfall.name,
        before=earlier,
        base=decided.granted,
        effects=effects_of(decided, keys),
        counts=tuple(_counts(decided, keys)),
    )


def _refused(decided: Decided, earlier: int) -> StoreFailure:
    waterfall = decided.waterfall
    write, unit = limit_text_of(waterfall.unit.scale), waterfall.unit.name
    most = "" if waterfall.unavailable == UNLIMITED else f", at most {write(waterfall.unavailable)} {unit}"
    return StoreFailure(
        "unavailable",
        f"the store is away, and until it is back `{waterfall.name}` grants what limits cover alone{most}; "
        f"{write(earlier)} {unit} of it have been granted, {write(decided.raw[2])} were asked for",
        help="ask again with the same id",
    )


def _counts(decided: Decided, keys: tuple[str | None, ...]) -> Iterator[Counted]:
    """What it draws; of a grace whose key it funds nothing, which opens it."""
    facts = decided.raw[4]
    for _, layer, step in drawn(decided):
        kinds = {counter.key: counter.kind for counter in layer.counters}
        for kind, key, _, amount in counts_of(layer, step, facts):
            account = keys[kind]
            if account is not None:
                yield Counted(account, key, kind_of(kinds[key.split("|", 1)[0]], facts), amount)
    for _, counter, key in funds(decided):
        account = keys[counter.account]
        if account is not None:
            yield Counted(account, key, counter.kind, 0)


def rebased(
    effects: Mapping[str, Sequence[Effect]],
    counts: Sequence[Counted],
    met: Collection[str],
    account_of: AccountOf,
    at: int,
) -> dict[str, Sequence[Effect]]:
    """The effects of a grant on accounts of which those in `met` have become something else since it was decided."""
    return {key: counted_again(account_of(key), key, counts, at) if key in met else own for key, own in effects.items()}


def counted_again(account: Account, key: str, counts: Sequence[Counted], at: int) -> list[Effect]:
    """The effects of the same draws on what the account with this key has become since; nothing that it was granted is
    lost, whatever its windows allow by now."""
    windows = dict(account.windows)
    for one in counts:
        if one.account == key:
            now = max(at, account.at)
            windows[one.key] = counted(window_at(windows.get(one.key), one.kind, now), one.amount)
    return [SetWindow(name, state) for name, state in windows.items() if state is not account.windows.get(name)]
