import json
import platform
import subprocess

import pytest

from proxim.settings import SETTINGS, schema


def test_settings_are_shown_with_their_sources(run, tmp_path):
    config = tmp_path / "proxim.toml"
    config.write_text("# mine\nqr_ttl = 60.0\n")
    show = ("config", "show", "--port", "1", "--config", str(config), "--json")
    out, err, code = run(*show, PROXIM_LAN="true")
    assert (err, code) == ("", 0)
    shown = json.loads(out)
    assert list(shown) == [setting.name for setting in SETTINGS]
    assert shown["port"] == {"value": 1, "source": "--port"}
    assert shown["lan"] == {"value": True, "source": "PROXIM_LAN"}
    assert shown["qr_ttl"] == {"value": 60.0, "source": f"{config}:2: qr_ttl"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}


def test_only_changed_settings_are_shown(run):
    out, err, code = run("config", "show", "--changed", "--port", "1", PROXIM_QR_TTL="60")
    assert (err, code) == ("", 0)
    assert [line.split() for line in out.splitlines()] == [
        ["Setting", "Value", "From"],
        ["port", "1", "--port"],
        ["qr_ttl", "60.0", "PROXIM_QR_TTL"],
    ]
    assert run("config", "show", "--changed")[0] == "Every setting has its default.\n"


@pytest.mark.parametrize("options", [(), ("--json",), ("--changed",)])
def test_secrets_are_masked(run, options):
    out, _, code = run("config", "show", *options, PROXIM_ACCESS_TOKEN="5ecret")
    assert code == 0
    assert "access_token" in out
    assert out.count("********") == 1
    assert "5ecret" not in out


def test_error_in_a_file_names_its_line(start, tmp_path):
    config = tmp_path / "proxim.toml"
    config.write_text("lan = true\nport = 70000\n")
    for command in (("config", "show"), ("serve",)):
        _, err, code = start(*command, "--config", str(config)).finish()
        assert code == 2
        expected = f"{config}:2: port must be a whole number from 0 to 65535, not 70000"
        assert expected in " ".join(err.split())


def test_schema_is_printed(run):
    out, _, code = run("config", "schema")
    assert (json.loads(out), code) == (json.loads(json.dumps(schema())), 0)


def test_version_names_python_and_trio(start):
    out, _, code = start("--version").finish()
    assert code == 0
    assert out.startswith("proxim ")
    assert platform.python_version() in out
    assert "trio " in out


COMPLETIONS = {
    "bash": "COMP_WORDS=(proxim con); COMP_CWORD=1; _proxim_completion proxim; echo $COMPREPLY",
    "fish": "complete -C 'proxim con'",
}


SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in ("bash", "fish", "zsh")]


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_accepts_the_completion_script(run, tmp_path, shell):
    out, err, code = run("completion", shell)
    assert (err, code) == ("", 0)
    script = tmp_path / "completion"
    script.write_text(out)
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS[: len(COMPLETIONS)])
def test_shell_completes_a_command(run, tmp_path, shell, environ):
    out, _, _ = run("completion", shell)
    script = f"{out}\n{COMPLETIONS[shell]}\n"
    done = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, timeout=60, env=environ
    )
    assert done.stdout.split()[0] == "config", done.stderr


@pytest.mark.parametrize("group", ["config", "sessions", "cluster"])
def test_list_of_commands_has_whole_sentences(run, group):
    out, _, _ = run(group, "--help")
    commands = out[out.index("Commands:") :].splitlines()[1:]
    assert commands
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)
