import tomllib

import jsonschema
import pytest

from proxim.actors.limits import LimitSettings
from proxim.backends.redis import ClusterOptions
from proxim.ice import IceOptions
from proxim.net.limits import Limits
from proxim.net.token_bucket import TokenBucket
from proxim.protocol.errors import InvalidSetting
from proxim.session.events import Terms
from proxim.settings import SETTINGS, Settings, load, load_with_sources, schema, split_endpoint
from proxim.settings.toml import line_of

SOME = [
    "head_size",
    "head_fields",
    "message_size_unseated",
    "message_size",
    "message_fragments",
    "outbox_size",
    "outbox_messages",
    "message_burst",
    "control_burst",
]
COUNTS = [
    "connections_per_address",
    "max_connections",
    "sessions_per_owner",
    "standing_per_owner",
    "sessions_per_address",
    "max_sessions",
    "max_prompts",
    "prompts_per_host",
    "denials_per_address",
    "guesses_per_address",
    "drawings_per_owner",
]
TIMES = [
    "head_time",
    "tls_time",
    "introduction_time",
    "message_time",
    "ping_interval",
    "pong_time",
    "turn_ttl",
    "ice_provider_timeout",
    "ice_provider_cache",
    "write_time",
]
SAMPLES = {
    "host": ("node.example", "::1"),
    "port": (0, 65535),
    "lan": (True,),
    "require_seal": (True,),
    "announce": ("Desk", "Büro (2)"),
    "public_url": ("https://node.example/base",),
    "join_url": ("https://app.example/pair?x=1", "http://bücher.example"),
    "tls_cert": ("cert.pem",),
    "tls_key": ("key.pem",),
    "approval_timeout": (0.5, 3600.0),
    "qr_ttl": (1.0, 31_536_000.0),
    "max_link_ttl": (60.0, 31_536_000.0),
    "restart_time": (0.0, 3600.0),
    "one_time_grace": (0.0, 3600.0),
    "sweep_interval": (0.1, 3600.0),
    "idle_days": (0.0, 0.5, 3650.0),
    "store": ("sqlite:///var/lib/proxim.db",),
    "store_key": ("k" * 32,),
    "access_token": ("t", "t" * 512),
    "allow_origin": (("https://a.example",), ("http://a.example:1", "https://b.example")),
    "allow_host": (("a.example",), ("a.example", "b.example")),
    "trusted_proxy": (("10.0.0.1",), ("10.0.0.0/8", "::1")),
    "stun": (("stun:a",), ("stun:a:1", "stuns:[::1]:2")),
    "turn": (("turn:a",), ("turn:a:1?transport=udp", "turns:[::1]:2?transport=tcp")),
    "turn_secret": ("s",),
    "turn_secret_file": ("secret.txt",),
    "turn_username": ("u",),
    "turn_credential": ("c",),
    "ice_provider": ("https://user:word@turn.example/credentials?x=1",),
    "ice_provider_token": ("t",),
    **dict.fromkeys(SOME, (1, 1000000000)),
    **dict.fromkeys(COUNTS, (0, 1000000000)),
    **dict.fromkeys(TIMES, (0.5, 86400.0)),
    "max_backlog_bytes": (0, 10**12),
    "max_outbox_bytes": (0, 10**12),
    "message_rate": (0.0, 0.5, 1_000_000.0),
    "control_rate": (0.0, 0.5, 1_000_000.0),
    "guess_window": (0.5, 31_536_000.0),
    "drawings_at_once": (1, 1000000000),
    "limit_loopback": (True,),
    "metrics_listen": ("127.0.0.1:9765", "[::1]:0", "node.example:1"),
    "traces": (True,),
    "cluster": ("redis://127.0.0.1:6379/0",),
    "cluster_key": ("a secret of at least thirty-two characters",),
    "cluster_insecure": (True,),
    "cluster_ca": ("/etc/proxim/ca.pem",),
    "cluster_lease": (2, 7.5),
    "drain_seconds": (0, 2.5),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
}
TURN = {"turn": ("turn:a",)}
TOGETHER = {
    "tls_cert": {"tls_key": "k"},
    "tls_key": {"tls_cert": "c"},
    "store": {"store_key": "k" * 32},
    "store_key": {"store": "sqlite:///proxim.db"},
    "turn": {"turn_secret": "s"},
    "turn_secret": TURN,
    "turn_secret_file": TURN,
    "turn_username": {**TURN, "turn_credential": "c"},
    "turn_credential": {**TURN, "turn_username": "u"},
    "ice_provider_token": {"ice_provider": "https://turn.example"},
}


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "proxim.toml"
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return path

    return write


def refusal(flags=None, environ=None, config=None):
    with pytest.raises(InvalidSetting) as caught:
        load(flags or {}, environ or {}, config)
    return str(caught.value)


def toml(value):
    if isinstance(value, tuple):
        return repr(list(value))
    return str(value).lower() if isinstance(value, bool) else repr(value)


def in_environment(value):
    if isinstance(value, tuple):
        return " , ".join(value)
    return str(value).lower() if value is True else str(value)


def test_settings_have_defaults():
    assert load({}, {}) == Settings()


def test_flag_overrides_environment_overrides_file_overrides_default(write):
    config = write("port = 3\nqr_ttl = 3.0\nlan = true")
    environ = {"PROXIM_PORT": "2", "PROXIM_QR_TTL": "2"}
    settings = load({"port": 1, "qr_ttl": None}, environ, config)
    assert (settings.port, settings.qr_ttl, settings.lan) == (1, 2.0, True)
    assert settings.sweep_interval == Settings().sweep_interval


def test_false_and_zero_override(write):
    config = write("lan = true\nport = 9")
    settings = load({"port": 0}, {"PROXIM_LAN": "false"}, config)
    assert (settings.port, settings.lan) == (0, False)


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_every_setting_can_be_given_in_every_way(write, name):
    extra = TOGETHER.get(name, {})
    for value in SAMPLES[name]:
        config = write(f"{name} = {toml(value)}")
        environ = {f"PROXIM_{name.upper()}": in_environment(value)}
        for settings in (
            load({name: value, **extra}, {}),
            load(extra, environ),
            load(extra, {}, config),
        ):
            assert getattr(settings, name) == value


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("port", 65536, "a whole number from 0 to 65535"),
        ("port", -1, "from 0 to 65535"),
        ("port", "http", "whole number"),
        ("lan", "perhaps", "true or false"),
        ("approval_timeout", 0, "above 0, at most 3600"),
        ("approval_timeout", 3601, "at most 3600"),
        ("approval_timeout", "nan", "above 0"),
        ("approval_timeout", "soon", "a number"),
        ("qr_ttl", "inf", "at most"),
        ("one_time_grace", -0.1, "from 0 to 3600"),
        ("sweep_interval", 0, "above 0"),
        ("access_token", "", "1 to 512 characters"),
        ("access_token", "s" * 513, "512"),
        ("log_level", "loud", "one of debug, "),
    ],
)
def test_invalid_value_is_reported_with_its_source_and_bounds(write, name, value, right):
    config = write(f"{name} = {value!r}")
    for text, source in (
        (refusal({name: value}), "--" + name.replace("_", "-")),
        (refusal(environ={f"PROXIM_{name.upper()}": str(value)}), f"PROXIM_{name.upper()}"),
        (refusal(config=config), f"{config}:1: {name}"),
    ):
        assert text.startswith(f"{source} must be ")
        assert right in text


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.help.is_secret])
def test_error_does_not_repeat_a_secret(setting):
    assert "hush" not in refusal(environ={setting.variable: "hush" * 600})


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.help.is_secret])
def test_repr_masks_secrets(setting):
    secret = "https://hush.example/" + "hush" * 9
    node = Settings(**{setting.name: secret, **TOGETHER.get(setting.name, {})})
    shown = repr(node)
    assert f"{setting.name}=********" in shown
    assert "hush" not in f"{shown} {node.ice!r} {node.cluster_options!r}"


def test_repr_shows_changed_settings():
    assert repr(Settings(port=0, lan=True)) == "Settings(port=0, lan=True)"


@pytest.mark.parametrize("line", ['port = "8765"', "lan = 1", 'qr_ttl = "60"', "host = 1"])
def test_file_values_are_typed(write, line):
    config = write(line)
    assert refusal(config=config).startswith(f"{config}:1: {line.split()[0]} must be ")


def test_unknown_key_is_reported_with_its_line_and_a_suggestion(write):
    config = write("lan = true\n\nprot = 1")
    assert refusal(config=config) == (
        f"{config}:3: prot: there is no such setting; did you mean port?"
    )


def test_unknown_key_without_a_match_lists_all_settings(write):
    text = refusal(config=write("xyzzy = 1"))
    assert text.endswith(", ".join(setting.name for setting in SETTINGS))


def test_conflict_is_reported_with_its_sources(write):
    config = write('tls_key = "k"\npublic_url = "nonsense"')
    assert refusal({"tls_cert": "c"}, config=config).startswith("public_url: 'nonsense' is no")
    assert refusal(config=config, flags={"tls_cert": "c"}).endswith(f"({config}:2: public_url)")
    assert refusal(config=write('\ntls_key = "k"')).endswith(f"({config}:2: tls_key)")


def test_source_of_each_setting_is_known(write):
    config = write("\nqr_ttl = 9.0")
    settings, sources = load_with_sources({"port": 1}, {"PROXIM_LAN": "true"}, config)
    assert (settings.port, settings.lan, settings.qr_ttl) == (1, True, 9.0)
    assert sources["port"] == "--port"
    assert sources["lan"] == "PROXIM_LAN"
    assert sources["qr_ttl"] == f"{config}:2: qr_ttl"
    assert sources["host"] == "default"


TEXT = """\
# port = 0
public_url = '''
port = 1
'''
allow_host = [
  "port = 2",
]
"port" = 3
[lan]
"""


@pytest.mark.parametrize(
    ("name", "line"), [("public_url", 2), ("allow_host", 5), ("port", 8), ("lan", 9), ("no", None)]
)
def test_line_of_a_key_is_found(name, line):
    assert line_of(TEXT, name) == line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\nport =", "2: not TOML: "),
        ("[", "1: not TOML: "),
        ("lan = True", "1: not TOML: "),
        ("host = 'a'\nallow_host = [\n'a',\n", "3: not TOML: "),
        ("port = 1\nlan = true\nport = 2", "3: port: this is set twice"),
        ("'port' = 1\n\"port\" = 2", "2: port: this is set twice"),
        (b"port = 1\r\nhost = '\xff'", "2: not UTF-8"),
        ("stun = " + "[" * 9999, " its lists or tables are nested too deeply"),
    ],
    ids=range(8),
)
def test_invalid_toml_is_reported_with_its_line(write, text, told):
    config = write(text)
    assert refusal(config=config).startswith(f"{config}:{told}")


def test_invalid_toml_is_reported_with_an_example(write):
    assert "looks like qr_ttl = 120" in refusal(config=write("qr_ttl: 120"))


def test_table_in_a_file_is_refused(write):
    config = write("\n[limits]\nhead_size = 5")
    assert refusal(config=config) == (
        f"{config}:2: limits: there is no such setting; settings are not in a table: "
        "leave out [limits]"
    )


def test_file_may_begin_with_a_byte_order_mark(write):
    assert load({}, {}, write(b"\xef\xbb\xbfport = 9")).port == 9


@pytest.mark.parametrize("text", ["\udcff", "a\0b", "a\nb", "\x1b[2J", "\u202e"])
@pytest.mark.parametrize("name", ["tls_key", "allow_host", "access_token"])
def test_unprintable_value_is_refused_and_not_shown(name, text):
    told = refusal(environ={f"PROXIM_{name.upper()}": f"x,{text}"})
    assert told.startswith(f"PROXIM_{name.upper()} must have only printable characters")
    assert told.isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "public_url",
        "join_url",
        "metrics_listen",
        "allow_origin",
        "trusted_proxy",
        "stun",
        "turn",
    ],
)
def test_error_does_not_repeat_a_password_in_a_url(name):
    for text in ("//me:hush@h", "redis://me:hush@h/", "hush@"):
        assert "hush" not in refusal({name: (text,) if name[0] in "ast" else text})


def test_error_does_not_repeat_a_password_in_a_store_url():
    assert "hush" not in refusal({"store": "sqlite://me:hush@h/a", "store_key": "k" * 32})


def test_unreadable_file_is_reported(tmp_path):
    assert refusal(config=tmp_path / "none.toml") == (
        f"{tmp_path}/none.toml: No such file or directory"
    )
    assert refusal(config=tmp_path) == f"{tmp_path}: Is a directory"


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ({"tls_cert": "c"}, ("tls_cert", "tls_key")),
        ({"tls_key": "k"}, ("tls_cert", "tls_key")),
        ({"store": "sqlite:///a"}, ("store", "store_key")),
        ({"store_key": "k" * 32}, ("store", "store_key")),
        ({"lan": True, "host": "10.0.0.1"}, ("lan", "host")),
        (TURN, ("turn", "turn_secret", "turn_username")),
        ({**TURN, "turn_username": "u"}, ("turn_username", "turn_credential")),
        ({**TURN, "turn_credential": "c"}, ("turn_username", "turn_credential")),
        ({**TURN, "turn_secret": "s", "turn_secret_file": "f"}, ("turn_secret_file", "one")),
        ({"turn_secret": "s"}, ("give turn",)),
        ({"ice_provider_token": "t"}, ("ice_provider",)),
    ],
)
def test_conflicting_settings_are_refused(flags, names):
    text = refusal(flags)
    assert all(name in text for name in names)


STORES = (
    "sqlite:// sqlite:/// sqlite:///a/ sqlite://a/b sqlite:///a?b sqlite:///a#b /a postgres:///a "
    "sqlite:///a%00b sqlite:///a%0Ab"
)


@pytest.mark.parametrize("store", STORES.split())
def test_store_must_be_a_sqlite_url(store):
    assert repr(store) in refusal({"store": store, "store_key": "k" * 32})


def test_short_key_is_refused_and_not_repeated():
    told = refusal({"store": "sqlite:///a", "store_key": "hunter2"})
    assert "at least 32 characters" in told
    assert "hunter2" not in told


URLS = """
node.example ftp://node http:// https://node:0 https://node:x http://node:70000 http://[::1
http://node?x http://node#x
"""


@pytest.mark.parametrize("url", URLS.split())
def test_public_url_must_be_a_plain_http_url(url):
    assert repr(url) in refusal({"public_url": url})


PAGES = """
app.example ftp://app https://app:0 https://app:70000 http://[::1 https://app/# https://app/#x
https://app/ü https:///
"""


@pytest.mark.parametrize("url", PAGES.split())
def test_page_of_links_must_be_an_http_url_without_a_fragment(url):
    assert repr(url) in refusal({"join_url": url})


@pytest.mark.parametrize(
    "tls", [{"public_url": "https://node.example"}, {"tls_cert": "a.pem", "tls_key": "b.pem"}]
)
def test_links_of_a_node_with_tls_do_not_lead_to_a_page_without(tls):
    told = refusal({"join_url": "http://app.example/", **tls})
    assert "'http://app.example/' is on http and the node on https" in told
    assert Settings(join_url="https://app.example/", **tls).join_url
    plain = {"public_url": "http://node.example", "join_url": "http://app.example/"}
    assert Settings(**plain).join_url


@pytest.mark.parametrize(
    "origin",
    ["app.example", "https://", "https://a.example/", "https://a:0", "null", "*", "http://["],
)
def test_allowed_origin_must_be_scheme_and_host(origin):
    assert repr(origin) in refusal({"allow_origin": (origin,)})


STUN = (
    "stun.example stun://a stun: stun:a:0 stun:a:65536 stun:a?transport=udp turn:a stun:u$a http:a"
)
TURN_URLS = "turn://a turn:a?transport=sctp turn:a? turn:a:x stun:a turn:[::1 turns:a#b turn:-"


@pytest.mark.parametrize(
    ("name", "url"),
    [("stun", url) for url in STUN.split()] + [("turn", url) for url in TURN_URLS.split()],
)
def test_invalid_ice_url_is_refused_with_an_example(name, url):
    text = refusal({name: (url,), "turn_secret": "s"})
    assert text.startswith(f"{name}: {url!r} is not a ")
    assert f"{name}:host:3478" in text


@pytest.mark.parametrize("url", ["ice.example", "ftp://ice.example", "http://[", "https://a:0"])
def test_provider_must_be_an_http_url_and_is_not_repeated(url):
    text = refusal({"ice_provider": url})
    assert text.startswith("ice_provider: ")
    assert url not in text


@pytest.mark.parametrize("network", ["proxy.example", "10.0.0.0/33", "", "10.0.0"])
def test_trusted_proxy_must_be_an_address_or_a_network(network):
    assert repr(network) in refusal({"trusted_proxy": (network,)})


@pytest.mark.parametrize(
    "endpoint", ["9765", "127.0.0.1", "h:x", "h:70000", "::1:9765", "[a]:1", "h:1/"]
)
def test_metrics_listen_must_be_an_address_and_a_port(endpoint):
    assert repr(endpoint) in refusal({"metrics_listen": endpoint})


def test_endpoint_is_split_into_address_and_port():
    assert split_endpoint("[::1]:9765") == ("::1", 9765)
    assert split_endpoint("127.0.0.1:0") == ("127.0.0.1", 0)


def test_list_in_a_file_is_read(write):
    config = write('allow_host = "a.example"')
    assert (
        refusal(config=config) == f"{config}:1: allow_host must be a list of texts, not 'a.example'"
    )


def test_empty_list_option_falls_back_to_the_next_source():
    settings = load({"allow_host": ()}, {"PROXIM_ALLOW_HOST": "a.example"})
    assert settings.allow_host == ("a.example",)


PARTS = [Limits, LimitSettings, Terms, IceOptions, ClusterOptions]
NO_SETTING = {
    *("messages", "controls", "close_time", "linger_time", "overrate_time"),
    *("backlog_signals", "backlog_bytes", "backlog_budget"),
}


def test_parts_have_the_defaults_of_their_structs():
    settings = Settings()
    parts = [
        settings.limits,
        settings.limit_settings,
        settings.terms,
        settings.ice,
        settings.cluster_options,
    ]
    assert parts == [kind() for kind in PARTS]


@pytest.mark.parametrize("kind", PARTS)
def test_parts_have_the_names_of_their_settings(kind):
    known = {setting.name for setting in SETTINGS}
    assert set(kind.__struct_fields__) <= known | NO_SETTING


def test_parts_have_the_given_values():
    settings = Settings(
        head_size=1, max_sessions=2, qr_ttl=3.0, stun=("stun:a",), cluster="redis://a"
    )
    assert settings.limits == Limits(head_size=1)
    assert settings.limit_settings == LimitSettings(max_sessions=2)
    assert settings.terms == Terms(qr_ttl=3.0)
    assert settings.ice == IceOptions(stun=("stun:a",))
    assert settings.cluster_options == ClusterOptions(cluster="redis://a")
    rated = Settings(message_rate=1.0, message_burst=2, control_rate=3.0, control_burst=4).limits
    assert (rated.messages, rated.controls) == (TokenBucket.of(1, 2), TokenBucket.of(3, 4))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_description(setting):
    assert setting.group
    assert setting.help.text.endswith(".")
    assert setting.is_switch == (setting.default is False)


def test_schema_has_each_setting_with_description_and_bounds():
    properties = schema()["properties"]
    assert list(properties) == [setting.name for setting in SETTINGS]
    for setting in SETTINGS:
        assert properties[setting.name]["description"] == setting.help.text
        assert properties[setting.name].get("writeOnly", False) == setting.help.is_secret
        assert "anyOf" not in properties[setting.name]
    assert properties["port"]["maximum"] == 65535
    assert properties["log_format"]["enum"] == ["json", "text"]
    assert schema()["additionalProperties"] is False


def test_schema_and_loader_accept_the_same_files(write):
    validator = jsonschema.Draft202012Validator(schema())
    for text in ("port = 1", 'tls_cert = "c"\ntls_key = "k"', "allow_host = ['a']", "lan = true"):
        assert validator.is_valid(tomllib.loads(text))
        load({}, {}, write(text))
    for text in ("port = 65536", "lan = 1", "prot = 1", "access_token = ''", "log_level = 'x'"):
        assert not validator.is_valid(tomllib.loads(text))
        assert refusal(config=write(text))


def test_store_and_cluster_exclude_each_other():
    with pytest.raises(InvalidSetting, match="give store or cluster, not both"):
        Settings(store="sqlite:///a.db", store_key="k" * 32, cluster="redis://127.0.0.1")
