import pytest

from proxim.backends.sqlite.seal import BrokenSeal, Seal

KEY, OTHER = "k" * 32, "o" * 32


def test_what_is_sealed_can_be_opened_by_a_later_process_with_the_same_key():
    assert Seal(KEY).open(Seal(KEY).close(b"content", b"name"), b"name") == b"content"


def test_nothing_shows_through_and_nothing_looks_the_same_twice():
    seal = Seal(KEY)
    first, second = seal.close(b"content", b"name"), seal.close(b"content", b"name")
    assert b"content" not in first
    assert first != second
    assert seal.name("session") == Seal(KEY).name("session") != Seal(OTHER).name("session")


@pytest.mark.parametrize("where", [0, 16, 28, -1])
def test_what_was_altered_is_not_opened(where):
    altered = bytearray(Seal(KEY).close(b"content", b"name"))
    altered[where] ^= 1
    with pytest.raises(BrokenSeal):
        Seal(KEY).open(bytes(altered), b"name")


@pytest.mark.parametrize("cut", [0, 15, 16, 28, 30])
def test_what_was_cut_is_not_opened(cut):
    with pytest.raises(BrokenSeal):
        Seal(KEY).open(Seal(KEY).close(b"content", b"name")[:cut], b"name")


def test_it_opens_with_no_other_key_and_under_no_other_name():
    sealed = Seal(KEY).close(b"content", b"name")
    for seal, name in [(Seal(OTHER), b"name"), (Seal(KEY), b"other")]:
        with pytest.raises(BrokenSeal):
            seal.open(sealed, name)
