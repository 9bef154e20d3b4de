"""`demo`: a scripted day on the shipped policy, on a real database, printed as waterfalls."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from overspill.cli.io import colored, format_option, out
from overspill.cli.reconcile import of_database
from overspill.records.answers import Decision, Draw
from overspill.records.request import Request
from overspill.runtime.clock import ManualClock
from overspill.runtime.engine import Engine
from overspill.words.instants import instant_from_text

ANA = {"user": "u_ana"}
BAR = 10


class _Turn(NamedTuple):
    """One line of the script: at `at`, ana asks for this."""

    at: str
    id: str
    what: str
    fields: dict[str, str]
    meters: dict[str, int]


def _codex(speed: str = "standard") -> dict[str, str]:
    return {"product": "codex", "model": "gpt-5.5", "speed": speed}


def _tokens(fresh: int, cached: int, output: int) -> dict[str, int]:
    return {"input_tokens": fresh + cached, "cached_input_tokens": cached, "output_tokens": output}


_SCRIPT = (
    _Turn("10:02", "req-1", "codex turn", _codex(), _tokens(160_000, 400_000, 20_000)),
    _Turn("11:40", "req-2", "codex refactoring", _codex(), _tokens(160_000, 240_000, 12_000)),
    _Turn("13:15", "req-3", "codex turn, fast", _codex("fast"), _tokens(16_000, 50_000, 2_500)),
    _Turn("13:20", "req-4", "sora, 28 generations", {"product": "sora", "model": "sora-2"}, {"generations": 28}),
    _Turn("13:24", "req-5", "sora, 4 generations", {"product": "sora", "model": "sora-2"}, {"generations": 4}),
    _Turn("14:32", "req-6", "codex turn, fast", _codex("fast"), _tokens(96_000, 0, 16_000)),
)


@click.command()
@click.option("--db", type=click.Path(), help="Keep the database in this new file.")
@format_option("text", "json")
def demo(db: str | None, format_: str) -> int:
    """A scripted day: windows cover, one request splits over three layers, one is denied. Needs nothing."""
    with _file(db) as path:
        clock = ManualClock(_at("09:00"))
        with Engine.open("codex_sora", db=path, clock=clock) as engine:
            split = (_run_json if format_ == "json" else _run)(engine, clock)
            engine.settle()
        verdict = of_database(path)
        if format_ == "text":
            told = "balances reconcile ✓" if verdict.is_clean else f"{len(verdict.findings)} findings ✗"
            out(f"\n{len(_SCRIPT)} decisions · {verdict.entries} ledger entries · {told}")
            _next(split, db)
    return 0 if verdict.is_clean else 1


@contextmanager
def _file(db: str | None) -> Iterator[str]:
    if db is not None:
        if Path(db).exists():
            raise click.UsageError(f"{db} exists already; the demo writes a new file")
        yield db
        return
    folder = tempfile.mkdtemp(prefix="overspill-demo-")
    try:
        yield str(Path(folder) / "demo.db")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _at(time: str) -> int:
    return instant_from_text(f"2026-10-06T{time}:00Z")


def _prepare(engine: Engine) -> None:
    engine.set_attributes(ANA, {"plan": "plus"}, id="signup", actor="demo")
    engine.grant(ANA, "promo", "2", id="P1", expires_at="2026-10-31T00:00:00Z", category="promotional", actor="demo")
    engine.grant(ANA, "credits", "50", id="C1", actor="demo")


def _decide(engine: Engine, clock: ManualClock, turn: _Turn) -> Decision:
    clock.set(_at(turn.at))
    return engine.decide(Request(id=turn.id, account=ANA, fields=turn.fields, meters=turn.meters))


def _run_json(engine: Engine, clock: ManualClock) -> None:
    """The day's decisions, one a line."""
    _prepare(engine)
    for turn in _SCRIPT:
        out(_decide(engine, clock, turn).json.decode())


def _run(engine: Engine, clock: ManualClock) -> Decision | None:
    """The day, printed; gives the decision that was split."""
    plan = engine.policies.active().plan
    _prepare(engine)
    layers = sum(len(waterfall.layers) for waterfall in plan.waterfalls)
    out(f"policy  {plan.name} {plan.version}  {plan.digest[7:15]}   {len(plan.waterfalls)} waterfalls · {layers} draws")
    out("account user u_ana (plus)   2 promotional credits · 50 credits\n")
    split: Decision | None = None
    for turn in _SCRIPT:
        decision = _decide(engine, clock, turn)
        _show(turn, decision)
        if len(decision.draws) > 2:
            split = decision
    return split


def _show(turn: _Turn, decision: Decision) -> None:
    bold = colored(sys.stdout)
    head = f" {turn.at}  {turn.what:<22}"
    if not decision.allowed:
        reason = decision.reason
        assert reason is not None
        bound = f", {reason.binding} is used up" if reason.binding else ""
        out(f"{head} {_strong('✗ deny ', bold)}  {decision.requested} {decision.unit}: {reason.code}{bound}")
        for offer in decision.offers:
            if offer.until:
                out(f"{'':>33}├ wait       passes at {offer.until}")
            elif offer.amount:
                out(f"{'':>33}├ {offer.offer:<12} {offer.amount} {offer.unit} would be enough")
            else:
                out(f"{'':>33}└ {offer.offer}")
        return
    out(f"{head} {_strong('✓ allow', bold)}  {decision.granted} {decision.unit}")
    for index, draw in enumerate(decision.draws):
        branch = "└" if index == len(decision.draws) - 1 else "├"
        out(f"{'':>33}{branch} {draw.layer:<13} {_drawn(draw)}")


def _strong(text: str, bold: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if bold else text


def _drawn(draw: Draw) -> str:
    if draw.windows:
        window = draw.windows[0]
        return f"{_bar(window.after, window.limit or '0')}  {window.window} {window.before} → {window.after} of {window.limit}"
    parts = ", ".join(f"{lot.lot} {lot.before} → {lot.after}" for lot in draw.lots)
    rate = "" if draw.base == draw.amount else f" for {draw.base}"
    return f"{draw.amount} {draw.unit}{rate}  {parts}"


def _bar(used: str, limit: str) -> str:
    """Ten cells; whole-number arithmetic on the decimal texts."""
    if limit == "unlimited":
        return "░" * BAR
    whole = [int(text.split(".")[0]) for text in (used, limit)]
    filled = min(BAR, whole[0] * BAR // max(whole[1], 1))
    return "█" * filled + "░" * (BAR - filled)


def _next(split: Decision | None, kept: str | None) -> None:
    out("\nnext:")
    if kept is not None and split is not None:
        out(f"  overspill explain {split.id} --db {kept}   why that request was split")
        out(f"  overspill reconcile --db {kept}   every unit explained")
        out(f"  overspill account show u_ana --db {kept}")
    else:
        out("  overspill demo --db demo.db   keep the database, then explain and reconcile it")
    out("  overspill check my-policies/   all faults of your own policy, with their lines")
    out("  overspill diff codex_sora my-policies/   what your change means")
