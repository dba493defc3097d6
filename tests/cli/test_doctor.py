import json

from tests.ports import reserved_port


def test_exits_0_without_errors(start):
    with reserved_port() as port:
        out, err, code = start("doctor", "--port", str(port)).finish()
    assert (err, code) == ("", 0)
    assert f"✓ port: can listen on 127.0.0.1:{port}" in out


def test_error_has_a_remedy_and_exits_1(run):
    out, err, code = run("doctor", "--host", "192.0.2.1", "--json")
    assert (err, code) == ("", 1)
    events = [json.loads(line) for line in out.splitlines()]
    (port,) = [each for each in events if each.get("check") == "port"]
    assert (port["level"], bool(port["remedy"])) == ("error", True)
    assert events[-1]["event"] == "done"
    assert events[-1]["errors"] == 1


def test_invalid_settings_are_reported(run, tmp_path):
    config = tmp_path / "proxim.toml"
    config.write_text("lan = true\nport = 70000\n")
    out, _, code = run("doctor", "--config", str(config))
    assert code == 1
    assert f"{config}:2: port must be a whole number" in out
    assert out.endswith("\n1 error, 0 warnings.\n")
