"""`overspill`: the group of commands, loaded when used, and the one place where failures become exit codes."""

from __future__ import annotations

import os
import sys
from errno import EBADF, ENOSPC
from importlib import import_module

import click

from overspill.cli.groups import Commands
from overspill.cli.io import report, report_json
from overspill.cli.streams import prepare_streams
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure, PolicyFaults, StoreFailure, StreamFailure

_COMMANDS = {
    "demo": "demo",
    "init": "init",
    "check": "check",
    "rule": "rules",
    "fmt": "format",
    "convert": "format",
    "test": "run_tests",
    "schema": "schema",
    "decide": "decide",
    "reserve": "decide",
    "capture": "decide",
    "extend": "decide",
    "release": "decide",
    "reverse": "decide",
    "grant": "operate",
    "void": "lots",
    "refund": "lots",
    "transfer": "lots",
    "account": "operate",
    "reset": "resets",
    "top-up": "top_ups",
    "sweep": "operate",
    "serve": "serve",
    "keys": "keys",
    "doctor": "doctor",
    "hooks": "hooks",
    "worker": "worker",
    "relay": "streaming",
    "explain": "audit",
    "reconcile": "reconcile",
    "checkpoint": "checkpoint",
    "export": "export",
    "replay": "replay",
    "diff": "audit",
    "db": "db",
}
"""Command → the module of `overspill.cli` that has it, in the order of the help."""


class _Commands(Commands):
    """Imports a command's module when the command is used, so that `--help` and `--version` stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            help = did_you_mean(cmd_name, _COMMANDS) or "see overspill --help"
            raise click.UsageError(f"there is no command `{cmd_name}`; {help}", ctx)
        module = import_module(f"overspill.cli.{_COMMANDS[cmd_name]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="overspill", message="overspill %(version)s")
def cli() -> None:
    """How much is allowed, and from where.

    \b
    overspill demo                                  a scripted day, explained
    overspill init usage                            a small policy with its tests, to begin from
    overspill check policies/                       all faults of a bundle, with their lines
    overspill decide --db x.db < requests.jsonl     one request a line in, one decision a line out
    overspill explain dec_… --db x.db               why

    Exit codes: 0 done, 1 done and the answer is no, 2 could not be done, 3 the store or the program failed.
    """


def main() -> None:
    """The console script."""
    prepare_streams()
    sys.exit(run(sys.argv[1:]))


def _no_more_output() -> None:
    """What is still buffered goes nowhere, so that nothing fails again when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _refused_by_the_system(error: OSError) -> Failure:
    """A name that is too long, an output without room: what was asked for, and what the system said."""
    what = "the output" if error.filename is None else str(error.filename)[:80]
    return Failure("not_possible", f"{what}: {error.strerror}", help="check the path, or write elsewhere")


def _wrong_usage(error: click.ClickException) -> Failure:
    """Commands, options and arguments that are none."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = "overspill" if context is None else context.command_path
    return Failure("wrong_usage", error.format_message(), help=f"see {path} --help")


def run(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code and never lets a traceback out."""
    as_json = "json" in arguments or "--format=json" in arguments
    show = report_json if as_json else report
    try:
        result = cli.main(arguments, prog_name="overspill", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except click.ClickException as error:
        if as_json:
            show(_wrong_usage(error))
        else:
            error.show()
        return 2
    except (StoreFailure, StreamFailure) as failure:
        show(failure)
        return 3
    except (PolicyFaults, Failure) as failure:
        show(failure)
        return 3 if failure.code == "internal_error" else 2
    except (BrokenPipeError, SystemExit):  # whoever read the output has gone; click exits by itself then
        _no_more_output()
        return 2
    except OSError as error:
        if error.errno in (EBADF, ENOSPC):
            _no_more_output()
        show(_refused_by_the_system(error))
        return 2
    except Exception as error:  # a defect of ours: one line, no traceback
        show(Failure("internal_error", f"{type(error).__name__}: {error}", help="report it with what you ran"))
        return 3
    return result if isinstance(result, int) else 0
