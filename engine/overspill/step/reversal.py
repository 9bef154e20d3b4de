"""A finished request is undone: its recorded draws go back leg by leg, whatever has become of today's order (LANGUAGE.md S4).

What a request drew stands in the record that finished it: a decision's own, or that of its hold's last capture. Each
window goes by itself: the generation that counted the amount gets it back while it is open, a closed one by the policy's
word. A lot gets back what it gave while it lives; what it gave of an expired one stays expired or is reissued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from overspill.account.draft import AccountOf, Draft
from overspill.account.effects import EndHold, SetDebt, SetHold, SetLot, SetWindow, effects_in
from overspill.account.holds import booked, held_only, lot_back
from overspill.account.state import Hold, Leg
from overspill.plan.counting import given_back, still_counts
from overspill.plan.interpret import is_charged, values_of
from overspill.plan.plan import PoolLayer, Waterfall, state_key
from overspill.plan.program import Program
from overspill.plan.shapes import GENERATION, LOT_EXPIRES_AT, LOT_ID, Lot
from overspill.records.journal import Record
from overspill.step import facts as facts_kept
from overspill.step.accounts import Change
from overspill.step.commands import Reverse
from overspill.step.expiry import reissued
from overspill.step.keys import Identified
from overspill.step.lots import end_id, paid_back
from overspill.step.overshoot import last_pool
from overspill.step.settle import booking_id
from overspill.words.amounts import Unit, steps_from_text, text_from_steps
from overspill.words.codec import Struct, json_bytes, json_decoder
from overspill.words.failures import Failure
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_text, instant_text_micros
from overspill.words.lengths import instant_after

Find = Callable[[str], Record | None]
_decode = json_decoder(dict[str, Any]).decode
_NOTHING = "nothing has to be given back"


class Counted(Struct, frozen=True):
    """`amount` steps that were counted in a window's generation; `account` is the key of who keeps it."""

    account: str
    key: str
    generation: int
    amount: int


class Taken(Struct, frozen=True):
    """`amount` steps that a lot gave; `lot` is as it was then."""

    account: str
    pool: str
    lot: Lot
    amount: int


class Finished(Struct, frozen=True, kw_only=True):
    """What a finished request has used in all; `layers` by name in the layer's steps."""

    record: Record
    request: str
    digest: str
    waterfall: str
    counted: Sequence[Counted]
    taken: Sequence[Taken]
    layers: Mapping[str, int]
    hold: Hold | None = None
    owed: int = 0

    @property
    def accounts(self) -> list[str]:
        """Keys of the accounts that get something back."""
        own = "/".join(self.record.key[:2])
        pools = [] if self.hold is None else [key for key in self.hold.accounts if key is not None]
        found = [own, *(one.account for one in self.counted), *(one.account for one in self.taken), *pools]
        return list(dict.fromkeys(found))


def reversal_id(decision: str) -> str:
    """What leads to the reversal of a decision."""
    return derived_id(decision, "rev")


# ---- what there is to return


def finished(
    command: Reverse, find: Find, program_of: Callable[[str], Program], account_of: AccountOf, now: int
) -> Finished:
    """What the request has used. Raises Failure for one that is unknown, was denied, goes on, or was reversed before."""
    record = find(command.of)
    if record is None or record.key[2] not in ("consume", "reserve"):
        raise Failure(
            "unknown_request",
            f"there is no decision or hold `{command.of[:80]}`",
            help="name the `decision` of an answer, or the id of its hold",
            pointer="/of",
        )
    before = find(reversal_id(record.id))
    if before is not None:
        message = f"`{record.id}` was reversed before, by `{before.key[-1]}`"
        raise Failure("already_reversed", message, help="a request is reversed once, and whole", pointer="/of")
    answer = _decode(bytes(record.answer))
    if answer["outcome"] == "deny":
        raise Failure("nothing_to_reverse", f"`{record.id}` was denied and drew nothing", help=_NOTHING, pointer="/of")
    if record.key[2] == "consume":
        return _consumed(record, answer, program_of)
    return _captured(record, answer, find, account_of, now)


def _consumed(record: Record, answer: Mapping[str, Any], program_of: Callable[[str], Program]) -> Finished:
    """By the decision's own effects: amounts as they are told, generations and lots as they were set."""
    digest, name = answer["policy"]["digest"], answer["trace"][0]["waterfall"]
    waterfall = program_of(digest).plan.waterfall(name)
    units = _units(waterfall)
    windows: dict[tuple[str, str], SetWindow] = {}
    lots: dict[tuple[str, str, str], SetLot] = {}
    for account, effects in effects_in(record.effects).items():
        for effect in effects:
            if isinstance(effect, SetWindow):
                windows[account, effect.key] = effect
            elif isinstance(effect, SetLot):
                lots[account, effect.pool, effect.lot[LOT_ID]] = effect
    counted, taken = [], []
    for told in answer["trace"][-1]["effects"]:
        account = f"{record.key[0]}/{told['account']}"
        key = told["window"] if "window" in told else told["pool"]
        amount = steps_from_text(told["amount"], units[key.split("|", 1)[0]])
        if "window" in told:
            counted.append(Counted(account, key, windows[account, key].state[GENERATION], amount))
        else:
            taken.append(Taken(account, key, lots[account, key, told["lot"]].lot, amount))
    drawn = {draw["layer"]: draw["amount"] for draw in answer["draws"]}
    layers = {
        layer.name: steps_from_text(drawn[layer.name], layer.unit) for layer in waterfall.layers if layer.name in drawn
    }
    return Finished(
        record=record,
        request=answer["request"],
        digest=digest,
        waterfall=name,
        counted=counted,
        taken=taken,
        layers=layers,
    )


def _captured(record: Record, answer: Mapping[str, Any], find: Find, account_of: AccountOf, now: int) -> Finished:
    """By the last capture of the hold, which tells what all of them have used together."""
    root = "/".join(record.key[:2])
    held = effects_in({root: record.effects[root]})[root]
    hold = next(effect.hold for effect in held if isinstance(effect, SetHold))
    known = account_of(root).holds.get(hold.id)
    if known is not None and (known.open or now < known.late_until):
        until = "" if known.open else f", and a late capture may come until {instant_text(known.late_until)}"
        message = f"hold `{hold.id}` is not over{until}"
        raise Failure("hold_open", message, help="capture or release it first", pointer="/of")
    last = _last_booking(find, hold.id)
    if last is None:
        message = f"nothing was captured of hold `{hold.id}`"
        raise Failure("nothing_to_reverse", message, help=_NOTHING, pointer="/of")
    legs, owed = _used(hold.id, effects_in({root: last.effects[root]})[root])
    layers: dict[str, int] = {}
    for leg in legs:
        layers[leg.layer] = layers.get(leg.layer, 0) + leg.amount
    return Finished(
        record=record,
        request=hold.request,
        digest=hold.digest,
        waterfall=hold.waterfall,
        counted=[one for leg in legs for one in _counts(hold, leg)],
        taken=[Taken(str(hold.accounts[leg.kind]), pool, lot, part) for leg in legs for pool, lot, part in leg.lots],
        layers=layers,
        hold=hold,
        owed=owed,
    )


def _used(hold: str, effects: Sequence[object]) -> tuple[Sequence[Leg], int]:
    for effect in effects:
        if isinstance(effect, EndHold) and effect.id == hold:
            return effect.legs, effect.owed
        if isinstance(effect, SetHold) and effect.hold.id == hold:
            return [held_only(booked(leg)) for leg in effect.hold.legs if leg.used_base], effect.hold.owed
    raise AssertionError("a capture changes its hold")


def _counts(hold: Hold, leg: Leg) -> Iterator[Counted]:
    for count in leg.counts:
        account = hold.accounts[count.kind]
        if account is not None:
            yield Counted(account, count.key, count.generation, count.amount)


def _last_booking(find: Find, hold: str) -> Record | None:
    """The hold's last capture, found in steps that double and then halve."""
    step = 1
    while find(booking_id(hold, step)) is not None:
        step *= 2
    known = step // 2  # this many there are at least, and fewer than `step`
    while step - known > 1:
        middle = (known + step) // 2
        known, step = (middle, step) if find(booking_id(hold, middle)) is not None else (known, middle)
    return find(booking_id(hold, known)) if known else None


# ---- what goes back


def reverse(
    program: Program,
    done: Finished,
    command: Reverse,
    find: Find,
    account_of: AccountOf,
    now: int,
    identified: Identified,
) -> Change:
    """Everything that the request has used, back where it came from, each part by itself."""
    waterfall = program.plan.waterfall(done.waterfall)
    units = _units(waterfall)
    draft = Draft(account_of)
    returned: list[dict[str, object]] = []
    for counted in done.counted:
        returned.append(_uncounted(counted, waterfall.reversal_transfers, units, draft, now))
    for number, taken in enumerate(done.taken):
        new = identified.derived("lot", number)
        returned.append(_put_back(taken, waterfall, units, find, draft, now, new))
    if done.owed and done.hold is not None:
        returned += _forgiven(
            program, waterfall, done, done.hold, draft, now, identified.derived("lot", len(done.taken))
        )
    credit: dict[str, int] = {}
    for layer in waterfall.layers:
        if is_charged(layer) and done.layers.get(layer.name):
            credit[layer.unit.name] = credit.get(layer.unit.name, 0) + done.layers[layer.name]
    scales = {layer.unit.name: layer.unit.scale for layer in waterfall.layers}
    answer = {
        "reversal": identified.id,
        "at": instant_text_micros(now),
        "of": done.record.id,
        "request": done.request,
        "account": done.record.key[1],
        "credit": {unit: text_from_steps(amount, scales[unit]) for unit, amount in credit.items()},
        "returned": returned,
        "actor": command.actor,
        "policy": {"digest": done.digest, "waterfall": done.waterfall},
    }
    effects = {key: tuple(effects) for key, effects in draft.effects().items()}
    return Change(effects, json_bytes(answer), (reversal_id(done.record.id),))


def _uncounted(one: Counted, transfers: bool, units: Mapping[str, Unit], draft: Draft, now: int) -> dict[str, object]:
    state = draft.window(one.account, one.key)
    shown = {
        "account": one.account.split("/", 1)[1],
        "window": one.key,
        "generation": one.generation,
        "amount": text_from_steps(one.amount, units[one.key.split("|", 1)[0]].scale),
    }
    if state is not None and still_counts(state, one.generation, now):
        draft.set_window(one.account, one.key, given_back(state, one.generation, one.amount))
        return {**shown, "to": "open"}
    if state is not None and transfers and still_counts(state, state[GENERATION], now):
        draft.set_window(one.account, one.key, given_back(state, state[GENERATION], one.amount))
        return {**shown, "to": "present"}
    return {**shown, "to": "nothing"}


def _put_back(
    one: Taken, waterfall: Waterfall, units: Mapping[str, Unit], find: Find, draft: Draft, now: int, new: str
) -> dict[str, object]:
    unit = units[one.pool.split("|", 1)[0]]
    shown: dict[str, object] = {
        "account": one.account.split("/", 1)[1],
        "pool": one.pool,
        "lot": one.lot[LOT_ID],
        "amount": text_from_steps(one.amount, unit.scale),
        "unit": unit.name,
    }
    if find(end_id(one.account, one.pool, one.lot[LOT_ID])) is not None:
        return {**shown, "to": "voided"}
    if now < one.lot[LOT_EXPIRES_AT]:
        lot_back(draft, one.account, one.pool, one.lot, one.amount)
        return {**shown, "to": "lot"}
    if waterfall.reversal_reissue is None:
        return {**shown, "to": "expired"}
    expires_at = instant_after(now, waterfall.reversal_reissue)
    draft.set_lot(one.account, one.pool, reissued(one.lot, one.amount, new, now, expires_at))
    end = None if expires_at == NEVER else instant_text(expires_at)
    return {**shown, "to": "reissued", "reissued": {"lot": new, "expires_at": end}}


def _forgiven(
    program: Program, waterfall: Waterfall, done: Finished, hold: Hold, draft: Draft, now: int, new: str
) -> Iterator[dict[str, object]]:
    """What of its debt is still owed is owed no more; what a purchase has repaid is a paid lot again."""
    facts = tuple(facts_kept.read(program.plan, waterfall, hold.facts))
    pool = last_pool(waterfall, facts, hold, draft)
    assert pool is not None
    account = str(hold.accounts[pool.account])
    key = state_key(pool.name, values_of(pool.per, facts))
    debt = draft.account(account).debts.get(key, 0)
    rest = done.owed - min(debt, done.owed)
    shown = {"account": account.split("/", 1)[1], "pool": key, "unit": pool.unit.name}
    if debt and rest < done.owed:
        draft.add(account, SetDebt(key, debt - min(debt, done.owed)))
        yield {**shown, "amount": text_from_steps(done.owed - rest, pool.unit.scale), "to": "debt"}
    if rest:
        lot = paid_back(program.plan, draft, account, key, rest, new, now)
        reissued = {"lot": lot["lot"], "expires_at": lot["expires_at"]}
        yield {**shown, "amount": lot["amount"], "to": "reissued", "reissued": reissued}


def _units(waterfall: Waterfall) -> dict[str, Unit]:
    """The unit of each counter and pool, by its key without what it is kept per."""
    counters = {counter.key: layer.unit for layer in waterfall.layers for counter in layer.counters}
    return counters | {layer.name: layer.unit for layer in waterfall.layers if isinstance(layer, PoolLayer)}
