import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol.device_names import fault, normalised

GOOD = ["My phone", "Zoë’s iPhone", "電話", "טלפון", "📱 ❤️", "पहाड़ों", "Điện thoại", "a\u0308\u0323"]
BAD = {
    "\x1b[2J": "a control character (U+001B)",
    "a\nb": "a control character (U+000A)",
    "a\x9bb": "a control character (U+009B)",
    "gpj.\u202eexe": "an invisible or bidirectional character (U+202E)",
    "\u2067a": "an invisible or bidirectional character (U+2067)",
    "a\u200bb": "an invisible or bidirectional character (U+200B)",
    "\ufeffa": "an invisible or bidirectional character (U+FEFF)",
    "\U000e0041": "an invisible or bidirectional character (U+E0041)",
    "\ud800": "half a surrogate pair (U+D800)",
    "\ue000": "a private-use character (U+E000)",
    "\U0010fffd": "a private-use character (U+10FFFD)",
    "a\u2028b": "a line separator (U+2028)",
    "a\u2029b": "a paragraph separator (U+2029)",
    "x\u0301\u0302\u0303": "more than 2 combining marks in a row",
    "x\u20dd\u0301\u20de": "more than 2 combining marks in a row",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_in_all_scripts_are_allowed(name):
    assert fault(name) is None
    assert fault(normalised(name)) is None


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_control_and_invisible_characters_are_refused(name):
    assert fault(name) == BAD[name]


def test_many_marks_are_allowed_if_not_in_a_row():
    assert fault("x\u0301\u0302" * 20) is None


@given(st.text())
def test_allowed_name_has_no_control_characters(name):
    if fault(name) is None:
        categories = {unicodedata.category(char) for char in name}
        assert categories.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
        assert not any(unicodedata.bidirectional(char) in BIDI_CONTROLS for char in name)


BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}


@given(st.text())
def test_names_that_look_equal_are_normalised_alike(name):
    assert normalised(unicodedata.normalize("NFD", name)) == normalised(name)
