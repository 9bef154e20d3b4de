"""What was found once stays fixed, and a few thousand mutations find nothing new: the same ones on every machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from fuzz.mutate import mutated, smaller
from fuzz.seeds import corpus, seeds
from fuzz.targets import ACCEPTED, TARGETS
from fuzz.watch import watched

MUTATIONS = {"dsl": 300, "yaml": 300, "cel": 2000, "request": 2000, "tests": 400}
FOUND = [(target, path) for target in TARGETS for path in corpus(target)]


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is loaded at first use is no input's fault."""
    for name, target in TARGETS.items():
        target(seeds(name)[0])


@pytest.mark.parametrize(("target", "path"), FOUND, ids=[f"{target}/{path.name}" for target, path in FOUND])
def test_what_was_found_stays_fixed(target: str, path: Path) -> None:
    assert watched(TARGETS[target], path.read_text("utf-8")) is None


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_shipped_is_accepted(target: str) -> None:
    assert TARGETS[target](seeds(target)[0]) == ACCEPTED


@pytest.mark.parametrize("target", TARGETS)
def test_no_mutation_gets_through(target: str) -> None:
    chance, texts = Random(1), seeds(target)
    for _ in range(MUTATIONS[target]):
        text = mutated(chance.choice(texts), texts, chance)
        assert watched(TARGETS[target], text) is None, text


LONG = {
    "an unclosed string of escaped quotes": '"' + '\\"' * 60_000,
    "unclosed triple strings": "'''" + '"""\\' * 30_000,
    "raw prefixes": "r" * 120_000 + '"',
    "brackets without end": "[" * 120_000,
    "one comment": "//" + "{" * 120_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("target", ["dsl", "yaml", "cel"])
def test_long_texts_take_no_longer_than_their_length(target: str, text: str) -> None:
    assert watched(TARGETS[target], text) is None


def _raises(text: str) -> str:
    return str(len(text) // 0)


def _spins(text: str) -> str:
    while True:
        text += ""


def _spins_on(text: str) -> str:
    """As what a collector's callback does with what is raised in it."""
    with suppress(BaseException):
        _spins(text)
    return _spins(text)


def _hoards(text: str) -> str:
    return text[:0] + bytearray(300 * 2**20).decode()[:0]


@pytest.mark.parametrize(
    ("target", "kind"),
    [(_raises, "ZeroDivisionError"), (_spins, "Slow"), (_spins_on, "Slow"), (_hoards, "Large")],
    ids=["raises", "spins", "spins on", "hoards"],
)
def test_the_watch_finds_its_canaries(target: object, kind: str) -> None:
    found = watched(target, "x", seconds=0.05 if kind == "Slow" else 10)  # type: ignore[arg-type]
    assert found is not None
    assert found.kind == kind


def test_what_hoards_is_found_each_time() -> None:
    """Where the system can forget a peak."""
    found = [watched(_hoards, "x", seconds=10) for _ in range(2)]
    forgets = Path("/proc/self/clear_refs").exists()
    assert [one and one.kind for one in found] == ["Large", "Large" if forgets else None]


def test_findings_become_small() -> None:
    text = "alpha { beta; gamma { delta; } epsilon; }"
    assert smaller(text, lambda one: "delta" in one) == "delta"


def test_the_same_chance_gives_the_same_texts() -> None:
    texts = seeds("cel")
    runs = [[mutated(texts[0], texts, Random(7)) for _ in range(20)] for _ in range(2)]
    assert runs[0] == runs[1]
