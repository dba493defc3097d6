"""Warnings about secrets that others can see, in the commands."""

import json

import pytest


def test_serve_logs_a_secret_that_others_can_see_once(start):
    node = start("serve", "--port", "0", "--access-token", "hush-" * 9, "--log-format", "json")
    node.url()
    node.process.terminate()
    _, err, code = node.finish()
    lines = [json.loads(line) for line in err.splitlines()]
    (told,) = [each for each in lines if each["level"] == "warning"]
    assert "--access-token" in told["event"]
    assert "hush" not in err
    assert code == 0


def test_doctor_reports_secrets_that_others_can_see(run):
    out, _, _ = run("doctor", "--port", "0", "--json", "--access-token", "hush-" * 9)
    results = [json.loads(line) for line in out.splitlines()]
    assert [each["level"] for each in results if each.get("check") == "secrets"] == ["warning"]
    assert "hush" not in out


@pytest.mark.parametrize("command", [("sessions", "list"), ("sessions", "close", "--all")])
def test_access_token_in_the_command_line_is_warned_about(run, node, command):
    out, err, _ = run(*command, "--node", node, "--access-token", "hush", "--json")
    assert err.startswith("Warning: all users of this machine can see --access-token")
    assert err.count("\n") == 1
    assert "hush" not in out + err
    _, err, _ = run(*command, "--node", node, PROXIM_ACCESS_TOKEN="hush")
    assert err == ""


def test_password_of_redis_in_the_command_line_is_warned_about(run):
    _, err, code = run("cluster", "status", "--cluster", "redis://:hush@127.0.0.1:1")
    assert code == 3
    assert "PROXIM_CLUSTER" in err
    assert "hush" not in err


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
def test_identity_that_others_can_use_is_warned_about_or_refused(start, run, node, identity):
    assert run("sessions", "list", "--node", node)[2] == 0
    identity.chmod(0o644)
    _, err, code = start("sessions", "list", "--node", node).finish()
    assert (err.count("can read"), code) == (1, 0)
    identity.chmod(0o666)
    _, err, code = start("sessions", "list", "--node", node).finish()
    assert code == 2
    assert "can write" in " ".join(err.split())


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
def test_key_that_others_can_use_is_warned_about_or_refused(start, tmp_path):
    secret = tmp_path / "turn"
    secret.write_text("hush")
    secret.chmod(0o644)
    serve = ("serve", "--port", "0", "--turn", "turn:127.0.0.1", "--turn-secret-file", str(secret))
    node = start(*serve)
    node.url()
    node.process.terminate()
    assert node.finish()[1].count("can read") == 1
    secret.chmod(0o666)
    _, err, code = start(*serve).finish()
    assert code == 2
    assert "can write" in " ".join(err.split())


def test_host_without_the_access_token_learns_how_to_give_it(start, serve):
    node = serve("--access-token", "hush-" * 9)
    host = start("host", "--node", node, terminal=True)
    assert host.exit() == 1
    host.see(r"Give the node's access token in PROXIM_ACCESS_TOKEN, or with --access-token\.")
