"""A hold for the length of a block: both clients, what is asked in which order, and what is left for later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from client.both import HUGE, NAMES, SHORT, TURN, Awaited, Both, Do, turn
from overspill import Failure
from overspill.client import AsyncClient, HoldJournal, ServiceFailure
from overspill.client.entries import entry_of
from support.services import Served, served, with_ana
from support.serving import Died, Scripted, Time

A_TURN: list[Do] = [
    ("use", {"input_tokens": 56_000}),
    ("use", {"output_tokens": 1_000}),
    ("use", {"output_tokens": 1_000}),
]


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[HoldJournal]:
    with HoldJournal(tmp_path / "holds.jsonl") as found:
        yield found


def client(one: Served, name: str, *faults: str, **options: Any) -> tuple[Both, Scripted]:
    way = Scripted(one.app, one.all.key, iter(faults))
    return Both(name, way, time=options.pop("time", Time()), **options), way


def kinds(one: Served) -> list[str]:
    return [record.key[2] for record in one.engine.records() if record.key[2] not in ("set", "grant")]


def booked(one: Served) -> list[str]:
    """What each capture has booked."""
    return [json.loads(bytes(record.answer))["used"] for record in one.engine.records() if record.key[2] == "capture"]


def entries(journal: HoldJournal) -> list[str]:
    return [type(entry_of(line)).__name__ for line in journal.path.read_bytes().splitlines()]


# ---- how it goes


def test_what_was_counted_is_captured(one: Served, name: str) -> None:
    hold = client(one, name)[0].hold(turn("r1"), A_TURN)
    assert (hold.outcome, hold.answer.source, dict(hold.counted)) == (
        "captured",
        "decided",
        {"input_tokens": 56_000, "cached_input_tokens": 0, "output_tokens": 2_000},
    )
    assert (kinds(one), booked(one)) == (["reserve", "capture"], ["8.5"])
    assert [receipt["used"] for receipt in hold.receipts] == ["8.5"]


def test_parts_are_captured_as_it_goes_and_together_are_the_whole(one: Served, name: str) -> None:
    body: list[Do] = [
        ("use", {"input_tokens": 56_000}),
        ("capture", None),
        ("capture", None),  # nothing new: nothing is asked
        ("use", {"output_tokens": 1_500}),
        ("capture", None),
        ("use", {"output_tokens": 500}),
    ]
    hold = client(one, name)[0].hold(turn("r1"), body)
    assert (booked(one), hold.outcome) == (["7", "1.125", "0.375"], "captured")
    assert [receipt.fields.get("final") for receipt in hold.receipts] == [False, False, True]


def test_a_total_takes_the_place_of_what_was_counted(one: Served, name: str) -> None:
    body: list[Do] = [
        ("use", {"input_tokens": 50_000, "output_tokens": 10}),
        ("capture", None),
        ("use", {"output_tokens": 7}),
        ("total", {"input_tokens": 56_000, "output_tokens": 2_000}),
    ]
    client(one, name)[0].hold(turn("r1"), body)
    assert sum(map(float, booked(one))) == 8.5


def test_a_total_below_what_a_part_has_booked_adds_nothing(one: Served, name: str) -> None:
    body: list[Do] = [("use", {"output_tokens": 2_000}), ("capture", None), ("total", {"output_tokens": 10})]
    client(one, name)[0].hold(turn("r1"), body)
    assert booked(one) == ["1.5", "0"]


def test_of_what_nothing_was_used_is_released(one: Served, name: str, journal: HoldJournal) -> None:
    hold = client(one, name)[0].hold(turn("r1"), [("use", {"output_tokens": 0})], journal=journal)
    assert (hold.outcome, kinds(one)) == ("released", ["reserve", "release"])
    assert entries(journal) == ["Asked", "Held", "Releasing", "Ended"]


def test_an_error_captures_what_was_used_and_goes_on_as_it_is(one: Served, name: str) -> None:
    seen: list[Any] = []
    with pytest.raises(KeyError):
        client(one, name)[0].hold(turn("r1"), [*A_TURN, ("raise", KeyError("mine"))], seen=seen)
    assert (seen[0].outcome, booked(one)) == ("captured", ["8.5"])


def test_an_error_before_anything_was_used_releases(one: Served, name: str) -> None:
    with pytest.raises(KeyError):
        client(one, name)[0].hold(turn("r1"), [("raise", KeyError("mine"))])
    assert kinds(one) == ["reserve", "release"]


def test_a_denial_holds_nothing_and_asks_nothing_more(one: Served, name: str, journal: HoldJournal) -> None:
    both, way = client(one, name)
    hold = both.hold(turn("r1", **HUGE), journal=journal)
    assert (hold.allowed, hold.id, hold.outcome, len(way.calls)) == (False, None, "denied", 1)
    assert [offer.offer for offer in hold.answer.offers] == ["add_credits", "upgrade"]
    assert entries(journal) == ["Asked", "Ended"]


@pytest.mark.parametrize("body", [[("use", {"output_tokens": 1})], [("total", {"output_tokens": 1})]])
def test_who_was_denied_cannot_use(one: Served, name: str, body: list[Do]) -> None:
    with pytest.raises(Failure) as caught:
        client(one, name)[0].hold(turn("r1", **HUGE), body)
    assert caught.value.code == "not_held"


@pytest.mark.parametrize("amount", [-1, "5", None, 10**3 * 0.5, True])
def test_what_is_no_count_is_refused_where_it_is_counted(one: Served, name: str, amount: Any) -> None:
    seen: list[Any] = []
    with pytest.raises(Failure) as caught:
        client(one, name)[0].hold(turn("r1"), [("use", {"output_tokens": amount})], seen=seen)
    assert (caught.value.code, caught.value.pointer) == ("invalid_meter", "/meters/output_tokens")
    assert (seen[0].outcome, kinds(one)) == ("released", ["reserve", "release"])


def test_it_can_be_made_to_last_longer(one: Served, name: str) -> None:
    client(one, name)[0].hold(turn("r1"), [("extend", None), *A_TURN, ("extend", None)])
    assert kinds(one) == ["reserve", "extend", "extend", "capture"]


def test_a_hold_is_nothing_before_its_block(one: Served) -> None:
    hold = client(one, "threads")[0]._threads().holding(turn("r1"))
    assert not hold.allowed
    for ask in (lambda: hold.answer, lambda: hold.use(output_tokens=1)):
        with pytest.raises(Failure) as caught:
            ask()
        assert caught.value.code == "not_held"


# ---- what is written down, and when


def test_each_step_is_written_down_before_it_is_asked_for(one: Served, name: str, journal: HoldJournal) -> None:
    both, way = client(one, name)
    real, before = way.send, []

    def send(call: Any, within: int) -> Any:
        before.append((call.path.rpartition("/")[2], entries(journal)[-1]))
        return real(call, within)

    way.send = send  # type: ignore[method-assign]
    both.hold(turn("r1"), [*A_TURN, ("capture", None)], journal=journal)
    assert before == [("decisions", "Asked"), ("capture", "Used"), ("capture", "Used")]
    assert entries(journal) == ["Asked", "Held", "Used", "Booked", "Used", "Booked", "Ended"]
    assert journal.left() == []


def test_what_is_asked_for_and_what_was_used_is_on_the_disk_first(
    one: Served, name: str, journal: HoldJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, durable = journal.append, []
    monkeypatch.setattr(
        journal, "append", lambda entry, kept: (durable.append((type(entry).__name__, kept)), real(entry, kept))[1]
    )
    client(one, name)[0].hold(turn("r1"), [*A_TURN, ("capture", None)], journal=journal)
    assert {entry for entry, kept in durable if kept} == {"Asked", "Used"}


def test_the_end_of_a_block_takes_no_longer_than_one_call_may(one: Served, name: str) -> None:
    time = Time()
    both, way = client(one, name, "pass", "after", *["503"] * 99, time=time)
    began: list[int] = []
    body: list[Do] = [
        *A_TURN,
        ("capture", None),
        ("use", {"output_tokens": 4}),
        ("call", lambda: began.append(time.at)),
    ]
    with pytest.raises(ServiceFailure):
        both.hold(turn("r1"), body)
    assert time.at - began[0] <= SHORT.total

    way.faults = iter(["pass", "after", *["502"] * 3, "pass", *["502"] * 99])  # the part is booked late
    with pytest.raises(ServiceFailure):
        both.hold(turn("r2"), body)
    assert time.at - began[1] <= SHORT.total


def test_nothing_is_asked_that_cannot_be_written_down(one: Served, name: str, journal: HoldJournal) -> None:
    journal.close()
    both, way = client(one, name)
    with pytest.raises(Failure) as caught:
        both.hold(turn("r1"), A_TURN, journal=journal)
    assert (caught.value.code, way.calls) == ("journal_failed", [])


def test_what_was_used_is_captured_even_if_it_cannot_be_written_down(
    one: Served, name: str, journal: HoldJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journal.append

    def failing(entry: Any, durable: bool) -> None:
        if type(entry).__name__ == "Used":
            raise Failure("journal_failed", "the disk is full")
        real(entry, durable)

    monkeypatch.setattr(journal, "append", failing)
    with pytest.raises(Failure) as caught:
        client(one, name)[0].hold(turn("r1"), A_TURN, journal=journal)
    assert (caught.value.code, booked(one)) == ("journal_failed", ["8.5"])

    with pytest.raises(ServiceFailure) as lost:  # nobody could go on with it
        client(one, name, "pass", *["503"] * 99)[0].hold(turn("r2"), A_TURN, journal=journal)
    assert (lost.value.away, booked(one)) == (True, ["8.5"])


# ---- what is cut


@pytest.mark.parametrize("fault", ["before", "after", "503", "500", "502"])
@pytest.mark.parametrize("place", range(4))
def test_wherever_it_is_cut_once_it_is_decided_once_and_booked_once(
    one: Served, name: str, fault: str, place: int
) -> None:
    faults = ["pass"] * place + [fault]
    hold = client(one, name, *faults)[0].hold(turn("r1"), [*A_TURN, ("capture", None), ("use", {"output_tokens": 4})])
    assert (kinds(one), booked(one)) == (["reserve", "capture", "capture"], ["8.5", "0.003"])
    assert hold.outcome == "captured"


def test_a_part_that_is_not_answered_goes_first_at_the_end_with_its_own_key(one: Served, name: str) -> None:
    time = Time()
    both, way = client(one, name, "pass", "after", "before", time=time)
    body: list[Do] = [*A_TURN, ("capture", None), ("call", lambda: time.waits.append(0)), ("use", {"output_tokens": 4})]
    hold = both.hold(turn("r1"), body)
    assert time.waits == [0, 50]  # a part is asked for once
    keys = [(call.key, json.loads(call.body)["final"]) for _, call in way.calls[1:]]
    assert keys == [("1", False), ("1", False), ("1", False), ("2", True)]
    assert (booked(one), hold.outcome) == (["8.5", "0.003"], "captured")


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_capture_of_which_nobody_knows_is_never_released(one: Served, name: str, fault: str) -> None:
    both, way = client(one, name, "pass", *[fault] * 99)
    with pytest.raises(ServiceFailure) as caught:
        both.hold(turn("r1"), A_TURN)
    assert (caught.value.away, caught.value.unknown) == (True, True)
    assert {call.path.rpartition("/")[2] for _, call in way.calls} == {"decisions", "capture"}
    assert booked(one) == (["8.5"] if fault == "after" else [])


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_hold_of_which_nobody_knows_is_never_released(
    one: Served, name: str, fault: str, journal: HoldJournal
) -> None:
    both, way = client(one, name, *[fault] * 99)
    with pytest.raises(ServiceFailure):
        both.hold(turn("r1"), A_TURN, journal=journal)
    hold = both.hold(turn("r2"), journal=journal, if_away="deny")
    assert (hold.allowed, hold.answer.source, hold.outcome) == (False, "failed_closed", "left")
    assert {call.path for _, call in way.calls} == {"/v1/decisions"}
    assert (journal.left(), entries(journal)) == ([], ["Asked", "Ended", "Asked", "Ended"])


def test_with_a_journal_what_is_not_booked_waits_and_nothing_is_raised(
    one: Served, name: str, journal: HoldJournal
) -> None:
    hold = client(one, name, "pass", *["503"] * 99)[0].hold(turn("r1"), A_TURN, journal=journal)
    assert (hold.outcome, booked(one)) == ("pending", [])
    (found,) = client(one, name)[0].recover(journal)
    assert (found.of, found.hold, found.outcome, found.failure) == ("user/u_ana/r1", hold.id, "captured", None)
    assert (booked(one), journal.left()) == (["8.5"], [])


def test_an_error_of_the_block_goes_on_with_a_note_of_what_is_not_booked(one: Served, name: str) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        client(one, name, "pass", *["503"] * 99)[0].hold(turn("r1"), [*A_TURN, ("raise", error)])
    assert caught.value is error
    assert "user/u_ana/r1 is pending" in error.__notes__[0]


def test_a_credential_that_ended_meanwhile_is_told_and_the_journal_keeps_what_was_used(
    one: Served, name: str, journal: HoldJournal
) -> None:
    seen: list[Any] = []
    way = Scripted(one.app, one.all.key)
    real = way.send

    def send(call: Any, within: int) -> Any:
        way.credential = "osk_ended" if call.path.endswith("capture") else one.all.key
        return real(call, within)

    way.send = send  # type: ignore[method-assign]
    with pytest.raises(ServiceFailure) as caught:
        Both(name, way, time=Time()).hold(turn("r1"), A_TURN, journal=journal, seen=seen)
    assert (caught.value.code, caught.value.settled, seen[0].outcome) == ("unauthenticated", False, "pending")
    assert client(one, name)[0].recover(journal)[0].outcome == "captured"


def test_what_can_no_longer_be_booked_is_told(one: Served, name: str, journal: HoldJournal) -> None:
    way = Scripted(one.app, one.all.key)
    real = way.send

    def send(call: Any, within: int) -> Any:
        if call.path.endswith("capture"):
            one.clock.advance(30 * 86_400 * 1_000_000)
        return real(call, within)

    way.send = send  # type: ignore[method-assign]
    seen: list[Any] = []
    with pytest.raises(ServiceFailure) as caught:
        Both(name, way, time=Time()).hold(turn("r1"), A_TURN, journal=journal, seen=seen)
    assert (caught.value.code, caught.value.settled, seen[0].outcome) == ("hold_closed", True, "unbooked")
    assert journal.left() == []


def test_a_part_that_is_refused_keeps_what_follows_from_nothing(one: Served, name: str, journal: HoldJournal) -> None:
    seen: list[Any] = []

    body: list[Do] = [("use", {"tokens": 5}), ("capture", None)]
    with pytest.raises(ServiceFailure) as caught:
        client(one, name)[0].hold(turn("r1"), body, journal=journal, seen=seen)
    assert (caught.value.code, seen[0].outcome) == ("unknown_meter", "unbooked")
    body = [*A_TURN, ("capture", None), ("use", {"tokens": 5})]
    with pytest.raises(ServiceFailure) as caught:
        client(one, name)[0].hold(turn("r2"), body, journal=journal, seen=seen)
    assert (caught.value.code, seen[1].outcome, booked(one)) == ("unknown_meter", "unbooked", ["0", "8.5"])


def test_of_what_was_left_all_is_booked_that_can_be(one: Served, name: str, journal: HoldJournal) -> None:
    body: list[Do] = [("use", {"tokens": 5}), ("capture", None), *A_TURN, ("capture", None)]
    client(one, name, "pass", *["503"] * 99)[0].hold(turn("r1"), body, journal=journal)
    (found,) = client(one, name)[0].recover(journal)
    assert (found.outcome, found.failure.code) == ("unbooked", "unknown_meter")
    assert (found.meters[0]["tokens"], len(found.meters), booked(one)) == (5, 1, ["8.5", "0"])
    assert journal.left() == []


def test_a_release_that_is_not_answered_harms_nobody(one: Served, name: str, journal: HoldJournal) -> None:
    hold = client(one, name, "pass", *["503"] * 99)[0].hold(turn("r1"), journal=journal)
    assert (hold.outcome, kinds(one)) == ("pending", ["reserve"])
    (found,) = client(one, name)[0].recover(journal)
    assert (found.outcome, kinds(one)) == ("released", ["reserve", "release"])
    assert client(one, name, "pass", *["503"] * 99)[0].hold(turn("r2")).outcome == "pending"


# ---- open while the service is away


def test_what_was_used_while_the_service_was_away_is_booked_when_it_is_back(
    one: Served, name: str, journal: HoldJournal
) -> None:
    hold = client(one, name, *["503"] * 99)[0].hold(turn("r1"), A_TURN, journal=journal, if_away="allow")
    assert (hold.allowed, hold.answer.source, hold.answer.granted) == (True, "failed_open", "0")
    assert (hold.outcome, kinds(one)) == ("pending", [])
    (found,) = client(one, name)[0].recover(journal)
    assert (found.outcome, booked(one), kinds(one)) == ("captured", ["8.5"], ["reserve", "capture"])


def test_if_it_is_back_before_the_end_it_is_booked_at_the_end(one: Served, name: str, journal: HoldJournal) -> None:
    way = Scripted(one.app, one.all.key)
    down = ["503"]
    way.faults = iter(lambda: down[0] if down else "pass", None)
    body: list[Do] = [*A_TURN, ("capture", None), ("call", down.clear)]
    hold = Both(name, way, time=Time()).hold(turn("r1"), body, journal=journal, if_away="allow")
    assert (hold.answer.source, hold.outcome, booked(one)) == ("failed_open", "captured", ["8.5", "0"])


def test_who_was_let_in_and_used_nothing_leaves_nothing(one: Served, name: str, journal: HoldJournal) -> None:
    hold = client(one, name, *["503"] * 99)[0].hold(turn("r1"), journal=journal, if_away="allow")
    assert (hold.outcome, journal.left(), kinds(one)) == ("unused", [], [])


def test_what_was_let_in_and_is_denied_later_is_told_with_what_was_used(
    one: Served, name: str, journal: HoldJournal
) -> None:
    request = turn("r1", **HUGE)
    client(one, name, *["503"] * 99)[0].hold(request, A_TURN, journal=journal, if_away="allow")
    (found,) = client(one, name)[0].recover(journal)
    assert (found.outcome, found.failure.code) == ("unbooked", "unbooked")
    assert found.meters == ({"input_tokens": 56_000, "cached_input_tokens": 0, "output_tokens": 2_000},)
    assert (journal.left(), booked(one)) == ([], [])


# ---- the next process


def test_what_was_asked_for_and_not_used_is_left_and_not_asked_for_again(
    one: Served, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "holds.jsonl"
    for fault, id in (("die", "r1"), ("die_after", "r2")):
        with HoldJournal(path) as journal, pytest.raises(Died):
            client(one, name, fault)[0].hold(turn(id), A_TURN, journal=journal)
        with HoldJournal(path) as journal:
            both, way = client(one, name)
            assert [found.outcome for found in both.recover(journal)] == ["left"]
            assert (way.calls, journal.left()) == ([], [])
    assert kinds(one) == ["reserve"]


def test_away_still_nothing_is_lost_and_only_one_is_asked(one: Served, name: str, journal: HoldJournal) -> None:
    for id in ("r1", "r2"):
        client(one, name, "pass", *["503"] * 99)[0].hold(turn(id), A_TURN, journal=journal)
    both, way = client(one, name, *["503"] * 99)
    found = both.recover(journal)
    assert [(each.outcome, each.failure.code) for each in found] == [("pending", "unavailable")] * 2
    assert {call.path.split("/")[3] for _, call in way.calls} == {found[0].hold}
    assert [each.outcome for each in client(one, name)[0].recover(journal)] == ["captured"] * 2
    assert booked(one) == ["8.5", "8.5"]


def test_away_still_of_releases_only_one_is_asked_too(one: Served, name: str, journal: HoldJournal) -> None:
    for id in ("r1", "r2"):
        client(one, name, "pass", *["503"] * 99)[0].hold(turn(id), journal=journal)
    both, way = client(one, name, *["503"] * 99)
    assert [found.outcome for found in both.recover(journal)] == ["pending"] * 2
    assert len({call.path for _, call in way.calls}) == 1


def test_a_block_that_goes_on_is_not_recovered_by_its_own_process(one: Served, journal: HoldJournal) -> None:
    both, _ = client(one, "threads")
    with both._threads() as running, running.holding(turn("r1"), journal=journal) as hold:
        hold.use(**TURN["meters"])
        hold.capture()
        assert both.recover(journal) == []
    assert hold.outcome == "captured"


def test_the_same_request_twice_is_one_request(one: Served, name: str) -> None:
    both, _ = client(one, name)
    both.hold(turn("r1"), A_TURN)
    again = both.hold(turn("r1"), A_TURN)
    assert (again.answer.replayed, again.receipts[0].replayed, booked(one)) == (True, True, ["8.5"])
    with pytest.raises(ServiceFailure) as caught:
        both.hold(turn("r1"), [("use", {"output_tokens": 1})])
    assert (caught.value.code, booked(one)) == ("idempotency_conflict", ["8.5"])


# ---- cancelled


@pytest.mark.parametrize("how", ["task", "scope", "timeout"])
def test_a_task_that_is_cancelled_captures_what_it_has_used(one: Served, journal: HoldJournal, how: str) -> None:
    async def work(client: AsyncClient, used: Callable[[], None]) -> None:
        async with client.holding(turn("r1"), journal=journal) as hold:
            hold.use(**TURN["meters"])
            used()
            await asyncio.Event().wait()

    async def main() -> None:
        way, time = Awaited(Scripted(one.app, one.all.key)), Time()
        async with AsyncClient("http://service.test", "osk_x", transport=way, patience=SHORT, now=time.now) as client:
            if how == "task":
                tasks: list[asyncio.Future[None]] = []
                tasks.append(asyncio.ensure_future(work(client, lambda: tasks[0].cancel() and None)))
                with pytest.raises(asyncio.CancelledError):
                    await tasks[0]
            elif how == "scope":
                with anyio.CancelScope() as scope:
                    await work(client, scope.cancel)
            else:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(None) as limit:
                        await work(client, lambda: limit.reschedule(asyncio.get_running_loop().time()))

    asyncio.run(main())
    assert (journal.left(), booked(one)) == ([], ["8.5"])


def test_a_task_that_is_cancelled_while_it_reserves_leaves_it_to_time_out(one: Served, journal: HoldJournal) -> None:
    async def main() -> None:
        arrived = asyncio.Event()

        class Silent:
            async def send(self, call: Any, within: int) -> Any:
                arrived.set()
                await asyncio.Event().wait()

            async def close(self) -> None: ...

        async with AsyncClient("http://service.test", "osk_x", transport=Silent()) as client:

            async def work() -> None:
                async with client.holding(turn("r1"), journal=journal):
                    raise AssertionError("nothing was held")

            task = asyncio.ensure_future(work())
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert [left.of for left in journal.left()] == ["user/u_ana/r1"]
    assert [found.outcome for found in client(one, "asyncio")[0].recover(journal)] == ["left"]
