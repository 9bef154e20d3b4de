"""What every store does, whichever it is: each method of the protocol, and that a transaction is all or nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from overspill.ports.store import Head, Snapshot, Store, StoredPolicy
from overspill.records.build import Build
from overspill.records.journal import GENESIS, Segment, segment_of
from overspill.records.written import RECORDED, Hole, form_of
from overspill.words.failures import StoreFailure
from overspill.words.instants import NEVER
from store.places import Place, chain, put, record, segment

ODD = "default/user/ü \"'\\%s %b ☂ {0} $1 ;--"
FORM = form_of(('{"a":', ',"b":', "}"), (Hole(RECORDED, "string"), Hole(RECORDED + 1, "int")))


def _snapshots(store: Store, snapshots: Sequence[Snapshot], through: int = 0) -> None:
    store.begin()
    store.write_snapshots(snapshots, [], [], through)
    store.commit()


def test_an_empty_store_knows_nothing(store: Store) -> None:
    assert store.head() == Head(0, GENESIS)
    assert list(store.segments(0)) == list(store.outbox(0)) == []
    assert (store.find([]), store.find([1, 2]), store.numbers(-1, 10)) == ([], [], [])
    assert (store.snapshot(ODD), store.due(NEVER, 10), store.topped_up()) == (None, [], [])
    assert (store.snapshots_through(), store.policy("sha256:0")) == (0, None)


def test_a_segment_is_the_new_end(store: Store) -> None:
    first = put(store)
    assert store.head() == Head(2, first.hash)
    second = put(store, 1)
    assert store.head() == Head(3, second.hash)
    assert list(store.segments(0)) == [first, second]
    assert chain(store) == [2, 3]


@pytest.mark.parametrize("ends", ["commit", "rollback"])
@pytest.mark.parametrize("first", ["append", "write"])
def test_where_the_end_is_known_a_transaction_is_the_same(store: Store, first: str, ends: str) -> None:
    kept = put(store)
    store.begin(store.head())
    assert store.head() == Head(2, kept.hash)
    if first == "write":
        store.put_form(FORM)
    store.append(segment(store.head()), has_events=True)
    if first == "append":
        store.put_form(FORM)
    store.append(segment(store.head(), 1), has_events=False)
    assert store.head().seq == 5
    getattr(store, ends)()
    done = ends == "commit"
    assert (chain(store), list(store.outbox(0))) == (([2, 4, 5], [(3, 4)]) if done else ([2], []))
    store.begin(store.head())
    store.rollback()
    put(store)


def test_the_end_moves_within_the_transaction(store: Store) -> None:
    store.begin()
    first = segment(store.head())
    store.append(first, has_events=False)
    assert store.head() == Head(2, first.hash)
    store.append(segment(store.head()), has_events=False)
    store.commit()
    assert chain(store) == [2, 4]


def test_segments_are_those_that_hold_a_later_record(store: Store) -> None:
    for _ in range(3):
        put(store)
    found = [[one.first_seq for one in store.segments(after)] for after in range(7)]
    assert found == [[1, 3, 5], [1, 3, 5], [3, 5], [3, 5], [5], [5], []]


def test_many_segments_are_read_in_order_while_other_things_are_asked(store: Store) -> None:
    store.begin()
    for _ in range(130):
        store.append(segment(store.head(), 1), has_events=False)
    store.commit()
    seen = []
    for one in store.segments(0):
        seen.append(one.first_seq)
        assert store.record(one.first_seq).seq == one.first_seq
        assert store.snapshot("nobody") is None
    assert seen == list(range(1, 131))


def test_a_record_is_found_by_its_number(store: Store) -> None:
    put(store, 3)
    put(store, 2)
    assert [store.record(seq).id for seq in range(1, 6)] == [record(seq).id for seq in range(1, 6)]


def test_an_answer_is_its_form_and_its_values(store: Store) -> None:
    store.begin()
    store.put_form(FORM)
    store.append(segment_of([record(1, form=FORM, values=("x", 7))], GENESIS), has_events=False)
    store.commit()
    again = store.record(1)
    assert (bytes(again.answer), again.form, again.values) == (b'{"a":"x","b":7}', "", ())
    store.begin()
    store.put_form(FORM)  # once more changes nothing
    store.commit()
    assert store.form(FORM.id).pieces == FORM.pieces
    with pytest.raises(StoreFailure, match="lost the form"):
        store.form("form_of_nobody")


def _gap(head: Head) -> Segment:
    return segment(Head(head.seq + 1, head.hash))


def _fork(head: Head) -> Segment:
    return segment(Head(head.seq, b"\1" * 32))


def _overlap(head: Head) -> Segment:
    return segment(Head(head.seq - 1, head.hash))


@pytest.mark.parametrize("wrong", [_gap, _fork, _overlap])
def test_a_segment_that_does_not_continue_the_journal_is_refused(
    store: Store, wrong: Callable[[Head], Segment]
) -> None:
    put(store)
    store.begin()
    with pytest.raises(StoreFailure) as failure:
        store.append(wrong(store.head()), has_events=True)
    store.rollback()
    assert (failure.value.code, bool(failure.value.help)) == ("head_moved", True)
    put(store)
    assert (chain(store), list(store.outbox(0))) == ([2, 4], [])


def test_what_is_rolled_back_has_not_happened(store: Store) -> None:
    kept = put(store)
    store.begin()
    store.put_form(FORM)
    store.append(segment(store.head()), has_events=True)
    store.write_snapshots([Snapshot(ODD, 3, b"s", 5)], [(7, 3)], ["t"], 3)
    store.put_policy(StoredPolicy("sha256:1", "p", 1, {"a": b"x"}))
    store.rollback()
    assert (store.head(), list(store.segments(0))) == (Head(2, kept.hash), [kept])
    assert (list(store.outbox(0)), store.find([7]), store.snapshot(ODD)) == ([], [], None)
    assert (store.due(9, 9), store.topped_up(), store.snapshots_through(), store.policy("sha256:1")) == (
        [],
        [],
        0,
        None,
    )
    with pytest.raises(StoreFailure):
        store.form(FORM.id)
    store.rollback()  # nothing is open: no matter
    put(store)
    assert chain(store) == [2, 4]


def test_the_outbox_has_the_segments_with_events(store: Store) -> None:
    for number in range(6):
        put(store, has_events=number % 2 == 1)
    assert [list(store.outbox(after)) for after in (0, 3, 4, 11, 12)] == [
        [(3, 4), (7, 8), (11, 12)],
        [(3, 4), (7, 8), (11, 12)],
        [(7, 8), (11, 12)],
        [(11, 12)],
        [],
    ]


def test_a_long_outbox_is_read_to_its_end(store: Store) -> None:
    store.begin()
    for _ in range(1100):
        store.append(segment(store.head(), 1), has_events=True)
    store.commit()
    assert list(store.outbox(10)) == [(seq, seq) for seq in range(11, 1101)]


def test_numbers_lead_to_records_also_where_two_ids_have_one(store: Store) -> None:
    put(store, 5)
    big = 2**62
    ids = [(big, 1), (7, 2), (7, 3), (1, 4), *((1000 + number, 5) for number in range(1200))]
    for _ in range(2):  # a second time they are there
        store.begin()
        store.write_snapshots([], ids, [], 5)
        store.commit()
    assert sorted(store.find([big, 7, 2])) == [(7, 2), (7, 3), (big, 1)]
    assert len(store.find([1000 + number for number in range(1200)])) == 1200
    assert store.numbers(-1, 3) == [1, 7, 1000]
    assert store.numbers(2198, 5) == [2199, big]
    assert (store.numbers(big, 5), store.snapshots_through()) == ([], 5)


def test_of_parts_of_a_snapshot_the_last_says_how_far_it_goes_and_each_may_come_again(store: Store) -> None:
    put(store, 9)
    parts: list[tuple[list[tuple[int, int]], int | None]] = [
        ([(1, 1), (2, 2)], None),
        ([(1, 1), (2, 2)], None),  # who was killed behind the first begins once more
        ([(2, 2), (3, 3)], 3),
        ([(3, 3), (4, 4)], 2),  # another process, whose pass began before that one ended
    ]
    reached = []
    for ids, through in parts:
        store.begin()
        store.write_snapshots([], ids, [], through)
        store.commit()
        reached.append((store.snapshots_through(), sorted(store.find([1, 2, 3, 4]))))
    first, all = [(1, 1), (2, 2)], [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert reached == [(0, first), (0, first), (3, all[:3]), (3, all)]


def test_a_later_snapshot_takes_the_place_of_an_earlier(store: Store) -> None:
    put(store, 9)
    _snapshots(store, [Snapshot("a", 1, b"\0\xff", 30), Snapshot(ODD, 2, b"", NEVER)], 2)
    _snapshots(store, [Snapshot("a", 9, b"later", 10), Snapshot("b", 9, b"x", 20)], 9)
    assert store.snapshot("a") == Snapshot("a", 9, b"later", 10)
    assert store.snapshot(ODD) == Snapshot(ODD, 2, b"", NEVER)
    found = {one.key: one for one in store.snapshots(["nobody", ODD, "a"])}
    assert found == {"a": store.snapshot("a"), ODD: store.snapshot(ODD)}
    assert list(store.snapshots([])) == []
    assert store.snapshots_through() == 9


def test_what_is_due_comes_earliest_first(store: Store) -> None:
    put(store, 9)
    dues = {"d": 40, "a": 10, "never": NEVER, "c": 30, "b": 20, "before 1970": -5}
    _snapshots(store, [Snapshot(key, 9, b"s", due) for key, due in dues.items()])
    assert store.due(30, 10) == ["before 1970", "a", "b", "c"]
    assert store.due(30, 2) == ["before 1970", "a"]
    assert store.due(NEVER, 10) == ["before 1970", "a", "b", "c", "d"]


def test_who_buys_by_themselves_is_kept_once(store: Store) -> None:
    put(store)
    for keys in (["b", "Z"], ["b", "a"]):
        store.begin()
        store.write_snapshots([], [], keys, 2)
        store.commit()
    assert store.topped_up() == ["Z", "a", "b"]


def test_a_policy_is_kept_with_its_exact_sources(store: Store) -> None:
    sources = {"a.spill": "ü ☂ \r\n\t'%s'\\ \U0001f600".encode(), "b/b.spill": b""}
    policy = StoredPolicy("sha256:1", "p", 3, sources)
    for one in (policy, StoredPolicy("sha256:1", "other", 9, {})):  # the first one stays
        store.begin()
        store.put_policy(one)
        store.commit()
    assert store.policy("sha256:1") == policy


def test_a_fact_stays_what_it_was(store: Store) -> None:
    told = [
        {"pool `m`": "a", "pool `\u00fc'`": "b"},
        {"pool `m`": "a", "layer `m`": "c"},
        {"pool `m`": "b", "layer `m`": "d"},
    ]
    kept = []
    for facts in told:
        store.begin()
        kept.append(store.fix(facts))
        store.commit()
    assert kept == [{}, {}, {"pool `m`": "a", "layer `m`": "c"}]
    store.begin()
    assert store.fix({"new": "1"}) == {}
    store.rollback()
    store.begin()
    assert store.fix({"new": "2"}) == {}
    store.commit()


def test_each_segment_has_the_build_that_appended_it(store: Store) -> None:
    one, two = (Build(overspill=name, kernel="k", tzdata="t") for name in ("1", "2"))
    put(store)
    store.use_build(one)
    store.begin()
    store.append(segment(store.head()), has_events=False)
    store.rollback()
    for build in (one, two, one):
        store.use_build(build)
        put(store)
    assert [segment.build for segment in store.segments(0)] == [None, one, two, one]
    assert [store.record(seq).build for seq in (1, 3, 5)] == [None, one, two]


# ---- several stores on one database


def test_another_store_sees_what_was_committed_and_nothing_else(shared: Place) -> None:
    one, other = shared.open(), shared.open()
    first = put(one)
    one.begin()
    one.append(segment(one.head()), has_events=True)
    one.put_policy(StoredPolicy("sha256:1", "p", 1, {}))
    assert (list(other.segments(0)), other.policy("sha256:1")) == ([first], None)
    assert list(other.outbox(0)) == []
    one.commit()
    assert (chain(other), list(other.outbox(0))) == ([2, 4], [(3, 4)])
    one.close()
    other.close()


def test_a_second_writer_waits_and_then_stands_at_the_new_end(shared: Place) -> None:
    one, other = shared.open(), shared.open()
    other.head()
    one.begin()
    events: list[str] = []

    def second() -> None:
        other.begin()
        events.append("second in")
        other.append(segment(other.head()), has_events=False)
        other.commit()

    thread = threading.Thread(target=second)
    thread.start()
    time.sleep(0.3)
    one.append(segment(one.head(), 5), has_events=False)
    events.append("first out")
    one.commit()
    thread.join(20)
    assert (events, chain(one)) == (["first out", "second in"], [5, 7])
    one.close()
    other.close()


def test_a_writer_that_waits_too_long_is_told_who_is_in_the_way(shared: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sqlite", "postgres_session"):
        monkeypatch.setattr(f"overspill.store.{module}.LOCK_SECONDS", 0.05 if module != "sqlite" else 0)
    one, other = shared.open(), shared.open()
    one.begin()
    with pytest.raises(StoreFailure) as failure:
        other.begin()
    assert (failure.value.code, bool(failure.value.help)) == ("busy", True)
    one.rollback()
    put(other)
    assert chain(one) == [2]
    one.close()
    other.close()


def test_threads_with_a_store_each_make_one_chain(shared: Place) -> None:
    shared.open().close()
    failures: list[BaseException] = []

    def work() -> None:
        store = shared.open()
        try:
            for _ in range(15):
                put(store, has_events=True)
        except BaseException as failure:
            failures.append(failure)
        finally:
            store.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store = shared.open()
    assert (failures, len(chain(store)), len(list(store.outbox(0)))) == ([], 90, 90)
    store.close()


def test_all_policies_are_told_by_digest(store: Store) -> None:
    policies = [StoredPolicy(f"sha256:{name}", name, 1, {"p.spill": ODD.encode()}) for name in ("b", "a", "c")]
    assert list(store.policies()) == []
    store.begin()
    for policy in policies:
        store.put_policy(policy)
    store.commit()
    assert list(store.policies()) == sorted(policies, key=lambda one: one.digest)


def test_what_is_read_in_one_moment_is_left_as_it_was(store: Store) -> None:
    """Nothing stays open behind it, not even where something fails inside."""
    with store.reading():
        assert store.head().seq == 0
    with pytest.raises(ZeroDivisionError), store.reading():
        raise ZeroDivisionError
    put(store)
    assert store.head().seq == 2
