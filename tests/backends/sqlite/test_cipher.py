import pytest

from proxim.backends.sqlite.cipher import CannotDecrypt, RowCipher

KEY, OTHER = "k" * 32, "o" * 32


def test_row_opens_in_a_later_process_with_the_same_key():
    assert (
        RowCipher(KEY).decrypt(RowCipher(KEY).encrypt(b"content", b"name"), b"name") == b"content"
    )


def test_sealed_rows_reveal_nothing_and_differ_each_time():
    cipher = RowCipher(KEY)
    first, second = cipher.encrypt(b"content", b"name"), cipher.encrypt(b"content", b"name")
    assert b"content" not in first
    assert first != second
    assert (
        cipher.name("session") == RowCipher(KEY).name("session") != RowCipher(OTHER).name("session")
    )


@pytest.mark.parametrize("where", [0, 16, 28, -1])
def test_altered_row_does_not_open(where):
    altered = bytearray(RowCipher(KEY).encrypt(b"content", b"name"))
    altered[where] ^= 1
    with pytest.raises(CannotDecrypt):
        RowCipher(KEY).decrypt(bytes(altered), b"name")


@pytest.mark.parametrize("cut", [0, 15, 16, 28, 30])
def test_truncated_row_does_not_open(cut):
    with pytest.raises(CannotDecrypt):
        RowCipher(KEY).decrypt(RowCipher(KEY).encrypt(b"content", b"name")[:cut], b"name")


def test_row_opens_only_with_its_key_and_name():
    encrypted = RowCipher(KEY).encrypt(b"content", b"name")
    for cipher, name in [(RowCipher(OTHER), b"name"), (RowCipher(KEY), b"other")]:
        with pytest.raises(CannotDecrypt):
            cipher.decrypt(encrypted, name)
