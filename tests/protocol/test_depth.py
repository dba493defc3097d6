import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol.depth import MAX_DEPTH, is_too_deep, too_deep_field


def depth_of(value):
    """Return the same by walking the parsed JSON."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, inner), default=0)
    return 0


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_bound_is_exact(opening):
    closing = "]" if opening == "[" else "}"
    inside = "[]" if opening == "[" else "{}"
    most = opening * (MAX_DEPTH - 1) + inside + closing * (MAX_DEPTH - 1)
    assert not is_too_deep(most)
    assert is_too_deep(f"[{most}]")


def test_many_brackets_at_one_level_are_not_deep():
    assert not is_too_deep(json.dumps([[], {}] * 1000))


@pytest.mark.parametrize("text", ["[" * 40, '"' + "[{" * 40, "\\" + "[" * 40 + '\\"' + "[" * 40])
def test_brackets_in_strings_do_not_count(text):
    assert not is_too_deep(json.dumps({text: [text]}))
    assert is_too_deep(json.dumps({"a": text})[:-1] + ',"b":' + "[" * 32 + "]" * 32 + "}")


NESTED = st.recursive(
    st.none() | st.text('[]{}"\\:, é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=40,
)


@given(NESTED, st.integers(0, 40), st.booleans())
def test_depth_equals_that_of_the_parsed_json(value, more, spaced):
    for _ in range(more):
        value = [value, "]["]
    text = json.dumps(value, indent=1 if spaced else None, ensure_ascii=False)
    assert is_too_deep(text) == (depth_of(value) > MAX_DEPTH)


def test_too_deep_field_is_one_of_the_message():
    deep = "[" * 40 + "]" * 40
    assert too_deep_field('{"a":{"x":1},"b":"c","data" : {"inner":' + deep + "}}") == "data"
    assert too_deep_field(deep) == ""
    assert too_deep_field('{"a":[]}') == "a"
