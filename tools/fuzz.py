"""Fuzzing: `python tools/fuzz.py TARGET --seconds N [--more FILE]`, TARGET one of dsl, yaml, cel, request, tests.

With the extra `fuzz` the fuzzer is atheris, guided by coverage, with the tests' mutator beside its own; without it the
mutator alone. What is found is made small and stored under tests/fuzz/corpus/TARGET/, from where the tests run it again.
`--more` takes further texts to begin from: JSON lines with `expr`, as conformance cases have them, or one text a line.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "cel"), str(ROOT / "tools")]

REFUSED_MOST = 20
"""So many texts that are refused are begun from; most of what is mutated shall be whole."""
TALLY = "accepted"
DONE = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)", re.MULTILINE)


def more(path: str | None) -> list[str]:
    """The further texts of a file."""
    if path is None:
        return []
    lines = Path(path).read_text("utf-8").splitlines()
    return [json.loads(line)["expr"] if line.startswith("{") else line for line in lines if line.strip()]


def plain(target: str, texts: Sequence[str], seconds: int, seed: int) -> Iterator[str]:
    """Mutations until the time is over; yields the texts that found something."""
    from fuzz.mutate import mutated
    from fuzz.targets import TARGETS
    from fuzz.watch import watched

    chance, runs, ends = Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        text = mutated(chance.choice(texts), texts, chance)
        runs += 1
        if watched(TARGETS[target], text) is not None:
            yield text
    print(f"{target}: {runs} executions, {runs // seconds}/s, seed {seed}")


def guided(target: str, further: str | None, seconds: int, seed: int) -> Iterator[str]:
    """The same by atheris in a process of its own, which ends as libFuzzer ends."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            sys.executable,
            __file__,
            target,
            "--seconds",
            str(seconds),
            "--seed",
            str(seed),
            "--inside",
            folder,
        ]
        arguments += ["--more", further] if further else []
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False)
        progress = DONE.findall(done.stderr)
        if done.returncode or not progress:  # a crash of the interpreter, too much memory, or it never ran
            sys.exit(f"the fuzzer ended with {done.returncode}:\n{done.stderr[-2000:]}")
        runs, coverage, features = progress[-1]
        tally = Path(folder, TALLY)
        accepted = tally.read_text() if tally.exists() else ""
        print(
            f"{target}: {runs} executions, {int(runs) // seconds}/s, {accepted}coverage {coverage}, features {features}, "
            f"seed {seed}"
        )
        yield from [path.read_text("utf-8") for path in sorted(Path(folder).glob("found-*"))]


def inside(target: str, further: str | None, seconds: int, seed: int, folder: Path) -> None:
    """The fuzzer's own process: runs until the time is over and writes what it finds into `folder`."""
    import atheris

    with atheris.instrument_imports(include=["overspill"]):
        from fuzz.mutate import mutated
        from fuzz.targets import ACCEPTED, REFUSED, TARGETS
        from fuzz.watch import watched
    every = texts_of(target, further)
    accepted = [text for text in every if TARGETS[target](text) == ACCEPTED]
    refused = [text for text in every if text not in accepted]
    texts = accepted + refused[:REFUSED_MOST]
    begin = folder / "begin"
    begin.mkdir()
    for number, text in enumerate(texts):
        (begin / str(number)).write_text(text, "utf-8")
    known: set[tuple[str, str]] = set()
    tally = {ACCEPTED: 0, REFUSED: 0}

    def counted(text: str) -> str:
        word = TARGETS[target](text)
        tally[word] += 1
        if sum(tally.values()) % 100 == 0:
            (folder / TALLY).write_text(f"{tally[ACCEPTED] / sum(tally.values()):.0%} accepted, ")
        return word

    def one(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        found = watched(counted, text)
        if found is not None and found[:2] not in known:
            known.add(found[:2])
            (folder / f"found-{len(known)}").write_text(text, "utf-8")

    def mutate(data: bytes, size: int, chance_seed: int) -> bytes:
        chance = Random(chance_seed)
        if chance.random() < 0.1:
            return bytes(atheris.Mutate(data, size))
        text = chance.choice(texts) if chance.random() < 0.5 else data.decode("utf-8", "replace")
        return mutated(text or texts[0], texts, chance).encode()[:size]

    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=16384", "-len_control=0", "-rss_limit_mb=2048"]
    options += [f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(begin)], one, custom_mutator=mutate)
    atheris.Fuzz()


def store(target: str, found: Iterator[str]) -> int:
    """Makes the findings small, writes one file for each kind and place, prints them; returns how many there are."""
    from fuzz.mutate import smaller
    from fuzz.seeds import CORPUS
    from fuzz.targets import TARGETS
    from fuzz.watch import Finding, watched

    def key(finding: Finding | None) -> tuple[str, str] | None:
        return None if finding is None else (finding.kind, finding.place)

    kinds: set[tuple[str, str]] = set()
    for text in found:
        finding = watched(TARGETS[target], text)
        kind = key(finding)
        if finding is None or kind is None or kind in kinds:
            continue  # slow under the fuzzer's instruments only, or seen
        kinds.add(kind)
        small = smaller(text, lambda one, kind=kind: key(watched(TARGETS[target], one)) == kind)  # type: ignore[misc]
        path = CORPUS / target / re.sub(r"\W+", "_", f"{finding.kind}_{finding.place}").strip("_").lower()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(small, "utf-8")
        print(f"  {finding.kind} at {finding.place}: {finding.message}\n    {path.relative_to(ROOT)}: {small[:200]!r}")
    print(f"  {len(kinds)} findings")
    return len(kinds)


def texts_of(target: str, further: str | None) -> list[str]:
    """What the mutations begin from."""
    from fuzz.seeds import corpus, seeds

    return [*seeds(target), *[path.read_text("utf-8") for path in corpus(target)], *more(further)]


def main(arguments: list[str]) -> int:
    """Exit code: 0 nothing found, 1 something."""
    parser = argparse.ArgumentParser(description="Fuzz one door.")
    parser.add_argument("target", choices=["dsl", "yaml", "cel", "request", "tests"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", metavar="FILE")
    parser.add_argument("--plain", action="store_true", help="without atheris, even where it is installed")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.inside:  # nothing of ours may be imported before the fuzzer instruments it
        inside(given.target, given.more, given.seconds, given.seed, Path(given.inside))
    if given.plain or find_spec("atheris") is None:
        found = plain(given.target, texts_of(given.target, given.more), given.seconds, given.seed)
    else:
        found = guided(given.target, given.more, given.seconds, given.seed)
    return 1 if store(given.target, found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
