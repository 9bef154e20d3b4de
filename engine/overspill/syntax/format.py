"""Bytes of a policy file → its text in the one style, in either surface, with every comment where it belongs.

What is written is read back: it says the same, and holds each comment once, or nothing is given (LANGUAGE.md principle
2). Line ends become `\n`, a byte-order mark goes.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from enum import StrEnum

from overspill.syntax import tree
from overspill.syntax.comments import Comments
from overspill.syntax.dsl_places import dsl_comments
from overspill.syntax.read import is_yaml, read
from overspill.syntax.style import in_style
from overspill.syntax.write_dsl import write_dsl
from overspill.syntax.write_yaml import write_yaml
from overspill.syntax.yaml_places import yaml_comments
from overspill.words.diagnostics import Fault
from overspill.words.failures import Failure


class Surface(StrEnum):
    DSL = "dsl"
    YAML = "yaml"

    @property
    def ending(self) -> str:
        return ".spill" if self is Surface.DSL else ".spill.yaml"

    @property
    def other(self) -> Surface:
        return Surface.YAML if self is Surface.DSL else Surface.DSL


def surface_of(name: str) -> Surface:
    return Surface.YAML if is_yaml(name) else Surface.DSL


ENDINGS = (".spill.yaml", ".yaml", ".yml", ".spill")
"""Of files in either surface, the longer before the shorter."""
Formatted = tuple[str | None, tuple[Fault, ...]]


def formatted(name: str, data: bytes, to: Surface | None = None) -> Formatted:
    """The text of a file in the surface `to`, or in its own; None with the faults of one that cannot be read.

    Raises Failure `says_less` where the text would not say the same.
    """
    file, faults = read(name, data.removeprefix(BOM_UTF8))
    if file is None:
        return None, faults
    surface = to or surface_of(name)
    text = write(in_style(file.items), comments_of(file), surface)
    _assure(file, text, surface)
    return text, ()


def write(items: list[tree.Item], comments: Comments, surface: Surface) -> str:
    """The items' text in one of the surfaces."""
    return (write_yaml if surface is Surface.YAML else write_dsl)(items, comments)


def comments_of(file: tree.File) -> Comments:
    """A file's comments by the paths that they belong to."""
    return (yaml_comments if is_yaml(file.source.name) else dsl_comments)(file)


def _assure(file: tree.File, text: str, surface: Surface) -> None:
    """Raises where the text no longer says all: two declarations of one name are one in YAML, for example."""
    again, faults = read(f"{file.source.name}{surface.ending}", text.encode())
    if again is None:
        message = f"{file.source.name} cannot be written as {surface.value}: {faults[0].message}"
        raise Failure("says_less", message, help=faults[0].help)
    if write_dsl(again.items) != write_dsl(in_style(file.items)):
        message = f"{file.source.name} cannot be written as {surface.value} without another meaning"
        raise Failure("says_less", message, help="a name stands twice in it, or is `default`")
    if Counter(map(_body, file.comments)) != Counter(map(_body, again.comments)):
        raise Failure("says_less", f"{file.source.name}: a comment would be lost", help="report it with the file")


def _body(comment: tree.Comment) -> str:
    return comment.text.removeprefix("//" if comment.text.startswith("//") else "#").rstrip()
