"""YAML text → nodes with places, strictly: mappings, lists and scalars that are all text, and nothing else.

Built from PyYAML's events, before anything is resolved: anchors, aliases, tags, merge keys, duplicate keys, further
documents, deep nesting and huge files stop here (ASSURANCE.md section 2 lists what each of them does to a naive
loader). The one door to yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from overspill.words.codec import Struct
from overspill.words.diagnostics import Fault, Note
from overspill.words.spans import Source, Span

DEPTH_MAX = 32
TOO_DEEP = f"the file is nested deeper than {DEPTH_MAX}"
NODES_MAX = 20_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Start = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_End = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class Scalar(Struct, frozen=True):
    """`value` as text; `plain` when it stands without quotes; `inner` is the span of the text inside them."""

    value: str
    plain: bool
    span: Span
    inner: Span


class Mapping(Struct, frozen=True):
    entries: list[tuple[Scalar, Node]]
    span: Span


class Listing(Struct, frozen=True):
    items: list[Node]
    span: Span


Node = Scalar | Mapping | Listing


class YamlFault(Exception):
    """The text cannot be read further."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(slots=True)
class _Reader:
    source: Source
    faults: list[Fault] = field(default_factory=list)
    count: int = 0

    def span(self, event: yaml.Event) -> Span:
        return Span(self.source, event.start_mark.index, event.end_mark.index)  # type: ignore[union-attr]

    def add(self, code: str, span: Span, message: str, help: str) -> None:
        self.faults.append(Fault(code=code, span=span, message=message, help=help))

    def stop(self, code: str, span: Span, message: str, help: str | None = None) -> YamlFault:
        return YamlFault(Fault(code=code, span=span, message=message, help=help))


def read_nodes(source: Source) -> tuple[Mapping | None, tuple[Fault, ...]]:
    """The document's top mapping. Faults that allow reading on are collected, the first that does not ends it."""
    node, faults = _read(_Reader(source))
    return node, tuple(sorted(faults, key=lambda fault: fault.span.start))


def _read(reader: _Reader) -> tuple[Mapping | None, list[Fault]]:
    source = reader.source
    try:
        node = _document(reader)
    except YamlFault as error:
        return None, [*reader.faults, error.fault]
    except yaml.MarkedYAMLError as error:
        return None, [*reader.faults, _syntax(source, error)]
    except yaml.YAMLError as error:
        fault = Fault(code="OSP120", span=Span(source, 0, 1), message=f"not YAML: {error}"[:200])
        return None, [*reader.faults, fault]
    if not isinstance(node, Mapping):
        fault = Fault(
            code="OSP204", span=Span(source, 0, 1), message="the file is no mapping", help="begin with `policy:`"
        )
        return None, [*reader.faults, fault]
    return (None if reader.faults else node), reader.faults


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    at = min(mark.index if mark is not None else 0, max(len(source.text) - 1, 0))
    if "nesting depth" in (error.problem or ""):  # libyaml's own limit, which its scanner meets ahead of the events
        return Fault(code="OSP103", span=Span(source, at, at + 1), message=TOO_DEEP, help="flatten it")
    return Fault(
        code="OSP120",
        span=Span(source, at, at + 1),
        message=f"this is not YAML: {error.problem or error.context or 'unexpected text'}",
        help="check the indentation and the quotes",
    )


def _document(reader: _Reader) -> Node | None:
    node: Node | None = None
    documents = 0
    events = yaml.parse(reader.source.text, Loader=_LOADER)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise reader.stop(
                    "OSP125", reader.span(event), "the file holds a second document", "one file, one document"
                )
        elif isinstance(event, (*_Start, yaml.ScalarEvent, yaml.AliasEvent)):
            node = _node(reader, event, events)
    return node


def _node(reader: _Reader, first: yaml.Event, events: Iterator[yaml.Event]) -> Node:
    """One node, from its first event on; containers under way are kept on a stack, so depth costs no recursion."""
    stack: list[tuple[yaml.Event, list[Node]]] = []
    event = first
    while True:
        done: Node | None = None
        if isinstance(event, _Start):
            _guard(reader, event, len(stack) + 1)
            stack.append((event, []))
        elif isinstance(event, _End):
            start, children = stack.pop()
            done = _container(reader, start, event, children)
        elif isinstance(event, yaml.NodeEvent):
            _guard(reader, event, len(stack))
            done = _scalar(reader, event)
        if done is not None:
            if not stack:
                return done
            stack[-1][1].append(done)
        event = next(events)


def _guard(reader: _Reader, event: yaml.NodeEvent, depth: int) -> None:
    span = reader.span(event)
    reader.count += 1
    if reader.count > NODES_MAX:
        raise reader.stop("OSP102", span, f"the file has more than {NODES_MAX} nodes", "split the bundle")
    if depth > DEPTH_MAX:
        raise reader.stop("OSP103", span, TOO_DEEP, "flatten it")
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        what = "aliases" if isinstance(event, yaml.AliasEvent) else "anchors"
        reader.add("OSP121", span, f"YAML's {what} are not read here", "write the value out")
    tag = getattr(event, "tag", None)
    if tag is not None:
        reader.add("OSP124", span, f"the tag `{tag}` is not read here", "every value gets its type from its place")


def _scalar(reader: _Reader, event: yaml.NodeEvent) -> Scalar:
    span = reader.span(event)
    if isinstance(event, yaml.AliasEvent):  # a fault already; it stands for nothing
        return Scalar(f"*{span.start}", True, span, span)
    assert isinstance(event, yaml.ScalarEvent)
    plain = not event.style
    inner = span
    if not plain and reader.source.text[span.start + 1 : span.end - 1] == event.value:
        inner = Span(reader.source, span.start + 1, span.end - 1)
    return Scalar(event.value, plain, span, inner)


def _container(reader: _Reader, start: yaml.Event, end: yaml.Event, children: list[Node]) -> Node:
    span = Span(reader.source, start.start_mark.index, end.end_mark.index)  # type: ignore[union-attr]
    if isinstance(start, yaml.SequenceStartEvent):
        return Listing(children, span)
    entries: list[tuple[Scalar, Node]] = []
    first: dict[str, Scalar] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        if not isinstance(key, Scalar):
            reader.add("OSP125", key.span, "a key is plain text", "write the key as one word")
            continue
        if key.plain and key.value == "<<":
            reader.add("OSP122", key.span, "YAML's merge keys are not read here", "write the entries out")
            continue
        other = first.setdefault(key.value, key)
        if other is not key:
            reader.faults.append(
                Fault(
                    code="OSP123",
                    span=key.span,
                    message=f"the key `{key.value[:64]}` is there twice",
                    label="here again",
                    notes=(Note(other.span, "first here"),),
                    help="keep one of them",
                )
            )
        entries.append((key, value))
    return Mapping(entries, span)
