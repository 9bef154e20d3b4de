"""`checkpoint`: signs how far a journal is, for whoever keeps that elsewhere."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from overspill.audit.checkpoints import verified
from overspill.cli.groups import Commands
from overspill.cli.io import (
    anchor_option,
    existing_db_option,
    format_option,
    out,
    out_json,
    read_input,
    say,
    write_file,
)
from overspill.ports.store import Head, Store
from overspill.records.checkpoints import Checkpoint, text_of
from overspill.records.notes import KEY_BYTES, note, private_key, private_key_from, public_key_from
from overspill.runtime.clock import SystemClock
from overspill.store.known import refuse_restored
from overspill.store.opened import looked_into, opened
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_text


@click.group(cls=Commands)
def checkpoint() -> None:
    """Sign how far a journal is. Kept elsewhere, it shows later that nothing of it was cut off or changed."""


@checkpoint.command()
@click.argument("name")
@click.option("--out", "target", required=True, type=click.Path(path_type=Path), help="The file of the private key.")
def key(name: str, target: Path) -> int:
    """Make a key for the journal NAME, such as example.com/usage, and print its public half.

    \b
    overspill checkpoint key example.com/usage --out usage.key > usage.pub
    """
    made = private_key(name, os.urandom(KEY_BYTES))
    public = made.public.text
    _keep(target, f"{made.text}\n".encode())
    say(f"{target} signs for {name}: keep it where the database is not; the public key is")
    out(public)
    return 0


def _keep(target: Path, data: bytes) -> None:
    """A new file that nobody else may read."""
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Failure(
            "exists", f"{target} is there already", help="name another file: a key is never replaced"
        ) from None
    except OSError as error:
        raise Failure("unwritable", f"{target}: {error.strerror}", help="check the path and its permissions") from None


@checkpoint.command()
@existing_db_option
@anchor_option
@click.option("--key", "key_file", required=True, help="The file of the private key.")
@click.option("--after", help="An earlier checkpoint of the journal, which it must continue.")
@click.option("--out", "target", type=click.Path(path_type=Path), help="The file to be written.  [default: stdout]")
def sign(db: str, anchor: str | None, key_file: str, after: str | None, target: Path | None) -> int:
    """Sign how many records the journal has, its hash there, and when. Engines and workers go on meanwhile.

    One that was put back and not accepted is not signed.

    \b
    overspill checkpoint sign --db x.db --key usage.key --out monday.note
    """
    own = private_key_from(read_input(key_file).decode("utf-8", "replace"))
    earlier = None if after is None else verified(read_input(after), own.public)
    with closing(opened(db, anchor=anchor)) as store:
        refuse_restored(store)
        head = store.head()
        differs = None if earlier is None else _differs(store, head, earlier)
    if differs is not None:
        raise differs
    found = Checkpoint(origin=own.name, size=head.seq, hash=head.hash, at=SystemClock().now())
    data = note(text_of(found), own)
    if target is None:
        click.echo(data, nl=False)  # bytes, whatever the terminal's encoding is
    else:
        write_file(target, data)
        say(f"{target}: {_words(found)}")
    return 0


@checkpoint.command()
@existing_db_option
@click.option("--checkpoint", "files", multiple=True, required=True, help="More than one may be named.")
@click.option("--public-key", required=True, help="The file of the public key that they are signed by.")
@format_option("text", "json")
def check(db: str, files: tuple[str, ...], public_key: str, format_: str) -> int:
    """See at once whether the journal is the one that was signed, before it is served. Exit 1: it is not.

    This believes the hashes that are stored; `overspill reconcile --checkpoint` makes them anew from every byte.

    \b
    overspill checkpoint check --db x.db --checkpoint monday.note --public-key usage.pub
    """
    key = public_key_from(read_input(public_key).decode("utf-8", "replace"))
    signed = [verified(read_input(file), key) for file in files]
    with closing(looked_into(db)) as store:
        head = store.head()
        found = [(one, _differs(store, head, one)) for one in signed]
    if format_ == "json":
        out_json([_object(one, differs) for one, differs in found])
    else:
        for one, differs in found:
            out(f"as {one.origin} signed it: {_words(one)}" if differs is None else f"{differs.code}: {differs}")
    return 0 if all(differs is None for _, differs in found) else 1


def _object(signed: Checkpoint, differs: StoreFailure | None) -> dict[str, object]:
    told = {"origin": signed.origin, "records": signed.size, "at": instant_text(signed.at), "matches": differs is None}
    return told if differs is None else {**told, "code": differs.code, "message": str(differs)}


def _words(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size} records, {instant_text(checkpoint.at)}"


def _differs(store: Store, head: Head, signed: Checkpoint) -> StoreFailure | None:
    """Why the journal that ends at `head` is not the one that was signed; None: it is."""
    if signed.size > head.seq:
        what = f"{store.name} ends at record {head.seq}, and {signed.size} were signed: it is an older copy, or was cut off"
        return StoreFailure("records_missing", what, help="put the newer one back, or recover from an export")
    if store.hash_at(signed.size) != signed.hash:
        what = f"the journal of {store.name} is another one at record {signed.size} than was signed"
        return StoreFailure("other_history", what, help="reconcile it with --checkpoint, and put the right one back")
    return None
