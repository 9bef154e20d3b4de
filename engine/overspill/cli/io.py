"""What all commands share: files and stdin, formats, colours, how failures look."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from errno import EACCES
from pathlib import Path
from stat import S_IMODE
from typing import IO, Any, TypeVar

import click

from overspill.words.codec import json_bytes
from overspill.words.failures import Failure, PolicyFaults, StoreFailure

F = TypeVar("F", bound=Callable[..., Any])
SHOWN_MAX = 50
"""Findings about a policy that are shown as text where nobody says how many."""

policy_option = click.option(
    "-p", "--policy", default="codex_sora", show_default=True, help="A shipped policy, a policy file or a folder."
)
_DB = "The database: a file, made when it is not there, or a postgresql:// URL."
db_option = click.option("--db", type=click.Path(), help=_DB)
stdin_name_option = click.option(
    "--stdin-filename", default="stdin.spill", show_default=True, help="What - is called, and which surface it is."
)
needed_db_option = click.option("--db", type=click.Path(), required=True, help=_DB)


def there(path: str) -> str:
    """A mistyped name must not become an empty database, of which there is nothing to tell."""
    from overspill.store.opened import is_url

    if not path:
        raise StoreFailure("not_a_database", "no file is named", help="name one, or the URL of a database")
    if not is_url(path) and not os.path.lexists(path) and Path(path).parent.is_dir():
        help = "name the one that was decided with; `decide`, `reserve`, `grant` and `account set` make one"
        raise StoreFailure("no_such_database", f"there is no database {path}", help=help)
    return path


existing_db_option = click.option(
    "--db",
    type=click.Path(),
    required=True,
    callback=lambda _, __, path: there(path),
    help="The database: a file, or a postgresql:// URL.",
)


anchor_option = click.option(
    "--anchor",
    type=click.Path(dir_okay=False),
    help="The file outside of the database that knows its journal's end.  [default: beside a file; none for a URL]",
)


def format_option(*formats: str, default: str = "text") -> Callable[[F], F]:
    """`--format` with the command's own list."""
    return click.option(
        "--format", "format_", type=click.Choice(formats), default=default, show_default=True, help="How to print."
    )


def colored(stream: IO[str]) -> bool:
    """Colour only for a terminal, and never against NO_COLOR (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def out(text: str) -> None:
    """One line of data."""
    sys.stdout.write(text + "\n")


def out_json(value: object) -> None:
    sys.stdout.write(json_bytes(value).decode() + "\n")


def out_lines(lines: Iterable[str]) -> None:
    """Data whose lines have ends of their own."""
    sys.stdout.writelines(lines)


def say(text: str) -> None:
    """One line of narration."""
    sys.stderr.write(text + "\n")


def report(failure: Failure) -> None:
    """A failure for people: frames for a policy's faults, else message and remedy."""
    if isinstance(failure, PolicyFaults):
        from overspill.report.text import text

        sys.stderr.write(text(failure.faults, color=colored(sys.stderr), most=SHOWN_MAX).text)
        return
    from overspill.syntax.frame import visible

    say(f"error[{failure.code}]: {visible(failure.message)}")
    if failure.pointer:
        say(f"  = at: {visible(failure.pointer)}")
    if failure.help:
        say(f"  = help: {visible(failure.help)}")


def report_json(failure: Failure) -> None:
    """The same as one JSON object on stderr."""
    say(json_bytes(failure_object(failure)).decode())


def failure_object(failure: Failure) -> dict[str, Any]:
    """`{"error": {"code", "message", "help", "pointer"}}`, and a policy's faults."""
    error: dict[str, Any] = {
        "code": failure.code,
        "message": failure.message,
        "help": failure.help,
        "pointer": failure.pointer,
    }
    if isinstance(failure, PolicyFaults):
        from overspill.report.objects import fault_object

        error["faults"] = [fault_object(fault) for fault in failure.faults]
    return {"error": error}


def read_input(path: str) -> bytes:
    """A file's bytes, or stdin's for `-`."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Failure("unreadable", f"{path}: {error.strerror}", help="check the path") from None


def write_file(path: Path, data: bytes) -> None:
    """All of the file or nothing: written beside it, then put in its place. Links are followed, permissions kept.

    Raises Failure `unwritable`.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".overspill-{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():  # a device, a pipe
            target.write_bytes(data)
            return
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        with beside.open("xb") as file:
            if mode is not None:  # before anything is in it
                beside.chmod(S_IMODE(mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise Failure("unwritable", f"{path}: {error.strerror}", help="check its permissions") from None
    finally:
        beside.unlink(missing_ok=True)


def sources(paths: tuple[str, ...], stdin_name: str = "stdin.spill") -> dict[str, bytes]:
    """The files of one bundle from what the user named: files, folders, shipped policies, `-`."""
    from overspill.runtime.bundles import sources_of

    found: dict[str, bytes] = {}
    for path in paths:
        found.update({stdin_name: read_input("-")} if path == "-" else sources_of(path))
    return found


def account_of(text: str) -> dict[str, str]:
    """`user/u_ana` (or `u_ana` for a user) → `{"user": "u_ana"}`."""
    kind, slash, id = text.partition("/")
    return {kind: id} if slash else {"user": text}


def pairs(texts: tuple[str, ...]) -> Mapping[str, str]:
    """`name=value` arguments."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"`{text}` is not NAME=VALUE")
        found[name] = value
    return found
