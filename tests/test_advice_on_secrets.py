"""Settings that are valid, but tell a secret to the users of the machine."""

import pytest

from proxim.settings import SETTINGS, advice_on_secrets, load_with_sources

KEY = "k" * 32


def found(flags=None, environ=None, config=None):
    settings, sources = load_with_sources(flags or {}, environ or {}, config)
    return {
        each.setting: f"{each.found}: {each.remedy}"
        for each in advice_on_secrets(settings, sources, config)
    }


def test_defaults_tell_no_secret():
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
