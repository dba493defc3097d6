import pytest

from proxim.cli.terminal import printable

HOSTILE = {
    "\x1b[2J\x1b]0;owned\x07": "\\x1b[2J\\x1b]0;owned\\x07",
    "a\r\nApproved.": "a\\r\\nApproved.",
    "\x9b2J": "\\x9b2J",
    "gpj.\u202eexe": "gpj.\\u202eexe",
    "a\u200bb\ufeff": "a\\u200bb\\ufeff",
    "\ud800": "\\ud800",
    "\ue000\U0010fffd": "\\ue000\\U0010fffd",
    "\U000e0041": "\\U000e0041",
    "a\u2028b": "a\\u2028b",
}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_control_characters_are_escaped(text):
    assert printable(text) == HOSTILE[text]


def test_printable_text_is_unchanged():
    assert printable("Zoë’s Gerät 電話 📱") == "Zoë’s Gerät 電話 📱"
