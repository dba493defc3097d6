import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxim.protocol.depth import MAX_DEPTH, is_too_deep, too_deep_field


def depth_of(value):
    """The same by walking what the JSON says."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, inner), default=0)
    return 0


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_the_bound_is_exact(opening):
    closing = "]" if opening == "[" else "}"
    inside = "[]" if opening == "[" else "{}"
    most = opening * (MAX_DEPTH - 1) + inside + closing * (MAX_DEPTH - 1)
    assert not is_too_deep(most)
    assert is_too_deep(f"[{most}]")


def test_many_brackets_side_by_side_are_not_deep():
    assert not is_too_deep(json.dumps([[], {}] * 1000))


@pytest.mark.parametrize("text", ["[" * 40, '"' + "[{" * 40, "\\" + "[" * 40 + '\\"' + "[" * 40])
def test_what_stands_in_a_string_nests_nothing(text):
    assert not is_too_deep(json.dumps({text: [text]}))
    assert is_too_deep(json.dumps({"a": text})[:-1] + ',"b":' + "[" * 32 + "]" * 32 + "}")


NESTED = st.recursive(
    st.none() | st.text('[]{}"\\:, é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=40,
)


@settings(deadline=None)
@given(NESTED, st.integers(0, 40), st.booleans())
def test_whatever_the_json_it_is_judged_as_by_walking_it(value, more, spaced):
    for _ in range(more):
        value = [value, "]["]
    text = json.dumps(value, indent=1 if spaced else None, ensure_ascii=False)
    assert is_too_deep(text) == (depth_of(value) > MAX_DEPTH)


def test_the_field_that_is_too_deep_is_the_messages_own():
    deep = "[" * 40 + "]" * 40
    assert too_deep_field('{"a":{"x":1},"b":"c","data" : {"inner":' + deep + "}}") == "data"
    assert too_deep_field(deep) == ""
    assert too_deep_field('{"a":[]}') == "a"
