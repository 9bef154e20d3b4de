"""`convert`: a policy file in the other surface."""

from __future__ import annotations

import sys

import click

from overspill.cli.io import read_input
from overspill.words.failures import PolicyFaults


@click.command()
@click.argument("path", metavar="FILE")
@click.option(
    "--stdin-filename", default="stdin.spill", show_default=True, help="What - is called, and which surface it is."
)
def convert(path: str, stdin_filename: str) -> int:
    """Print a policy file in the other surface, comments included; - reads stdin.

    \b
    overspill convert access.spill > access.spill.yaml
    """
    sys.stdout.write(converted(stdin_filename if path == "-" else path, read_input(path)))
    return 0


def converted(name: str, data: bytes) -> str:
    """The text of a DSL file in YAML, or of a YAML file in the DSL. Raises PolicyFaults for what does not parse."""
    from overspill.syntax.comments import comments_of
    from overspill.syntax.read import read
    from overspill.syntax.write_dsl import write_dsl
    from overspill.syntax.write_yaml import write_yaml

    file, faults = read(name, data)
    if file is None:
        raise PolicyFaults(faults)
    write = write_dsl if name.endswith((".yaml", ".yml")) else write_yaml
    return write(file.items, comments_of(file))
