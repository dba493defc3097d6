import pytest

from proxim.backends.sqlite.seal import BrokenSeal, Seal

KEY, OTHER = "k" * 32, "o" * 32


def test_row_opens_in_a_later_process_with_the_same_key():
    assert Seal(KEY).unseal(Seal(KEY).seal(b"content", b"name"), b"name") == b"content"


def test_sealed_rows_reveal_nothing_and_differ_each_time():
    seal = Seal(KEY)
    first, second = seal.seal(b"content", b"name"), seal.seal(b"content", b"name")
    assert b"content" not in first
    assert first != second
    assert seal.name("session") == Seal(KEY).name("session") != Seal(OTHER).name("session")


@pytest.mark.parametrize("where", [0, 16, 28, -1])
def test_altered_row_does_not_open(where):
    altered = bytearray(Seal(KEY).seal(b"content", b"name"))
    altered[where] ^= 1
    with pytest.raises(BrokenSeal):
        Seal(KEY).unseal(bytes(altered), b"name")


@pytest.mark.parametrize("cut", [0, 15, 16, 28, 30])
def test_truncated_row_does_not_open(cut):
    with pytest.raises(BrokenSeal):
        Seal(KEY).unseal(Seal(KEY).seal(b"content", b"name")[:cut], b"name")


def test_row_opens_only_with_its_key_and_name():
    sealed = Seal(KEY).seal(b"content", b"name")
    for seal, name in [(Seal(OTHER), b"name"), (Seal(KEY), b"other")]:
        with pytest.raises(BrokenSeal):
            seal.unseal(sealed, name)
