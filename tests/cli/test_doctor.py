import json

from tests.ports import reserved_port


def test_a_sound_node_exits_0(start):
    with reserved_port() as port:
        out, err, code = start("doctor", "--port", str(port)).finish()
    assert (err, code) == ("", 0)
    assert f"✓ port: 127.0.0.1:{port} can be listened on" in out


def test_what_is_wrong_is_told_with_what_to_do_and_exits_1(run):
    out, err, code = run("doctor", "--host", "192.0.2.1", "--json")
    assert (err, code) == ("", 1)
    events = [json.loads(line) for line in out.splitlines()]
    (port,) = [each for each in events if each.get("check") == "port"]
    assert (port["level"], bool(port["remedy"])) == ("error", True)
    assert events[-1]["event"] == "done"
    assert events[-1]["errors"] == 1


def test_settings_that_cannot_be_used_are_a_finding(run, tmp_path):
    config = tmp_path / "proxim.toml"
    config.write_text("lan = true\nport = 70000\n")
    out, _, code = run("doctor", "--config", str(config))
    assert code == 1
    assert f"{config}:2: port must be a whole number" in out
    assert out.endswith("\n1 wrong, 0 to look at.\n")
