"""Decisions: what was granted, from where, and whether it was drawn as the rules say (LED6, LED7, LED8, LED9)."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.audit.amounts import amount_of, amount_text
from overspill.audit.chain import USAGE
from overspill.audit.chart import LotKey
from overspill.audit.counting import (
    ACCOUNTS,
    BASE,
    EXPIRES_AT,
    LATE_UNTIL,
    LEG_AMOUNT,
    LEGS,
    STATE_USED,
    decided,
    parts_of,
    window_of,
)
from overspill.audit.orders import Orders
from overspill.audit.shapes import Counted, Coverage, Decided, Draw, Entry, Part, Step, Usage, decided_from
from overspill.audit.work import Work
from overspill.audit.world import Contradiction, Hold, Lot
from overspill.words.codec import Light
from overspill.words.ids import derived_id
from overspill.words.instants import NEVER, instant_from_text

OWN_KINDS = {"allowance": "entitlement", "grace": "grace"}


class Drawn(Light, frozen=True):
    """A draw with its entries: (counter as told, entry, whether it counts what lots did not give), and those of lots, which
    are `taken` when they were looked at."""

    draw: Draw
    counted: list[tuple[Counted, Entry, bool]]
    lots: list[Entry]
    taken: list[Lot]

    @property
    def kind(self) -> str:
        if not self.draw.windows or not self.counted:
            return "lot"
        told, entry, _ = self.counted[0]
        if told.window != self.draw.layer:
            return "window"
        return OWN_KINDS.get(_window_named(entry), "window")


def decision(work: Work, orders: Orders) -> None:
    """A request that was decided at once, or reserved."""
    answer = work.decided or decided_from(work.answer)
    work.digest = answer.policy.digest
    _is_its_own(work, answer)
    _adds_up(work, answer)
    if answer.outcome == "deny":
        if answer.draws or answer.trace[-1].effects:
            work.wrong("LED6", "denies and draws")
        return
    found = _drawn(work, answer) if answer.trace[-1].effects else []
    for one in found:
        _counted_within(work, one)
        _lots_in_order(work, orders, answer, one)
    if work.windows and work.record.away is None:
        _as_counted(work, found)
    work.policy, work.version, work.rate_card = answer.policy.digest, answer.policy.version, answer.policy.rate_card
    if work.record.key[2] == "reserve":
        _reserved(work, answer, found)
        work.finish(work.record.id)
    else:
        _consumed(work, answer, found)
        assert work.monetization is not None
        work.finish(work.monetization.event)


def _is_its_own(work: Work, answer: Decided) -> None:
    record = work.record
    if answer.decision != record.id or answer.request != record.key[3] or answer.at != work.at_text:
        work.wrong("LED5", "answers another request, or another time", "differs")
    told = answer.trace[0]
    if work.decided is None and (
        told.request_digest != f"sha256:{record.fingerprint}" or bytes(told.request) != bytes(record.command)
    ):
        work.wrong("LED5", "decides on another request than its command", "differs")
    version = work.world.versions.get(f"{record.key[0]}/{record.key[1]}", 0)
    if record.away is None and answer.account_version != version:
        what = f"finds version {answer.account_version} of its account, {version} records changed it before"
        work.wrong("LED5", what, "differs")


def _adds_up(work: Work, answer: Decided) -> None:
    """Requested is granted and short, drawn is granted; a denial says what there would have been (LED6)."""
    granted, requested = amount_of(answer.granted), amount_of(answer.requested)
    there = amount_of(answer.available) if answer.available is not None else granted
    if requested != there + amount_of(answer.shortfall) or granted != (0 if answer.outcome == "deny" else there):
        work.wrong("LED6", "grants and falls short of another amount than was requested", "amount")
    outcome = "allow" if answer.shortfall == "0" else "partial" if granted else "deny"
    if answer.outcome != answer.trace[-1].outcome or answer.outcome not in ("deny", outcome):
        work.wrong("LED6", f"is called `{answer.outcome[:20]}`, by its amounts it is `{outcome}`", "differs")
    if sum([amount_of(draw.base) for draw in answer.draws]) != granted:
        work.wrong("LED6", "draws another amount than it grants", "amount")
    steps = [one for one in answer.trace if one.granted is not None]
    if not _spills(steps, requested, answer.outcome) and not _fits_in_one(steps, requested, answer.outcome):
        work.wrong("LED7", "does not draw its layers one behind the other, each as far as it goes", "amount")
    drew = [(one.layer, one.granted, one.lots) for one in steps if one.verdict == "drew"]
    if drew != [(draw.layer, draw.base, draw.lots) for draw in answer.draws]:
        work.wrong("LED7", "draws otherwise than its trace tells", "amount")


def _spills(steps: Sequence[Step], requested: int, outcome: str) -> bool:
    """LED7: each layer is asked for what those before it did not give, and gives what it can."""
    rest, is_denied = requested, outcome == "deny"
    for one in steps:
        there = amount_of(one.available or "")
        gives = there if there < rest else rest
        if amount_of(one.asked or "") != rest or amount_of(one.granted or "") != (0 if is_denied else gives):
            return False
        rest -= gives
    return True


def _fits_in_one(steps: Sequence[Step], requested: int, outcome: str) -> bool:
    """LED7 where one layer must cover it whole (LANGUAGE.md L3): it is the first that can, or the one with the most."""
    best, most = None, 0
    for one in steps:
        gives = min(requested, amount_of(one.available or ""))
        if amount_of(one.asked or "") != requested:
            return False
        if gives > most:
            best, most = one, gives
    given = [one for one in steps if one.granted != "0"]
    return given == ([] if best is None or outcome == "deny" else [best]) and all(
        amount_of(one.granted or "") == most for one in given
    )


def _drawn(work: Work, answer: Decided) -> list[Drawn]:
    """Each draw with its entries, in the order of both; what nobody keeps has none."""
    effects = answer.trace[-1].effects
    entries = [*reversed(effects)]
    found: list[Drawn] = []
    for draw in answer.draws:
        counted: list[tuple[Counted, Entry, bool]] = []
        for told, name, beyond in _counters(draw) if draw.windows or draw.overage or draw.caps else ():
            window = entries[-1].window if entries else None
            if window is not None and window.partition(".")[0] == name:
                counted.append((told, entries.pop(), beyond))
            elif told.before != told.after:
                work.wrong("LED9", f"counts in a {name} that has no entry", "amount")
        lots: list[Entry] = []
        for lot in draw.lots or ():
            if entries:
                entry = entries.pop()
                if entry.lot != lot.lot or entry.amount != lot.amount:
                    work.wrong("LED7", f"draws {lot.lot} otherwise than its trace tells", "amount")
                lots.append(entry)
        found.append(Drawn(draw, counted, lots, []))
    if entries:
        work.wrong("LED7", "writes more entries than it draws")
    for number, one in enumerate(effects):
        if one.key != f"{answer.decision}/{number}":
            work.wrong("LED5", "has entries under other keys than its own", "differs")
            break
    return found


def _counters(draw: Draw) -> list[tuple[Counted, str, bool]]:
    """The counters of a draw, each with the limit or pool that it is one of, and whether it counts what lots did not give."""
    found = [(told, draw.layer, False) for told in draw.windows] if draw.windows else []
    if isinstance(draw.overage, Counted):
        found.append((draw.overage, draw.layer, True))
    if draw.caps:
        found += [(told, told.cap or "", False) for told in draw.caps]
    return found


def _counted_within(work: Work, one: Drawn) -> None:
    """LED9: what is counted is what was drawn, within the limit; the account's window is then what the answer says. A cap
    may be passed by what was begun below it."""
    whole = amount_of(one.draw.amount)
    from_lots = sum([amount_of(entry.amount) for entry in one.lots])
    with_beyond = False
    for told, entry, beyond in one.counted:
        with_beyond = with_beyond or beyond
        before, after, amount = amount_of(told.before), amount_of(told.after), amount_of(entry.amount)
        if amount != after - before or amount != (whole - from_lots if beyond else whole):
            work.wrong("LED9", f"counts {entry.amount} in {entry.window}, and draws another amount", "amount")
        if told.window is not None and told.window not in (one.draw.layer, _window_named(entry)):
            work.wrong("LED9", f"counts in {entry.window} what it draws in {told.window}", "differs")
        if told.limit not in (None, "unlimited"):
            limit = amount_of(told.limit or "")
            if after > limit and (told.cap is None or before >= limit):
                work.wrong("LED9", f"counts more in {entry.window} than its limit of {told.limit}", "amount")
        state = work.windows.get((entry.account, entry.window or ""))
        if work.record.away is None and (state is None or state[0] != told.generation):
            work.wrong("LED9", f"counts in {entry.window}, and no account does")
    if one.lots and not with_beyond and from_lots != whole:
        work.wrong("LED6", f"draws {one.draw.amount} of {one.draw.layer}, and another amount of its lots", "amount")


def _window_named(entry: Entry) -> str:
    """`plan_windows.week|eu` → `week`."""
    return (entry.window or "").partition("|")[0].partition(".")[2]


def _as_counted(work: Work, found: Sequence[Drawn]) -> None:
    """LED9: behind the last draw that counts in it, a window has what the answer says, in steps of the limit's unit: how much
    a step is, the first of them tells."""
    last = {(entry.account, entry.window or ""): told.after for one in found for told, entry, _ in one.counted}
    for place, text in last.items():
        state = work.windows.get(place)
        if state is None:
            continue
        account, window = place
        after, steps, name = amount_of(text), state[STATE_USED], window.partition("|")[0]
        step = work.world.steps.get(name)
        if step is None and steps:
            step = work.world.steps[name] = after // steps
        if (step is not None and steps * step != after) or (after and not steps):
            work.wrong("LED9", f"leaves {text} used in {window} of {account}, its effects another amount", "amount")


def _lots_in_order(work: Work, orders: Orders, answer: Decided, one: Drawn) -> None:
    """LED7 and LED8: lots that may be drawn now, in one order, each to its end before the next."""
    if not one.lots and not one.draw.lots:
        return
    at = work.record.at
    for place, (told, entry) in enumerate(zip(one.draw.lots or (), one.lots, strict=True)):
        lot, before = work.world.lot((entry.account, entry.pool, entry.lot)), amount_of(told.before)
        one.taken.append(lot)
        if before - amount_of(told.after) != amount_of(told.amount):
            work.wrong("LED2", f"draws another amount of {lot.account} than it tells", "amount")
        if before != lot.free:
            what = f"finds {told.before} in {lot.account}, where {amount_text(lot.free)} is free"
            work.wrong("LED2", what, "amount")
        if told.expires_at != lot.ends_text:
            work.wrong("LED8", f"draws {lot.account} as if it ended at another time", "differs")
        if lot.asset != one.draw.unit:
            work.wrong("LED6", f"draws {one.draw.unit} of {lot.account}, which is of {lot.asset}", "differs")
        if not lot.since <= at < lot.ends:
            work.wrong("LED8", f"draws {lot.account} when it is not in effect")
        if told.after != "0" and place < len(one.lots) - 1:
            work.wrong("LED7", f"draws on behind {lot.account}, which has something left")
    if one.lots:
        account, pool = one.lots[0].account, one.lots[0].pool
        others = work.world.pools[account, pool]
        if len(others) > 1:
            drawn = [work.world.lots[account, pool, entry.lot].rank for entry in one.lots]
            names = {entry.lot for entry in one.lots}
            left = [lot.rank for id, lot in others.items() if id not in names and lot.since <= at < lot.ends]
            if not orders.explains((answer.policy.digest, pool.partition("|")[0]), drawn, left):
                work.wrong("LED7", f"draws lots of {pool} in an order that no other draw of its policy has")


# ---- consumed


def _consumed(work: Work, answer: Decided, found: Sequence[Drawn]) -> None:
    waterfall = answer.trace[0].waterfall
    usage, revenue = f"usage:{waterfall}", f"revenue:{waterfall}"
    for one in found:
        for told, entry, beyond in one.counted:
            window = window_of(work, entry.account, entry.window or "", one.draw.layer, one.draw.unit, beyond)
            amount = amount_of(entry.amount)
            work.capacity(usage, window.asset, amount)
            decided(work, window, _generation(work, told, entry), told, amount)
            if beyond:
                work.move(window.receivable, window.unit, -amount)
                work.move(usage, window.unit, amount)
        for place, lot in enumerate(one.taken):
            work.change(lot, -amount_of(one.lots[place].amount), "usage", usage, revenue)
    record = work.record
    base, charge = answer.granted, answer.charge
    event = Usage(
        event=work.own_ids[USAGE],
        kind="usage",
        at=work.at_text,
        tenant=record.key[0],
        account=record.key[1],
        request=record.key[3],
        cause=record.id,
        waterfall=waterfall,
        meters=work.asked.meters,
        base=base,
        unit=answer.unit,
        charge=charge,
        reason=reason_of(charge, base, bool(found)),
        layers=tuple([one.draw.layer for one in found]),
    )
    work.price(event, [_coverage(one) for one in found])


def reason_of(charge: dict[str, str], base: str, is_covered: bool) -> str:
    """Why usage costs what it costs."""
    if charge:
        return "charged"
    if base == "0":
        return "rate_zero"
    return "covered" if is_covered else "absorbed"


def _generation(work: Work, told: Counted, entry: Entry) -> int:
    """While the store was away nobody knew in which: it is the one that the window is stored with."""
    if work.record.away is None:
        return told.generation
    state = work.windows.get((entry.account, entry.window or ""))
    if state is None:
        raise Contradiction("LED9", f"counts in {entry.window}, and no account does")
    return state[0]


def _coverage(one: Drawn) -> Coverage:
    draw, kind = one.draw, one.kind
    if kind == "lot":
        parts = [Part("lot", entry.amount, entry.account, entry.pool, entry.lot) for entry in one.lots]
        if one.counted:
            parts += [Part("overage", entry.amount) for _, entry, beyond in one.counted if beyond]
    else:
        parts = [Part(kind, draw.amount)]
    return Coverage(draw.layer, draw.base, draw.amount, draw.unit, tuple(parts))


# ---- reserved


def _reserved(work: Work, answer: Decided, found: Sequence[Drawn]) -> None:
    """What was drawn is in a hold: as the effects tell the hold, and the entries the draws."""
    told = answer.hold
    if told is None:
        return
    record, state = work.record, work.holds.get(told.id)
    if state is None or told.id != derived_id(work.key, "hold") or told.id in work.world.holds:
        raise Contradiction("LED4", f"reserves in {told.id}, and no account has it so")
    work.ids = (told.id,)
    hold = Hold(told.id, record.key[1], record.id, record.key[3])
    start = len(record.key[0]) + 1
    hold.accounts = [None if key is None else key[start:] for key in state[ACCOUNTS]]
    hold.policy, hold.version, hold.rate_card = answer.policy.digest, answer.policy.version, answer.policy.rate_card
    hold.waterfall = answer.trace[0].waterfall
    hold.expires_at, hold.late_until = state[EXPIRES_AT], state[LATE_UNTIL]
    if state[EXPIRES_AT] != (NEVER if told.expires_at is None else instant_from_text(told.expires_at)):
        work.wrong("LED4", f"holds {told.id} until another time than its account", "differs")
    work.hold, work.hold_state = told.id, "open"
    legs = [leg for leg in state[LEGS] if leg[BASE]]
    written = found if answer.trace[-1].effects else []
    for one, leg in zip(written, legs, strict=True):
        hold.kinds[one.draw.layer] = one.kind
        hold.steps[one.draw.layer] = step_of(work, one.draw, leg[LEG_AMOUNT])
    expected = _placed(work, written)
    held, used, _ = parts_of(hold, legs)
    if held != expected or any(used.values()):
        work.wrong("LED4", f"holds otherwise in {told.id} than it draws", "amount")
    work.world.holds[told.id] = hold
    for one in written:
        for counted, entry, beyond in one.counted:
            window = window_of(work, entry.account, entry.window or "", one.draw.layer, one.draw.unit, beyond)
            amount = amount_of(entry.amount)
            decided(work, window, _generation(work, counted, entry), counted, amount)
            held_by = f"hold:{hold.id}:{window.account}"
            work.capacity(held_by, window.asset, amount)
            if beyond:
                work.move(window.receivable, window.unit, -amount)
                work.move(f"hold:{hold.id}:{window.receivable}", window.unit, amount)
    hold.held = {place: amount for place, amount in held.items() if amount}
    for place, amount in held.items():
        if type(place[2]) is str:
            lot = work.world.lot(place)
            work.move(f"hold:{hold.id}:{lot.account}", lot.asset, amount)
            work.keep(lot, amount)


def step_of(work: Work, draw: Draw, steps: int) -> int:
    """The smallest step of a layer's unit, by an amount that is told in both."""
    step, rest = divmod(amount_of(draw.amount), steps) if steps else (1, 0)
    if rest or (step and 10**9 % step):
        work.wrong("LED4", f"draws {draw.amount} of {draw.layer}, its effects {steps} steps", "amount")
    return step


def _placed(work: Work, found: Sequence[Drawn]) -> dict[object, int]:
    """What the entries put where."""
    placed: dict[object, int] = {}
    for one in found:
        for told, entry, _ in one.counted:
            counter = (entry.account, entry.window or "", _generation(work, told, entry))
            placed[counter] = placed.get(counter, 0) + amount_of(entry.amount)
        for entry in one.lots:
            key: LotKey = (entry.account, entry.pool, entry.lot)
            placed[key] = placed.get(key, 0) + amount_of(entry.amount)
    return placed
