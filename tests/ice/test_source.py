import base64
import hashlib
import hmac

import pytest

from proxim.ice import ConfiguredIce, IceOptions
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant

NOW = 1_800_000_000.75
URLS = ("turn:a:3478?transport=udp", "turns:a:443?transport=tcp")


def grant(lifetime=86_400.0, **options):
    return ConfiguredIce(IceOptions(**options), lambda: NOW, lambda: NOW).grant(lifetime, "peer")


def test_no_options_give_no_servers():
    assert grant(7.0) == IceGrant([], 7.0)


def test_stun_needs_no_credentials_and_does_not_expire():
    assert grant(stun=("stun:a", "stun:b")) == IceGrant([IceServer(["stun:a", "stun:b"])], 86_400.0)


def test_static_credentials_are_the_same_for_all():
    given = grant(turn=URLS, turn_username="u", turn_credential="c")
    assert given == IceGrant([IceServer(list(URLS), "u", "c")], 86_400.0)


def test_password_is_the_hmac_of_a_username_with_its_expiry():
    (server,), ttl = grant(turn=URLS, turn_secret="hush", turn_ttl=600.0)
    expiry, _, user = server.username.partition(":")
    assert int(expiry) == int(NOW) + 600
    assert ttl == int(expiry) - NOW
    assert len(bytes.fromhex(user)) == 8
    expected = hmac.new(b"hush", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential, validate=True) == expected
    assert server.urls == list(URLS)


class Wall:
    """A wall clock that a test sets."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture
def now():
    return Wall()


@pytest.fixture
def name_of(wall, now):
    """Returns the TURN user name of a peer for a session with so many seconds left."""
    source = ConfiguredIce(IceOptions(turn=URLS, turn_secret="hush", turn_ttl=600.0), wall, now)
    return lambda peer, lifetime=86_400.0: source.grant(lifetime, peer).servers[0].username


def test_each_peer_has_its_own_username(name_of):
    assert len({name_of(f"peer {number}").partition(":")[2] for number in range(100)}) == 100


def test_peer_keeps_its_username_until_half_of_its_time_is_over(wall, now, name_of):
    first = name_of("peer")
    for _ in range(150):
        wall.now += 1.9
        now.now += 1.9
        assert name_of("peer") == first
    wall.now = now.now = NOW + 301
    second = name_of("peer")
    assert int(second.split(":")[0]) == int(NOW) + 901
    assert name_of("peer") == second


def test_username_is_renewed_by_a_clock_that_nobody_sets(wall, now, name_of):
    first = name_of("peer")
    now.now += 301
    assert name_of("peer") != first


def test_peer_keeps_its_username_to_the_end_of_its_session(wall, name_of):
    first = name_of("peer", 100.0)
    for left in (50.0, 10.0, 1.0):
        wall.now = NOW + 100 - left
        assert name_of("peer", left) == first


def test_username_does_not_outlive_a_clock_that_is_set_back(wall, name_of):
    name_of("peer")
    wall.now -= 3600
    assert int(name_of("peer").split(":")[0]) == int(wall.now) + 600


def test_remembered_usernames_are_bounded(name_of, monkeypatch):
    monkeypatch.setattr("proxim.ice.source._MAX_USERS", 2)
    first, second = name_of("first"), name_of("second")
    assert name_of("first") == first
    name_of("third")
    assert name_of("first") == first
    assert name_of("second") != second


@pytest.mark.parametrize(("lifetime", "whole"), [(30.5, 31), (30.0, 30), (0.1, 0)])
def test_credentials_never_outlive_the_session(lifetime, whole):
    (server,), ttl = grant(lifetime, turn=URLS, turn_secret="hush")
    assert int(server.username.split(":")[0]) == int(NOW) + whole
    assert 0 <= ttl <= lifetime


def test_secret_can_be_in_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hush\n")
    (server,), _ = grant(turn=URLS, turn_secret_file=str(path))
    expected = hmac.new(b"hush", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


@pytest.mark.parametrize("content", ["\ufeffhush", "hush\r\n", "\ufeffhush\r\n\r\n"])
def test_secret_is_read_without_what_editors_add(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content.encode())
    (server,), _ = grant(turn=URLS, turn_secret_file=str(path))
    expected = hmac.new(b"hush", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


@pytest.mark.parametrize("content", [b"hush\nhush\n", b"hush\rhush", b"hush\0", b"hu\tsh"])
def test_file_with_more_than_one_line_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="must have one line") as caught:
        grant(turn=URLS, turn_secret_file=str(path))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff", "hush".encode("utf-16")])
def test_file_without_a_secret_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=f"^turn_secret_file: {path} "):
        grant(turn=URLS, turn_secret_file=str(path))
