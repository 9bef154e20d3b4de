"""Texts → other texts that are nearly right: tokens dropped, doubled, swapped; groups and lines grafted from others.

One mutator for all surfaces, as all have words, numbers, strings, brackets and lines. The same generator of chance
gives the same texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

TOKEN = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|\n *|[ \t]+|.", re.DOTALL
)
CHARS_MAX = 16 * 1024
RANGE_MAX = 12
STACKED_MAX = 4
NESTED_MAX = 80
CLOSING = {"{": "}", "(": ")", "[": "]"}
STRANGE = (
    *("", "0", "-1", "00", "1e999", "1e-999", "9" * 19, "9" * 30, "0.0000000001", "0x1f", "1_000", "-0.0", ".5", "5."),
    *(
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615u",
        "9999-12-31T23:59:59Z",
        "0y",
        "9999999999y",
    ),
    *(
        '"',
        "'",
        '"""',
        "r'",
        "b'",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\U00110000",
        "é",
        "日本",
        "\u0430",
        "\u200b",
        "\u202e",
    ),
    *("\x00", "\x7f", "\r", "\r\n", "\t", "\ufeff", "\U0001f600", "a" * 300, "ﬀ", "İ"),
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ";",
        ":",
        ",",
        ".",
        "?",
        "//",
        "/*",
        "#",
        "|",
        ">",
        "&a ",
        "*a",
        "!!int ",
        "<<: ",
        "---\n",
    ),
    *(
        "null",
        "true",
        "no",
        "unlimited",
        "default",
        "has",
        "all",
        "map",
        "matches",
        "timestamp",
        "duration",
        "in",
        "%",
        "~",
    ),
    *(
        "when",
        "on error skip;",
        "draw",
        "per",
        "by",
        "free",
        "{}",
        "[]",
        '""',
        "1 - ",
        " || ",
        " && ",
        "? 1 : 2",
        "dyn(1)",
    ),
    *('"0"', '"9999999999999999999"', '"1.5"', "- ", "\n- ", "\n  ", "? ", "!", "-", "==", "in", "size(", ".all(x, x)"),
)
Mutation = Callable[[list[str], list[str], Random], list[str]]
"""(tokens, tokens of another text, chance) → tokens."""


def tokens_of(text: str) -> list[str]:
    return TOKEN.findall(text)


def mutated(text: str, others: Sequence[str], chance: Random) -> str:
    """The text after one to four mutations, mostly one: what stays close to a whole text goes further."""
    tokens = tokens_of(text)
    for _ in range(1 if chance.random() < 0.6 else chance.randint(2, STACKED_MAX)):
        other = tokens_of(chance.choice(others))
        mutation = chance.choice(MUTATIONS)
        tokens = [token for token in mutation(tokens, other, chance) if token] or list(other)
    changed = "".join(tokens)[:CHARS_MAX]
    return changed.encode("utf-8", "replace").decode()


def _range(tokens: Sequence[str], chance: Random) -> tuple[int, int]:
    start = chance.randrange(len(tokens))
    return start, min(len(tokens), start + chance.randint(1, RANGE_MAX))


def _drop(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    start, end = _range(tokens, chance)
    return tokens[:start] + tokens[end:]


def _double(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    start, end = _range(tokens, chance)
    return tokens[:end] + tokens[start:end] * chance.choice((1, 1, 2, 30)) + tokens[end:]


def _swap(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    one, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
    tokens[one], tokens[other] = tokens[other], tokens[one]
    return tokens


def _strange(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(tokens))
    return [*tokens[:at], chance.choice(STRANGE), *tokens[at + chance.randint(0, 1) :]]


def _char(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    at = chance.randrange(len(tokens))
    token = tokens[at]
    cut = chance.randint(0, len(token))
    return [*tokens[:at], token[:cut] + chance.choice((*STRANGE, "x")) + token[cut + 1 :], *tokens[at + 1 :]]


def _kind(token: str) -> str:
    return "word" if token[0].isalpha() else "number" if token[0].isdigit() else token[0]


def _borrow(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    """A token becomes one of its kind from the other text."""
    at = chance.randrange(len(tokens))
    alike = [token for token in other if _kind(token) == _kind(tokens[at])]
    return [*tokens[:at], chance.choice(alike), *tokens[at + 1 :]] if alike else tokens


def groups(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """The half-open ranges of all balanced brackets."""
    open_: list[int] = []
    found: list[tuple[int, int]] = []
    for at, token in enumerate(tokens):
        if token in CLOSING:
            open_.append(at)
        elif open_ and token == CLOSING[tokens[open_[-1]]]:
            found.append((open_.pop(), at + 1))
    return found


def _graft(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    """A group in brackets becomes one of the other text, in the same brackets where there is one."""
    mine, theirs = groups(tokens), groups(other)
    if not mine or not theirs:
        return tokens
    start, end = chance.choice(mine)
    alike = [group for group in theirs if other[group[0]] == tokens[start]] or theirs
    first, last = chance.choice(alike)
    return tokens[:start] + other[first:last] + tokens[end:]


def _nest(tokens: list[str], _: list[str], chance: Random) -> list[str]:
    """A group, or any range, in many brackets more."""
    found = groups(tokens)
    start, end = chance.choice(found) if found and chance.random() < 0.7 else _range(tokens, chance)
    bracket = tokens[start] if tokens[start] in CLOSING else chance.choice(tuple(CLOSING))
    depth = chance.choice((1, 2, 10, NESTED_MAX))
    return [*tokens[:start], *[bracket] * depth, *tokens[start:end], *[CLOSING[bracket]] * depth, *tokens[end:]]


def _line(tokens: list[str], other: list[str], chance: Random) -> list[str]:
    """A line, with what is indented under it, comes from the other text."""
    lines, theirs = "".join(tokens).split("\n"), "".join(other).split("\n")
    at, first = chance.randrange(len(lines)), chance.randrange(len(theirs))
    margin = _margin(theirs[first])
    last = first + 1
    while last < len(theirs) and _margin(theirs[last]) > margin:
        last += 1
    shift = " " * _margin(lines[at])
    block = [shift + line[margin:] for line in theirs[first:last]]
    return tokens_of("\n".join([*lines[:at], *block, *lines[at + chance.randint(0, 1) :]]))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


MUTATIONS: Sequence[Mutation] = (_drop, _double, _swap, _strange, _char, _borrow, _borrow, _graft, _graft, _nest, _line)


def smaller(text: str, still: Callable[[str], bool], tries: int = 400) -> str:
    """A shorter text of which `still` holds: ranges of tokens dropped, halving (after Zeller's delta debugging)."""
    tokens = tokens_of(text)
    length = max(1, len(tokens) // 2)
    while tries > 0:
        at, changed = 0, False
        while at < len(tokens) and tries > 0:
            tries -= 1
            fewer = tokens[:at] + tokens[at + length :]
            if fewer and still("".join(fewer)):
                tokens, changed = fewer, True
            else:
                at += length
        if length == 1 and not changed:
            break
        length = max(1, length // 2)
    return "".join(tokens)
