import pytest

from proxim.net.names import canonical, with_canonical_host


@pytest.mark.parametrize(
    ("name", "as_sent"),
    [
        ("Node.Example.", "node.example"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("BÜCHER.test", "xn--bcher-kva.test"),
        ("faß.de", "xn--fa-hia.de"),
        ("例え.jp", "xn--r8jz45g.jp"),
        ("-ü-.test", "-ü-.test"),
        ("[::1]", "[::1]"),
    ],
)
def test_a_name_is_canonical_as_browsers_send_it(name, as_sent):
    assert canonical(name) == as_sent


def test_a_name_longer_than_any_host_name_is_not_encoded():
    assert canonical("ü" * 254) == "ü" * 254


@pytest.mark.parametrize(
    ("url", "canonical_url"),
    [
        ("http://bücher.test:8765/a", "http://xn--bcher-kva.test:8765/a"),
        ("https://BÜCHER.test", "https://xn--bcher-kva.test"),
        ("https://Node.example/Base/", "https://Node.example/Base/"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_a_url_is_changed_only_if_its_host_is_not_ascii(url, canonical_url):
    assert with_canonical_host(url) == canonical_url
