import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol.device_names import fault, normalised, without_faults

GOOD = ["My phone", "Zoë’s iPhone", "電話", "טלפון", "📱 ❤️", "पहाड़ों", "Điện thoại", "a\u0308\u0323"]
NEEDS_JOINERS = {
    "a woman at a computer": "👩\u200d💻",
    "with a skin tone": "👩\U0001f3fd\u200d💻",
    "a family": "👨\u200d👩\u200d👧\u200d👦",
    "with a presentation selector": "🏳\ufe0f\u200d🌈",
    "nodding": "🙂\u200d\u2195\ufe0f",
    "Persian": "تلفن می\u200cخواهم",
    "Persian, with a mark before the joiner": "نَ\u200cه",
    "Hindi, with a joiner": "क्\u200dष",
    "Hindi, without a ligature": "क्\u200cष",
    "Sinhala": "ශ්\u200dරී",
    "a keycap": "1\ufe0f\u20e3",
}
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
INVISIBLE = "an invisible or bidirectional character"
IGNORABLE = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180E, 0x180F, 0x200B, 0x2060),
    *(0x2065, 0x3164, 0xFE00, 0xFEFF, 0xFFA0, 0xFFF0, 0x1BCA0, 0x1D173, 0xE0001, 0xE0100, 0xE0FFF),
)
BLANK = ["", " ", "\xa0", "\u3000", "\u2800", "\u2800 \u2800", "\U0001d159", "\U00013441", "\u0301"]
MISPLACED = {
    "between Latin letters": "Ann\u200da",
    "at the start": "\u200dAnn",
    "at the end": "Ann\u200c",
    "between an emoji and a letter": "👩\u200dx",
    "between a letter and an emoji": "x\u200d👩",
    "twice between emoji": "👩\u200d\u200d💻",
    "no joiner between emoji": "👩\u200c💻",
    "twice in Persian": "می\u200c\u200cخ",
    "in Persian, before a space": "می\u200c خ",
    "a joiner in Persian": "می\u200dخ",
    "between Hindi letters": "क\u200dष",
    "beside a character that does not exist": "\U000e1000\u200dx",
    "a selector at the start": "\ufe0fx",
    "a selector after a letter": "x\ufe0f",
    "two selectors": "❤\ufe0f\ufe0f",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_in_all_scripts_are_allowed(name):
    assert fault(name) is None
    assert fault(normalised(name)) is None


@pytest.mark.parametrize("name", NEEDS_JOINERS.values(), ids=NEEDS_JOINERS)
def test_joiner_is_allowed_where_a_script_or_an_emoji_needs_it(name):
    assert fault(name) is None
    assert fault(normalised(name)) is None


@pytest.mark.parametrize("name", MISPLACED.values(), ids=MISPLACED)
def test_joiner_that_changes_nothing_is_refused(name):
    assert fault(name).startswith(INVISIBLE)


@pytest.mark.parametrize("code", IGNORABLE, ids=hex)
def test_character_that_is_drawn_as_nothing_is_refused(code):
    for name in (chr(code), f"Ann{chr(code)}a"):
        assert fault(name) == f"{INVISIBLE} (U+{code:04X})"


@pytest.mark.parametrize("name", BLANK, ids=ascii)
def test_name_without_a_visible_character_is_refused(name):
    assert fault(name) == "no visible character"
    assert fault(f"{name}x") is None


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_control_and_invisible_characters_are_refused(name):
    assert fault(name) == BAD[name]


def test_many_marks_are_allowed_if_not_in_a_row():
    assert fault("x\u0301\u0302" * 20) is None


@given(st.text())
def test_allowed_name_has_no_control_characters(name):
    if fault(name) is None:
        # Where the joiners are allowed is shown above and below.
        name = name.replace("\u200c", "").replace("\u200d", "")
        categories = {unicodedata.category(char) for char in name}
        assert categories.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
        assert not any(unicodedata.bidirectional(char) in BIDI_CONTROLS for char in name)


BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}


@given(st.text())
def test_names_that_look_equal_are_normalised_alike(name):
    assert normalised(unicodedata.normalize("NFD", name)) == normalised(name)


JOINERS = st.sampled_from("\u200c\u200d\ufe0e\ufe0f")
BESIDE = st.sampled_from("ab 1#میخक्षශ👩💻❤🏽\u064e\u2800")


@given(st.lists(JOINERS | BESIDE, max_size=12).map("".join))
def test_no_two_invisible_characters_stand_in_a_row(name):
    if fault(name) is None:
        seen = "".join("j" if char in "\u200c\u200d" else "." for char in name)
        assert "jj" not in seen
        assert not seen.startswith("j")


@given(st.lists(JOINERS | BESIDE, max_size=12).map("".join))
def test_joiner_in_latin_text_is_refused_whatever_stands_elsewhere(name):
    assert fault(f"{name}a\u200db{name}") is not None
    assert fault(f"{name}a\u200cb{name}") is not None


@given(st.text(st.characters(categories=["Zs", "Mn", "Me", "Mc", "Cf", "Cn"])))
def test_allowed_name_has_a_letter_number_or_symbol(name):
    assert fault(name) is not None


@given(st.text(max_size=40))
def test_without_faults_only_an_empty_or_blank_name_has_one(name):
    cleaned = without_faults(f"a{name}")
    assert fault(cleaned) is None
    assert without_faults(cleaned) == cleaned


def test_without_faults_keeps_what_a_name_may_have():
    for name in [*GOOD, *NEEDS_JOINERS.values()]:
        assert without_faults(name) == normalised(name)
    assert without_faults("a\u202eb\u0000c" + "\u0301" * 50).startswith("ab")
