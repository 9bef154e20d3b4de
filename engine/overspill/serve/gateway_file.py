"""A gateway's file → its rules: YAML (or JSON, which is YAML), every key known, every value text that its place gives a type.

key: x-request-id                     # which header names a call once and for all; this is the default
replayed: allow                       # or deny: a call whose key was granted something before
rules:
  - path: /v1/videos                  # itself, and all below it
    methods: [POST]                   # without: any
    mode: consume                     # or reserve, preview, pass
    account: {user: {header: x-user-id}, workspace: {header: x-workspace-id, optional: true}}
    fields: {product: sora}
    meters: {generations: {header: x-generations, default: 1}}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from overspill.serve.gateway import BOOLEANS, KEY, Gateway, Mode, Replays, Rule, Value
from overspill.syntax.yaml_nodes import Listing, Mapping, Node, Scalar, read_nodes
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.names import shown
from overspill.words.spans import Source, Span

BYTES_MAX = 1 << 20
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"/|(/[^/?#%\\\s]+)+")
_RULE = ("path", "methods", "mode", "account", "fields", "meters")


def gateway_from(data: bytes, name: str) -> Gateway:
    """The file's rules. Raises Failure with the place."""
    if len(data) > BYTES_MAX:
        raise Failure("invalid_gateway", f"{name} is larger than {BYTES_MAX} bytes", help="say less")
    try:
        source = Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Failure("invalid_gateway", f"{name} is not UTF-8 at byte {error.start}", help="save it so") from None
    top, faults = read_nodes(source)
    for fault in faults:
        help = "begin with `rules:`" if fault.code == "OSP204" else fault.help
        raise Failure("invalid_gateway", f"{fault.span.place}: {fault.message}", help=help)
    assert top is not None
    found = _entries(top, ("key", "replayed", "rules"))
    if "rules" not in found:
        raise _wrong(top.span, "there are no `rules`", "add `rules:` with a list")
    key = _header(found["key"]) if "key" in found else KEY
    replayed = _choice(found["replayed"], get_args(Replays)) if "replayed" in found else "allow"
    rules = tuple([_rule(node) for node in _items(found["rules"], "`rules`")])
    return Gateway(rules=rules, key=key, replayed=replayed)  # type: ignore[arg-type]


def _rule(node: Node) -> Rule:
    found = _entries(node, _RULE)
    if "path" not in found:
        raise _wrong(node.span, "the rule has no `path`", "add one; `/` is all paths")
    mode = _choice(found["mode"], get_args(Mode)) if "mode" in found else "consume"
    said = [name for name in ("account", "fields", "meters") if name in found]
    if mode == "pass" and said:
        raise _wrong(found[said[0]].span, f"a rule that passes asks for no `{said[0]}`", "leave it out")
    more: dict[str, Any] = {name: _values(found[name]) for name in said}
    return Rule(
        place=node.span.place,
        path=_matched(found["path"], _PATH, "path", "write /v1/videos, without a / behind it, and no %-codes"),
        methods=tuple([_method(item) for item in _items(found["methods"], "`methods`")]) if "methods" in found else (),
        mode=mode,  # type: ignore[arg-type]
        **more,
    )


def _values(node: Node) -> dict[str, Value]:
    return {name: _value(one) for name, one in _entries(node).items()}


def _value(node: Node) -> Value:
    """`sora`, or `{header: x-model, default: gpt-5.5}`, or `{header: x-workspace-id, optional: true}`."""
    if isinstance(node, Scalar):
        return Value(text=node.value)
    found = _entries(node, ("header", "default", "optional"))
    if "header" not in found:
        raise _wrong(node.span, "it names no `header`", "write {header: x-user-id}, or a constant")
    optional = _choice(found["optional"], tuple(BOOLEANS)) if "optional" in found else "false"
    default = _text(found["default"]) if "default" in found else None
    if BOOLEANS[optional] and default is not None:
        raise _wrong(found["optional"].span, "what has a default is always there", "keep one of them")
    return Value(header=_header(found["header"]), default=default, optional=BOOLEANS[optional])


# ---- leaves


def _entries(node: Node, known: Sequence[str] = ()) -> dict[str, Node]:
    """`known` empty: any keys."""
    if not isinstance(node, Mapping):
        raise _wrong(node.span, "this is no mapping", "write `key: value`")
    for key, _ in node.entries:
        if known and key.value not in known:
            help = did_you_mean(key.value, known) or f"known: {', '.join(known)}"
            raise _wrong(key.span, f"there is no {shown(key.value)} here", help)
    return {key.value: value for key, value in node.entries}


def _items(node: Node, what: str) -> Sequence[Node]:
    if not isinstance(node, Listing) or not node.items:
        raise _wrong(node.span, f"{what} is no list of at least one", "write `- …`, one below the other")
    return node.items


def _text(node: Node) -> str:
    if not isinstance(node, Scalar):
        raise _wrong(node.span, "this is no text", "write one value")
    return node.value


def _choice(node: Node, known: Sequence[str]) -> str:
    text = _text(node)
    if text not in known:
        help = did_you_mean(text, known) or f"known: {', '.join(known)}"
        raise _wrong(node.span, f"{shown(text)} is not known here", help)
    return text


def _matched(node: Node, pattern: re.Pattern[str], what: str, help: str) -> str:
    text = _text(node)
    if not pattern.fullmatch(text):
        raise _wrong(node.span, f"{shown(text)} is no {what}", help)
    return text


def _header(node: Node) -> str:
    return _matched(node, _HEADER, "header", "write its name in small letters, such as x-user-id")


def _method(node: Node) -> str:
    return _matched(node, _METHOD, "method", "write it in capitals, such as POST")


def _wrong(span: Span, what: str, help: str) -> Failure:
    return Failure("invalid_gateway", f"{span.place}: {what}", help=help)
