"""`checkpoint`: signs how far a journal is, for whoever keeps that elsewhere."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from overspill.audit.checkpoints import verified
from overspill.cli.io import existing_db_option, read_input, say, write_file
from overspill.ports.store import Head, Store
from overspill.records.checkpoints import Checkpoint, text_of
from overspill.records.notes import KEY_BYTES, note, private_key, private_key_from
from overspill.runtime.clock import SystemClock
from overspill.store.opened import looked_into
from overspill.words.failures import Failure, StoreFailure
from overspill.words.instants import instant_text


@click.group()
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
    click.echo(public)
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
@click.option("--key", "key_file", required=True, help="The file of the private key.")
@click.option("--after", help="An earlier checkpoint of the journal, which it must continue.")
@click.option("--out", "target", type=click.Path(path_type=Path), help="The file to be written.  [default: stdout]")
def sign(db: str, key_file: str, after: str | None, target: Path | None) -> int:
    """Sign how many records the journal has, its hash there, and when. Engines and workers go on meanwhile.

    \b
    overspill checkpoint sign --db x.db --key usage.key --out monday.note
    """
    own = private_key_from(read_input(key_file).decode("utf-8", "replace"))
    earlier = None if after is None else verified(read_input(after), own.public)
    with closing(looked_into(db)) as store:
        head = store.head()
        if earlier is not None:
            _expect_continued(store, head, earlier)
    found = Checkpoint(origin=own.name, size=head.seq, hash=head.hash, at=SystemClock().now())
    data = note(text_of(found), own)
    if target is None:
        click.echo(data, nl=False)
    else:
        write_file(target, data)
        say(f"{target}: {found.size} records, {instant_text(found.at)}")
    return 0


def _expect_continued(store: Store, head: Head, earlier: Checkpoint) -> None:
    """Nobody signs a journal that is not the one that he has signed before."""
    if earlier.size > head.seq:
        what = f"{store.name} ends at record {head.seq}, and {earlier.size} were signed: it is an older copy, or was cut off"
        raise StoreFailure("records_missing", what, help="put the newer one back, or recover from an export")
    if store.hash_at(earlier.size) != earlier.hash:
        what = f"the journal of {store.name} is another one at record {earlier.size} than was signed"
        raise StoreFailure("other_history", what, help="reconcile it with --checkpoint, and put the right one back")
