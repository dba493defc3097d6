import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxim.files import safe_name
from proxim.files.names import MAX_BYTES, numbered, partial, storable
from proxim.protocol import device_names

NAMES = {
    "holiday.jpg": "holiday.jpg",
    "Zoë’s 電話 📱.tar.gz": "Zoë’s 電話 📱.tar.gz",
    "👩‍🚀.png": "👩‍🚀.png",
    "../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "/etc/": "etc",
    "C:\\Users\\me\\a.txt": "a.txt",
    "C:evil.txt": "C_evil.txt",
    "a.txt:stream": "a.txt_stream",
    "a.txt::$DATA": "a.txt__$DATA",
    "..": "file",
    ".": "file",
    "": "file",
    "   ": "file",
    "...": "file",
    "\u200b\u2060": "file",
    "????": "file",
    ".bashrc": "_bashrc",
    ". .ssh": "_ssh",
    "\u200b.profile": "_profile",
    "gpj.\u202eexe": "gpj.exe",
    "a\x00b\nc\x1b[2J.txt": "abc[2J.txt",
    "half\ud800.txt": "half.txt",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "Com1 .tar.gz": "_Com1 .tar.gz",
    "LPT²": "_LPT²",
    "con\u200b": "_con",
    "CONIN$": "_CONIN$",
    "console.log": "console.log",
    "desktop.ini": "_desktop.ini",
    "trailing. . ": "trailing",
    '<a>|"b"?*.txt': "_a___b___.txt",
    "wide\u3000space.txt": "wide space.txt",
    "cafe\u0301.txt": "café.txt",
    "-rf": "_-rf",
    "photo.jpg.lnk": "photo.jpg.lnk_",
    "x.URL": "x.URL_",
    "share.library-ms": "share.library-ms_",
    "x.{21EC2020-3AEA-1069-A2DD-08002B30309D}": "x.{21EC2020-3AEA-1069-A2DD-08002B30309D}_",
    "curl.txt": "curl.txt",
    "z" + "\u0335" * 50 + ".txt": "z\u0335\u0335.txt",
}


@pytest.mark.parametrize("claim", NAMES, ids=ascii)
def test_name_is_made_safe(claim):
    assert safe_name(claim) == NAMES[claim]


HOSTILE = st.text() | st.lists(
    st.sampled_from(
        [
            *(
                "..",
                ".",
                "/",
                "\\",
                ":",
                " ",
                "con",
                "NUL",
                "com1",
                "a",
                ".txt",
                "\u202e",
                "\u200d",
            ),
            *(
                "\ud800",
                "\x00",
                "\n",
                "*",
                "\ufe0f",
                "📱",
                "é" * 130,
                "x" * 300,
                "\u0301",
                "~",
                "-",
                ".lnk",
                ".{0}",
            ),
        ]
    )
).map("".join)


@given(HOSTILE)
@example("*\ufe0f")
@example("a" * 251 + ".lnk")
@example("a" * 251 + ".lnk." + "b" * 30)
@example("a" * 250 + "👩\u200d🚀")
def test_every_name_is_safe_on_every_system(claim):
    name = safe_name(claim)
    assert name == unicodedata.normalize("NFC", name)
    assert device_names.fault(name) is None
    assert not set(name) & set('/\\<>:"|?*\0')
    assert 1 <= len(name.encode()) <= MAX_BYTES
    assert name[0] not in ".- "
    assert not name.lower().endswith((".lnk", ".{0}"))
    assert name[-1] not in ". "
    assert os.path.basename(name) == name
    assert name.partition(".")[0].rstrip().upper() not in {"CON", "NUL", "COM1", "PRN", "AUX"}
    assert safe_name(name) == name


@given(HOSTILE, st.integers(2, 10**6))
def test_free_and_partial_names_are_not_longer_than_allowed(claim, number):
    name = safe_name(claim)
    for other in (numbered(name, number), partial(name, "0123abcd")):
        assert len(other.encode()) <= MAX_BYTES
        assert other != name
        assert os.path.basename(other) == other
    assert numbered(name, number) != numbered(name, number + 1)
    assert partial(name, "0123abcd").endswith(".0123abcd.part")


def test_number_stands_before_the_extension():
    assert numbered("holiday.jpg", 1) == "holiday.jpg"
    assert numbered("holiday.jpg", 2) == "holiday (2).jpg"
    assert numbered("README", 3) == "README (3)"
    assert numbered("é" * 125 + ".jpeg", 2) == "é" * 123 + " (2).jpeg"


def test_characters_that_the_system_cannot_store_are_replaced(monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("iso-8859-1"))
    assert storable("Zoë 日本.jpg") == "Zoë __.jpg"
