"""Groups of commands, whose help says of each command its whole first sentence."""

from __future__ import annotations

import click

_WHOLE = 1_000


class Commands(click.Group):
    """click cuts a sentence where a line ends, in the middle of what the command does; here it goes on in the next line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in found if one is not None])
