import hashlib

from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol import tokens


def test_random_values_have_the_documented_sizes():
    assert (tokens.SESSION_ID_BYTES * 8, tokens.TOKEN_BYTES * 8) == (128, 256)
    assert len(tokens.encode(bytes(tokens.FAMILY_BYTES))) == tokens.FAMILY_LENGTH
    assert tokens.FAMILY_BYTES * 8 == 128


def test_secrets_are_written_as_base64url_without_padding():
    assert tokens.encode(b"\xfb\xff\xfe\x00") == "-__-AA"


@given(st.binary(min_size=32, max_size=32))
def test_wire_hash_is_read_with_and_without_padding(raw):
    text = tokens.encode(raw)
    assert len(text) == 43
    assert tokens.decode_hash(text) == tokens.decode_hash(text + "=") == raw


def test_digest_is_the_sha256_of_the_text():
    assert tokens.digest("secret") == hashlib.sha256(b"secret").digest()


@given(st.text(), st.text())
def test_secret_matches_only_its_own_hash(secret, other):
    assert tokens.matches(secret, tokens.digest(secret))
    assert tokens.matches(secret, tokens.digest(other)) is (secret == other)
