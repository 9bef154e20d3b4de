"""Rows in which both kinds of store keep JSON → what they say; one that was damaged is none, or a StoreFailure."""

from __future__ import annotations

from overspill.ports.store import StoredPolicy
from overspill.records.written import Form, form_of
from overspill.words.codec import JsonFault, json_bytes, json_decoder
from overspill.words.failures import StoreFailure

_form = json_decoder(Form).decode
_sources = json_decoder(dict[str, str]).decode

PolicyRow = tuple[str, str, int, str]
"""(digest, name, version, its files by name as JSON)."""


def form_in(data: bytes, id: str) -> Form | None:
    """The form whose id is that of its content; None where it is another one by now."""
    try:
        form = _form(data)
    except (JsonFault, UnicodeDecodeError):
        return None
    return form if form_of(form.pieces, form.holes).id == id else None


def row_of(policy: StoredPolicy) -> PolicyRow:
    sources = {name: data.decode("utf-8") for name, data in policy.sources.items()}
    return policy.digest, policy.name, policy.version, json_bytes(sources).decode()


def policy_in(row: PolicyRow) -> StoredPolicy:
    """Raises StoreFailure `changed_policy` where its files cannot be read; whether they are still those of its digest is found
    by whoever compiles them."""
    digest, name, version, sources = row
    try:
        files = {file: text.encode() for file, text in _sources(sources).items()}
    except JsonFault:
        what = f"the files that are kept of the policy {digest[:19]}… cannot be read"
        raise StoreFailure("changed_policy", what, help="restore the database from a backup") from None
    return StoredPolicy(digest, name, version, files)
