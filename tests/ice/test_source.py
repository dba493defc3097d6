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
    return ConfiguredIce(IceOptions(**options), lambda: NOW).grant(lifetime)


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


def test_each_peer_has_its_own_username():
    source = ConfiguredIce(IceOptions(turn=URLS, turn_secret="hush"), lambda: NOW)
    names = {source.grant(60.0).servers[0].username for _ in range(100)}
    assert len(names) == 100


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


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_file_without_a_secret_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=f"^turn_secret_file: {path} "):
        grant(turn=URLS, turn_secret_file=str(path))
