"""Hosts and guests in scripts: JSON events, exit codes, the identity, sessions and qr."""

import json
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from proxim.cli.identity import Register, load_identity
from tests.cli.helpers import PATIENCE, scan

LINK = "https://node.example/join#" + "s" * 22 + "." + "t" * 43


def flat(text):
    return " ".join(text.split())


def _events(out):
    return [json.loads(line) for line in out.splitlines()]


def _close(run, node):
    """Close all sessions from another program."""
    out, err, code = run("sessions", "close", "--all", "--json", "--node", node)
    assert (err, code) == ("", 0)
    return _events(out)


@pytest.mark.parametrize("anew", [True], ids=["anew"])
def test_approved_session_exits_0(start, host):
    session = host.event("session")
    assert session["session_type"] == "one_time"
    assert 290 < session["pair_within"] <= 300
    guest = start("join", session["link"], "--json", "--name", "Lap", "--device-id", "lap-1")
    assert guest.event("pending")["session_id"] == session["session_id"]
    prompt = host.event("prompt")
    assert prompt["device_info"]["name"] == "Lap"
    assert prompt["device_info"]["id"] != "lap-1"
    assert 35 < prompt["expires_in"] <= 40
    assert host.event("result")["status"] == guest.event("result")["status"] == "approved"
    guest.type("one\ntwo\n")
    assert [host.event("chat")["text"] for _ in "12"] == ["one", "two"]
    host.type("three\n/close\n")
    assert guest.event("chat")["text"] == "three"
    ended = {"event": "ended", "status": "expired", "reason": "closed"}
    assert host.event("ended") == ended
    assert guest.event("ended") == {**ended, "end": "left"}
    for side in (host, guest):
        assert side.finish() == ("", "", 0)


def test_piped_input_is_sent_after_approval(start, host):
    guest = start("join", host.event("session")["link"], "--json")
    guest.type("one\ntwo\n/close\n")
    assert [host.event("chat")["text"] for _ in "12"] == ["one", "two"]
    assert (host.exit(), guest.exit()) == (0, 0)


def test_end_of_a_pipe_does_not_close_the_session(start, host):
    guest = start("join", host.event("session")["link"], "--json")
    guest.type("last line, with no end")
    guest.end_input()
    assert host.event("chat")["text"] == "last line, with no end"
    host.type("answer\n")
    assert guest.event("chat")["text"] == "answer"


def test_declined_exits_1(start, node):
    host = start("host", "--json", "--node", node)
    guest = start("join", host.event("session")["link"], "--json")
    host.event("prompt")
    host.type("no\n")
    for side in (host, guest):
        assert side.event("ended")["reason"] == "rejected"
        assert side.exit() == 1


def test_code_that_the_guest_reports_approves_it(start, node):
    host = start("host", "--json", "--node", node)
    guest = start("join", host.event("session")["link"], "--json")
    pending = guest.event("pending")
    code = pending["code"]
    assert (pending["sealed"], len(code)) == (True, 3)
    assert host.event("prompt")["confirm"] == "code"
    host.type(f"y\n{code}\n")
    host.event("code_required")
    assert host.event("result")["status"] == guest.event("result")["status"] == "approved"


def test_wrong_number_of_a_script_opens_another_session(start, node):
    host = start("host", "--json", "--node", node)
    first = host.event("session")
    guest = start("join", first["link"], "--json")
    code = guest.event("pending")["code"]
    host.event("prompt")
    host.type("\n123\n" if code != "123" else "\n124\n")
    host.event("code_required")
    assert host.event("result")["status"] == "rejected"
    assert guest.event("ended")["reason"] == "rejected"
    second = host.event("session")
    assert second["session_id"] != first["session_id"]
    guest = start("join", second["link"], "--json")
    host.event("prompt")
    host.type(f"{guest.event('pending')['code']}\n")
    assert host.event("result")["status"] == guest.event("result")["status"] == "approved"


def test_session_is_sealed_and_both_sides_say_so(start, node):
    host = start("host", "--yes", "--json", "--node", node)
    session = host.event("session")
    assert session["sealed"] is True
    assert session["link"].count(".") == node.count(".") + 2
    guest = start("join", session["link"], "--json")
    # Whether it has a code by then depends on who is faster, since the host asks for none.
    assert guest.event("pending")["sealed"] is True
    assert host.event("prompt")["confirm"] == "none"
    assert host.event("result")["sealed"] is guest.event("result")["sealed"] is True


def test_plain_session_is_not_sealed(start, node):
    host = start("host", "--yes", "--plain", "--json", "--node", node)
    session = host.event("session")
    assert session["sealed"] is False
    guest = start("join", session["link"], "--json", "--name", "Lap", "--device-id", "lap-1")
    pending = guest.event("pending")
    assert (pending["sealed"], pending["code"]) == (False, None)
    prompt = host.event("prompt")
    assert prompt["device_info"] == {"name": "Lap", "id": "lap-1"}
    assert prompt["confirm"] == "none"
    assert host.event("result")["sealed"] is guest.event("result")["sealed"] is False


def test_unanswered_exits_1(start, serve):
    host = start("host", "--json", "--node", serve("--approval-timeout", "0.5"))
    guest = start("join", host.event("session")["link"], "--json")
    for side in (host, guest):
        assert side.event("ended")["reason"] == "approval_timeout"
        assert side.exit() == 1


def test_expired_link_exits_1(start, run, serve):
    host = start("host", "--json", "--node", serve("--qr-ttl", "0.5"))
    session = host.event("session")
    host.event("lapsed")
    out, _, code = run("join", session["link"], "--json")
    assert [event["code"] for event in _events(out)] == ["link_lapsed"]
    assert code == 1
    host.end_input()
    assert host.event("ended")["reason"] == "lapsed"
    assert host.exit() == 1


@pytest.mark.parametrize("command", [["host", "--node"], ["join"], ["sessions", "list", "--node"]])
def test_unreachable_node_exits_3(run, command):
    link = "http://127.0.0.1:1/join#" + "s" * 22 + "." + "t" * 43
    out, _, code = run(*command, link if command == ["join"] else "http://127.0.0.1:1")
    assert code == 3
    assert "http://127.0.0.1:1 cannot be reached: Connection refused\n" in out
    assert "Start a node with `proxim serve`, or give the URL of another one." in out


def test_unreachable_node_elsewhere_is_not_to_be_started_here(run):
    out, _, code = run("join", LINK.replace("node.example", "node.invalid"))
    assert code == 3
    assert "Check that the node runs there, and that this computer is in its network." in out


@pytest.mark.parametrize("url", ["nonsense", "127.0.0.1:8765", "ftp://x", "http://", "http://x:0"])
@pytest.mark.parametrize("command", [["host"], ["receive"], ["sessions", "list"]])
def test_malformed_address_of_a_node_is_wrong_usage(run, command, url):
    _, err, code = run(*command, "--node", url)
    assert code == 2
    assert f"'{url}' is not the URL of a node, such as http://127.0.0.1:8765" in flat(err)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["serv"], "There is no command 'serv'; did you mean `serve`?"),
        (["recieve"], "There is no command 'recieve'; did you mean `receive`?"),
        (["config", "shwo"], "There is no command 'shwo'; did you mean `show`?"),
        (["xyzzy"], "There is no command 'xyzzy'; there are serve, host, join,"),
    ],
)
def test_unknown_command_names_the_nearest(run, command, told):
    _, err, code = run(*command)
    assert code == 2
    assert told in flat(err)


def test_wrong_token_exits_1(run, host):
    link, _, key = host.event("session")["link"].rsplit(".", 2)
    out, _, code = run("join", f"{link}.{'A' * 43}.{key}", "--json")
    assert [event["code"] for event in _events(out)] == ["unknown_session"]
    assert code == 1


def test_host_opens_a_persistent_session(start, node):
    host = start("host", "--json", "--node", node, "--type", "persistent")
    assert host.event("session")["session_type"] == "persistent"


def test_temporary_session_ends_after_its_ttl_in_host(start, node):
    host = start("host", "--json", "--node", node, "--type", "temporary", "--ttl", "0.5")
    assert host.event("session")["session_type"] == "temporary"
    assert host.event("ended")["reason"] == "expired"
    assert host.exit() == 1


@pytest.mark.not_on("win32", reason="files have no POSIX modes")
def test_identity_file_is_private(run, node, identity):
    assert run("sessions", "list", "--node", node)[2] == 0
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.parent.stat().st_mode) == 0o700


def test_identity_is_made_once(run, node, identity):
    assert run("sessions", "list", "--node", node)[2] == 0
    made = identity.read_bytes()
    assert run("sessions", "list", "--node", node)[2] == 0
    assert identity.read_bytes() == made
    assert [each.name for each in identity.parent.iterdir()] == [identity.name]


def test_identity_of_an_earlier_version_is_read(tmp_path):
    # Written by commit f682a040.
    earlier = Path(__file__).parent / "earlier" / "identity.json"
    shutil.copyfile(earlier, tmp_path / "identity.json")
    (tmp_path / "identity.json").chmod(0o600)
    identity = load_identity(tmp_path / "identity.json")
    assert identity.uuid == "4acc86da-c587-4968-8c82-c86e3b094fa6"
    assert identity.key == "Z4wMDshD1II_F8pf0-8loMQVJCuEX54BguoXiZXBhUE"


def test_each_node_is_told_a_key_of_its_own(tmp_path, monkeypatch):
    told = []

    def open_host(_, **more):
        told.append(more["key"])

    monkeypatch.setattr("proxim.cli.identity.open_host", open_host)

    def key(node):
        Register(node, tmp_path / "identity.json", None)()
        return told[-1]

    others = ["https://evil.example", "http://good.example", "https://good.example:8443"]
    keys = {key(node) for node in ("https://good.example", "https://good.example/b", *others)}
    assert len(keys) == 5
    assert load_identity(tmp_path / "identity.json").key not in keys
    assert key("https://GOOD.example:443/") == key("https://good.example")
    assert key("http://127.0.0.1:8765") == key("http://localhost:8765") == key("http://[::1]:8765")


@pytest.mark.parametrize("content", [b"\xff", b'{"uuid": "a b", "key": "short"}'])
def test_broken_identity_exits_2_and_is_kept(start, node, identity, content):
    identity.parent.mkdir()
    identity.write_bytes(content)
    _, err, code = start("host", "--node", node).finish()
    assert code == 2
    assert "does not contain an identity" in " ".join(err.split())
    assert "Traceback" not in err
    assert identity.read_bytes() == content


def test_concurrent_programs_share_one_identity(tmp_path):
    path = tmp_path / "deep" / "identity.json"
    together = threading.Barrier(8)

    def load():
        together.wait()
        return load_identity(path)

    with ThreadPoolExecutor(8) as programs:
        identities = {future.result() for future in [programs.submit(load) for _ in range(8)]}
    assert len(identities) == 1
    assert list(path.parent.iterdir()) == [path]


def test_list_leaves_the_seats_of_a_host(run, node, host):
    session_id = host.event("session")["session_id"]
    out, err, code = run("sessions", "list", "--json", "--node", node)
    [listed] = _events(out)
    assert (listed["session_id"], listed["status"]) == (session_id, "pending")
    assert listed["host_online"]
    assert (err, code) == ("", 0)
    for columns in ("60", "120"):
        table, _, code = run("sessions", "list", "--node", node, COLUMNS=columns)
        assert session_id in table
    assert "waiting" in table
    assert code == 0
    assert host.process.poll() is None
    [closed] = _close(run, node)
    assert closed["session_id"] == session_id


def test_sessions_are_closed_by_id(start, run, node):
    options = ["--json", "--node", node]
    hosts = [start("host", *options), start("host", *options)]
    first, second = (host.event("session")["session_id"] for host in hosts)
    assert run("sessions", "close", first, *options)[2] == 0
    # Only the host of that session is notified: no program takes another's seats.
    assert hosts[0].event("ended")["reason"] == "closed"
    assert hosts[1].process.poll() is None
    out, _, _ = run("sessions", "list", *options)
    assert {each["session_id"]: each.get("reason") for each in _events(out)}[first] == "closed"
    assert second in out
    out, _, code = run("sessions", "close", "no-such-session", *options)
    assert [each["code"] for each in _events(out)] == ["unknown_session"]
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["join", LINK, "--name", ""], "--name must be"),
        (["join", LINK, "--name", "\udcff"], "--name has half a surrogate pair"),
        (["join", LINK, "--device-id", "i" * 129], "--device-id must be"),
        (["join", LINK.replace("/join", "/a b/join")], "characters that are not allowed"),
    ],
)
def test_unprintable_device_name_is_wrong_usage(run, arguments, says):
    _, err, code = run(*arguments)
    assert code == 2
    assert says in " ".join(err.split())


@pytest.mark.needs("zbarimg")
def test_qr_writes_files(run, tmp_path):
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"
    out, err, code = run("qr", LINK, "--svg", str(svg), "--png", str(png))
    assert (out, err, code) == ("", "", 0)
    assert "<svg" in svg.read_text()
    with Image.open(png) as image:
        assert scan(image, tmp_path / "copy.png") == LINK
    _, err, code = run("qr", LINK, "--png", str(tmp_path / "nowhere" / "code.png"))
    assert code == 1
    assert "No such file" in err


@pytest.mark.parametrize("anew", [True], ids=["anew"])
def test_closed_output_is_not_a_crash(start, node):
    for command in (["qr", LINK], ["host", "--node", node]):
        program = start(*command)
        program.process.stdout.close()
        program.process.stdout = None
        assert b"Traceback" not in program.process.communicate(timeout=PATIENCE)[1]
