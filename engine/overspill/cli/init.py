"""`init`: a small good policy with its tests and a continuous check, to begin from. Nothing is ever overwritten."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click

from overspill.cli.io import format_option, out, out_json, say, write_file
from overspill.words.failures import Failure


class _File(NamedTuple):
    """`source` stands in the data package `package`; `target` in the folder that is made."""

    target: str
    package: str
    source: str


_POLICIES = {
    False: _File("policies/usage.spill", "overspill_policies", "starter/usage.spill"),
    True: _File("policies/usage.spill.yaml", "overspill_policies", "starter/yaml/usage.spill.yaml"),
}
"""By whether it is the YAML surface that is wanted."""
_FILES = (
    _File("policies/usage.test.yaml", "overspill_policies", "starter/usage.test.yaml"),
    _File("schemas/policy.schema.json", "overspill_grammar", "schemas/policy.schema.json"),
    _File("schemas/tests.schema.json", "overspill_grammar", "schemas/tests.schema.json"),
    _File(".github/workflows/policies.yml", "overspill_policies", "starter/policies.yml"),
    _File("README.md", "overspill_policies", "starter/README.md"),
)
_NEXT = """next:
  cd {folder}
  overspill check policies/
  overspill test policies/ --coverage
  overspill decide --policy policies/ --help"""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--yaml", "as_yaml", is_flag=True, help="The policy in YAML instead of the DSL.")
@format_option("text", "json")
def init(folder: Path, as_yaml: bool, format_: str) -> int:
    """Write a small policy, its tests, a continuous check and a README into DIR.

    \b
    overspill init usage
    overspill init --yaml .
    """
    policy = _POLICIES[as_yaml]
    wanted = (policy, *_FILES)
    there = [file.target for file in wanted if (folder / file.target).exists()]
    if there:
        raise Failure("exists", f"{folder} holds {', '.join(there)} already", help="name another folder")
    words = {"POLICY": Path(policy.target).name, "VERSION": version("overspill")}
    for file in wanted:
        _write(folder / file.target, _text(file, words))
    if format_ == "json":
        out_json({"written": [str(folder / file.target) for file in wanted]})
        return 0
    for file in wanted:
        out(str(folder / file.target))
    say(_NEXT.format(folder=folder))
    return 0


def _text(file: _File, words: dict[str, str]) -> str:
    """A template with its words filled in; policies, tests and schemas are as they are shipped."""
    text = (files(file.package) / file.source).read_text("utf-8")
    if file.source.endswith((".md", ".yml")):
        for word, value in words.items():
            text = text.replace(word, value)
    return text


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure("unwritable", f"{path.parent}: {error.strerror}", help="name another folder") from None
    write_file(path, text.encode())
