"""Two sides of which one has no WebRTC: chat goes through the node, and files do not go."""

import pytest


@pytest.fixture(params=["host", "guest"])
def sides(request, start, node, without_aiortc):
    """A side without WebRTC, and one with it."""
    here, there = {}, without_aiortc
    if request.param == "host":
        here, there = there, here
    host = start("host", "--yes", "--json", "--node", node, **here)
    guest = start("join", host.event("session")["link"], "--json", **there)
    return (host, guest) if request.param == "host" else (guest, host)


def test_chat_goes_through_the_node(sides):
    for side in sides:
        channel = side.event("channel")
        assert not channel["open"]
    for one, other in (sides, sides[::-1]):
        one.type("hello\n")
        assert other.event("chat") == {"event": "chat", "text": "hello", "by": "signal"}
    sides[0].type("/close\n")
    assert sides[1].event("ended")["end"] == "left"
    assert [side.exit() for side in sides] == [0, 0]


def test_file_says_why_it_does_not_cross(sides, tmp_path):
    (tmp_path / "a.txt").touch()
    without, other = sides
    for side, code in ((without, "not_supported"), (other, "unreachable")):
        side.event("channel")
        side.type(f"/send {tmp_path / 'a.txt'}\n")
        line = side.line()
        assert f'"code": "{code}"' in line
        assert "a.txt was not sent" not in line  # That is for a person.


def test_side_without_webrtc_says_so_in_words(start, node, without_aiortc):
    host = start("host", "--yes", "--node", node, terminal=True, **without_aiortc)
    link = host.see(r"""join ['"](http\S+)['"]""")[1]
    guest = start("join", link, terminal=True)
    host.see(r"This computer cannot connect directly: .*extra rtc")
    guest.see(r"cannot connect directly: the other side has no WebRTC")
    for side in (host, guest):
        side.see(r"Chat goes through the server, which cannot read it\. Files cannot cross\.")
    guest.type("hello\n")
    host.see("< hello")
    for side in (host, guest):
        assert "sdp" not in side.text
        assert '"rtc"' not in side.text


@pytest.mark.parametrize("command", ["send", "receive"])
def test_files_alone_need_the_library(start, node, without_aiortc, tmp_path, command):
    (tmp_path / "a.txt").touch()
    files = [str(tmp_path / "a.txt")] if command == "send" else []
    out, _, code = start(command, *files, "--node", node, **without_aiortc).finish()
    assert code == 1
    assert "pip install" in out
    assert "Traceback" not in out
