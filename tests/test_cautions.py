"""Settings that are valid, but tell a secret, or give something to everybody."""

import pytest

from proxim.settings import SETTINGS, cautions, load_with_sources

KEY = "k" * 32
TURN = {"turn": ("turn:a",), "turn_username": "u", "turn_credential": "c", "access_token": "t" * 22}


def found(flags=None, environ=None, config=None):
    settings, sources = load_with_sources(flags or {}, environ or {}, config)
    return {
        each.check: f"{each.found}: {each.remedy}" for each in cautions(settings, sources, config)
    }


def test_defaults_need_no_caution():
    assert found() == {}


SECRETS = {
    "store_key": {"store_key": KEY, "store": "sqlite:///a"},
    "access_token": {"access_token": "t"},
    "turn_secret": {"turn_secret": "s", "turn": ("turn:a",)},
    "turn_credential": {"turn_credential": "s", "turn_username": "u", "turn": ("turn:a",)},
    "ice_provider": {"ice_provider": "https://me:hush@turn.example"},
    "ice_provider_token": {"ice_provider_token": "t", "ice_provider": "https://turn.example"},
    "cluster": {"cluster": "redis://:hush@127.0.0.1"},
    "cluster_key": {"cluster_key": KEY},
}


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.help.is_secret])
def test_secret_in_the_command_line_is_warned_about(setting):
    flags = SECRETS[setting.name]
    told = found(flags)["secrets"]
    assert setting.flag in told
    assert setting.variable in told
    assert "hush" not in told
    rest = {name: value for name, value in flags.items() if name != setting.name}
    assert "secrets" not in found(rest, {setting.variable: flags[setting.name]})


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "rediss://localhost"])
def test_url_without_a_login_is_not_a_secret(url):
    assert found({"cluster": url}) == {}


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
@pytest.mark.parametrize(
    ("mode", "text", "says"),
    [
        (0o600, "access_token = 'hush-hush-hush-hush-hush'", None),
        (0o640, "access_token = 'hush-hush-hush-hush-hush'", None),
        (0o644, "access_token = 'hush-hush-hush-hush-hush'", "can read"),
        (0o644, "port = 1", None),
        (0o666, "port = 1", "can write"),
    ],
)
def test_config_that_others_can_use_is_warned_about(tmp_path, mode, text, says):
    config = tmp_path / "proxim.toml"
    config.write_text(text)
    config.chmod(mode)
    told = found(config=config)
    assert list(told) == (["config"] if says else [])
    assert says is None or says in told["config"]


def test_short_access_token_is_warned_about():
    assert "fewer than 22" in found({}, {"PROXIM_ACCESS_TOKEN": "t" * 21})["access_token"]
    assert found({}, {"PROXIM_ACCESS_TOKEN": "t" * 22}) == {}


@pytest.mark.parametrize(
    "public", [{"lan": True}, {"host": "::"}, {"public_url": "https://a.example"}]
)
def test_turn_for_everybody_is_warned_about(public):
    token = TURN["access_token"]
    environ = {"PROXIM_TURN_CREDENTIAL": "c", "PROXIM_TURN_USERNAME": "u", "PROXIM_TURN": "turn:a"}
    assert list(found(public, environ)) == ["turn"]
    assert found(public, {**environ, "PROXIM_ACCESS_TOKEN": token}) == {}
    assert found({}, environ) == {}
