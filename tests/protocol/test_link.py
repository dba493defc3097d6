import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxim.protocol.errors import InvalidLink
from proxim.protocol.link import Link, clean_link, is_loopback, parse_link

ID, TOKEN = "i" * 22, "t" * 43
SECRET = st.from_regex(r"[A-Za-z0-9_-]{16,128}", fullmatch=True)
NODE = st.sampled_from(["http://localhost:8443", "https://[::1]:1", "https://a.example/sub/join"])


def test_id_and_token_are_in_the_fragment():
    assert str(Link("https://node.example", ID, TOKEN)) == f"https://node.example/join#{ID}.{TOKEN}"
    assert str(Link("https://node.example/", ID, TOKEN)).count("//") == 1


@given(NODE, SECRET, SECRET)
def test_written_link_is_read_back(node_url, session_id, token):
    link = Link(node_url, session_id, token)
    assert parse_link(str(link)) == link


@pytest.mark.parametrize("text", [" {} \n", "{}"])
def test_spaces_around_a_link_are_ignored(text):
    link = Link("https://node.example", ID, TOKEN)
    assert parse_link(text.format(link)) == link
    assert parse_link(f"HTTPS://node.example/join/#{ID}.{TOKEN}") == link


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "not an http or https URL"),
        (f"ftp://node.example/join#{ID}.{TOKEN}", "not an http or https URL"),
        (f"https:///join#{ID}.{TOKEN}", "not an http or https URL"),
        (f"https://node.example:0/join#{ID}.{TOKEN}", "not an http or https URL"),
        (f"https://node.example:99999/join#{ID}.{TOKEN}", "Port out of range"),
        (f"https://[::1/join#{ID}.{TOKEN}", "Invalid IPv6 URL"),
        (f"https://node.example/#{ID}.{TOKEN}", "does not end in /join"),
        (f"https://node.example/joinery#{ID}.{TOKEN}", "does not end in /join"),
        ("https://node.example/join", "missing or cut short"),
        (f"https://node.example/join#{ID}", "missing or cut short"),
        (f"https://node.example/join#{ID}.{'t' * 15}", "missing or cut short"),
        (f"https://node.example/join#{'i' * 15}.{TOKEN}", "missing or cut short"),
        (f"https://node.example/join#{ID}.{TOKEN}.x", "missing or cut short"),
    ],
)
def test_invalid_link_is_refused_with_the_reason_and_an_example(text, wrong):
    with pytest.raises(InvalidLink, match=wrong) as caught:
        parse_link(text)
    assert str(caught.value).endswith("#<session id>.<token> if it is not sealed")
    assert TOKEN not in str(caught.value)


@given(NODE, SECRET, SECRET, st.sampled_from(["https://app.example", "http://[::1]:1/a/b?c=d"]))
def test_link_to_another_page_is_read_with_the_url_of_the_node(node_url, session_id, token, page):
    link = Link(node_url, session_id, token)
    text = link.on_page(page)
    assert text == f"{page}#{session_id}.{token}"
    assert parse_link(text, node_url) == link
    assert clean_link(f" {text}\n") == text
    with pytest.raises(InvalidLink, match="does not end in /join"):
        parse_link(text)


def test_sealed_link_is_shown_as_it_is():
    link = f"https://app.example/pair#{ID}.{TOKEN}.{'k' * 43}"
    assert clean_link(f"{link}\n") == link
    for changed in (link[:-1], f"{link}.x", link.replace("k", "%")):
        with pytest.raises(InvalidLink):
            clean_link(changed)
    with pytest.raises(InvalidLink):
        parse_link(link, "https://node.example")


@pytest.mark.parametrize("text", ["https://app.example/pair", "app.example#", "https://a/\x1b#"])
def test_link_to_another_page_is_checked_like_any_other(text):
    for check in (clean_link, lambda text: parse_link(text, "https://node.example")):
        with pytest.raises(InvalidLink):
            check(f"{text}.{TOKEN}")


@pytest.mark.parametrize("path", ["a b", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "a\x1b"])
def test_link_with_characters_outside_a_url_is_refused(path):
    with pytest.raises(InvalidLink, match="characters that are not allowed"):
        parse_link(f"http://node.example/{path}/join#{'i' * 22}.{'t' * 43}")


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:8765", True),
        ("http://127.3.2.1/join", True),
        ("https://[::1]:8765/", True),
        ("http://localhost", True),
        ("http://127.example", False),
        ("http://192.168.1.2:8765", False),
        ("https://node.example", False),
        ("", False),
    ],
)
def test_loopback_is_an_address_of_this_computer(url, is_here):
    assert is_loopback(url) is is_here
