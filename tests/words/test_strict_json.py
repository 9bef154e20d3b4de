"""Strict JSON: the quick way says what the slow one says, of any text; and what each of them refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overspill.words.failures import Failure
from overspill.words.strict_json import json_from_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**21), 10**21)
    | st.text(max_size=6)
    | st.sampled_from([":", '":', "a:b", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def _read(text: bytes | str) -> Any:
    try:
        return json_from_text(text)
    except Failure as failure:
        return failure.code, failure.message


@given(VALUES, st.sampled_from([None, (",", ":"), (" , ", " : ")]), st.booleans())
def test_bytes_are_read_as_text_is(value: Any, separators: Any, plain: bool) -> None:
    """Of text only the slow way is taken."""
    text = json.dumps(value, separators=separators, ensure_ascii=plain)
    assert _read(text.encode("utf-8", "surrogatepass")) == _read(text)


@given(VALUES, st.data())
def test_a_text_that_somebody_has_changed_too(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from([*'"{}[]:,.-+eE0123456789 \t\n\\u', text[:5]])) + text[at + 1 :]
    assert _read(text.encode()) == _read(text)


REFUSED = {
    b'{"a":1,"a":2}': "twice",
    b'{"a":{"b":1,"b":2},"c":":"}': "twice",
    b'{"a":":","a":1}': "twice",
    b'{"a":1.0}': "1.0",
    b'{"a":1e3}': "1e3",
    b'{"a":NaN}': "NaN",
    b"-Infinity": "-Infinity",
    b"10000000000000000000": "more than 19 digits",
    b'["a\tb"]': "is not JSON",
    b'["\\ud800"]': "lone surrogate",
    b'{"a":1,}': "is not JSON",
    b"[01]": "is not JSON",
    b"[1] 2": "is not JSON",
    b"\xff": "UTF-8",
    b"[" * 33 + b"]" * 33: "nested deeper",
}


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(Failure) as caught:
        json_from_text(text)
    assert (caught.value.code, REFUSED[text] in caught.value.message) == ("invalid_json", True)


@pytest.mark.parametrize("number", [10**19 - 1, 1 - 10**19, -(10**18)])
def test_nineteen_digits_may_have_a_sign_before_them(number: int) -> None:
    assert _read(str(number)) == _read(str(number).encode()) == number
